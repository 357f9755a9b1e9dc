/*
 * plan: the third stage of a repair: decides what the repair does with the blocks and checkpoints
 * of a lane that may be damaged. It finds the facts and follows the tables (plan_table).
 *
 * The lane begins with itself if its blocks reach as far as the newest good checkpoint. Else the
 * lane has lost records that this checkpoint has: it then begins after the oldest good checkpoint
 * from which its blocks reach as far, or after the newest itself if there is none. So the repair
 * keeps as many records, and as many checkpoints, as there are. Checkpoints that are damaged, or
 * that the lane could not go on from, are put aside. Where a checkpoint and the lane say different
 * things of the same LSN, one of them is of another history, and only the operator can know which:
 * the repair is refused.
 *
 * Never writes. Cold calls, under the data directory's lock. A plan never changes: later stages
 * only read it.
 */
#ifndef DB_ENGINE_REPAIR_PLAN_H
#define DB_ENGINE_REPAIR_PLAN_H

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/damage.h"
#include "engine/repair/loss.h"

struct plan {
	/* The stages before, from where the lane shall begin; open until plan_close. */
	const struct mended_files *files;
	const struct damage *damage;

	bool anchors;          /* the checkpoint's block is lost: an empty block takes its place */
	bool trims;            /* what is before the beginning is removed */
	const uint64_t *aside; /* next LSNs of the checkpoints that are put aside, newest first */
	uint64_t aside_cnt;

	struct loss loss;   /* of `damage`, and what damaged checkpoints say */
	uint64_t alone_lsn; /* the next LSN if there were no checkpoint */

	/* All that is wrong with the files, the lane, the beginnings that were tried before, and
	 * the checkpoints. A fault of segment UINT64_MAX is of a checkpoint, with its next LSN as
	 * offset. If there is none, nothing needs a repair. */
	const struct lane_fault *faults;
	uint64_t fault_cnt;
};

/*
 * Looks at a lane and decides. cut_lsn: as for damage_open; an LSN that a good checkpoint has is
 * refused. Returns 0; -ENOTSUP with a line where the repair is refused; other -errno with a line
 * where something cannot be read.
 */
int repair_plan(struct plan **out, const struct data_dir *dir, uint16_t lane, uint64_t cut_lsn,
		struct error *error);

/* Whether the repair changes this file, or removes it with something in it. */
bool plan_changes(const struct plan *plan, const struct mended_segment *segment);

/* NULL is allowed. */
void plan_close(struct plan *plan);

#endif
