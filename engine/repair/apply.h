/*
 * apply: makes a damaged lane good again, up to where a damage found it good. What is behind is
 * lost for the journal: originals has it. Where that lies behind a checkpoint, what was damaged
 * before goes too (anchor_block), and the checkpoints that do not fit.
 *
 * Wherever it is interrupted, the lane is either still refused, or already what it will be in the
 * end but for what recovery cuts by itself: the place of the cut is overwritten first, then later
 * segments go, the last one first, and what a header or a size needs comes last. So it can be
 * repeated, with the same end.
 */
#ifndef DB_ENGINE_REPAIR_APPLY_H
#define DB_ENGINE_REPAIR_APPLY_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/damage.h"

/* Only under the lock. 0 or -errno with a line in error; then it may have been done in part. */
int repair_apply(const struct data_dir *dir, const struct damage *damage, struct error *error);

/*
 * Reads the lane again, as a start does, and as much of it as there is. 0 if it is good and ends
 * where the damage said; else -errno with a line in error.
 */
int repair_check(const struct data_dir *dir, const struct damage *damage, struct error *error);

#endif
