/*
 * plan_find: finds the facts that a plan depends on, each only when the tables ask for it. Reads
 * the lane and its checkpoints, never writes.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/repair/compare.h"
#include "engine/repair/plan_facts.h"
#include "engine/repair/planning.h"

void look_end(struct look *look)
{
	CHECK(look->damage == NULL || look->damage->files == look->files);
	damage_close(look->damage);
	mended_files_close(look->files);
	*look = (struct look){0};
}

/* Looks at the lane. idx: the checkpoint that it begins after; seen_cnt: it begins with itself. */
static int look_from(struct planning *planning, int64_t idx, uint64_t cut_lsn, struct look *look)
{
	struct lane_position base = {0};
	struct lane_files *real = NULL;
	int rc = data_dir_open_lane(planning->dir, planning->lane, &real, planning->error);

	CHECK(look->damage == NULL && idx >= 0 && idx <= planning->seen_cnt);
	if (rc != 0)
		return rc;
	if (idx < planning->seen_cnt)
		checkpoint_position(&planning->seen[idx].header, &base);
	rc = mended_files_open(&look->files, real, planning->dir->journal_id, planning->lane, true,
			       &base, planning->error);
	if (rc == 0)
		rc = damage_open(&look->damage, look->files, cut_lsn, planning->error);
	if (rc != 0)
		look_end(look);
	return rc;
}

void planning_add_faults(struct fault_list *faults, const struct look *look)
{
	CHECK(look->damage->files == look->files);
	for (uint64_t i = 0; i < look->files->fault_cnt; i++)
		fault_list_add(faults, &look->files->faults[i]);
	for (uint64_t i = 0; i < look->damage->fault_cnt; i++)
		fault_list_add(faults, &look->damage->faults[i]);
}

uint64_t planning_newest_lsn(const struct planning *planning)
{
	CHECK(planning->newest <= planning->seen_cnt);
	return planning->newest < planning->seen_cnt ? planning->seen[planning->newest].next_lsn
						     : 0;
}

/* Notes what is wrong with a beginning that was passed over. */
static void note_short(struct planning *planning, const struct look *look)
{
	const struct lane_tail *tail = &look->damage->tail;
	struct lane_fault fault = {.place = tail->place};
	struct fault_list faults = {0};

	CHECK(tail->next_lsn < planning_newest_lsn(planning));
	planning_add_faults(&faults, look);
	fault_list_merge(&planning->faults, faults.faults, faults.cnt);
	fault_list_free(&faults);
	snprintf(fault.text, sizeof(fault.text),
		 "the lane is good up to LSN %" PRIu64
		 " here, but a checkpoint has it up to LSN %" PRIu64,
		 tail->next_lsn - 1, planning_newest_lsn(planning) - 1);
	fault_list_add(&planning->faults, &fault);
}

static int find_checkpoints(struct planning *planning, uint8_t *value)
{
	planning->seen_cnt = checkpoint_survey(planning->dir, planning->lane, &planning->seen);
	if (planning->seen_cnt < 0) {
		error_set(planning->error, "lane %u: its checkpoints cannot be read: %s",
			  planning->lane, safe_strerror((int)planning->seen_cnt));
		return (int)planning->seen_cnt;
	}
	for (int64_t i = planning->seen_cnt - 1; i >= 0; i--) {
		const struct checkpoint_seen *seen = &planning->seen[i];

		CHECK(i == 0 || seen[-1].next_lsn > seen->next_lsn);
		if (seen->rc != 0 && seen->rc != -EBADMSG && seen->rc != -EXDEV) {
			error_set(planning->error, "%s", seen->error.text);
			return seen->rc;
		}
	}
	planning->newest = plan_newest_good(planning->seen, planning->seen_cnt);
	planning->base = planning->seen_cnt;
	*value = plan_checkpoints_of(planning->seen_cnt, planning->newest);
	return 0;
}

static int find_own(struct planning *planning, uint8_t *value)
{
	int rc = 0;

	planning->beginning = recover_beginning(planning->dir, planning->lane);
	if (plan_has_beginning(&planning->beginning, planning->seen_cnt))
		rc = look_from(planning, planning->seen_cnt, 0, &planning->alone);
	*value = plan_own_of(planning->alone.damage, planning_newest_lsn(planning));
	return rc;
}

/* Whether the lane may begin after this checkpoint: it is good, and its segment was not pruned. The
 * segment of the newest one may be gone. */
static bool may_begin_after(const struct planning *planning, int64_t idx)
{
	const struct checkpoint_seen *seen = &planning->seen[idx];

	CHECK(idx >= planning->newest && idx < planning->seen_cnt);
	return checkpoint_state_of(seen) == STATE_GOOD &&
	       (idx == planning->newest ||
		checkpoint_segment_of(seen, &planning->beginning) == SEGMENT_THERE);
}

