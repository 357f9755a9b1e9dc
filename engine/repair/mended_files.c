#include "engine/repair/mended_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"
#include "engine/repair/fault_list.h"

/* For the time of mended_files_open; afterwards only `real` and the fields in the header are used.
 */
struct mending {
	struct mended_files mended; /* first */
	struct lane_files *real;    /* the files as they are; only read */
	struct mended_segment *segments;
	struct fault_list faults;
};

/* Each reader has one of its own. */
struct view {
	struct lane_files files; /* first */
	const struct mended_files *mended;
	struct lane_files *real;
};

static const struct view *view_of(const struct lane_files *files)
{
	return (const struct view *)files;
}

const struct mended_segment *mended_files_segment(const struct mended_files *mended,
						  uint64_t number)
{
	const struct mended_segment *segments = mended->segments;
	/* Without a gap a segment's number is its index; after a gap it is higher. */
	uint64_t i = number < mended->segment_cnt ? number + 1 : mended->segment_cnt;

	while (i > 0 && segments[i - 1].number > number)
		i--;
	return i > 0 && segments[i - 1].number == number ? &segments[i - 1] : NULL;
}

static int64_t view_list(struct lane_files *files, uint64_t **numbers)
{
	const struct mended_files *mended = view_of(files)->mended;
	uint64_t *found = calloc(mended->segment_cnt + 1, sizeof(*found));
	uint64_t cnt = 0;

	if (found == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < mended->segment_cnt; i++) {
		if (mended->segments[i].number == mended->first + cnt)
			found[cnt] = mended->first + cnt, cnt++;
	}
	CHECK(cnt <= mended->segment_cnt);
	*numbers = found;
	return (int64_t)cnt;
}

static int64_t view_size(struct lane_files *files, uint64_t number)
{
	const struct mended_segment *segment = mended_files_segment(view_of(files)->mended, number);

	return segment != NULL ? (int64_t)segment->bytes : -ENOENT;
}

static int64_t view_read(struct lane_files *files, uint64_t number, void *buffer, size_t bytes,
			 uint64_t offset)
{
	const struct view *view = view_of(files);
	const struct mended_files *mended = view->mended;
	const struct mended_segment *segment = mended_files_segment(mended, number);
	int64_t got = 0;

	if (segment == NULL)
		return -ENOENT;
	if (offset >= segment->bytes)
		return 0;
	if (bytes > segment->bytes - offset)
		bytes = segment->bytes - offset;
	if (offset < segment->file_bytes)
		got = view->real->ops->read(view->real, number, buffer, bytes, offset);
	if (got < 0)
		return got;
	CHECK((uint64_t)got <= bytes);
	/* If the file has become shorter, zeros must not hide that. */
	if ((uint64_t)got < bytes && offset + (uint64_t)got < segment->file_bytes)
		return -EIO;
	memset((uint8_t *)buffer + got, 0, bytes - (size_t)got);
	if (offset == 0 && segment->wrong) {
		memset(buffer, 0, BLOCK_ALIGN_BYTES);
		segment_header_fill(buffer, mended->journal_id, mended->lane, number,
				    segment->bytes);
	}
	return (int64_t)bytes;
}

static void view_close(struct lane_files *files)
{
	free(files);
}

static const struct lane_files_ops view_ops = {
	.list = view_list,
	.size = view_size,
	.read = view_read,
	.close = view_close,
};

struct lane_files *mended_files_view(const struct mended_files *mended)
{
	const struct mending *mending = (const struct mending *)mended;
	struct view *view = calloc(1, sizeof(*view));

	CHECK(view != NULL);
	view->files.ops = &view_ops;
	snprintf(view->files.path, sizeof(view->files.path), "%s", mended->path);
	view->mended = mended;
	view->real = mending->real;
	return &view->files;
}

/* The size that a segment should have: what its header says; or, if that is NULL, as wrong, by the
 * size of the file. */
static uint64_t right_bytes(const struct segment_header *header, uint64_t file_bytes)
{
	const uint64_t whole = (file_bytes + BLOCK_ALIGN_BYTES - 1) & ~(BLOCK_ALIGN_BYTES - 1ULL);

	CHECK(whole % BLOCK_ALIGN_BYTES == 0 && whole >= file_bytes);
	if (header != NULL)
		return header->segment_bytes;
	if (whole < SEGMENT_BYTES_MIN)
		return SEGMENT_BYTES_MIN;
	return whole < SEGMENT_BYTES_MAX ? whole : SEGMENT_BYTES_MAX;
}

static void judge_segment(struct mending *mending, struct mended_segment *segment,
			  const struct segment_header *header, uint64_t bytes_min)
{
	const char *why = segment_header_wrong(header, mending->mended.journal_id,
					       mending->mended.lane, segment->number);
	struct lane_fault fault = {.place.segment = segment->number};

	if (why == NULL && header->segment_bytes < bytes_min)
		why = "it is smaller than a checkpoint says";
	segment->bytes = right_bytes(why == NULL ? header : NULL, segment->file_bytes);
	if (segment->bytes < bytes_min)
		segment->bytes = bytes_min;
	CHECK(segment->bytes >= bytes_min);
	segment->wrong = why != NULL || segment->bytes != segment->file_bytes;
	if (!segment->wrong)
		return;
	if (why == NULL)
		snprintf(fault.text, sizeof(fault.text), "%" PRIu64 " bytes are left of %" PRIu64,
			 segment->file_bytes, segment->bytes);
	else
		snprintf(fault.text, sizeof(fault.text), "%s", why);
	fault_list_add(&mending->faults, &fault);
}

