#include "engine/repair/plan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/safe_file.h"
#include "engine/checkpoint/records.h"
#include "engine/checkpoint/survey.h"
#include "engine/recover/start.h"

struct rescue {
	const struct data_dir *dir;
	uint16_t lane;
	struct lane_beginning beginning;
	struct checkpoint_seen *seen; /* the newest first */
	int64_t seen_cnt;
	int64_t newest;       /* good one; seen_cnt: none */
	int64_t base;         /* the one it begins behind; seen_cnt: with itself */
	struct damage *alone; /* the lane from its beginning; NULL: it has none any more */
	struct damage *chosen;
	struct error *error;
};

static int look_from(struct rescue *rescue, const struct lane_position *base, uint64_t cut_lsn,
		     struct damage **out)
{
	struct lane_files *files = NULL;
	const int rc = data_dir_open_lane(rescue->dir, rescue->lane, &files, rescue->error);

	if (rc != 0)
		return rc;
	return damage_open(out, files, rescue->dir->journal_id, rescue->lane, true, base, cut_lsn,
			   rescue->error);
}

static int look_behind(struct rescue *rescue, int64_t idx, uint64_t cut_lsn, struct damage **out)
{
	struct lane_position position;

	if (idx == rescue->seen_cnt)
		return look_from(rescue, NULL, cut_lsn, out);
	checkpoint_position(&rescue->seen[idx].header, &position);
	return look_from(rescue, &position, cut_lsn, out);
}

static uint64_t newest_lsn(const struct rescue *rescue)
{
	return rescue->newest < rescue->seen_cnt ? rescue->seen[rescue->newest].next_lsn : 0;
}

static int survey(struct rescue *rescue)
{
	rescue->seen_cnt = checkpoint_survey(rescue->dir, rescue->lane, &rescue->seen);
	if (rescue->seen_cnt < 0) {
		error_set(rescue->error, "lane %u: its checkpoints cannot be read: %s",
			  rescue->lane, safe_strerror((int)rescue->seen_cnt));
		return (int)rescue->seen_cnt;
	}
	rescue->newest = rescue->base = rescue->seen_cnt;
	for (int64_t i = rescue->seen_cnt - 1; i >= 0; i--) {
		const struct checkpoint_seen *seen = &rescue->seen[i];

		if (seen->rc == 0)
			rescue->newest = i;
		if (seen->rc != 0 && seen->rc != -EBADMSG && seen->rc != -EXDEV) {
			error_set(rescue->error, "%s", seen->error.text);
			return seen->rc;
		}
	}
	return 0;
}

/* The lane by itself, unless a prune or a repair took its beginning. */
static int look_alone(struct rescue *rescue)
{
	rescue->beginning = recover_beginning(rescue->dir, rescue->lane);
	if (rescue->seen_cnt > 0 && (rescue->beginning.segment > 0 || rescue->beginning.empty))
		return 0;
	return look_from(rescue, NULL, 0, &rescue->alone);
}

static int refuse_headless(struct rescue *rescue)
{
	return error_say(
		rescue->error, -ENOTSUP,
		"lane %u: %s, and of its %" PRId64
		" checkpoints none is good (%s): nothing is left that a repair could begin with; "
		"put the lane back from a copy",
		rescue->lane,
		rescue->alone == NULL ? "its beginning is gone"
				      : "its first block is damaged or not its own",
		rescue->seen_cnt, rescue->seen[0].error.text);
}

/* Why an older checkpoint is no beginning. */
static void note_short(const struct damage *damage, struct damage *chosen, uint64_t checkpoint_lsn)
{
	const struct lane_tail *tail = &damage->tail;
	struct lane_fault fault = {.segment = tail->segment, .offset = tail->offset};

	mended_files_merge(chosen->lane, damage->lane);
	snprintf(fault.text, sizeof(fault.text),
		 "the lane is good up to LSN %" PRIu64
		 " here, a checkpoint has it up to LSN %" PRIu64,
		 tail->next_lsn - 1, checkpoint_lsn - 1);
	mended_files_fault(chosen->lane, &fault);
}

