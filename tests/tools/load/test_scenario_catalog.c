#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "engine/catalog/catalog.h"
#include "tests/support/temp_dir.h"
#include "tools/load/holds_plan.h"
#include "tools/load/scenario.h"

static struct scenario scenario;
static struct catalog *catalog;
static struct error error;

static void set_up(void)
{
	(void)temp_dir_make();
}

TestSuite(scenario_catalog, .init = set_up, .fini = temp_dir_remove);

static void open_kind(enum scenario_kind kind, uint64_t seed, uint32_t requests, uint32_t skus)
{
	cr_assert(scenario_open(&scenario, kind, seed, requests, skus));
}

static void write_and_load(void)
{
	const char *path = temp_path("catalog.csv");

	cr_assert(eq(int, scenario_catalog(&scenario, path), 0));
	cr_assert(eq(int, catalog_load(path, &catalog, &error), 0), "%s", error.text);
}

static void stop(void)
{
	catalog_free(catalog);
	catalog = NULL;
	scenario_close(&scenario);
}

Test(scenario_catalog, of_a_drop_is_one_scarce_offer)
{
	const struct catalog_offer *offer;

	open_kind(SCENARIO_DROP, 1, 20000, 0);
	write_and_load();
	cr_assert(eq(u32, catalog->cnt, 1));
	offer = &catalog->offers[0];
	cr_assert(all(eq(u64, offer->sku, 1), eq(u32, offer->stock, 15000)));
	cr_assert(all(eq(u32, offer->limit_per_buyer, 1), gt(u64, offer->unit_price, 0)));
	cr_assert(all(eq(u64, offer->opens_at_ns, 0), eq(u64, offer->closes_at_ns, INSTANT_NEVER)));
	stop();
}

/* Every SKU asked for is on sale, and no seed asks for more of it than there is. */
static void check_enough(uint64_t seed, uint32_t requests, uint32_t skus)
{
	uint64_t *asked;
	uint32_t short_cnt = 0;
	uint32_t odd_cnt = 0;

	open_kind(SCENARIO_SINGLES_DAY, seed, requests, skus);
	asked = calloc(scenario.sku_cnt + 1, sizeof(*asked));
	for (uint32_t n = 0; n < scenario.send_cnt; n++) {
		struct client_request request;

		scenario_request(&scenario, n, &request);
		if (request.sku > scenario.sku_cnt)
			cr_fail("SKU %lu is not on sale", (unsigned long)request.sku);
		asked[request.sku] += request.quantity;
	}
	write_and_load();
	cr_assert(eq(u32, catalog->cnt, scenario.sku_cnt));
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];

		odd_cnt += offer->sku != i + 1 || offer->unit_price == 0 ||
			   offer->limit_per_buyer != 0 || offer->opens_at_ns != 0 ||
			   offer->closes_at_ns != INSTANT_NEVER;
		short_cnt += offer->stock < asked[i + 1];
	}
	cr_assert(all(eq(u32, odd_cnt, 0), eq(u32, short_cnt, 0)), "seed %lu, %u of %u SKUs",
		  (unsigned long)seed, short_cnt, scenario.sku_cnt);
	free(asked);
	stop();
}

Test(scenario_catalog, of_singles_day_has_enough)
{
	for (uint64_t seed = 0; seed < 2; seed++)
		check_enough(seed, 0, 0);
	for (uint64_t seed = 0; seed < 10; seed++) {
		check_enough(seed, 100, 1);
		check_enough(seed, 100000, 1);
		check_enough(seed, 100000, 10);
		check_enough(seed, 100000, 500);
		check_enough(seed, 1000, 20000);
	}
}

/* The most that load's flags allow fits 32 bits of stock. */
Test(scenario_catalog, of_the_largest_load_parses)
{
	open_kind(SCENARIO_SINGLES_DAY, 1, 1000000000, 1);
	write_and_load();
	cr_assert(ge(u32, catalog->offers[0].stock, 2000000000));
	stop();
}

Test(scenario_catalog, that_cannot_be_written_is_told)
{
	open_kind(SCENARIO_SINGLES_DAY, 1, 0, 1000);
	cr_assert(eq(int, scenario_catalog(&scenario, temp_path("no/such/catalog")), -ENOENT));
	cr_assert(lt(int, scenario_catalog(&scenario, "/dev/full"), 0));
	stop();
	open_kind(SCENARIO_DROP, 1, 10, 0);
	cr_assert(eq(int, scenario_catalog(&scenario, "/dev/full"), -ENOSPC));
	stop();
}

/* Short holds that can be lengthened; two colours under one limit; more of the last than is asked
 * for. */
Test(scenario_catalog, of_holds_is_what_its_buyers_play_with)
{
	open_kind(SCENARIO_HOLDS, 1, 1000, 0);
	write_and_load();
	cr_assert(eq(u32, catalog->cnt, HOLDS_SKUS));
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];

		cr_expect(all(eq(u64, offer->sku, i + 1), eq(u64, offer->unit_price, HOLDS_PRICE)));
		cr_expect(eq(u32, offer->stock, holds_plan_stock(&scenario, i)));
		cr_expect(all(eq(u32, offer->hold_seconds, HOLDS_SECONDS),
			      eq(u32, offer->extend_seconds, HOLDS_SECONDS),
			      ge(u32, offer->extensions, 1)));
		cr_expect(eq(u32, offer->group, i < 2 ? 1 : 0));
		cr_expect(eq(u32, offer->group_limit, i < 2 ? 2 : 0));
	}
	stop();
}
