#include "engine/repair/damage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"

enum {
	WINDOW_BYTES = 1 << 20,
};

static void count_records(struct lane_salvage *salvage, const struct record *records, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		salvage->order_cnt += records[i].kind == RECORD_ORDER;
		salvage->offer_cnt += records[i].kind == RECORD_OFFER;
	}
}

static int read_good_part(struct lane_salvage *salvage, struct lane_reader *reader,
			  uint64_t cut_lsn, char *error, size_t error_bytes)
{
	const struct block_header *block;
	const struct record *records;

	for (;;) {
		const enum lane_read read =
			lane_reader_next(reader, &block, &records, error, error_bytes);

		switch (read) {
		case LANE_BLOCK:
			if (cut_lsn > 0 && block->first_lsn + block->record_cnt > cut_lsn)
				return 0;
			lane_reader_tail(reader, &salvage->tail);
			salvage->watermark_lsn = block->durable_lsn;
			count_records(salvage, records, block->record_cnt);
			break;
		case LANE_END:
		case LANE_TORN:
			salvage->torn = read == LANE_TORN && salvage->lane->fault_cnt == 0;
			return 0;
		case LANE_CORRUPT:
			lane_mended_fault(salvage->lane, lane_reader_fault(reader));
			return 0;
		case LANE_ERROR:
			return -EIO;
		}
	}
}

static int open_reader(struct lane_reader **out, struct lane_salvage *salvage, char *error,
		       size_t error_bytes)
{
	struct lane_mended *lane = salvage->lane;

	if (salvage->base.tail.offset > 0)
		return lane_reader_open_behind(out, &lane->files, lane->journal_id, lane->lane,
					       &salvage->base, error, error_bytes);
	return lane_reader_open_files(out, &lane->files, lane->journal_id, lane->lane, error,
				      error_bytes);
}

static int find_tail(struct lane_salvage *salvage, uint64_t cut_lsn, char *error,
		     size_t error_bytes)
{
	struct lane_reader *reader = NULL;
	int rc = open_reader(&reader, salvage, error, error_bytes);

	if (rc != 0)
		return rc;
	lane_reader_tail(reader, &salvage->tail);
	salvage->watermark_lsn = salvage->base.watermark_lsn;
	rc = read_good_part(salvage, reader, cut_lsn, error, error_bytes);
	lane_reader_close(reader);
	return rc;
}

/* What is behind the cut, read in windows. */
struct behind {
	struct lane_salvage *salvage;
	uint8_t *window;
	uint64_t segment;
	uint64_t offset; /* of the window */
	uint64_t bytes;  /* 0: nothing in it */
	char *error;
	size_t error_bytes;
};

static const uint8_t *view(struct behind *behind, uint64_t segment, uint64_t offset, uint64_t bytes)
{
	struct lane_files *files = &behind->salvage->lane->files;
	int64_t got;

	if (behind->bytes > 0 && behind->segment == segment && behind->offset <= offset &&
	    offset + bytes <= behind->offset + behind->bytes)
		return behind->window + (offset - behind->offset);
	behind->bytes = 0;
	got = files->ops->read(files, segment, behind->window, WINDOW_BYTES, offset);
	if (got < (int64_t)bytes) {
		snprintf(behind->error, behind->error_bytes,
			 "%s: segment %" PRIu64 ", offset %" PRIu64 ": cannot be read: %s",
			 files->path, segment, offset, safe_strerror(got < 0 ? (int)got : -EIO));
		return NULL;
	}
	behind->segment = segment;
	behind->offset = offset;
	behind->bytes = (uint64_t)got;
	return behind->window;
}

/* *block: the valid block at a place, or NULL. 0 or -EIO with a line. */
static int block_at(struct behind *behind, const struct mended_segment *segment, uint64_t offset,
		    const struct block_header **block)
{
	const struct lane_mended *lane = behind->salvage->lane;
	const uint64_t room_bytes = segment->bytes - offset;
	const struct block_header *header;

	*block = NULL;
	header = (const struct block_header *)view(behind, segment->number, offset,
						   BLOCK_ALIGN_BYTES);
	if (header == NULL)
		return -EIO;
	if (block_shape_wrong(header, lane->lane, room_bytes) != NULL)
		return 0;
	header = (const struct block_header *)view(behind, segment->number, offset,
						   header->block_bytes);
	if (header == NULL)
		return -EIO;
	if (header->checksum ==
	    block_checksum(header, block_seed(lane->journal_id, lane->lane, segment->number, offset,
					      header->first_lsn)))
		*block = header;
	return 0;
}

