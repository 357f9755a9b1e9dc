/*
 * decisions: what a lane decides, with the records that follow from it in its journal, and how
 * decisions become replies. For those that answer datagrams (answer.c) and for baskets over several
 * shards (baskets.h).
 */
#ifndef DB_ENGINE_LANE_DECISIONS_H
#define DB_ENGINE_LANE_DECISIONS_H

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

/*
 * After a failed write: takes back those answers of a datagram that may rest on records after
 * durable_lsn: those about orders that such a record made or changed. Their outcome is unknown
 * until recovery.
 */
void answer_unavailable(const struct lane *lane, uint8_t *datagram, uint64_t durable_lsn,
			uint64_t *verdict_cnt);

#endif
