/*
 * holds_plan: the sale of the scenario `holds`, and what each of its buyers is going to do. All of
 * it follows from the scenario's seed and the buyer's index.
 *
 * Four SKUs: two colours of a bottle, which share a limit of two a buyer, draw ten buyers for a
 * unit; one with a limit of its own five; one has more than anybody asks for. Of the buyers that
 * get a hold seven in ten never pay.
 */
#ifndef DB_TOOLS_LOAD_HOLDS_PLAN_H
#define DB_TOOLS_LOAD_HOLDS_PLAN_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/client.h"

struct scenario;

enum {
	HOLDS_SKUS = 4,
	HOLDS_BUYERS = 100000,
	/* A hold lasts so long, and an EXTEND gives as much: the least that a catalog can say. */
	HOLDS_SECONDS = 1,
	HOLDS_PRICE = 4990,
};

enum holds_fate {
	HOLDS_WALKS_AWAY, /* never pays: 56 % of those who get a hold */
	HOLDS_RELOADS,    /* asks for a hold once more while he has one, and never pays: 14 % */
	HOLDS_PAYS,       /* 12 % */
	HOLDS_PAYS_PART,  /* of what he holds: 3 % */
	HOLDS_EXTENDS,    /* and pays after the hold would have ended: 4 % */
	HOLDS_RELEASES,   /* all, or one unit and never pays the rest: 3 % */
	HOLDS_PAYS_LATE,  /* after the end: 5 % */
	HOLDS_RETURNS,    /* pays, and returns a part or all of it: 3 % */
	HOLDS_FATES,
};

struct holds_plan {
	enum holds_fate fate;
	uint64_t sku;
	uint64_t reload_sku; /* what HOLDS_RELOADS asks for: the same, or the other colour */
	uint16_t quantity;
	uint16_t paid;     /* units that a payment is for */
	uint16_t released; /* HOLDS_RELEASES: 0: all */
	uint16_t returned; /* HOLDS_RETURNS */
	bool write_off;    /* they are not for sale again */
	bool looks;        /* asks for the state of his order at the end */
	uint32_t share;    /* 0 to 2^32 - 1: where in the time that is left he acts */
};

void holds_plan_of(const struct scenario *scenario, uint32_t idx, struct holds_plan *out);

/* The catalog, with its head line. */
void holds_plan_catalog(const struct scenario *scenario, FILE *file);

/* Units of the idx-th SKU, which is idx + 1, 0 <= idx < HOLDS_SKUS, when the sale begins. */
uint32_t holds_plan_stock(const struct scenario *scenario, uint32_t idx);

/* The id of a buyer's n-th request, n < 256: no two are alike. */
void holds_plan_id(const struct scenario *scenario, uint32_t idx, uint8_t n, uint64_t id[2]);

/* No two buyers are alike. */
uint64_t holds_plan_buyer(const struct scenario *scenario, uint32_t idx);

#endif
