/*
 * preload_clock_ahead: preloaded into an engine, sets its wall clock ahead by CLOCK_AHEAD_S
 * seconds. The monotonic clock stays as it is. (libfaketime and jemalloc don't get along.)
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int clock_gettime(clockid_t clock, struct timespec *now)
{
	const char *ahead_s = getenv("CLOCK_AHEAD_S");
	const int rc = (int)syscall(SYS_clock_gettime, clock, now);

	if (rc == 0 && clock == CLOCK_REALTIME && ahead_s != NULL)
		now->tv_sec += strtol(ahead_s, NULL, 10);
	return rc;
}
