/*
 * timer_wheel: timers by ticks, in the buckets of a wheel. Starting, stopping and firing a timer
 * take the same few steps however many there are. The caller's objects are in an array and contain
 * their timer; the wheel knows them by index.
 *
 * Guarantees: a timer fires once, at the first timer_wheel_next whose tick is not before its own.
 * Timers of an earlier tick fire before those of a later one; only after a pause longer than a
 * round the order of overdue timers is not kept. Never: allocates.
 *
 * The caller bounds the work: one timer_wheel_next returns one timer, and the rest stay for the
 * next call. A call also passes over the buckets between the last tick and this one, at most one
 * round. A timer that is more than a round away is touched once a round: so give a wheel as many
 * buckets as the longest usual wait has ticks.
 *
 * One thread.
 */
#ifndef DB_ENGINE_BASE_TIMER_WHEEL_H
#define DB_ENGINE_BASE_TIMER_WHEEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/check.h"

enum {
	TIMER_NONE = -1,        /* no timer: the end of a list */
	TIMER_IDLE = INT32_MIN, /* prev of a timer that does not run */
	TIMER_BUCKETS_MAX = 1 << 24,
};

/* A part of the caller's object. */
struct timer {
	int32_t next; /* of its bucket; the caller may use it while the timer does not run */
	int32_t prev; /* timer_head of the bucket for its first timer */
	uint64_t due_tick;
};

struct timer_wheel {
	uint64_t tick;   /* the first tick that is not finished */
	bool opened;     /* the bucket of this tick is being looked through */
	int32_t *heads;  /* [bucket_cnt + 1]: the last is the list that is being looked through */
	uint8_t *timers; /* the timer of object 0 */
	size_t stride_bytes; /* from one object to the next */
	uint32_t bucket_cnt;
};

static inline struct timer *timer_wheel_timer(const struct timer_wheel *wheel, int32_t idx)
{
	return (struct timer *)(void *)(wheel->timers + (size_t)idx * wheel->stride_bytes);
}

/* How the first timer of a bucket names its head: a number below every index and TIMER_NONE. */
static inline int32_t timer_head(uint32_t bucket)
{
	return -2 - (int32_t)bucket;
}

/* Whether a timer runs. */
static inline bool timer_runs(const struct timer *timer)
{
	return timer->prev != TIMER_IDLE;
}

/* Makes a timer that does not run. Needed for every object before its first start. */
static inline void timer_init(struct timer *timer)
{
	*timer = (struct timer){.next = TIMER_NONE, .prev = TIMER_IDLE};
}

/*
 * heads: room for bucket_cnt + 1. The caller owns it, and the objects. first: the timer of object
 * 0; stride_bytes: the size of an object. tick: the first tick.
 */
static inline void timer_wheel_init(struct timer_wheel *wheel, int32_t *heads, uint32_t bucket_cnt,
				    struct timer *first, size_t stride_bytes, uint64_t tick)
{
	CHECK(bucket_cnt > 0 && bucket_cnt <= TIMER_BUCKETS_MAX);
	*wheel = (struct timer_wheel){
		.tick = tick,
		.heads = heads,
		.timers = (uint8_t *)first,
		.stride_bytes = stride_bytes,
		.bucket_cnt = bucket_cnt,
	};
	for (uint32_t i = 0; i <= bucket_cnt; i++)
		heads[i] = TIMER_NONE;
}

static inline void timer_wheel_link(struct timer_wheel *wheel, int32_t idx, uint32_t bucket)
{
	struct timer *timer = timer_wheel_timer(wheel, idx);

	timer->prev = timer_head(bucket);
	timer->next = wheel->heads[bucket];
	if (timer->next != TIMER_NONE)
		timer_wheel_timer(wheel, timer->next)->prev = idx;
	wheel->heads[bucket] = idx;
}

/* Starts a timer that does not run. If due_tick is before the wheel's tick, it is due at that tick.
 */
static inline void timer_wheel_start(struct timer_wheel *wheel, int32_t idx, uint64_t due_tick)
{
	struct timer *timer = timer_wheel_timer(wheel, idx);

	DCHECK(!timer_runs(timer));
	timer->due_tick = due_tick > wheel->tick ? due_tick : wheel->tick;
	/* A timer that is due at once must not wait a whole round. */
	if (wheel->opened && timer->due_tick == wheel->tick)
		timer_wheel_link(wheel, idx, wheel->bucket_cnt);
	else
		timer_wheel_link(wheel, idx, (uint32_t)(timer->due_tick % wheel->bucket_cnt));
}

/* Stops a timer that runs; it may be started again. */
static inline void timer_wheel_stop(struct timer_wheel *wheel, int32_t idx)
{
	struct timer *timer = timer_wheel_timer(wheel, idx);

	DCHECK(timer_runs(timer));
	if (timer->prev < TIMER_NONE)
		wheel->heads[-2 - timer->prev] = timer->next;
	else
		timer_wheel_timer(wheel, timer->prev)->next = timer->next;
	if (timer->next != TIMER_NONE)
		timer_wheel_timer(wheel, timer->next)->prev = timer->prev;
	timer->prev = TIMER_IDLE;
}

/* Begins to look through the bucket of the wheel's tick: its list moves to the last head. */
static inline void timer_wheel_open(struct timer_wheel *wheel)
{
	const uint32_t bucket = (uint32_t)(wheel->tick % wheel->bucket_cnt);
	const int32_t first = wheel->heads[bucket];

	DCHECK(wheel->heads[wheel->bucket_cnt] == TIMER_NONE);
	wheel->heads[wheel->bucket_cnt] = first;
	wheel->heads[bucket] = TIMER_NONE;
	if (first != TIMER_NONE)
		timer_wheel_timer(wheel, first)->prev = timer_head(wheel->bucket_cnt);
	wheel->opened = true;
}

/*
 * The next timer that is due at now_tick or before; it no longer runs. TIMER_NONE: none is due, and
 * the wheel's tick is now the one after now_tick.
 */
static inline int32_t timer_wheel_next(struct timer_wheel *wheel, uint64_t now_tick)
{
	while (wheel->tick <= now_tick) {
		int32_t idx;

		/* After a long pause one round is enough to see every timer. */
		if (!wheel->opened && now_tick > wheel->tick + wheel->bucket_cnt)
			wheel->tick = now_tick - wheel->bucket_cnt;
		if (!wheel->opened)
			timer_wheel_open(wheel);
		while ((idx = wheel->heads[wheel->bucket_cnt]) != TIMER_NONE) {
			const uint64_t due_tick = timer_wheel_timer(wheel, idx)->due_tick;

			timer_wheel_stop(wheel, idx);
			if (due_tick <= wheel->tick)
				return idx;
			/* It belongs to a later round. */
			timer_wheel_link(wheel, idx, (uint32_t)(due_tick % wheel->bucket_cnt));
		}
		wheel->opened = false;
		wheel->tick++;
	}
	return TIMER_NONE;
}

#endif
