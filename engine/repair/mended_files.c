#include "engine/repair/mended_files.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"

static struct mended_files *of(struct lane_files *files)
{
	return (struct mended_files *)files;
}

struct mended_segment *mended_files_segment(struct mended_files *mended, uint64_t number)
{
	/* Without a gap a segment's number is its index; behind a gap it is higher. */
	uint64_t i = number < mended->segment_cnt ? number + 1 : mended->segment_cnt;

	while (i > 0 && mended->segments[i - 1].number > number)
		i--;
	return i > 0 && mended->segments[i - 1].number == number ? &mended->segments[i - 1] : NULL;
}

static int64_t mended_list(struct lane_files *files, uint64_t **numbers)
{
	const struct mended_files *mended = of(files);
	uint64_t *found = calloc(mended->segment_cnt + 1, sizeof(*found));
	uint64_t cnt = 0;

	if (found == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < mended->segment_cnt; i++) {
		if (mended->segments[i].number == mended->first + cnt)
			found[cnt] = mended->first + cnt, cnt++;
	}
	*numbers = found;
	return (int64_t)cnt;
}

static int64_t mended_size(struct lane_files *files, uint64_t number)
{
	const struct mended_segment *segment = mended_files_segment(of(files), number);

	return segment != NULL ? (int64_t)segment->bytes : -ENOENT;
}

