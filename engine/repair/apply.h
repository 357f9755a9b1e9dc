/*
 * apply: the last stage of a repair: makes a damaged lane good again, as its plan says. The journal
 * loses what is after the cut; the originals have it. Checkpoints that do not fit are removed.
 * Where the lane begins after a checkpoint, what was damaged before it is removed too
 * (anchor_block).
 *
 * The steps, in this order: checkpoints that do not fit; the place of the cut, overwritten with
 * zeros; later segments, the last one first; sizes and headers; the empty block; what is before a
 * new beginning. Wherever they are interrupted, the lane is either still refused, or already what
 * it will be in the end, except for what recovery cuts by itself. So a repair can be repeated, with
 * the same result. JOURNAL.md, "The order of a cut", has the same order.
 */
#ifndef DB_ENGINE_REPAIR_APPLY_H
#define DB_ENGINE_REPAIR_APPLY_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/plan.h"

/* Only under the lock. `real`: the lane's files, which stay the caller's. Returns 0, or -errno with
 * a line in error; then it may have been done in part. */
int repair_apply(const struct data_dir *dir, struct lane_files *real, const struct plan *plan,
		 struct error *error);

/*
 * Reads the lane again, as a start does, then from the oldest checkpoint on. 0 if it is good and
 * ends where the plan said; else -errno with a line in error.
 */
int repair_check(const struct data_dir *dir, const struct plan *plan, struct error *error);

#endif
