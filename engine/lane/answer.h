/*
 * answer: answers one datagram for a lane. Decides its requests in order, hands committed records
 * to the journal and writes the replies over the entries. Knows no packets, and reads no clock.
 */
#ifndef DB_ENGINE_LANE_ANSWER_H
#define DB_ENGINE_LANE_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/lane/lane.h"
#include "engine/sale/basket.h"
#include "engine/sale/decide.h"
#include "net/wire.h"

/*
 * Whether a datagram of request_cnt entries can be answered now. False while the journal has no
 * room for what it may commit, and the disk can make room: ask again after the next completion. A
 * segment that takes long (LANE_STALLED) is not waited for, so that other lanes, and answers that
 * need no record, do not wait for it either.
 */
bool answer_possible(const struct lane *lane, uint32_t request_cnt);

/*
 * Answers at the lane's clock. Each reply is written over its entry, and the lane's date over the
 * datagram's if it has one. keys: the entries' keys, after lookup_pass. verdict_cnt[VERDICT_END]
 * counts. Returns the LSN that must be acknowledged before the reply may leave, 0 for none; the
 * answers to baskets over several shards come later (baskets_parking).
 */
uint64_t answer_datagram(struct lane *lane, uint8_t *datagram, const struct lookup *keys,
			 uint64_t *verdict_cnt);

/*
 * After a failed write: takes back those answers of a datagram that may rest on records after
 * durable_lsn: those about orders that such a record made or changed. Their outcome is unknown
 * until recovery.
 */
void answer_unavailable(const struct lane *lane, uint8_t *datagram, uint64_t durable_lsn,
			uint64_t *verdict_cnt);

/* ---- for baskets over several shards ---- */

/* Decides one request, which is none for a whole basket. */
void answer_one(struct lane *lane, uint64_t asked_ns, const struct wire_request *request,
		const struct lookup *key, struct decision *decision);

/* basket_judge, after the ends of holds that it depends on. record_cnt: how many records are to
 * stand in one block if it commits. Refusals are complete answers. */
enum basket_outcome answer_judge(struct lane *lane, struct basket *basket, uint32_t record_cnt,
				 struct decision *decisions);

/* Commits it right after answer_judge said so, with the same record_cnt: the first of them. */
void answer_commit(struct lane *lane, const struct basket *basket, uint32_t record_cnt,
		   struct decision *decisions);

/* Writes a reply over its request; the id stays where it is. */
void answer_write(const struct lane *lane, const struct decision *decision,
		  struct wire_reply *reply);

#endif
