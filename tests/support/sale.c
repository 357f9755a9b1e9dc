#include "tests/support/sale.h"

#include "engine/base/check.h"

struct shard *sale_open(uint64_t room, const struct record *offers, uint32_t offer_cnt)
{
	const struct shard_size size = {
		.offer_cnt = offer_cnt + 1,
		.order_cnt = room,
		.buyer_cnt = room,
	};
	struct shard *shard = NULL;
	const char *why = NULL;

	CHECK(shard_open(&shard, 0, 1, &size) == 0);
	for (uint32_t i = 0; i < offer_cnt; i++)
		CHECK(shard_apply(shard, i + 1, &offers[i], &why) == 0);
	return shard;
}

struct record sale_offer(uint64_t sku, uint32_t stock, uint64_t unit_price, uint32_t limit)
{
	return (struct record){
		.kind = RECORD_OFFER,
		.at_ns = 1,
		.sku = sku,
		.unit_price = unit_price,
		.offer = {.stock = stock, .limit_per_buyer = limit, .closes_at_ns = INSTANT_NEVER},
	};
}

struct wire_request sale_buy(uint64_t id, uint64_t buyer, uint64_t sku)
{
	return (struct wire_request){
		.id = {id, ~id},
		.buyer = buyer,
		.sku = sku,
		.quantity = 1,
		.op = WIRE_OP_BUY,
	};
}

struct decision sale_decide(struct shard *shard, uint64_t now_ns,
			    const struct wire_request *request, struct record *record)
{
	return sale_decide_asked(shard, now_ns, now_ns, request, record);
}

struct decision sale_decide_asked(struct shard *shard, uint64_t now_ns, uint64_t asked_ns,
				  const struct wire_request *request, struct record *record)
{
	struct lookup key;
	struct decision decision;
	struct record slot;

	lookup_all(shard, request, &key, 1);
	decide(shard, now_ns, asked_ns, request, &key, &slot, &decision);
	if (record != NULL && decision.committed)
		*record = slot;
	return decision;
}
