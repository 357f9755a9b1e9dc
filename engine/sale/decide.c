#include "engine/sale/decide.h"

#include "engine/base/check.h"
#include "engine/sale/shard_state.h"

void lookup_pass(unsigned pass, const struct shard *shard, struct lookup *keys, uint32_t cnt)
{
	DCHECK(pass < LOOKUP_PASS_CNT);
	switch (pass) {
	case 0:
		for (uint32_t i = 0; i < cnt; i++) {
			const struct wire_request *request = keys[i].request;
			const uint64_t id[2] = {request->id[0], request->id[1]};

			key_hash(shard, &keys[i], id, request->sku);
		}
		break;
	case 1:
		for (uint32_t i = 0; i < cnt; i++)
			key_seek(shard, &keys[i]);
		break;
	case 2:
		for (uint32_t i = 0; i < cnt; i++)
			key_peek(shard, &keys[i], keys[i].request->sku, keys[i].request->buyer);
		break;
	default:
		for (uint32_t i = 0; i < cnt; i++)
			key_look(shard, &keys[i], keys[i].request->buyer);
		break;
	}
}

void lookup_all(const struct shard *shard, const struct wire_request *requests, struct lookup *keys,
		uint32_t cnt)
{
	lookups_begin(keys, requests, cnt);
	for (unsigned pass = 0; pass < LOOKUP_PASS_CNT; pass++)
		lookup_pass(pass, shard, keys, cnt);
}

static void refuse(struct decision *decision, enum verdict verdict)
{
	DCHECK(verdict >= VERDICT_REFUSAL_FIRST && verdict < VERDICT_END);
	/* A refusal changed nothing, and its answer rests on no record. */
	DCHECK(!decision->committed && decision->wait_lsn == 0);
	decision->verdict = (uint8_t)verdict;
}

/* The answer that the order got when it was committed. */
static void answer_again(const struct shard *shard, const struct order *order,
			 struct decision *decision)
{
	DCHECK(order->lsn > 0 && order->quantity > 0);
	DCHECK(!decision->committed);
	decision->verdict = VERDICT_ACCEPTED;
	decision->order_id = order_id_of(shard->lane, order->lsn);
	decision->unit_price = order->unit_price;
	decision->instant_ns = order->at_ns;
	decision->quantity = order->quantity;
	decision->wait_lsn = order->lsn;
}

static bool is_at_most_0(const struct wire_request *request)
{
	return (request->flags & WIRE_ENTRY_AT_MOST_0) != 0;
}

/* One content has one form: a bound of 0 names no other price beside it. */
static bool bad_flags(const struct wire_request *request)
{
	return (request->flags & ~WIRE_ENTRY_FLAGS_KNOWN) != 0 ||
	       (is_at_most_0(request) && request->price_or_order != 0);
}

/* The highest price as an order keeps it. */
static uint64_t max_price_of(const struct wire_request *request)
{
	return is_at_most_0(request) ? PRICE_AT_MOST_0 : request->price_or_order;
}

/* An order that cost something never answers "at most 0", whatever number its buyer had named. */
static bool same_content(const struct order *order, const struct wire_request *request)
{
	return order->buyer == request->buyer && order->max_price == max_price_of(request) &&
	       !(is_at_most_0(request) && order->unit_price > 0) &&
	       order->channel == request->channel && order->quantity == request->quantity;
}

/* Why a request for this offer is refused; VERDICT_NONE if it is not. */
static enum verdict refusal(const struct offer *offer, uint64_t now_ns, uint64_t asked_ns,
			    const struct wire_request *request, struct decision *decision)
{
	if (asked_ns == ASKED_STALE) {
		decision->instant_ns = now_ns;
		return VERDICT_STALE;
	}
	if (request->quantity == 0)
		return VERDICT_BAD_QUANTITY;
	/* As of its issue: a copy that comes after the opening gets the answer of the first one. */
	if (asked_ns < offer->opens_at_ns) {
		decision->instant_ns = offer->opens_at_ns;
		return VERDICT_NOT_OPEN;
	}
	if (now_ns >= offer->closes_at_ns) {
		decision->instant_ns = offer->closes_at_ns;
		return VERDICT_CLOSED;
	}
	if (is_at_most_0(request)
		    ? offer->unit_price > 0
		    : request->price_or_order != 0 && offer->unit_price > request->price_or_order)
		return VERDICT_PRICE_TOO_HIGH;
	if (request->quantity > offer->free)
		return VERDICT_SOLD_OUT;
	return VERDICT_NONE;
}

static void decide_buy(struct shard *shard, uint64_t now_ns, uint64_t asked_ns,
		       const struct wire_request *request, const struct lookup *key,
		       struct offer *offer, struct record *record, struct decision *decision)
{
	const enum verdict no = refusal(offer, now_ns, asked_ns, request, decision);
	struct buyer_count *count = NULL;