/* 0 or -errno. */
static int look_at_segment(struct mending *mending, uint64_t number, uint64_t bytes_min,
			   uint8_t *unit)
{
	struct lane_files *real = mending->real;
	const uint64_t idx = mending->mended.segment_cnt++;
	struct mended_segment *segment = &mending->segments[idx];
	const int64_t file_bytes = real->ops->size(real, number);
	int64_t got = 0;

	if (file_bytes < 0)
		return (int)file_bytes;
	CHECK(idx == 0 || segment[-1].number < number);
	segment->number = number;
	segment->file_bytes = (uint64_t)file_bytes;
	memset(unit, 0, BLOCK_ALIGN_BYTES);
	if (file_bytes > 0)
		got = real->ops->read(real, number, unit, BLOCK_ALIGN_BYTES, 0);
	if (got < 0)
		return (int)got;
	judge_segment(mending, segment, (const struct segment_header *)unit, bytes_min);
	return 0;
}

static int look_at_segments(struct mending *mending, const uint64_t *numbers, uint64_t cnt,
			    bool settle, struct error *error)
{
	const struct mended_files *mended = &mending->mended;
	struct lane_files *real = mending->real;
	uint8_t *unit = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	/* Segments that were pruned are not missing. */
	uint64_t expected = cnt > 0 && numbers[0] < mended->first ? numbers[0] : mended->first;
	int rc = 0;

	mending->segments = calloc(cnt + 1, sizeof(*mending->segments));
	CHECK(unit != NULL && mending->segments != NULL);
	for (uint64_t i = 0; i < cnt && rc == 0; i++) {
		struct lane_fault gap = {.place.segment = expected};

		if (settle)
			rc = real->ops->settle(real, numbers[i]);
		if (rc == 0)
			rc = look_at_segment(
				mending, numbers[i],
				numbers[i] == mended->first ? mended->base.tail.place.offset : 0,
				unit);
		if (rc != 0)
			error_set(error, "%s: segment %" PRIu64 " %s: %s", mended->path, numbers[i],
				  rc == -EBUSY ? "is still being written by another process; stop "
						 "it, or wait for its disk"
					       : "cannot be read",
				  safe_strerror(rc));
		if (rc == 0 && numbers[i] != expected) {
			snprintf(gap.text, sizeof(gap.text),
				 "it is missing, and segment %" PRIu64 " is there", numbers[i]);
			fault_list_add(&mending->faults, &gap);
		}
		expected = numbers[i] + 1;
	}
	free(unit);
	return rc;
}

static int look(struct mending *mending, bool settle, struct error *error)
{
	static const struct lane_fault nothing = {
		.text = "the whole directory of the lane is missing; is its disk mounted?"};
	struct lane_files *real = mending->real;
	uint64_t *numbers = NULL;
	const int64_t cnt = real->ops->list(real, &numbers);
	int rc;

	CHECK(mending->segments == NULL && mending->faults.cnt == 0);
	if (cnt == -ENOENT) {
		mending->mended.missing = true;
		fault_list_add(&mending->faults, &nothing);
		return 0;
	}
	if (cnt < 0) {
		error_set(error, "%s: cannot be read: %s", real->path, safe_strerror((int)cnt));
		return (int)cnt;
	}
	rc = look_at_segments(mending, numbers, (uint64_t)cnt, settle, error);
	free(numbers);
	return rc;
}

int mended_files_open(struct mended_files **out, struct lane_files *real, uint64_t journal_id,
		      uint16_t lane, bool settle, const struct lane_position *base,
		      struct error *error)
{
	struct mending *mending = calloc(1, sizeof(*mending));
	struct mended_files *mended;
	int rc;

	CHECK(mending != NULL);
	mended = &mending->mended;
	mending->real = real;
	snprintf(mended->path, sizeof(mended->path), "%s", real->path);
	mended->journal_id = journal_id;
	mended->lane = lane;
	if (base != NULL)
		mended->base = *base;
	mended->first = mended->base.tail.place.segment;
	rc = look(mending, settle, error);
	mended->segments = mending->segments;
	mended->faults = mending->faults.faults;
	mended->fault_cnt = mending->faults.cnt;
	CHECK(!mended->missing || mended->segment_cnt == 0);
	if (rc != 0)
		mended_files_close(mended);
	else
		*out = mended;
	return rc;
}

void mended_files_close(struct mended_files *mended)
{
	struct mending *mending = (struct mending *)mended;

	if (mended == NULL)
		return;
	CHECK(mending->real != NULL);
	mending->real->ops->close(mending->real);
	free(mending->segments);
	fault_list_free(&mending->faults);
	free(mending);
}
