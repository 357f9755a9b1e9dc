/*
 * anchor_block: the beginning of a lane that begins after a checkpoint when it is repaired. The
 * checkpoint was written after a block. If that block and the next one are lost, an empty block
 * takes their place: it chains to what the checkpoint says, so that a start knows that nothing is
 * missing. Damaged segments and blocks before it are removed.
 *
 * Cold calls of repair_apply, under the lock. `real`: the lane's files, which are changed.
 */
#ifndef DB_ENGINE_REPAIR_ANCHOR_BLOCK_H
#define DB_ENGINE_REPAIR_ANCHOR_BLOCK_H

#include "engine/repair/plan.h"

/* Where a lane ends when it is repaired. */
void anchor_block_end(const struct plan *plan, struct lane_tail *end);

/* Writes the block, if the plan anchors; into a segment made for it if there is none. 0 or -errno.
 */
int anchor_block_write(struct lane_files *real, const struct plan *plan);

/* If the plan trims: removes the segments before the base, the oldest first, and writes zeros over
 * what the base's segment has before it. At any moment a start is as good as before. 0 or -errno.
 */
int anchor_block_trim(struct lane_files *real, const struct plan *plan);

#endif
