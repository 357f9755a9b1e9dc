/*
 * tally: counts of what happened, one a row of tally.def.
 */
#ifndef DB_TESTS_SIM_TALLY_H
#define DB_TESTS_SIM_TALLY_H

#include <stdint.h>

enum tally_row {
#define TALLY(name, text) TALLY_##name,
#include "tests/sim/tally.def"
#undef TALLY
	TALLY_CNT,
};

struct tally {
	uint64_t cnt[TALLY_CNT];
};

#endif
