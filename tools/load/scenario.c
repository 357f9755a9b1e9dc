#include "tools/load/scenario.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/catalog/catalog.h"
#include "tools/common/output_file.h"
#include "tools/load/baskets_plan.h"
#include "tools/load/demand.h"
#include "tools/load/holds_plan.h"
#include "tools/load/mixed.h"

enum {
	DROP_BUYERS = 2700000,
	DROP_STOCK = 15000,
	DROP_PRICE = 4990,
	DROP_TWICE_PERCENT = 5,
	SINGLES_DAY_REQUESTS = 4000000,
	SINGLES_DAY_SKUS = 100000,
	SINGLES_DAY_QUANTITY_MAX = 3,
	/* Beyond what is expected: chance, and SKUs hardly anybody asks for. */
	SINGLES_DAY_SPARE_PERCENT = 30,
	SINGLES_DAY_SPARE_UNITS = 100,
	SINGLES_DAY_PRICE = 1990,
	MIXED_REQUESTS = 1000000,
	MIXED_SKUS = 10000,
};

static const char *const names[] = {"drop",  "singles-day", "mixed",  "echo",
				    "holds", "baskets",     "catalog"};

bool scenario_kind_of(const char *name, enum scenario_kind *out)
{
	for (unsigned i = 0; i < SCENARIO_CATALOG; i++) {
		if (strcmp(name, names[i]) == 0) {
			*out = (enum scenario_kind)i;
			return true;
		}
	}
	return false;
}

const char *scenario_name(enum scenario_kind kind)
{
	return names[kind];
}

/* Of a SKU's index, unscaled. */
static double demand_of(const void *context, uint32_t i)
{
	const struct scenario *scenario = context;

	return scenario->catalog != NULL ? scenario->catalog->offers[i].stock
					 : demand_zipf_weight(i);
}

/* sum: of the demands. */
static bool make_aliases(struct scenario *scenario, double sum)
{
	scenario->aliases = demand_make(scenario->sku_cnt, demand_of, scenario, sum);
	return scenario->aliases != NULL;
}

static bool make_zipf(struct scenario *scenario)
{
	scenario->weight_sum = demand_zipf_sum(scenario->sku_cnt);
	return make_aliases(scenario, scenario->weight_sum);
}

/* All indexes once, the first 5 % of them twice, shuffled (Fisher and Yates) by the seed. */
static bool make_order(struct scenario *scenario)
{
	uint64_t state = scenario->seed;

	scenario->order = malloc(scenario->send_cnt * sizeof(*scenario->order));
	if (scenario->order == NULL)
		return false;
	for (uint32_t i = 0; i < scenario->send_cnt; i++)
		scenario->order[i] = i % scenario->distinct_cnt;
	for (uint32_t i = scenario->send_cnt - 1; i > 0; i--) {
		const uint32_t other =
			(uint32_t)(((unsigned __int128)mix64(++state) * (i + 1U)) >> 64);
		const uint32_t held = scenario->order[i];

		scenario->order[i] = scenario->order[other];
		scenario->order[other] = held;
	}
	return true;
}

bool scenario_open(struct scenario *scenario, enum scenario_kind kind, uint64_t seed,
		   uint32_t request_cnt, uint32_t sku_cnt)
{
	bool made = true;

	*scenario = (struct scenario){.kind = kind, .seed = mix64(seed)};
	if (kind == SCENARIO_DROP) {
		scenario->distinct_cnt = request_cnt > 0 ? request_cnt : DROP_BUYERS;
		scenario->send_cnt =
			scenario->distinct_cnt +
			(uint32_t)((uint64_t)scenario->distinct_cnt * DROP_TWICE_PERCENT / 100);
		scenario->sku_cnt = 1;
		made = make_order(scenario);
	} else if (kind == SCENARIO_HOLDS) {
		scenario->distinct_cnt = request_cnt > 0 ? request_cnt : HOLDS_BUYERS;
		scenario->send_cnt = scenario->distinct_cnt;
		scenario->sku_cnt = HOLDS_SKUS;
	} else if (kind == SCENARIO_BASKETS) {
		scenario->distinct_cnt = request_cnt > 0 ? request_cnt : BASKETS_BUYERS;
		scenario->send_cnt = scenario->distinct_cnt;
		scenario->sku_cnt = BASKETS_SKUS;
		made = make_zipf(scenario);
	} else {
		const bool mixed = kind == SCENARIO_MIXED;

		scenario->distinct_cnt = request_cnt > 0 ? request_cnt
					 : mixed         ? MIXED_REQUESTS
							 : SINGLES_DAY_REQUESTS;
		scenario->send_cnt = scenario->distinct_cnt;
		scenario->sku_cnt = sku_cnt > 0 ? sku_cnt : mixed ? MIXED_SKUS : SINGLES_DAY_SKUS;
		scenario->quantity_max = SINGLES_DAY_QUANTITY_MAX;
		if (kind == SCENARIO_SINGLES_DAY)
			made = make_zipf(scenario);
	}
	if (!made)
		scenario_close(scenario);
	return made;
}

/* Two buyers for each unit: nearly every offer sells out. */
static uint32_t catalog_requests(uint64_t units)
{
	const uint64_t wanted = 2 * units;

	return wanted < SCENARIO_CATALOG_REQUESTS ? (uint32_t)wanted : SCENARIO_CATALOG_REQUESTS;
}

