/*
 * The inside of a shard, for shard.c, shard_apply.c and decide.c only.
 */
#ifndef DB_ENGINE_SHARD_STATE_H
#define DB_ENGINE_SHARD_STATE_H

#include "engine/buyers.h"
#include "engine/hash.h"
#include "engine/offers.h"
#include "engine/orders.h"
#include "engine/shard.h"

struct shard {
	/* Touched by every request, together. */
	struct offers offers;
	struct orders orders;
	struct buyers buyers;
	struct hash_key key;
	uint64_t next_lsn;
	uint64_t last_at_ns;
	uint64_t units_stocked; /* sums over the offers, kept as they change */
	uint64_t units_held;
	uint64_t units_sold;
	uint16_t lane;
	uint16_t shards;
	struct arena *arena;
};

static inline uint64_t shard_offer_hash(const struct shard *shard, uint64_t sku)
{
	return hash_2(&shard->key, sku, 0);
}

static inline uint64_t shard_order_hash(const struct shard *shard, const uint64_t id[2],
					uint64_t sku)
{
	return hash_3(&shard->key, id[0], id[1], sku);
}

static inline uint64_t shard_buyer_hash(const struct shard *shard, uint64_t buyer, uint64_t sku)
{
	return hash_2(&shard->key, buyer, sku);
}

static inline uint32_t shard_offer_idx(const struct shard *shard, const struct offer *offer)
{
	return (uint32_t)(offer - shard->offers.slots);
}

/*
 * Commits an ORDER record as LSN next_lsn: the one place where stock becomes sold, for decide and
 * for recovery alike. The caller has made sure of stock, limit and room; count is the buyer's slot,
 * NULL for an offer without a limit.
 */
static inline void shard_commit_order(struct shard *shard, const struct record *record,
				      struct offer *offer, struct buyer_count *count,
				      uint64_t order_hash)
{
	const uint32_t offer_idx = shard_offer_idx(shard, offer);
	struct order *order = orders_add(&shard->orders, order_hash);

	*order = (struct order){
		.request_id = {record->order.request_id[0], record->order.request_id[1]},
		.buyer = record->order.buyer,
		.max_price = record->order.max_price,
		.unit_price = record->unit_price,
		.at_ns = record->at_ns,
		.lsn = shard->next_lsn,
		.quantity = record->quantity,
		.offer_idx = offer_idx,
		.channel = record->channel,
	};
	if (count != NULL)
		buyers_take(&shard->buyers, count, record->order.buyer, offer_idx,
			    record->quantity);
	offer->free -= record->quantity;
	offer->sold += record->quantity;
	shard->units_sold += record->quantity;
	shard->next_lsn++;
	shard->last_at_ns = record->at_ns;
}

#endif
