/*
 * How a record becomes state: records of the lane one by one, entries of a checkpoint in batches,
 * with the same checks.
 */
#include <errno.h>

#include "engine/base/check.h"
#include "engine/sale/shard_state.h"

enum {
	/* Orders whose passes are made together (lookup.h): a pass over them takes as long as
	 * memory takes to arrive. */
	BATCH_CNT = 64,
};

static int bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static int apply_offer(struct shard *shard, const struct record *record, const char **why)
{
	const uint64_t hash = shard_offer_hash(shard, record->sku);

	if (wire_shard_of(record->sku, shard->shards) != shard->lane)
		return bad(why, "offer of a SKU that belongs to another shard");
	if (offers_find(&shard->offers, hash, record->sku) != NULL)
		return bad(why, "SKU put on sale twice");

	struct offer *offer = offers_add(&shard->offers, hash, record->sku);

	if (offer == NULL) {
		*why = "more offers than the table was made for";
		return -ENOSPC;
	}
	offer->unit_price = record->unit_price;
	offer->opens_at_ns = record->offer.opens_at_ns;
	offer->closes_at_ns = record->offer.closes_at_ns;
	offer->stock = record->offer.stock;
	offer->free = record->offer.stock;
	DCHECK(offer_conserved(offer));
	shard->units_stocked += record->offer.stock;
	offer->limit_per_buyer = record->offer.limit_per_buyer;
	offer->hold_seconds = record->offer.hold_seconds;
	offer->added_at_ns = record->at_ns;
	shard->next_lsn++;
	shard->last_at_ns = record->at_ns;
	return 0;
}

static int apply_clock(struct shard *shard, const struct record *record, const char **why)
{
	const uint64_t *reserved = record->clock.reserved;

	if (record->at_ns >= record->clock.was_ns || record->clock.was_ns < shard->last_at_ns)
		return bad(why, "clock set back to an instant that is not earlier");
	if ((record->quantity | record->channel | record->sku | record->unit_price | reserved[0] |
	     reserved[1] | reserved[2]) != 0)
		return bad(why, "clock set back with reserved bytes in use");
	if (shard->clock_back_cnt == CLOCK_RECORDS_MAX) {
		*why = "clock set back more often than the table was made for";
		return -ENOSPC;
	}
	shard->clock_backs[shard->clock_back_cnt++] = (struct clock_back){
		.at_ns = record->at_ns,
		.was_ns = record->clock.was_ns,
		.offers_before = shard->offers.cnt,
	};
	/* shard_save_offers needs this to find its place among the offers. */
	DCHECK(shard->clock_back_cnt == 1 ||
	       shard->clock_backs[shard->clock_back_cnt - 2].offers_before <= shard->offers.cnt);
	shard->next_lsn++;
	shard->last_at_ns = record->at_ns;
	return 0;
}

/* Everything that decide checked when it committed this order must hold again. */
static int apply_order(struct shard *shard, const struct record *record, const struct lookup *key,
		       const char **why)
{
	struct offer *offer = key_offer(shard, key, record->sku);

	if (offer == NULL)
		return bad(why, "order of a SKU that was never put on sale");
	if (record->quantity == 0)
		return bad(why, "order of no units");
	if (record->quantity > offer->free)
		return bad(why, "order of more units than are free");
	if (record->at_ns < offer->opens_at_ns || record->at_ns >= offer->closes_at_ns)
		return bad(why, "order while the offer was not open");
	if (record->unit_price != offer->unit_price)
		return bad(why, "order at another price than the offer's");
	if (record->order.max_price != 0 && record->unit_price > record->order.max_price)
		return bad(why, "order above the highest price the buyer named");
	if ((record->order.request_id[0] | record->order.request_id[1]) == 0)
		return bad(why, "order without a request id");

	const uint32_t offer_idx = shard_offer_idx(shard, offer);

	if (key_order(shard, key, record->order.request_id, offer_idx) != NULL)
		return bad(why, "request committed twice");

	struct buyer_count *count = NULL;
	*why = "more orders than the tables were made for";
	if (shard->orders.cnt == shard->orders.cnt_max)
		return -ENOSPC;
	if (offer->limit_per_buyer > 0) {
		count = key_count(shard, key, record->sku, record->order.buyer, offer_idx);
		if (!buyers_have_room(&shard->buyers, count))
			return -ENOSPC;
		if ((uint64_t)count->units + record->quantity > offer->limit_per_buyer)
			return bad(why, "order beyond the limit per buyer");
	}
	shard_commit_order(shard, record, offer, count, key->order_hash);
	return 0;
}

