/*
 * prefetch: asks for a cache line. Not by __builtin_prefetch: gcc thinks that a function that does
 * nothing else has no effect, and removes the calls to it.
 */
#ifndef DB_ENGINE_BASE_PREFETCH_H
#define DB_ENGINE_BASE_PREFETCH_H

static inline void prefetch(const void *line)
{
	__asm__ volatile("prefetcht0 %0" : : "m"(*(const volatile char *)line));
}

/* For a line that will be written: asks for it as its only owner. */
static inline void prefetch_to_write(const void *line)
{
	__asm__ volatile("prefetchw %0" : : "m"(*(const volatile char *)line));
}

#endif
