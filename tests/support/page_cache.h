/*
 * page_cache: which part of a file is in the kernel's page cache. Shows a test that something was
 * synced: its pages are clean.
 */
#ifndef DB_TESTS_SUPPORT_PAGE_CACHE_H
#define DB_TESTS_SUPPORT_PAGE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

/* Pages there, and those of them that are not on the disk. False where the kernel can't say
 * (before Linux 6.5). */
bool page_cache_look(int fd, uint64_t *cached, uint64_t *unwritten);

#endif
