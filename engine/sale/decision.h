/*
 * decision: what the files that decide share. For the files of this room only.
 */
#ifndef DB_ENGINE_SALE_DECISION_H
#define DB_ENGINE_SALE_DECISION_H

#include "engine/sale/change.h"
#include "engine/sale/decide.h"

/* What is decided, and where the answer goes. */
struct question {
	struct shard *shard;
	uint64_t now_ns;
	uint64_t asked_ns;
	const struct wire_request *request;
	const struct lookup *key;
	struct record *record; /* NULL: there is no room for one */
	struct decision *decision;
	/* For lines of a basket. */
	bool only_judge; /* what would commit changes nothing: decision->would_be */
	bool goes_on;    /* another line comes after it */
	bool refund;     /* a CONFIRM that another line of its basket makes a refund */
};

/* Whether a request is answered without a commit, for lack of room or because nobody asked for one.
 */
static inline bool stops_short(bool only_judge, const struct record *record, enum verdict verdict,
			       struct decision *decision)
{
	if (only_judge) {
		decision->would_be = (uint8_t)verdict;
		return true;
	}
	if (record != NULL)
		return false;
	decision->verdict = VERDICT_JOURNAL_FULL;
	return true;
}

/* Decides one request; `decision` is all zero before. */
void decide_question(const struct question *question);

static inline void refuse(struct decision *decision, enum verdict verdict)
{
	DCHECK(verdict >= VERDICT_REFUSAL_FIRST && verdict < VERDICT_END);
	/* A refusal changed nothing. */
	DCHECK(!decision->committed);
	decision->verdict = (uint8_t)verdict;
}

static inline bool is_at_most_0(const struct wire_request *request)
{
	return (request->flags & WIRE_ENTRY_AT_MOST_0) != 0;
}

/* The highest price as an order keeps it. */
static inline uint64_t max_price_of(const struct wire_request *request)
{
	return is_at_most_0(request) ? PRICE_AT_MOST_0 : request->price_or_order;
}

/* An order that cost something never answers "at most 0", whatever number its buyer had named. */
static inline bool same_purchase(const struct order *order, const struct wire_request *request)
{
	return order->buyer == request->buyer && order->max_price == max_price_of(request) &&
	       !(is_at_most_0(request) && order->unit_price > 0) &&
	       order->channel == request->channel && order->quantity == request->quantity;
}

/* The record of a purchase, of a kind. */
static inline struct record purchase_record(uint8_t kind, const struct wire_request *request,
					    uint64_t now_ns, const struct offer *offer,
					    bool goes_on)
{
	return (struct record){
		.kind = kind,
		.flags = goes_on ? RECORD_BASKET_GOES_ON : 0,
		.quantity = request->quantity,
		.channel = request->channel,
		.at_ns = now_ns,
		.sku = request->sku,
		.unit_price = offer->unit_price,
		.order = {.request_id = {request->id[0], request->id[1]},
			  .buyer = request->buyer,
			  .max_price = max_price_of(request)},
	};
}

/* Why a purchase at this offer is refused whatever its buyer has; VERDICT_NONE if it is not. */
static inline enum verdict purchase_refusal(uint64_t now_ns, uint64_t asked_ns,
					    const struct wire_request *request,
					    const struct offer *offer, struct decision *decision)
{
	if (asked_ns == ASKED_STALE) {
		decision->instant_ns = now_ns;
		return VERDICT_STALE;
	}
	if (request->quantity == 0)
		return VERDICT_BAD_QUANTITY;
	if (request->op == WIRE_OP_HOLD && offer->hold_seconds == 0)
		return VERDICT_NO_HOLDS;
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

/* The rest is of decide_held.c. */

/*
 * Whether a purchase that would get this verdict depends on holds that have ended: then some of
 * them are ended by a record (decision->again), or if there is no room for one it is refused with
 * JOURNAL_FULL.
 */
bool ended_first(const struct question *question, struct offer *offer, enum verdict verdict);

/* The answer that a purchase got when it was committed. */
void say_purchase(const struct shard *shard, const struct order *order, struct decision *decision);

void decide_hold(const struct question *question, struct offer *offer);
void decide_change(const struct question *question, struct offer *offer);
void decide_lookup(const struct question *question, struct offer *offer, const struct order *order);

/* The answer to what was committed before, if the request has the same content, else CONFLICT. */
void answer_committed(const struct question *question, const struct order *order);

#endif
