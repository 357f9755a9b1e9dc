#include "engine/recover/recover.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"
#include "engine/recover/start.h"

enum {
	/* What a writer has on its way at most. */
	IN_FLIGHT_BYTES_MAX = WRITES_IN_FLIGHT_MAX * BLOCK_BYTES_MAX,
};

/* Waits until no write of a killed predecessor is on its way to any segment. */
static int settle(struct lane_files *files, char *error, size_t error_bytes)
{
	uint64_t *numbers = NULL;
	const int64_t cnt = files->ops->list(files, &numbers);
	int rc = 0;

	/* What is missing is the reader's to judge, but what can't be seen may be there. */
	if (cnt < 0 && cnt != -ENOENT) {
		snprintf(error, error_bytes, "%s: %s", files->path, safe_strerror((int)cnt));
		return (int)cnt;
	}
	for (int64_t i = 0; i < cnt && rc == 0; i++) {
		rc = files->ops->settle(files, numbers[i]);
		if (rc != 0)
			snprintf(error, error_bytes,
				 "%s: segment %" PRIu64
				 " is still being written by another process: %s; stop it, or wait "
				 "for its disk",
				 files->path, numbers[i], safe_strerror(rc));
	}
	free(numbers);
	return rc;
}

static int scan_block(struct recover_scan *scan, const struct record *records, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		if (records[i].kind == RECORD_ORDER) {
			scan->order_cnt++;
			scan->units_ordered += records[i].quantity;
		} else if (records[i].kind == RECORD_OFFER &&
			   recover_keep_offer(scan, &records[i]) != 0) {
			return -ENOMEM;
		}
	}
	return 0;
}

static int scan_all(struct lane_reader *reader, struct recover_scan *scan, char *error,
		    size_t error_bytes)
{
	const struct block_header *block;
	const struct record *records;

	for (;;) {
		switch (lane_reader_next(reader, &block, &records, error, error_bytes)) {
		case LANE_BLOCK:
			if (scan_block(scan, records, block->record_cnt) == 0)
				break;
			snprintf(error, error_bytes, "no memory for %" PRIu64 " offers",
				 scan->offer_cnt);
			return -ENOMEM;
		case LANE_TORN:
			scan->torn = true;
			return 0;
		case LANE_END:
			return 0;
		case LANE_CORRUPT:
			return -EBADMSG;
		case LANE_ERROR:
			return -EIO;
		}
	}
}

/* Reads a lane from where the scan begins to its end. The files are the reader's. */
static int scan_on(struct lane_files *files, uint64_t journal_id, uint16_t lane,
		   struct recover_scan *scan, char *error, size_t error_bytes)
{
	struct lane_reader *reader = NULL;
	struct lane_position end;
	int rc = lane_reader_open_at(&reader, files, journal_id, lane, &scan->from, error,
				     error_bytes);

	if (rc != 0)
		return rc;
	rc = scan_all(reader, scan, error, error_bytes);
	lane_reader_position(reader, &end);
	scan->tail = end.tail;
	scan->watermark_lsn = end.watermark_lsn;
	scan->block_cnt += lane_reader_blocks(reader);
	lane_reader_close(reader);
	return rc;
}

/* Scans on behind what scan->from stands for; frees the scan if that fails. */
static int settle_and_scan(struct lane_files *files, uint64_t journal_id, uint16_t lane,
			   bool locked, struct recover_scan *scan, char *error, size_t error_bytes)
{
	int rc = locked ? settle(files, error, error_bytes) : 0;

	if (rc != 0)
		files->ops->close(files);
	else
		rc = scan_on(files, journal_id, lane, scan, error, error_bytes);
	if (rc != 0)
		recover_scan_free(scan);
	return rc;
}

int recover_scan_files(struct lane_files *files, uint64_t journal_id, uint16_t lane, bool locked,
		       struct recover_scan *out, char *error, size_t error_bytes)
{
	*out = (struct recover_scan){0};
	return settle_and_scan(files, journal_id, lane, locked, out, error, error_bytes);
}

