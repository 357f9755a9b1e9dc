#include "engine/repair/anchor_block.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"
#include "engine/repair/segment_file.h"

/* The place of the next block after the base. */
static struct lane_place anchor_place(const struct plan *plan)
{
	const struct lane_tail *base = &plan->files->base.tail;
	const struct mended_segment *segment =
		mended_files_segment(plan->files, base->place.segment);

	/* One that is missing is made as long as it must be. */
	const uint64_t bytes = segment != NULL ? segment->bytes : SEGMENT_BYTES_MAX;

	CHECK(plan->anchors && base->place.offset > 0);
	if (base->place.offset + BLOCK_ALIGN_BYTES <= bytes)
		return base->place;
	return (struct lane_place){base->place.segment + 1, BLOCK_ALIGN_BYTES};
}

static void fill_block(const struct plan *plan, struct lane_place place, struct block_header *block)
{
	const struct mended_files *lane = plan->files;
	const struct lane_tail *base = &lane->base.tail;

	/* It chains to the checkpoint, and no block that is kept follows it. */
	CHECK(base->next_lsn == plan->damage->tail.next_lsn);

	CHECK(place.offset >= BLOCK_ALIGN_BYTES && place.offset % BLOCK_ALIGN_BYTES == 0);
	memset(block, 0, BLOCK_ALIGN_BYTES);
	*block = (struct block_header){
		.magic = BLOCK_MAGIC,
		.format = JOURNAL_FORMAT,
		.lane = lane->lane,
		.prev_checksum = base->prev_checksum,
		.first_lsn = base->next_lsn,
		.durable_lsn = base->next_lsn - 1,
		.written_at_ns = base->last_at_ns,
		.block_bytes = BLOCK_ALIGN_BYTES,
	};
	block->checksum =
		block_checksum(block, block_seed(lane->journal_id, lane->lane, place.segment,
						 place.offset, base->next_lsn));
}

void anchor_block_end(const struct plan *plan, struct lane_tail *end)
{
	_Alignas(8) uint8_t unit[BLOCK_ALIGN_BYTES];
	struct lane_place place;

	*end = plan->damage->tail;
	if (!plan->anchors)
		return;
	place = anchor_place(plan);
	fill_block(plan, place, (struct block_header *)unit);
	CHECK(place.segment >= plan->files->first);
	end->place.segment = place.segment;
	end->place.offset = place.offset + BLOCK_ALIGN_BYTES;
	end->prev_checksum = ((struct block_header *)unit)->checksum;
}

/* The size of a new segment: that of the others, if they are big enough. */
static uint64_t new_segment_bytes(const struct mended_files *lane, uint64_t least_bytes)
{
	uint64_t bytes = 0;

	CHECK(least_bytes >= SEGMENT_BYTES_MIN);
	for (uint64_t i = 0; i < lane->segment_cnt; i++) {
		if (!lane->segments[i].wrong && lane->segments[i].bytes >= least_bytes)
			bytes = lane->segments[i].bytes;
	}
	if (bytes > 0)
		return bytes;
	return least_bytes > SEGMENT_BYTES ? least_bytes : SEGMENT_BYTES;
}

static int make_segment(struct lane_files *real, const struct mended_files *lane,
			struct lane_place place)
{
	const uint64_t wanted_bytes = place.offset + UINT64_C(2) * BLOCK_ALIGN_BYTES;
	const struct mended_segment segment = {
		.number = place.segment,
		.bytes = new_segment_bytes(
			lane, wanted_bytes < SEGMENT_BYTES_MAX ? wanted_bytes : SEGMENT_BYTES_MAX),
	};
	char path[SEGMENT_PATH_BYTES];
	int rc;
	int fd;

	segment_path(lane->path, place.segment, path);
	fd = safe_make(path, O_WRONLY);
	if (fd < 0)
		return fd == -EEXIST ? 0 : fd;
	close(fd);
	rc = directory_sync(lane->path);
	return rc == 0 ? lane_mend_segment(real, lane, &segment) : rc;
}

int anchor_block_write(struct lane_files *real, const struct plan *plan)
{
	_Alignas(8) uint8_t unit[BLOCK_ALIGN_BYTES];
	struct lane_place place;
	int rc;
	int fd;

	if (!plan->anchors)
		return 0;
	CHECK(plan->damage->base == DAMAGE_BASE_LOST);
	place = anchor_place(plan);
	rc = make_segment(real, plan->files, place);
	if (rc != 0)
		return rc;
	fill_block(plan, place, (struct block_header *)unit);
	fd = segment_file_open(plan->files, place.segment);
	return fd < 0 ? fd
		      : segment_file_close(fd, file_write(fd, unit, sizeof(unit), place.offset));
}

/* Writes zeros from the segment's header up to where the lane begins. */
static int empty_before(const struct plan *plan)
{
	static const uint8_t zeros[BLOCK_BYTES_MAX];
	const struct lane_position *base = &plan->files->base;
	const uint64_t end = plan->damage->base == DAMAGE_BASE_WHOLE ? base->block_offset
								     : base->tail.place.offset;
	const int fd = segment_file_open(plan->files, base->tail.place.segment);
	int rc = 0;

	if (fd < 0)
		return fd;
	CHECK(end >= BLOCK_ALIGN_BYTES);
	for (uint64_t at = BLOCK_ALIGN_BYTES; at < end && rc == 0;) {
		const uint64_t bytes = end - at < sizeof(zeros) ? end - at : sizeof(zeros);

		rc = file_write(fd, zeros, bytes, at);
		at += bytes;
	}
	return segment_file_close(fd, rc);
}

int anchor_block_trim(struct lane_files *real, const struct plan *plan)
{
	const struct mended_files *lane = plan->files;
	int rc = 0;

	if (!plan->trims)
		return 0;
	CHECK(mended_files_has_base(lane));
	for (uint64_t i = 0; i < lane->segment_cnt && rc == 0; i++) {
		if (lane->segments[i].number < lane->first)
			rc = real->ops->remove(real, lane->segments[i].number);
	}
	return rc == 0 ? empty_before(plan) : rc;
}
