/*
 * lane_turn: one turn of the lanes that one thread owns, from admitted requests to answers that may
 * leave. It is the same code for the worker, the simulator and offline replay; what differs between
 * them (packets, ports, signatures) is the host's.
 *
 *	lane_turn_begin    the clocks of this turn; the batch is empty
 *	lane_turn_add      each admitted exchange goes into the batch
 *	lane_turn_decide   what waits in backlogs, then the batch: verdicts, records, answers
 *	lane_turn_write    what came back from the disk, and what goes out to it
 *	lane_turn_release  answers whose records are acknowledged
 *	lane_turn_tend     bounded work that no request asks for: commands, closing blocks
 *
 * Guarantees: the requests of a lane are decided in the order they were added. An answer is given
 * to the host once, and never before what it rests on is acknowledged (acknowledged.h). A lane
 * without room holds up no other lane: its exchanges wait in its backlog, and only what finds that
 * full is dropped. Never: waits, allocates, makes a system call other than the disk's, reads a
 * clock. Only the journal reads the monotonic clock, to measure how long its writes take.
 *
 * All calls from the one thread that owns the lanes, in the order above.
 */
#ifndef DB_ENGINE_LANE_LANE_TURN_H
#define DB_ENGINE_LANE_LANE_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane/turn.h"

/*
 * This thread turns the lanes from now on. None of their blocks is being written. The time before
 * does not count when their disk is judged to be stalled.
 */
void lane_turn_take_over(struct lane_turn *turn, uint64_t monotonic_ns);

/* wall_ns: the time that lanes' clocks move to, unless it is earlier. */
void lane_turn_begin(struct lane_turn *turn, uint64_t wall_ns, uint64_t monotonic_ns);

/*
 * Takes batch.exchanges[batch.cnt]: the caller has filled it in, it was admitted, and its lane is
 * one of ours. Places from batch.cnt on are the caller's until then; batch.cnt < RX_BURST_MAX.
 */
void lane_turn_add(struct lane_turn *turn);

/*
 * Whether the lanes have room for a whole burst, whichever of them it is for. Without it the host
 * reads nothing. A lane that made no progress for long is not waited for if there are others.
 */
bool lane_turn_has_room(const struct lane_turn *turn);

void lane_turn_decide(struct lane_turn *turn);
void lane_turn_write(struct lane_turn *turn);
void lane_turn_release(struct lane_turn *turn);
void lane_turn_tend(struct lane_turn *turn);

/* Whether every lane drains: requests that would commit get DRAINING. */
bool lane_turn_all_drain(const struct lane_turn *turn);

/* Queues the closing block of each lane that wants one, however short it has been idle. */
void lane_turn_close(struct lane_turn *turn);

/* Whether nothing is left to decide, to write, to carry out or to acknowledge. */
bool lane_turn_all_done(const struct lane_turn *turn);

#endif
