/*
 * smaps: what the kernel says of a mapping of this process.
 */
#ifndef DB_TESTS_SUPPORT_SMAPS_H
#define DB_TESTS_SUPPORT_SMAPS_H

#include <stdbool.h>
#include <stdint.h>

/* The kB of a field ("AnonHugePages") of the mapping that contains `memory`; 0 if there is none.
 * NULL: the sum over all mappings. */
uint64_t smaps_kib(const void *memory, const char *field);

/* Whether that mapping has a flag of two letters ("dd": in no core dump). */
bool smaps_flag(const void *memory, const char *flag);

#endif
