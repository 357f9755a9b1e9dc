/*
 * The inside of a shard, for the files of this room that work on it only.
 */
#ifndef DB_ENGINE_SALE_SHARD_STATE_H
#define DB_ENGINE_SALE_SHARD_STATE_H

#include "engine/base/check.h"
#include "engine/sale/buyers.h"
#include "engine/sale/hash.h"
#include "engine/sale/holds.h"
#include "engine/sale/lookup.h"
#include "engine/sale/offers.h"
#include "engine/sale/orders.h"
#include "engine/sale/shard.h"
#include "engine/sale/spanning.h"
#include "net/wire.h"

/* The lane's clock, set back. */
struct clock_back {
	uint64_t at_ns;
	uint64_t was_ns;
	uint64_t offers_before; /* put on sale before that */
};

/* A SKU of this shard's number that another shard sells. */
struct placed {
	uint64_t sku;
	uint64_t at_ns;
	uint16_t shard;
};

/* A buyer's counts that a sale is bound by: NULL where there is no such limit. */
struct limit_counts {
	struct buyer_count *own; /* of the offer */
	struct buyer_count *group;
};

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
	bool has_groups; /* an offer has one */
	uint16_t prepared_cnt;
	struct arena *arena;
	struct holds holds;
	uint64_t units_written_off;
	struct prepared_table prepared;
	struct links links;
	struct index placed_index;
	struct placed *placed;
	uint64_t placed_cnt;
	uint64_t placed_cnt_max;
	/* In lane order. */
	uint32_t clock_back_cnt;
	struct clock_back clock_backs[CLOCK_RECORDS_MAX];
};
static_assert(offsetof(struct shard, arena) <= (size_t)4 * CACHE_LINE_BYTES,
	      "what requests touch is four lines");

static inline uint64_t shard_offer_hash(const struct shard *shard, uint64_t sku)
{
	return hash_end(&shard->key, hash_sku(&shard->key, sku));
}

static inline uint64_t shard_order_hash(const struct shard *shard, const uint64_t id[2],
					uint64_t sku)
{
	return hash_end(&shard->key,
			hash_sku(&shard->key, sku) + hash_request_id(&shard->key, id[0], id[1]));
}

static inline uint64_t shard_buyer_hash(const struct shard *shard, uint64_t buyer, uint64_t sku)
{
	return hash_end(&shard->key, hash_sku(&shard->key, sku) + hash_buyer(&shard->key, buyer));
}

/* Of a group: no SKU's hash but by chance. */
static inline uint64_t shard_group_hash(const struct shard *shard, uint64_t buyer, uint32_t group)
{
	DCHECK(group > 0);
	return shard_buyer_hash(shard, buyer, ~(uint64_t)group);
}

static inline uint64_t shard_lsn_hash(const struct shard *shard, uint64_t lsn)
{
	return shard_offer_hash(shard, lsn);
}

/* The line of this request that waits for other shards, by its hash, or NULL. */
static inline struct prepared *prepare_find(const struct shard *shard, uint64_t order_hash,
					    const uint64_t id[2], uint64_t sku)
{
	DCHECK(order_hash == shard_order_hash(shard, id, sku));
	return shard->prepared_cnt == 0 ? NULL
					: prepared_find(&shard->prepared, order_hash, id, sku);
}

static inline uint32_t shard_offer_idx(const struct shard *shard, const struct offer *offer)
{
	DCHECK(offer >= shard->offers.list && offer < shard->offers.list + shard->offers.cnt);
	return (uint32_t)(offer - shard->offers.list);
}

/* Adds the hold with this LSN, higher than those before, for the caller to fill in; NULL when full.
 */
static inline struct hold *shard_add_hold(struct shard *shard, uint64_t lsn)
{
	DCHECK(lsn > shard->holds.last_place);
	return holds_have_window(&shard->holds, lsn)
		       ? holds_add(&shard->holds, lsn)
		       : holds_add_other(&shard->holds, shard_lsn_hash(shard, lsn));
}

/* 0: none. Where no offer has one, the terms are not looked at. */
static inline uint32_t offer_group(const struct shard *shard, const struct offer *offer)
{
	DCHECK(shard->has_groups || offer_terms_of(&shard->offers, offer)->group == 0);
	return shard->has_groups ? offer_terms_of(&shard->offers, offer)->group : 0;
}

/* The passes over one key, in this order: lookup.h. */
static inline void key_hash(const struct shard *shard, struct lookup *key, const uint64_t id[2],
			    uint64_t sku)
{
	const hash_sum sum = hash_sku(&shard->key, sku);

	key->offer_hash = hash_end(&shard->key, sum);
	key->order_hash = hash_end(&shard->key, sum + hash_request_id(&shard->key, id[0], id[1]));
	DCHECK(key->offer_hash == shard_offer_hash(shard, sku));
	DCHECK(key->order_hash == shard_order_hash(shard, id, sku));
	key->buyer_hash = 0;
	key->offer = NULL;
	key->count = NULL;
	key->orders_seen = ORDERS_SEEN_NOTHING;
	prefetch(index_home(&shard->offers.index, key->offer_hash));
	prefetch(index_home(&shard->orders.index, key->order_hash));
}

