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

static void count_records(struct damage *damage, const struct record *records, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		damage->order_cnt += records[i].kind == RECORD_ORDER;
		damage->offer_cnt += records[i].kind == RECORD_OFFER;
	}
}

static int read_good_part(struct damage *damage, struct lane_reader *reader, uint64_t cut_lsn,
			  struct error *error)
{
	const struct block_header *block;
	const struct record *records;

	for (;;) {
		const enum lane_read read = lane_reader_next(reader, &block, &records, error);

		switch (read) {
		case LANE_BLOCK:
			if (cut_lsn > 0 && block->first_lsn + block->record_cnt > cut_lsn)
				return 0;
			lane_reader_tail(reader, &damage->tail);
			damage->watermark_lsn = block->durable_lsn;
			count_records(damage, records, block->record_cnt);
			break;
		case LANE_END:
		case LANE_TORN:
			damage->torn = read == LANE_TORN && damage->lane->fault_cnt == 0;
			return 0;
		case LANE_CORRUPT:
			mended_files_fault(damage->lane, lane_reader_fault(reader));
			return 0;
		case LANE_ERROR:
			return -EIO;
		}
	}
}

static int open_reader(struct lane_reader **out, struct damage *damage, struct error *error)
{
	struct mended_files *lane = damage->lane;

	if (damage->base.tail.offset > 0)
		return lane_reader_open_behind(out, &lane->files, lane->journal_id, lane->lane,
					       &damage->base, error);
	return lane_reader_open_files(out, &lane->files, lane->journal_id, lane->lane, error);
}

static int find_tail(struct damage *damage, uint64_t cut_lsn, struct error *error)
{
	struct lane_reader *reader = NULL;
	int rc = open_reader(&reader, damage, error);

	if (rc != 0)
		return rc;
	lane_reader_tail(reader, &damage->tail);
	damage->watermark_lsn = damage->base.watermark_lsn;
	rc = read_good_part(damage, reader, cut_lsn, error);
	lane_reader_close(reader);
	return rc;
}

/* What is behind the cut, read in windows. */
struct behind {
	struct damage *damage;
	uint8_t *window;
	uint64_t segment;
	uint64_t offset; /* of the window */
	uint64_t bytes;  /* 0: nothing in it */
	struct error *error;
};

static const uint8_t *view(struct behind *behind, uint64_t segment, uint64_t offset, uint64_t bytes)
{
	struct lane_files *files = &behind->damage->lane->files;
	int64_t got;

	if (behind->bytes > 0 && behind->segment == segment && behind->offset <= offset &&
	    offset + bytes <= behind->offset + behind->bytes)
		return behind->window + (offset - behind->offset);
	behind->bytes = 0;
	got = files->ops->read(files, segment, behind->window, WINDOW_BYTES, offset);
	if (got < (int64_t)bytes) {
		error_set(behind->error,
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
	const struct mended_files *lane = behind->damage->lane;
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

static void keep_block(struct damage *damage, const struct block_header *block, uint64_t segment,
		       uint64_t offset)
{
	const uint64_t last_lsn = block->first_lsn + block->record_cnt - 1;

	/* Grows at powers of two. */
	if ((damage->block_cnt & (damage->block_cnt - 1)) == 0) {
		const uint64_t room = damage->block_cnt == 0 ? 1 : damage->block_cnt * 2;

		damage->blocks = reallocarray(damage->blocks, room, sizeof(*damage->blocks));
		CHECK(damage->blocks != NULL);
	}
	damage->blocks[damage->block_cnt++] = (struct damage_block){
		.first_lsn = block->first_lsn,
		.segment = segment,
		.offset = offset,
		.record_cnt = block->record_cnt,
	};
	if (last_lsn > damage->last_lsn)
		damage->last_lsn = last_lsn;
	if (block->durable_lsn > damage->watermark_lsn)
		damage->watermark_lsn = block->durable_lsn;
}

static int look_behind_in(struct behind *behind, struct mended_segment *segment, uint64_t offset)
{
	struct damage *damage = behind->damage;

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
			damage->garbage_bytes += BLOCK_ALIGN_BYTES;
			offset += BLOCK_ALIGN_BYTES;
			continue;
		}
		keep_block(damage, block, segment->number, offset);
		offset += block->block_bytes;
	}
	return 0;
}

static int by_lsn(const void *a, const void *b)
{
	const struct damage_block *one = a;
	const struct damage_block *two = b;

	if (one->first_lsn != two->first_lsn)
		return one->first_lsn < two->first_lsn ? -1 : 1;
	return one->record_cnt < two->record_cnt ? -1 : one->record_cnt > two->record_cnt;
}

/* How many different lost LSNs the blocks hold. */
static uint64_t count_readable(const struct damage *damage)
{
	uint64_t next = damage->tail.next_lsn;
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < damage->block_cnt; i++) {
		const struct damage_block *block = &damage->blocks[i];
		const uint64_t from = block->first_lsn > next ? block->first_lsn : next;
		const uint64_t end = block->first_lsn + block->record_cnt;

		if (end <= from)
			continue;
		cnt += end - from;
		next = end;
	}
	return cnt;
}

