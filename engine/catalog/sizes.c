#include "engine/catalog/sizes.h"

void catalog_sizes_add(struct catalog_sizes *sizes, const struct catalog_offer *offer)
{
	const uint32_t counts = (offer->limit_per_buyer > 0) + (offer->group > 0);

	sizes->offer_cnt++;
	sizes->stock += offer->stock;
	sizes->count_stock += (uint64_t)counts * offer->stock;
	if (counts > sizes->counts_max)
		sizes->counts_max = counts;
	if (offer->hold_seconds == 0)
		return;
	sizes->hold_stock += offer->stock;
	sizes->holds_count |= counts > 0;
}

static uint64_t at_least(uint64_t value, uint64_t least)
{
	return value > least ? value : least;
}

static uint64_t at_most(uint64_t value, uint64_t most)
{
	return value < most ? value : most;
}

/* A share of a stock, but of any stock at least HOLDS_AT_LEAST. */
static uint64_t share_of(uint64_t stock, uint64_t times, uint64_t of)
{
	return stock > 0 ? at_least(stock * times / of, HOLDS_AT_LEAST) : 0;
}

struct shard_size catalog_sizes_shard(const struct catalog_sizes *sizes, uint64_t order_max,
				      uint64_t hold_max, const struct shard_size *had)
{
	const uint64_t returns = share_of(sizes->stock, 1, UNITS_A_RETURN);
	uint64_t holds = share_of(sizes->hold_stock, HOLDS_A_UNIT, 1);
	struct shard_size size = {.offer_cnt = sizes->offer_cnt};
	uint64_t counted;

	size.order_cnt = at_least(sizes->stock, had->order_cnt) + returns;
	if (order_max > 0)
		size.order_cnt = at_most(size.order_cnt, order_max);
	size.order_cnt = at_least(size.order_cnt, had->order_cnt);

	size.hold_cnt = at_least(holds, had->hold_cnt) + returns;
	size.change_cnt = at_least(CHANGES_A_HOLD * holds, had->change_cnt) + returns;
	if (hold_max > 0) {
		/* Where nothing can be held, more than what comes back is of no use. */
		size.hold_cnt = holds > 0 ? hold_max : at_most(returns, hold_max);
		size.change_cnt = CHANGES_A_HOLD * size.hold_cnt;
	}
	size.hold_cnt = at_least(size.hold_cnt, had->hold_cnt);
	size.change_cnt = at_least(size.change_cnt, had->change_cnt);
	if (sizes->spans)
		size.link_cnt =
			at_least(size.order_cnt / ORDERS_A_LINK + size.hold_cnt / HOLDS_A_LINK,
				 had->link_cnt + had->link_cnt / 8 + LINKS_AT_LEAST);
	size.link_cnt = at_least(size.link_cnt, had->link_cnt);

	/* A buyer's count stays when his holds end or his units come back. */
	if (holds > 0)
		holds = size.hold_cnt;
	counted = sizes->count_stock;
	if (sizes->counts_max > 0)
		counted += sizes->counts_max * (returns + (sizes->holds_count ? holds : 0));
	size.buyer_cnt = at_most(counted, sizes->counts_max * (size.order_cnt + holds));
	return size;
}