static int scan_once(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		     struct recover_scan *out, char *error, size_t error_bytes)
{
	struct lane_files *files = NULL;
	int rc;

	*out = (struct recover_scan){0};
	/* A checkpoint holds nothing that could still be on its way. */
	rc = recover_start(dir, lane, from, UINT64_MAX, out, error, error_bytes);
	if (rc == 0)
		rc = data_dir_open_lane(dir, lane, &files, error, error_bytes);
	if (rc != 0) {
		recover_scan_free(out);
		return rc;
	}
	return settle_and_scan(files, dir->journal_id, lane, dir->lock_fd >= 0, out, error,
			       error_bytes);
}

int recover_scan_from(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		      struct recover_scan *out, char *error, size_t error_bytes)
{
	struct recover_glance seen;
	int rc;

	do {
		recover_look(dir, lane, &seen);
		rc = scan_once(dir, lane, from, out, error, error_bytes);
	} while (rc != 0 && recover_changed(dir, lane, &seen));
	out->seen = seen;
	return rc;
}

int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out, char *error,
		 size_t error_bytes)
{
	return recover_scan_from(dir, lane, RECOVER_FROM_NEWEST, out, error, error_bytes);
}

void recover_scan_free(struct recover_scan *scan)
{
	free(scan->offers);
	*scan = (struct recover_scan){0};
}

void recover_sizes(const struct recover_scan *scan, struct shard_size *size)
{
	*size = (struct shard_size){
		.offer_cnt = scan->offer_cnt,
		.order_cnt = scan->order_cnt,
		.buyer_cnt = scan->order_cnt,
	};
}

int recover_apply(struct shard *shard, const struct block_header *block,
		  const struct record *records, const char *lane_path, char *error,
		  size_t error_bytes)
{
	uint32_t applied;
	const char *why;
	const int rc = shard_apply_many(shard, block->first_lsn, records, block->record_cnt,
					&applied, &why);

	if (rc != 0)
		snprintf(error, error_bytes,
			 "%s: LSN %" PRIu64 ", SKU %" PRIu64
			 ": %s; the lane is intact but cannot be right: " LANE_REMEDY,
			 lane_path, block->first_lsn + applied, records[applied].sku, why);
	return rc;
}

static int load_one(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		    struct shard *shard, char *error, size_t error_bytes)
{
	struct checkpoint *checkpoint = NULL;
	int rc = checkpoint_open(&checkpoint, dir, lane, next_lsn, error, error_bytes);

	if (rc == 0)
		rc = checkpoint_load(checkpoint, shard, error, error_bytes);
	checkpoint_close(checkpoint);
	return rc;
}

/* Begins the scan again, behind a checkpoint with a next LSN below this one, or at the lane's
 * beginning. What it holds stays. */
static int begin_below(const struct data_dir *dir, uint16_t lane, uint64_t below_lsn,
		       struct recover_scan *scan, char *error, size_t error_bytes)
{
	struct recover_scan begin = {0};
	const int rc = recover_start(dir, lane, RECOVER_FROM_NEWEST, below_lsn, &begin, error,
				     error_bytes);

	scan->from = begin.from;
	scan->from_block_cnt = begin.from_block_cnt;
	if (begin.unread != 0)
		scan->unread = begin.unread;
	recover_scan_free(&begin);
	return rc;
}

int recover_load(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, char *error, size_t error_bytes)
{
	char reason[RECOVER_NOTE_BYTES / 2];

	while (scan->from.tail.next_lsn > 0) {
		const uint64_t next_lsn = scan->from.tail.next_lsn;
		const int loaded = load_one(dir, lane, next_lsn, shard, reason, sizeof(reason));
		int rc;

		if (loaded == 0)
			return 0;
		shard_clear(shard);
		if (loaded != -EBADMSG)
			scan->unread = loaded;
		rc = begin_below(dir, lane, next_lsn, scan, error, error_bytes);
		if (rc == -EBADMSG && scan->unread != 0) {
			/* Nobody knows whether one is good. */
			snprintf(
				error, error_bytes,
				"lane %u: segment 0 is missing, and a checkpoint of what was in it "
				"cannot be read: %s (%s); check the disk, then start again",
				lane, safe_strerror(scan->unread), reason);
			return scan->unread;
		}
		if (rc != 0) {
			const size_t used = strlen(error);

			snprintf(error + used, error_bytes - used, " (%s)", reason);
			return rc;
		}
		snprintf(scan->note, sizeof(scan->note), "lane %u: passed over a checkpoint: %s",
			 lane, reason);
	}
	return 0;
}

