#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/load/holds_plan.h"
#include "tools/load/scenario.h"

enum {
	BUYERS = 100000,
};

static struct scenario scenario;

static void set_up(void)
{
	cr_assert(scenario_open(&scenario, SCENARIO_HOLDS, 7, BUYERS, 0));
}

static void tear_down(void)
{
	scenario_close(&scenario);
}

TestSuite(holds_plan, .init = set_up, .fini = tear_down);

/* Of a share of the buyers, in percent, with chance. */
static void check_share(uint64_t cnt, unsigned percent)
{
	cr_expect(all(ge(u64, cnt + BUYERS / 200, BUYERS / 100 * percent),
		      le(u64, cnt, BUYERS / 100 * percent + BUYERS / 200)),
		  "%u %%: %lu", percent, (unsigned long)cnt);
}

Test(holds_plan, seven_of_ten_never_pay)
{
	uint64_t cnt[HOLDS_FATES] = {0};
	uint64_t units[HOLDS_SKUS] = {0};
	struct holds_plan plan;

	for (uint32_t i = 0; i < BUYERS; i++) {
		holds_plan_of(&scenario, i, &plan);
		cnt[plan.fate]++;
		cr_assert(all(ge(u64, plan.sku, 1), le(u64, plan.sku, HOLDS_SKUS)));
		cr_assert(all(ge(u16, plan.quantity, 1), le(u16, plan.quantity, 3)));
		cr_assert(plan.paid >= 1 && plan.paid <= plan.quantity);
		cr_assert(plan.released < plan.quantity || plan.fate != HOLDS_RELEASES);
		cr_assert(plan.returned >= 1 && plan.returned <= plan.quantity);
		if (plan.fate == HOLDS_PAYS_PART)
			cr_assert(lt(u16, plan.paid, plan.quantity));
		units[plan.sku - 1] += plan.quantity;
	}
	check_share(cnt[HOLDS_WALKS_AWAY] + cnt[HOLDS_RELOADS], 70);
	check_share(cnt[HOLDS_PAYS], 12);
	check_share(cnt[HOLDS_PAYS_LATE], 5);
	/* Bottles are short; of the last SKU there is more than anybody wants. */
	for (unsigned i = 0; i < 3; i++)
		cr_expect(gt(u64, units[i], 3 * (uint64_t)holds_plan_stock(&scenario, i)));
	cr_expect(lt(u64, units[3], holds_plan_stock(&scenario, 3)));
}

/* The same buyer does the same whoever asks; a request of his is like no other. */
Test(holds_plan, follows_from_the_seed)
{
	struct holds_plan plan;
	struct holds_plan again;
	uint64_t id[2];
	uint64_t other[2];

	for (uint32_t i = 0; i < 1000; i++) {
		memset(&plan, 0, sizeof(plan));
		memset(&again, 0, sizeof(again));
		holds_plan_of(&scenario, i, &plan);
		holds_plan_of(&scenario, i, &again);
		cr_assert(all(eq(u64, plan.sku, again.sku), eq(u32, plan.share, again.share),
			      eq(int, (int)plan.fate, (int)again.fate)));
		holds_plan_id(&scenario, i, 0, id);
		for (unsigned n = 1; n < 10; n++) {
			holds_plan_id(&scenario, i, (uint8_t)n, other);
			cr_assert(id[0] == other[0] && id[1] != other[1]);
		}
		holds_plan_id(&scenario, i + 1, 0, other);
		cr_assert(ne(u64, id[0], other[0]));
		cr_assert(ne(u64, holds_plan_buyer(&scenario, i),
			     holds_plan_buyer(&scenario, i + 1)));
	}
}

Test(holds_plan, catalog_has_holds_extensions_and_a_group)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);
	char line[100];

	holds_plan_catalog(&scenario, file);
	fclose(file);
	cr_assert(strncmp(text, "sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,", 56) ==
		  0);
	snprintf(line, sizeof(line), "\n1,%u,4990,2,,,1,1,1,1,2\n", holds_plan_stock(&scenario, 0));
	cr_assert(strstr(text, line) != NULL, "%s", text);
	snprintf(line, sizeof(line), "\n4,%u,4990,0,,,1,1,1,,\n", holds_plan_stock(&scenario, 3));
	cr_assert(strstr(text, line) != NULL, "%s", text);
	free(text);
}

/* However few come, each SKU has what one buyer asks for. */
Test(holds_plan, a_small_sale_has_stock_too)
{
	scenario.distinct_cnt = 1;
	for (unsigned i = 0; i < HOLDS_SKUS; i++)
		cr_expect(ge(u32, holds_plan_stock(&scenario, i), 2));
}
