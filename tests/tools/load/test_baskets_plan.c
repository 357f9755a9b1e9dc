#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/load/baskets_plan.h"
#include "tools/load/scenario.h"

enum {
	BUYERS = 40000,
};

static struct scenario scenario;

static void set_up(void)
{
	cr_assert(scenario_open(&scenario, SCENARIO_BASKETS, 7, BUYERS, 0));
}

static void tear_down(void)
{
	scenario_close(&scenario);
}

TestSuite(baskets_plan, .init = set_up, .fini = tear_down);

Test(baskets_plan, baskets_have_2_to_5_lines_of_different_skus)
{
	uint64_t fates[BASKETS_FATES] = {0};
	uint64_t cnts[BASKETS_LINES_MAX + 1] = {0};
	struct baskets_plan plan;

	for (uint32_t i = 0; i < BUYERS; i++) {
		uint32_t units = 0;

		baskets_plan_of(&scenario, i, &plan);
		fates[plan.fate]++;
		cr_assert(all(ge(u32, plan.cnt, 2), le(u32, plan.cnt, 5)));
		cnts[plan.cnt]++;
		for (uint32_t k = 0; k < plan.cnt; k++) {
			cr_assert(
				all(ge(u64, plan.skus[k], 1), le(u64, plan.skus[k], BASKETS_SKUS)));
			cr_assert(all(ge(u16, plan.quantities[k], 1),
				      le(u16, plan.quantities[k], BASKETS_QUANTITY_MAX)));
			units += plan.quantities[k];
			for (uint32_t j = 0; j < k; j++)
				cr_assert(ne(u64, plan.skus[j], plan.skus[k]));
		}
		cr_assert(eq(u32, plan.units, units));
	}
	for (uint32_t cnt = 2; cnt <= 5; cnt++)
		cr_expect(all(gt(u64, cnts[cnt], BUYERS / 5), lt(u64, cnts[cnt], BUYERS * 3 / 10)));
	cr_expect(all(gt(u64, fates[BASKETS_BUYS], BUYERS * 39 / 100),
		      lt(u64, fates[BASKETS_BUYS], BUYERS * 41 / 100)));
	for (unsigned fate = 0; fate < BASKETS_FATES; fate++)
		cr_expect(gt(u64, fates[fate], BUYERS / 20));
}

/* Each tenth SKU is short, the others are not, however hot they are. */
Test(baskets_plan, a_tenth_of_the_skus_is_short)
{
	static uint64_t units[BASKETS_SKUS];
	struct baskets_plan plan;

	for (uint32_t i = 0; i < BUYERS; i++) {
		baskets_plan_of(&scenario, i, &plan);
		for (uint32_t k = 0; k < plan.cnt; k++)
			units[plan.skus[k] - 1] += plan.quantities[k];
	}
	cr_expect(gt(u64, units[0], 10 * units[20]), "by Zipf's law");
	for (uint32_t i = 0; i < BASKETS_SKUS; i++) {
		if (i % 10 != 1)
			cr_expect(lt(u64, units[i], baskets_plan_stock(&scenario, i)), "SKU %u",
				  i + 1);
		else if (i < 100)
			cr_expect(gt(u64, units[i], baskets_plan_stock(&scenario, i)), "SKU %u",
				  i + 1);
	}
}

/* The same buyer does the same whoever asks; a request of his is like no other. */
Test(baskets_plan, follows_from_the_seed)
{
	struct baskets_plan plan;
	struct baskets_plan again;
	uint64_t id[2];
	uint64_t other[2];

	for (uint32_t i = 0; i < 1000; i++) {
		memset(&plan, 0, sizeof(plan));
		memset(&again, 0, sizeof(again));
		baskets_plan_of(&scenario, i, &plan);
		baskets_plan_of(&scenario, i, &again);
		cr_assert(eq(int, memcmp(plan.skus, again.skus, sizeof(plan.skus)), 0));
		cr_assert(all(eq(u32, plan.share, again.share),
			      eq(int, (int)plan.fate, (int)again.fate)));
		baskets_plan_id(&scenario, i, 0, 0, id);
		for (unsigned n = 1; n < 10; n++) {
			baskets_plan_id(&scenario, i, (uint8_t)(n / 5), n % 5, other);
			cr_assert(id[0] == other[0] && id[1] != other[1]);
		}
		baskets_plan_id(&scenario, i + 1, 0, 0, other);
		cr_assert(ne(u64, id[0], other[0]));
		cr_assert(ne(u64, baskets_plan_buyer(&scenario, i),
			     baskets_plan_buyer(&scenario, i + 1)));
	}
}

Test(baskets_plan, catalog_has_holds_and_prices_of_their_own)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);
	char line[100];

	baskets_plan_catalog(&scenario, file);
	fclose(file);
	cr_assert(strncmp(text, "sku,stock,unit_price,limit_per_buyer,", 37) == 0);
	snprintf(line, sizeof(line), "\n2,%u,1002,4,,,1\n", baskets_plan_stock(&scenario, 1));
	cr_assert(strstr(text, line) != NULL, "%.200s", text);
	free(text);
}
