#include "engine/orders.h"

#include <errno.h>
#include <string.h>

#include "engine/check.h"

/* Buckets are three quarters full at the most: few orders overflow, and a search stays short. */
static uint64_t buckets_for(uint64_t cnt_max)
{
	return cnt_max * 4 / (ORDER_BUCKET_SLOTS * 3) + 2;
}

uint64_t orders_bytes(uint64_t cnt_max)
{
	return buckets_for(cnt_max) * sizeof(struct order_bucket) +
	       (cnt_max + 1) * sizeof(struct order);
}

int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max)
{
	CHECK(cnt_max <= UINT32_MAX);
	*orders = (struct orders){.bucket_cnt = buckets_for(cnt_max), .cnt_max = cnt_max};
	orders->buckets = arena_alloc(arena, orders->bucket_cnt * sizeof(struct order_bucket));
	orders->log = arena_alloc(arena, (cnt_max + 1) * sizeof(struct order));
	return orders->buckets == NULL || orders->log == NULL ? -ENOMEM : 0;
}

void orders_clear(struct orders *orders)
{
	memset(orders->buckets, 0, orders->bucket_cnt * sizeof(*orders->buckets));
	orders->cnt = 0;
}

const struct order *orders_find(const struct orders *orders, uint64_t hash,
				const uint64_t request_id[2], uint32_t offer_idx)
{
	const uint16_t tag = (uint16_t)hash;
	uint64_t idx = hash_range(hash, orders->bucket_cnt);

	for (;;) {
		const struct order_bucket *bucket = &orders->buckets[idx];

		for (unsigned slot = 0; slot < bucket->cnt; slot++) {
			if (bucket->tags[slot] != tag)
				continue;

			const struct order *order = &orders->log[bucket->order_idx[slot]];

			if (order->request_id[0] == request_id[0] &&
			    order->request_id[1] == request_id[1] && order->offer_idx == offer_idx)
				return order;
		}
		if (bucket->overflowed == 0)
			return NULL;
		if (++idx == orders->bucket_cnt)
			idx = 0;
	}
}

struct order *orders_add(struct orders *orders, uint64_t hash)
{
	uint64_t idx = hash_range(hash, orders->bucket_cnt);

	if (orders->cnt == orders->cnt_max)
		return NULL;
	while (orders->buckets[idx].cnt == ORDER_BUCKET_SLOTS) {
		if (orders->buckets[idx].overflowed < UINT16_MAX)
			orders->buckets[idx].overflowed++;
		if (++idx == orders->bucket_cnt)
			idx = 0;
	}

	struct order_bucket *bucket = &orders->buckets[idx];

	bucket->tags[bucket->cnt] = (uint16_t)hash;
	bucket->order_idx[bucket->cnt] = (uint32_t)orders->cnt;
	bucket->cnt++;
	return &orders->log[orders->cnt++];
}