static int apply(struct shard *shard, uint64_t lsn, const struct record *record,
		 const struct lookup *key, const char **why)
{
	*why = "";
	DCHECK(shard->next_lsn > 0);
	if (lsn != shard->next_lsn)
		return bad(why, "LSN out of order");
	if (record->at_ns < shard->last_at_ns && record->kind != RECORD_CLOCK)
		return bad(why, "lane clock runs backwards");
	if (record->flags != 0)
		return bad(why, "record with unknown flags");
	switch (record->kind) {
	case RECORD_OFFER:
		return apply_offer(shard, record, why);
	case RECORD_ORDER:
		return apply_order(shard, record, key, why);
	case RECORD_CLOCK:
		return apply_clock(shard, record, why);
	default:
		return bad(why, "record of unknown kind");
	}
}

int shard_apply(struct shard *shard, uint64_t lsn, const struct record *record, const char **why)
{
	const uint64_t next_lsn = shard->next_lsn;
	struct lookup key;

	key_hash(shard, &key, record->order.request_id, record->sku);

	const int rc = apply(shard, lsn, record, &key, why);

	CHECK(shard->next_lsn == next_lsn + (rc == 0));
	CHECK(rc != 0 || shard->last_at_ns == record->at_ns);
	return rc;
}

/* All passes over records of any kind, at most BATCH_CNT. */
static void look_ahead(const struct shard *shard, const struct record *records, struct lookup *keys,
		       uint32_t cnt)
{
	CHECK(cnt > 0 && cnt <= BATCH_CNT);
	for (uint32_t i = 0; i < cnt; i++)
		key_hash(shard, &keys[i], records[i].order.request_id, records[i].sku);
	for (uint32_t i = 0; i < cnt; i++)
		key_seek(shard, &keys[i]);
	for (uint32_t i = 0; i < cnt; i++)
		key_peek(shard, &keys[i], records[i].sku, records[i].order.buyer);
	for (uint32_t i = 0; i < cnt; i++)
		key_look(shard, &keys[i], records[i].order.buyer);
}

int shard_apply_many(struct shard *shard, uint64_t lsn, const struct record *records, uint32_t cnt,
		     uint32_t *applied, const char **why)
{
	struct lookup keys[BATCH_CNT];

	*why = "";
	for (*applied = 0; *applied < cnt; (*applied)++) {
		const uint32_t i = *applied;
		int rc;

		if (i > 0 && records[i].kind == RECORD_CLOCK)
			return bad(why, "clock set back within a block");
		if (i % BATCH_CNT == 0)
			look_ahead(shard, &records[i], keys,
				   cnt - i < BATCH_CNT ? cnt - i : BATCH_CNT);
		rc = apply(shard, lsn + i, &records[i], &keys[i % BATCH_CNT], why);
		if (rc != 0)
			return rc;
	}
	CHECK(cnt == 0 || shard->next_lsn == lsn + cnt);
	return 0;
}

static struct record offer_record(const struct offer *offer)
{
	/* An offer's record does not say what is held: a hold needs an entry of its own. */
	CHECK(offer->held == 0);
	CHECK(offer_conserved(offer));
	return (struct record){
		.kind = RECORD_OFFER,
		.at_ns = offer->added_at_ns,
		.sku = offer->sku,
		.unit_price = offer->unit_price,
		.offer = {.stock = offer->stock,
			  .limit_per_buyer = offer->limit_per_buyer,
			  .opens_at_ns = offer->opens_at_ns,
			  .closes_at_ns = offer->closes_at_ns,
			  .hold_seconds = offer->hold_seconds},
	};
}

static struct record clock_record(const struct clock_back *back)
{
	CHECK(back->at_ns < back->was_ns);
	return (struct record){
		.kind = RECORD_CLOCK, .at_ns = back->at_ns, .clock = {.was_ns = back->was_ns}};
}