static void keep_block(struct lane_salvage *salvage, const struct block_header *block,
		       uint64_t segment, uint64_t offset)
{
	const uint64_t last_lsn = block->first_lsn + block->record_cnt - 1;

	/* Grows at powers of two. */
	if ((salvage->block_cnt & (salvage->block_cnt - 1)) == 0) {
		const uint64_t room = salvage->block_cnt == 0 ? 1 : salvage->block_cnt * 2;

		salvage->blocks = reallocarray(salvage->blocks, room, sizeof(*salvage->blocks));
		CHECK(salvage->blocks != NULL);
	}
	salvage->blocks[salvage->block_cnt++] = (struct salvage_block){
		.first_lsn = block->first_lsn,
		.segment = segment,
		.offset = offset,
		.record_cnt = block->record_cnt,
	};
	if (last_lsn > salvage->last_lsn)
		salvage->last_lsn = last_lsn;
	if (block->durable_lsn > salvage->watermark_lsn)
		salvage->watermark_lsn = block->durable_lsn;
}

static int look_behind_in(struct behind *behind, struct mended_segment *segment, uint64_t offset)
{
	struct lane_salvage *salvage = behind->salvage;

	segment->empty = true;
	while (offset < segment->bytes) {
		const struct block_header *block = NULL;
		const uint8_t *unit = view(behind, segment->number, offset, BLOCK_ALIGN_BYTES);

		if (unit == NULL)
			return -EIO;
		if (unit[0] == 0 && memcmp(unit, unit + 1, BLOCK_ALIGN_BYTES - 1) == 0) {
			offset += BLOCK_ALIGN_BYTES;
			continue;
		}
		segment->empty = false;
		if (block_at(behind, segment, offset, &block) != 0)
			return -EIO;
		if (block == NULL) {
			salvage->garbage_bytes += BLOCK_ALIGN_BYTES;
			offset += BLOCK_ALIGN_BYTES;
			continue;
		}
		keep_block(salvage, block, segment->number, offset);
		offset += block->block_bytes;
	}
	return 0;
}

static int by_lsn(const void *a, const void *b)
{
	const struct salvage_block *one = a;
	const struct salvage_block *two = b;

	if (one->first_lsn != two->first_lsn)
		return one->first_lsn < two->first_lsn ? -1 : 1;
	return one->record_cnt < two->record_cnt ? -1 : one->record_cnt > two->record_cnt;
}

/* How many different lost LSNs the blocks hold. */
static uint64_t count_readable(const struct lane_salvage *salvage)
{
	uint64_t next = salvage->tail.next_lsn;
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < salvage->block_cnt; i++) {
		const struct salvage_block *block = &salvage->blocks[i];
		const uint64_t from = block->first_lsn > next ? block->first_lsn : next;
		const uint64_t end = block->first_lsn + block->record_cnt;

		if (end <= from)
			continue;
		cnt += end - from;
		next = end;
	}
	return cnt;
}

static int open_behind(struct behind *behind, struct lane_salvage *salvage, char *error,
		       size_t error_bytes)
{
	*behind = (struct behind){.salvage = salvage,
				  .window = aligned_alloc(BLOCK_ALIGN_BYTES, WINDOW_BYTES),
				  .error = error,
				  .error_bytes = error_bytes};
	if (behind->window != NULL)
		return 0;
	snprintf(error, error_bytes, "%s: no memory to read it", salvage->lane->files.path);
	return -ENOMEM;
}

static int look_behind(struct lane_salvage *salvage, char *error, size_t error_bytes)
{
	const struct lane_tail *tail = &salvage->tail;
	struct behind behind;
	int rc = open_behind(&behind, salvage, error, error_bytes);

	salvage->last_lsn = tail->next_lsn - 1;
	for (uint64_t i = 0; i < salvage->lane->segment_cnt && rc == 0; i++) {
		struct mended_segment *segment = &salvage->lane->segments[i];

		if (segment->number >= tail->segment)
			rc = look_behind_in(&behind, segment,
					    segment->number == tail->segment ? tail->offset
									     : BLOCK_ALIGN_BYTES);
	}
	free(behind.window);
	if (salvage->block_cnt > 0)
		qsort(salvage->blocks, salvage->block_cnt, sizeof(*salvage->blocks), by_lsn);
	salvage->readable_cnt = count_readable(salvage);
	return rc;
}

