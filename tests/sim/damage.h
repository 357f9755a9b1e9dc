/*
 * damage: how a lane is judged after its disk lied, or after bits were flipped or files cut or
 * deleted while no process worked on it.
 */
#ifndef DB_TESTS_SIM_DAMAGE_H
#define DB_TESTS_SIM_DAMAGE_H

#include "tests/sim/engine.h"

/* After a disk lied, the lane is refused, or the recovered state is right; only records that no
 * watermark covers may be missing. */
void damage_judge(struct sim_engine *engine, struct sim_lane *lane);

/* Flips bits of segments at rest, one at a time, and puts them back. */
void damage_segments(struct sim_engine *engine, struct sim_lane *lane);

/* Damages a checkpoint at rest. Mostly puts it back; if the damage stays, the lane can still be
 * recovered. */
void damage_checkpoint(struct sim_engine *engine, struct sim_lane *lane);

/* Damages all checkpoints at rest, and puts them back: meanwhile a lane without its first segments
 * must be refused, and one with them is read as a whole. */
void damage_all_checkpoints(struct sim_engine *engine, struct sim_lane *lane);

#endif
