/*
 * Sums over all tables of a shard, to prove that it conserves its units; and how it is made empty.
 */
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/sale/prepare.h"
#include "engine/sale/shard_state.h"

void shard_clear(struct shard *shard)
{
	prepare_forget(shard);
	shard->links.cnt = 0;
	offers_clear(&shard->offers);
	orders_clear(&shard->orders);
	holds_clear(&shard->holds, &shard->offers);
	buyers_clear(&shard->buyers);
	index_clear(&shard->placed_index);
	shard->placed_cnt = 0;
	shard->has_groups = false;
	shard->next_lsn = 1;
	shard->last_at_ns = 0;
	shard->units_stocked = 0;
	shard->units_held = 0;
	shard->units_sold = 0;
	shard->units_written_off = 0;
	shard->clock_back_cnt = 0;
}

/* What the orders and holds of an offer say of its units. */
struct offer_sum {
	uint64_t held;
	uint64_t sold;
	uint64_t written_off;
};

/* Adds up what the orders and holds say, by offer. sums[0] alone if of_all. */
static void add_up(const struct shard *shard, bool of_all, struct offer_sum *sums,
		   struct shard_totals *totals)
{
	for (uint64_t i = 0; i < shard->orders.cnt; i++) {
		const struct order *order = &shard->orders.log[i];

		CHECK(order->offer_idx < shard->offers.cnt);
		if ((order->flags & SNAPSHOT_CHANGED) == 0)
			sums[of_all ? 0 : order->offer_idx].sold += order->quantity;
	}
	for (uint64_t i = 0; i < shard->holds.cnt; i++) {
		const struct hold *hold = &shard->holds.list[i];
		struct offer_sum *sum;

		CHECK(hold->order.offer_idx < shard->offers.cnt);
		sum = &sums[of_all ? 0 : hold->order.offer_idx];
		sum->held += hold->held;
		sum->sold += hold->sold;
		sum->written_off += hold->written_off;
		totals->open_holds += hold->state == HOLD_OPEN;
	}
	for (uint32_t i = prepare_next(shard, 0); i < PREPARED_MAX;
	     i = prepare_next(shard, i + 1)) {
		sums[of_all ? 0 : prepare_offer_idx(shard, i)].held += prepare_units(shard, i);
		totals->units_prepared += prepare_units(shard, i);
	}
}

static bool offer_adds_up(const struct shard *shard, uint64_t idx, const struct offer_sum *sum)
{
	const struct offer *offer = &shard->offers.list[idx];

	return offer_conserved(&shard->offers, offer) &&
	       (sum == NULL || (sum->held == offer->held && sum->sold == offer->sold &&
				sum->written_off == shard->offers.terms[idx].written_off));
}

void shard_totals(const struct shard *shard, struct shard_totals *totals)
{
	const struct offers *offers = &shard->offers;
	/* Without memory for one sum an offer, only the sums of all are compared. */
	struct offer_sum *by_offer = calloc(offers->cnt + 1, sizeof(*by_offer));
	struct offer_sum all = {0};

	*totals = (struct shard_totals){
		.offers = offers->cnt,
		.orders = shard->orders.cnt,
		.holds = shard->holds.cnt,
		.changes = shard->orders.change_cnt,
		.links = shard->links.cnt,
		.prepared = shard->prepared_cnt,
	};
	add_up(shard, by_offer == NULL, by_offer != NULL ? by_offer : &all, totals);
	for (uint64_t i = 0; i < offers->cnt; i++) {
		const struct offer *offer = &offers->list[i];
		const struct offer_sum *sum = by_offer != NULL ? &by_offer[i] : NULL;

		totals->units_stocked += offer->stock;
		totals->units_free += offer->free;
		totals->units_held += offer->held;
		totals->units_sold += offer->sold;
		totals->units_written_off += offers->terms[i].written_off;
		if (sum != NULL) {
			all.held += sum->held;
			all.sold += sum->sold;
			all.written_off += sum->written_off;
		}
		if (offer_adds_up(shard, i, sum))
			continue;
		if (totals->offers_broken++ == 0)
			totals->first_broken_sku = offer->sku;
	}
	totals->offers_broken +=
		totals->offers_broken == 0 &&
		(totals->units_sold != all.sold || totals->units_held != all.held ||
		 totals->units_written_off != all.written_off ||
		 totals->open_holds != shard->holds.open_cnt ||
		 totals->units_stocked != shard->units_stocked ||
		 totals->units_held != shard->units_held ||
		 totals->units_written_off != shard->units_written_off ||
		 totals->units_sold != shard->units_sold);
	free(by_offer);
}
