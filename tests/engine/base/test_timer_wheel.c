#include "engine/base/timer_wheel.h"

#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/mix64.h"

enum {
	BUCKETS = 16,
	OBJECTS = 64,
};

struct object {
	uint64_t mine;
	struct timer timer;
	uint64_t due_tick; /* as the model has it; 0: does not run */
};

struct wheel {
	struct timer_wheel wheel;
	int32_t heads[BUCKETS + 1];
	struct object objects[OBJECTS];
};

static struct wheel *new_wheel(uint64_t tick)
{
	struct wheel *wheel = calloc(1, sizeof(*wheel));

	for (unsigned i = 0; i < OBJECTS; i++)
		timer_init(&wheel->objects[i].timer);
	timer_wheel_init(&wheel->wheel, wheel->heads, BUCKETS, &wheel->objects[0].timer,
			 sizeof(wheel->objects[0]), tick);
	return wheel;
}

Test(timer_wheel, fires_at_its_tick_and_not_before)
{
	struct wheel *wheel = new_wheel(100);

	timer_wheel_start(&wheel->wheel, 3, 105);
	timer_wheel_start(&wheel->wheel, 4, 7); /* overdue: at once */
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 100), 4));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 104), TIMER_NONE));
	cr_assert(timer_runs(&wheel->objects[3].timer));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 105), 3));
	cr_assert(not(timer_runs(&wheel->objects[3].timer)));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 105), TIMER_NONE));
	free(wheel);
}

Test(timer_wheel, waits_for_later_rounds)
{
	struct wheel *wheel = new_wheel(0);

	timer_wheel_start(&wheel->wheel, 1, 5);
	timer_wheel_start(&wheel->wheel, 2, 5 + BUCKETS);
	timer_wheel_start(&wheel->wheel, 3, 5 + 10 * BUCKETS);
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 5), 1));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 4 + BUCKETS), TIMER_NONE));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 5 + BUCKETS), 2));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 4 + 10 * BUCKETS), TIMER_NONE));
	/* After a pause of many rounds. */
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 1000000), 3));
	free(wheel);
}

Test(timer_wheel, can_be_stopped_while_its_bucket_is_looked_through)
{
	struct wheel *wheel = new_wheel(0);
	int32_t first;

	for (int32_t i = 0; i < 4; i++)
		timer_wheel_start(&wheel->wheel, i, 2);
	first = timer_wheel_next(&wheel->wheel, 2);
	for (int32_t i = 0; i < 4; i++) {
		if (i != first)
			timer_wheel_stop(&wheel->wheel, i);
	}
	/* One that is due at the tick that is looked through fires in it, not a round later. */
	timer_wheel_start(&wheel->wheel, first, 0);
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 2), first));
	cr_assert(eq(i32, timer_wheel_next(&wheel->wheel, 2), TIMER_NONE));
	free(wheel);
}

/* What the model says: the earliest tick that is due. */
static uint64_t earliest(const struct wheel *wheel, uint64_t now_tick)
{
	uint64_t tick = 0;

	for (unsigned i = 0; i < OBJECTS; i++) {
		const uint64_t due_tick = wheel->objects[i].due_tick;

		if (due_tick != 0 && due_tick <= now_tick && (tick == 0 || due_tick < tick))
			tick = due_tick;
	}
	return tick;
}

static void fire_some(struct wheel *wheel, uint64_t now_tick, uint64_t cnt, bool in_order)
{
	while (cnt-- > 0) {
		const uint64_t due_tick = earliest(wheel, now_tick);
		const int32_t idx = timer_wheel_next(&wheel->wheel, now_tick);

		if (idx == TIMER_NONE) {
			cr_assert(eq(u64, due_tick, 0));
			return;
		}
		cr_assert(wheel->objects[idx].due_tick != 0, "it had not been started");
		cr_assert(in_order ? wheel->objects[idx].due_tick == due_tick
				   : wheel->objects[idx].due_tick <= now_tick);
		wheel->objects[idx].due_tick = 0;
	}
}

Test(timer_wheel, agrees_with_a_list)
{
	struct wheel *wheel = new_wheel(1);
	uint64_t now_tick = 1;

	for (uint64_t i = 0; i < 200000; i++) {
		const uint64_t random = mix64(i);
		const int32_t idx = (int32_t)(random % OBJECTS);
		struct object *object = &wheel->objects[idx];

		if (object->due_tick != 0 && random >> 32 & 1) {
			timer_wheel_stop(&wheel->wheel, idx);
			object->due_tick = 0;
		} else if (object->due_tick == 0) {
			const uint64_t due_tick = now_tick + (random >> 40) % (3 * BUCKETS);

			timer_wheel_start(&wheel->wheel, idx, due_tick);
			object->due_tick = object->timer.due_tick;
		}
		if (random >> 33 & 1) {
			now_tick += (random >> 20) % 4;
			fire_some(wheel, now_tick, (random >> 50) % 8,
				  now_tick <= wheel->wheel.tick + BUCKETS);
		}
		if (i % 1000 == 0) {
			now_tick += 5 * BUCKETS;
			fire_some(wheel, now_tick, OBJECTS + 1, false);
		}
	}
	free(wheel);
}

/* Each call does one timer's work, also where a million fire at once. */
Test(timer_wheel, fires_many_of_one_tick_one_by_one)
{
	enum {
		MANY = 1000000,
	};
	struct timer *timers = calloc(MANY, sizeof(*timers));
	int32_t *heads = calloc(BUCKETS + 1, sizeof(*heads));
	struct timer_wheel wheel;
	uint64_t fired = 0;

	timer_wheel_init(&wheel, heads, BUCKETS, timers, sizeof(*timers), 0);
	for (int32_t i = 0; i < MANY; i++) {
		timer_init(&timers[i]);
		timer_wheel_start(&wheel, i, 9);
	}
	cr_assert(eq(i32, timer_wheel_next(&wheel, 8), TIMER_NONE));
	while (timer_wheel_next(&wheel, 9) != TIMER_NONE)
		fired++;
	cr_assert(eq(u64, fired, MANY));
	free(heads);
	free(timers);
}

/* A pause that begins between two timers of a tick: walking all its ticks would take hours. */
Test(timer_wheel, passes_over_a_long_pause_in_one_round)
{
	const uint64_t later = UINT64_C(1) << 40;
	struct timer timers[3];
	int32_t heads[BUCKETS + 1];
	struct timer_wheel wheel;

	timer_wheel_init(&wheel, heads, BUCKETS, timers, sizeof(*timers), 0);
	for (int32_t i = 0; i < 3; i++) {
		timer_init(&timers[i]);
		timer_wheel_start(&wheel, i, i < 2 ? 5 : later / 2);
	}
	cr_assert(timer_wheel_next(&wheel, 5) != TIMER_NONE);
	cr_assert(timer_wheel_next(&wheel, later) != TIMER_NONE);
	cr_assert(eq(i32, timer_wheel_next(&wheel, later), 2));
	cr_assert(eq(i32, timer_wheel_next(&wheel, later), TIMER_NONE));
	cr_assert(eq(u64, wheel.tick, later + 1));
}
