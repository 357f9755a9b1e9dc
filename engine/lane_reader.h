/*
 * lane_reader: reads a lane's blocks in order and checks every one of them. Used by recovery and by
 * the offline tools; never writes.
 *
 * The rule for a bad block: if any valid block of this lane behind it carries a watermark at or
 * above its first LSN, then it once was durable: corruption. Otherwise it was in flight when the
 * engine died: a torn tail, which ends the lane.
 */
#ifndef DB_ENGINE_LANE_READER_H
#define DB_ENGINE_LANE_READER_H

#include <stddef.h>
#include <stdint.h>

#include "engine/journal.h"
#include "engine/journal_format.h"

struct lane_reader;

enum lane_read {
	LANE_BLOCK,   /* a good block */
	LANE_END,     /* the clean end: zeros behind the last block */
	LANE_TORN,    /* the end: something behind the last block that was never acknowledged */
	LANE_CORRUPT, /* a block that once was durable is bad; the error line names segment and
			 offset */
	LANE_ERROR,   /* could not be read: error line */
};

int lane_reader_open(struct lane_reader **out, const char *data_dir, uint64_t journal_id,
		     uint16_t lane, char *error, size_t error_bytes);

/* The next block; *block is valid until the next call, its records follow it directly. */
enum lane_read lane_reader_next(struct lane_reader *reader, const struct block_header **block,
				const struct record **records, char *error, size_t error_bytes);

/* After LANE_END or LANE_TORN: where a writer goes on. */
void lane_reader_tail(const struct lane_reader *reader, struct lane_tail *tail);

/* Blocks read so far. */
uint64_t lane_reader_blocks(const struct lane_reader *reader);

void lane_reader_close(struct lane_reader *reader);

#endif