static inline void key_seek(const struct shard *shard, struct lookup *key)
{
	/* The first pass that looks: lookup.h gives the order of the passes. */
	DCHECK(key->offer == NULL && key->orders_seen == ORDERS_SEEN_NOTHING);
	key->offer = offers_guess(&shard->offers, key->offer_hash);
	key->orders_seen = orders_look(&shard->orders, key->order_hash);
}

/* The offer of this SKU, or NULL, whatever passes were made. */
static inline struct offer *key_offer(const struct shard *shard, const struct lookup *key,
				      uint64_t sku)
{
	DCHECK(key->offer_hash == shard_offer_hash(shard, sku));
	if (key->offer != NULL && key->offer->sku == sku)
		return key->offer;
	return offers_find(&shard->offers, key->offer_hash, sku);
}

static inline void key_peek(const struct shard *shard, struct lookup *key, uint64_t sku,
			    uint64_t buyer)
{
	struct offer *offer = key_offer(shard, key, sku);

	key->offer = offer;
	if (offer == NULL || offer->free == 0 || offer->limit_per_buyer == 0)
		return;
	key->buyer_hash = shard_buyer_hash(shard, buyer, sku);
	prefetch(buyers_home(&shard->buyers, key->buyer_hash));
}

static inline void key_look(const struct shard *shard, struct lookup *key, uint64_t buyer)
{
	DCHECK(key->count == NULL);
	if (key->buyer_hash != 0)
		key->count = buyers_prefetch(&shard->buyers, key->buyer_hash, buyer,
					     shard_offer_idx(shard, key->offer));
}

/* These check what the passes found: they return what orders_find and buyers_find would, whatever
 * passes were made. */
static inline const struct order *key_order(const struct shard *shard, const struct lookup *key,
					    const uint64_t id[2], uint32_t offer_idx)
{
	const struct order *order = NULL;

	if (!orders_has_none(&shard->orders, key->order_hash, key->orders_seen))
		order = orders_find(&shard->orders, key->order_hash, id, offer_idx);
	DCHECK(order == orders_find(&shard->orders, key->order_hash, id, offer_idx));
	DCHECK(order == NULL || order->lsn < shard->next_lsn);
	return order;
}

static inline struct buyer_count *key_count(const struct shard *shard, const struct lookup *key,
					    uint64_t sku, uint64_t buyer, uint32_t offer_idx)
{
	DCHECK(key->buyer_hash == 0 || key->buyer_hash == shard_buyer_hash(shard, buyer, sku));
	if (key->count != NULL && buyer_count_holds(key->count, buyer, offer_idx))
		return key->count;
	return buyers_find(&shard->buyers,
			   key->buyer_hash != 0 ? key->buyer_hash
						: shard_buyer_hash(shard, buyer, sku),
			   buyer, offer_idx);
}

/* The buyer's count in a group; `group` is not 0. */
static inline struct buyer_count *group_count(const struct shard *shard, uint64_t buyer,
					      uint32_t group)
{
	DCHECK(group > 0 && group <= GROUP_MAX);
	return buyers_find(&shard->buyers, shard_group_hash(shard, buyer, group), buyer,
			   BUYERS_GROUP | group);
}

/* The buyer's counts that bind a sale of this offer. */
static inline struct limit_counts key_counts(const struct shard *shard, const struct lookup *key,
					     const struct offer *offer, uint64_t sku,
					     uint64_t buyer)
{
	const uint32_t group = offer_group(shard, offer);
	struct limit_counts counts = {NULL, NULL};

	DCHECK(offer->sku == sku);
	DCHECK(key->buyer_hash == 0 || key->buyer_hash == shard_buyer_hash(shard, buyer, sku));
	if (offer->limit_per_buyer > 0)
		counts.own = key_count(shard, key, sku, buyer, shard_offer_idx(shard, offer));
	if (group != 0)
		counts.group = group_count(shard, buyer, group);
	return counts;
}

/* Whether units more would pass a limit. `limit` 0: there is none. */
static inline bool beyond_limit(const struct buyer_count *count, uint32_t limit, uint32_t units)
{
	DCHECK(limit > 0);
	return (uint64_t)buyer_units(count) + units >
	       (limit < BUYER_UNITS_MAX ? limit : BUYER_UNITS_MAX);
}

/* Whether the limits that these counts are of allow so many units more. */
static inline bool counts_allow(const struct shard *shard, const struct offer *offer,
				const struct limit_counts *counts, uint32_t units)
{
	return (counts->own == NULL || !beyond_limit(counts->own, offer->limit_per_buyer, units)) &&
	       (counts->group == NULL ||
		!beyond_limit(counts->group, offer_terms_of(&shard->offers, offer)->group_limit,
			      units));
}

