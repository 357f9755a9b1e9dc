/*
 * orders: what a shard remembers of its committed purchases. A log of orders in the order they were
 * committed, one cache line each, and an index over (request id, offer): a request seen for the
 * first time touches one random line, a repeated one two. Nothing is ever removed, and the tables
 * never grow.
 */
#ifndef DB_ENGINE_SALE_ORDERS_H
#define DB_ENGINE_SALE_ORDERS_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/sale/index.h"

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
static_assert(QUANTITY_MAX < 1 << 16, "order.quantity");
static_assert(ORDER_ID_LSN_BITS + 16 == 64, "LSN and quantity share a word");

struct orders {
	struct index index; /* into log */
	struct order *log;
	uint64_t cnt;
	uint64_t cnt_max;
};

enum {
	/* How many orders ahead of the one being written a line is asked for. */
	ORDERS_WRITE_AHEAD_CNT = 16,
};

uint64_t orders_bytes(uint64_t cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. cnt_max at most UINT32_MAX. */
int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max);

/* Makes it as it was after orders_open. */
void orders_clear(struct orders *orders);

enum {
	ORDERS_SEEN_NOTHING = UINT16_MAX,
};
static_assert((int)ORDERS_SEEN_NOTHING > (int)INDEX_BUCKET_SLOTS, "no bucket has so many");

/*
 * Once the home bucket has arrived: asks for the memory that orders_find will look at. The result
 * is for orders_has_none.
 */
static inline uint16_t orders_look(const struct orders *orders, uint64_t hash)
{
	const struct index_search search = index_search(&orders->index, hash);

	if (search.match != 0) {
		DCHECK(search.bucket->numbers[__builtin_ctz(search.match)] < orders->cnt);
		prefetch(&orders->log[search.bucket->numbers[__builtin_ctz(search.match)]]);
		return ORDERS_SEEN_NOTHING;
	}
	if (search.bucket->cnt < INDEX_BUCKET_SLOTS)
		return search.bucket->cnt;
	prefetch(search.bucket + 1);
	return ORDERS_SEEN_NOTHING;
}

/* True: no order has this hash, because orders_look saw none and its bucket got none since. False:
 * search. */
static inline bool orders_has_none(const struct orders *orders, uint64_t hash, uint16_t seen)
{
	/* Nothing is ever removed from the index. */
	DCHECK(seen == ORDERS_SEEN_NOTHING || index_home(&orders->index, hash)->cnt >= seen);
	return index_home(&orders->index, hash)->cnt == seen;
}

/* The order of this request id and offer, or NULL. */
static inline const struct order *orders_find(const struct orders *orders, uint64_t hash,
					      const uint64_t request_id[2], uint32_t offer_idx)
{
	struct index_search search = index_search(&orders->index, hash);
	uint32_t number;

	while (index_next(&orders->index, &search, &number)) {
		const struct order *order = &orders->log[number];

		DCHECK(number < orders->cnt);
		if (order->request_id[0] == request_id[0] &&
		    order->request_id[1] == request_id[1] && order->offer_idx == offer_idx)
			return order;
	}
	return NULL;
}

/* Adds an order to the log, indexed under hash, for the caller to fill in; NULL when full. Its line
 * was asked for some orders ago, because the CPU itself fetches ahead only within 4 KiB. */
static inline struct order *orders_add(struct orders *orders, uint64_t hash)
{
	if (orders->cnt == orders->cnt_max)
		return NULL;
	DCHECK(orders->cnt < orders->cnt_max);
	index_add(&orders->index, hash, (uint32_t)orders->cnt);
	prefetch_to_write(&orders->log[orders->cnt + ORDERS_WRITE_AHEAD_CNT]);
	return &orders->log[orders->cnt++];
}

#endif
