#include "engine/journal/lane_reader.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"

/* Fuzzers set a small one, which is quick to map and which reading leaves often. */
#ifndef LANE_WINDOW_BYTES
#define LANE_WINDOW_BYTES (1 << 20)
#endif

enum {
	/* Bytes read at a time: enough for the disk, few enough to stay in the cache. */
	WINDOW_BYTES = LANE_WINDOW_BYTES,
};
static_assert((int)WINDOW_BYTES >= (int)BLOCK_BYTES_MAX, "a block fits into the window");
static_assert((WINDOW_BYTES & (WINDOW_BYTES - 1)) == 0 &&
		      (BLOCK_ALIGN_BYTES & (BLOCK_ALIGN_BYTES - 1)) == 0,
	      "the bytes read at a time double from a unit up to the window, and not beyond");

struct lane_reader {
	struct lane_files *files;
	uint64_t journal_id;
	uint16_t lane;
	uint64_t segment_first; /* segment_first .. segment_end - 1 are there */
	uint64_t segment_end;
	bool light;
	bool glances;
	bool adopts; /* the next block may be any good one: nothing is known of the one before it */

	/* The segment whose header was checked last. */
	uint64_t entered;
	uint64_t segment_bytes;

	/* Bytes of a segment from an offset on. */
	uint8_t *window;
	struct lane_place window_place;
	uint64_t window_bytes; /* 0: nothing in it */
	uint64_t read_bytes;   /* read at a time */

	struct lane_tail tail; /* after the last good block */
	uint64_t block_offset; /* of that block */
	uint64_t watermark_lsn;
	uint64_t blocks;

	struct error *error;     /* of the call under way */
	struct lane_fault fault; /* the last one that was reported */
};

static const uint64_t NONE_ENTERED = UINT64_MAX;

__attribute__((format(printf, 4, 5))) static enum lane_read say(struct lane_reader *reader,
								enum lane_read what,
								struct lane_place at,
								const char *format, ...)
{
	struct lane_fault *fault = &reader->fault;
	char path[SEGMENT_PATH_BYTES];
	va_list args;

	CHECK(what == LANE_CORRUPT || what == LANE_ERROR);
	fault->place = at;
	va_start(args, format);
	vsnprintf(fault->text, sizeof(fault->text), format, args);
	va_end(args);
	segment_path(reader->files->path, at.segment, path);
	error_set(reader->error, "%s: offset %" PRIu64 ": %s%s", path, at.offset, fault->text,
		  what == LANE_CORRUPT ? "; the lane is damaged: " LANE_REMEDY : "");
	return what;
}

/* Always -EBADMSG. */
static int say_missing(const struct lane_reader *reader, uint64_t missing, uint64_t there,
		       struct error *error)
{
	return error_say(error, -EBADMSG,
			 "%s: segment %" PRIu64 " is missing, segment %" PRIu64
			 " is there; the lane is damaged: put it back from a copy",
			 reader->files->path, missing, there);
}

/* Finds the segments that are there. A gap is an error; the first ones may be gone (prune). */
static int list_segments(struct lane_reader *reader, struct error *error)
{
	uint64_t *numbers = NULL;
	const int64_t cnt = reader->files->ops->list(reader->files, &numbers);
	int rc = 0;

	if (cnt == -ENOENT) {
		return error_say(error, -EBADMSG,
				 "%s: missing; the journal is damaged: " LANE_REMEDY,
				 reader->files->path);
	}
	if (cnt < 0) {
		error_set(error, "%s: %s", reader->files->path, safe_strerror((int)cnt));
		return (int)cnt;
	}
	for (int64_t i = 1; i < cnt && rc == 0; i++) {
		if (numbers[i] != numbers[i - 1] + 1)
			rc = say_missing(reader, numbers[i - 1] + 1, numbers[i], error);
	}
	if (rc == 0) {
		reader->segment_first = cnt > 0 ? numbers[0] : 0;
		reader->segment_end = reader->segment_first + (uint64_t)cnt;
	}
	free(numbers);
	return rc;
}