static inline bool counts_have_room(const struct shard *shard, const struct limit_counts *counts)
{
	const uint64_t cnt = (counts->own != NULL && counts->own->units_1 == 0) +
			     (uint64_t)(counts->group != NULL && counts->group->units_1 == 0);

	DCHECK(counts->own == NULL || counts->own != counts->group || counts->own->units_1 == 0);
	return shard->buyers.cnt + cnt <= shard->buyers.cnt_max;
}

static inline void counts_take(struct shard *shard, const struct limit_counts *counts,
			       uint64_t buyer, uint32_t offer_idx, uint32_t units)
{
	if (counts->own != NULL)
		buyers_take(&shard->buyers, counts->own, buyer, offer_idx, units);
	if (counts->group == NULL)
		return;
	/* The first of them may have taken the empty slot that was found for the second. */
	if (!buyer_count_holds(counts->group, buyer,
			       BUYERS_GROUP | shard->offers.terms[offer_idx].group))
		buyers_take(&shard->buyers,
			    group_count(shard, buyer, shard->offers.terms[offer_idx].group), buyer,
			    BUYERS_GROUP | shard->offers.terms[offer_idx].group, units);
	else
		buyers_take(&shard->buyers, counts->group, buyer,
			    BUYERS_GROUP | shard->offers.terms[offer_idx].group, units);
}

/* What the log keeps of a record's flags. */
static inline uint32_t order_flags(const struct record *record)
{
	const bool was_prepared =
		record->kind == RECORD_ORDER && (record->flags & RECORD_WAS_PREPARED) != 0;

	return (record->flags & (record->kind == RECORD_CONFIRM ? 7U : 3U)) |
	       (was_prepared ? SNAPSHOT_WAS_PREPARED : 0U) |
	       ((record->flags & RECORD_BASKET_GOES_ON) != 0 ? SNAPSHOT_BASKET_GOES_ON : 0U);
}

/* The record of a request as the tables keep it, with these flags. */
static inline struct record record_of_order(const struct shard *shard, const struct order *order,
					    uint8_t flags)
{
	return (struct record){
		.kind = (uint8_t)order->kind,
		.flags = flags,
		.quantity = order->quantity,
		.channel = order->channel,
		.at_ns = order->at_ns,
		.sku = shard->offers.list[order->offer_idx].sku,
		.unit_price = order->unit_price,
		.order = {.request_id = {order->request_id[0], order->request_id[1]},
			  .buyer = order->buyer,
			  .max_price = order->max_price},
	};
}

/* A request as the tables keep it, of the record that is LSN next_lsn. */
static inline struct order order_of_record(const struct shard *shard, const struct record *record,
					   uint32_t offer_idx)
{
	DCHECK(offer_idx < shard->offers.cnt);
	DCHECK(record->sku == shard->offers.list[offer_idx].sku);
	return (struct order){
		.request_id = {record->order.request_id[0], record->order.request_id[1]},
		.buyer = record->order.buyer,
		.max_price = record->order.max_price,
		.unit_price = record->unit_price,
		.at_ns = record->at_ns,
		.lsn = shard->next_lsn,
		.quantity = record->quantity,
		.offer_idx = offer_idx,
		.kind = record->kind,
		.flags = order_flags(record),
		.channel = record->channel,
	};
}

/* The record is applied: the next one follows. */
static inline void shard_end_record(struct shard *shard, const struct record *record)
{
	DCHECK(shard->next_lsn <= LSN_MAX);
	shard->next_lsn++;
	shard->last_at_ns = record->at_ns;
}

/*
 * Commits an ORDER record as LSN next_lsn: the one place where free stock becomes sold, for decide
 * and for recovery alike. The caller has checked stock, limits and room.
 */
static inline void shard_commit_order(struct shard *shard, const struct record *record,
				      struct offer *offer, const struct limit_counts *counts,
				      uint64_t order_hash)
{
	const uint32_t offer_idx = shard_offer_idx(shard, offer);
	struct order *order = orders_add(&shard->orders, order_hash);

	DCHECK(record->kind == RECORD_ORDER && record->sku == offer->sku);
	DCHECK(record->quantity > 0 && record->quantity <= offer->free);
	DCHECK((counts->own != NULL) == (offer->limit_per_buyer > 0));
	DCHECK(order != NULL && shard->next_lsn <= LSN_MAX);
	/* Between two orders time goes back only where the clock was set back. */
	DCHECK(record->at_ns >= shard->last_at_ns || shard->clock_back_cnt > 0);
	*order = order_of_record(shard, record, offer_idx);
	counts_take(shard, counts, record->order.buyer, offer_idx, record->quantity);
	DCHECK(counts->own == NULL || buyer_units(counts->own) <= offer->limit_per_buyer);
	DCHECK(order == shard->orders.log || order[-1].lsn < order->lsn);
	DCHECK(orders_find(&shard->orders, order_hash, record->order.request_id, offer_idx) ==
	       order);
	offer->free -= record->quantity;
	offer->sold += record->quantity;
	DCHECK(offer_conserved(&shard->offers, offer));
	shard->units_sold += record->quantity;
	DCHECK(shard->units_held + shard->units_sold <= shard->units_stocked);
	shard_end_record(shard, record);
}

#endif
