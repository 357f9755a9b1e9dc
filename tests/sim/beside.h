/*
 * beside: the processes beside a simulated engine: a follower that writes checkpoints of its lanes,
 * and now and then a prune. Both are the engine's own code, run a few calls at a time, and may be
 * killed at any of them.
 */
#ifndef DB_TESTS_SIM_BESIDE_H
#define DB_TESTS_SIM_BESIDE_H

#include <stdbool.h>

#include "tests/sim/engine.h"
#include "tests/sim/sim_task.h"

struct beside {
	struct sim_engine *engine;
	struct sim_process process;
	struct sim_task *task; /* NULL: it doesn't run */
	struct data_dir dir;   /* not locked */
	uint64_t every_orders; /* a checkpoint is written */
	uint64_t downstream_lsn;
	unsigned lane; /* to prune */
};

/* role: ROLE_FOLLOWER or ROLE_PRUNE. crash_in_steps: 0 for never. */
void beside_start(struct beside *beside, struct sim_engine *engine, enum sim_role role,
		  unsigned crash_in_steps);

/* Runs it for some calls. False: it ended by itself, or its crash came (process.dead). Does nothing
 * if it doesn't run. */
bool beside_resume(struct beside *beside);

/* kill -9. */
void beside_kill(struct beside *beside);

/* Whether a checkpoint is good, by the rule. */
bool beside_checkpoint_good(const struct sim_engine *engine, const struct sim_lane *lane,
			    const struct sim_file *file, uint64_t *next_lsn, uint64_t *segment);

/* Called when a prune removes this segment: checks that it may, and keeps a copy. */
void beside_pruned(struct sim_engine *engine, unsigned lane, uint64_t segment,
		   const struct sim_file *file);

#endif
