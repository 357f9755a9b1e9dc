#include "engine/sale/shard.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "engine/base/check.h"
#include "engine/base/relaxed.h"
#include "engine/sale/shard_state.h"

uint64_t shard_bytes(const struct shard_size *size)
{
	return sizeof(struct shard) + offers_bytes(size->offer_cnt) +
	       orders_bytes(size->order_cnt) + buyers_bytes(size->buyer_cnt);
}

int shard_open(struct shard **out, uint16_t lane, uint16_t shards, const struct shard_size *size)
{
	struct arena *arena = NULL;
	int rc = arena_open(&arena);

	CHECK(lane < shards && shards <= SHARDS_MAX);
	if (rc != 0)
		return rc;

	struct shard *shard = arena_alloc(arena, sizeof(*shard));

	rc = -ENOMEM;
	if (shard == NULL)
		goto fail;
	*shard = (struct shard){.lane = lane, .shards = shards, .next_lsn = 1, .arena = arena};
	rc = getrandom(&shard->key, sizeof(shard->key), 0) == sizeof(shard->key) ? 0 : -errno;
	if (rc == 0)
		rc = offers_open(&shard->offers, arena, size->offer_cnt);
	if (rc == 0)
		rc = orders_open(&shard->orders, arena, size->order_cnt);
	if (rc == 0)
		rc = buyers_open(&shard->buyers, arena, size->buyer_cnt);
	if (rc != 0)
		goto fail;
	*out = shard;
	return 0;
fail:
	arena_close(arena);
	return rc;
}

void shard_close(struct shard *shard)
{
	if (shard != NULL)
		arena_close(shard->arena);
}

void shard_clear(struct shard *shard)
{
	offers_clear(&shard->offers);
	orders_clear(&shard->orders);
	buyers_clear(&shard->buyers);
	shard->next_lsn = 1;
	shard->last_at_ns = 0;
	shard->units_stocked = 0;
	shard->units_held = 0;
	shard->units_sold = 0;
	shard->clock_back_cnt = 0;
}

void shard_sums(const struct shard *shard, struct shard_sums *sums)
{
	*sums = (struct shard_sums){
		.offers = relaxed_u64(&shard->offers.cnt),
		.orders = relaxed_u64(&shard->orders.cnt),
		.orders_max = shard->orders.cnt_max,
		.units_stocked = relaxed_u64(&shard->units_stocked),
		.units_held = relaxed_u64(&shard->units_held),
		.units_sold = relaxed_u64(&shard->units_sold),
	};
	sums->units_free = sums->units_stocked - sums->units_held - sums->units_sold;
}

void shard_totals(const struct shard *shard, struct shard_totals *totals)
{
	const struct offers *offers = &shard->offers;
	const struct orders *orders = &shard->orders;
	/* Without memory for one count an offer, only the sums are compared. */
	uint64_t *ordered = calloc(offers->cnt + 1, sizeof(*ordered));
	uint64_t ordered_sum = 0;

	*totals = (struct shard_totals){.offers = offers->cnt, .orders = orders->cnt};
	for (uint64_t i = 0; i < orders->cnt; i++) {
		CHECK(orders->log[i].offer_idx < offers->cnt);
		ordered_sum += orders->log[i].quantity;
		if (ordered != NULL)
			ordered[orders->log[i].offer_idx] += orders->log[i].quantity;
	}
	for (uint64_t i = 0; i < offers->cnt; i++) {
		const struct offer *offer = &offers->list[i];

		totals->units_stocked += offer->stock;
		totals->units_free += offer->free;
		totals->units_held += offer->held;
		totals->units_sold += offer->sold;
		if (offer_conserved(offer) && (ordered == NULL || offer->sold == ordered[i]))
			continue;
		if (totals->offers_broken++ == 0)
			totals->first_broken_sku = offer->sku;
	}
	totals->offers_broken +=
		totals->offers_broken == 0 && (totals->units_sold != ordered_sum ||
					       totals->units_stocked != shard->units_stocked ||
					       totals->units_held != shard->units_held ||
					       totals->units_sold != shard->units_sold);
	free(ordered);
}

bool shard_check(const struct shard *shard, uint64_t *cursor, unsigned cnt)
{
	const struct offers *offers = &shard->offers;

	DCHECK(shard->units_held + shard->units_sold <= shard->units_stocked);
	for (unsigned i = 0; i < cnt && i < offers->cnt; i++) {
		*cursor = *cursor + 1 < offers->cnt ? *cursor + 1 : 0;
		if (!offer_conserved(&offers->list[*cursor]))
			return false;
	}
	return true;
}

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
};

