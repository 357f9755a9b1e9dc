/*
 * sold: what an offline sale sold, read from its shards at the end: by SKU, buyer and channel, for
 * how much, and when. What came back counts as not sold; a hold counts from when it was paid.
 * Memory grows with the orders and holds, not with the capture.
 */
#ifndef DB_TOOLS_REPLAY_SOLD_H
#define DB_TOOLS_REPLAY_SOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/replay/figures.h"
#include "tools/replay/offline.h"

struct sold_order {
	uint64_t sku;
	uint64_t at_ns; /* when it was bought, or its hold paid */
	uint64_t buyer;
	uint64_t unit_price;
	uint32_t channel;
	uint32_t quantity; /* that the buyer has at the end */
};

/* What has become of the holds of a sale, and of units that came back. */
struct sold_holds {
	uint64_t made;
	uint64_t paid; /* in time; also if all of it came back */
	uint64_t paid_late;
	uint64_t refunded; /* paid too late */
	uint64_t released;
	uint64_t ran_out;
	uint64_t open;
	uint64_t returned;    /* units, for sale again */
	uint64_t written_off; /* units */
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
	minor_units revenue;
	uint64_t unit_price;
	uint64_t sold_out_ns; /* when the last unit went; 0: some are left */
	uint64_t opened_ns;   /* from when time counts: the offer's opening, or if it has none the
				 instant when it was put on sale. May be after the capture's end */
	bool has_opening;
	uint32_t stock;
	uint32_t left; /* for sale; what is held at the end is neither left nor sold */
	uint32_t held;
};

struct sold_channel {
	uint32_t id;
	uint64_t order_cnt;
	uint64_t units;
	minor_units revenue;
};

/* All SKUs together. */
struct sold_total {
	uint64_t stock;
	uint64_t units;
	uint64_t left;
	uint64_t order_cnt;
	uint64_t buyer_cnt; /* each once, whatever number of SKUs he has */
	minor_units revenue;
};

struct sold {
	struct sold_order *orders; /* by SKU, then time */
	uint64_t order_cnt;
	struct sold_buyer *buyers; /* by SKU, then buyer */
	uint64_t buyer_cnt;
	struct sold_sku *skus; /* ascending */
	uint64_t sku_cnt;
	struct sold_channel *channels; /* ascending */
	uint64_t channel_cnt;
	struct sold_total total;
	struct sold_holds holds;
};

/* What an order brings. */
static inline minor_units sold_revenue(const struct sold_order *order)
{
	return (minor_units)order->unit_price * order->quantity;
}

/* first_ns: when the offers were put on sale. 0 or -ENOMEM. */
int sold_take(struct sold *sold, const struct offline *engine, uint16_t shards, uint64_t first_ns);
void sold_free(struct sold *sold);

/* The revenue of a shard alone, without the above: no memory is taken. */
minor_units sold_revenue_of(const struct shard *shard);

/* The same of what has become of holds. */
void sold_add_holds(struct sold_holds *sum, const struct shard *shard);

/* The channels of cnt orders, ascending by id. *out is the caller's to free. 0 or -ENOMEM. */
int sold_take_channels(const struct sold_order *orders, uint64_t cnt, struct sold_channel **out,
		       uint64_t *out_cnt);

/* NULL: this channel has no order. */
const struct sold_channel *sold_find_channel(const struct sold *sold, uint32_t id);

/* NULL: not on sale. */
const struct sold_sku *sold_find(const struct sold *sold, uint64_t sku);

/* Whether two SKUs of two sales have the same units left at every instant. */
bool sold_same_curve(const struct sold *one, const struct sold_sku *sku, const struct sold *other,
		     const struct sold_sku *other_sku);

/* Buyers of a SKU who have more units in one than in the other; (more, fewer) from one's side. */
void sold_compare_buyers(const struct sold *one, const struct sold *other, uint64_t sku,
			 uint64_t *more, uint64_t *fewer);

#endif
