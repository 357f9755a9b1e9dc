/*
 * plan: what a repair makes of a lane that may be damaged, of its blocks and its
 * checkpoints.
 *
 * A good checkpoint that covers records which the lane has lost is the better truth: the lane then
 * begins behind it. It begins with itself if its blocks reach as far as the newest good checkpoint,
 * else behind the oldest good one from which they do, at last behind the newest. So as much stays,
 * and as often, as there is. Checkpoints that are damaged, or that the lane could not go on from,
 * are put aside. Where a checkpoint and the lane tell different things of the same LSN, one of them
 * is of another history, and nobody but the operator can know which: that is refused.
 *
 * Never writes. Cold calls, under the data directory's lock.
 */
#ifndef DB_ENGINE_REPAIR_PLAN_H
#define DB_ENGINE_REPAIR_PLAN_H

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/damage.h"

/*
 * Looks at a lane and decides. cut_lsn: as damage_open; not before what a good checkpoint
 * has. 0; -ENOTSUP with a line where nothing can be decided; other -errno with a line where
 * something can't be read.
 */
int repair_plan(struct damage **out, const struct data_dir *dir, uint16_t lane, uint64_t cut_lsn,
		struct error *error);

#endif