static void hash_add(struct shard_hash *sum, enum hash_seed seed, const void *data, size_t bytes)
{
	const XXH128_hash_t hash = XXH3_128bits_withSeed(data, bytes, seed);

	shard_hash_add(sum, (struct shard_hash){.low = hash.low64, .high = hash.high64});
}

static void hash_orders(const struct shard *shard, struct shard_hash *sum)
{
	for (uint64_t i = 0; i < shard->orders.cnt; i++) {
		const struct order *order = &shard->orders.log[i];

		CHECK(order->offer_idx < shard->offers.cnt);
		CHECK(i == 0 || order[-1].lsn < order->lsn);

		const struct hashed_order hashed = {
			.order_id = order_id_of(shard->lane, order->lsn),
			.record = {.kind = RECORD_ORDER,
				   .quantity = order->quantity,
				   .channel = order->channel,
				   .at_ns = order->at_ns,
				   .sku = shard->offers.list[order->offer_idx].sku,
				   .unit_price = order->unit_price,
				   .order = {.request_id = {order->request_id[0],
							    order->request_id[1]},
					     .buyer = order->buyer,
					     .max_price = order->max_price}},
		};

		hash_add(sum, HASH_SEED_ORDER, &hashed, sizeof(hashed));
	}
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
	}
	for (uint64_t i = 0; i < shard->clock_back_cnt; i++) {
		const struct clock_back *back = &shard->clock_backs[i];
		const uint64_t hashed[] = {i, back->at_ns, back->was_ns, back->offers_before};

		hash_add(&sum, HASH_SEED_CLOCK, hashed, sizeof(hashed));
	}
	hash_orders(shard, &sum);
	for (uint64_t i = 0; i < shard->buyers.bucket_cnt; i++) {
		for (unsigned k = 0; k < BUYER_BUCKET_SLOTS; k++) {
			const struct buyer_count *count = &shard->buyers.buckets[i].counts[k];

			if (count->units == 0)
				continue;
			CHECK(count->offer_idx < shard->offers.cnt);
			buyer_cnt++;

			const struct hashed_buyer hashed = {
				.buyer = count->buyer,
				.sku = shard->offers.list[count->offer_idx].sku,
				.units = count->units,
			};

			hash_add(&sum, HASH_SEED_BUYER, &hashed, sizeof(hashed));
		}
	}
	CHECK(buyer_cnt == shard->buyers.cnt);
	return sum;
}

uint16_t shard_owner(const struct shard *shard, uint64_t sku)
{
	return wire_shard_of(sku, shard->shards);
}

uint64_t shard_next_lsn(const struct shard *shard)
{
	return shard->next_lsn;
}

uint64_t shard_last_at_ns(const struct shard *shard)
{
	return shard->last_at_ns;
}

uint64_t shard_entries(const struct shard *shard)
{
	return shard->offers.cnt + shard->clock_back_cnt;
}

uint32_t shard_clock_backs(const struct shard *shard)
{
	return shard->clock_back_cnt;
}

struct arena_bytes shard_memory(const struct shard *shard)
{
	return arena_bytes(shard->arena);
}

struct arena_stats shard_arena_stats(const struct shard *shard)
{
	return arena_stats(shard->arena);
}

static void view_offer(const struct offer *offer, struct offer_view *out)
{
	*out = (struct offer_view){
		.sku = offer->sku,
		.unit_price = offer->unit_price,
		.opens_at_ns = offer->opens_at_ns,
		.closes_at_ns = offer->closes_at_ns,
		.stock = offer->stock,
		.free = offer->free,
		.held = offer->held,
		.sold = offer->sold,
		.limit_per_buyer = offer->limit_per_buyer,
		.hold_seconds = offer->hold_seconds,
	};
}

bool shard_find_offer(const struct shard *shard, uint64_t sku, struct offer_view *out)
{
	const struct offer *offer = offers_find(&shard->offers, shard_offer_hash(shard, sku), sku);

	if (offer == NULL)
		return false;
	/* The table never holds offers of other shards' SKUs. */
	DCHECK(shard_owner(shard, sku) == shard->lane);
	view_offer(offer, out);
	return true;
}

void shard_offer_at(const struct shard *shard, uint64_t idx, struct offer_view *out)
{
	CHECK(idx < shard->offers.cnt);
	view_offer(&shard->offers.list[idx], out);
}
