/*
 * run: one seed: a sale on a simulated machine with crashes in it, from the first offer to the last
 * answer, with a follower and prunes beside the engine. Everything about it follows from the seed.
 * A broken promise aborts.
 */
#ifndef DB_TESTS_SIM_RUN_H
#define DB_TESTS_SIM_RUN_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/tally.h"

/* A digest of all that happened: the same seed gives the same. */
uint64_t sim_run(uint64_t seed, bool verbose, struct tally *tally);

#endif
