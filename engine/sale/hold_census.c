#include "engine/sale/hold_census.h"

#include "engine/base/check.h"
#include "engine/base/relaxed.h"
#include "engine/sale/shard_state.h"

/* What the census needs of a hold, read once each. */
struct seen_hold {
	uint64_t lsn;
	uint64_t at_ns;
	uint64_t ends_at_ns;
	uint32_t offer_idx;
	uint16_t held;
	uint8_t state;
};

/* The owner may write to the hold meanwhile: volatile, so that nothing is read twice. */
static struct seen_hold look_at(const volatile struct hold *hold)
{
	return (struct seen_hold){
		.lsn = hold->order.lsn,
		.at_ns = hold->order.at_ns,
		.ends_at_ns = hold->ends_at_ns,
		.offer_idx = hold->order.offer_idx,
		.held = hold->held,
		.state = hold->state,
	};
}

/* Its place among the SKUs that are named, which it gets if it has more units than the last of
 * them. NULL: it has fewer. */
static struct census_sku *place_of(struct hold_census *census, uint64_t sku, uint64_t held_units)
{
	struct census_sku *last = census->skus + census->sku_cnt;

	DCHECK(census->sku_cnt <= CENSUS_SKUS_MAX);
	for (uint32_t i = 0; i < census->sku_cnt; i++) {
		if (census->skus[i].sku == sku)
			return &census->skus[i];
	}
	if (census->sku_cnt == CENSUS_SKUS_MAX) {
		last--;
		if (last->held_units >= held_units)
			return NULL;
	} else {
		census->sku_cnt++;
	}
	/* Sorted: what was seen of one that is pushed out is of no use any more, as there are
	 * enough that have more units. */
	while (last > census->skus && last[-1].held_units < held_units) {
		*last = last[-1];
		last--;
	}
	*last = (struct census_sku){
		.sku = sku, .held_units = held_units, .oldest_at_ns = UINT64_MAX};
	return last;
}

static void count(const struct shard *shard, uint64_t now_ns, const struct seen_hold *hold,
		  struct hold_census *census)
{
	const enum hold_age age = hold_age_of(hold->at_ns, hold->ends_at_ns, now_ns);
	const struct offer *offer = &shard->offers.list[hold->offer_idx];
	struct census_sku *place =
		place_of(census, relaxed_u64(&offer->sku), relaxed_u32(&offer->held));

	DCHECK(hold->offer_idx < shard->offers.cnt_max && age < HOLD_AGES);
	census->ages[age].holds++;
	census->ages[age].units += hold->held;
	if (place == NULL)
		return;
	place->holds++;
	if (hold->at_ns < place->oldest_at_ns)
		place->oldest_at_ns = hold->at_ns;
}

void hold_census_take(const struct shard *shard, uint64_t now_ns, uint64_t holds_max,
		      struct hold_census *out)
{
	/* Entries whose record is applied are whole; the newest may just be filled in. */
	const uint64_t next_lsn = __atomic_load_n(&shard->next_lsn, __ATOMIC_ACQUIRE);
	const uint64_t open_cnt = relaxed_u64(&shard->holds.open_cnt);
	const uint64_t offer_cnt = relaxed_u64(&shard->offers.cnt);
	const uint64_t cnt = relaxed_u64(&shard->holds.cnt);
	const uint64_t first = cnt > holds_max ? cnt - holds_max : 0;
	uint64_t found_cnt = 0;

	*out = (struct hold_census){0};
	for (uint64_t i = cnt; i > first && found_cnt < open_cnt; i--) {
		const struct seen_hold hold = look_at(&shard->holds.list[i - 1]);

		if (hold.state != HOLD_OPEN || hold.lsn == 0 || hold.lsn >= next_lsn ||
		    hold.offer_idx >= offer_cnt)
			continue;
		found_cnt++;
		count(shard, now_ns, &hold, out);
	}
	DCHECK(found_cnt <= open_cnt && out->sku_cnt <= CENSUS_SKUS_MAX);
	/* If all were looked at, those that are missing have ended meanwhile. */
	out->unseen = first > 0 ? open_cnt - found_cnt : 0;
}