int recover_lane_files(struct lane_files *files, uint64_t journal_id, uint16_t lane,
		       const struct recover_scan *scan, struct shard *shard, char *error,
		       size_t error_bytes)
{
	struct lane_reader *reader = NULL;
	char path[sizeof(files->path)];
	int rc;

	memcpy(path, files->path, sizeof(path));
	rc = lane_reader_open_at(&reader, files, journal_id, lane, &scan->from, error, error_bytes);
	while (rc == 0 && shard_next_lsn(shard) < scan->tail.next_lsn) {
		const struct block_header *block;
		const struct record *records;

		switch (lane_reader_next(reader, &block, &records, error, error_bytes)) {
		case LANE_BLOCK:
			rc = recover_apply(shard, block, records, path, error, error_bytes);
			break;
		case LANE_CORRUPT:
			rc = -EBADMSG;
			break;
		case LANE_ERROR:
			rc = -EIO;
			break;
		case LANE_TORN:
		case LANE_END:
			rc = -EBADMSG;
			snprintf(error, error_bytes,
				 "%s: ends at LSN %" PRIu64 ", a moment ago it had LSN %" PRIu64
				 "; somebody else changes it: stop that",
				 path, shard_next_lsn(shard) - 1, scan->tail.next_lsn - 1);
			break;
		}
	}
	lane_reader_close(reader);
	return rc;
}

static int load_and_apply(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
			  struct shard *shard, char *error, size_t error_bytes)
{
	struct lane_files *files = NULL;
	int rc = recover_load(dir, lane, scan, shard, error, error_bytes);

	if (rc == 0)
		rc = data_dir_open_lane(dir, lane, &files, error, error_bytes);
	if (rc != 0)
		return rc;
	return recover_lane_files(files, dir->journal_id, lane, scan, shard, error, error_bytes);
}

int recover_lane(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, char *error, size_t error_bytes)
{
	for (;;) {
		int rc = load_and_apply(dir, lane, scan, shard, error, error_bytes);

		if (rc == 0 || !recover_changed(dir, lane, &scan->seen))
			return rc;
		recover_look(dir, lane, &scan->seen);
		shard_clear(shard);
		rc = begin_below(dir, lane, scan->tail.next_lsn + 1, scan, error, error_bytes);
		if (rc != 0)
			return rc;
	}
}

/* 1 if nothing but zeros lies behind an offset of a segment, 0 if something does, or -errno. */
static int rest_is_empty(struct lane_files *files, uint64_t segment, uint64_t at, uint8_t *bytes)
{
	const int64_t end = files->ops->size(files, segment);

	if (end < 0)
		return (int)end;
	for (; at < (uint64_t)end; at += BLOCK_BYTES_MAX) {
		const int64_t got = files->ops->read(files, segment, bytes, BLOCK_BYTES_MAX, at);

		if (got <= 0)
			return got < 0 ? (int)got : -EIO;
		if (bytes[0] != 0 || memcmp(bytes, bytes + 1, (size_t)got - 1) != 0)
			return 0;
	}
	return 1;
}

/* Zeros the tail's segment behind the tail, if it isn't zero, and syncs it in any case: what was
 * read there may so far be only in the disk's cache. */
static int cut_segment(struct lane_files *files, const struct lane_tail *tail, uint8_t *bytes)
{
	const int64_t end = files->ops->size(files, tail->segment);
	const int empty =
		end < 0 ? (int)end : rest_is_empty(files, tail->segment, tail->offset, bytes);

	if (empty < 0)
		return empty;
	return files->ops->zero(files, tail->segment, empty == 1 ? (uint64_t)end : tail->offset);
}

/* Takes away the later segments from the first that holds something on, the last one first, so that
 * there is no gap whenever this is interrupted. */
static int cut_later_segments(struct lane_files *files, const uint64_t *numbers, int64_t cnt,
			      uint64_t tail_segment, uint8_t *bytes)
{
	int64_t keep_cnt = 0;
	int rc = 1;

	while (keep_cnt < cnt && rc == 1) {
		if (numbers[keep_cnt] > tail_segment)
			rc = rest_is_empty(files, numbers[keep_cnt], BLOCK_ALIGN_BYTES, bytes);
		keep_cnt += rc == 1;
	}
	for (rc = rc < 0 ? rc : 0; rc == 0 && cnt > keep_cnt; cnt--)
		rc = files->ops->remove(files, numbers[cnt - 1]);
	return rc;
}