void shard_save_offers(const struct shard *shard, uint64_t first, uint32_t cnt, struct record *out)
{
	const struct clock_back *backs = shard->clock_backs;
	uint32_t back = 0;

	CHECK(first + cnt <= shard_entries(shard));
	while (back < shard->clock_back_cnt && backs[back].offers_before + back < first)
		back++;
	for (uint32_t i = 0; i < cnt; i++) {
		const uint64_t offer = first + i - back;

		if (back < shard->clock_back_cnt && backs[back].offers_before == offer)
			out[i] = clock_record(&backs[back++]);
		else
			out[i] = offer_record(&shard->offers.list[offer]);
		CHECK(first + i + 1 - back <= shard->offers.cnt);
	}
}

void shard_save_orders(const struct shard *shard, uint64_t first, uint32_t cnt,
		       struct snapshot_order *out)
{
	CHECK(first + cnt <= shard->orders.cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct order *order = &shard->orders.log[first + i];

		CHECK(order->quantity > 0 && order->offer_idx < shard->offers.cnt);
		CHECK(order->lsn > 0 && order->lsn < shard->next_lsn);
		out[i] = (struct snapshot_order){
			.request_id = {order->request_id[0], order->request_id[1]},
			.buyer = order->buyer,
			.max_price = order->max_price,
			.unit_price = order->unit_price,
			.at_ns = order->at_ns,
			.lsn_quantity = (uint64_t)order->lsn << QUANTITY_BITS | order->quantity,
			.offer = order->offer_idx,
			.channel = order->channel,
		};
	}
}

int shard_load_offers(struct shard *shard, const struct record *offers, uint32_t cnt,
		      const char **why)
{
	CHECK(shard->orders.cnt == 0);
	for (uint32_t i = 0; i < cnt; i++) {
		int rc;

		if (offers[i].kind == RECORD_CLOCK)
			rc = apply_clock(shard, &offers[i], why);
		else if (offers[i].kind == RECORD_OFFER)
			rc = apply_offer(shard, &offers[i], why);
		else
			return bad(why, "something else among its offers");
		if (rc != 0)
			return rc;
	}
	/* The entry has no LSN, and orders may have come before it: each order's entry has its own
	 * LSN. */
	shard->next_lsn = 1;
	shard->last_at_ns = 0;
	return 0;
}

/* Whether an instant is before the last one, in a lane whose clock was never set back. */
static bool falls(const struct shard *shard, uint64_t at_ns)
{
	return at_ns < shard->last_at_ns && shard->clock_back_cnt == 0;
}

static int load_batch(struct shard *shard, const struct snapshot_order *orders, uint32_t cnt,
		      const char **why)
{
	struct record records[BATCH_CNT];
	struct lookup keys[BATCH_CNT];

	CHECK(cnt > 0 && cnt <= BATCH_CNT);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct snapshot_order *order = &orders[i];

		if (order->offer >= shard->offers.cnt)
			return bad(why, "order of a SKU that was never put on sale");
		records[i] = (struct record){
			.kind = RECORD_ORDER,
			.quantity = (uint16_t)order->lsn_quantity,
			.channel = order->channel,
			.at_ns = order->at_ns,
			.sku = shard->offers.list[order->offer].sku,
			.unit_price = order->unit_price,
			.order = {.request_id = {order->request_id[0], order->request_id[1]},
				  .buyer = order->buyer,
				  .max_price = order->max_price},
		};
	}
	look_ahead(shard, records, keys, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		const uint64_t lsn = orders[i].lsn_quantity >> QUANTITY_BITS;
		int rc;

		if (lsn < shard->next_lsn || falls(shard, records[i].at_ns))
			return bad(why, "orders that are not in lane order");
		shard->next_lsn = lsn;
		rc = apply_order(shard, &records[i], &keys[i], why);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int shard_load_orders(struct shard *shard, const struct snapshot_order *orders, uint32_t cnt,
		      const char **why)
{
	for (uint32_t i = 0; i < cnt; i += BATCH_CNT) {
		const uint32_t left = cnt - i;
		const int rc =
			load_batch(shard, orders + i, left < BATCH_CNT ? left : BATCH_CNT, why);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int shard_load_end(struct shard *shard, uint64_t next_lsn, uint64_t last_at_ns, const char **why)
{
	if (next_lsn < shard->next_lsn || falls(shard, last_at_ns))
		return bad(why, "orders after its end");
	shard->next_lsn = next_lsn;
	shard->last_at_ns = last_at_ns;
	return 0;
}
