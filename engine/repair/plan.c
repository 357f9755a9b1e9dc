#include "engine/repair/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/repair/planning.h"

/* Finds the row for this lane, and only the facts that the choice depends on. */
static int decide(struct planning *planning, const struct plan_row **row)
{
	struct decision_facts facts = {0};
	uint32_t fact;

	while ((fact = decision_ask(&plan_decision, &facts)) < PLAN_FACT_CNT) {
		uint8_t value = 0;
		const int rc = planning_find(planning, (enum plan_fact)fact, &value);

		if (rc != 0)
			return rc;
		decision_note(&plan_decision, &facts, fact, value);
	}
	*row = plan_row(&facts);
	return 0;
}

static int refuse_headless(struct planning *planning, const char *why)
{
	CHECK(planning->seen_cnt > 0 && planning->newest == planning->seen_cnt);
	return error_say(
		planning->error, -ENOTSUP,
		"lane %u: %s, and of its %" PRId64
		" checkpoints none is good (%s): nothing is left that the lane could begin with; "
		"put the lane back from a copy",
		planning->lane, why, planning->seen_cnt, planning->seen[0].error.text);
}

static int refuse_cut(struct planning *planning)
{
	CHECK(planning->cut_lsn > 0 && planning->cut_lsn < planning_newest_lsn(planning));
	return error_say(
		planning->error, -ENOTSUP,
		"lane %u: a good checkpoint has it up to LSN %" PRIu64
		". After a cut at LSN %" PRIu64
		" LSNs that the checkpoint has would be given again: cut after it, or move "
		"the checkpoint away",
		planning->lane, planning_newest_lsn(planning) - 1, planning->cut_lsn);
}

/* Does with the lane what the row says. */
static int follow(struct planning *planning, const struct plan_row *row)
{
	struct plan *plan = &planning->plan;
	int rc = 0;

	switch (row->verdict) {
	case PLAN_BEGINS_ITSELF:
		CHECK(planning->base == planning->seen_cnt);
		planning_add_faults(&planning->faults, &planning->alone);
		rc = planning_look_at_cut(planning);
		break;
	case PLAN_BEGINS_OLDER:
		CHECK(planning->base > planning->newest && planning->base < planning->seen_cnt);
		break;
	case PLAN_BEGINS_NEWEST:
		CHECK(planning->base == planning->newest);
		break;
	case PLAN_REFUSES_GONE:
		return refuse_headless(planning, "its beginning is gone");
	case PLAN_REFUSES_FIRST_BLOCK:
		return refuse_headless(planning, "its first block is damaged or not its own");
	case PLAN_REFUSES_CUT:
		return refuse_cut(planning);
	case PLAN_REFUSES_HISTORY:
		return -ENOTSUP;
	case PLAN_CANNOT_BE:
		CHECK(false);
	}
	if (rc != 0)
		return rc;
	plan->files = planning->chosen.files;
	plan->damage = planning->chosen.damage;
	/* Every fact of a row that begins somewhere was found by looking at the lane. */
	CHECK(plan->files != NULL && plan->damage != NULL);
	plan->anchors = row->anchors;
	plan->trims = row->trims;
	plan->loss = plan->damage->loss;
	plan->alone_lsn = plan->damage->tail.next_lsn;
	if (planning->base < planning->seen_cnt)
		plan->alone_lsn =
			planning->alone.damage != NULL ? planning->alone.damage->tail.next_lsn : 1;
	/* No record that a good checkpoint has is cut off. */
	CHECK(planning->cut_lsn > 0 ||
	      plan->damage->tail.next_lsn >= planning_newest_lsn(planning));
	return 0;
}

static void put_aside(struct planning *planning, uint64_t next_lsn, const char *why)
{
	/* A fault of a checkpoint belongs to no segment: it comes last in the list. */
	struct lane_fault fault = {.place.segment = UINT64_MAX, .place.offset = next_lsn};
	struct plan *plan = &planning->plan;

	CHECK(plan->aside_cnt < (uint64_t)planning->seen_cnt);
	CHECK(plan->aside_cnt == 0 || planning->aside[plan->aside_cnt - 1] > next_lsn);
	planning->aside[plan->aside_cnt++] = next_lsn;
	snprintf(fault.text, sizeof(fault.text), "%s", why);
	fault_list_add(&planning->faults, &fault);
}