static int64_t mended_read(struct lane_files *files, uint64_t number, void *buffer, size_t bytes,
			   uint64_t offset)
{
	struct mended_files *mended = of(files);
	const struct mended_segment *segment = mended_files_segment(mended, number);
	int64_t got = 0;

	if (segment == NULL)
		return -ENOENT;
	if (offset >= segment->bytes)
		return 0;
	if (bytes > segment->bytes - offset)
		bytes = segment->bytes - offset;
	if (offset < segment->file_bytes)
		got = mended->base->ops->read(mended->base, number, buffer, bytes, offset);
	if (got < 0)
		return got;
	/* Fewer bytes than the file had a moment ago would be lost without a word. */
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

/* It ends with mended_files_close. */
static void mended_end(struct lane_files *files)
{
	(void)files;
}

static const struct lane_files_ops mended_ops = {
	.list = mended_list,
	.size = mended_size,
	.read = mended_read,
	.close = mended_end,
};

void mended_files_fault(struct mended_files *mended, const struct lane_fault *fault)
{
	struct lane_fault *more =
		reallocarray(mended->faults, mended->fault_cnt + 1, sizeof(*more));
	uint64_t at = mended->fault_cnt++;

	CHECK(more != NULL);
	mended->faults = more;
	for (; at > 0 &&
	       (more[at - 1].segment > fault->segment ||
		(more[at - 1].segment == fault->segment && more[at - 1].offset > fault->offset));
	     at--)
		more[at] = more[at - 1];
	more[at] = *fault;
}

void mended_files_merge(struct mended_files *mended, const struct mended_files *other)
{
	for (uint64_t i = 0; i < other->fault_cnt; i++) {
		const struct lane_fault *fault = &other->faults[i];
		bool known = false;

		for (uint64_t j = 0; j < mended->fault_cnt && !known; j++)
			known = mended->faults[j].segment == fault->segment &&
				strcmp(mended->faults[j].text, fault->text) == 0;
		if (!known)
			mended_files_fault(mended, fault);
	}
}

/* The size a segment should have: what its header says, if that can be believed. */
static uint64_t right_bytes(const struct segment_header *header, uint64_t file_bytes)
{
	const uint64_t whole = (file_bytes + BLOCK_ALIGN_BYTES - 1) & ~(BLOCK_ALIGN_BYTES - 1ULL);

	if (header != NULL)
		return header->segment_bytes;
	if (whole < SEGMENT_BYTES_MIN)
		return SEGMENT_BYTES_MIN;
	return whole < SEGMENT_BYTES_MAX ? whole : SEGMENT_BYTES_MAX;
}

static void judge_segment(struct mended_files *mended, struct mended_segment *segment,
			  const struct segment_header *header, uint64_t bytes_min)
{
	const char *why =
		segment_header_wrong(header, mended->journal_id, mended->lane, segment->number);
	struct lane_fault fault = {.segment = segment->number};

	if (why == NULL && header->segment_bytes < bytes_min)
		why = "it is smaller than a checkpoint tells";
	segment->bytes = right_bytes(why == NULL ? header : NULL, segment->file_bytes);
	if (segment->bytes < bytes_min)
		segment->bytes = bytes_min;
	segment->wrong = why != NULL || segment->bytes != segment->file_bytes;
	if (!segment->wrong)
		return;
	if (why == NULL)
		snprintf(fault.text, sizeof(fault.text), "%" PRIu64 " bytes are left of %" PRIu64,
			 segment->file_bytes, segment->bytes);
	else
		snprintf(fault.text, sizeof(fault.text), "%s", why);
	mended_files_fault(mended, &fault);
}

/* 0 or -errno. */
static int look_at_segment(struct mended_files *mended, uint64_t number, uint64_t bytes_min,
			   uint8_t *unit)
{
	struct lane_files *base = mended->base;
	struct mended_segment *segment = &mended->segments[mended->segment_cnt++];
	const int64_t file_bytes = base->ops->size(base, number);
	int64_t got = 0;

	if (file_bytes < 0)
		return (int)file_bytes;
	segment->number = number;
	segment->file_bytes = (uint64_t)file_bytes;
	memset(unit, 0, BLOCK_ALIGN_BYTES);
	if (file_bytes > 0)
		got = base->ops->read(base, number, unit, BLOCK_ALIGN_BYTES, 0);
	if (got < 0)
		return (int)got;
	judge_segment(mended, segment, (const struct segment_header *)unit, bytes_min);
	return 0;
}

static int look_at_segments(struct mended_files *mended, const uint64_t *numbers, uint64_t cnt,
			    bool settle, const struct lane_position *from, struct error *error)
{
	uint8_t *unit = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	/* What was pruned is not missing. */
	uint64_t expected = cnt > 0 && numbers[0] < mended->first ? numbers[0] : mended->first;
	int rc = 0;

	mended->segments = calloc(cnt + 1, sizeof(*mended->segments));
	CHECK(unit != NULL && mended->segments != NULL);
	for (uint64_t i = 0; i < cnt && rc == 0; i++) {
		struct lane_fault gap = {.segment = expected};

		if (settle)
			rc = mended->base->ops->settle(mended->base, numbers[i]);
		if (rc == 0)
			rc = look_at_segment(
				mended, numbers[i],
				from != NULL && numbers[i] == mended->first ? from->tail.offset : 0,
				unit);
		if (rc != 0)
			error_set(error, "%s: segment %" PRIu64 " %s: %s", mended->base->path,
				  numbers[i],
				  rc == -EBUSY ? "is still being written by another process; stop "
						 "it, or wait for its disk"
					       : "cannot be read",
				  safe_strerror(rc));
		if (rc == 0 && numbers[i] != expected) {
			snprintf(gap.text, sizeof(gap.text),
				 "it is missing, and segment %" PRIu64 " is there", numbers[i]);
			mended_files_fault(mended, &gap);
		}
		expected = numbers[i] + 1;
	}
	free(unit);
	return rc;
}

static int look(struct mended_files *mended, bool settle, const struct lane_position *from,
		struct error *error)
{
	static const struct lane_fault nothing = {
		.text = "the whole directory of the lane is missing; is its disk mounted?"};
	uint64_t *numbers = NULL;
	const int64_t cnt = mended->base->ops->list(mended->base, &numbers);
	int rc;

	if (cnt == -ENOENT) {
		mended->missing = true;
		mended_files_fault(mended, &nothing);
		return 0;
	}
	if (cnt < 0) {
		error_set(error, "%s: cannot be read: %s", mended->base->path,
			  safe_strerror((int)cnt));
		return (int)cnt;
	}
	rc = look_at_segments(mended, numbers, (uint64_t)cnt, settle, from, error);
	free(numbers);
	return rc;
}

int mended_files_open(struct mended_files **out, struct lane_files *base, uint64_t journal_id,
		      uint16_t lane, bool settle, const struct lane_position *from,
		      struct error *error)
{
	struct mended_files *mended = calloc(1, sizeof(*mended));
	int rc;

	CHECK(mended != NULL);
	mended->files.ops = &mended_ops;
	snprintf(mended->files.path, sizeof(mended->files.path), "%s", base->path);
	mended->base = base;
	mended->journal_id = journal_id;
	mended->lane = lane;
	mended->first = from != NULL ? from->tail.segment : 0;
	rc = look(mended, settle, from, error);
	if (rc != 0)
		mended_files_close(mended);
	else
		*out = mended;
	return rc;
}

void mended_files_close(struct mended_files *mended)
{
	if (mended == NULL)
		return;
	mended->base->ops->close(mended->base);
	free(mended->segments);
	free(mended->faults);
	free(mended);
}
