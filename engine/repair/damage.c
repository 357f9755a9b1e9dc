#include "engine/repair/damage.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/recover/record_sizes.h"
#include "engine/repair/block_window.h"
#include "engine/repair/fault_list.h"

/* For the time of damage_open; afterwards only the fields in the header are used. */
struct looking {
	struct damage damage; /* first */
	struct damage_block *blocks;
	bool *empty; /* of the files' segments */
	struct fault_list faults;
};

static void count_records(struct damage *damage, const struct record *records, uint32_t cnt)
{
	CHECK(cnt <= BLOCK_RECORDS_MAX);
	for (uint32_t i = 0; i < cnt; i++) {
		record_sizes_add(&damage->size, &records[i]);
		damage->groups |= records[i].kind == RECORD_OFFER && records[i].channel != 0;
	}
}

static int read_good_part(struct looking *looking, struct lane_reader *reader, uint64_t cut_lsn,
			  struct error *error)
{
	struct damage *damage = &looking->damage;
	const struct block_header *block;
	const struct record *records;

	for (;;) {
		const enum lane_read read = lane_reader_next(reader, &block, &records, error);

		switch (read) {
		case LANE_BLOCK:
			if (cut_lsn > 0 && block->first_lsn + block->record_cnt > cut_lsn)
				return 0;
			CHECK(block->first_lsn == damage->tail.next_lsn);
			lane_reader_tail(reader, &damage->tail);
			damage->loss.watermark_lsn = block->durable_lsn;
			count_records(damage, records, block->record_cnt);
			break;
		case LANE_END:
		case LANE_TORN:
			damage->torn = read == LANE_TORN && damage->files->fault_cnt == 0;
			return 0;
		case LANE_CORRUPT:
			fault_list_add(&looking->faults, lane_reader_fault(reader));
			return 0;
		case LANE_ERROR:
			return -EIO;
		}
	}
}

static int open_reader(struct lane_reader **out, const struct mended_files *files,
		       struct error *error)
{
	struct lane_files *view = mended_files_view(files);

	CHECK(view->ops->zero == NULL && view->ops->remove == NULL);
	if (mended_files_has_base(files))
		return lane_reader_open_behind(out, view, files->journal_id, files->lane,
					       &files->base, error);
	return lane_reader_open_files(out, view, files->journal_id, files->lane, error);
}

static int find_tail(struct looking *looking, uint64_t cut_lsn, struct error *error)
{
	struct damage *damage = &looking->damage;
	const struct lane_position *base = &damage->files->base;
	struct lane_reader *reader = NULL;
	int rc = open_reader(&reader, damage->files, error);

	if (rc != 0)
		return rc;
	lane_reader_tail(reader, &damage->tail);
	CHECK(damage->tail.next_lsn ==
	      (mended_files_has_base(damage->files) ? base->tail.next_lsn : 1));
	damage->loss.watermark_lsn = base->watermark_lsn;
	rc = read_good_part(looking, reader, cut_lsn, error);
	lane_reader_close(reader);
	return rc;
}

static void keep_block(struct looking *looking, const struct block_header *block, uint64_t segment,
		       uint64_t offset)
{
	struct damage *damage = &looking->damage;
	struct loss *loss = &damage->loss;
	const uint64_t last_lsn = block->first_lsn + block->record_cnt - 1;

	CHECK(segment >= damage->tail.place.segment);
	/* Grows at powers of two. */
	if ((damage->block_cnt & (damage->block_cnt - 1)) == 0) {
		const uint64_t room = damage->block_cnt == 0 ? 1 : damage->block_cnt * 2;

		looking->blocks = reallocarray(looking->blocks, room, sizeof(*looking->blocks));
		CHECK(looking->blocks != NULL);
	}
	looking->blocks[damage->block_cnt++] = (struct damage_block){
		.first_lsn = block->first_lsn,
		.place.segment = segment,
		.place.offset = offset,
		.record_cnt = block->record_cnt,
	};
	if (last_lsn > loss->last_lsn)
		loss->last_lsn = last_lsn;
	if (block->durable_lsn > loss->watermark_lsn)
		loss->watermark_lsn = block->durable_lsn;
}

