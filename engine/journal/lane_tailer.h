/*
 * lane_tailer: gives the blocks of a lane in order, each once it is known to be on disk, also while
 * an engine writes them. What relay and consumers read a lane with.
 *
 * Guarantees: a block is given only when a later block's watermark covers it, so that no crash
 * takes back what was given; the blocks given follow each other by LSN and by checksum. Only reads,
 * past the page cache, so that the engine doesn't notice. Notices when the block given last is not
 * in the lane any more (`journal repair` cut it, or the directory was put back), and when the lane
 * was pruned further than what was given. An end that isn't one, zeros or rubbish where a block is
 * missing that once was on disk, is told within seconds, or within a minute at the worst.
 *
 * What no block covers yet, at most what was in flight when an engine died and the closing block at
 * the end, is given when the engine has started again.
 *
 * Cold calls, one thread at a time.
 */
#ifndef DB_ENGINE_JOURNAL_LANE_TAILER_H
#define DB_ENGINE_JOURNAL_LANE_TAILER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/lane_reader.h"

struct lane_tailer;

/* A block that somebody has: enough to go on behind it and to tell it from another in its place. */
struct lane_mark {
	uint64_t next_lsn;       /* behind it; 0: nothing yet, the other fields are 0 too */
	struct lane_place place; /* where it begins */
	uint64_t checksum;
};

/* A block and where it lies: both are part of its checksum. */
struct lane_block {
	struct lane_place place;
	uint64_t segment_bytes;
	const struct block_header *header; /* records and zeros follow it */
};

struct lane_tailer_options {
	/* Files of the lane, the tailer's to close; called again whenever it begins anew. */
	int (*open_files)(const void *context, uint16_t lane, struct lane_files **out);
	const void *context;
	uint64_t journal_id;
	uint16_t lane;
	bool again;       /* give the block of the mark once more */
	bool proven;      /* a copy, to which only blocks come that are known to be on disk */
	bool skip_pruned; /* an empty mark means the first block that is there, not LSN 1 */
	bool once;        /* nobody waits for more: the first end is judged at once */
};

/* The options to tail a lane of this journal, which outlives the tailer. */
struct lane_tailer_options lane_tailer_of(const struct data_dir *dir, uint16_t lane);

/*
 * Opens behind a mark. 0, or with a line that names the remedy: -ESTALE: the lane has another block
 * in its place or none; -ENODATA: it was pruned behind it; -EBADMSG: it is damaged; other -errno.
 */
int lane_tailer_open(struct lane_tailer **out, const struct lane_tailer_options *options,
		     const struct lane_mark *behind, struct error *error);

/*
 * The next block: 1, valid until lane_tailer_take; 0: none is known to be on disk yet; or an error
 * as above. Asked again it gives the same block.
 */
int lane_tailer_peek(struct lane_tailer *tailer, struct lane_block *block, struct error *error);

/* The block peeked is done with. */
void lane_tailer_take(struct lane_tailer *tailer);

/* Of the block taken last. */
const struct lane_mark *lane_tailer_mark(const struct lane_tailer *tailer);

struct lane_mark lane_mark_of(const struct lane_block *block);

/* The records of a block whose whole bytes are there. */
const struct record *block_records(const struct block_header *header);

/* A watermark at or above this proves the block and all before it: a closing block is down when the
 * next record is. */
uint64_t block_proof_lsn(const struct block_header *header);

/* NULL is allowed. */
void lane_tailer_close(struct lane_tailer *tailer);

#endif
