/*
 * checkpoint: the state of a shard at an LSN in a file of its lane's directory: written, read,
 * loaded. Who writes one makes sure that the lane has all of it on disk
 * (engine/recover/follower.h).
 *
 * A file under its name is whole and was synced. Nothing of a file is used before its checksum was
 * right, and what is loaded must have the state hash that was written.
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
 * what is wrong, no remedy: to do without it is one.
 */
int checkpoint_open(struct checkpoint **out, const struct data_dir *dir, uint16_t lane,
		    uint64_t next_lsn, struct error *error);

/* NULL is allowed. */
void checkpoint_close(struct checkpoint *checkpoint);

/* As long as the checkpoint is open. */
const struct checkpoint_header *checkpoint_header(const struct checkpoint *checkpoint);

/* Where the lane goes on behind it. */
void checkpoint_position(const struct checkpoint_header *header, struct lane_position *position);

/* A chunk that was checked; entries are valid until the next one is read. */
struct checkpoint_chunk {
	const struct record *offers; /* or NULL */
	const struct snapshot_order *orders;
	uint32_t cnt;
};

/* The next chunk: 1; 0 behind the last; errors as checkpoint_open. */
int checkpoint_next(struct checkpoint *checkpoint, struct checkpoint_chunk *chunk,
		    struct error *error);

/* Reads all of one that was just opened into an empty shard. Errors as above; -ENOSPC for tables
 * too small. After one, the shard must be cleared. */
int checkpoint_load(struct checkpoint *checkpoint, struct shard *shard, struct error *error);

/* Reads one from its first to its last byte. 0, or why it is of no use, as above. */
int checkpoint_check(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		     struct error *error);

/*
 * Writes the state of a shard behind a position of its lane: under a temporary name, synced,
 * renamed, directory synced. Leaves the engine the space for its next segments: -ENOSPC before
 * anything is written. Under checkpoint_lock. *bytes: the file's. 0, or -errno with a line.
 */
int checkpoint_write(const struct data_dir *dir, uint16_t lane, const struct shard *shard,
		     const struct lane_position *position, uint64_t block_cnt, uint64_t *bytes,
		     struct error *error);

#endif