/* Looks at what a segment has from this offset on; *empty: only zeros. 0, or -EIO with a line. */
static int look_after_in(struct looking *looking, struct block_window *window,
			 const struct mended_segment *segment, uint64_t offset, bool *empty)
{
	CHECK(offset >= BLOCK_ALIGN_BYTES && offset % BLOCK_ALIGN_BYTES == 0);
	*empty = true;
	while (offset < segment->bytes) {
		const struct block_header *block = NULL;
		const uint8_t *unit =
			block_window_at(window, segment->number, offset, BLOCK_ALIGN_BYTES);

		if (unit == NULL)
			return -EIO;
		if (unit[0] == 0 && memcmp(unit, unit + 1, BLOCK_ALIGN_BYTES - 1) == 0) {
			offset += BLOCK_ALIGN_BYTES;
			continue;
		}
		*empty = false;
		if (block_window_block(window, segment, offset, &block) != 0)
			return -EIO;
		if (block == NULL) {
			looking->damage.garbage_bytes += BLOCK_ALIGN_BYTES;
			offset += BLOCK_ALIGN_BYTES;
			continue;
		}
		keep_block(looking, block, segment->number, offset);
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
static uint64_t count_readable(const struct looking *looking)
{
	const struct damage *damage = &looking->damage;
	uint64_t next = damage->tail.next_lsn;
	uint64_t cnt = 0;

	for (uint64_t i = 0; i < damage->block_cnt; i++) {
		const struct damage_block *block = &looking->blocks[i];
		const uint64_t from = block->first_lsn > next ? block->first_lsn : next;
		const uint64_t end = block->first_lsn + block->record_cnt;

		CHECK(i == 0 || block[-1].first_lsn <= block->first_lsn);
		if (end <= from)
			continue;
		cnt += end - from;
		next = end;
	}
	return cnt;
}

static int look_after(struct looking *looking, struct error *error)
{
	struct damage *damage = &looking->damage;
	const struct mended_files *files = damage->files;
	const struct lane_tail *tail = &damage->tail;
	struct block_window window;
	int rc = block_window_open(&window, files, error);

	damage->loss.next_lsn = tail->next_lsn;
	damage->loss.last_lsn = tail->next_lsn - 1;
	looking->empty = calloc(files->segment_cnt + 1, sizeof(*looking->empty));
	CHECK(looking->empty != NULL);
	for (uint64_t i = 0; i < files->segment_cnt && rc == 0; i++) {
		const struct mended_segment *segment = &files->segments[i];

		if (segment->number >= tail->place.segment)
			rc = look_after_in(looking, &window, segment,
					   segment->number == tail->place.segment
						   ? tail->place.offset
						   : BLOCK_ALIGN_BYTES,
					   &looking->empty[i]);
	}
	block_window_close(&window);
	if (damage->block_cnt > 0)
		qsort(looking->blocks, damage->block_cnt, sizeof(*looking->blocks), by_lsn);
	damage->loss.readable_cnt = count_readable(looking);
	return rc;
}

static bool is_base(const struct lane_position *base, const struct block_header *block)
{
	return block != NULL && block->checksum == base->tail.prev_checksum &&
	       base->block_offset + block->block_bytes == base->tail.place.offset &&
	       block->first_lsn + block->record_cnt == base->tail.next_lsn;
}

static void say_base_is_lost(struct looking *looking, const struct mended_segment *segment)
{
	const struct lane_position *base = &looking->damage.files->base;
	struct lane_fault fault = {.place.segment = base->tail.place.segment,
				   .place.offset = segment != NULL ? base->block_offset : 0};

	CHECK(looking->damage.base == DAMAGE_BASE_LOST);
	if (segment != NULL)
		snprintf(fault.text, sizeof(fault.text),
			 "a checkpoint says that the block that ends with LSN %" PRIu64
			 " was on disk here, but it is not there any more",
			 base->tail.next_lsn - 1);
	else
		snprintf(fault.text, sizeof(fault.text),
			 "it is missing; a checkpoint says that LSN %" PRIu64
			 " was on disk here, and the lane goes on in it",
			 base->tail.next_lsn - 1);
	fault_list_add(&looking->faults, &fault);
}

/* Looks for the block that a start must find: it proves that the lane had what the checkpoint has.
 */
static int look_at_base(struct looking *looking, struct error *error)
{
	struct damage *damage = &looking->damage;
	const struct lane_position *base = &damage->files->base;
	const struct mended_segment *segment =
		mended_files_segment(damage->files, base->tail.place.segment);
	const struct block_header *block = NULL;
	struct block_window window;
	int rc = block_window_open(&window, damage->files, error);

	if (rc == 0 && segment != NULL)
		rc = block_window_block(&window, segment, base->block_offset, &block);
	if (rc == 0 && is_base(base, block))
		damage->base = DAMAGE_BASE_WHOLE;
	else if (damage->tail.prev_checksum != base->tail.prev_checksum)
		damage->base = DAMAGE_BASE_FOLLOWED;
	else
		damage->base = DAMAGE_BASE_LOST;
	block_window_close(&window);
	if (rc == 0 && damage->base == DAMAGE_BASE_LOST)
		say_base_is_lost(looking, segment);
	return rc;
}

int damage_open(struct damage **out, const struct mended_files *files, uint64_t cut_lsn,
		struct error *error)
{
	struct looking *looking = calloc(1, sizeof(*looking));
	struct damage *damage;
	int rc;

	CHECK(looking != NULL);
	damage = &looking->damage;
	damage->files = files;
	rc = find_tail(looking, cut_lsn, error);
	if (rc == 0)
		rc = look_after(looking, error);
	if (rc == 0 && mended_files_has_base(files))
		rc = look_at_base(looking, error);
	damage->blocks = looking->blocks;
	damage->empty = looking->empty;
	damage->faults = looking->faults.faults;
	damage->fault_cnt = looking->faults.cnt;
	if (rc != 0) {
		damage_close(damage);
		return rc;
	}
	CHECK((damage->base == DAMAGE_NO_BASE) == !mended_files_has_base(files));
	CHECK(loss_unreadable_cnt(&damage->loss) <= loss_cnt(&damage->loss));
	*out = damage;
	return 0;
}

void damage_close(struct damage *damage)
{
	struct looking *looking = (struct looking *)damage;

	if (damage == NULL)
		return;
	free(looking->blocks);
	free(looking->empty);
	fault_list_free(&looking->faults);
	free(looking);
}

bool damage_has(const struct damage *damage, const struct lane_position *position)
{
	const struct mended_files *files = damage->files;
	struct lane_reader *reader = NULL;
	struct error error;

	CHECK(position->tail.next_lsn > 0);
	if (mended_files_has_base(files) && memcmp(&files->base, position, sizeof(*position)) == 0)
		return true;
	if (position->tail.place.segment < files->first ||
	    lane_reader_open_at(&reader, mended_files_view(files), files->journal_id, files->lane,
				position, &error) != 0)
		return false;
	lane_reader_close(reader);
	return true;
}

bool damage_empty(const struct damage *damage, const struct mended_segment *segment)
{
	const uint64_t idx = (uint64_t)(segment - damage->files->segments);

	CHECK(idx < damage->files->segment_cnt);
	return damage->empty[idx];
}

bool damage_changes(const struct damage *damage, const struct mended_segment *segment)
{
	return segment->wrong ||
	       (segment->number >= damage->tail.place.segment && !damage_empty(damage, segment));
}

int damage_each_good(const struct damage *damage, damage_fn *fn, void *context, struct error *error)
{
	const struct mended_files *files = damage->files;
	struct lane_reader *reader = NULL;
	uint64_t next_lsn = mended_files_has_base(files) ? files->base.tail.next_lsn : 1;
	bool go_on = true;
	int rc = open_reader(&reader, files, error);

	while (rc == 0 && go_on && next_lsn < damage->tail.next_lsn) {
		const struct block_header *block;
		const struct record *records;
		const enum lane_read read = lane_reader_next(reader, &block, &records, error);

		/* damage_open has read this block. */
		if (read == LANE_END || read == LANE_TORN)
			error_set(error, "%s: another program changes it: stop that program",
				  damage->files->path);
		if (read != LANE_BLOCK)
			rc = -EIO;
		else
			CHECK(block->first_lsn == next_lsn);
		for (uint32_t i = 0; rc == 0 && go_on && i < block->record_cnt; i++)
			go_on = fn(context, next_lsn++, &records[i]);
	}
	CHECK(rc != 0 || !go_on || next_lsn == damage->tail.next_lsn);
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

	CHECK(lsn > applying->lsn);
	applying->lsn = lsn;
	applying->rc = shard_apply(applying->shard, lsn, record, &applying->why);
	return applying->rc == 0;
}

int damage_apply(const struct damage *damage, struct shard *shard, uint64_t *lsn, const char **why,
		 struct error *error)
{
	struct applying applying = {.shard = shard};
	int rc = damage_each_good(damage, apply_one, &applying, error);

	CHECK(applying.lsn < damage->tail.next_lsn);
	*lsn = applying.lsn;
	*why = applying.why;
	if (rc == 0)
		rc = applying.rc;
	if (rc == -ENOSPC)
		error_set(error, "%s: LSN %" PRIu64 ": %s", damage->files->path, *lsn, *why);
	return rc;
}

/* Calls fn with the lost records of one block; *go_on becomes false when fn wants no more. */
static int each_of(const struct damage *damage, struct block_window *window,
		   const struct damage_block *at, damage_fn *fn, void *context, bool *go_on)
{
	const struct mended_segment *segment =
		mended_files_segment(damage->files, at->place.segment);
	const struct block_header *block = NULL;
	int rc;

	CHECK(segment != NULL);
	rc = block_window_block(window, segment, at->place.offset, &block);
	if (rc != 0)
		return rc;
	if (block == NULL || block->first_lsn != at->first_lsn) {
		return error_say(window->error, -EIO,
				 "%s: segment %" PRIu64 ", offset %" PRIu64
				 ": it was readable a moment ago: do not trust this disk",
				 damage->files->path, at->place.segment, at->place.offset);
	}

	const struct record *records = (const struct record *)(block + 1);

	for (uint32_t i = 0; *go_on && i < block->record_cnt; i++) {
		/* Records that the good part has are not lost. */
		if (block->first_lsn + i >= damage->tail.next_lsn)
			*go_on = fn(context, block->first_lsn + i, &records[i]);
	}
	return 0;
}

int damage_each_lost(const struct damage *damage, damage_fn *fn, void *context, struct error *error)
{
	struct block_window window;
	int rc = block_window_open(&window, damage->files, error);
	bool go_on = true;

	CHECK(damage->loss.next_lsn == damage->tail.next_lsn);
	for (uint64_t i = 0; i < damage->block_cnt && rc == 0 && go_on; i++)
		rc = each_of(damage, &window, &damage->blocks[i], fn, context, &go_on);
	block_window_close(&window);
	return rc;
}
