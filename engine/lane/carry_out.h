/*
 * carry_out: carries out the commands that were sent to a lane. A part of lane_turn_tend.
 *
 * Guarantees: an offer that was put on sale is a record of the lane, at the lane's clock, that was
 * applied to the state in the same turn. While the journal has no room, the offer stays in the
 * ring, also on a stalled lane, where a request gets JOURNAL_FULL (answer.h); but no longer than
 * until a DRAIN or an ABANDON comes after it. On a failed lane every command is answered with the
 * lane's error. Never: carries out more than COMMANDS_PER_TURN_MAX commands in one call, waits.
 */
#ifndef DB_ENGINE_LANE_CARRY_OUT_H
#define DB_ENGINE_LANE_CARRY_OUT_H

#include "engine/lane/lane.h"

/* Carries out what was sent, and sends the answers whose records are durable. The lane's thread,
 * while no batch is being decided. */
void carry_out_commands(struct lane *lane);

#endif