static bool damaged_before(const struct damage *damage)
{
	bool damaged = false;

	for (uint64_t i = 0; i < damage->lane->fault_cnt; i++)
		damaged |= damage->lane->faults[i].segment < damage->lane->first;
	return damaged;
}

/* The oldest good checkpoint from which the lane reaches the newest, or that one. */
static int choose_checkpoint(struct rescue *rescue)
{
	const uint64_t wanted_lsn = newest_lsn(rescue);
	struct damage *passed = NULL;
	int rc = 0;

	for (int64_t i = rescue->seen_cnt - 1; rc == 0 && rescue->chosen == NULL; i--) {
		const struct checkpoint_seen *seen = &rescue->seen[i];
		struct damage *damage = NULL;

		if (seen->rc != 0 ||
		    (i > rescue->newest && seen->header.segment < rescue->beginning.segment))
			continue;
		rc = look_behind(rescue, i, 0, &damage);
		if (rc == 0 && (i == rescue->newest || damage->tail.next_lsn >= wanted_lsn)) {
			rescue->chosen = damage;
			rescue->base = i;
			break;
		}
		damage_close(passed);
		passed = damage;
	}
	if (rc == 0 && passed != NULL)
		note_short(passed, rescue->chosen, wanted_lsn);
	if (rc == 0 && rescue->alone != NULL)
		note_short(rescue->alone, rescue->chosen, wanted_lsn);
	if (rc == 0)
		rescue->chosen->trims = rescue->alone != NULL || damaged_before(rescue->chosen);
	damage_close(passed);
	return rc;
}

static int choose(struct rescue *rescue)
{
	if (rescue->newest == rescue->seen_cnt && rescue->seen_cnt > 0 &&
	    (rescue->alone == NULL || rescue->alone->tail.next_lsn == 1))
		return refuse_headless(rescue);
	if (rescue->alone != NULL && rescue->alone->tail.next_lsn >= newest_lsn(rescue)) {
		rescue->chosen = rescue->alone;
		rescue->alone = NULL;
		return 0;
	}
	return choose_checkpoint(rescue);
}

/* An earlier cut, but behind what a checkpoint has. */
static int cut_at(struct rescue *rescue, uint64_t cut_lsn)
{
	struct damage *before = rescue->chosen;
	int rc;

	if (cut_lsn == 0)
		return 0;
	if (cut_lsn < newest_lsn(rescue)) {
		return error_say(
			rescue->error, -ENOTSUP,
			"lane %u: a good checkpoint has it up to LSN %" PRIu64
			", a cut at LSN %" PRIu64
			" would give LSNs again that it has seen: cut behind it, or move it away",
			rescue->lane, newest_lsn(rescue) - 1, cut_lsn);
	}
	rescue->chosen = NULL;
	rc = look_behind(rescue, rescue->base, cut_lsn, &rescue->chosen);
	if (rc == 0) {
		mended_files_merge(rescue->chosen->lane, before->lane);
		rescue->chosen->trims = before->trims;
	}
	damage_close(before);
	return rc;
}

/* The lane and a checkpoint side by side. */
struct comparing {
	struct checkpoint_records *records;
	uint64_t different_lsn; /* 0: none yet */
	int rc;
	struct error *error;
};

static bool compare_one(void *context, uint64_t lsn, const struct record *record)
{
	struct comparing *comparing = context;
	struct record saved;
	uint64_t saved_lsn = 0;

	do {
		comparing->rc = checkpoint_records_next(comparing->records, &saved_lsn, &saved,
							comparing->error);
	} while (comparing->rc == 1 && saved_lsn < lsn);
	if (comparing->rc != 1)
		return false;
	if (memcmp(&saved, record, sizeof(saved)) != 0)
		comparing->different_lsn = lsn;
	return comparing->different_lsn == 0;
}

