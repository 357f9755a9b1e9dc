/*
 * engine: one lane at work on the simulated disk, as the server starts it and the worker turns it:
 * the engine's own recovery, decisions, journal and queue of waiting replies; no port, no threads.
 */
#ifndef DB_TESTS_SIM_ENGINE_H
#define DB_TESTS_SIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane.h"
#include "engine/recover.h"
#include "tests/sim/buyers.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/truth.h"

enum {
	ENGINE_OFFERS_MAX = BUYERS_SKUS_MAX,
};

struct sim_engine {
	struct lane lane;
	struct sim_disk *disk;
	struct truth *truth;
	struct buyers *buyers;
	struct sim_random *random;
	struct tally *tally;
	struct record offers[ENGINE_OFFERS_MAX]; /* the catalog */
	unsigned offer_cnt;
	uint64_t wall_ns;
	struct parcel *inbox[BUYERS_PARCELS_MAX];
	unsigned inbox_cnt;
	uint64_t verdicts[VERDICT_END];
	uint8_t *buffers;
	char error[1024];
};

/* What the lane holds, checked against the rule and the truth. 0, -EBADMSG for corruption, other
 * -errno. */
int engine_scan(struct sim_engine *engine, struct recover_scan *scan);

/* The same, and the state it gives, checked against a replay of the truth. The shard is the
 * caller's to close, NULL after a failure. */
int engine_read(struct sim_engine *engine, struct recover_scan *scan, struct shard **shard);

/* Recovers and goes on as the server does. 0, or -errno: the start was refused, or (disk->dead) the
 * crash came. */
int engine_start(struct sim_engine *engine);

/* One turn of the worker. */
void engine_turn(struct sim_engine *engine);

/* A datagram came. */
void engine_receive(struct sim_engine *engine, struct parcel *parcel);

/* Nothing is left to decide, to write or to wait for. */
bool engine_all_decided(const struct sim_engine *engine);

/* Ends the process: what it had in memory is gone. */
void engine_gone(struct sim_engine *engine);

#endif
