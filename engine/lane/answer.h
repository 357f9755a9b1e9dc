/*
 * answer: what a lane says to one datagram. Decides its requests in order, hands committed records
 * to the journal and writes the replies over the entries. Knows no packets and no clock.
 */
#ifndef DB_ENGINE_LANE_ANSWER_H
#define DB_ENGINE_LANE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane/lane.h"
#include "engine/sale/decide.h"
#include "net/wire.h"

/*
 * False while the journal cannot take what a datagram of request_cnt entries may commit and waiting
 * for the disk helps: ask again after the next completion. A segment that is long in coming is not
 * waited for (LANE_STALLED): other lanes, and answers that need no record, shall not wait with it.
 */
bool answer_possible(const struct lane *lane, uint32_t request_cnt);

/*
 * Answers at the lane's clock, each entry in its own place, and the date in its place if there is
 * one. keys: what lookup_pass made of them.
 * verdict_cnt[VERDICT_END] counts. Returns the LSN that must be acknowledged before the reply may
 * leave, 0 for none.
 */
uint64_t answer_datagram(struct lane *lane, uint8_t *datagram, const struct lookup *keys,
			 uint64_t *verdict_cnt);

/*
 * After a failed write: takes back, in a datagram already answered, what rests on records beyond
 * durable_lsn. Its outcome is unknown until recovery.
 */
void answer_unavailable(uint8_t *datagram, uint64_t durable_lsn, uint64_t *verdict_cnt);

#endif