int scenario_open_catalog(struct scenario *scenario, const char *path, uint64_t seed,
			  uint32_t request_cnt, struct error *error)
{
	uint64_t units = 0;
	int rc;

	*scenario = (struct scenario){
		.kind = SCENARIO_CATALOG,
		.seed = mix64(seed),
		.quantity_max = 1,
	};
	rc = catalog_load_saying(path, stderr, &scenario->catalog, error);
	if (rc != 0)
		return rc;
	for (uint32_t i = 0; i < scenario->catalog->cnt; i++)
		units += scenario->catalog->offers[i].stock;
	scenario->sku_cnt = scenario->catalog->cnt;
	scenario->distinct_cnt = request_cnt > 0 ? request_cnt : catalog_requests(units);
	scenario->send_cnt = scenario->distinct_cnt;
	if (units == 0) {
		error_set(error, "%s: no offer has any stock, so there is nothing to buy", path);
		rc = -EINVAL;
	} else if (!make_aliases(scenario, (double)units)) {
		error_set(error, "no memory for the scenario");
		rc = -ENOMEM;
	}
	if (rc != 0)
		scenario_close(scenario);
	return rc;
}

void scenario_close(struct scenario *scenario)
{
	free(scenario->order);
	free(scenario->aliases);
	catalog_free(scenario->catalog);
	scenario->order = NULL;
	scenario->aliases = NULL;
	scenario->catalog = NULL;
}

/* The request with this index has its own random number, from which its SKU follows, and its buyer
 * where buyers are numbered. mix64 is a bijection: no two indexes share one. */
static uint64_t random_of(const struct scenario *scenario, uint32_t idx)
{
	return mix64(scenario->seed + idx);
}

/* The index of the SKU that a request asks for. */
static uint32_t drawn_sku(const struct scenario *scenario, uint64_t draw)
{
	return demand_draw(scenario->aliases, scenario->sku_cnt, draw);
}

const struct catalog_offer *scenario_offer(const struct scenario *scenario, uint32_t idx)
{
	return &scenario->catalog->offers[drawn_sku(scenario, mix64(random_of(scenario, idx)))];
}

uint16_t scenario_quantity(const struct scenario *scenario, uint32_t idx)
{
	uint32_t limit;
	uint16_t quantity;

	if (scenario->aliases == NULL || scenario->quantity_max == 1)
		return 1;
	quantity = (uint16_t)(1 + mix64(mix64(random_of(scenario, idx))) % scenario->quantity_max);
	if (scenario->catalog == NULL)
		return quantity;
	limit = scenario_offer(scenario, idx)->limit_per_buyer;
	return limit == 0 || quantity < limit ? quantity : (uint16_t)limit;
}

/* At most the price of the file. */
static void ask_for_offer(const struct catalog_offer *offer, struct client_request *out)
{
	out->sku = offer->sku;
	out->price_or_order = offer->unit_price;
	out->flags = offer->unit_price == 0 ? WIRE_ENTRY_AT_MOST_0 : 0;
}

void scenario_request(const struct scenario *scenario, uint32_t n, struct client_request *out)
{
	const uint32_t idx = scenario->order != NULL ? scenario->order[n] : n;
	/* No two indexes share an id or, unless buyers are numbered, a buyer. */
	const uint64_t random = random_of(scenario, idx);

	if (scenario->kind == SCENARIO_MIXED) {
		mixed_request(scenario, n, out);
		return;
	}
	*out = (struct client_request){
		.id = {random, mix64(scenario->seed ^ idx) | 1},
		.buyer = mix64(~scenario->seed + idx),
		.sku = 1,
		.channel = scenario->channel,
		.quantity = 1,
		.op = WIRE_OP_BUY,
		.user = idx,
	};
	if (scenario->aliases != NULL) {
		const uint64_t draw = mix64(random);

		if (scenario->catalog != NULL)
			ask_for_offer(scenario_offer(scenario, idx), out);
		else
			out->sku = 1 + drawn_sku(scenario, draw);
		out->quantity = scenario_quantity(scenario, idx);
		if (scenario->buyer_cnt > 0)
			out->buyer = mix64(~scenario->seed + mix64(~draw) % scenario->buyer_cnt);
	}
}

int scenario_catalog(const struct scenario *scenario, const char *path)
{
	const double units = scenario->distinct_cnt * (1.0 + scenario->quantity_max) / 2.0;
	FILE *file = output_file_stream(path, OUTPUT_PUBLIC);
	int rc = 0;

	if (file == NULL)
		return -errno;
	if (scenario->kind == SCENARIO_HOLDS)
		holds_plan_catalog(scenario, file);
	else if (scenario->kind == SCENARIO_BASKETS)
		baskets_plan_catalog(scenario, file);
	else
		fputs("sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds\n",
		      file);
	if (scenario->kind == SCENARIO_DROP)
		fprintf(file, "1,%d,%d,1,,,\n", DROP_STOCK, DROP_PRICE);
	for (uint32_t i = 0; scenario->kind == SCENARIO_SINGLES_DAY && i < scenario->sku_cnt; i++)
		fprintf(file, "%u,%.0f,%d,%u,,,\n", i + 1,
			demand_zipf_weight(i) / scenario->weight_sum * units *
					(100 + SINGLES_DAY_SPARE_PERCENT) / 100 +
				SINGLES_DAY_SPARE_UNITS,
			SINGLES_DAY_PRICE, scenario->limit);
	if (scenario->kind == SCENARIO_MIXED)
		mixed_catalog(scenario, file);
	if (ferror(file))
		rc = -EIO;
	if (fclose(file) != 0)
		rc = -errno;
	return rc;
}