/* Opens a reader that knows its segments, but not yet where to begin. */
static int open_reader(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
		       uint16_t lane, struct error *error)
{
	struct lane_reader *reader = calloc(1, sizeof(*reader));
	uint8_t *window = aligned_alloc(BLOCK_ALIGN_BYTES, WINDOW_BYTES);
	int rc;

	if (reader == NULL || window == NULL) {
		error_set(error, "%s: no memory to read it", files->path);
		files->ops->close(files);
		free(reader);
		free(window);
		return -ENOMEM;
	}
	reader->files = files;
	reader->journal_id = journal_id;
	reader->lane = lane;
	reader->entered = NONE_ENTERED;
	reader->window = window;
	reader->read_bytes = WINDOW_BYTES;
	reader->tail = (struct lane_tail){.next_lsn = 1, .place.offset = BLOCK_ALIGN_BYTES};
	rc = list_segments(reader, error);
	if (rc != 0) {
		lane_reader_close(reader);
		return rc;
	}
	*out = reader;
	return 0;
}

int lane_reader_open_files(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			   uint16_t lane, struct error *error)
{
	struct lane_reader *reader = NULL;
	int rc = open_reader(&reader, files, journal_id, lane, error);

	if (rc != 0)
		return rc;
	if (reader->segment_first > 0) {
		rc = say_missing(reader, 0, reader->segment_first, error);
		lane_reader_close(reader);
		return rc;
	}
	*out = reader;
	return 0;
}

int lane_reader_open_rest(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			  uint16_t lane, uint64_t segment, struct error *error)
{
	struct lane_reader *reader = NULL;
	int rc = open_reader(&reader, files, journal_id, lane, error);

	if (rc != 0)
		return rc;
	reader->tail.place.segment =
		segment == LANE_FIRST_SEGMENT ? reader->segment_first : segment;
	reader->adopts = reader->tail.place.segment > 0;
	*out = reader;
	return 0;
}

void lane_reader_close(struct lane_reader *reader)
{
	if (reader == NULL)
		return;
	reader->files->ops->close(reader->files);
	free(reader->window);
	free(reader);
}

/* The bytes at a place, from the window or the file; NULL and an error line if they can't be read.
 */
static const uint8_t *view(struct lane_reader *reader, struct lane_place at, uint64_t bytes)
{
	const struct lane_place *window = &reader->window_place;
	int64_t got;

	/* A block's size was checked before, whatever its header says. */
	CHECK(bytes > 0 && bytes <= WINDOW_BYTES);
	CHECK(reader->read_bytes <= WINDOW_BYTES && reader->window_bytes <= WINDOW_BYTES);
	/* Not by a sum, which could overflow: a place from another program may be any number. */
	if (reader->window_bytes >= bytes && at.segment == window->segment &&
	    at.offset >= window->offset &&
	    at.offset - window->offset <= reader->window_bytes - bytes)
		return reader->window + (at.offset - window->offset);

	reader->window_bytes = 0;
	got = reader->files->ops->read(reader->files, at.segment, reader->window,
				       bytes > reader->read_bytes ? bytes : reader->read_bytes,
				       at.offset);
	CHECK(got <= WINDOW_BYTES);
	if (reader->read_bytes < WINDOW_BYTES)
		reader->read_bytes *= 2;
	if (got < (int64_t)bytes) {
		say(reader, LANE_ERROR, at, "cannot be read: %s",
		    got < 0 ? safe_strerror((int)got) : "the file ends before");
		return NULL;
	}
	reader->window_place = at;
	reader->window_bytes = (uint64_t)got;
	return reader->window;
}

/* Checks a segment's header and size. LANE_BLOCK if both are right. */
static enum lane_read enter(struct lane_reader *reader, uint64_t segment)
{
	const struct lane_place at = {.segment = segment};
	const struct segment_header *header;
	const char *wrong;
	int64_t bytes;

