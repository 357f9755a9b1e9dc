#include "engine/journal/lane_tailer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/safe_file.h"
#include "engine/journal/lane_end.h"

enum {
	/* At the end: how often the tailer checks that the block given last is still there, and how
	 * long bytes may look like a write in flight before the end is judged. */
	RECHECK_NS = 1000000000,
	HELD_CNT_FIRST = 16,
};

/* To judge an end that looks good takes reading the whole rest of the lane: no more often than
 * this.
 */
static const uint64_t JUDGE_NS = 60000000000;

/* A block that was read and not given yet. */
struct held {
	struct lane_place place;
	uint64_t segment_bytes;
	struct block_header header;
	uint8_t *bytes; /* the whole block; NULL for a closing block, which is a header and zeros */
};

struct lane_tailer {
	struct lane_tailer_options options;
	struct lane_reader *reader;
	struct lane_mark mark; /* of the block taken last */
	bool started;          /* a block was taken, so `again` is over */

	/* A queue: the blocks that the watermark does not cover yet are at its end. */
	struct held *held;
	size_t held_first;
	size_t held_cnt;
	size_t held_room;
	uint64_t watermark_lsn;
	uint64_t recheck_ns; /* when to look again; 0: not at the end */
	/* The end that was judged last, and where bisection found the lane's end then; 0, 0: none.
	 */
	struct lane_place judged;
	struct lane_place judged_extent;
	uint64_t judged_ns;
	/* A closing block is given from here. */
	_Alignas(BLOCK_ALIGN_BYTES) uint8_t closing[BLOCK_ALIGN_BYTES];
};

const struct record *block_records(const struct block_header *header)
{
	return (const struct record *)(header + 1);
}

uint64_t block_proof_lsn(const struct block_header *header)
{
	DCHECK(header->first_lsn > 0);
	return header->first_lsn + (header->record_cnt > 0 ? header->record_cnt - 1 : 0);
}

struct lane_mark lane_mark_of(const struct lane_block *block)
{
	/* A mark with 0 means that nothing was taken. */
	CHECK(block->header->first_lsn > 0);
	return (struct lane_mark){
		.next_lsn = block->header->first_lsn + block->header->record_cnt,
		.place = block->place,
		.checksum = block->header->checksum,
	};
}

static int open_direct(const void *context, uint16_t lane, struct lane_files **out)
{
	char path[sizeof((*out)->path)];

	data_dir_lane_path(context, lane, path, sizeof(path));
	return lane_files_open_direct(out, path);
}

struct lane_tailer_options lane_tailer_of(const struct data_dir *dir, uint16_t lane)
{
	CHECK(lane < dir->shards);
	return (struct lane_tailer_options){
		.open_files = open_direct,
		.context = dir,
		.journal_id = dir->journal_id,
		.lane = lane,
	};
}

static struct held *first_held(const struct lane_tailer *tailer)
{
	CHECK(tailer->held_cnt > 0);
	CHECK(tailer->held_first + tailer->held_cnt <= tailer->held_room);
	return &tailer->held[tailer->held_first];
}

static void drop_first(struct lane_tailer *tailer)
{
	free(first_held(tailer)->bytes);
	tailer->held_first++;
	tailer->held_cnt--;
	if (tailer->held_cnt == 0)
		tailer->held_first = 0;
}

