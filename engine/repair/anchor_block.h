/*
 * lane_anchor: the beginning of a lane that goes on behind a checkpoint after a repair. Where the
 * block that the checkpoint lies behind is lost, and the one behind it, an empty block takes their
 * place: it chains to what the checkpoint tells, so that a start knows that nothing is missing.
 * What is damaged before is taken away.
 *
 * Cold calls of lane_cut, under the lock.
 */
#ifndef DB_ENGINE_REPAIR_ANCHOR_BLOCK_H
#define DB_ENGINE_REPAIR_ANCHOR_BLOCK_H

#include "engine/repair/damage.h"

/* Where a lane ends after its repair. */
void lane_anchor_end(const struct lane_salvage *salvage, struct lane_tail *end);

/* Writes the block, into a segment made for it if there is none. 0 or -errno. */
int lane_anchor_write(const struct lane_salvage *salvage);

/* Removes the segments before the base, the oldest first, and overwrites what its own has before
 * it. At any moment a start is as good as before. 0 or -errno. */
int lane_anchor_trim(const struct lane_salvage *salvage);

/* Size, then header of a segment, each on disk before the next: the lane is refused until both are
 * right. 0 or -errno. */
int lane_mend_segment(const struct lane_mended *lane, const struct mended_segment *segment);

#endif
