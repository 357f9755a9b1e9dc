#include <errno.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/repair/plan_facts.h"

static struct damage good_up_to(uint64_t next_lsn)
{
	return (struct damage){.tail = {.next_lsn = next_lsn}};
}

Test(plan_facts, the_newest_good_checkpoint)
{
	const struct checkpoint_seen seen[] = {
		{.rc = -EBADMSG}, {.rc = 0, .has_header = true}, {.rc = 0, .has_header = true}};

	cr_assert(eq(i64, plan_newest_good(seen, 3), 1));
	cr_assert(eq(i64, plan_newest_good(seen, 1), 1));
	cr_assert(eq(i64, plan_newest_good(NULL, 0), 0));
	cr_assert(eq(int, plan_checkpoints_of(3, 1), CKPT_GOOD));
	cr_assert(eq(int, plan_checkpoints_of(1, 1), CKPT_BAD));
	cr_assert(eq(int, plan_checkpoints_of(0, 0), CKPT_NONE));
}

Test(plan_facts, whether_there_is_a_beginning)
{
	const struct lane_beginning whole = {.segment = 0};
	const struct lane_beginning pruned = {.segment = 3};
	const struct lane_beginning trimmed = {.segment = 0, .empty = true};

	cr_assert(plan_has_beginning(&whole, 2));
	cr_assert(not(plan_has_beginning(&pruned, 2)));
	cr_assert(not(plan_has_beginning(&trimmed, 2)));
	/* Segments that no checkpoint replaces are lost, not pruned. */
	cr_assert(plan_has_beginning(&pruned, 0));
	cr_assert(plan_has_beginning(&trimmed, 0));
}

Test(plan_facts, how_far_the_lane_reaches_by_itself)
{
	const struct damage nothing = good_up_to(1);
	const struct damage some = good_up_to(100);

	cr_assert(eq(int, plan_own_of(NULL, 0), OWN_GONE));
	cr_assert(eq(int, plan_own_of(NULL, 100), OWN_GONE));
	cr_assert(eq(int, plan_own_of(&nothing, 0), OWN_NOTHING));
	cr_assert(eq(int, plan_own_of(&nothing, 2), OWN_NOTHING));
	cr_assert(eq(int, plan_own_of(&some, 0), OWN_REACHES));
	cr_assert(eq(int, plan_own_of(&some, 99), OWN_REACHES));
	cr_assert(eq(int, plan_own_of(&some, 100), OWN_REACHES));
	cr_assert(eq(int, plan_own_of(&some, 101), OWN_SHORT));
	/* A lane without a record reaches a checkpoint without one. */
	cr_assert(eq(int, plan_own_of(&nothing, 1), OWN_REACHES));
}

Test(plan_facts, where_the_operator_wants_to_cut)
{
	cr_assert(eq(int, plan_cut_of(0, 0), CUT_AT_END));
	cr_assert(eq(int, plan_cut_of(0, 100), CUT_AT_END));
	cr_assert(eq(int, plan_cut_of(1, 0), CUT_AFTER));
	cr_assert(eq(int, plan_cut_of(99, 100), CUT_EARLY));
	/* The checkpoint has all records before LSN 100. */
	cr_assert(eq(int, plan_cut_of(100, 100), CUT_AFTER));
}

Test(plan_facts, the_block_of_the_checkpoint)
{
	struct damage damage = good_up_to(100);

	damage.base = DAMAGE_BASE_WHOLE;
	cr_assert(eq(int, plan_base_of(&damage), BASE_WHOLE));
	damage.base = DAMAGE_BASE_FOLLOWED;
	cr_assert(eq(int, plan_base_of(&damage), BASE_FOLLOWED));
	damage.base = DAMAGE_BASE_LOST;
	cr_assert(eq(int, plan_base_of(&damage), BASE_LOST));
}

Test(plan_facts, damage_before_the_beginning)
{
	const struct lane_fault fault = {.place.segment = 2, .place.offset = 4096};
	const struct lane_fault later = {.place.segment = 5};
	struct fault_list faults = {0};

	cr_assert(eq(int, plan_before_of(&faults, 3), BEFORE_OK));
	fault_list_add(&faults, &later);
	cr_assert(eq(int, plan_before_of(&faults, 3), BEFORE_OK));
	fault_list_add(&faults, &fault);
	cr_assert(eq(int, plan_before_of(&faults, 3), BEFORE_BAD));
	/* A fault in the beginning's own segment is not before it. */
	cr_assert(eq(int, plan_before_of(&faults, 2), BEFORE_OK));
	fault_list_free(&faults);
}

Test(plan_facts, the_facts_of_a_checkpoint)
{
	const struct lane_beginning beginning = {.segment = 3};
	struct checkpoint_seen seen = {.rc = 0, .has_header = true};

	cr_assert(eq(int, checkpoint_state_of(&seen), STATE_GOOD));
	seen.rc = -EBADMSG;
	cr_assert(eq(int, checkpoint_state_of(&seen), STATE_DAMAGED));
	seen.header.segment = 2;
	cr_assert(eq(int, checkpoint_segment_of(&seen, &beginning), SEGMENT_GONE));
	seen.header.segment = 3;
	cr_assert(eq(int, checkpoint_segment_of(&seen, &beginning), SEGMENT_THERE));
	seen.has_header = false;
	cr_assert(eq(int, checkpoint_state_of(&seen), STATE_UNKNOWN));
	seen.rc = -EXDEV;
	cr_assert(eq(int, checkpoint_state_of(&seen), STATE_UNKNOWN));
	/* By index, the newest is 0. */
	cr_assert(eq(int, checkpoint_age_of(2, 1), AGE_BEFORE));
	cr_assert(eq(int, checkpoint_age_of(1, 1), AGE_WITHIN));
	cr_assert(eq(int, checkpoint_age_of(0, 1), AGE_WITHIN));
}
