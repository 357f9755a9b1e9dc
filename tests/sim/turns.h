/*
 * turns: the host of the engine's own turn on a simulated machine. It gives lane_turn the
 * datagrams, takes the answers to the buyers, and acts as the worker's thread, the disk's and the
 * one that makes segments. Of each lane it checks what lane_turn.h guarantees: answers leave in the
 * order of their requests, none of them is lost, and the lane's clock and condition are what they
 * must be.
 */
#ifndef DB_TESTS_SIM_TURNS_H
#define DB_TESTS_SIM_TURNS_H

#include "tests/sim/engine.h"

/* Before the first life. */
void turns_open(struct sim_engine *engine);

/* A lane as its recovery left it: nothing waits in it. */
void turns_begin_lane(struct sim_engine *engine, struct sim_lane *lane);

/* The workers of an engine that starts: no mails. */
void turns_begin_workers(struct sim_engine *engine);

/* A turn of each worker at a start: nobody can ask yet. */
void turns_start(struct sim_engine *engine);

/* Some turns of the workers, unless a crash ends them; time passes. */
void turns_run(struct sim_engine *engine);

/* Nothing is left to decide, to write or to wait for in any lane. */
bool turns_all_done(const struct sim_engine *engine);

/* Called before engine.process.dead is reset: what waited is lost. */
void turns_forget(struct sim_engine *engine);

/* The lane's clock is what it must be after it moved at mono_ns. */
void turns_check_clock(struct sim_engine *engine, struct sim_lane *lane, uint64_t mono_ns);

#endif
