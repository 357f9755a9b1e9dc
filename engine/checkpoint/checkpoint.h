/*
 * checkpoint: the state of a shard at an LSN in a file of its lane's directory: written, read,
 * loaded. Callers that write one make sure that the lane has all of it on disk
 * (engine/recover/follower.h).
 *
 * A file under its final name is whole and was synced. No part of a file is used before its
 * checksum was checked, and the loaded state must have the state hash that was written.
 *
 * Cold calls, one thread at a time.
 */
#ifndef DB_ENGINE_CHECKPOINT_CHECKPOINT_H
#define DB_ENGINE_CHECKPOINT_CHECKPOINT_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/checkpoint/format.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/lane_reader.h"
#include "engine/sale/shard.h"

struct checkpoint; /* one that is being read */

enum {
	CHECKPOINT_PATH_BYTES = 640,
};

/* DATA/lane-NNN/ckpt-NNNNNNNNNNNNNNN */
void checkpoint_path(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		     char out[CHECKPOINT_PATH_BYTES]);

/*
 * Opens one and checks its header and size. 0; -EBADMSG if it is damaged, -EXDEV if it is of
 * another journal or lane; other -errno if it can't be read. The line in error names the file and
 * what is wrong, but no remedy: recovery can do without it.
 */
int checkpoint_open(struct checkpoint **out, const struct data_dir *dir, uint16_t lane,
		    uint64_t next_lsn, struct error *error);

/* NULL is allowed. */
void checkpoint_close(struct checkpoint *checkpoint);

/* Valid as long as the checkpoint is open. */
const struct checkpoint_header *checkpoint_header(const struct checkpoint *checkpoint);

/* Where the lane continues after it. */
void checkpoint_position(const struct checkpoint_header *header, struct lane_position *position);

/* A chunk that was checked; entries are valid until the next one is read. One pointer is set. */
struct checkpoint_chunk {
	const struct record *offers; /* and CLOCK and PLACED records */
	const struct snapshot_order *orders;
	const struct snapshot_hold *holds;
	const struct snapshot_order *changes;
	const struct snapshot_link *links;
	const struct snapshot_prepared *prepared;
	uint32_t cnt; /* of that pointer's */
};

/* The next chunk: 1; 0 after the last; errors as checkpoint_open. */
int checkpoint_next(struct checkpoint *checkpoint, struct checkpoint_chunk *chunk,
		    struct error *error);

/* Makes checkpoint_next go on with the first chunk of a kind (chunk_header.kind). Of a checkpoint
 * that was just opened. */
void checkpoint_skip_to(struct checkpoint *checkpoint, uint16_t kind);

/* Reads a checkpoint that was just opened into an empty shard. Errors as above; -ENOSPC if the
 * tables are too small. After an error the shard must be cleared. */
int checkpoint_load(struct checkpoint *checkpoint, struct shard *shard, struct error *error);

/* Reads a checkpoint from its first to its last byte. 0, or why it cannot be used, as above. */
int checkpoint_check(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		     struct error *error);

/*
 * Writes the state of a shard after a position of its lane: under a temporary name, synced,
 * renamed, directory synced. Leaves space for the engine's next segments: where there is not
 * enough, -ENOSPC before anything is written. Under checkpoint_lock. *bytes: the file's size. 0, or
 * -errno with a line.
 */
int checkpoint_write(const struct data_dir *dir, uint16_t lane, const struct shard *shard,
		     const struct lane_position *position, uint64_t block_cnt, uint64_t *bytes,
		     struct error *error);

#endif
