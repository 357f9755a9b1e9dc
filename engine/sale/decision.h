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

/* Whether the question is answered without a commit, for lack of room or because nobody asked for
 * one. */
static inline bool stops_short(const struct question *question, enum verdict verdict)
{
	if (question->only_judge) {
		question->decision->would_be = (uint8_t)verdict;
		return true;
	}
	if (question->record != NULL)
		return false;
	question->decision->verdict = VERDICT_JOURNAL_FULL;
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
static inline struct record purchase_record(const struct question *question, uint8_t kind,
					    const struct offer *offer)
{
	const struct wire_request *request = question->request;

	return (struct record){
		.kind = kind,
		.flags = question->goes_on ? RECORD_BASKET_GOES_ON : 0,
		.quantity = request->quantity,
		.channel = request->channel,
		.at_ns = question->now_ns,
		.sku = request->sku,
		.unit_price = offer->unit_price,
		.order = {.request_id = {request->id[0], request->id[1]},
			  .buyer = request->buyer,
			  .max_price = max_price_of(request)},
	};
}

/* Why a purchase at this offer is refused whatever its buyer has; VERDICT_NONE if it is not. */
enum verdict purchase_refusal(const struct question *question, const struct offer *offer);

/* The rest is of decide_held.c. */

/*
 * Whether a purchase that would get this verdict depends on holds that have ended: then some of
 * them are ended by a record (decision->again), or if there is no room for one it is refused with
 * JOURNAL_FULL.
 */
bool ended_first(const struct question *question, struct offer *offer, enum verdict verdict);

void decide_hold(const struct question *question, struct offer *offer);
void decide_change(const struct question *question, struct offer *offer);
void decide_lookup(const struct question *question, struct offer *offer, const struct order *order);

/* The answer to what was committed before, if the request has the same content, else CONFLICT. */
void answer_committed(const struct question *question, const struct order *order);

#endif
