/*
 * guard_page: memory that ends at an unreadable page, so that a parser that reads one byte too far
 * crashes.
 */
#ifndef DB_TESTS_SUPPORT_GUARD_PAGE_H
#define DB_TESTS_SUPPORT_GUARD_PAGE_H

#include <stdint.h>

/* A copy of bytes that ends at an unreadable page; the next call overwrites it. bytes <= 64 KiB. */
uint8_t *guarded_copy(const void *data, uint32_t bytes);

#endif
