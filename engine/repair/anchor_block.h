/*
 * anchor_block: the beginning of a lane that goes on behind a checkpoint after a repair. Where the
 * block that the checkpoint lies behind is lost, and the one behind it, an empty block takes their
 * place: it chains to what the checkpoint tells, so that a start knows that nothing is missing.
 * What is damaged before is taken away.
 *
 * Cold calls of repair_apply, under the lock.
 */
#ifndef DB_ENGINE_REPAIR_ANCHOR_BLOCK_H
#define DB_ENGINE_REPAIR_ANCHOR_BLOCK_H

#include "engine/repair/damage.h"

/* Where a lane ends after its repair. */
void anchor_block_end(const struct damage *damage, struct lane_tail *end);

/* Writes the block, into a segment made for it if there is none. 0 or -errno. */
int anchor_block_write(const struct damage *damage);

/* Removes the segments before the base, the oldest first, and overwrites what its own has before
 * it. At any moment a start is as good as before. 0 or -errno. */
int anchor_block_trim(const struct damage *damage);

/* Size, then header of a segment, each on disk before the next: the lane is refused until both are
 * right. 0 or -errno. */
int lane_mend_segment(const struct mended_files *lane, const struct mended_segment *segment);

#endif
