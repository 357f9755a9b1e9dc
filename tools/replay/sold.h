/*
 * sold: what an offline sale sold, read from its shards at the end: by SKU, buyer and channel, and
 * when. Memory grows with the orders, which the stock bounds, not with the capture.
 */
#ifndef DB_TOOLS_REPLAY_SOLD_H
#define DB_TOOLS_REPLAY_SOLD_H

#include <stddef.h>
#include <stdint.h>

#include "tools/replay/offline.h"

struct sold_order {
	uint64_t sku;
	uint64_t at_ns;
	uint64_t buyer;
	uint32_t channel;
	uint32_t quantity;
};

/* What one buyer has of one SKU. */
struct sold_buyer {
	uint64_t sku;
	uint64_t buyer;
	uint64_t units;
};

struct sold_sku {
	uint64_t sku;
	uint64_t first; /* of its orders in sold.orders; cnt of them, in the order of time */
	uint64_t order_cnt;
	uint64_t buyer_cnt;
	uint64_t units;
	uint64_t sold_out_ns; /* when the last unit went; 0: some are left */
	uint32_t stock;
	uint32_t left;
};

struct sold {
	struct sold_order *orders; /* by SKU, then time */
	uint64_t order_cnt;
	struct sold_buyer *buyers; /* by SKU, then buyer */
	uint64_t buyer_cnt;
	struct sold_sku *skus; /* ascending */
	uint64_t sku_cnt;
};

/* 0 or -ENOMEM. */
int sold_take(struct sold *sold, const struct offline *engine, uint16_t shards);
void sold_free(struct sold *sold);

/* NULL: not on sale. */
const struct sold_sku *sold_find(const struct sold *sold, uint64_t sku);

/* Buyers of a SKU who have more units in one than in the other; (more, fewer) from one's side. */
void sold_compare_buyers(const struct sold *one, const struct sold *other, uint64_t sku,
			 uint64_t *more, uint64_t *fewer);

#endif
