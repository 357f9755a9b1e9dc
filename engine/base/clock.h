/*
 * clock: the machine's clocks, in ns. Lanes take their time from wall_clock.h, because what is read
 * here may be wrong, or set back. Any thread. A call takes some 20 ns, without a system call where
 * the C library can read the clock.
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

/* Monotonic: for waiting and measuring. */
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