/*
 * Writes again what was in flight when the lane was left, as it was read, and the zeros that follow
 * it: some of it may be in a cache only, or nowhere after a sync that failed in a start before this
 * one. What a crash in here leaves of a sector is what was there.
 */
static int renew_end(struct lane_files *files, const uint64_t *numbers, int64_t cnt,
		     const struct lane_tail *tail)
{
	uint64_t left = IN_FLIGHT_BYTES_MAX;
	int rc = 0;

	for (int64_t i = cnt - 1; i >= 0 && left > 0 && rc == 0; i--) {
		const bool last = numbers[i] == tail->segment;
		const int64_t bytes = files->ops->size(files, numbers[i]);
		uint64_t end = bytes < 0 ? 0 : (uint64_t)bytes;
		uint64_t begin = last ? tail->offset : end;

		if (numbers[i] > tail->segment)
			continue;
		/* Pruned meanwhile, as a checkpoint behind it is on disk. */
		if (bytes == -ENOENT && !last)
			break;
		if (bytes < 0)
			return (int)bytes;
		if (last && end - begin > IN_FLIGHT_BYTES_MAX)
			end = begin + IN_FLIGHT_BYTES_MAX;

		const uint64_t blocks = begin > BLOCK_ALIGN_BYTES ? begin - BLOCK_ALIGN_BYTES : 0;
		const uint64_t back = blocks < left ? blocks : left;

		begin -= back;
		left -= back;
		rc = files->ops->renew(files, numbers[i], begin, end);
		if (rc == -ENOENT && !last)
			rc = 0;
	}
	return rc;
}

/* The same for the segments before, as far back as what was in flight can reach. */
static int sync_segments_before(struct lane_files *files, const uint64_t *numbers, int64_t cnt,
				uint64_t tail_segment)
{
	int rc = 0;

	for (int64_t i = 0; i < cnt && numbers[i] < tail_segment && rc == 0; i++) {
		if (numbers[i] + WRITES_IN_FLIGHT_MAX < tail_segment)
			continue;

		const int64_t end = files->ops->size(files, numbers[i]);

		rc = end < 0 ? (int)end : files->ops->zero(files, numbers[i], (uint64_t)end);
		/* Pruned meanwhile, as a checkpoint behind it is on disk. */
		if (rc == -ENOENT)
			rc = 0;
	}
	return rc;
}

static int cut(struct lane_files *files, const struct lane_tail *tail)
{
	uint8_t *bytes = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_BYTES_MAX);
	uint64_t *numbers = NULL;
	const int64_t cnt = files->ops->list(files, &numbers);
	int rc = cnt < 0 ? (int)cnt : 0;

	if (bytes == NULL)
		rc = -ENOMEM;
	if (rc == 0)
		rc = cut_later_segments(files, numbers, cnt, tail->segment, bytes);
	if (rc == 0)
		rc = renew_end(files, numbers, cnt, tail);
	if (rc == 0)
		rc = sync_segments_before(files, numbers, cnt, tail->segment);
	if (rc == 0 && cnt > 0)
		rc = cut_segment(files, tail, bytes);
	free(numbers);
	free(bytes);
	return rc;
}

int recover_cut_files(struct lane_files *files, const struct lane_tail *tail, char *error,
		      size_t error_bytes)
{
	const int rc = cut(files, tail);

	if (rc != 0)
		snprintf(error, error_bytes,
			 "%s: cannot be cut at its end (segment %" PRIu64 ", offset %" PRIu64
			 "): %s; check the disk and its permissions",
			 files->path, tail->segment, tail->offset, safe_strerror(rc));
	files->ops->close(files);
	return rc;
}

int recover_cut(const struct data_dir *dir, uint16_t lane, const struct lane_tail *tail,
		char *error, size_t error_bytes)
{
	struct lane_files *files = NULL;
	const int rc = data_dir_open_lane(dir, lane, &files, error, error_bytes);

	CHECK(dir->lock_fd >= 0);
	return rc != 0 ? rc : recover_cut_files(files, tail, error, error_bytes);
}