static bool is_base(const struct lane_salvage *salvage, const struct block_header *block)
{
	const struct lane_position *base = &salvage->base;

	return block != NULL && block->checksum == base->tail.prev_checksum &&
	       base->block_offset + block->block_bytes == base->tail.offset &&
	       block->first_lsn + block->record_cnt == base->tail.next_lsn;
}

/* A start must find a block that proves the lane once had what the checkpoint has. */
static int look_at_base(struct lane_salvage *salvage, char *error, size_t error_bytes)
{
	const struct lane_position *base = &salvage->base;
	struct mended_segment *segment = lane_mended_segment(salvage->lane, base->tail.segment);
	const struct block_header *block = NULL;
	struct lane_fault fault = {.segment = base->tail.segment};
	struct behind behind;
	int rc = open_behind(&behind, salvage, error, error_bytes);

	if (rc == 0 && segment != NULL)
		rc = block_at(&behind, segment, base->block_offset, &block);
	salvage->base_whole = rc == 0 && is_base(salvage, block);
	free(behind.window);
	salvage->anchors =
		!salvage->base_whole && salvage->tail.prev_checksum == base->tail.prev_checksum;
	if (rc != 0 || !salvage->anchors)
		return rc;
	fault.offset = segment != NULL ? base->block_offset : 0;
	snprintf(fault.text, sizeof(fault.text),
		 "%s LSN %" PRIu64 " was on disk here, a checkpoint tells, and %s",
		 segment != NULL ? "the block that ends with" : "it is missing:",
		 base->tail.next_lsn - 1,
		 segment != NULL ? "it is there no more" : "goes on in it");
	lane_mended_fault(salvage->lane, &fault);
	return 0;
}

int lane_salvage_open(struct lane_salvage **out, struct lane_files *files, uint64_t journal_id,
		      uint16_t lane, bool settle, const struct lane_position *base,
		      uint64_t cut_lsn, char *error, size_t error_bytes)
{
	struct lane_salvage *salvage = calloc(1, sizeof(*salvage));
	int rc;

	CHECK(salvage != NULL);
	if (base != NULL)
		salvage->base = *base;
	rc = lane_mended_open(&salvage->lane, files, journal_id, lane, settle, base, error,
			      error_bytes);
	if (rc == 0)
		rc = find_tail(salvage, cut_lsn, error, error_bytes);
	if (rc == 0)
		rc = look_behind(salvage, error, error_bytes);
	if (rc == 0 && salvage->base.tail.offset > 0)
		rc = look_at_base(salvage, error, error_bytes);
	salvage->alone_lsn = salvage->tail.next_lsn;
	if (rc != 0) {
		lane_salvage_close(salvage);
		return rc;
	}
	*out = salvage;
	return 0;
}

void lane_salvage_close(struct lane_salvage *salvage)
{
	if (salvage == NULL)
		return;
	lane_mended_close(salvage->lane);
	free(salvage->blocks);
	free(salvage->aside);
	free(salvage);
}

bool lane_salvage_has(struct lane_salvage *salvage, const struct lane_position *position)
{
	struct lane_mended *lane = salvage->lane;
	struct lane_reader *reader = NULL;
	char error[SEGMENT_PATH_BYTES + 512];
	bool has = salvage->base.tail.offset > 0 &&
		   memcmp(&salvage->base, position, sizeof(*position)) == 0;

	if (!has && position->tail.segment >= lane->first) {
		has = lane_reader_open_at(&reader, &lane->files, lane->journal_id, lane->lane,
					  position, error, sizeof(error)) == 0;
		if (has)
			lane_reader_close(reader);
	}
	return has;
}

void lane_salvage_put_aside(struct lane_salvage *salvage, uint64_t next_lsn, const char *why)
{
	/* What belongs to no segment stands at the end. */
	struct lane_fault fault = {.segment = UINT64_MAX, .offset = next_lsn};

	salvage->aside =
		reallocarray(salvage->aside, salvage->aside_cnt + 1, sizeof(*salvage->aside));
	CHECK(salvage->aside != NULL);
	salvage->aside[salvage->aside_cnt++] = next_lsn;
	snprintf(fault.text, sizeof(fault.text), "%s", why);
	lane_mended_fault(salvage->lane, &fault);
}

void lane_salvage_told(struct lane_salvage *salvage, uint64_t last_lsn)
{
	if (last_lsn > salvage->last_lsn)
		salvage->last_lsn = last_lsn;
	if (last_lsn > salvage->watermark_lsn)
		salvage->watermark_lsn = last_lsn;
}