	if (reader->entered == segment)
		return LANE_BLOCK;
	bytes = reader->files->ops->size(reader->files, segment);
	if (bytes < 0)
		return say(reader, LANE_ERROR, at, "%s", safe_strerror((int)bytes));
	if (bytes < (int64_t)SEGMENT_BYTES_MIN)
		return say(reader, LANE_CORRUPT, at, "only %" PRId64 " bytes are left of it",
			   bytes);
	header = (const struct segment_header *)view(reader, at, BLOCK_ALIGN_BYTES);
	if (header == NULL)
		return LANE_ERROR;
	wrong = segment_header_wrong(header, reader->journal_id, reader->lane, segment);
	if (wrong != NULL)
		return say(reader, LANE_CORRUPT, at, "%s", wrong);
	if (header->segment_bytes != (uint64_t)bytes)
		return say(reader, LANE_CORRUPT, at, "%" PRId64 " bytes are left of %" PRIu64,
			   bytes, header->segment_bytes);
	reader->entered = segment;
	reader->segment_bytes = header->segment_bytes;
	CHECK(segment_bytes_valid(reader->segment_bytes));
	return LANE_BLOCK;
}

static bool have_segment(struct lane_reader *reader, uint64_t segment)
{
	/* A running engine may have made it since the last look. */
	if (segment >= reader->segment_end)
		(void)list_segments(reader, reader->error);
	return segment >= reader->segment_first && segment < reader->segment_end;
}

static bool all_zero(const uint8_t *bytes, size_t cnt)
{
	return bytes[0] == 0 && memcmp(bytes, bytes + 1, cnt - 1) == 0;
}

/*
 * Checks the block at a place of the segment entered. *block: the block; *wrong: NULL if it is
 * valid there, else why not. LANE_ERROR if it can't be read, else LANE_BLOCK.
 */
static enum lane_read check_block(struct lane_reader *reader, struct lane_place at,
				  const struct block_header **block, const char **wrong)
{
	const struct block_header *header;
	uint64_t seed;

	CHECK(reader->entered == at.segment);
	header = (const struct block_header *)view(reader, at, BLOCK_ALIGN_BYTES);
	if (header == NULL)
		return LANE_ERROR;
	*wrong = block_shape_wrong(header, reader->lane, reader->segment_bytes - at.offset);
	if (*wrong != NULL)
		return LANE_BLOCK;
	header = (const struct block_header *)view(reader, at, header->block_bytes);
	if (header == NULL)
		return LANE_ERROR;
	/* An engine may have written it between the two looks. */
	*wrong = block_shape_wrong(header, reader->lane, reader->segment_bytes - at.offset);
	if (*wrong != NULL)
		return LANE_BLOCK;
	seed = block_seed(reader->journal_id, reader->lane, at.segment, at.offset,
			  header->first_lsn);
	if (header->checksum != block_checksum(header, seed))
		*wrong = "block with a wrong checksum";
	else
		*wrong = block_records_wrong(header);
	*block = header;
	return LANE_BLOCK;
}

/* Looks through one segment after the last good block. LANE_END: only zeros; LANE_TORN: not only
 * zeros, but nothing that was durable. */
static enum lane_read judge_segment(struct lane_reader *reader, struct lane_place at,
				    const char *bad)
{
	const struct lane_tail *tail = &reader->tail;
	enum lane_read result = LANE_END;
	char lsn[32];

	CHECK(reader->entered == at.segment);
	snprintf(lsn, sizeof(lsn), "LSN %" PRIu64, tail->next_lsn);
	for (; at.offset < reader->segment_bytes; at.offset += BLOCK_ALIGN_BYTES) {
		const struct block_header *block = NULL;
		const char *wrong = NULL;
		const uint8_t *unit = view(reader, at, BLOCK_ALIGN_BYTES);

		if (unit == NULL)
			return LANE_ERROR;
		if (all_zero(unit, BLOCK_ALIGN_BYTES))
			continue;
		result = LANE_TORN;
		if (check_block(reader, at, &block, &wrong) != LANE_BLOCK)
			return LANE_ERROR;
		if (wrong != NULL || block->durable_lsn < tail->next_lsn)
			continue;

		const struct lane_place missing = tail->place;

		return say(reader, LANE_CORRUPT, missing,
			   "%s should be here, but there is: %s. The block in segment %" PRIu64
			   " at offset %" PRIu64 " says that LSN %" PRIu64 " was on disk",
			   reader->adopts ? "a block" : lsn, bad, at.segment, at.offset,
			   block->durable_lsn);
	}
	return result;
}

