#include "engine/sale/basket.h"

#include "engine/base/check.h"
#include "engine/sale/decision.h"

static bool makes_basket(uint8_t op)
{
	return op == WIRE_OP_BUY || op == WIRE_OP_HOLD || op == WIRE_OP_CONFIRM ||
	       op == WIRE_OP_RELEASE;
}

enum verdict basket_wrong(const struct wire_request *lines, uint32_t cnt)
{
	if (cnt < 2)
		return VERDICT_BASKET_SIZE;
	DCHECK(cnt <= WIRE_ENTRY_CNT_MAX);
	for (uint32_t i = 0; i < cnt; i++) {
		if (!makes_basket(lines[i].op) || lines[i].op != lines[0].op ||
		    (lines[i].flags & WIRE_ENTRY_WHOLE_BASKET) != 0)
			return VERDICT_BASKET_OPS;
	}
	for (uint32_t i = 1; i < cnt; i++) {
		if (lines[i].buyer != lines[0].buyer)
			return VERDICT_BASKET_BUYERS;
	}
	/* At most 29 lines: comparing each with each is some 400 steps. */
	for (uint32_t i = 1; i < cnt; i++) {
		for (uint32_t k = 0; k < i; k++) {
			if (lines[i].sku == lines[k].sku)
				return VERDICT_BASKET_TWICE;
		}
	}
	return VERDICT_NONE;
}

static struct question question_of(const struct basket *basket, uint32_t line,
				   struct record *record, struct decision *decision)
{
	DCHECK(line < basket->cnt);
	*decision = (struct decision){0};
	return (struct question){
		.shard = basket->shard,
		.now_ns = basket->now_ns,
		.asked_ns = basket->asked_ns,
		.request = &basket->lines[line],
		.key = &basket->keys[line],
		.record = record,
		.decision = decision,
		.goes_on = line + 1 < basket->cnt || basket->links_follow,
		.refund = basket->refund,
	};
}

/* How many units more the buyer has after a line that would commit. */
static int64_t units_more(const struct basket *basket, uint32_t line,
			  const struct decision *decision)
{
	const struct wire_request *request = &basket->lines[line];
	const uint64_t lsn = request->price_or_order & LSN_MAX;

	switch ((enum verdict)decision->would_be) {
	case VERDICT_ACCEPTED:
	case VERDICT_HELD:
	case VERDICT_CONFIRMED_LATE:
		return request->quantity;
	case VERDICT_CONFIRMED:
		/* What is not paid is released; but not while it is only set aside. */
		if (basket->to_prepare)
			return 0;
		return (int64_t)request->quantity -
		       holds_find(&basket->shard->holds, shard_lsn_hash(basket->shard, lsn), lsn)
			       ->held;
	default:
		return 0;
	}
}

/*
 * Changes the buyer's count in the line's group, so that later lines are judged after it. No two
 * lines have the same SKU: stock and its own limit concern no other line. sign: 1, or -1 to take it
 * back.
 */
static void count_group(const struct basket *basket, uint32_t line, const struct decision *decision,
			int sign)
{
	const struct wire_request *request = &basket->lines[line];
	const struct offer *offer = key_offer(basket->shard, &basket->keys[line], request->sku);
	const int64_t units = sign * units_more(basket, line, decision);
	uint32_t group;

	if (units == 0)
		return;
	DCHECK(offer != NULL);
	group = offer_terms_of(&basket->shard->offers, offer)->group;
	if (group == 0)
		return;
	if (units > 0)
		buyers_take(&basket->shard->buyers,
			    group_count(basket->shard, request->buyer, group), request->buyer,
			    BUYERS_GROUP | group, (uint32_t)units);
	else
		buyers_give_back(group_count(basket->shard, request->buyer, group),
				 (uint32_t)-units);
}

/* Judges the lines, each after those before it. The number of lines judged: all, unless a hold's
 * end was recorded first. */
static uint32_t judge_lines(const struct basket *basket, struct record *record,
			    struct decision *decisions)
{
	uint32_t cnt = 0;

	while (cnt < basket->cnt) {
		struct question question = question_of(basket, cnt, record, &decisions[cnt]);

		question.only_judge = true;
		decide_question(&question);
		if (decisions[cnt].again)
			break;
		if (basket->shard->has_groups)
			count_group(basket, cnt, &decisions[cnt], 1);
		cnt++;
	}
	for (uint32_t i = cnt; i-- > 0 && basket->shard->has_groups;)
		count_group(basket, i, &decisions[i], -1);
	return cnt;
}

