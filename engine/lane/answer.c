#include "engine/lane/answer.h"

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"
#include "engine/lane/baskets.h"
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

	if (answer_judge(lane, &basket, cnt, decisions) == BASKET_COMMITS)
		answer_commit(lane, &basket, cnt, decisions);
}

/* Whether a basket has lines of other lanes, and this lane can ask them. */
static bool spans_lanes(const struct lane *lane, const struct basket_part *parts, uint32_t cnt)
{
	bool spans = false;

	DCHECK(cnt > 0);
	for (uint32_t i = 1; i < cnt; i++)
		spans |= parts[i].shard != lane->idx;
	return spans && parts[0].shard == lane->idx && lane->baskets != NULL;
}

enum whole_outcome {
	WHOLE_NONE, /* it names no basket: decide answers it */
	WHOLE_ANSWERED,
	WHOLE_LATER, /* other lanes have some of its lines */
};

/* A request for a whole basket, by its lines. entry: which of the datagram's it is. */
static enum whole_outcome decide_whole(struct lane *lane, uint64_t asked_ns,
				       const struct wire_request *request, uint32_t entry,
				       struct decision *decision)
{
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX];
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];
	const uint32_t cnt = basket_lines(lane->shard, request, lines, parts);

	if (cnt == 0)
		return WHOLE_NONE;
	DCHECK(cnt <= WIRE_ENTRY_CNT_MAX);
	if (spans_lanes(lane, parts, cnt)) {
		if (coordinator_begin(lane, lines, parts, cnt, asked_ns, MAIL_ASK, (int)entry,
				      decisions) == BASKET_BEGIN_PARKED)
			return WHOLE_LATER;
	} else {
		lookup_all(lane->shard, lines, keys, cnt);
		decide_basket(lane, asked_ns, lines, keys, cnt, decisions);
	}
	basket_sum(decisions, cnt, decision);
	return WHOLE_ANSWERED;
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

/* False: its answer comes later. */
static bool decide_entry(struct lane *lane, uint64_t asked_ns, const struct wire_request *request,
			 const struct lookup *key, uint32_t entry, struct decision *decision)
{
	enum whole_outcome whole = WHOLE_NONE;

	if (request->flags == WIRE_ENTRY_WHOLE_BASKET &&
	    (request->op == WIRE_OP_CONFIRM || request->op == WIRE_OP_RELEASE))
		whole = decide_whole(lane, asked_ns, request, entry, decision);
	if (whole == WHOLE_NONE)
		answer_one(lane, asked_ns, request, key, decision);
	return whole != WHOLE_LATER;
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

/* Writes over the request's date: the lane's clock, and the sale. */
static void write_date(const struct lane *lane, uint8_t *datagram)
{
	struct wire_date *date = wire_date(datagram);

	date->issued_at_ns = lane->clock_ns;
	date->sale = lane->sale;
}

/* Which lanes the lines are of, as far as this one knows. */
static void find_parts(const struct lane *lane, const struct wire_request *lines, uint32_t cnt,
		       struct basket_part *parts)
{
	for (uint32_t i = 0; i < cnt; i++) {
		parts[i] = (struct basket_part){.shard = shard_owner(lane->shard, lines[i].sku)};
		/* A datagram of another format of the map could name any. */
		DCHECK(parts[i].shard < SHARDS_MAX);
	}
}

/* Decides a basket's lines: each gets an answer of its own. False: the answers come later. */
static bool answer_basket(struct lane *lane, const struct wire_header *header, uint64_t asked_ns,
			  const struct wire_request *requests, const struct lookup *keys,
			  struct decision *decisions)
{
	const enum verdict wrong = basket_wrong(requests, header->count);
	const bool each = (header->flags & WIRE_FLAG_WHAT_THERE_IS) != 0;
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];

	for (uint32_t i = 0; i < header->count; i++)
		decisions[i] = (struct decision){.verdict = (uint8_t)wrong};
	if (wrong != VERDICT_NONE)
		return true;
	find_parts(lane, requests, header->count, parts);
	if (spans_lanes(lane, parts, header->count))
		return coordinator_begin(lane, requests, parts, header->count, asked_ns,
					 each ? MAIL_EACH : MAIL_ASK, -1,
					 decisions) == BASKET_BEGIN_ANSWERED;
	if (!each)
		decide_basket(lane, asked_ns, requests, keys, header->count, decisions);
	for (uint32_t i = 0; each && i < header->count; i++)
		answer_one(lane, asked_ns, &requests[i], &keys[i], &decisions[i]);
	return true;
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
	bool now = true;

	DCHECK(cnt > 0 && cnt <= WIRE_ENTRY_CNT_MAX);
	if (basket)
		now = answer_basket(lane, header, asked_ns, requests, keys, lines);
	for (uint32_t i = 0; i < cnt && (now || !basket); i++) {
		struct decision decision = {.verdict = (uint8_t)whole};

		DCHECK(keys[i].request == &requests[i]);
		if (basket)
			decision = lines[i];
		else if (whole == VERDICT_NONE || requests[i].op == WIRE_OP_PING)
			now = decide_entry(lane, asked_ns, &requests[i], &keys[i], i, &decision);
		else if (whole == VERDICT_WRONG_SHARD)
			decision.quantity = shard_owner(lane->shard, requests[i].sku);
		if (!now && !basket)
			continue;
		answer_write(lane, &decision, &replies[i]);
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