/* Decides how the lane ends: no good block is where the next one should be. */
static enum lane_read judge(struct lane_reader *reader, const char *bad)
{
	enum lane_read result = LANE_END;

	CHECK(bad != NULL && !reader->glances);
	for (uint64_t segment = reader->tail.place.segment; have_segment(reader, segment);
	     segment++) {
		const bool first = segment == reader->tail.place.segment;
		const struct lane_place from = {segment, first ? reader->tail.place.offset
							       : BLOCK_ALIGN_BYTES};
		enum lane_read read = enter(reader, segment);

		if (read == LANE_BLOCK)
			read = judge_segment(reader, from, bad);
		if (read == LANE_CORRUPT || read == LANE_ERROR)
			return read;
		if (read == LANE_TORN)
			result = LANE_TORN;
	}
	return result;
}

/*
 * Moves *at to where the next block should be. A writer leaves a segment when only the room for a
 * closing block is left. *skipped: that room is empty, and *at is in the next segment.
 */
static enum lane_read find_place(struct lane_reader *reader, struct lane_place *at, bool *skipped)
{
	enum lane_read read = enter(reader, at->segment);
	const uint8_t *unit;

	*skipped = false;
	if (read != LANE_BLOCK || at->offset < reader->segment_bytes - BLOCK_ALIGN_BYTES ||
	    !have_segment(reader, at->segment + 1))
		return read;
	if (at->offset < reader->segment_bytes) {
		unit = view(reader, *at, BLOCK_ALIGN_BYTES);
		if (unit == NULL)
			return LANE_ERROR;
		if (!all_zero(unit, BLOCK_ALIGN_BYTES))
			return LANE_BLOCK;
		*skipped = true;
	}
	at->segment++;
	at->offset = BLOCK_ALIGN_BYTES;
	return enter(reader, at->segment);
}

/* Whether a good block follows from the last one. */
static bool follows(const struct lane_reader *reader, const struct block_header *block)
{
	return block->first_lsn == reader->tail.next_lsn &&
	       block->prev_checksum == reader->tail.prev_checksum &&
	       block->durable_lsn >= reader->watermark_lsn;
}

static void accept_block(struct lane_reader *reader, struct lane_place at,
			 const struct block_header *block, const struct record *records)
{
	struct lane_tail *tail = &reader->tail;

	CHECK(reader->adopts || follows(reader, block));
	/* Reading only goes forwards, and stays within the segment entered. */
	CHECK(!lane_place_before(at, tail->place));
	CHECK(at.segment == reader->entered);
	CHECK(at.offset + block->block_bytes <= reader->segment_bytes);
	CHECK(block->durable_lsn < block->first_lsn);
	tail->next_lsn = block->first_lsn + block->record_cnt;
	tail->place.segment = at.segment;
	tail->place.offset = at.offset + block->block_bytes;
	reader->block_offset = at.offset;
	reader->adopts = false;
	tail->prev_checksum = block->checksum;
	/* Its first record set the clock back: earlier instants count no more. */
	if (block->format == JOURNAL_FORMAT_CLOCK)
		tail->last_at_ns = 0;
	if (block->written_at_ns > tail->last_at_ns)
		tail->last_at_ns = block->written_at_ns;
	if (block->record_cnt > 0 && records[block->record_cnt - 1].at_ns > tail->last_at_ns)
		tail->last_at_ns = records[block->record_cnt - 1].at_ns;
	reader->watermark_lsn = block->durable_lsn;
	reader->blocks++;
}

