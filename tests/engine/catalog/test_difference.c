#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/limits.h"
#include "engine/catalog/difference.h"

enum {
	LINES_MAX = 16,
};

static struct error lines[LINES_MAX];
static unsigned line_cnt;

static void keep(void *context, const struct catalog_difference *difference)
{
	cr_assert(line_cnt < LINES_MAX);
	catalog_difference_text(context, difference, &lines[line_cnt++]);
}

static struct record offer_of(uint64_t sku, uint32_t stock)
{
	const struct catalog_offer line = {
		.sku = sku, .stock = stock, .unit_price = 100, .closes_at_ns = INSTANT_NEVER};

	return catalog_record(&line, 1);
}

static struct catalog *catalog_of(const struct record *records, unsigned cnt)
{
	struct catalog *catalog = NULL;

	cr_assert(eq(int, catalog_add_records(&catalog, 0, records, cnt), 0));
	for (unsigned i = 0; i < cnt; i++)
		catalog->offers[i].line = i + 2;
	return catalog;
}

/* Neither side is in order, and the journal has its offers from two lanes. */
Test(difference, says_each_one_by_sku)
{
	const struct record of_file[] = {offer_of(9, 1), offer_of(3, 7), offer_of(1, 2),
					 offer_of(4, 4)};
	const struct record of_lanes[] = {offer_of(4, 4), offer_of(2, 5), offer_of(3, 8),
					  offer_of(10, 1)};
	struct catalog *file = catalog_of(of_file, 4);
	struct catalog *journal = NULL;
	struct catalog_differences found;

	file->offers[1].opens_at_ns = 1000000000;
	cr_assert(eq(int, catalog_add_records(&journal, 0, of_lanes, 1), 0));
	cr_assert(eq(int, catalog_add_records(&journal, 0, of_lanes + 1, 3), 0));
	cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"file.csv", &found), 0));
	cr_assert(eq(u32, line_cnt, 5));
	cr_expect(
		eq(str, lines[0].text, (char *)"file.csv:4: SKU 1 is new: it is not on sale yet"));
	cr_expect(eq(str, lines[1].text,
		     (char *)"file.csv: SKU 2 is on sale and missing here: 2,5,100,0,,,"));
	cr_expect(eq(str, lines[2].text,
		     (char *)"file.csv:3: SKU 3 is on sale with stock 8, the file says 7; opens_at "
			     "nothing, the file says 1970-01-01T00:00:01Z"));
	cr_expect(
		eq(str, lines[3].text, (char *)"file.csv:2: SKU 9 is new: it is not on sale yet"));
	cr_expect(eq(str, lines[4].text,
		     (char *)"file.csv: SKU 10 is on sale and missing here: 10,1,100,0,,,"));
	cr_expect(eq(u64, found.cnt[CATALOG_NEW], 2));
	cr_expect(eq(u64, found.cnt[CATALOG_MISSING], 2));
	cr_expect(eq(u64, found.cnt[CATALOG_OTHER], 1));
	cr_expect(eq(u64, found.same, 1));
	cr_expect(eq(u64, found.on_sale, 4));
	cr_expect(catalog_differs(&found));
	catalog_free(file);
	catalog_free(journal);
}

/* Every column counts, in either direction. */
Test(difference, sees_each_column)
{
	const struct catalog_offer line = {.sku = 5,
					   .stock = 6,
					   .hold_seconds = 8,
					   .extensions = 2,
					   .extend_seconds = 3,
					   .group = 4,
					   .group_limit = 9};
	const struct record record = catalog_record(&line, 1);

	for (unsigned i = CATALOG_STOCK; i < CATALOG_COLUMN_CNT; i++) {
		const bool instant = i == CATALOG_OPENS_AT || i == CATALOG_CLOSES_AT;
		struct catalog *file = catalog_of(&record, 1);
		struct catalog *journal = catalog_of(&record, 1);
		struct catalog_differences found;
		struct error error;

		line_cnt = 0;
		cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
		cr_assert(not(catalog_differs(&found)));
		cr_assert(eq(int,
			     catalog_column_read(&file->offers[0], (enum catalog_column)i,
						 instant ? "2026-11-11T00:00:00Z" : "77", &error),
			     0));
		cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
		cr_expect(eq(u64, found.cnt[CATALOG_OTHER], 1));
		cr_expect(strstr(lines[0].text, catalog_column_name((enum catalog_column)i)) !=
				  NULL,
			  "%s", lines[0].text);
		catalog_free(file);
		catalog_free(journal);
	}
}

/* What a line leaves to hold_seconds is no difference to what a record says. */
Test(difference, sees_none_in_what_was_left_out)
{
	struct catalog_offer line = {.sku = 5, .hold_seconds = 8, .extensions = 2};
	const struct record record = catalog_record(&line, 1);
	struct catalog *file = catalog_of(&record, 1);
	struct catalog *journal = catalog_of(&record, 1);
	struct catalog_differences found;

	file->offers[0].extend_seconds = 0;
	cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
	cr_expect(not(catalog_differs(&found)), "%s", lines[0].text);
	line.extend_seconds = 7;
	file->offers[0].extend_seconds = 7;
	cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
	cr_expect(eq(u64, found.cnt[CATALOG_OTHER], 1));
	catalog_free(file);
	catalog_free(journal);
}

/* The shard counts as the one that sells, named or not. */
Test(difference, sees_another_shard)
{
	const struct record record = offer_of(5, 6);
	struct catalog *file = catalog_of(&record, 1);
	struct catalog *journal = NULL;
	struct catalog_differences found;

	cr_assert(eq(int, catalog_add_records(&journal, 3, &record, 1), 0));
	cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
	cr_expect(eq(u64, found.cnt[CATALOG_OTHER], 1));
	cr_expect(eq(str, lines[0].text,
		     (char *)"f:2: SKU 5 is on sale with shard 3, the file says 0"));
	file->offers[0].shard = 3;
	file->offers[0].shard_named = true;
	cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
	cr_expect(eq(u64, found.same, 1));
	catalog_free(file);
	catalog_free(journal);
}

Test(difference, says_later_columns_of_what_is_missing)
{
	const struct catalog_offer line = {.sku = 5,
					   .stock = 6,
					   .closes_at_ns = INSTANT_NEVER,
					   .hold_seconds = 8,
					   .extensions = 2,
					   .group = 4,
					   .group_limit = 9,
					   .placed = true};
	const struct record record = catalog_record(&line, 1);
	const struct record other = offer_of(4, 1);
	struct catalog *file = catalog_of(&other, 1);
	struct catalog *journal = NULL;
	struct catalog_differences found;

	cr_assert(eq(int, catalog_add_records(&journal, 3, &record, 1), 0));
	cr_assert(eq(int, catalog_compare(file, journal, keep, (void *)"f", &found), 0));
	cr_expect(eq(str, lines[1].text,
		     (char *)"f: SKU 5 is on sale and missing here: 5,6,0,0,,,8,2,8,4,9,3"));
	catalog_free(file);
	catalog_free(journal);
}
