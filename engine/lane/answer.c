#include "engine/lane/answer.h"

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"
#include "engine/lane/baskets.h"
#include "engine/lane/decisions.h"

/* The verdict on a whole datagram, whatever its requests say; VERDICT_NONE: decide each. */
static enum verdict datagram_verdict(const struct lane *lane, const struct wire_header *header)
{
	if (journal_error(lane->journal) != 0)
		return VERDICT_UNAVAILABLE;
	if (header->shard != lane->idx)
		return VERDICT_WRONG_SHARD;
	return VERDICT_NONE;
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
static enum whole_outcome decide_whole(struct lane *lane, struct asked asked,
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
		if (coordinator_begin(lane, lines, parts, cnt, asked, MAIL_ASK, (int)entry,
				      decisions) == BASKET_BEGIN_PARKED)
			return WHOLE_LATER;
	} else {
		lookup_all(lane->shard, lines, keys, cnt);
		decide_basket(lane, asked.at_ns, lines, keys, cnt, decisions);
	}
	basket_sum(decisions, cnt, decision);
	return WHOLE_ANSWERED;
}

/* False: its answer comes later. */
static bool decide_entry(struct lane *lane, struct asked asked, const struct wire_request *request,
			 const struct lookup *key, uint32_t entry, struct decision *decision)
{
	enum whole_outcome whole = WHOLE_NONE;

	if (request->flags == WIRE_ENTRY_WHOLE_BASKET &&
	    (request->op == WIRE_OP_CONFIRM || request->op == WIRE_OP_RELEASE))
		whole = decide_whole(lane, asked, request, entry, decision);
	if (whole != WHOLE_NONE)
		return whole != WHOLE_LATER;
	/* NOT_FOUND would say that it never becomes an order. */
	if (request->op == WIRE_OP_LOOKUP && (request->flags & WIRE_ENTRY_BY_ORDER) == 0 &&
	    coordinator_decides(lane, request))
		*decision = (struct decision){.verdict = VERDICT_UNDER_WAY};
	else
		answer_one(lane, asked.at_ns, request, key, decision);
	return true;
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
		DCHECK(parts[i].shard < SHARDS_MAX);
	}
}

/* Decides a basket's lines: each gets an answer of its own. False: the answers come later. */
static bool answer_basket(struct lane *lane, const struct wire_header *header, struct asked asked,
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
		return coordinator_begin(lane, requests, parts, header->count, asked,
					 each ? MAIL_EACH : MAIL_ASK, -1,
					 decisions) == BASKET_BEGIN_ANSWERED;
	if (!each)
		decide_basket(lane, asked.at_ns, requests, keys, header->count, decisions);
	for (uint32_t i = 0; each && i < header->count; i++)
		answer_one(lane, asked.at_ns, &requests[i], &keys[i], &decisions[i]);
	return true;
}

uint64_t answer_datagram(struct lane *lane, uint8_t *datagram, const struct lookup *keys,
			 uint64_t *verdict_cnt)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	const struct wire_request *requests = wire_requests(datagram);
	struct wire_reply *replies = wire_replies(datagram);
	const enum verdict whole = datagram_verdict(lane, header);
	const struct asked asked = {
		.at_ns = datagram_asked_ns(datagram, lane->clock_ns, lane->sale,
					   lane->undated_refused),
		.good_until_ns = datagram_good_until_ns(datagram),
	};
	const uint32_t cnt = header->count;
	const bool basket = whole == VERDICT_NONE && (header->flags & WIRE_FLAG_BASKET) != 0;
	struct decision lines[WIRE_ENTRY_CNT_MAX];
	uint64_t wait_lsn = 0;
	bool now = true;

	DCHECK(cnt > 0 && cnt <= WIRE_ENTRY_CNT_MAX);
	if (basket)
		now = answer_basket(lane, header, asked, requests, keys, lines);
	for (uint32_t i = 0; i < cnt; i++) {
		struct decision decision = {.verdict = (uint8_t)whole};

		DCHECK(keys[i].request == &requests[i]);
		if (basket)
			decision = lines[i];
		else if (whole == VERDICT_NONE || requests[i].op == WIRE_OP_PING)
			now = decide_entry(lane, asked, &requests[i], &keys[i], i, &decision);
		else if (whole == VERDICT_WRONG_SHARD)
			decision.quantity = shard_owner(lane->shard, requests[i].sku);
		/* The answer of a basket over several shards comes later. */
		if (!now)
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