static int open_behind(struct behind *behind, struct damage *damage, struct error *error)
{
	*behind = (struct behind){.damage = damage,
				  .window = aligned_alloc(BLOCK_ALIGN_BYTES, WINDOW_BYTES),
				  .error = error};
	if (behind->window != NULL)
		return 0;
	return error_say(error, -ENOMEM, "%s: no memory to read it", damage->lane->files.path);
}

static int look_behind(struct damage *damage, struct error *error)
{
	const struct lane_tail *tail = &damage->tail;
	struct behind behind;
	int rc = open_behind(&behind, damage, error);

	damage->last_lsn = tail->next_lsn - 1;
	for (uint64_t i = 0; i < damage->lane->segment_cnt && rc == 0; i++) {
		struct mended_segment *segment = &damage->lane->segments[i];

		if (segment->number >= tail->segment)
			rc = look_behind_in(&behind, segment,
					    segment->number == tail->segment ? tail->offset
									     : BLOCK_ALIGN_BYTES);
	}
	free(behind.window);
	if (damage->block_cnt > 0)
		qsort(damage->blocks, damage->block_cnt, sizeof(*damage->blocks), by_lsn);
	damage->readable_cnt = count_readable(damage);
	return rc;
}

static bool is_base(const struct damage *damage, const struct block_header *block)
{
	const struct lane_position *base = &damage->base;

	return block != NULL && block->checksum == base->tail.prev_checksum &&
	       base->block_offset + block->block_bytes == base->tail.offset &&
	       block->first_lsn + block->record_cnt == base->tail.next_lsn;
}

/* A start must find a block that proves the lane once had what the checkpoint has. */
static int look_at_base(struct damage *damage, struct error *error)
{
	const struct lane_position *base = &damage->base;
	struct mended_segment *segment = mended_files_segment(damage->lane, base->tail.segment);
	const struct block_header *block = NULL;
	struct lane_fault fault = {.segment = base->tail.segment};
	struct behind behind;
	int rc = open_behind(&behind, damage, error);

	if (rc == 0 && segment != NULL)
		rc = block_at(&behind, segment, base->block_offset, &block);
	damage->base_whole = rc == 0 && is_base(damage, block);
	free(behind.window);
	damage->anchors =
		!damage->base_whole && damage->tail.prev_checksum == base->tail.prev_checksum;
	if (rc != 0 || !damage->anchors)
		return rc;
	fault.offset = segment != NULL ? base->block_offset : 0;
	snprintf(fault.text, sizeof(fault.text),
		 "%s LSN %" PRIu64 " was on disk here, a checkpoint tells, and %s",
		 segment != NULL ? "the block that ends with" : "it is missing:",
		 base->tail.next_lsn - 1,
		 segment != NULL ? "it is there no more" : "goes on in it");
	mended_files_fault(damage->lane, &fault);
	return 0;
}

int damage_open(struct damage **out, struct lane_files *files, uint64_t journal_id, uint16_t lane,
		bool settle, const struct lane_position *base, uint64_t cut_lsn,
		struct error *error)
{
	struct damage *damage = calloc(1, sizeof(*damage));
	int rc;

	CHECK(damage != NULL);
	if (base != NULL)
		damage->base = *base;
	rc = mended_files_open(&damage->lane, files, journal_id, lane, settle, base, error);
	if (rc == 0)
		rc = find_tail(damage, cut_lsn, error);
	if (rc == 0)
		rc = look_behind(damage, error);
	if (rc == 0 && damage->base.tail.offset > 0)
		rc = look_at_base(damage, error);
	damage->alone_lsn = damage->tail.next_lsn;
	if (rc != 0) {
		damage_close(damage);
		return rc;
	}
	*out = damage;
	return 0;
}

void damage_close(struct damage *damage)
{
	if (damage == NULL)
		return;
	mended_files_close(damage->lane);
	free(damage->blocks);
	free(damage->aside);
	free(damage);
}

