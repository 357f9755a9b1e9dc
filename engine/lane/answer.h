/*
 * answer: answers one datagram for a lane. Decides its requests in order, hands committed records
 * to the journal and writes the replies over the entries. Knows no packets, and reads no clock.
 */
#ifndef DB_ENGINE_LANE_ANSWER_H
#define DB_ENGINE_LANE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane/lane.h"
#include "engine/sale/decide.h"
#include "net/wire.h"

/*
 * Answers at the lane's clock. Each reply is written over its entry, and the lane's date over the
 * datagram's if it has one. keys: the entries' keys, after lookup_pass. verdict_cnt[VERDICT_END]
 * counts. Returns the LSN that must be acknowledged before the reply may leave, 0 for none; the
 * answers to baskets over several shards come later (baskets_parking).
 */
uint64_t answer_datagram(struct lane *lane, uint8_t *datagram, const struct lookup *keys,
			 uint64_t *verdict_cnt);

#endif