/* Whether the buyers' table has room for the counts of all lines. Only purchases may need some. */
static bool counts_fit(const struct basket *basket)
{
	const struct shard *shard = basket->shard;
	uint64_t new_cnt = 0;

	DCHECK(basket->cnt <= WIRE_ENTRY_CNT_MAX);
	if ((basket->lines[0].op != WIRE_OP_BUY && basket->lines[0].op != WIRE_OP_HOLD) ||
	    shard->buyers.cnt + 2 * (uint64_t)basket->cnt <= shard->buyers.cnt_max)
		return true;
	for (uint32_t i = 0; i < basket->cnt; i++) {
		const struct wire_request *line = &basket->lines[i];
		const struct offer *offer = key_offer(shard, &basket->keys[i], line->sku);
		const struct limit_counts counts = counts_find(shard, offer, line->buyer);

		new_cnt += (counts.own != NULL && counts.own->units_1 == 0) +
			   (uint64_t)(counts.group != NULL && counts.group->units_1 == 0);
	}
	return shard->buyers.cnt + new_cnt <= shard->buyers.cnt_max;
}

/* Whether the tables have room for all lines at once. */
static bool has_room(const struct basket *basket)
{
	const struct shard *shard = basket->shard;
	const uint32_t cnt = basket->cnt;

	DCHECK(makes_basket(basket->lines[0].op));
	if (!counts_fit(basket))
		return false;
	switch (basket->lines[0].op) {
	case WIRE_OP_BUY:
		return shard->orders.cnt + cnt <= shard->orders.cnt_max;
	case WIRE_OP_HOLD:
		return shard->holds.cnt + cnt <= shard->holds.cnt_max &&
		       shard->orders.change_cnt + shard->holds.undecided_cnt + cnt <=
			       shard->orders.change_cnt_max;
	case WIRE_OP_CONFIRM:
		return shard->orders.change_cnt + cnt <= shard->orders.change_cnt_max;
	default:
		return shard->orders.change_cnt + shard->holds.undecided_cnt + cnt <=
		       shard->orders.change_cnt_max;
	}
}

enum basket_outcome basket_judge(struct basket *basket, struct record *record,
				 struct decision *decisions)
{
	enum verdict others = VERDICT_NONE;
	uint32_t would_cnt = 0;
	bool late = false;

	basket->refund = false;
	if (judge_lines(basket, record, decisions) < basket->cnt)
		return BASKET_AGAIN;
	for (uint32_t i = 0; i < basket->cnt; i++) {
		would_cnt += decisions[i].would_be != VERDICT_NONE;
		late |= decisions[i].would_be == VERDICT_HOLD_EXPIRED;
	}
	DCHECK(!late || basket->lines[0].op == WIRE_OP_CONFIRM);
	if (would_cnt == 0)
		return BASKET_ANSWERED;
	if (would_cnt < basket->cnt)
		others = VERDICT_BASKET_REFUSED;
	else if (!has_room(basket))
		others = VERDICT_TABLE_FULL;
	else if (record == NULL)
		others = VERDICT_JOURNAL_FULL;
	for (uint32_t i = 0; i < basket->cnt && others != VERDICT_NONE; i++) {
		if (decisions[i].would_be != VERDICT_NONE) {
			decisions[i].wait_lsn = 0;
			refuse(&decisions[i], others);
		}
	}
	basket->refund = (late || basket->late_elsewhere) && others == VERDICT_NONE;
	return others != VERDICT_NONE ? BASKET_ANSWERED : BASKET_COMMITS;
}

void basket_commit(const struct basket *basket, uint32_t line, struct record *record,
		   struct decision *decision)
{
	const struct question question = question_of(basket, line, record, decision);

	decide_question(&question);
	/* It was judged, and nothing but the lines before it came in between. */
	CHECK(decision->committed);
}

/* What a CONFIRM of this line's hold is of: all that is held, or was at its end, or as it was
 * committed under this request id before. */
static uint16_t units_of_line(const struct shard *shard, const struct hold *hold,
			      const struct wire_request *request)
{
	const uint64_t id[2] = {request->id[0], request->id[1]};
	const uint64_t sku = shard->offers.list[hold->order.offer_idx].sku;
	const struct order *known = orders_find(&shard->orders, shard_order_hash(shard, id, sku),
						id, hold->order.offer_idx);

	if (request->op == WIRE_OP_RELEASE)
		return 0;
	if (known != NULL && known->kind == RECORD_CONFIRM)
		return (uint16_t)known->quantity;
	DCHECK(request->op == WIRE_OP_CONFIRM);
	if (hold->state == HOLD_OPEN)
		return hold->held;
	return hold->ran_out > 0 ? hold->ran_out : (uint16_t)hold->order.quantity;
}