bool damage_has(struct damage *damage, const struct lane_position *position)
{
	struct mended_files *lane = damage->lane;
	struct lane_reader *reader = NULL;
	struct error error;
	bool has = damage->base.tail.offset > 0 &&
		   memcmp(&damage->base, position, sizeof(*position)) == 0;

	if (!has && position->tail.segment >= lane->first) {
		has = lane_reader_open_at(&reader, &lane->files, lane->journal_id, lane->lane,
					  position, &error) == 0;
		if (has)
			lane_reader_close(reader);
	}
	return has;
}

void damage_put_aside(struct damage *damage, uint64_t next_lsn, const char *why)
{
	/* What belongs to no segment stands at the end. */
	struct lane_fault fault = {.segment = UINT64_MAX, .offset = next_lsn};

	damage->aside = reallocarray(damage->aside, damage->aside_cnt + 1, sizeof(*damage->aside));
	CHECK(damage->aside != NULL);
	damage->aside[damage->aside_cnt++] = next_lsn;
	snprintf(fault.text, sizeof(fault.text), "%s", why);
	mended_files_fault(damage->lane, &fault);
}

void damage_told(struct damage *damage, uint64_t last_lsn)
{
	if (last_lsn > damage->last_lsn)
		damage->last_lsn = last_lsn;
	if (last_lsn > damage->watermark_lsn)
		damage->watermark_lsn = last_lsn;
}

bool damage_changes(const struct damage *damage, const struct mended_segment *segment)
{
	const uint64_t base = damage->lane->first;

	if (segment->number < base || (segment->number == base && damage->trims))
		return damage->trims;
	return segment->wrong || (segment->number >= damage->tail.segment && !segment->empty) ||
	       (damage->anchors && segment->number <= base + 1);
}

uint64_t damage_lost(const struct damage *damage)
{
	return damage->last_lsn - (damage->tail.next_lsn - 1);
}

uint64_t damage_durable(const struct damage *damage)
{
	return damage->watermark_lsn < damage->tail.next_lsn
		       ? 0
		       : damage->watermark_lsn - (damage->tail.next_lsn - 1);
}

uint64_t damage_unreadable(const struct damage *damage)
{
	return damage_lost(damage) - damage->readable_cnt;
}

int damage_each_good(struct damage *damage, damage_fn *fn, void *context, struct error *error)
{
	struct lane_reader *reader = NULL;
	uint64_t next_lsn = damage->base.tail.offset > 0 ? damage->base.tail.next_lsn : 1;
	bool go_on = true;
	int rc = open_reader(&reader, damage, error);

	while (rc == 0 && go_on && next_lsn < damage->tail.next_lsn) {
		const struct block_header *block;
		const struct record *records;
		const enum lane_read read = lane_reader_next(reader, &block, &records, error);

		/* It was read a moment ago. */
		if (read == LANE_END || read == LANE_TORN)
			error_set(error, "%s: somebody else changes it: stop that",
				  damage->lane->files.path);
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

int damage_apply(struct damage *damage, struct shard *shard, uint64_t *lsn, const char **why,
		 struct error *error)
{
	struct applying applying = {.shard = shard};
	int rc = damage_each_good(damage, apply_one, &applying, error);

	*lsn = applying.lsn;
	*why = applying.why;
	if (rc == 0)
		rc = applying.rc;
	if (rc == -ENOSPC)
		error_set(error, "%s: LSN %" PRIu64 ": %s", damage->lane->files.path, *lsn, *why);
	return rc;
}

/* False in *go_on: no more is wanted. */
static int each_of(struct behind *behind, const struct damage_block *at, damage_fn *fn,
		   void *context, bool *go_on)
{
	struct damage *damage = behind->damage;
	const struct block_header *block = NULL;
	const int rc = block_at(behind, mended_files_segment(damage->lane, at->segment), at->offset,
				&block);

	if (rc != 0)
		return rc;
	if (block == NULL || block->first_lsn != at->first_lsn) {
		return error_say(behind->error, -EIO,
				 "%s: segment %" PRIu64 ", offset %" PRIu64
				 ": was readable a moment ago: do not trust this disk",
				 damage->lane->files.path, at->segment, at->offset);
	}

	const struct record *records = (const struct record *)(block + 1);

	for (uint32_t i = 0; *go_on && i < block->record_cnt; i++) {
		/* What the good part has is not lost. */
		if (block->first_lsn + i >= damage->tail.next_lsn)
			*go_on = fn(context, block->first_lsn + i, &records[i]);
	}
	return 0;
}

int damage_each(struct damage *damage, damage_fn *fn, void *context, struct error *error)
{
	struct behind behind;
	int rc = open_behind(&behind, damage, error);
	bool go_on = true;

	for (uint64_t i = 0; i < damage->block_cnt && rc == 0 && go_on; i++)
		rc = each_of(&behind, &damage->blocks[i], fn, context, &go_on);
	free(behind.window);
	return rc;
}
