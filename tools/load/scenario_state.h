/*
 * scenario_state: what a scenario is made of. scenario.c opens it; it, mixed.c and the plans of
 * holds and baskets make requests of it.
 */
#ifndef DB_TOOLS_LOAD_SCENARIO_STATE_H
#define DB_TOOLS_LOAD_SCENARIO_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum scenario_kind {
	/* One SKU, 15,000 units, one a buyer; 2.7 M buyers, 5 % of whom send their request twice,
	 * shuffled. */
	SCENARIO_DROP,
	/* 100,000 SKUs, Zipf 0.99 over them, deep stock, 1 to 3 units, no limit. */
	SCENARIO_SINGLES_DAY,
	/* Every answer there is, and every request must get its own: mixed.h. */
	SCENARIO_MIXED,
	/* No sale: datagrams to a port that sends them back as they are (testpmd 5tswap). */
	SCENARIO_ECHO,
	/* Buyers that hold, pay, release, return, or never pay: holds_plan.h. */
	SCENARIO_HOLDS,
	/* Baskets that are bought, held, paid, released: baskets_plan.h. */
	SCENARIO_BASKETS,
	/* The offers of a catalog of the operator's own, by their stock: each unit on sale draws as
	 * many buyers as any other. A buyer pays at most the price in the file. */
	SCENARIO_CATALOG,
};

struct scenario {
	enum scenario_kind kind;
	uint64_t seed;
	uint32_t distinct_cnt; /* requests with an id of their own */
	uint32_t send_cnt;     /* of which some are sent twice */
	uint32_t sku_cnt;
	uint32_t channel;
	bool dated; /* mixed: its datagrams are, and some are stale; set after scenario_open */
	/* May be set after scenario_open, singles-day, mixed and catalog: */
	uint32_t buyer_cnt;      /* who buys; 0: a buyer a request */
	uint32_t limit;          /* singles-day: units a buyer, in the catalog; 0: none */
	uint16_t quantity_max;   /* singles-day, catalog: units a request, from 1 */
	uint32_t *order;         /* drop: what is sent when, as indexes; else NULL: 0, 1, 2, ... */
	struct alias *aliases;   /* singles-day, baskets, catalog: the distribution over SKUs */
	double weight_sum;       /* singles-day, baskets: of the SKUs' weights */
	struct catalog *catalog; /* catalog: what is on sale; else NULL */
};

#endif