static bool is_zero_at(struct lane_reader *reader, struct lane_place at)
{
	const uint8_t *unit = view(reader, at, BLOCK_ALIGN_BYTES);

	return unit != NULL && all_zero(unit, BLOCK_ALIGN_BYTES);
}

static enum lane_read read_next(struct lane_reader *reader, const struct block_header **block)
{
	const struct lane_tail *tail = &reader->tail;
	struct lane_place at = tail->place;
	const char *wrong = NULL;
	bool skipped = false;
	enum lane_read read;

	if (!have_segment(reader, at.segment))
		return LANE_END;
	read = find_place(reader, &at, &skipped);
	if (read != LANE_BLOCK)
		return read;
	if (at.offset == reader->segment_bytes)
		return LANE_END;
	read = check_block(reader, at, block, &wrong);
	if (read != LANE_BLOCK)
		return read;
	if (wrong != NULL && reader->light && is_zero_at(reader, at))
		return LANE_END;
	if (wrong != NULL && reader->glances)
		return LANE_TORN;
	if (wrong != NULL)
		return judge(reader, wrong);
	if (reader->adopts || follows(reader, *block)) {
		accept_block(reader, at, *block, (const struct record *)(*block + 1));
		return LANE_BLOCK;
	}
	/* Perhaps a closing block is missing in the room that was skipped. */
	if (skipped)
		return reader->glances ? LANE_TORN : judge(reader, "nothing");
	return say(reader, LANE_CORRUPT, at,
		   "the block of LSN %" PRIu64 " here does not follow the one before it, which "
		   "ends with LSN %" PRIu64,
		   (*block)->first_lsn, tail->next_lsn - 1);
}

enum lane_read lane_reader_next(struct lane_reader *reader, const struct block_header **block,
				const struct record **records, struct error *error)
{
	enum lane_read read;

	reader->error = error;
	read = read_next(reader, block);
	/* Beside a running engine a block may have arrived between the look at its place and the
	 * look after it: only what is found twice is damage. */
	if (read == LANE_CORRUPT) {
		reader->window_bytes = 0;
		reader->entered = NONE_ENTERED;
		read = read_next(reader, block);
	}
	/* The caller may ask lane_reader_fault for it. */
	CHECK((read != LANE_CORRUPT && read != LANE_ERROR) || reader->fault.text[0] != '\0');
	if (read == LANE_BLOCK)
		*records = (const struct record *)(*block + 1);
	else
		reader->window_bytes = 0; /* the next call reads it again */
	if (read != LANE_BLOCK && reader->glances)
		reader->read_bytes = BLOCK_ALIGN_BYTES;
	return read;
}

/* Checks that the block before a position is still there. */
static enum lane_read check_position(struct lane_reader *reader,
				     const struct lane_position *position)
{
	const struct lane_place at = {position->tail.place.segment, position->block_offset};
	const struct block_header *block = NULL;
	const char *wrong = "the file ends before";
	enum lane_read read = enter(reader, at.segment);

	if (read != LANE_BLOCK)
		return read;
	if (at.offset >= BLOCK_ALIGN_BYTES && at.offset % BLOCK_ALIGN_BYTES == 0 &&
	    at.offset < reader->segment_bytes)
		read = check_block(reader, at, &block, &wrong);
	if (read != LANE_BLOCK)
		return read;
	if (wrong == NULL && (block->checksum != position->tail.prev_checksum ||
			      at.offset + block->block_bytes != position->tail.place.offset ||
			      block->first_lsn + block->record_cnt != position->tail.next_lsn))
		wrong = "another block";
	if (wrong == NULL)
		return LANE_BLOCK;
	return say(reader, LANE_CORRUPT, at,
		   "the block that ends with LSN %" PRIu64
		   " was on disk here, as a checkpoint says, but there is: %s",
		   position->tail.next_lsn - 1, wrong);
}

