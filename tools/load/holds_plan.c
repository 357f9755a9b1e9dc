#include "tools/load/holds_plan.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "tools/load/scenario_state.h"

/* Percent of the buyers; percent of their units that there are. */
static const struct {
	uint32_t buyers;
	uint32_t stock;
	uint16_t limit;
	uint32_t group;
	uint32_t group_limit;
	uint32_t extensions;
} skus[HOLDS_SKUS] = {
	{35, 10, 2, 1, 2, 1},
	{25, 10, 2, 1, 2, 1},
	{30, 20, 3, 0, 0, 2},
	{10, 150, 0, 0, 0, 1},
};

enum {
	QUANTITY_MAX_HERE = 3,
	GROUP_SKUS = 2, /* the first two */
};

/* Of a hundred that get a hold. */
static const uint8_t fates[HOLDS_FATES] = {56, 14, 12, 3, 4, 3, 5, 3};

/* A number below cnt, from the upper half of a random one. */
static uint32_t below(uint64_t random, uint32_t cnt)
{
	return (uint32_t)(((random >> 32) * cnt) >> 32);
}

static uint64_t random_of(const struct scenario *scenario, uint32_t idx, uint64_t n)
{
	return mix64(mix64(scenario->seed + idx) + n);
}

/* Which SKU a buyer wants, from 0. */
static uint32_t sku_idx(const struct scenario *scenario, uint32_t idx)
{
	uint32_t draw = below(random_of(scenario, idx, 1), 100);
	uint32_t sku = 0;

	while (draw >= skus[sku].buyers)
		draw -= skus[sku++].buyers;
	return sku;
}

static enum holds_fate fate_of(const struct scenario *scenario, uint32_t idx)
{
	uint32_t draw = below(random_of(scenario, idx, 2), 100);
	uint32_t fate = 0;

	while (draw >= fates[fate])
		draw -= fates[fate++];
	return (enum holds_fate)fate;
}

void holds_plan_of(const struct scenario *scenario, uint32_t idx, struct holds_plan *out)
{
	const uint32_t at = sku_idx(scenario, idx);
	const uint16_t most = skus[at].limit > 0 ? skus[at].limit : QUANTITY_MAX_HERE;
	const uint64_t random = random_of(scenario, idx, 3);
	struct holds_plan plan = {
		.fate = fate_of(scenario, idx),
		.sku = at + 1,
		.reload_sku = at + 1,
		.quantity = (uint16_t)(1 + below(random, most)),
		.write_off = (random & 3) == 0,
		.looks = (random >> 2 & 3) == 0,
		.share = (uint32_t)(random_of(scenario, idx, 4) >> 32),
	};

	/* Without a limit he would just get another hold. With one, he asks for all he may have. */
	if (plan.fate == HOLDS_RELOADS && skus[at].limit == 0)
		plan.fate = HOLDS_WALKS_AWAY;
	if (plan.fate == HOLDS_RELOADS) {
		plan.quantity = skus[at].limit;
		if (at < GROUP_SKUS && (random >> 4 & 1) != 0)
			plan.reload_sku = 1 + (GROUP_SKUS - 1 - at);
	}
	/* A part needs two units. */
	if ((plan.fate == HOLDS_PAYS_PART || plan.fate == HOLDS_RELEASES) && plan.quantity == 1)
		plan.quantity = 2;
	plan.paid = (uint16_t)(plan.fate == HOLDS_PAYS_PART ? plan.quantity - 1 : plan.quantity);
	plan.released = (random >> 5 & 1) != 0;
	plan.returned = (uint16_t)((random >> 6 & 1) != 0 ? 1 : plan.quantity);
	*out = plan;
}

uint32_t holds_plan_stock(const struct scenario *scenario, uint32_t idx)
{
	const uint16_t limit = skus[idx].limit;
	const uint64_t most = limit > 0 ? limit : QUANTITY_MAX_HERE;
	/* A buyer asks for 1 to `most`. */
	const uint64_t units = (uint64_t)scenario->distinct_cnt * skus[idx].buyers * (1 + most) *
			       skus[idx].stock / (2 * 100 * 100);

	DCHECK(idx < HOLDS_SKUS);
	return units < most ? (uint32_t)most : (uint32_t)units;
}

void holds_plan_catalog(const struct scenario *scenario, FILE *file)
{
	fputs("sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds,extensions,"
	      "extend_seconds,group,group_limit\n",
	      file);
	for (uint32_t i = 0; i < HOLDS_SKUS; i++) {
		fprintf(file, "%u,%u,%d,%u,,,%d,%u,%d,", i + 1, holds_plan_stock(scenario, i),
			HOLDS_PRICE, skus[i].limit, HOLDS_SECONDS, skus[i].extensions,
			HOLDS_SECONDS);
		if (skus[i].group > 0)
			fprintf(file, "%u,%u\n", skus[i].group, skus[i].group_limit);
		else
			fputs(",\n", file);
	}
}

void holds_plan_id(const struct scenario *scenario, uint32_t idx, uint8_t n, uint64_t id[2])
{
	/* mix64 is a bijection: the first word tells buyers apart, the second one's requests. */
	id[0] = mix64(scenario->seed + idx);
	id[1] = mix64((scenario->seed ^ idx) + ((uint64_t)n << 56)) | 1;
}

uint64_t holds_plan_buyer(const struct scenario *scenario, uint32_t idx)
{
	return mix64(~scenario->seed + idx);
}
