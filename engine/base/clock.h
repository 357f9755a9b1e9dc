/*
 * clock: the machine's clocks, in ns. Lanes go by wall_clock.h: what is read here may be wrong, or
 * set back. Any thread; a call is some 20 ns, no system call on machines whose clock the C library
 * can read.
 */
#ifndef DB_ENGINE_BASE_CLOCK_H
#define DB_ENGINE_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Monotonic: to wait and to measure by. */
static inline uint64_t clock_now_ns(void)
{
	return clock_read_ns(CLOCK_MONOTONIC);
}

/* Since the epoch; may be set back. */
static inline uint64_t clock_wall_ns(void)
{
	return clock_read_ns(CLOCK_REALTIME);
}

#endif