static void put_good_aside(struct planning *planning, uint64_t next_lsn, const char *why)
{
	char text[256];

	CHECK(next_lsn > 0);
	snprintf(text, sizeof(text), "the checkpoint at LSN %" PRIu64 " is good, but %s",
		 next_lsn - 1, why);
	put_aside(planning, next_lsn, text);
}

static int judge_checkpoint(struct planning *planning, int64_t idx)
{
	const struct checkpoint_seen *seen = &planning->seen[idx];
	struct decision_facts facts = {0};
	const struct checkpoint_row *row;
	uint32_t fact;

	while ((fact = decision_ask(&checkpoint_decision, &facts)) < CHECKPOINT_FACT_CNT) {
		uint8_t value = 0;
		const int rc = planning_find_of_checkpoint(planning, idx,
							   (enum checkpoint_fact)fact, &value);

		if (rc != 0)
			return rc;
		decision_note(&checkpoint_decision, &facts, fact, value);
	}
	row = checkpoint_row(&facts);
	switch (row->fate) {
	case FATE_STAYS:
		break;
	case FATE_ASIDE_BAD:
		put_aside(planning, seen->next_lsn, seen->error.text);
		break;
	case FATE_ASIDE_CUT_OFF:
		put_good_aside(planning, seen->next_lsn, "the lane after it is damaged");
		break;
	case FATE_ASIDE_OTHER_BLOCK:
		put_good_aside(planning, seen->next_lsn,
			       "lies after another block than the lane has");
		break;
	case FATE_REFUSES_HISTORY:
		return -ENOTSUP;
	}
	if (row->says_durable)
		planning->plan.loss = loss_with(planning->plan.loss, seen->next_lsn - 1);
	return 0;
}

static int judge_checkpoints(struct planning *planning)
{
	int rc = 0;

	planning->aside = calloc((size_t)planning->seen_cnt + 1, sizeof(*planning->aside));
	CHECK(planning->aside != NULL);
	for (int64_t i = 0; i < planning->seen_cnt && rc == 0; i++)
		rc = judge_checkpoint(planning, i);
	return rc;
}

int repair_plan(struct plan **out, const struct data_dir *dir, uint16_t lane, uint64_t cut_lsn,
		struct error *error)
{
	struct planning *planning = calloc(1, sizeof(*planning));
	const struct plan_row *row = NULL;
	int rc;

	CHECK(planning != NULL && dir->lock_fd >= 0);
	planning->dir = dir;
	planning->lane = lane;
	planning->cut_lsn = cut_lsn;
	planning->error = error;
	rc = decide(planning, &row);
	if (rc == 0)
		rc = follow(planning, row);
	if (rc == 0)
		rc = judge_checkpoints(planning);
	look_end(&planning->alone);
	look_end(&planning->first);
	free(planning->seen);
	planning->seen = NULL;
	planning->plan.aside = planning->aside;
	planning->plan.faults = planning->faults.faults;
	planning->plan.fault_cnt = planning->faults.cnt;
	if (rc != 0)
		plan_close(&planning->plan);
	else
		*out = &planning->plan;
	return rc;
}

bool plan_changes(const struct plan *plan, const struct mended_segment *segment)
{
	const uint64_t first = plan->files->first;

	CHECK(plan->files == plan->damage->files);
	if (segment->number < first || (segment->number == first && plan->trims))
		return plan->trims;
	return damage_changes(plan->damage, segment) ||
	       (plan->anchors && segment->number <= first + 1);
}

void plan_close(struct plan *plan)
{
	struct planning *planning = (struct planning *)plan;

	if (plan == NULL)
		return;
	look_end(&planning->chosen);
	fault_list_free(&planning->faults);
	free(planning->aside);
	free(planning);
}
