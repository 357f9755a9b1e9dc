/*
 * orders: what a shard remembers of its committed purchases. A log of orders in the order they were
 * committed, one cache line each, and an index over (request id, offer) in buckets of one cache
 * line: a request seen for the first time touches one random line, a repeated one two. Never
 * forgets; full is full.
 */
#ifndef DB_ENGINE_ORDERS_H
#define DB_ENGINE_ORDERS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/hash.h"
#include "engine/limits.h"

struct order {
	uint64_t request_id[2];
	uint64_t buyer;
	uint64_t max_price;
	uint64_t unit_price;
	uint64_t at_ns;
	uint64_t lsn : ORDER_ID_LSN_BITS;
	uint64_t quantity : 16;
	uint32_t offer_idx;
	uint32_t channel;
};
static_assert(sizeof(struct order) == CACHE_LINE_BYTES, "one line an order");

enum {
	ORDER_BUCKET_SLOTS = 10,
};

struct order_bucket {
	uint16_t tags[ORDER_BUCKET_SLOTS]; /* lower 16 bits of the hash */
	uint16_t cnt;
	uint16_t overflowed; /* orders that had to go on to the next bucket, saturating */
	uint32_t order_idx[ORDER_BUCKET_SLOTS];
};
static_assert(sizeof(struct order_bucket) == CACHE_LINE_BYTES, "one line a bucket");

struct orders {
	struct order_bucket *buckets;
	struct order *log;
	uint64_t bucket_cnt;
	uint64_t cnt;
	uint64_t cnt_max;
};

uint64_t orders_bytes(uint64_t cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. cnt_max at most UINT32_MAX. */
int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max);

/* As fresh from orders_open. */
void orders_clear(struct orders *orders);

static inline const struct order_bucket *orders_home(const struct orders *orders, uint64_t hash)
{
	return &orders->buckets[hash_range(hash, orders->bucket_cnt)];
}

/* The order of this request id and offer, or NULL. */
const struct order *orders_find(const struct orders *orders, uint64_t hash,
				const uint64_t request_id[2], uint32_t offer_idx);

/* The next order of the log, indexed under hash; NULL when full. The caller fills it in. */
struct order *orders_add(struct orders *orders, uint64_t hash);

#endif
