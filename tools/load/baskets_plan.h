/*
 * baskets_plan: the sale of the scenario `baskets`, and what each of its buyers is going to do. All
 * of it follows from the scenario's seed and the buyer's index.
 *
 * A thousand SKUs, drawn by Zipf's law. Each tenth has half of the units that are asked for, so
 * that baskets are refused because of one line; the others have more than enough. In an engine of
 * several shards nearly every basket has lines of more than one.
 */
#ifndef DB_TOOLS_LOAD_BASKETS_PLAN_H
#define DB_TOOLS_LOAD_BASKETS_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/client.h"

struct scenario;

enum {
	BASKETS_SKUS = 1000,
	BASKETS_BUYERS = 40000,
	BASKETS_LINES_MIN = 2,
	BASKETS_LINES_MAX = 5,
	BASKETS_QUANTITY_MAX = 2,
	/* A hold lasts so long: the least that a catalog can say. */
	BASKETS_SECONDS = 1,
};

enum baskets_fate {
	BASKETS_BUYS,                /* 40 % */
	BASKETS_TAKES_WHAT_THERE_IS, /* buys each line by itself: 8 % */
	BASKETS_PAYS,                /* holds, and pays all of it: 24 % */
	BASKETS_PAYS_LATE,           /* after the end: 6 % */
	BASKETS_RELEASES,            /* holds, and gives all of it back: 12 % */
	BASKETS_WALKS_AWAY,          /* holds, and never pays: 10 % */
	BASKETS_FATES,
};

struct baskets_plan {
	enum baskets_fate fate;
	uint32_t cnt;                     /* lines */
	uint64_t skus[BASKETS_LINES_MAX]; /* none twice */
	uint16_t quantities[BASKETS_LINES_MAX];
	uint32_t units; /* of all lines */
	bool repeats;   /* asks everything that was carried out once more, under the same ids */
	bool own_ids;   /* each line has an id of its own; else all have one */
	uint32_t share; /* 0 to 2^32 - 1: where in the time that is left he acts */
};

/* The scenario must be one of baskets. */
void baskets_plan_of(const struct scenario *scenario, uint32_t idx, struct baskets_plan *out);

/* The catalog, with its head line. */
void baskets_plan_catalog(const struct scenario *scenario, FILE *file);

/* Units of the idx-th SKU, which is idx + 1, when the sale begins; and its price. */
uint32_t baskets_plan_stock(const struct scenario *scenario, uint32_t idx);
uint64_t baskets_plan_price(uint64_t sku);

/* The id of a line of a buyer's n-th request, n < 256. No two requests have one in common. */
void baskets_plan_id(const struct scenario *scenario, uint32_t idx, uint8_t n, uint32_t line,
		     uint64_t id[2]);

/* No two buyers are alike. */
uint64_t baskets_plan_buyer(const struct scenario *scenario, uint32_t idx);

#endif
