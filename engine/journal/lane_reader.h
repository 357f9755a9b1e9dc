/*
 * lane_reader: reads a lane's blocks in order and checks every one of them. Recovery and the
 * offline tools use it. It never writes. A lane can be read while an engine writes it.
 *
 * The rule for a place where the next block should be and isn't: if any valid block of this lane,
 * there or later, carries a watermark at or above the missing LSN, then that LSN was durable once:
 * corruption. Otherwise it was in flight when the engine died: a torn tail, which ends the lane.
 *
 * What no crash can leave behind is corruption at once: a valid block that doesn't follow the one
 * before it, a watermark that falls, a segment that is missing, short, or has a wrong header (it
 * got its name only when it was whole and on disk).
 */
#ifndef DB_ENGINE_JOURNAL_LANE_READER_H
#define DB_ENGINE_JOURNAL_LANE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/format.h"
#include "engine/journal/journal.h"
#include "engine/journal/lane_files.h"

struct lane_reader;

/* The end of a block, where reading may begin again. All zeros: the beginning of the lane. */
struct lane_position {
	struct lane_tail tail;
	uint64_t block_offset;  /* where the block begins, in tail.place.segment */
	uint64_t watermark_lsn; /* of the block */
};

/* The first segment that is there. */
#define LANE_FIRST_SEGMENT UINT64_MAX

/* Something that is wrong with a lane. */
struct lane_fault {
	struct lane_place place;
	char text[512]; /* without place and remedy */
};

enum lane_read {
	LANE_BLOCK,   /* a good block */
	LANE_END,     /* the clean end: zeros after the last block */
	LANE_TORN,    /* the end: what is after the last block was never acknowledged */
	LANE_CORRUPT, /* a block that was durable once is bad; the error line names segment and
			 offset */
	LANE_ERROR,   /* the lane could not be read; the error line says why */
};

/*
 * Five ways to open a lane. Each returns 0; -EBADMSG if the lane's directory or a segment in the
 * middle is missing; or another -errno; with a line in error. The files belong to the reader from
 * then on, also after a failure.
 */

/* From the lane's own beginning on. -EBADMSG also if segment 0 is missing. */
int lane_reader_open_files(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			   uint16_t lane, struct error *error);

/*
 * From a position on; segments before it may be gone. -EBADMSG also if neither the block before the
 * position nor one that follows from it is there: the lane has lost what it had.
 */
int lane_reader_open_at(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			uint16_t lane, const struct lane_position *position, struct error *error);

/* From a position on, whether or not the block before it is there: for a repair. */
int lane_reader_open_behind(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			    uint16_t lane, const struct lane_position *position,
			    struct error *error);

/* From the first block of a segment on, whatever was before it. */
int lane_reader_open_rest(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			  uint16_t lane, uint64_t segment, struct error *error);

/*
 * From the block on that begins at this place. Any good block is accepted; the caller checks
 * whether it is the right one. If the first read gives LANE_END or LANE_TORN, there is none.
 */
int lane_reader_open_block(struct lane_reader **out, struct lane_files *files, uint64_t journal_id,
			   uint16_t lane, uint64_t segment, uint64_t offset, struct error *error);

/*
 * From now on zeros where the next block should be are LANE_END without a look at what lies after
 * them: for callers that ask often beside a running engine and leave damage of that kind to others.
 */
void lane_reader_look_lightly(struct lane_reader *reader);

/*
 * With `on`: as lane_reader_look_lightly. Also, what is neither zeros nor a good block is LANE_TORN
 * without a look at what lies after it, as a write in flight looks like that; and at the end little
 * is read at a time. Without `on` all this ends.
 */
void lane_reader_glance(struct lane_reader *reader, bool on);

/*
 * The next block; *block is valid until the next call, its records follow it directly. After
 * LANE_END or LANE_TORN call it again for what a running engine has written since.
 */
enum lane_read lane_reader_next(struct lane_reader *reader, const struct block_header **block,
				const struct record **records, struct error *error);

/* The end of the block read last; after LANE_END or LANE_TORN a writer goes on there. */
void lane_reader_tail(const struct lane_reader *reader, struct lane_tail *tail);

/* The same end, with the block itself. */
void lane_reader_position(const struct lane_reader *reader, struct lane_position *position);

/* The size of the segment read last; 0: none yet. */
uint64_t lane_reader_segment_bytes(const struct lane_reader *reader);

/* What the error line says after LANE_CORRUPT or LANE_ERROR. Valid until the next call. */
const struct lane_fault *lane_reader_fault(const struct lane_reader *reader);

/* Blocks read so far. */
uint64_t lane_reader_blocks(const struct lane_reader *reader);

/* NULL is allowed. */
void lane_reader_close(struct lane_reader *reader);

#endif
