/*
 * damage: what a lane is told to be when its disk lied, or somebody flipped, cut or deleted
 * something while nobody worked on it.
 */
#ifndef DB_TESTS_SIM_DAMAGE_H
#define DB_TESTS_SIM_DAMAGE_H

#include "tests/sim/engine.h"

/* A disk that lied is refused, or what is served is right; only what no watermark covers may be
 * missing. */
void damage_judge(struct sim_engine *engine, struct sim_lane *lane);

/* Flips bits of segments at rest, one at a time, and puts them back. */
void damage_segments(struct sim_engine *engine, struct sim_lane *lane);

/* Damages a checkpoint at rest. Mostly puts it back; what stays leaves the lane a way back. */
void damage_checkpoint(struct sim_engine *engine, struct sim_lane *lane);

/* Damages all checkpoints at rest, and puts them back: without its first segments a lane is refused
 * then, with them it is read as a whole. */
void damage_all_checkpoints(struct sim_engine *engine, struct sim_lane *lane);

#endif
