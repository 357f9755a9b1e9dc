/*
 * start_turn: the control thread turns the lanes of a worker before that starts, by the same
 * lane_turn. So what a start writes into them, new offers and clocks that are set back, becomes
 * durable as orders do.
 *
 * The lanes are the control thread's until their worker is launched. A start that fails before that
 * leaves them so that their journals can be closed.
 */
#ifndef DB_ENGINE_SERVE_START_TURN_H
#define DB_ENGINE_SERVE_START_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane/lane_turn.h"

struct server;

struct start_turn {
	struct server *server;
	const char *what;  /* is written, for error lines: "offers" */
	uint64_t progress; /* grows with all that a turn can do */
	uint64_t progress_ns;
	struct lane_turn turn;
};

/* Takes over the lanes of a worker that does not run; they are idle. One at a time. */
struct start_turn *start_turn_open(struct server *server, uint16_t worker_idx, const char *what);

/*
 * One turn; sleeps a little if it did nothing. 0, or -errno with a line in server->error: a write
 * failed, a signal asked the process to end, or for some seconds a lane had no room while no write
 * was in flight that could make some.
 */
int start_turn(struct start_turn *start);

/* Fails with a line about this lane and this errno, as start_turn does. Returns -error. */
int start_turn_fail(struct start_turn *start, const struct lane *lane, int error);

#endif