bool lane_salvage_changes(const struct lane_salvage *salvage, const struct mended_segment *segment)
{
	const uint64_t base = salvage->lane->first;

	if (segment->number < base || (segment->number == base && salvage->trims))
		return salvage->trims;
	return segment->wrong || (segment->number >= salvage->tail.segment && !segment->empty) ||
	       (salvage->anchors && segment->number <= base + 1);
}

uint64_t lane_salvage_lost(const struct lane_salvage *salvage)
{
	return salvage->last_lsn - (salvage->tail.next_lsn - 1);
}

uint64_t lane_salvage_durable(const struct lane_salvage *salvage)
{
	return salvage->watermark_lsn < salvage->tail.next_lsn
		       ? 0
		       : salvage->watermark_lsn - (salvage->tail.next_lsn - 1);
}

uint64_t lane_salvage_unreadable(const struct lane_salvage *salvage)
{
	return lane_salvage_lost(salvage) - salvage->readable_cnt;
}

int lane_salvage_each_good(struct lane_salvage *salvage, salvage_fn *fn, void *context, char *error,
			   size_t error_bytes)
{
	struct lane_reader *reader = NULL;
	uint64_t next_lsn = salvage->base.tail.offset > 0 ? salvage->base.tail.next_lsn : 1;
	bool go_on = true;
	int rc = open_reader(&reader, salvage, error, error_bytes);

	while (rc == 0 && go_on && next_lsn < salvage->tail.next_lsn) {
		const struct block_header *block;
		const struct record *records;
		const enum lane_read read =
			lane_reader_next(reader, &block, &records, error, error_bytes);

		/* It was read a moment ago. */
		if (read == LANE_END || read == LANE_TORN)
			snprintf(error, error_bytes, "%s: somebody else changes it: stop that",
				 salvage->lane->files.path);
		if (read != LANE_BLOCK)
			rc = -EIO;
		for (uint32_t i = 0; rc == 0 && go_on && i < block->record_cnt; i++)
			go_on = fn(context, next_lsn++, &records[i]);
	}
	lane_reader_close(reader);
	return rc;
}

struct applying {
	struct shard *shard;
	uint64_t lsn;
	const char *why;
	int rc;
};

static bool apply_one(void *context, uint64_t lsn, const struct record *record)
{
	struct applying *applying = context;

	applying->lsn = lsn;
	applying->rc = shard_apply(applying->shard, lsn, record, &applying->why);
	return applying->rc == 0;
}

int lane_salvage_apply(struct lane_salvage *salvage, struct shard *shard, uint64_t *lsn,
		       const char **why, char *error, size_t error_bytes)
{
	struct applying applying = {.shard = shard};
	int rc = lane_salvage_each_good(salvage, apply_one, &applying, error, error_bytes);

	*lsn = applying.lsn;
	*why = applying.why;
	if (rc == 0)
		rc = applying.rc;
	if (rc == -ENOSPC)
		snprintf(error, error_bytes, "%s: LSN %" PRIu64 ": %s", salvage->lane->files.path,
			 *lsn, *why);
	return rc;
}

/* False in *go_on: no more is wanted. */
static int each_of(struct behind *behind, const struct salvage_block *at, salvage_fn *fn,
		   void *context, bool *go_on)
{
	struct lane_salvage *salvage = behind->salvage;
	const struct block_header *block = NULL;
	const int rc = block_at(behind, lane_mended_segment(salvage->lane, at->segment), at->offset,
				&block);

	if (rc != 0)
		return rc;
	if (block == NULL || block->first_lsn != at->first_lsn) {
		snprintf(behind->error, behind->error_bytes,
			 "%s: segment %" PRIu64 ", offset %" PRIu64
			 ": was readable a moment ago: do not trust this disk",
			 salvage->lane->files.path, at->segment, at->offset);
		return -EIO;
	}

	const struct record *records = (const struct record *)(block + 1);

	for (uint32_t i = 0; *go_on && i < block->record_cnt; i++) {
		/* What the good part has is not lost. */
		if (block->first_lsn + i >= salvage->tail.next_lsn)
			*go_on = fn(context, block->first_lsn + i, &records[i]);
	}
	return 0;
}

int lane_salvage_each(struct lane_salvage *salvage, salvage_fn *fn, void *context, char *error,
		      size_t error_bytes)
{
	struct behind behind;
	int rc = open_behind(&behind, salvage, error, error_bytes);
	bool go_on = true;

	for (uint64_t i = 0; i < salvage->block_cnt && rc == 0 && go_on; i++)
		rc = each_of(&behind, &salvage->blocks[i], fn, context, &go_on);
	free(behind.window);
	return rc;
}
