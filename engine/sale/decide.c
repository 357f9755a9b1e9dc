#include "engine/sale/decide.h"

#include "engine/base/check.h"
#include "engine/sale/decision.h"
#include "engine/sale/lookup_held.h"

/* The passes of a shard that has holds. */
static __attribute__((noinline)) void seek_any(const struct shard *shard, struct lookup *keys,
					       uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct wire_request *request = keys[i].request;

		DCHECK(request != NULL && keys[i].buyer_hash == 0);
		key_seek(shard, &keys[i]);
		if (request->op > WIRE_OP_HOLD)
			key_seek_change(shard, request->price_or_order & LSN_MAX);
	}
}

/* What lowers the buyer's counts, at least most times. */
static bool counts_less(uint8_t op)
{
	return op == WIRE_OP_RELEASE || op == WIRE_OP_RETURN;
}

static __attribute__((noinline)) void peek_any(const struct shard *shard, struct lookup *keys,
					       uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct wire_request *request = keys[i].request;
		const uint64_t lsn = request->price_or_order & LSN_MAX;

		DCHECK(request != NULL);
		if (request->op == WIRE_OP_BUY)
			key_peek(shard, &keys[i], request->sku, request->buyer);
		else if (request->op == WIRE_OP_HOLD)
			key_peek_hold(shard, &keys[i], request->sku, request->buyer);
		else
			key_peek_change(shard, &keys[i], request->sku, request->buyer, lsn,
					counts_less(request->op));
	}
}

static __attribute__((noinline)) void look_any(const struct shard *shard, struct lookup *keys,
					       uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const struct wire_request *request = keys[i].request;

		DCHECK(request != NULL && keys[i].count == NULL);
		if (request->op == WIRE_OP_BUY)
			key_look(shard, &keys[i], request->buyer);
		else if (request->op == WIRE_OP_HOLD)
			key_look_hold(shard, &keys[i], request->buyer);
		else
			key_look_change(shard, &keys[i], request->price_or_order & LSN_MAX);
	}
}

static void look_at_any(unsigned pass, const struct shard *shard, struct lookup *keys, uint32_t cnt)
{
	DCHECK(shard->holds.list != NULL);
	switch (pass) {
	case 1:
		seek_any(shard, keys, cnt);
		break;
	case 2:
		peek_any(shard, keys, cnt);
		break;
	default:
		DCHECK(pass == LOOKUP_PASS_CNT - 1);
		look_any(shard, keys, cnt);
		break;
	}
}

