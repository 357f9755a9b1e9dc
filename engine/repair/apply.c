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

/* An empty directory in the place of a lost one, for whom the journal belongs to. */
static int make_lane(const struct data_dir *dir, const char *lane_path)
{
	const int rc = safe_mkdir(lane_path);

	return rc == 0 || rc == -EEXIST ? directory_sync(dir->path) : rc;
}

static int zero_from(const struct damage *damage, uint64_t number, uint64_t offset)
{
	const struct mended_segment *segment = mended_files_segment(damage->lane, number);
	struct lane_files *base = damage->lane->base;

	if (segment == NULL || segment->empty || offset >= segment->file_bytes)
		return 0;
	return base->ops->zero(base, number, offset);
}

/* The block behind the tail, which may lie in the next segment: from here on what is left behind is
 * evidence that something is missing, and so the lane is refused until it is gone. */
static int zero_tail(const struct damage *damage)
{
	const struct lane_tail *tail = &damage->tail;
	const int rc = zero_from(damage, tail->segment, tail->offset);

	return rc == 0 ? zero_from(damage, tail->segment + 1, BLOCK_ALIGN_BYTES) : rc;
}

/* Empty segments in their place stay: they were made ahead. */
static int remove_later(const struct damage *damage)
{
	const struct mended_files *lane = damage->lane;
	uint64_t keep_cnt = 0;
	uint64_t next = lane->first;
	int rc = 0;

	while (keep_cnt < lane->segment_cnt) {
		const struct mended_segment *segment = &lane->segments[keep_cnt];

		if (segment->number >= lane->first && segment->number != next++)
			break;
		if (segment->number > damage->tail.segment && damage_changes(damage, segment))
			break;
		keep_cnt++;
	}
	for (uint64_t cnt = lane->segment_cnt; rc == 0 && cnt > keep_cnt; cnt--)
		rc = lane->base->ops->remove(lane->base, lane->segments[cnt - 1].number);
	return rc;
}

static int mend_segments(const struct damage *damage)
{
	const struct mended_files *lane = damage->lane;
	int rc = 0;

	for (uint64_t i = 0; i < lane->segment_cnt && rc == 0; i++) {
		const struct mended_segment *segment = &lane->segments[i];

		if (segment->wrong && segment->number >= lane->first &&
		    segment->number <= damage->tail.segment)
			rc = lane_mend_segment(lane, segment);
	}
	return rc;
}

/* They are kept. The newest first: a start takes what is left in this order. */
static int remove_checkpoints(const struct data_dir *dir, const struct damage *damage)
{
	char path[CHECKPOINT_PATH_BYTES];
	int rc = 0;

	for (uint64_t i = 0; i < damage->aside_cnt && rc == 0; i++) {
		checkpoint_path(dir, damage->lane->lane, damage->aside[i], path);
		rc = safe_unlink(path);
		rc = rc == -ENOENT ? 0 : rc;
	}
	return rc == 0 && damage->aside_cnt > 0 ? directory_sync(damage->lane->files.path) : rc;
}

/* What a start needs comes first: from anchor_block_write on it has it. */
static int cut_locked(const struct data_dir *dir, const struct damage *damage)
{
	int rc = remove_checkpoints(dir, damage);

	if (rc == 0)
		rc = zero_tail(damage);
	if (rc == 0)
		rc = remove_later(damage);
	if (rc == 0)
		rc = mend_segments(damage);
	if (rc == 0)
		rc = anchor_block_write(damage);
	if (rc == 0)
		rc = anchor_block_trim(damage);
	return rc;
}

int repair_apply(const struct data_dir *dir, const struct damage *damage, struct error *error)
{
	const struct mended_files *lane = damage->lane;
	struct lane_tail end;
	int lock;
	int rc = 0;

	CHECK(dir->lock_fd >= 0);
	anchor_block_end(damage, &end);
	if (lane->missing)
		rc = make_lane(dir, lane->files.path);
	lock = rc == 0 ? checkpoint_lock(dir, lane->lane) : rc;
	rc = lock < 0 ? lock : cut_locked(dir, damage);
	if (lock >= 0)
		close(lock);
	if (rc != 0) {
		return error_say(
			error, rc,
			"%s: cannot be cut at segment %" PRIu64 ", offset %" PRIu64
			": %s; check the disk and its permissions, then repeat the command",
			lane->files.path, damage->tail.segment, damage->tail.offset,
			safe_strerror(rc));
	}
	return recover_cut(dir, lane->lane, &end, error);
}

static int check_from(const struct data_dir *dir, const struct damage *damage,
		      enum recover_from from, struct error *error)
{
	struct recover_scan scan;
	struct lane_tail end;
	int rc = recover_scan_from(dir, damage->lane->lane, from, &scan, error);

	if (rc != 0)
		return rc;
	anchor_block_end(damage, &end);
	if (scan.torn || scan.tail.next_lsn != end.next_lsn ||
	    scan.tail.prev_checksum != end.prev_checksum) {
		rc = error_say(error, -EBADMSG,
			       "%s: ends with LSN %" PRIu64 " after the cut, not with LSN %" PRIu64
			       ": do not trust this disk",
			       damage->lane->files.path, scan.tail.next_lsn - 1, end.next_lsn - 1);
	}
	recover_scan_free(&scan);
	return rc;
}

int repair_check(const struct data_dir *dir, const struct damage *damage, struct error *error)
{
	const int rc = check_from(dir, damage, RECOVER_FROM_NEWEST, error);

	return rc != 0 ? rc : check_from(dir, damage, RECOVER_FROM_OLDEST, error);
}
