/*
 * The hash of a shard's state.
 */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/check.h"
#include "engine/sale/prepare.h"
#include "engine/sale/shard_state.h"

/* What is hashed: one form for each order, without padding, independent of slots and table sizes.
 */
struct hashed_order {
	uint64_t order_id;
	struct record record;
};

static_assert(sizeof(struct hashed_order) == sizeof(uint64_t) + RECORD_BYTES, "no padding");

struct hashed_buyer {
	uint64_t buyer;
	uint64_t sku;
	uint64_t units;
};
static_assert(sizeof(struct hashed_buyer) == 3 * sizeof(uint64_t), "no padding");

enum hash_seed {
	HASH_SEED_LANE = 1,
	HASH_SEED_OFFER,
	HASH_SEED_ORDER,
	HASH_SEED_BUYER,
	HASH_SEED_CLOCK,
	HASH_SEED_TERMS,
	HASH_SEED_HOLD,
	HASH_SEED_GROUP,
	HASH_SEED_PLACED,
	HASH_SEED_LINK,
	HASH_SEED_PREPARED,
};

static void hash_add(struct shard_hash *sum, enum hash_seed seed, const void *data, size_t bytes)
{
	const XXH128_hash_t hash = XXH3_128bits_withSeed(data, bytes, seed);

	shard_hash_add(sum, (struct shard_hash){.low = hash.low64, .high = hash.high64});
}

static void hash_order(const struct shard *shard, const struct order *order, struct shard_hash *sum)
{
	CHECK(order->offer_idx < shard->offers.cnt);

	const struct hashed_order hashed = {
		.order_id = order_id_of(shard->lane, order->lsn),
		.record = record_of_order(shard, order, (uint8_t)order->flags),
	};

	hash_add(sum, HASH_SEED_ORDER, &hashed, sizeof(hashed));
}

static void hash_orders(const struct shard *shard, struct shard_hash *sum)
{
	for (uint64_t i = 0; i < shard->orders.cnt; i++) {
		CHECK(i == 0 || shard->orders.log[i - 1].lsn < shard->orders.log[i].lsn);
		hash_order(shard, &shard->orders.log[i], sum);
	}
	for (uint64_t i = 0; i < shard->orders.change_cnt; i++)
		hash_order(shard, &shard->orders.changes[i], sum);
	for (uint64_t i = 0; i < shard->holds.cnt; i++) {
		const struct hold *hold = &shard->holds.list[i];
		struct snapshot_hold state;

		/* A bought one is in the log, too. */
		if (hold->order.kind == RECORD_HOLD)
			hash_order(shard, &hold->order, sum);
		shard_save_holds(shard, i, 1, &state);
		/* Its number there depends on the order in which SKUs were put on sale only. */
		hash_add(sum, HASH_SEED_HOLD, &state, sizeof(state));
	}
}

static void hash_spanning(const struct shard *shard, struct shard_hash *sum)
{
	for (uint64_t i = 0; i < shard->links.cnt; i++) {
		CHECK(i == 0 || shard->links.list[i - 1].lsn < shard->links.list[i].lsn);
		hash_add(sum, HASH_SEED_LINK, &shard->links.list[i], sizeof(shard->links.list[i]));
	}
	for (uint32_t i = prepare_next(shard, 0); i < PREPARED_MAX;
	     i = prepare_next(shard, i + 1)) {
		const struct prepared *prepared = prepare_at(shard, i);
		const struct snapshot_prepared hashed = {.record = prepared->record,
							 .lsn = prepared->lsn};

		hash_add(sum, HASH_SEED_PREPARED, &hashed, sizeof(hashed));
	}
}

/* What older states have nothing of adds nothing: their hashes stay. */
static void hash_terms(const struct shard *shard, uint64_t idx, struct shard_hash *sum)
{
	const struct terms *terms = &shard->offers.terms[idx];
	const uint64_t hashed[] = {shard->offers.list[idx].sku, terms->written_off, terms->group,
				   terms->group_limit,          terms->extend,      terms->placed};

	if ((terms->written_off | terms->group | terms->group_limit | terms->extend) != 0 ||
	    terms->placed)
		hash_add(sum, HASH_SEED_TERMS, hashed, sizeof(hashed));
}

static void hash_count(const struct shard *shard, const struct buyer_count *count,
		       struct shard_hash *sum)
{
	const bool of_group = (count->offer_idx & BUYERS_GROUP) != 0;
	struct hashed_buyer hashed = {
		.buyer = count->buyer,
		.sku = count->offer_idx & ~BUYERS_GROUP,
		.units = buyer_units(count),
	};

	CHECK(of_group || count->offer_idx < shard->offers.cnt);
	if (!of_group)
		hashed.sku = shard->offers.list[count->offer_idx].sku;
	if (hashed.units > 0)
		hash_add(sum, of_group ? HASH_SEED_GROUP : HASH_SEED_BUYER, &hashed,
			 sizeof(hashed));
}

struct shard_hash shard_hash(const struct shard *shard)
{
	const uint64_t lane[] = {shard->lane, shard->shards, shard->next_lsn, shard->last_at_ns};
	struct shard_hash sum = {0, 0};
	uint64_t buyer_cnt = 0;

	CHECK(shard->clock_back_cnt <= CLOCK_RECORDS_MAX);
	hash_add(&sum, HASH_SEED_LANE, lane, sizeof(lane));
	for (uint64_t i = 0; i < shard->offers.cnt; i++) {
		struct offer_view view;

		shard_offer_at(shard, i, &view);
		hash_add(&sum, HASH_SEED_OFFER, &view, sizeof(view));
		hash_terms(shard, i, &sum);
	}
	for (uint64_t i = 0; i < shard->placed_cnt; i++) {
		const uint64_t hashed[] = {shard->placed[i].sku, shard->placed[i].at_ns,
					   shard->placed[i].shard};

		hash_add(&sum, HASH_SEED_PLACED, hashed, sizeof(hashed));
	}
	for (uint64_t i = 0; i < shard->clock_back_cnt; i++) {
		const struct clock_back *back = &shard->clock_backs[i];
		const uint64_t hashed[] = {i, back->at_ns, back->was_ns, back->offers_before};

		hash_add(&sum, HASH_SEED_CLOCK, hashed, sizeof(hashed));
	}
	hash_orders(shard, &sum);
	hash_spanning(shard, &sum);
	for (uint64_t i = 0; i < shard->buyers.bucket_cnt; i++) {
		for (unsigned k = 0; k < BUYER_BUCKET_SLOTS; k++) {
			const struct buyer_count *count = &shard->buyers.buckets[i].counts[k];

			if (count->units_1 == 0)
				continue;
			buyer_cnt++;
			hash_count(shard, count, &sum);
		}
	}
	CHECK(buyer_cnt == shard->buyers.cnt);
	return sum;
}