static int make_room(struct lane_tailer *tailer)
{
	const size_t end = tailer->held_first + tailer->held_cnt;
	struct held *bigger;

	CHECK(end <= tailer->held_room);
	if (end < tailer->held_room)
		return 0;
	if (tailer->held_first >= HELD_CNT_FIRST && tailer->held_first >= tailer->held_cnt) {
		memmove(tailer->held, first_held(tailer), tailer->held_cnt * sizeof(*bigger));
		tailer->held_first = 0;
		return 0;
	}
	bigger = reallocarray(tailer->held, end > 0 ? 2 * end : HELD_CNT_FIRST, sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	tailer->held = bigger;
	tailer->held_room = end > 0 ? 2 * end : HELD_CNT_FIRST;
	return 0;
}

/* Keeps the block that the reader has just read. */
static int hold(struct lane_tailer *tailer, const struct block_header *block)
{
	struct lane_position position;
	struct held *held;

	if (make_room(tailer) != 0)
		return -ENOMEM;
	lane_reader_position(tailer->reader, &position);
	held = &tailer->held[tailer->held_first + tailer->held_cnt];
	/* The position is this block's, and the block follows those that are held. */
	CHECK(position.tail.next_lsn == block->first_lsn + block->record_cnt);
	CHECK(position.block_offset + block->block_bytes == position.tail.place.offset);
	CHECK(position.tail.place.offset <= lane_reader_segment_bytes(tailer->reader));
	CHECK(block->durable_lsn >= tailer->watermark_lsn);
	CHECK(tailer->held_cnt == 0 ||
	      (held - 1)->header.first_lsn + (held - 1)->header.record_cnt == block->first_lsn);
	CHECK(tailer->held_first + tailer->held_cnt < tailer->held_room);
	*held = (struct held){
		.place.segment = position.tail.place.segment,
		.place.offset = position.block_offset,
		.segment_bytes = lane_reader_segment_bytes(tailer->reader),
		.header = *block,
	};
	if (block->record_cnt > 0) {
		held->bytes = malloc(block->block_bytes);
		if (held->bytes == NULL)
			return -ENOMEM;
		memcpy(held->bytes, block, block->block_bytes);
	}
	tailer->held_cnt++;
	tailer->watermark_lsn = block->durable_lsn;
	return 0;
}

/* Always -ESTALE. */
static int say_stale(const struct lane_tailer *tailer, const char *found, struct error *error)
{
	const struct lane_mark *mark = &tailer->mark;

	CHECK(mark->next_lsn > 0);
	return error_say(
		error, -ESTALE,
		"lane %u: the block that ends with LSN %" PRIu64 " was read from segment %" PRIu64
		" at offset %" PRIu64 " before, now there is %s: the lane was cut by `journal "
		"repair` or put back from a copy, so LSNs after the cut are given twice; settle "
		"the orders that the cut lost (the report in DATA/repaired-*), then begin a new "
		"downstream (another directory or stream) and a new cursor",
		tailer->options.lane, mark->next_lsn - 1, mark->place.segment, mark->place.offset,
		found);
}

/* Always -ENODATA. */
static int say_pruned(const struct lane_tailer *tailer, uint64_t first_lsn, struct error *error)
{
	const uint64_t next_lsn = tailer->mark.next_lsn > 0 ? tailer->mark.next_lsn : 1;

	return error_say(
		error, -ENODATA,
		"lane %u: LSN %" PRIu64 " is needed next, but the lane begins with LSN %" PRIu64
		" after a checkpoint: what was before it has been pruned; put the pruned segments "
		"back from a copy of the lane, or begin a new downstream with --skip-pruned",
		tailer->options.lane, next_lsn, first_lsn);
}

/* For a lane of which no block was read yet, and none can be read any more. */
static int say_bare(const struct lane_tailer *tailer, uint64_t first_segment, struct error *error)
{
	CHECK(tailer->mark.next_lsn == 0);
	return error_say(error, -ESTALE,
			 "lane %u: it begins with segment %" PRIu64
			 ", which holds no block: the lane has lost its orders; put it back from "
			 "a copy",
			 tailer->options.lane, first_segment);
}

static int rc_of(enum lane_read read)
{
	CHECK(read == LANE_CORRUPT || read == LANE_ERROR);
	return read == LANE_CORRUPT ? -EBADMSG : -EIO;
}

static void restart(struct lane_tailer *tailer)
{
	lane_reader_close(tailer->reader);
	tailer->reader = NULL;
	while (tailer->held_cnt > 0)
		drop_first(tailer);
	tailer->watermark_lsn = 0;
	CHECK(tailer->held_first == 0);
}

/* Checks that the mark's block is still there, and holds it if it is to be given again. */
static int check_mark(struct lane_tailer *tailer, struct error *error)
{
	const struct lane_mark *mark = &tailer->mark;
	const struct block_header *block;
	const struct record *records;
	const enum lane_read read = lane_reader_next(tailer->reader, &block, &records, error);
	struct lane_position position;

	CHECK(mark->next_lsn > 0);
	CHECK(tailer->held_cnt == 0);
	if (read == LANE_ERROR || read == LANE_CORRUPT)
		return rc_of(read);
	if (read != LANE_BLOCK)
		return say_stale(tailer, read == LANE_END ? "nothing" : "no whole block", error);
	lane_reader_position(tailer->reader, &position);
	if (position.tail.place.segment != mark->place.segment ||
	    position.block_offset != mark->place.offset || block->checksum != mark->checksum)
		return say_stale(tailer, "another block", error);
	if (tailer->options.again && !tailer->started)
		return hold(tailer, block);
	tailer->watermark_lsn = block->durable_lsn;
	return 0;
}

/* The segment of the mark was pruned: that is fine if the lane begins with the very next block. */
static int check_junction(struct lane_tailer *tailer, uint64_t first_segment, struct error *error)
{
	const struct lane_mark *mark = &tailer->mark;
	const struct block_header *block;
	const struct record *records;
	const enum lane_read read = lane_reader_next(tailer->reader, &block, &records, error);

	CHECK(tailer->held_cnt == 0);
	if (read == LANE_ERROR || read == LANE_CORRUPT)
		return rc_of(read);
	if (read != LANE_BLOCK && mark->next_lsn == 0)
		return say_bare(tailer, first_segment, error);
	if (read != LANE_BLOCK)
		return say_stale(tailer, "nothing", error);
	if (mark->next_lsn == 0 && tailer->options.skip_pruned)
		return hold(tailer, block);
	if (block->first_lsn != mark->next_lsn || block->prev_checksum != mark->checksum)
		return say_pruned(tailer, block->first_lsn, error);
	return hold(tailer, block);
}

/* The first segment that is there. 0, -ENOENT if there is none, or other -errno. */
static int first_segment(struct lane_files *files, uint64_t *first)
{
	uint64_t *numbers = NULL;
	const int64_t cnt = files->ops->list(files, &numbers);

	if (cnt > 0)
		*first = numbers[0];
	free(numbers);
	if (cnt < 0)
		return (int)cnt;
	return cnt > 0 ? 0 : -ENOENT;
}

/* Begins to read after the mark. */
static int begin(struct lane_tailer *tailer, struct error *error)
{
	const struct lane_tailer_options *options = &tailer->options;
	const struct lane_mark *mark = &tailer->mark;
	struct lane_files *files = NULL;
	uint64_t first = 0;
	int rc = options->open_files(options->context, options->lane, &files);

	restart(tailer);
	if (rc != 0)
		return error_say(error, rc, "lane %u: %s", options->lane, safe_strerror(rc));
	rc = first_segment(files, &first);
	if (rc == -ENOENT && mark->next_lsn > 0) {
		files->ops->close(files);
		return say_stale(tailer, "no segment", error);
	}
	if (mark->next_lsn == 0 && first == 0)
		rc = lane_reader_open_files(&tailer->reader, files, options->journal_id,
					    options->lane, error);
	else if (first <= mark->place.segment)
		rc = lane_reader_open_block(&tailer->reader, files, options->journal_id,
					    options->lane, mark->place.segment, mark->place.offset,
					    error);
	else
		rc = lane_reader_open_rest(&tailer->reader, files, options->journal_id,
					   options->lane, first, error);
	if (rc != 0)
		return rc;
	lane_reader_glance(tailer->reader, true);
	if (mark->next_lsn > 0 && first <= mark->place.segment)
		return check_mark(tailer, error);
	return first > mark->place.segment ? check_junction(tailer, first, error) : 0;
}

int lane_tailer_open(struct lane_tailer **out, const struct lane_tailer_options *options,
		     const struct lane_mark *behind, struct error *error)
{
	struct lane_tailer *tailer = aligned_alloc(BLOCK_ALIGN_BYTES, sizeof(*tailer));
	int rc;

	static_assert(sizeof(*tailer) % BLOCK_ALIGN_BYTES == 0, "aligned_alloc requires it");
	if (tailer == NULL)
		return error_say(error, -ENOMEM, "lane %u: no memory to read it", options->lane);
	*tailer = (struct lane_tailer){
		.options = *options, .mark = *behind, .judged_ns = clock_now_ns()};
	rc = begin(tailer, error);
	if (rc != 0) {
		lane_tailer_close(tailer);
		return rc;
	}
	*out = tailer;
	return 0;
}

static bool is_same(const struct lane_place *a, const struct lane_place *b)
{
	return a->segment == b->segment && a->offset == b->offset;
}

/* Where the lane seems to end; 0, 0: unknown. */
static struct lane_place find_extent(const struct lane_tailer *tailer)
{
	const struct lane_tailer_options *options = &tailer->options;
	struct lane_end extent = {0};
	struct lane_files *files = NULL;

	if (options->open_files(options->context, options->lane, &files) != 0)
		return (struct lane_place){0};
	if (lane_end_find(files, options->lane, &extent) != 0)
		extent = (struct lane_end){0};
	files->ops->close(files);
	return extent.place;
}

/* Whether to judge this end now: each once, as soon as something seems to lie after it. */
static bool wants_judging(struct lane_tailer *tailer, enum lane_read read)
{
	struct lane_position position;
	const struct lane_place extent = find_extent(tailer);
	struct lane_place end;
	bool behind;

	lane_reader_position(tailer->reader, &position);
	end = position.tail.place;
	behind = extent.segment > end.segment ||
		 (extent.segment == end.segment && extent.offset > end.offset);
	if (is_same(&end, &tailer->judged) && is_same(&extent, &tailer->judged_extent))
		return false;
	if (read != LANE_TORN && !behind && clock_now_ns() < tailer->judged_ns + JUDGE_NS &&
	    !(tailer->options.once && tailer->judged.offset == 0))
		return false;
	tailer->judged = end;
	tailer->judged_extent = extent;
	tailer->judged_ns = clock_now_ns();
	return true;
}

/*
 * At the end. From time to time the tailer checks that the block given last is still there. It
 * judges what looked like the end of the lane, or like a write in flight, if it still looks so.
 */
static int at_end(struct lane_tailer *tailer, enum lane_read read, struct error *error)
{
	const struct block_header *block;
	const struct record *records;
	const bool at_once = tailer->options.once && tailer->judged.offset == 0;

	CHECK(read == LANE_END || read == LANE_TORN);
	if (tailer->recheck_ns == 0)
		tailer->recheck_ns = clock_now_ns() + RECHECK_NS;
	if (clock_now_ns() < tailer->recheck_ns && !at_once)
		return 0;
	tailer->recheck_ns = clock_now_ns() + RECHECK_NS;
	if (wants_judging(tailer, read)) {
		lane_reader_glance(tailer->reader, false);
		read = lane_reader_next(tailer->reader, &block, &records, error);
		lane_reader_glance(tailer->reader, true);
		if (read == LANE_CORRUPT || read == LANE_ERROR)
			return rc_of(read);
	}
	return begin(tailer, error);
}

/* Reads one more block. 1, 0 at the end, or -errno. */
static int read_more(struct lane_tailer *tailer, struct error *error)
{
	const struct block_header *block;
	const struct record *records;
	enum lane_read read = lane_reader_next(tailer->reader, &block, &records, error);
	int rc;

	if (read == LANE_END || read == LANE_TORN)
		return at_end(tailer, read, error);
	/* A crash may have taken back what was read and not proven: begin again after what is
	 * proven; from there on the lane must be good. */
	if (read == LANE_CORRUPT) {
		rc = begin(tailer, error);
		if (rc != 0)
			return rc;
		read = lane_reader_next(tailer->reader, &block, &records, error);
		if (read == LANE_END || read == LANE_TORN)
			return 0;
	}
	if (read != LANE_BLOCK)
		return rc_of(read);
	tailer->recheck_ns = 0;
	rc = hold(tailer, block);
	if (rc != 0)
		error_set(error, "lane %u: no memory for its blocks", tailer->options.lane);
	return rc == 0 ? 1 : rc;
}

int lane_tailer_peek(struct lane_tailer *tailer, struct lane_block *block, struct error *error)
{
	struct held *held;

	while (tailer->held_cnt == 0 ||
	       (!tailer->options.proven &&
		block_proof_lsn(&first_held(tailer)->header) > tailer->watermark_lsn)) {
		const int rc = read_more(tailer, error);

		if (rc <= 0)
			return rc;
	}
	held = first_held(tailer);
	/* From the first block taken on, each follows the one before it, also when the tailer has
	 * begun anew. */
	CHECK(!tailer->started || held->header.first_lsn == tailer->mark.next_lsn);
	*block = (struct lane_block){
		.place = held->place,
		.segment_bytes = held->segment_bytes,
	};
	if (held->bytes != NULL) {
		block->header = (const struct block_header *)held->bytes;
	} else {
		memcpy(tailer->closing, &held->header, sizeof(held->header));
		block->header = (const struct block_header *)tailer->closing;
	}
	return 1;
}

void lane_tailer_take(struct lane_tailer *tailer)
{
	const struct held *held = first_held(tailer);
	const struct lane_block block = {.place = held->place, .header = &held->header};

	CHECK(!tailer->started || held->header.first_lsn == tailer->mark.next_lsn);
	tailer->mark = lane_mark_of(&block);
	tailer->started = true;
	drop_first(tailer);
}

const struct lane_mark *lane_tailer_mark(const struct lane_tailer *tailer)
{
	return &tailer->mark;
}

void lane_tailer_close(struct lane_tailer *tailer)
{
	if (tailer == NULL)
		return;
	restart(tailer);
	free(tailer->held);
	free(tailer);
}
