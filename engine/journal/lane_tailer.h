/*
 * lane_tailer: gives the blocks of a lane in order, each once it is known to be on disk, also while
 * an engine writes them. Relay and consumers read a lane with it.
 *
 * Guarantees: a block is given only when a later block's watermark covers it, so that no crash
 * takes back what was given; the blocks given follow each other by LSN and by checksum. The tailer
 * only reads, past the page cache, so that it does not slow down the engine. It notices when the
 * block given last is not in the lane any more (`journal repair` cut it, or the directory was put
 * back), and when the lane was pruned further than what was given. A false end, zeros or other
 * bytes in the place of a block that was on disk once, is reported within seconds, at the latest
 * within a minute.
 *
 * Blocks that no watermark covers yet are given when the engine has started again: at most what was
 * in flight when an engine died, and the closing block at the end.
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

/* A block that a reader has: enough to go on after it and to distinguish it from another block in
 * its place. */
struct lane_mark {
	uint64_t next_lsn;       /* after it; 0: nothing yet, the other fields are 0 too */
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
	/* Opens the files of the lane; the tailer closes them. Called again whenever the tailer
	 * begins anew. 0 or -errno. */
	int (*open_files)(const void *context, uint16_t lane, struct lane_files **out);
	const void *context;
	uint64_t journal_id;
	uint16_t lane;
	bool again;       /* gives the block of the mark once more */
	bool proven;      /* the lane is a copy that gets only blocks known to be on disk */
	bool skip_pruned; /* an empty mark means the first block that is there, not LSN 1 */
	bool once;        /* the caller waits for no more: the first end is judged at once */
};

/* The options to tail a lane of this journal. The directory must outlive the tailer. */
struct lane_tailer_options lane_tailer_of(const struct data_dir *dir, uint16_t lane);

/*
 * Opens the lane after a mark. 0, or an error with a line that names the remedy. -ESTALE: the lane
 * has another block in the mark's place, or none; -ENODATA: the lane was pruned beyond the mark;
 * -EBADMSG: it is damaged; other -errno.
 */
int lane_tailer_open(struct lane_tailer **out, const struct lane_tailer_options *options,
		     const struct lane_mark *behind, struct error *error);

/*
 * The next block. 1: there is one, valid until lane_tailer_take; 0: none is known to be on disk
 * yet; or an error as from lane_tailer_open. Called again it gives the same block.
 */
int lane_tailer_peek(struct lane_tailer *tailer, struct lane_block *block, struct error *error);

/* Takes the block that lane_tailer_peek gave; the next one is another. */
void lane_tailer_take(struct lane_tailer *tailer);

/* The mark of the block taken last. */
const struct lane_mark *lane_tailer_mark(const struct lane_tailer *tailer);

struct lane_mark lane_mark_of(const struct lane_block *block);

/* The records of a block of which all bytes are there, not the header alone. */
const struct record *block_records(const struct block_header *header);

/* A watermark at or above this proves that the block and all before it are on disk. A closing block
 * has no record: it is on disk when the next record is. */
uint64_t block_proof_lsn(const struct block_header *header);

/* NULL is allowed. */
void lane_tailer_close(struct lane_tailer *tailer);

#endif