/* Whether the blocks of a lane tell what this checkpoint tells of the same LSNs. */
static int compare(struct rescue *rescue, struct damage *damage, const struct checkpoint_seen *seen)
{
	struct comparing comparing = {.error = rescue->error};
	int rc = checkpoint_records_open(&comparing.records, rescue->dir, rescue->lane,
					 seen->next_lsn, rescue->error);

	if (rc == 0)
		rc = damage_each_good(damage, compare_one, &comparing, rescue->error);
	checkpoint_records_close(comparing.records);
	if (rc == 0 && comparing.rc < 0)
		rc = comparing.rc;
	if (rc != 0 || comparing.different_lsn == 0)
		return rc;
	return error_say(
		rescue->error, -ENOTSUP,
		"lane %u: it and its checkpoint at LSN %" PRIu64
		" tell different things of LSN %" PRIu64
		": one of them is of another history, as when an older copy was put back and sold "
		"on. Move away the one that is not to count, then repair again",
		rescue->lane, seen->next_lsn - 1, comparing.different_lsn);
}

static int judge_good_one(struct rescue *rescue, int64_t idx)
{
	const struct checkpoint_seen *seen = &rescue->seen[idx];
	struct damage *chosen = rescue->chosen;
	struct lane_position position;
	char why[256] = "";
	int rc = 0;

	checkpoint_position(&seen->header, &position);
	if (idx > rescue->base) {
		/* That its segments are gone is what a prune does. */
		if (seen->header.segment >= rescue->beginning.segment)
			snprintf(why, sizeof(why),
				 "the checkpoint at LSN %" PRIu64
				 " is good, but the lane behind it is damaged",
				 seen->next_lsn - 1);
	} else if (!damage_has(chosen, &position)) {
		rc = compare(rescue, chosen, seen);
		snprintf(why, sizeof(why),
			 "the checkpoint at LSN %" PRIu64
			 " is good, but lies behind another block than the lane has",
			 seen->next_lsn - 1);
	}
	if (rc == 0 && why[0] != '\0')
		damage_put_aside(chosen, seen->next_lsn, why);
	return rc;
}

static int judge_checkpoints(struct rescue *rescue)
{
	int rc = 0;

	for (int64_t i = 0; i < rescue->seen_cnt && rc == 0; i++) {
		const struct checkpoint_seen *seen = &rescue->seen[i];

		if (seen->rc == 0) {
			rc = judge_good_one(rescue, i);
			continue;
		}
		damage_put_aside(rescue->chosen, seen->next_lsn, seen->error.text);
		/* It was written only when all of it was on disk. */
		if (seen->has_header)
			damage_told(rescue->chosen, seen->next_lsn - 1);
	}
	return rc;
}

int repair_plan(struct damage **out, const struct data_dir *dir, uint16_t lane, uint64_t cut_lsn,
		struct error *error)
{
	struct rescue rescue = {.dir = dir, .lane = lane, .error = error};
	int rc = survey(&rescue);

	if (rc == 0)
		rc = look_alone(&rescue);
	if (rc == 0)
		rc = choose(&rescue);
	if (rc == 0)
		rc = cut_at(&rescue, cut_lsn);
	if (rc == 0 && rescue.alone != NULL)
		rc = compare(&rescue, rescue.alone, &rescue.seen[rescue.newest]);
	if (rc == 0)
		rc = judge_checkpoints(&rescue);
	if (rc == 0 && rescue.base < rescue.seen_cnt)
		rescue.chosen->alone_lsn = rescue.alone != NULL ? rescue.alone->tail.next_lsn : 1;
	damage_close(rescue.alone);
	if (rc != 0)
		damage_close(rescue.chosen);
	else
		*out = rescue.chosen;
	free(rescue.seen);
	return rc;
}
