#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "tools/replay/change.h"

static struct catalog *two_offers(void)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog) + 2 * sizeof(catalog->offers[0]));

	catalog->cnt = 2;
	catalog->offers[0] = (struct catalog_offer){
		.sku = 42, .stock = 10, .unit_price = 5, .closes_at_ns = INSTANT_NEVER};
	catalog->offers[1] = (struct catalog_offer){
		.sku = 43, .stock = 20, .unit_price = 6, .closes_at_ns = INSTANT_NEVER};
	return catalog;
}

Test(change, sets_columns_of_one_offer_or_of_all)
{
	struct catalog *catalog = two_offers();
	struct error error = {0};

	cr_assert_eq(catalog_change(catalog,
				    "sku=42 limit_per_buyer=1  stock=20000 "
				    "opens_at=1970-01-01T00:00:01Z; sku=* unit_price=7",
				    &error),
		     0, "%s", error.text);
	cr_expect_eq(catalog->offers[0].limit_per_buyer, 1);
	cr_expect_eq(catalog->offers[0].stock, 20000);
	cr_expect_eq(catalog->offers[0].opens_at_ns, 1000000000);
	cr_expect_eq(catalog->offers[0].unit_price, 7);
	cr_expect_eq(catalog->offers[1].limit_per_buyer, 0);
	cr_expect_eq(catalog->offers[1].stock, 20);
	cr_expect_eq(catalog->offers[1].unit_price, 7);
	cr_assert_eq(catalog_change(catalog, "sku=43 closes_at=1970-01-01T00:00:02Z", &error), 0);
	cr_expect_eq(catalog->offers[1].closes_at_ns, 2000000000);
	cr_assert_eq(catalog_change(catalog, "sku=43 closes_at= hold_seconds=9", &error), 0);
	cr_expect_eq(catalog->offers[1].closes_at_ns, INSTANT_NEVER);
	cr_expect_eq(catalog->offers[1].hold_seconds, 9);
	free(catalog);
}

Test(change, names_what_is_wrong)
{
	static const struct {
		const char *text;
		const char *error;
	} wrong[] = {
		{"", "begins with sku=N"},
		{"stock=5", "begins with sku=N"},
		{"sku=x stock=5", "begins with sku=N"},
		{"sku=42 stock=5;", "begins with sku=N"},
		{"sku=44 stock=5", "SKU 44 is not in the catalog"},
		{"sku=42 stock", "'stock'"},
		{"sku=42 stock=-1", "'stock=-1'"},
		{"sku=42 stock=4294967296", "'stock=4294967296'"},
		{"sku=42 price=1", "'price=1'"},
		{"sku=42 opens_at=tomorrow", "'opens_at=tomorrow'"},
		{"sku=44", "no column"},
		{"sku=42 stock=5; sku=*", "no column"},
		{"sku=42 opens_at=2030-01-01T00:00:01Z closes_at=2030-01-01T00:00:00Z",
		 "SKU 42: closes before it opens"},
		{"sku=42 extensions=2", "SKU 42: extensions without hold_seconds"},
		{"sku=* group=7 group_limit=1; sku=43 group_limit=2",
		 "SKU 43: group 7 has group_limit 1 at SKU 42"},
	};

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct catalog *catalog = two_offers();
		struct error error = {0};

		cr_expect_neq(catalog_change(catalog, wrong[i].text, &error), 0, "'%s'",
			      wrong[i].text);
		cr_expect_not_null(strstr(error.text, wrong[i].error), "'%s': %s", wrong[i].text,
				   error.text);
		free(catalog);
	}
}
