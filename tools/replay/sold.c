#include "tools/replay/sold.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

enum {
	SAVE_CNT = 1024,
};

static int compare_u64(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int by_sku_time(const void *a, const void *b)
{
	const struct sold_order *one = a;
	const struct sold_order *two = b;
	const int skus = compare_u64(one->sku, two->sku);

	return skus != 0 ? skus : compare_u64(one->at_ns, two->at_ns);
}

static int by_sku_buyer(const void *a, const void *b)
{
	const struct sold_buyer *one = a;
	const struct sold_buyer *two = b;
	const int skus = compare_u64(one->sku, two->sku);

	return skus != 0 ? skus : compare_u64(one->buyer, two->buyer);
}

static int by_sku(const void *a, const void *b)
{
	return compare_u64(((const struct sold_sku *)a)->sku, ((const struct sold_sku *)b)->sku);
}

static void take_offers(struct sold *sold, const struct shard *shard, uint64_t cnt,
			uint64_t first_ns)
{
	for (uint64_t i = 0; i < cnt; i++) {
		struct offer_view offer;

		shard_offer_at(shard, i, &offer);
		sold->skus[sold->sku_cnt++] = (struct sold_sku){
			.sku = offer.sku,
			.unit_price = offer.unit_price,
			.stock = offer.stock,
			.left = offer.free,
			.held = offer.held,
			.has_opening = offer.opens_at_ns > 0,
			.opened_ns = offer.opens_at_ns > 0 ? offer.opens_at_ns : first_ns,
		};
	}
}

static uint32_t quantity_of(const struct snapshot_order *order)
{
	return (uint32_t)(order->lsn_quantity & ((1U << QUANTITY_BITS) - 1));
}

typedef void take_fn(void *context, const struct shard *shard, const struct snapshot_order *order,
		     uint64_t at_ns, uint32_t units);

/* Each order of a shard of which units are sold: the bought ones as they were, those of which units
 * came back and those that were held by what the buyer has now. */
static void for_each_sold(const struct shard *shard, take_fn *take, void *context)
{
	struct shard_totals totals;
	union {
		struct snapshot_order orders[SAVE_CNT];
		struct snapshot_hold holds[SAVE_CNT];
	} saved;

	shard_totals(shard, &totals);
	for (uint64_t first = 0; first < totals.orders; first += SAVE_CNT) {
		const uint64_t left = totals.orders - first;
		const uint32_t cnt = (uint32_t)(left < SAVE_CNT ? left : SAVE_CNT);

		shard_save_orders(shard, first, cnt, saved.orders);
		for (uint32_t i = 0; i < cnt; i++) {
			const struct snapshot_order *order = &saved.orders[i];

			if ((order->offer >> SNAPSHOT_FLAGS_SHIFT & SNAPSHOT_CHANGED) == 0)
				take(context, shard, order, order->at_ns, quantity_of(order));
		}
	}
	for (uint64_t first = 0; first < totals.holds; first += SAVE_CNT) {
		const uint64_t left = totals.holds - first;
		const uint32_t cnt = (uint32_t)(left < SAVE_CNT ? left : SAVE_CNT);

		shard_save_holds(shard, first, cnt, saved.holds);
		for (uint32_t i = 0; i < cnt; i++) {
			const struct snapshot_hold *hold = &saved.holds[i];

			if (hold->state == HOLD_SOLD && hold->sold > 0)
				take(context, shard, &hold->order, hold->sold_at_ns, hold->sold);
		}
	}
}

static void take_order(void *context, const struct shard *shard, const struct snapshot_order *order,
		       uint64_t at_ns, uint32_t units)
{
	struct sold *sold = context;
	struct offer_view offer;

	shard_offer_at(shard, order->offer & ((1U << SNAPSHOT_OFFER_BITS) - 1), &offer);
	sold->orders[sold->order_cnt++] = (struct sold_order){
		.sku = offer.sku,
		.at_ns = at_ns,
		.buyer = order->buyer,
		.unit_price = order->unit_price,
		.channel = order->channel,
		.quantity = units,
	};
}

static void count_hold(struct sold_holds *sum, const struct snapshot_hold *hold)
{
	const bool late = (hold->order.offer >> SNAPSHOT_FLAGS_SHIFT & CONFIRM_LATE) != 0;

	sum->returned += hold->returned;
	sum->written_off += hold->written_off;
	/* A bought order of which units came back. */
	if (hold->ends_at_ns == 0)
		return;
	sum->made++;
	sum->paid += hold->state == HOLD_SOLD && !late;
	sum->paid_late += hold->state == HOLD_SOLD && late;
	sum->refunded += hold->state == HOLD_REFUNDED;
	sum->released += hold->state == HOLD_GONE;
	sum->ran_out += hold->state == HOLD_RAN_OUT;
	sum->open += hold->state == HOLD_OPEN;
}

void sold_add_holds(struct sold_holds *sum, const struct shard *shard)
{
	struct snapshot_hold saved[SAVE_CNT];
	struct shard_totals totals;

	shard_totals(shard, &totals);
	for (uint64_t first = 0; first < totals.holds; first += SAVE_CNT) {
		const uint64_t left = totals.holds - first;
		const uint32_t cnt = (uint32_t)(left < SAVE_CNT ? left : SAVE_CNT);

		shard_save_holds(shard, first, cnt, saved);
		for (uint32_t i = 0; i < cnt; i++)
			count_hold(sum, &saved[i]);
	}
}

/* From orders to buyers: one entry a (SKU, buyer). */
static void count_buyers(struct sold *sold)
{
	uint64_t kept = 0;

	for (uint64_t i = 0; i < sold->order_cnt; i++)
		sold->buyers[i] = (struct sold_buyer){.sku = sold->orders[i].sku,
						      .buyer = sold->orders[i].buyer,
						      .units = sold->orders[i].quantity};
	qsort(sold->buyers, sold->order_cnt, sizeof(sold->buyers[0]), by_sku_buyer);
	for (uint64_t i = 0; i < sold->order_cnt; i++) {
		const struct sold_buyer *buyer = &sold->buyers[i];

		if (kept > 0 && by_sku_buyer(&sold->buyers[kept - 1], buyer) == 0)
			sold->buyers[kept - 1].units += buyer->units;
		else
			sold->buyers[kept++] = *buyer;
	}
	sold->buyer_cnt = kept;
}

static void sum_up(struct sold *sold)
{
	uint64_t order = 0;
	uint64_t buyer = 0;

	for (uint64_t i = 0; i < sold->sku_cnt; i++) {
		struct sold_sku *sku = &sold->skus[i];

		sku->first = order;
		for (; order < sold->order_cnt && sold->orders[order].sku == sku->sku; order++) {
			sku->units += sold->orders[order].quantity;
			sku->revenue += sold_revenue(&sold->orders[order]);
		}
		sku->order_cnt = order - sku->first;
		if (sku->left + sku->held == 0 && sku->order_cnt > 0)
			sku->sold_out_ns = sold->orders[order - 1].at_ns;
		for (; buyer < sold->buyer_cnt && sold->buyers[buyer].sku == sku->sku; buyer++)
			sku->buyer_cnt++;
		sold->total.stock += sku->stock;
		sold->total.units += sku->units;
		sold->total.left += sku->left;
		sold->total.revenue += sku->revenue;
	}
	CHECK(order == sold->order_cnt && buyer == sold->buyer_cnt);
	sold->total.order_cnt = sold->order_cnt;
}

static int by_number(const void *a, const void *b)
{
	return compare_u64(*(const uint64_t *)a, *(const uint64_t *)b);
}

/* Counts the buyers of all SKUs. */
static int count_persons(struct sold *sold)
{
	uint64_t *buyers = malloc((sold->buyer_cnt + 1) * sizeof(*buyers));

	if (buyers == NULL)
		return -ENOMEM;
	for (uint64_t i = 0; i < sold->buyer_cnt; i++)
		buyers[i] = sold->buyers[i].buyer;
	qsort(buyers, sold->buyer_cnt, sizeof(*buyers), by_number);
	for (uint64_t i = 0; i < sold->buyer_cnt; i++)
		sold->total.buyer_cnt += i == 0 || buyers[i] != buyers[i - 1];
	free(buyers);
	return 0;
}

static int by_channel(const void *a, const void *b)
{
	const struct sold_order *one = *(const struct sold_order *const *)a;
	const struct sold_order *two = *(const struct sold_order *const *)b;

	return one->channel < two->channel ? -1 : one->channel > two->channel;
}

static int by_channel_id(const void *a, const void *b)
{
	const struct sold_channel *one = a;
	const struct sold_channel *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

static uint64_t count_different(const struct sold_order *const *sorted, uint64_t cnt)
{
	uint64_t different = 0;

	for (uint64_t i = 0; i < cnt; i++)
		different += i == 0 || sorted[i]->channel != sorted[i - 1]->channel;
	return different;
}

int sold_take_channels(const struct sold_order *orders, uint64_t cnt, struct sold_channel **out,
		       uint64_t *out_cnt)
{
	const struct sold_order **sorted = malloc((cnt + 1) * sizeof(*sorted));
	struct sold_channel *channels = NULL;
	uint64_t taken = 0;

	if (sorted != NULL) {
		for (uint64_t i = 0; i < cnt; i++)
			sorted[i] = &orders[i];
		qsort(sorted, cnt, sizeof(*sorted), by_channel);
		channels = calloc(count_different(sorted, cnt) + 1, sizeof(*channels));
	}
	if (channels == NULL) {
		free(sorted);
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < cnt; i++) {
		struct sold_channel *channel;

		taken += i == 0 || sorted[i]->channel != sorted[i - 1]->channel;
		channel = &channels[taken - 1];
		channel->id = sorted[i]->channel;
		channel->order_cnt++;
		channel->units += sorted[i]->quantity;
		channel->revenue += sold_revenue(sorted[i]);
	}
	free(sorted);
	*out = channels;
	*out_cnt = taken;
	return 0;
}

int sold_take(struct sold *sold, const struct offline *engine, uint16_t shards, uint64_t first_ns)
{
	uint64_t orders = 0;
	uint64_t offers = 0;
	struct shard_totals totals;

	*sold = (struct sold){0};
	for (uint16_t i = 0; i < shards; i++) {
		shard_totals(offline_shard(engine, i), &totals);
		orders += totals.orders + totals.holds;
		offers += totals.offers;
	}
	sold->orders = malloc((orders + 1) * sizeof(*sold->orders));
	sold->buyers = malloc((orders + 1) * sizeof(*sold->buyers));
	sold->skus = malloc((offers + 1) * sizeof(*sold->skus));
	if (sold->orders == NULL || sold->buyers == NULL || sold->skus == NULL) {
		sold_free(sold);
		return -ENOMEM;
	}
	for (uint16_t i = 0; i < shards; i++) {
		const struct shard *shard = offline_shard(engine, i);

		shard_totals(shard, &totals);
		take_offers(sold, shard, totals.offers, first_ns);
		for_each_sold(shard, take_order, sold);
		sold_add_holds(&sold->holds, shard);
	}
	qsort(sold->orders, sold->order_cnt, sizeof(*sold->orders), by_sku_time);
	qsort(sold->skus, sold->sku_cnt, sizeof(*sold->skus), by_sku);
	count_buyers(sold);
	sum_up(sold);
	if (count_persons(sold) == 0 &&
	    sold_take_channels(sold->orders, sold->order_cnt, &sold->channels,
			       &sold->channel_cnt) == 0)
		return 0;
	sold_free(sold);
	return -ENOMEM;
}

static void add_revenue(void *context, const struct shard *shard,
			const struct snapshot_order *order, uint64_t at_ns, uint32_t units)
{
	minor_units *revenue = context;

	(void)shard;
	(void)at_ns;
	*revenue += (minor_units)order->unit_price * units;
}

minor_units sold_revenue_of(const struct shard *shard)
{
	minor_units revenue = 0;

	for_each_sold(shard, add_revenue, &revenue);
	return revenue;
}

void sold_free(struct sold *sold)
{
	free(sold->orders);
	free(sold->buyers);
	free(sold->skus);
	free(sold->channels);
	*sold = (struct sold){0};
}

const struct sold_sku *sold_find(const struct sold *sold, uint64_t sku)
{
	const struct sold_sku wanted = {.sku = sku};

	return bsearch(&wanted, sold->skus, sold->sku_cnt, sizeof(*sold->skus), by_sku);
}

const struct sold_channel *sold_find_channel(const struct sold *sold, uint32_t id)
{
	const struct sold_channel wanted = {.id = id};

	return sold->channel_cnt > 0 ? bsearch(&wanted, sold->channels, sold->channel_cnt,
					       sizeof(*sold->channels), by_channel_id)
				     : NULL;
}

/* Units of the orders from *at on that came at or before an instant; *at goes after them. */
static uint64_t units_until(const struct sold_order *orders, uint64_t cnt, uint64_t *at,
			    uint64_t until_ns)
{
	uint64_t units = 0;

	for (; *at < cnt && orders[*at].at_ns <= until_ns; (*at)++)
		units += orders[*at].quantity;
	return units;
}

bool sold_same_curve(const struct sold *one, const struct sold_sku *sku, const struct sold *other,
		     const struct sold_sku *other_sku)
{
	const struct sold_order *a = one->orders + sku->first;
	const struct sold_order *b = other->orders + other_sku->first;
	uint64_t a_idx = 0;
	uint64_t b_idx = 0;

	if (sku->stock != other_sku->stock || sku->units != other_sku->units)
		return false;
	while (a_idx < sku->order_cnt && b_idx < other_sku->order_cnt) {
		const uint64_t at_ns =
			a[a_idx].at_ns < b[b_idx].at_ns ? a[a_idx].at_ns : b[b_idx].at_ns;

		if (units_until(a, sku->order_cnt, &a_idx, at_ns) !=
		    units_until(b, other_sku->order_cnt, &b_idx, at_ns))
			return false;
	}
	/* None is left, as both sold as many units. */
	return true;
}

/* The first of a SKU's buyers. */
static const struct sold_buyer *buyers_of(const struct sold *sold, uint64_t sku)
{
	uint64_t low = 0;
	uint64_t high = sold->buyer_cnt;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (sold->buyers[middle].sku < sku)
			low = middle + 1;
		else
			high = middle;
	}
	return sold->buyers + low;
}

void sold_compare_buyers(const struct sold *one, const struct sold *other, uint64_t sku,
			 uint64_t *more, uint64_t *fewer)
{
	const struct sold_buyer *a = buyers_of(one, sku);
	const struct sold_buyer *b = buyers_of(other, sku);
	const struct sold_buyer *a_end = one->buyers + one->buyer_cnt;
	const struct sold_buyer *b_end = other->buyers + other->buyer_cnt;

	*more = *fewer = 0;
	for (;;) {
		const bool has_a = a < a_end && a->sku == sku;
		const bool has_b = b < b_end && b->sku == sku;

		if (!has_a && !has_b)
			return;
		if (has_a && (!has_b || a->buyer < b->buyer)) {
			(*more)++;
			a++;
		} else if (has_b && (!has_a || b->buyer < a->buyer)) {
			(*fewer)++;
			b++;
		} else {
			*more += a->units > b->units;
			*fewer += a->units < b->units;
			a++;
			b++;
		}
	}
}
