/*
 * wall_clock: what time it is for the lanes. They live by the monotonic clock plus an offset: the
 * wall clock is read by one thread, now and then, to see whether the offset still holds. So a wrong
 * reading of the wall clock, or an hour of them, is nothing to a lane until it has lasted.
 *
 * Both clocks run at one speed (the kernel slews them together): their offset changes only where
 * somebody sets the wall clock, in a leap second, and while a machine is suspended.
 *   - A change up to WALL_STEP_MIN_NS is followed at once.
 *   - A greater one is a step. It is followed when the offset has stayed where it went to, within
 *     WALL_STEP_MIN_NS, for `lasts_ns`; until then the lanes keep their time. Where the offset
 *     comes back, the step is gone. Where it goes on to another, its time begins again.
 *
 * Pure: no clock of its own. One thread looks; any thread reads what is published.
 */
#ifndef DB_ENGINE_BASE_WALL_CLOCK_H
#define DB_ENGINE_BASE_WALL_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * 10 ms: as late as a hold may end (promise 8), far below what ntpd (128 ms) and timesyncd (400 ms)
 * step rather than slew, and far above the error of a reading.
 */
#define WALL_STEP_MIN_NS INT64_C(10000000)

/* A reading whose two sides are further apart says too little: its thread was not running. */
#define WALL_READING_WIDTH_MAX_NS UINT64_C(5000000)

/* The wall clock, read between two readings of the monotonic one. */
struct wall_reading {
	uint64_t before_ns; /* monotonic */
	uint64_t wall_ns;   /* since the epoch */
	uint64_t after_ns;  /* monotonic */
};

enum wall_event {
	WALL_STEADY, /* nothing new; a step may be pending */
	WALL_STEP_BEGAN,
	WALL_STEP_GONE,     /* the wall clock is back where it was */
	WALL_STEP_FOLLOWED, /* it lasted: the lanes go by it from now on */
};

struct wall_clock {
	int64_t offset_ns;       /* wall - monotonic that the lanes go by */
	int64_t step_ns;         /* how far the wall clock is from that; 0: no step is pending */
	int64_t told_step_ns;    /* the same of the step that the last event tells of */
	int64_t stepped_ns;      /* the offset that the step went to */
	uint64_t began_ns;       /* monotonic: since when a step is pending */
	uint64_t stays_since_ns; /* monotonic: since when it is at stepped_ns */
	uint64_t lasts_ns;
};

/* For all threads; written by the one that looks. */
struct wall_now {
	_Atomic int64_t offset_ns;
	_Atomic int64_t step_ns; /* 0: none is pending */
};

/* The first reading: taken as it is. */
void wall_clock_begin(struct wall_clock *clock, const struct wall_reading *reading,
		      uint64_t lasts_ns);

/* A further one, not older than the last. A reading that is too wide is passed over. */
enum wall_event wall_clock_look(struct wall_clock *clock, const struct wall_reading *reading);

void wall_clock_publish(const struct wall_clock *clock, struct wall_now *now);

/* The lanes' time at an instant of the monotonic clock, ns since the epoch. Any thread. */
static inline uint64_t wall_now_ns(const struct wall_now *now, uint64_t monotonic_ns)
{
	return monotonic_ns + (uint64_t)atomic_load_explicit(&now->offset_ns, memory_order_relaxed);
}

#endif