void lookup_pass(unsigned pass, const struct shard *shard, struct lookup *keys, uint32_t cnt)
{
	DCHECK(pass < LOOKUP_PASS_CNT);
	if (pass > 0 && shard->holds.list != NULL) {
		look_at_any(pass, shard, keys, cnt);
		return;
	}
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

static bool names_an_order(uint8_t op)
{
	return op == WIRE_OP_CONFIRM || op == WIRE_OP_RELEASE || op >= WIRE_OP_EXTEND;
}

/* One content has one form: a bound of 0 names no other price beside it. */
static bool bad_flags(const struct wire_request *request)
{
	const uint8_t flags = request->flags;

	if (flags == 0)
		return false;
	return (flags & ~WIRE_ENTRY_FLAGS_KNOWN) != 0 ||
	       (is_at_most_0(request) &&
		(request->price_or_order != 0 || names_an_order(request->op))) ||
	       ((flags & WIRE_ENTRY_WRITE_OFF) != 0 && request->op != WIRE_OP_RETURN) ||
	       ((flags & WIRE_ENTRY_BY_ORDER) != 0 && request->op != WIRE_OP_LOOKUP) ||
	       ((flags & WIRE_ENTRY_WHOLE_BASKET) != 0 &&
		(request->quantity != 0 ||
		 (request->op != WIRE_OP_CONFIRM && request->op != WIRE_OP_RELEASE)));
}

/* The buyer's counts, and whether they allow the purchase. */
static inline enum verdict limit_refusal(const struct shard *shard,
					 const struct wire_request *request,
					 const struct lookup *key, const struct offer *offer,
					 struct limit_counts *counts)
{
	const uint32_t offer_idx = shard_offer_idx(shard, offer);

	*counts = (struct limit_counts){NULL, NULL};
	if (offer->limit_per_buyer > 0) {
		/* A single request above the limit is refused without a slot. */
		if (request->quantity > offer->limit_per_buyer)
			return VERDICT_LIMIT_REACHED;
		counts->own = key_count(shard, key, request->sku, request->buyer, offer_idx);
		if (beyond_limit(counts->own, offer->limit_per_buyer, request->quantity))
			return VERDICT_LIMIT_REACHED;
	}
	if (shard->has_groups && shard->offers.terms[offer_idx].group != 0) {
		const struct terms *terms = &shard->offers.terms[offer_idx];

		counts->group = group_count(shard, request->buyer, terms->group);
		if (beyond_limit(counts->group, terms->group_limit, request->quantity))
			return VERDICT_LIMIT_REACHED;
	}
	return VERDICT_NONE;
}

/* A BUY that holds which have ended may stop. */
static __attribute__((noinline)) void refuse_buy(const struct question *question,
						 struct offer *offer, enum verdict no)
{
	if (!ended_first(question, offer, no))
		refuse(question->decision, no);
}

/* A question is made only where it is needed: most requests are BUYs, and time is short. */
static inline __attribute__((always_inline)) void decide_buy(
	struct shard *shard, uint64_t now_ns, uint64_t asked_ns, const struct wire_request *request,
	const struct lookup *key, struct record *record, struct decision *decision,
	struct offer *offer, bool only_judge, bool goes_on)
{
	struct limit_counts counts = {NULL, NULL};
	enum verdict no = purchase_refusal(now_ns, asked_ns, request, offer, decision);

	if (no == VERDICT_NONE)
		no = limit_refusal(shard, request, key, offer, &counts);
	if (no != VERDICT_NONE) {
		if (shard->holds.open_cnt == 0)
			refuse(decision, no);
		else
			refuse_buy(&(struct question){.shard = shard,
						      .now_ns = now_ns,
						      .request = request,
						      .record = record,
						      .decision = decision},
				   offer, no);
		return;
	}
	if (shard->orders.cnt == shard->orders.cnt_max || !counts_have_room(shard, &counts)) {
		refuse(decision, VERDICT_TABLE_FULL);
		return;
	}
	if (stops_short(only_judge, record, VERDICT_ACCEPTED, decision))
		return;
	*record = purchase_record(RECORD_ORDER, request, now_ns, offer, goes_on);
	decision->verdict = VERDICT_ACCEPTED;
	decision->order_id = order_id_of(shard->lane, shard->next_lsn);
	decision->instant_ns = now_ns;
	decision->quantity = request->quantity;
	decision->wait_lsn = shard->next_lsn;
	decision->committed = true;
	shard_commit_order(shard, record, offer, &counts, key->order_hash);
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
	const uint16_t owner = shard_owner(shard, request->sku);

	DCHECK(owner < shard->shards);
	if (owner == shard->lane) {
		refuse(decision, VERDICT_UNKNOWN_SKU);
		return;
	}
	refuse(decision, VERDICT_WRONG_SHARD);
	decision->quantity = owner;
}

/* What is no new BUY, of an offer that is there. */
static __attribute__((noinline)) void decide_rest(const struct question *question,
						  struct offer *offer, const struct order *order)
{
	const struct wire_request *request = question->request;

	if ((request->flags & WIRE_ENTRY_WHOLE_BASKET) != 0)
		/* The lines of a basket are decided in its place (basket.h): so there is none. */
		refuse(question->decision, VERDICT_NOT_FOUND);
	else if (request->op == WIRE_OP_LOOKUP)
		decide_lookup(question, offer, order);
	else if (order != NULL)
		answer_committed(question, order);
	else if (request->op == WIRE_OP_HOLD)
		decide_hold(question, offer);
	else
		decide_change(question, offer);
}

/* A request that has been set aside for a basket, and waits for other shards. */
static __attribute__((noinline)) bool waits_for_others(const struct shard *shard,
						       const struct wire_request *request,
						       const struct lookup *key,
						       struct decision *decision)
{
	const uint64_t id[2] = {request->id[0], request->id[1]};

	if ((request->flags & WIRE_ENTRY_BY_ORDER) != 0 ||
	    prepare_find(shard, key->order_hash, id, request->sku) == NULL)
		return false;
	refuse(decision, VERDICT_UNDER_WAY);
	return true;
}

static inline __attribute__((always_inline)) void decide_any(
	struct shard *shard, uint64_t now_ns, uint64_t asked_ns, const struct wire_request *request,
	const struct lookup *key, struct record *record, struct decision *decision, bool only_judge,
	bool goes_on, bool refund)
{
	const uint64_t id[2] = {request->id[0], request->id[1]};

	DCHECK(now_ns >= shard->last_at_ns);
	DCHECK(asked_ns <= now_ns || asked_ns == ASKED_STALE);
	DCHECK(key->offer_hash == shard_offer_hash(shard, request->sku));
	DCHECK(key->order_hash == shard_order_hash(shard, id, request->sku));
	if (request->op < WIRE_OP_BUY || request->op >= WIRE_OP_END || bad_flags(request) ||
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

	struct offer *offer = key_offer(shard, key, request->sku);

	if (offer == NULL) {
		not_on_sale(shard, request, decision);
		return;
	}
	decision->unit_price = offer->unit_price;
	decision->stock_left = offer->free;

	const struct order *order = key_order(shard, key, id, shard_offer_idx(shard, offer));

	if (shard->prepared_cnt > 0 && waits_for_others(shard, request, key, decision))
		return;
	if (request->op == WIRE_OP_BUY && order == NULL)
		decide_buy(shard, now_ns, asked_ns, request, key, record, decision, offer,
			   only_judge, goes_on);
	else if (request->op == WIRE_OP_BUY && order->kind == RECORD_ORDER &&
		 same_purchase(order, request))
		say_purchase(shard, order, decision);
	else
		decide_rest(&(struct question){.shard = shard,
					       .now_ns = now_ns,
					       .asked_ns = asked_ns,
					       .request = request,
					       .key = key,
					       .record = record,
					       .decision = decision,
					       .only_judge = only_judge,
					       .goes_on = goes_on,
					       .refund = refund},
			    offer, order);
}

void decide_question(const struct question *question)
{
	decide_any(question->shard, question->now_ns, question->asked_ns, question->request,
		   question->key, question->record, question->decision, question->only_judge,
		   question->goes_on, question->refund);
}

void decide(struct shard *shard, uint64_t now_ns, uint64_t asked_ns,
	    const struct wire_request *request, const struct lookup *key, struct record *record,
	    struct decision *decision)
{
	*decision = (struct decision){0};
	decide_any(shard, now_ns, asked_ns, request, key, record, decision, false, false, false);
}
