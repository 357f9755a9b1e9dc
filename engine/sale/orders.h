/*
 * orders: what a shard remembers of its committed requests: a log of the orders that were bought,
 * in the order they were committed, one cache line each; beside it the holds (holds.h) and the
 * changes of orders, in tables of their own. One index over (request id, offer) finds all of them:
 * a request seen for the first time touches one random line, a repeated one two. Nothing is ever
 * removed, and the tables never grow.
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
#include "engine/sale/record.h"
#include "engine/sale/snapshot.h"

/* A committed request: a bought order, a hold as it was committed, or a change of either. */
struct order {
	uint64_t request_id[2];
	uint64_t buyer;
	union {
		uint64_t max_price;
		uint64_t order_lsn; /* of a change: what it changed */
	};
	uint64_t unit_price;
	uint64_t at_ns;
	uint64_t lsn : ORDER_ID_LSN_BITS;
	uint64_t quantity : 16;
	uint32_t offer_idx : SNAPSHOT_OFFER_BITS;
	uint32_t kind : 4;  /* RECORD_ORDER, RECORD_HOLD, RECORD_CONFIRM .. RECORD_RETURN */
	uint32_t flags : 4; /* the record's first two, then SNAPSHOT_CHANGED (of a CONFIRM its
			       third) and SNAPSHOT_BASKET_GOES_ON */
	uint32_t channel;
};
static_assert(sizeof(struct order) == CACHE_LINE_BYTES, "one line an order");
static_assert(QUANTITY_MAX < 1 << 16, "order.quantity");
static_assert(ORDER_ID_LSN_BITS + 16 == 64, "LSN and quantity share a word");
static_assert(RECORD_RETURN < 1 << 4, "order.kind");

/*
 * An order that was held, or a bought one of which units came back: as it was committed, and what
 * has become of it since.
 */
struct hold {
	struct order order;
	uint64_t ends_at_ns; /* 0: it was never held */
	uint64_t since_lsn;  /* of its HOLD or latest EXTEND; 0: it was never held */
	uint64_t last_lsn;   /* of the record that changed it last */
	uint16_t held;       /* units: HOLD_OPEN */
	uint16_t sold;       /* HOLD_SOLD: units that are with the buyer */
	uint16_t returned;   /* came back for sale */
	uint16_t written_off;
	uint16_t ran_out; /* HOLD_RAN_OUT, HOLD_REFUNDED: what was held at its end */
	uint8_t state;    /* enum hold_state */
	uint8_t extensions;
	bool pinned;         /* its CONFIRM or RELEASE is prepared (prepare.h) */
	uint64_t sold_at_ns; /* HOLD_SOLD: when it was confirmed, or bought */
	/* While it is open, by number: holds of its offer, the next to end first; holds of its
	 * buyer, the newest first. TIMER_NONE ends both. */
	int32_t next;
	int32_t prev;
	int32_t owner_next;
	int32_t owner_prev;
};
static_assert(sizeof(struct hold) == (size_t)2 * CACHE_LINE_BYTES, "two lines a hold");
static_assert(offsetof(struct hold, order) == 0, "an order that is a hold's is the hold");

enum {
	/* What a number of the index is of: else of the log. */
	NUMBER_OF_HOLD = 1 << 30,
	NUMBER_OF_CHANGE = 1 << 29,
	/* Entries of each table, so that their numbers leave these bits free. */
	ORDERS_MAX = NUMBER_OF_CHANGE - 1,
};

struct orders {
	struct index index;
	struct order *log;
	struct hold *holds;
	struct order *changes;
	uint64_t cnt;
	uint64_t cnt_max;
	uint32_t change_cnt;
	uint32_t change_cnt_max;
};

enum {
	/* How many orders ahead of the one being written a line is asked for. */
	ORDERS_WRITE_AHEAD_CNT = 16,
};

uint64_t orders_bytes(uint64_t cnt_max, uint64_t hold_cnt_max, uint64_t change_cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. Each count at most ORDERS_MAX. The caller sets `holds`,
 * a table of hold_cnt_max. */
int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max, uint64_t hold_cnt_max,
		uint64_t change_cnt_max);

/* Makes it as it was after orders_open. */
void orders_clear(struct orders *orders);

enum {
	ORDERS_SEEN_NOTHING = UINT16_MAX,
};
static_assert((int)ORDERS_SEEN_NOTHING > (int)INDEX_BUCKET_SLOTS, "no bucket has so many");

/* What a number of the index stands for. */
static inline struct order *orders_at(const struct orders *orders, uint32_t number)
{
	DCHECK((number & NUMBER_OF_HOLD) != 0 || (number & NUMBER_OF_CHANGE) != 0 ||
	       number < orders->cnt);
	DCHECK((number & NUMBER_OF_CHANGE) == 0 ||
	       (number & ~(uint32_t)NUMBER_OF_CHANGE) < orders->change_cnt);
	if (__builtin_expect(number < NUMBER_OF_CHANGE, 1))
		return &orders->log[number];
	if ((number & NUMBER_OF_HOLD) != 0)
		return &orders->holds[number & ~(uint32_t)NUMBER_OF_HOLD].order;
	return &orders->changes[number & ~(uint32_t)NUMBER_OF_CHANGE];
}

/* The hold that a hold's order is in. */
static inline struct hold *hold_of(const struct order *order)
{
	DCHECK(order->kind == RECORD_HOLD);
	return (struct hold *)(uintptr_t)order;
}

/*
 * Once the home bucket has arrived: asks for the memory that orders_find will look at. The result
 * is for orders_has_none.
 */
static inline uint16_t orders_look(const struct orders *orders, uint64_t hash)
{
	const struct index_search search = index_search(&orders->index, hash);

	if (search.match != 0) {
		prefetch(orders_at(orders, search.bucket->numbers[__builtin_ctz(search.match)]));
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

/* What was committed under this request id for this offer, or NULL. */
static inline const struct order *orders_find(const struct orders *orders, uint64_t hash,
					      const uint64_t request_id[2], uint32_t offer_idx)
{
	struct index_search search = index_search(&orders->index, hash);
	uint32_t number;

	while (index_next(&orders->index, &search, &number)) {
		const struct order *order = orders_at(orders, number);

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

/* The bought order with this LSN, or NULL. The log is in the order of LSNs. */
struct order *orders_by_lsn(const struct orders *orders, uint64_t lsn);

/* Adds a change, indexed under hash, for the caller to fill in; NULL when full. */
struct order *orders_add_change(struct orders *orders, uint64_t hash);

#endif
