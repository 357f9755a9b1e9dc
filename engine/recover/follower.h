/*
 * follower: applies a lane to a state of its own, with the engine's code, and writes checkpoints of
 * it. Beside a running engine or without one: it only reads the lane.
 *
 * Guarantees: a block is applied only when a later block's watermark says that it was on disk, so
 * that no crash makes a checkpoint know more than its lane. Blocks that no watermark covers yet (at
 * most what was in flight when an engine died) are not applied: recovery reads them from the lane.
 *
 * Cold calls, one thread at a time.
 */
#ifndef DB_ENGINE_RECOVER_FOLLOWER_H
#define DB_ENGINE_RECOVER_FOLLOWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/recover/scan_result.h"
#include "engine/sale/shard.h"

struct follower {
	const struct data_dir *dir;
	struct shard *shard;
	struct shard_size size;
	uint16_t lane;
	bool groups; /* an offer has one: its buyers are counted twice */
	/* ABORTED records since the tables were made, and what they have room for: the count of a
	 * buyer stays. */
	uint64_t aborted_cnt;
	uint64_t aborted_max;
	struct lane_position position; /* applied up to here; all zeros: nothing yet */
	uint64_t block_cnt;            /* before it */
	uint64_t saved_lsn;            /* the next LSN of the checkpoint loaded or written last */
	struct error note;             /* why a newer checkpoint was not loaded, or "" */
};

/*
 * Loads the newest good checkpoint, looks for damage after it as recovery does, and applies what is
 * known to be durable. Errors as recover_lane; -ENOMEM also if the tables need more memory than
 * there is. `dir` must outlive it.
 */
int follower_open(struct follower *follower, const struct data_dir *dir, uint16_t lane,
		  struct error *error);

/* Applies what came since, and makes tables anew that are too small. Errors as above. */
int follower_catch_up(struct follower *follower, struct error *error);

/* Orders applied since the last checkpoint. */
uint64_t follower_unsaved(const struct follower *follower);

/*
 * Writes a checkpoint if something was applied since the last one, then removes those older than
 * the newest keep_cnt good ones. Says how many it removed and how big the new file is. 0 or -errno
 * with a line.
 */
int follower_save(struct follower *follower, unsigned keep_cnt, uint64_t *bytes, unsigned *removed,
		  struct error *error);

/* A follower of all zeros is allowed. */
void follower_close(struct follower *follower);

#endif
