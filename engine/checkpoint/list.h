/*
 * list: which checkpoints a lane has, which of them may go, and how far segments may go.
 *
 * Cold calls. Calls that remove something hold checkpoint_lock, and the removal is on disk when
 * they return.
 */
#ifndef DB_ENGINE_CHECKPOINT_LIST_H
#define DB_ENGINE_CHECKPOINT_LIST_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"

/* The next LSNs of a lane's checkpoints, the newest first, in *lsns (owned by the caller, free).
 * How many, or -errno. Does not check whether they are good. */
int64_t checkpoint_list(const struct data_dir *dir, uint16_t lane, uint64_t **lsns);

/* Waits until no other process writes checkpoints of this lane or removes files of it. Returns a
 * descriptor, to be closed to unlock, or -errno. */
int checkpoint_lock(const struct data_dir *dir, uint16_t lane);

/* For callers that read a lane more than once: waits for the same, and makes such processes wait
 * until it is closed. */
int checkpoint_hold(const struct data_dir *dir, uint16_t lane);

/*
 * Removes the checkpoints older than the newest keep_cnt good ones, and what a killed writer left
 * under a temporary name. *removed: how many checkpoints. 0, or -errno with a line.
 */
int checkpoint_retire(const struct data_dir *dir, uint16_t lane, unsigned keep_cnt,
		      unsigned *removed, struct error *error);

/*
 * The segment where the lane continues after the older of the two newest good checkpoints. Neither
 * needs a segment before it, so the lane can still be recovered when one of them turns bad. 0, or
 * -ENODATA with a line if there are not two.
 */
int checkpoint_keep_from(const struct data_dir *dir, uint16_t lane, uint64_t *segment,
			 struct error *error);

#endif
