#include "engine/repair/apply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "engine/recover/cut.h"
#include "engine/recover/scan.h"
#include "engine/repair/anchor_block.h"
#include "engine/repair/segment_file.h"

/* Makes an empty directory in the place of the lost one, for the owner of the journal. */
static int make_lane(const struct data_dir *dir, const char *lane_path)
{
	const int rc = safe_mkdir(lane_path);

	CHECK(dir->lock_fd >= 0);
	return rc == 0 || rc == -EEXIST ? directory_sync(dir->path) : rc;
}

static int zero_from(struct lane_files *real, const struct plan *plan, uint64_t number,
		     uint64_t offset)
{
	const struct mended_segment *segment = mended_files_segment(plan->files, number);

	CHECK(number >= plan->damage->tail.place.segment);
	if (segment == NULL || damage_empty(plan->damage, segment) || offset >= segment->file_bytes)
		return 0;
	return real->ops->zero(real, number, offset);
}

/* Writes zeros over what follows the tail, also in the next segment, where the next block may lie.
 * From here on what is left after that proves that something is missing, and so the lane is refused
 * until it is gone. */
static int zero_tail(struct lane_files *real, const struct plan *plan)
{
	const struct lane_tail *tail = &plan->damage->tail;
	const int rc = zero_from(real, plan, tail->place.segment, tail->place.offset);

	CHECK(tail->place.offset % BLOCK_ALIGN_BYTES == 0);
	return rc == 0 ? zero_from(real, plan, tail->place.segment + 1, BLOCK_ALIGN_BYTES) : rc;
}

/* Removes segments after the cut. Empty ones that follow without a gap stay: they were made ahead.
 */
static int remove_later(struct lane_files *real, const struct plan *plan)
{
	const struct mended_files *lane = plan->files;
	uint64_t keep_cnt = 0;
	uint64_t next = lane->first;
	int rc = 0;

	while (keep_cnt < lane->segment_cnt) {
		const struct mended_segment *segment = &lane->segments[keep_cnt];

		if (segment->number >= lane->first && segment->number != next++)
			break;
		if (segment->number > plan->damage->tail.place.segment &&
		    plan_changes(plan, segment))
			break;
		keep_cnt++;
	}
	for (uint64_t cnt = lane->segment_cnt; rc == 0 && cnt > keep_cnt; cnt--) {
		const uint64_t number = lane->segments[cnt - 1].number;

		/* No segment with blocks that are kept. */
		CHECK(number > plan->damage->tail.place.segment);
		rc = real->ops->remove(real, number);
	}
	return rc;
}

static int mend_segments(struct lane_files *real, const struct plan *plan)
{
	const struct mended_files *lane = plan->files;
	int rc = 0;

	for (uint64_t i = 0; i < lane->segment_cnt && rc == 0; i++) {
		const struct mended_segment *segment = &lane->segments[i];

		if (segment->wrong && segment->number >= lane->first &&
		    segment->number <= plan->damage->tail.place.segment)
			rc = lane_mend_segment(real, lane, segment);
	}
	return rc;
}

/* The originals have them. Removes the newest first: a start tries those that are left in this
 * order. */
static int remove_checkpoints(const struct data_dir *dir, const struct plan *plan)
{
	char path[CHECKPOINT_PATH_BYTES];
	int rc = 0;

	for (uint64_t i = 0; i < plan->aside_cnt && rc == 0; i++) {
		CHECK(i == 0 || plan->aside[i - 1] > plan->aside[i]);
		checkpoint_path(dir, plan->files->lane, plan->aside[i], path);
		rc = safe_unlink(path);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc == 0 && plan->aside_cnt > 0 ? directory_sync(plan->files->path) : rc;
}

/* What a start needs is done first: after anchor_block_write it has all. */
static int cut_locked(const struct data_dir *dir, struct lane_files *real, const struct plan *plan)
{
	int rc = remove_checkpoints(dir, plan);

	CHECK(plan->files == plan->damage->files);
	if (rc == 0)
		rc = zero_tail(real, plan);
	if (rc == 0)
		rc = remove_later(real, plan);
	if (rc == 0)
		rc = mend_segments(real, plan);
	if (rc == 0)
		rc = anchor_block_write(real, plan);
	if (rc == 0)
		rc = anchor_block_trim(real, plan);
	return rc;
}

int repair_apply(const struct data_dir *dir, struct lane_files *real, const struct plan *plan,
		 struct error *error)
{
	const struct mended_files *lane = plan->files;
	const struct lane_tail *tail = &plan->damage->tail;
	struct lane_tail end;
	int lock;
	int rc = 0;

	CHECK(dir->lock_fd >= 0 && strcmp(real->path, lane->path) == 0);
	anchor_block_end(plan, &end);
	if (lane->missing)
		rc = make_lane(dir, lane->path);
	lock = rc == 0 ? checkpoint_lock(dir, lane->lane) : rc;
	rc = lock < 0 ? lock : cut_locked(dir, real, plan);
	if (lock >= 0)
		close(lock);
	if (rc != 0) {
		return error_say(
			error, rc,
			"%s: cannot be cut at segment %" PRIu64 ", offset %" PRIu64
			": %s; check the disk and its permissions, then repeat the command",
			lane->path, tail->place.segment, tail->place.offset, safe_strerror(rc));
	}
	return recover_cut(dir, lane->lane, &end, error);
}

static int check_from(const struct data_dir *dir, const struct plan *plan, enum recover_from from,
		      struct error *error)
{
	const struct mended_files *lane = plan->files;
	struct recover_scan scan;
	struct lane_tail end;
	int rc = recover_scan_from(dir, lane->lane, from, &scan, error);

	if (rc != 0)
		return rc;
	anchor_block_end(plan, &end);
	CHECK(end.next_lsn == plan->damage->tail.next_lsn);
	if (scan.torn || scan.tail.next_lsn != end.next_lsn ||
	    scan.tail.prev_checksum != end.prev_checksum) {
		error_set(error,
			  "%s: it ends with LSN %" PRIu64 " after the cut, not with LSN %" PRIu64
			  ": do not trust this disk",
			  lane->path, scan.tail.next_lsn - 1, end.next_lsn - 1);
		rc = -EBADMSG;
	}
	recover_scan_free(&scan);
	return rc;
}

int repair_check(const struct data_dir *dir, const struct plan *plan, struct error *error)
{
	const int rc = check_from(dir, plan, RECOVER_FROM_NEWEST, error);

	CHECK(dir->lock_fd >= 0);
	return rc != 0 ? rc : check_from(dir, plan, RECOVER_FROM_OLDEST, error);
}