static int find_first(struct planning *planning, uint8_t *value)
{
	struct look passed = {0}; /* the last one from which the blocks do not reach the newest */
	int rc = 0;

	CHECK(planning->newest < planning->seen_cnt);
	for (int64_t i = planning->seen_cnt - 1; i >= planning->newest; i--) {
		struct look look = {0};

		if (!may_begin_after(planning, i))
			continue;
		rc = look_from(planning, i, 0, &look);
		if (rc != 0)
			break;
		if (i == planning->newest ||
		    look.damage->tail.next_lsn >= planning_newest_lsn(planning)) {
			planning->first = look;
			planning->base = i;
			break;
		}
		look_end(&passed);
		passed = look;
	}
	if (rc == 0) {
		CHECK(planning->base < planning->seen_cnt);
		planning_add_faults(&planning->faults, &planning->first);
		if (passed.damage != NULL)
			note_short(planning, &passed);
		if (planning->alone.damage != NULL)
			note_short(planning, &planning->alone);
		*value = planning->base == planning->newest ? FIRST_NEWEST : FIRST_OLDER;
	}
	look_end(&passed);
	return rc;
}

static int find_cut(struct planning *planning, uint8_t *value)
{
	*value = plan_cut_of(planning->cut_lsn, planning_newest_lsn(planning));
	return 0;
}

int planning_look_at_cut(struct planning *planning)
{
	struct look *uncut =
		planning->base < planning->seen_cnt ? &planning->first : &planning->alone;
	struct fault_list before = planning->faults;
	int rc;

	CHECK(uncut->damage != NULL && planning->chosen.damage == NULL);
	if (planning->cut_lsn == 0) {
		planning->chosen = *uncut;
		*uncut = (struct look){0};
		return 0;
	}
	rc = look_from(planning, planning->base, planning->cut_lsn, &planning->chosen);
	if (rc != 0)
		return rc;
	CHECK(planning->chosen.damage->tail.next_lsn <= uncut->damage->tail.next_lsn);
	planning->faults = (struct fault_list){0};
	planning_add_faults(&planning->faults, &planning->chosen);
	fault_list_merge(&planning->faults, before.faults, before.cnt);
	fault_list_free(&before);
	return 0;
}

static int find_base(struct planning *planning, uint8_t *value)
{
	const int rc = planning_look_at_cut(planning);

	CHECK(planning->base < planning->seen_cnt);
	if (rc == 0)
		*value = plan_base_of(planning->chosen.damage);
	return rc;
}

static int find_before(struct planning *planning, uint8_t *value)
{
	CHECK(planning->chosen.damage != NULL);
	*value = plan_before_of(&planning->faults, planning->chosen.files->first);
	return 0;
}

/* Whether the blocks of a lane and a checkpoint have the same records; if not, with a line in
 * error.
 */
static int compare(struct planning *planning, const struct damage *damage, int64_t idx, bool *same)
{
	const uint64_t next_lsn = planning->seen[idx].next_lsn;
	uint64_t different_lsn = 0;
	const int rc =
		repair_compare(planning->dir, damage, next_lsn, &different_lsn, planning->error);

	CHECK(rc != 0 || different_lsn < next_lsn);
	*same = different_lsn == 0;
	if (rc == 0 && different_lsn > 0)
		error_set(
			planning->error,
			"lane %u: it and its checkpoint at LSN %" PRIu64
			" say different things of LSN %" PRIu64
			": one of them is of another history, as after an older copy was put back "
			"and sold on. Move away the one that shall not count, then repair again",
			planning->lane, next_lsn - 1, different_lsn);
	return rc;
}

static int find_history(struct planning *planning, uint8_t *value)
{
	bool same = true;
	const int rc = compare(planning, planning->alone.damage, planning->newest, &same);

	CHECK(planning->chosen.damage != NULL);
	*value = same ? HISTORY_SAME : HISTORY_OTHER;
	return rc;
}

typedef int find_fn(struct planning *planning, uint8_t *value);

static find_fn *const find[PLAN_FACT_CNT] = {
	[FACT_CHECKPOINTS] = find_checkpoints,
	[FACT_OWN] = find_own,
	[FACT_FIRST] = find_first,
	[FACT_CUT] = find_cut,
	[FACT_BASE] = find_base,
	[FACT_BEFORE] = find_before,
	[FACT_HISTORY] = find_history,
};

int planning_find(struct planning *planning, enum plan_fact fact, uint8_t *value)
{
	CHECK(fact < PLAN_FACT_CNT);
	return find[fact](planning, value);
}

/* Finds whether the lane that is kept goes on after a good checkpoint. */
static int find_fit(struct planning *planning, int64_t idx, uint8_t *value)
{
	const struct damage *kept = planning->plan.damage;
	struct lane_position position;
	bool same = true;
	int rc;

	checkpoint_position(&planning->seen[idx].header, &position);
	CHECK(position.tail.next_lsn == planning->seen[idx].next_lsn);
	if (damage_has(kept, &position)) {
		*value = FIT_FOLLOWS;
		return 0;
	}
	rc = compare(planning, kept, idx, &same);
	*value = same ? FIT_BLOCKS : FIT_RECORDS;
	return rc;
}

int planning_find_of_checkpoint(struct planning *planning, int64_t idx, enum checkpoint_fact fact,
				uint8_t *value)
{
	const struct checkpoint_seen *seen = &planning->seen[idx];

	CHECK(fact < CHECKPOINT_FACT_CNT);
	switch (fact) {
	case FACT_STATE:
		*value = checkpoint_state_of(seen);
		return 0;
	case FACT_AGE:
		*value = checkpoint_age_of(idx, planning->base);
		return 0;
	case FACT_SEGMENT:
		*value = checkpoint_segment_of(seen, &planning->beginning);
		return 0;
	case FACT_FIT:
	case CHECKPOINT_FACT_CNT:
		break;
	}
	return find_fit(planning, idx, value);
}
