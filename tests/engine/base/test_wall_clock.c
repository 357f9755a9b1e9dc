#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/wall_clock.h"

static const uint64_t MS = 1000000;
static const uint64_t S = 1000000000;
static const int64_t DAY = INT64_C(86400) * 1000000000;
static const uint64_t EPOCH_NS = UINT64_C(1800000000000000000);
static const uint64_t LASTS_NS = UINT64_C(60) * 1000000000;

static struct wall_clock wall;
static struct wall_now now;
static uint64_t mono_ns;

/* A reading of `wide` ns of a wall clock that is wrong by so much. */
static enum wall_event read_wide(int64_t wrong_ns, uint64_t wide_ns)
{
	const struct wall_reading reading = {
		.before_ns = mono_ns,
		.wall_ns = EPOCH_NS + mono_ns + wide_ns / 2 + (uint64_t)wrong_ns,
		.after_ns = mono_ns + wide_ns,
	};

	return wall_clock_look(&wall, &reading);
}

static enum wall_event look(int64_t wrong_ns)
{
	const enum wall_event event = read_wide(wrong_ns, 100);

	wall_clock_publish(&wall, &now);
	return event;
}

/* How far the lanes' time is from a clock that nobody ever set. */
static int64_t wrong_by(void)
{
	return (int64_t)(wall_now_ns(&now, mono_ns) - mono_ns - EPOCH_NS);
}

static void begin(void)
{
	struct wall_reading reading;

	mono_ns = 5 * S;
	reading = (struct wall_reading){mono_ns - 50, EPOCH_NS + mono_ns, mono_ns + 50};
	wall_clock_begin(&wall, &reading, LASTS_NS);
	wall_clock_publish(&wall, &now);
}

TestSuite(wall_clock, .init = begin);

Test(wall_clock, goes_on_with_the_monotonic_clock)
{
	mono_ns += 3600 * S;
	cr_assert(eq(i64, wrong_by(), 0));
	cr_assert(eq(int, look(0), WALL_STEADY));
	cr_assert(eq(i64, wrong_by(), 0));
}

Test(wall_clock, follows_what_is_no_step_at_once)
{
	cr_assert(eq(int, look(WALL_STEP_MIN_NS), WALL_STEADY));
	cr_assert(eq(i64, wrong_by(), WALL_STEP_MIN_NS));
	cr_assert(eq(int, look(0), WALL_STEADY));
	cr_assert(eq(i64, wrong_by(), 0));
}

Test(wall_clock, does_not_follow_its_own_error)
{
	cr_assert(eq(int, read_wide(90000, 200000), WALL_STEADY));
	cr_assert(eq(i64, wall.offset_ns, (int64_t)EPOCH_NS));
	cr_assert(eq(int, read_wide(110000, 200000), WALL_STEADY));
	cr_assert(eq(i64, wall.offset_ns, (int64_t)EPOCH_NS + 110000));
}

Test(wall_clock, passes_over_a_reading_that_is_too_wide)
{
	cr_assert(eq(int, read_wide(DAY, WALL_READING_WIDTH_MAX_NS + 1), WALL_STEADY));
	cr_assert(eq(i64, wall.step_ns, 0));
	cr_assert(eq(int, read_wide(DAY, WALL_READING_WIDTH_MAX_NS), WALL_STEP_BEGAN));
}

/* One reading, a day ahead or behind, or just a step. */
Test(wall_clock, one_wrong_reading_is_nothing)
{
	const int64_t wrong[] = {DAY, -DAY, WALL_STEP_MIN_NS + 1, -WALL_STEP_MIN_NS - 1};

	for (unsigned i = 0; i < 4; i++) {
		cr_assert(eq(int, look(wrong[i]), WALL_STEP_BEGAN));
		cr_assert(eq(i64, wrong_by(), 0));
		cr_assert(eq(i64, atomic_load(&now.step_ns), wrong[i]));
		mono_ns += 20 * MS;
		cr_assert(eq(int, look(0), WALL_STEP_GONE));
		cr_assert(eq(i64, wall.told_step_ns, wrong[i]));
		cr_assert(eq(i64, wrong_by(), 0));
		cr_assert(eq(i64, atomic_load(&now.step_ns), 0));
		cr_assert(eq(int, look(0), WALL_STEADY));
	}
}

static void lasting(int64_t step_ns)
{
	uint64_t until_ns;

	cr_assert(eq(int, look(step_ns), WALL_STEP_BEGAN));
	until_ns = mono_ns + LASTS_NS;
	while ((mono_ns += 200 * MS) < until_ns) {
		cr_assert(eq(int, look(step_ns), WALL_STEADY));
		cr_assert(eq(i64, wrong_by(), 0));
	}
	cr_assert(eq(int, look(step_ns), WALL_STEP_FOLLOWED));
	cr_assert(eq(i64, wall.told_step_ns, step_ns));
	cr_assert(eq(i64, wrong_by(), step_ns));
	cr_assert(eq(i64, atomic_load(&now.step_ns), 0));
	cr_assert(eq(int, look(step_ns), WALL_STEADY));
}

Test(wall_clock, follows_a_step_ahead_that_lasts)
{
	lasting(3600 * (int64_t)S);
}

Test(wall_clock, follows_a_step_back_that_lasts)
{
	lasting(-3600 * (int64_t)S);
}

/* Small corrections after a step (NTP does that) don't begin its time again. */
Test(wall_clock, a_step_may_move_a_little_meanwhile)
{
	cr_assert(eq(int, look(DAY), WALL_STEP_BEGAN));
	mono_ns += LASTS_NS;
	cr_assert(eq(int, look(DAY + WALL_STEP_MIN_NS), WALL_STEP_FOLLOWED));
	cr_assert(eq(i64, wrong_by(), DAY + WALL_STEP_MIN_NS));
}

Test(wall_clock, a_step_that_goes_on_to_another_begins_again)
{
	cr_assert(eq(int, look(DAY), WALL_STEP_BEGAN));
	mono_ns += LASTS_NS - 1;
	cr_assert(eq(int, look(2 * DAY), WALL_STEADY));
	cr_assert(eq(i64, atomic_load(&now.step_ns), 2 * DAY));
	mono_ns += LASTS_NS - 1;
	cr_assert(eq(int, look(2 * DAY), WALL_STEADY));
	cr_assert(eq(i64, wrong_by(), 0));
	mono_ns += 1;
	cr_assert(eq(int, look(2 * DAY), WALL_STEP_FOLLOWED));
	cr_assert(eq(i64, wrong_by(), 2 * DAY));
}

Test(wall_clock, wrong_readings_again_and_again_are_none_that_lasts)
{
	for (unsigned i = 0; i < 1000; i++) {
		cr_assert(eq(int, look(DAY), WALL_STEP_BEGAN));
		mono_ns += 30 * S;
		cr_assert(eq(int, look(0), WALL_STEP_GONE));
		mono_ns += 30 * S;
		cr_assert(eq(i64, wrong_by(), 0));
	}
}
