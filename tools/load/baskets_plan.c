#include "tools/load/baskets_plan.h"

#include <inttypes.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "tools/load/demand.h"
#include "tools/load/scenario_state.h"

enum {
	PRICE_FIRST = 1000,
	/* Each so-many-th SKU is scarce: percent of the units that are asked for. */
	SCARCE_EACH = 10,
	SCARCE_PERCENT = 50,
	/* The others: chance, and SKUs hardly anybody asks for. */
	PLENTY_PERCENT = 140,
	PLENTY_UNITS = 20,
	/* Of it no buyer wants as much; but it is counted. */
	LIMIT = 4,
};

/* Of a hundred. */
static const uint8_t fates[BASKETS_FATES] = {40, 8, 24, 6, 12, 10};

static uint64_t random_of(const struct scenario *scenario, uint32_t idx, uint64_t n)
{
	return mix64(mix64(scenario->seed + idx) + n);
}

/* A number below cnt, from the upper half of a random one. */
static uint32_t below(uint64_t random, uint32_t cnt)
{
	return (uint32_t)(((random >> 32) * cnt) >> 32);
}

static bool has(const struct baskets_plan *plan, uint64_t sku)
{
	for (uint32_t i = 0; i < plan->cnt; i++) {
		if (plan->skus[i] == sku)
			return true;
	}
	return false;
}

static void draw_lines(const struct scenario *scenario, uint32_t idx, uint32_t cnt,
		       struct baskets_plan *plan)
{
	/* What he has already is drawn anew. */
	for (uint64_t n = 16; plan->cnt < cnt; n++) {
		const uint64_t random = random_of(scenario, idx, n);
		const uint64_t sku =
			1 + (uint64_t)demand_draw(scenario->aliases, BASKETS_SKUS, random);
		const uint16_t quantity =
			(uint16_t)(1 + below(mix64(random), BASKETS_QUANTITY_MAX));

		if (has(plan, sku))
			continue;
		plan->skus[plan->cnt] = sku;
		plan->quantities[plan->cnt++] = quantity;
		plan->units += quantity;
	}
}

void baskets_plan_of(const struct scenario *scenario, uint32_t idx, struct baskets_plan *out)
{
	const uint64_t random = random_of(scenario, idx, 1);
	uint32_t draw = below(random_of(scenario, idx, 2), 100);
	uint32_t fate = 0;

	while (draw >= fates[fate])
		draw -= fates[fate++];
	*out = (struct baskets_plan){
		.fate = (enum baskets_fate)fate,
		.repeats = (random & 3) == 0,
		.own_ids = (random >> 2 & 1) == 0,
		.share = (uint32_t)(random_of(scenario, idx, 3) >> 32),
	};
	draw_lines(scenario, idx,
		   BASKETS_LINES_MIN + below(random, BASKETS_LINES_MAX - BASKETS_LINES_MIN + 1),
		   out);
}

uint32_t baskets_plan_stock(const struct scenario *scenario, uint32_t idx)
{
	const bool scarce = idx % SCARCE_EACH == 1;
	const double lines = (BASKETS_LINES_MIN + BASKETS_LINES_MAX) / 2.0;
	const double units = scenario->distinct_cnt * lines * (1 + BASKETS_QUANTITY_MAX) / 2.0 *
			     demand_zipf_weight(idx) / scenario->weight_sum;

	DCHECK(idx < BASKETS_SKUS);
	return (uint32_t)(units * (scarce ? SCARCE_PERCENT : PLENTY_PERCENT) / 100) +
	       (scarce ? BASKETS_QUANTITY_MAX : PLENTY_UNITS);
}

uint64_t baskets_plan_price(uint64_t sku)
{
	return PRICE_FIRST + sku;
}

void baskets_plan_catalog(const struct scenario *scenario, FILE *file)
{
	fputs("sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds\n", file);
	for (uint32_t i = 0; i < BASKETS_SKUS; i++)
		fprintf(file, "%u,%u,%" PRIu64 ",%d,,,%d\n", i + 1, baskets_plan_stock(scenario, i),
			baskets_plan_price(i + 1), LIMIT, BASKETS_SECONDS);
}

void baskets_plan_id(const struct scenario *scenario, uint32_t idx, uint8_t n, uint32_t line,
		     uint64_t id[2])
{
	/* mix64 is a bijection: the first word tells buyers apart, the second one's requests. */
	id[0] = mix64(scenario->seed + idx);
	id[1] = mix64((scenario->seed ^ idx) + ((uint64_t)n << 56 | (uint64_t)line << 48)) | 1;
}

uint64_t baskets_plan_buyer(const struct scenario *scenario, uint32_t idx)
{
	return mix64(~scenario->seed + idx);
}
