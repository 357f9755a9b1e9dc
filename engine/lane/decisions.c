#include "engine/lane/decisions.h"

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"

static_assert(sizeof(struct wire_reply) == sizeof(struct wire_request) &&
		      offsetof(struct wire_reply, id) == offsetof(struct wire_request, id),
	      "a reply is written over its request, and the id stays");
static_assert(VERDICT_END <= UINT8_MAX, "decision.verdict");

bool answer_possible(const struct lane *lane, uint32_t request_cnt)
{
	DCHECK(request_cnt > 0 && request_cnt <= WIRE_ENTRY_CNT_MAX);
	return lane_has_room_for(lane, request_cnt) || lane->draining ||
	       journal_error(lane->journal) != 0 || journal_is_full(lane->journal) ||
	       (journal_idle(lane->journal) && lane_condition(lane) == LANE_STALLED);
}

/* Where the next record goes; NULL: there is no room, or it may not be written. */
static struct record *next_slot(struct lane *lane)
{
	DCHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	return !lane->draining && journal_has_room(lane->journal, 1) ? journal_slot(lane->journal)
								     : NULL;
}

/* What an answer is beside its decision. */
static void finish(struct lane *lane, struct decision *decision)
{
	DCHECK(decision->verdict > VERDICT_NONE && decision->verdict < VERDICT_END);
	DCHECK(!decision->committed || decision->wait_lsn < journal_next_lsn(lane->journal));
	if (lane->draining && decision->verdict == VERDICT_JOURNAL_FULL)
		decision->verdict = VERDICT_DRAINING;
	else if (decision->verdict == VERDICT_CLOSED)
		journal_note_instant(lane->journal, decision->instant_ns);
	else if (decision->verdict == VERDICT_PONG)
		decision->order_id = lane->sale;
}

enum basket_outcome answer_judge(struct lane *lane, struct basket *basket, uint32_t record_cnt,
				 struct decision *decisions)
{
	enum basket_outcome outcome;

	DCHECK(record_cnt >= basket->cnt);
	do {
		const bool room = journal_has_room_together(lane->journal, record_cnt);
		struct record *slot = room ? next_slot(lane) : NULL;

		outcome = basket_judge(basket, slot, decisions);
		if (outcome == BASKET_AGAIN)
			journal_commit(lane->journal);
	} while (outcome == BASKET_AGAIN);
	for (uint32_t i = 0; i < basket->cnt; i++) {
		if (decisions[i].verdict != VERDICT_NONE)
			finish(lane, &decisions[i]);
	}
	return outcome;
}

void answer_commit(struct lane *lane, const struct basket *basket, uint32_t record_cnt,
		   struct decision *decisions)
{
	journal_keep_together(lane->journal, record_cnt);
	for (uint32_t i = 0; i < basket->cnt; i++) {
		struct record *slot = next_slot(lane);

		DCHECK(slot != NULL);
		basket_commit(basket, i, slot, &decisions[i]);
		journal_commit(lane->journal);
		finish(lane, &decisions[i]);
	}
}

void answer_one(struct lane *lane, uint64_t asked_ns, const struct wire_request *request,
		const struct lookup *key, struct decision *decision)
{
	do {
		struct record *slot = next_slot(lane);

		decide(lane->shard, lane->clock_ns, asked_ns, request, key, slot, decision);
		/* A record needs the slot that it was written into. */
		DCHECK(!(decision->committed || decision->again) || slot != NULL);
		if (decision->committed || decision->again)
			journal_commit(lane->journal);
	} while (decision->again);
	finish(lane, decision);
}

void answer_write(const struct lane *lane, const struct decision *decision,
		  struct wire_reply *reply)
{
	/* What an answer rests on is the order's record, or one that changed the order later. */
	DCHECK(decision->wait_lsn == 0 || (decision->order_id & LSN_MAX) <= decision->wait_lsn);
	reply->order_id = decision->order_id;
	reply->unit_price = decision->unit_price;
	reply->instant_ns = decision->instant_ns;
	reply->stock_left = decision->stock_left;
	reply->quantity = decision->quantity;
	reply->verdict = decision->verdict;
	reply->durability = (uint8_t)acknowledged_durability(lane, decision->wait_lsn);
}

void answer_unavailable(const struct lane *lane, uint8_t *datagram, uint64_t durable_lsn,
			uint64_t *verdict_cnt)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	struct wire_reply *replies = (struct wire_reply *)(datagram + WIRE_HEADER_BYTES);

	DCHECK(header->count > 0 && header->count <= WIRE_ENTRY_CNT_MAX);
	for (uint32_t i = 0; i < header->count; i++) {
		const struct wire_reply *reply = &replies[i];

		/* The order id alone does not show it: a PONG has the sale there. */
		if (reply->durability == DURABILITY_NONE ||
		    reply->order_id >> ORDER_ID_LSN_BITS != lane->idx ||
		    shard_changed_lsn(lane->shard, reply->order_id & LSN_MAX) <= durable_lsn)
			continue;
		/* What is taken back was counted. */
		DCHECK(verdict_cnt[reply->verdict] > 0);
		verdict_cnt[reply->verdict]--;
		verdict_cnt[VERDICT_UNAVAILABLE]++;
		replies[i] = (struct wire_reply){
			.id = {reply->id[0], reply->id[1]},
			.verdict = VERDICT_UNAVAILABLE,
		};
	}
}
