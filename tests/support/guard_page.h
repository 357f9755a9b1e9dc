/*
 * guard_page: memory whose end is the end of the readable world, so that a parser that reads one
 * byte too far dies.
 */
#ifndef DB_TESTS_SUPPORT_GUARD_PAGE_H
#define DB_TESTS_SUPPORT_GUARD_PAGE_H

#include <stdint.h>

/* A copy of bytes that ends at an unreadable page; the next call overwrites it. bytes <= 64 KiB. */
uint8_t *guarded_copy(const void *data, uint32_t bytes);

#endif
