#include "engine/recover/cut.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"

enum {
	/* What a writer has in flight at most. */
	IN_FLIGHT_BYTES_MAX = WRITES_IN_FLIGHT_MAX * BLOCK_BYTES_MAX,
};

/* 1 if there are only zeros after an offset of a segment, 0 if not, or -errno. */
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

/* Zeros the tail's segment after the tail, if it isn't zero, and syncs it in any case: what was
 * read there may so far be only in the disk's cache. */
static int cut_segment(struct lane_files *files, const struct lane_tail *tail, uint8_t *bytes)
{
	const int64_t end = files->ops->size(files, tail->place.segment);
	const int empty =
		end < 0 ? (int)end
			: rest_is_empty(files, tail->place.segment, tail->place.offset, bytes);

	if (empty < 0)
		return empty;
	return files->ops->zero(files, tail->place.segment,
				empty == 1 ? (uint64_t)end : tail->place.offset);
}

/* Removes the later segments, beginning with the first that holds something. The last one goes
 * first, so that an interruption leaves no gap. */
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
 * Writes again, as it was read, what was in flight when the lane's writer ended, and the zeros
 * after it. Some of it may be only in a cache, or nowhere if a sync of an earlier start failed. A
 * crash in here does no harm: each sector is written as it was.
 */
static int renew_end(struct lane_files *files, const uint64_t *numbers, int64_t cnt,
		     const struct lane_tail *tail)
{
	uint64_t left = IN_FLIGHT_BYTES_MAX;
	int rc = 0;

	for (int64_t i = cnt - 1; i >= 0 && left > 0 && rc == 0; i--) {
		const bool last = numbers[i] == tail->place.segment;
		const int64_t bytes = files->ops->size(files, numbers[i]);
		uint64_t end = bytes < 0 ? 0 : (uint64_t)bytes;
		uint64_t begin = last ? tail->place.offset : end;

		if (numbers[i] > tail->place.segment)
			continue;
		/* Pruned meanwhile: a later checkpoint is on disk. */
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

/* The same for the segments before, as far back as writes could be in flight. */
static int sync_segments_before(struct lane_files *files, const uint64_t *numbers, int64_t cnt,
				uint64_t tail_segment)
{
	int rc = 0;

	for (int64_t i = 0; i < cnt && numbers[i] < tail_segment && rc == 0; i++) {
		if (numbers[i] + WRITES_IN_FLIGHT_MAX < tail_segment)
			continue;

		const int64_t end = files->ops->size(files, numbers[i]);

		rc = end < 0 ? (int)end : files->ops->zero(files, numbers[i], (uint64_t)end);
		/* Pruned meanwhile: a later checkpoint is on disk. */
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
		rc = cut_later_segments(files, numbers, cnt, tail->place.segment, bytes);
	if (rc == 0)
		rc = renew_end(files, numbers, cnt, tail);
	if (rc == 0)
		rc = sync_segments_before(files, numbers, cnt, tail->place.segment);
	if (rc == 0 && cnt > 0)
		rc = cut_segment(files, tail, bytes);
	free(numbers);
	free(bytes);
	return rc;
}

int recover_cut_files(struct lane_files *files, const struct lane_tail *tail, struct error *error)
{
	const int rc = cut(files, tail);

	if (rc != 0)
		error_set(error,
			  "%s: cannot be cut at its end (segment %" PRIu64 ", offset %" PRIu64
			  "): %s; check the disk and its permissions",
			  files->path, tail->place.segment, tail->place.offset, safe_strerror(rc));
	files->ops->close(files);
	return rc;
}

int recover_cut(const struct data_dir *dir, uint16_t lane, const struct lane_tail *tail,
		struct error *error)
{
	struct lane_files *files = NULL;
	const int rc = data_dir_open_lane(dir, lane, &files, error);

	CHECK(dir->lock_fd >= 0);
	return rc != 0 ? rc : recover_cut_files(files, tail, error);
}
