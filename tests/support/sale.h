/*
 * sale: a shard and requests for the unit tests.
 */
#ifndef DB_TESTS_SUPPORT_SALE_H
#define DB_TESTS_SUPPORT_SALE_H

#include "engine/sale/decide.h"
#include "engine/sale/shard.h"

/* A shard 0 of 1 with room for orders and buyers each, and these offers on sale. */
struct shard *sale_open(uint64_t room, const struct record *offers, uint32_t offer_cnt);

/* An OFFER record, open from the beginning and never closing. */
struct record sale_offer(uint64_t sku, uint32_t stock, uint64_t unit_price, uint32_t limit);

/* A BUY of one unit at any price. */
struct wire_request sale_buy(uint64_t id, uint64_t buyer, uint64_t sku);

/* Decides at now_ns with room in the journal; the record goes to *record if that isn't NULL. */
struct decision sale_decide(struct shard *shard, uint64_t now_ns,
			    const struct wire_request *request, struct record *record);

/* The same of a request that was asked at asked_ns, or is stale. */
struct decision sale_decide_asked(struct shard *shard, uint64_t now_ns, uint64_t asked_ns,
				  const struct wire_request *request, struct record *record);

#endif