	if (no != VERDICT_NONE) {
		refuse(decision, no);
		return;
	}
	if (offer->limit_per_buyer > 0) {
		/* A single request above the limit is refused without a slot. */
		if (request->quantity > offer->limit_per_buyer) {
			refuse(decision, VERDICT_LIMIT_REACHED);
			return;
		}
		count = key_count(shard, key, request->sku, request->buyer,
				  shard_offer_idx(shard, offer));
		if ((uint64_t)count->units + request->quantity > offer->limit_per_buyer) {
			refuse(decision, VERDICT_LIMIT_REACHED);
			return;
		}
	}
	if (shard->orders.cnt == shard->orders.cnt_max ||
	    (count != NULL && !buyers_have_room(&shard->buyers, count))) {
		refuse(decision, VERDICT_TABLE_FULL);
		return;
	}
	if (record == NULL) {
		refuse(decision, VERDICT_JOURNAL_FULL);
		return;
	}
	*record = (struct record){
		.kind = RECORD_ORDER,
		.quantity = request->quantity,
		.channel = request->channel,
		.at_ns = now_ns,
		.sku = request->sku,
		.unit_price = offer->unit_price,
		.order = {.request_id = {request->id[0], request->id[1]},
			  .buyer = request->buyer,
			  .max_price = max_price_of(request)},
	};
	decision->verdict = VERDICT_ACCEPTED;
	decision->order_id = order_id_of(shard->lane, shard->next_lsn);
	decision->instant_ns = now_ns;
	decision->quantity = request->quantity;
	decision->wait_lsn = shard->next_lsn;
	decision->committed = true;
	shard_commit_order(shard, record, offer, count, key->order_hash);
	decision->stock_left = offer->free;
	DCHECK(shard->next_lsn == decision->wait_lsn + 1 && shard->last_at_ns == now_ns);
	/* A record that apply_order would refuse is never written. */
	DCHECK(now_ns >= offer->opens_at_ns && now_ns < offer->closes_at_ns);
	DCHECK(!is_at_most_0(request) || record->unit_price == 0);
}

/* The table never holds offers of other shards' SKUs: only a SKU that isn't in it may be theirs. */
static void not_on_sale(const struct shard *shard, const struct wire_request *request,
			struct decision *decision)
{
	const uint16_t owner = wire_shard_of(request->sku, shard->shards);

	DCHECK(owner < shard->shards);
	if (owner == shard->lane) {
		refuse(decision, VERDICT_UNKNOWN_SKU);
		return;
	}
	refuse(decision, VERDICT_WRONG_SHARD);
	decision->quantity = owner;
}

void decide(struct shard *shard, uint64_t now_ns, uint64_t asked_ns,
	    const struct wire_request *request, const struct lookup *key, struct record *record,
	    struct decision *decision)
{
	const uint64_t id[2] = {request->id[0], request->id[1]};

	DCHECK(now_ns >= shard->last_at_ns);
	DCHECK(asked_ns <= now_ns || asked_ns == ASKED_STALE);
	DCHECK(key->offer_hash == shard_offer_hash(shard, request->sku));
	DCHECK(key->order_hash == shard_order_hash(shard, id, request->sku));
	*decision = (struct decision){0};
	if (request->op < WIRE_OP_BUY || request->op > WIRE_OP_PING || bad_flags(request) ||
	    (id[0] | id[1]) == 0) {
		refuse(decision, VERDICT_BAD_REQUEST);
		return;
	}
	if (request->op == WIRE_OP_PING) {
		decision->verdict = VERDICT_PONG;
		decision->quantity = shard->shards;
		decision->instant_ns = now_ns;
		return;
	}
	if (request->op != WIRE_OP_BUY && request->op != WIRE_OP_LOOKUP) {
		refuse(decision, VERDICT_NOT_SUPPORTED);
		return;
	}

	struct offer *offer = key_offer(shard, key, request->sku);

	if (offer == NULL) {
		not_on_sale(shard, request, decision);
		return;
	}
	decision->unit_price = offer->unit_price;
	decision->stock_left = offer->free;

	const struct order *order = key_order(shard, key, id, shard_offer_idx(shard, offer));

	if (order != NULL) {
		if (request->op == WIRE_OP_LOOKUP || same_content(order, request))
			answer_again(shard, order, decision);
		else
			refuse(decision, VERDICT_CONFLICT);
	} else if (request->op == WIRE_OP_LOOKUP) {
		refuse(decision, VERDICT_NOT_FOUND);
	} else {
		decide_buy(shard, now_ns, asked_ns, request, key, offer, record, decision);
	}
}
