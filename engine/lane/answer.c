#include "engine/lane/answer.h"

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"
#include "engine/sale/basket.h"

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

/* The verdict on a whole datagram, whatever its requests say; VERDICT_NONE: decide each. */
static enum verdict datagram_verdict(const struct lane *lane, const struct wire_header *header)
{
	if (journal_error(lane->journal) != 0)
		return VERDICT_UNAVAILABLE;
	if (header->shard != lane->idx)
		return VERDICT_WRONG_SHARD;
	return VERDICT_NONE;
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

/* Decides lines of one buyer that commit all or not at all. keys: after lookup_pass 0. */
static void decide_basket(struct lane *lane, uint64_t asked_ns, const struct wire_request *lines,
			  const struct lookup *keys, uint32_t cnt, struct decision *decisions)
{
	struct basket basket = {
		.shard = lane->shard,
		.now_ns = lane->clock_ns,
		.asked_ns = asked_ns,
		.lines = lines,
		.keys = keys,
		.cnt = cnt,
	};
	enum basket_outcome outcome;

	do {
		const bool room = journal_has_room_together(lane->journal, cnt);
		struct record *slot = room ? next_slot(lane) : NULL;

		outcome = basket_judge(&basket, slot, decisions);
		if (outcome == BASKET_AGAIN)
			journal_commit(lane->journal);
	} while (outcome == BASKET_AGAIN);
	if (outcome == BASKET_COMMITS)
		journal_keep_together(lane->journal, cnt);
	for (uint32_t i = 0; outcome == BASKET_COMMITS && i < cnt; i++) {
		struct record *slot = next_slot(lane);

		DCHECK(slot != NULL);
		basket_commit(&basket, i, slot, &decisions[i]);
		journal_commit(lane->journal);
	}
	for (uint32_t i = 0; i < cnt; i++)
		finish(lane, &decisions[i]);
}

/* A request for a whole basket, by its lines. False: it names none. */
static bool decide_whole(struct lane *lane, uint64_t asked_ns, const struct wire_request *request,
			 struct decision *decision)
{
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX];
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];
	const uint32_t cnt = basket_lines(lane->shard, request, lines, parts);

	if (cnt == 0)
		return false;
	DCHECK(cnt <= WIRE_ENTRY_CNT_MAX);
	lookup_all(lane->shard, lines, keys, cnt);
	decide_basket(lane, asked_ns, lines, keys, cnt, decisions);
	basket_sum(decisions, cnt, decision);
	return true;
}

static void decide_one(struct lane *lane, uint64_t asked_ns, const struct wire_request *request,
		       const struct lookup *key, struct decision *decision)
{
	if (request->flags == WIRE_ENTRY_WHOLE_BASKET &&
	    (request->op == WIRE_OP_CONFIRM || request->op == WIRE_OP_RELEASE) &&
	    decide_whole(lane, asked_ns, request, decision))
		return;
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

/* Writes a reply over its request; the id stays where it is. */
static void write_reply(const struct lane *lane, const struct decision *decision,
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

/* Writes over the request's date: the lane's clock, and the sale. */
static void write_date(const struct lane *lane, uint8_t *datagram)
{
	struct wire_date *date = wire_date(datagram);

	date->issued_at_ns = lane->clock_ns;
	date->sale = lane->sale;
}

/* Decides a basket's lines: each gets an answer of its own. */
static void answer_basket(struct lane *lane, const struct wire_header *header, uint64_t asked_ns,
			  const struct wire_request *requests, const struct lookup *keys,
			  struct decision *decisions)
{
	const enum verdict wrong = basket_wrong(requests, header->count);

	for (uint32_t i = 0; i < header->count; i++) {
		decisions[i] = (struct decision){.verdict = (uint8_t)wrong};
		if (wrong == VERDICT_NONE && (header->flags & WIRE_FLAG_WHAT_THERE_IS) != 0)
			decide_one(lane, asked_ns, &requests[i], &keys[i], &decisions[i]);
	}
	if (wrong == VERDICT_NONE && (header->flags & WIRE_FLAG_WHAT_THERE_IS) == 0)
		decide_basket(lane, asked_ns, requests, keys, header->count, decisions);
}

uint64_t answer_datagram(struct lane *lane, uint8_t *datagram, const struct lookup *keys,
			 uint64_t *verdict_cnt)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	const struct wire_request *requests = wire_requests(datagram);
	struct wire_reply *replies = wire_replies(datagram);
	const enum verdict whole = datagram_verdict(lane, header);
	const uint64_t asked_ns =
		datagram_asked_ns(datagram, lane->clock_ns, lane->sale, lane->undated_refused);
	const uint32_t cnt = header->count;
	const bool basket = whole == VERDICT_NONE && (header->flags & WIRE_FLAG_BASKET) != 0;
	struct decision lines[WIRE_ENTRY_CNT_MAX];
	uint64_t wait_lsn = 0;

	DCHECK(cnt > 0 && cnt <= WIRE_ENTRY_CNT_MAX);
	if (basket)
		answer_basket(lane, header, asked_ns, requests, keys, lines);
	for (uint32_t i = 0; i < cnt; i++) {
		struct decision decision = {.verdict = (uint8_t)whole};

		DCHECK(keys[i].request == &requests[i]);
		if (basket)
			decision = lines[i];
		else if (whole == VERDICT_NONE || requests[i].op == WIRE_OP_PING)
			decide_one(lane, asked_ns, &requests[i], &keys[i], &decision);
		else if (whole == VERDICT_WRONG_SHARD)
			decision.quantity = shard_owner(lane->shard, requests[i].sku);
		write_reply(lane, &decision, &replies[i]);
		verdict_cnt[decision.verdict]++;
		if (decision.wait_lsn > wait_lsn)
			wait_lsn = decision.wait_lsn;
	}
	if (wire_is_dated(datagram))
		write_date(lane, datagram);
	DCHECK(wait_lsn < journal_next_lsn(lane->journal));
	return wait_lsn <= acknowledged_lsn(lane) ? 0 : wait_lsn;
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
