/*
 * apply: the last stage of a repair: makes a damaged lane good again, as its plan says. What is
 * after the cut is lost for the journal: the originals have it. Where the lane begins after a
 * checkpoint, what was damaged before goes too (anchor_block), and the checkpoints that do not fit.
 *
 * Wherever it is interrupted, the lane is either still refused, or already what it will be in the
 * end, except for what recovery cuts by itself: the place of the cut is overwritten first, then
 * later segments are removed, the last one first, and what a header or a size needs comes last. So
 * it can be repeated, with the same end.
 */
#ifndef DB_ENGINE_REPAIR_APPLY_H
#define DB_ENGINE_REPAIR_APPLY_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/plan.h"

/* Only under the lock. `real`: the lane's files, the caller's; only they are changed. 0, or -errno
 * with a line in error; then it may have been done in part. */
int repair_apply(const struct data_dir *dir, struct lane_files *real, const struct plan *plan,
		 struct error *error);

/*
 * Reads the lane again, as a start does, and as much of it as there is. 0 if it is good and ends
 * where the plan said; else -errno with a line in error.
 */
int repair_check(const struct data_dir *dir, const struct plan *plan, struct error *error);

#endif