static void go_to(struct lane_reader *reader, const struct lane_position *position)
{
	reader->tail = position->tail;
	reader->block_offset = position->block_offset;
	reader->watermark_lsn = position->watermark_lsn;
	reader->blocks = 0;
}

/* Whether a block follows from a position: its chain proves that the block before was there. A
 * repair may leave a lane like that. */
static bool is_followed(struct lane_reader *reader, const struct lane_position *position)
{
	const struct block_header *block;
	bool followed = false;

	if (enter(reader, position->tail.place.segment) == LANE_BLOCK &&
	    position->tail.place.offset <= reader->segment_bytes) {
		go_to(reader, position);
		followed = read_next(reader, &block) == LANE_BLOCK;
	}
	return followed;
}

int lane_reader_open_at(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			uint16_t lane, const struct lane_position *position, struct error *error)
{
	struct lane_reader *reader = NULL;
	enum lane_read read;
	int rc;

	if (position->tail.place.offset == 0)
		return lane_reader_open_files(out, files, journal_id, lane, error);
	rc = open_reader(&reader, files, journal_id, lane, error);
	if (rc != 0)
		return rc;
	reader->error = error;
	if (!have_segment(reader, position->tail.place.segment)) {
		error_set(error,
			  "%s: segment %" PRIu64
			  " is missing; a checkpoint says that it had LSN %" PRIu64
			  "; the lane is damaged: put it back from a copy",
			  files->path, position->tail.place.segment, position->tail.next_lsn - 1);
		lane_reader_close(reader);
		return -EBADMSG;
	}
	read = check_position(reader, position);
	/* The look at the next block has overwritten the error line: check_position writes it
	 * again. */
	if (read == LANE_CORRUPT)
		read = is_followed(reader, position) ? LANE_BLOCK
						     : check_position(reader, position);
	if (read != LANE_BLOCK) {
		lane_reader_close(reader);
		return read == LANE_CORRUPT ? -EBADMSG : -EIO;
	}
	go_to(reader, position);
	*out = reader;
	return 0;
}

int lane_reader_open_behind(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			    uint16_t lane, const struct lane_position *position,
			    struct error *error)
{
	struct lane_reader *reader = NULL;
	const int rc = open_reader(&reader, files, journal_id, lane, error);

	if (rc != 0)
		return rc;
	go_to(reader, position);
	*out = reader;
	return 0;
}

int lane_reader_open_block(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			   uint16_t lane, uint64_t segment, uint64_t offset, struct error *error)
{
	struct lane_reader *reader = NULL;
	int rc = open_reader(&reader, files, journal_id, lane, error);

	if (rc != 0)
		return rc;
	reader->tail.place.segment = segment;
	reader->tail.place.offset = offset;
	reader->adopts = true;
	*out = reader;
	return 0;
}

void lane_reader_look_lightly(struct lane_reader *reader)
{
	reader->light = true;
}

void lane_reader_glance(struct lane_reader *reader, bool on)
{
	reader->light = on;
	reader->glances = on;
	reader->read_bytes = on ? BLOCK_ALIGN_BYTES : WINDOW_BYTES;
}

void lane_reader_position(const struct lane_reader *reader, struct lane_position *position)
{
	*position = (struct lane_position){
		.tail = reader->tail,
		.block_offset = reader->block_offset,
		.watermark_lsn = reader->watermark_lsn,
	};
}

void lane_reader_tail(const struct lane_reader *reader, struct lane_tail *tail)
{
	*tail = reader->tail;
}

const struct lane_fault *lane_reader_fault(const struct lane_reader *reader)
{
	return &reader->fault;
}

uint64_t lane_reader_segment_bytes(const struct lane_reader *reader)
{
	return reader->segment_bytes;
}

uint64_t lane_reader_blocks(const struct lane_reader *reader)
{
	return reader->blocks;
}
