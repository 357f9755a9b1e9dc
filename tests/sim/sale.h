/*
 * sale: the setting of one seed: how many lanes, what is sold to whom, which faults the disk has,
 * and which processes run beside the engine.
 */
#ifndef DB_TESTS_SIM_SALE_H
#define DB_TESTS_SIM_SALE_H

#include "tests/sim/beside.h"
#include "tests/sim/engine.h"

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): there is one of it */
struct run {
	struct sim_random random;
	struct sim_engine engine;
	struct sim_faults faults; /* of this seed */
	struct beside follower;
	struct beside pruner;
	bool follows;
	bool prunes;
	bool power_fails; /* the crash that came is everybody's */
	bool rests;       /* nobody works on the disk */
	bool watches;     /* the engine only reads: no power cut */
	bool peace;       /* no further crashes beside */
	uint64_t digest;
	unsigned life;
	unsigned lives;
	uint32_t wishes; /* of a lane, in all lives together */
	unsigned crowd;  /* datagrams a turn and lane, at most */
	bool holds;      /* some offers allow them */
	bool verbose;
};

/* One at a time. */
struct run *sale_open(uint64_t seed, bool verbose, struct tally *tally);
void sale_close(struct run *run);

#endif
