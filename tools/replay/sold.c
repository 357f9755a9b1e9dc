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

static void take_offers(struct sold *sold, const struct shard *shard, uint64_t cnt)
{
	for (uint64_t i = 0; i < cnt; i++) {
		struct offer_view offer;

		shard_offer_at(shard, i, &offer);
		sold->skus[sold->sku_cnt++] = (struct sold_sku){
			.sku = offer.sku, .stock = offer.stock, .left = offer.free};
	}
}

static void take_orders(struct sold *sold, const struct shard *shard, uint64_t cnt)
{
	struct snapshot_order saved[SAVE_CNT];

	for (uint64_t first = 0; first < cnt; first += SAVE_CNT) {
		const uint64_t left = cnt - first;
		const uint32_t got = (uint32_t)(left < SAVE_CNT ? left : SAVE_CNT);

		shard_save_orders(shard, first, got, saved);
		for (uint32_t i = 0; i < got; i++) {
			struct offer_view offer;

			shard_offer_at(shard, saved[i].offer, &offer);
			sold->orders[sold->order_cnt++] = (struct sold_order){
				.sku = offer.sku,
				.at_ns = saved[i].at_ns,
				.buyer = saved[i].buyer,
				.channel = saved[i].channel,
				.quantity = (uint32_t)(saved[i].lsn_quantity &
						       ((1U << QUANTITY_BITS) - 1)),
			};
		}
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
		for (; order < sold->order_cnt && sold->orders[order].sku == sku->sku; order++)
			sku->units += sold->orders[order].quantity;
		sku->order_cnt = order - sku->first;
		if (sku->left == 0 && sku->order_cnt > 0)
			sku->sold_out_ns = sold->orders[order - 1].at_ns;
		for (; buyer < sold->buyer_cnt && sold->buyers[buyer].sku == sku->sku; buyer++)
			sku->buyer_cnt++;
	}
	CHECK(order == sold->order_cnt && buyer == sold->buyer_cnt);
}

int sold_take(struct sold *sold, const struct offline *engine, uint16_t shards)
{
	uint64_t orders = 0;
	uint64_t offers = 0;
	struct shard_totals totals;

	*sold = (struct sold){0};
	for (uint16_t i = 0; i < shards; i++) {
		shard_totals(offline_shard(engine, i), &totals);
		orders += totals.orders;
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
		take_offers(sold, shard, totals.offers);
		take_orders(sold, shard, totals.orders);
	}
	qsort(sold->orders, sold->order_cnt, sizeof(*sold->orders), by_sku_time);
	qsort(sold->skus, sold->sku_cnt, sizeof(*sold->skus), by_sku);
	count_buyers(sold);
	sum_up(sold);
	return 0;
}

void sold_free(struct sold *sold)
{
	free(sold->orders);
	free(sold->buyers);
	free(sold->skus);
	*sold = (struct sold){0};
}

const struct sold_sku *sold_find(const struct sold *sold, uint64_t sku)
{
	const struct sold_sku wanted = {.sku = sku};

	return bsearch(&wanted, sold->skus, sold->sku_cnt, sizeof(*sold->skus), by_sku);
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
