/*
 * wall_clock: what time it is for the lanes. Their time is the monotonic clock plus an offset. One
 * thread reads the wall clock now and then, to see whether the offset still holds. So a wrong wall
 * clock does not reach a lane until it has been wrong for long enough.
 *
 * Both clocks run at one speed (the kernel slews them together): their offset changes only where
 * somebody sets the wall clock, in a leap second, and while a machine is suspended.
 *   - A change up to WALL_STEP_MIN_NS is followed at once.
 *   - A greater one is a step. It is followed when the offset has stayed at its new value, within
 *     WALL_STEP_MIN_NS, for `lasts_ns`; until then the lanes keep their time. If the offset comes
 *     back, the step is gone. If it changes again, the waiting time begins again.
 *
 * Pure: it reads no clock. One thread calls wall_clock_look; any thread reads what is published.
 */
#ifndef DB_ENGINE_BASE_WALL_CLOCK_H
#define DB_ENGINE_BASE_WALL_CLOCK_H

#include <stdatomic.h>
#include <stdint.h>

/*
 * 10 ms: a wrong change that is followed at once lets an offer open or close so much too early or
 * too late. It is far below where ntpd (128 ms) and timesyncd (400 ms) step rather than slew, and
 * far above the error of a reading.
 */
#define WALL_STEP_MIN_NS INT64_C(10000000)

/* A reading whose two sides are further apart is too inexact: its thread was interrupted. */
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
	WALL_STEP_FOLLOWED, /* it lasted: the lanes follow it from now on */
};

struct wall_clock {
	int64_t offset_ns; /* wall - monotonic, as the lanes use it */
	int64_t step_ns; /* how far the wall clock is from the lanes' time; 0: no step is pending */
	int64_t told_step_ns;    /* step_ns of the step that the last event is about */
	int64_t stepped_ns;      /* the offset after the step */
	uint64_t began_ns;       /* monotonic: since when a step is pending */
	uint64_t stays_since_ns; /* monotonic: since when it is at stepped_ns */
	uint64_t lasts_ns;
};

/* For all threads; written by the one that looks. */
struct wall_now {
	_Atomic int64_t offset_ns;
	_Atomic int64_t step_ns; /* 0: none is pending */
};

/* The first reading is taken as it is. */
void wall_clock_begin(struct wall_clock *clock, const struct wall_reading *reading,
		      uint64_t lasts_ns);

/* A further reading, not older than the last. One that is too wide is ignored. */
enum wall_event wall_clock_look(struct wall_clock *clock, const struct wall_reading *reading);

void wall_clock_publish(const struct wall_clock *clock, struct wall_now *now);

/* The lanes' time at an instant of the monotonic clock, ns since the epoch. Any thread. */
static inline uint64_t wall_now_ns(const struct wall_now *now, uint64_t monotonic_ns)
{
	return monotonic_ns + (uint64_t)atomic_load_explicit(&now->offset_ns, memory_order_relaxed);
}

#endif
