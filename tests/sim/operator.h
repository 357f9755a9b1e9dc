/*
 * operator: sends commands to the lanes of a simulated engine: offers of the catalog at a start,
 * others while it sells, some twice, some that belong to another lane; SKUs that another lane
 * sells than their number names; now and then a drain, or giving up on the disk. Every answer is
 * compared with what was sent and what is on the disk: one for each command, in order, never before
 * its record is durable. What it said holds after a crash.
 */
#ifndef DB_TESTS_SIM_OPERATOR_H
#define DB_TESTS_SIM_OPERATOR_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane/command.h"
#include "tests/sim/buyers.h"
#include "tests/sim/sim_fs.h"

enum {
	OPERATOR_OUT_MAX = 256, /* commands without an answer */
};

struct sim_engine;
struct sim_lane;

/* A command that was sent. */
struct sent_command {
	enum command_verb verb;
	uint8_t offer;    /* PUT_ON_SALE: of the lane's, also of those that others sell */
	bool bad;         /* it is none of them */
	bool after_drain; /* a DRAIN was sent before it in this life */
};

struct sim_operator {
	struct sent_command out[OPERATOR_OUT_MAX]; /* by number */
	uint64_t sent;                             /* of this life */
	uint64_t answered;
	bool drained; /* a DRAIN was sent in this life, and an ABANDON */
	bool gave_up;
	/* Of offers that an answer called durable; else 0. */
	uint64_t lsns[BUYERS_SKUS_MAX * SIM_LANES_MAX];
};

/* A new life began with the records up to an LSN. */
void operator_recovered(struct sim_lane *lane, uint64_t last_lsn);

/* Sends the offers before the cnt-th that the lane does not have. */
void operator_put(struct sim_engine *engine, struct sim_lane *lane, unsigned cnt);

/* Sends this to the lane, once a life. error: of an ABANDON. */
void operator_end(struct sim_lane *lane, enum command_verb verb, int error);

/* Sends something, or nothing. */
void operator_act(struct sim_engine *engine, struct sim_lane *lane);

/* Takes the answers that have come. */
void operator_listen(struct sim_engine *engine, struct sim_lane *lane);

/* Whether any of the lanes' commands has no answer yet. */
bool operator_waits(const struct sim_engine *engine);

#endif