/* A request for a whole basket as one for a line of it: of its hold, or none that is known yet. */
static struct wire_request line_of(const struct shard *shard, const struct wire_request *request,
				   const struct hold *hold)
{
	struct wire_request line = *request;

	DCHECK(request->op == WIRE_OP_CONFIRM || request->op == WIRE_OP_RELEASE);
	line.flags = 0;
	if (hold != NULL) {
		line.sku = shard->offers.list[hold->order.offer_idx].sku;
		line.price_or_order = order_id_of(shard->lane, hold->order.lsn);
		line.quantity = units_of_line(shard, hold, request);
	}
	return line;
}

uint32_t basket_lines(const struct shard *shard, const struct wire_request *request,
		      struct wire_request lines[WIRE_ENTRY_CNT_MAX],
		      struct basket_part parts[WIRE_ENTRY_CNT_MAX])
{
	uint64_t lsn = request->price_or_order & LSN_MAX;
	uint32_t cnt = 0;
	bool goes_on = true;

	if (request->price_or_order >> ORDER_ID_LSN_BITS != shard->lane || request->quantity != 0 ||
	    shard->holds.cnt == 0)
		return 0;
	for (; goes_on && cnt < WIRE_ENTRY_CNT_MAX; cnt++, lsn++) {
		const struct hold *hold =
			holds_find(&shard->holds, shard_lsn_hash(shard, lsn), lsn);
		const struct snapshot_link *link =
			hold == NULL && cnt > 0 ? links_find(&shard->links, lsn) : NULL;

		if (hold != NULL && hold->order.kind == RECORD_HOLD &&
		    hold->order.buyer == request->buyer) {
			lines[cnt] = line_of(shard, request, hold);
			parts[cnt] = (struct basket_part){.shard = shard->lane};
			goes_on = (hold->order.flags & SNAPSHOT_BASKET_GOES_ON) != 0;
		} else if (link != NULL && link->buyer == request->buyer) {
			lines[cnt] = line_of(shard, request, NULL);
			lines[cnt].sku = link->sku;
			parts[cnt] = (struct basket_part){
				.shard = link->shard,
				.hold_id = {link->request_id[0], link->request_id[1]}};
			goes_on = link->goes_on != 0;
		} else {
			return 0;
		}
	}
	return lines[0].sku == request->sku ? cnt : 0;
}

enum verdict basket_complete(const struct shard *shard, const uint64_t hold_id[2],
			     struct wire_request *line)
{
	const struct offer *offer =
		offers_find(&shard->offers, shard_offer_hash(shard, line->sku), line->sku);
	const uint64_t hash = shard_order_hash(shard, hold_id, line->sku);
	const struct order *order;

	DCHECK(line->op == WIRE_OP_CONFIRM || line->op == WIRE_OP_RELEASE);
	if (offer == NULL)
		return VERDICT_NOT_FOUND;
	order = orders_find(&shard->orders, hash, hold_id, shard_offer_idx(shard, offer));
	if (order == NULL && prepare_find(shard, hash, hold_id, line->sku) != NULL)
		return VERDICT_UNDER_WAY;
	if (order == NULL || order->kind != RECORD_HOLD || order->buyer != line->buyer)
		return VERDICT_NOT_FOUND;
	*line = line_of(shard, line, hold_of(order));
	return VERDICT_NONE;
}

/* Which line speaks for all: one that was refused, then one refused because of others, then one
 * that came late. */
static unsigned weight(const struct decision *line)
{
	if (line->verdict == VERDICT_BASKET_REFUSED)
		return 2;
	if (line->verdict >= VERDICT_REFUSAL_FIRST)
		return 3;
	return line->verdict == VERDICT_CONFIRMED_LATE;
}

void basket_sum(const struct decision *decisions, uint32_t cnt, struct decision *sum)
{
	const struct decision *worst = &decisions[0];
	uint32_t units = 0;

	for (uint32_t i = 0; i < cnt; i++) {
		if (weight(&decisions[i]) > weight(worst))
			worst = &decisions[i];
		units += decisions[i].quantity;
	}
	DCHECK(cnt > 0 && worst->verdict != VERDICT_NONE);
	*sum = decisions[0];
	sum->verdict = worst->verdict;
	sum->instant_ns = worst->instant_ns;
	sum->quantity = units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
	for (uint32_t i = 0; i < cnt; i++) {
		if (decisions[i].wait_lsn > sum->wait_lsn)
			sum->wait_lsn = decisions[i].wait_lsn;
	}
}
