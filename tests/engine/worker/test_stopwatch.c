#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/worker/stopwatch.h"

/* A turn with some work in one stage. Whether it was timed and counts. */
static bool turn(struct stopwatch *watch, bool busy)
{
	static volatile unsigned spent;

	stopwatch_begin(watch);
	stopwatch_lap(watch, STAGE_RX);
	for (unsigned i = 0; i < 10000; i++)
		spent = spent + 1;
	stopwatch_lap(watch, STAGE_DECIDE);
	stopwatch_lap(watch, STAGE_HOUSE);
	return stopwatch_end(watch, busy);
}

Test(stopwatch, times_one_busy_turn_in_so_many)
{
	struct stopwatch watch = {0};
	unsigned timed = 0;

	for (unsigned i = 0; i < 10 * (STOPWATCH_STRIDE + 1); i++)
		timed += turn(&watch, true);
	cr_assert(eq(uint, timed, 10));
}

Test(stopwatch, idle_turns_are_none_of_them)
{
	struct stopwatch watch = {0};

	for (unsigned i = 0; i < 1000; i++)
		cr_assert(not(turn(&watch, false)));
	for (unsigned i = 0; i < STOPWATCH_STRIDE; i++)
		cr_assert(not(turn(&watch, true)));
	/* Due, but there is nothing to time. */
	for (unsigned i = 0; i < 1000; i++)
		cr_assert(not(turn(&watch, false)));
	cr_assert(turn(&watch, true));
	cr_assert(not(turn(&watch, true)));
}

Test(stopwatch, a_stage_is_what_was_done_since_the_last_lap)
{
	struct stopwatch watch = {.passed = STOPWATCH_STRIDE};

	cr_assert(turn(&watch, true));
	cr_assert(gt(u64, watch.cycles[STAGE_DECIDE], 5000));
	cr_assert(gt(u64, watch.cycles[STAGE_DECIDE], watch.cycles[STAGE_HOUSE]));
	cr_assert(eq(u64, watch.cycles[STAGE_TX], 0));
}
