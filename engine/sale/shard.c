#include "engine/sale/shard.h"

#include <errno.h>
#include <sys/random.h>

#include "engine/base/check.h"
#include "engine/base/relaxed.h"
#include "engine/sale/shard_state.h"

/* Up to which LSN holds are found without a hash. Each record has an entry in one of the tables, or
 * ends holds; but those of baskets over several shards that came to nothing are without a bound. */
static uint64_t windows_up_to(const struct shard_size *size)
{
	return 2 * (size->offer_cnt + size->placed_cnt + size->order_cnt + 2 * size->hold_cnt +
		    size->change_cnt + size->link_cnt);
}

uint64_t shard_bytes(const struct shard_size *size)
{
	return sizeof(struct shard) + offers_bytes(size->offer_cnt) +
	       orders_bytes(size->order_cnt, size->hold_cnt, size->change_cnt) +
	       holds_bytes(size->hold_cnt, windows_up_to(size), size->offer_cnt) +
	       buyers_bytes(size->buyer_cnt) + links_bytes(size->link_cnt) + prepare_bytes() +
	       index_bytes(index_buckets_for(size->placed_cnt)) +
	       (size->placed_cnt + 1) * sizeof(struct placed);
}

static int placed_open(struct shard *shard, uint64_t cnt_max)
{
	shard->placed_cnt_max = cnt_max;
	shard->placed = arena_alloc(shard->arena, (cnt_max + 1) * sizeof(*shard->placed));
	if (shard->placed == NULL)
		return -ENOMEM;
	return index_open(&shard->placed_index, shard->arena, index_buckets_for(cnt_max));
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
		rc = orders_open(&shard->orders, arena, size->order_cnt, size->hold_cnt,
				 size->change_cnt);
	if (rc == 0)
		rc = holds_open(&shard->holds, arena, size->hold_cnt, windows_up_to(size),
				&shard->offers);
	if (rc == 0)
		rc = prepare_open(&shard->prepared, arena);
	if (rc == 0)
		rc = links_open(&shard->links, arena, size->link_cnt);
	if (rc == 0)
		rc = placed_open(shard, size->placed_cnt);
	if (rc == 0)
		rc = buyers_open(&shard->buyers, arena, size->buyer_cnt);
	if (rc != 0)
		goto fail;
	shard->orders.holds = shard->holds.list;
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

void shard_sums(const struct shard *shard, struct shard_sums *sums)
{
	*sums = (struct shard_sums){
		.offers = relaxed_u64(&shard->offers.cnt),
		.orders = relaxed_u64(&shard->orders.cnt),
		.orders_max = relaxed_u64(&shard->orders.cnt_max),
		.holds = relaxed_u64(&shard->holds.cnt),
		.holds_max = relaxed_u64(&shard->holds.cnt_max),
		.open_holds = relaxed_u64(&shard->holds.open_cnt),
		.changes = relaxed_u32(&shard->orders.change_cnt),
		.changes_max = relaxed_u32(&shard->orders.change_cnt_max),
		.links = relaxed_u64(&shard->links.cnt),
		.links_max = shard->links.cnt_max,
		.prepared = relaxed_u16(&shard->prepared_cnt),
		.units_stocked = relaxed_u64(&shard->units_stocked),
		.units_held = relaxed_u64(&shard->units_held),
		.units_sold = relaxed_u64(&shard->units_sold),
		.units_written_off = relaxed_u64(&shard->units_written_off),
	};
	sums->units_free =
		sums->units_stocked - sums->units_held - sums->units_sold - sums->units_written_off;
}

bool shard_check(const struct shard *shard, uint64_t *cursor, unsigned cnt)
{
	const struct offers *offers = &shard->offers;

	DCHECK(shard->units_held + shard->units_sold + shard->units_written_off <=
	       shard->units_stocked);
	for (unsigned i = 0; i < cnt && i < offers->cnt; i++) {
		*cursor = *cursor + 1 < offers->cnt ? *cursor + 1 : 0;
		if (!offer_conserved(offers, &offers->list[*cursor]))
			return false;
	}
	return true;
}

uint16_t shard_owner(const struct shard *shard, uint64_t sku)
{
	const uint64_t hash = shard_offer_hash(shard, sku);
	struct index_search search;
	uint32_t number;

	if (offers_find(&shard->offers, hash, sku) != NULL)
		return shard->lane;
	search = index_search(&shard->placed_index, hash);
	while (shard->placed_cnt > 0 && index_next(&shard->placed_index, &search, &number)) {
		if (shard->placed[number].sku == sku)
			return shard->placed[number].shard;
	}
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
	return shard->offers.cnt + shard->clock_back_cnt + shard->placed_cnt;
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
	view_offer(offer, out);
	return true;
}

void shard_offer_at(const struct shard *shard, uint64_t idx, struct offer_view *out)
{
	CHECK(idx < shard->offers.cnt);
	view_offer(&shard->offers.list[idx], out);
}

void shard_terms_at(const struct shard *shard, uint64_t idx, struct offer_terms *out)
{
	const struct terms *terms = &shard->offers.terms[idx];

	CHECK(idx < shard->offers.cnt);
	*out = (struct offer_terms){
		.group = terms->group,
		.group_limit = terms->group_limit,
		.extend_seconds = terms->extend >> EXTENSIONS_BITS,
		.extensions = terms->extend & EXTENSIONS_MAX,
		.written_off = terms->written_off,
		.placed = terms->placed,
	};
}

void shard_hold_at(const struct shard *shard, uint64_t idx, struct hold_view *out)
{
	const struct hold *hold = &shard->holds.list[idx];

	CHECK(idx < shard->holds.cnt);
	*out = (struct hold_view){
		.order_id = order_id_of(shard->lane, hold->order.lsn),
		.sku = shard->offers.list[hold->order.offer_idx].sku,
		.buyer = hold->order.buyer,
		.unit_price = hold->order.unit_price,
		.held_at_ns = hold->order.at_ns,
		.ends_at_ns = hold->ends_at_ns,
		.channel = hold->order.channel,
		.quantity = (uint16_t)hold->order.quantity,
		.held = hold->held,
		.sold = hold->sold,
		.returned = hold->returned,
		.written_off = hold->written_off,
		.state = hold->state,
		.extensions = hold->extensions,
		.bought = hold->order.kind == RECORD_ORDER,
	};
}

uint64_t shard_changed_lsn(const struct shard *shard, uint64_t lsn)
{
	const struct hold *hold = NULL;

	if (shard->holds.cnt > 0)
		hold = holds_find(&shard->holds, shard_lsn_hash(shard, lsn), lsn);
	return hold != NULL ? hold->last_lsn : lsn;
}
