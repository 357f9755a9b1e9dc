/*
 * sim_clock: the machine's wall clock, which is wrong at times: for one reading, for 20 ms, for
 * good, by a day or little, ahead or back. The engine's wall_clock reads it, and its result is
 * compared with the times that an engine may use.
 */
#ifndef DB_TESTS_SIM_SIM_CLOCK_H
#define DB_TESTS_SIM_SIM_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/wall_clock.h"
#include "tests/sim/random.h"
#include "tests/sim/tally.h"

struct sim_clock {
	struct wall_now now; /* what the lanes go by */
	struct wall_clock wall;
	int64_t offset_ns; /* of the machine's clock, where it isn't wrong */
	int64_t wrong_ns;  /* how far it is off */
	uint64_t wrong_until_ns;
	bool leaps; /* ahead by seconds, at times */
	/* Since when all readings are the same, and the offset that the lanes must use. */
	int64_t seen_ns;
	uint64_t seen_since_ns;
	int64_t expected_ns;
	struct sim_random *random;
	struct tally *tally;
};

/* The first reading of a life. */
void sim_clock_begin(struct sim_clock *clock, uint64_t mono_ns);

/* A further one. Checks that the lanes use the right offset. */
void sim_clock_look(struct sim_clock *clock, uint64_t mono_ns);

/* No step is pending. */
bool sim_clock_settled(const struct sim_clock *clock);

/* What time it must be for a lane whose clock is at clock_ns. */
uint64_t sim_clock_expected(const struct sim_clock *clock, uint64_t mono_ns, uint64_t clock_ns);

/* Sets the machine's clock back while nobody looks. */
void sim_clock_set_back(struct sim_clock *clock);

/* Sets it ahead, further than any hold lasts. */
void sim_clock_leap(struct sim_clock *clock);

#endif
