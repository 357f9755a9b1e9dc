/*
 * random: the only source of chance in the simulator. A seed gives the same numbers on every
 * machine (SplitMix64).
 */
#ifndef DB_TESTS_SIM_RANDOM_H
#define DB_TESTS_SIM_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "net/wire.h"

struct sim_random {
	uint64_t state;
};

static inline uint64_t random_next(struct sim_random *random)
{
	random->state += UINT64_C(0x9e3779b97f4a7c15);
	return mix64(random->state);
}

/* 0 .. end - 1; end > 0. */
static inline uint64_t random_below(struct sim_random *random, uint64_t end)
{
	CHECK(end > 0);
	return random_next(random) % end;
}

static inline bool random_chance(struct sim_random *random, unsigned per_mille)
{
	return random_below(random, 1000) < per_mille;
}

#endif
