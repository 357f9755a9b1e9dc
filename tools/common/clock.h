/* clock: the monotonic clock, in ns, for tools that wait. */
#ifndef DB_TOOLS_COMMON_CLOCK_H
#define DB_TOOLS_COMMON_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

#endif
