#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/catalog/difference.h"
#include "engine/catalog/placement.h"
#include "net/wire.h"

enum {
	SHARDS = 4,
};

static struct error error;

/* A line of the file's that was read: shard -1 where it is empty. */
struct line {
	uint64_t sku;
	uint32_t group;
	int shard;
};

static struct catalog *catalog_of(const struct line *lines, uint32_t cnt)
{
	struct catalog *catalog = calloc(1, sizeof(*catalog) + cnt * sizeof(catalog->offers[0]));

	cr_assert(catalog != NULL);
	catalog->cnt = cnt;
	catalog->shard_field = 3;
	for (uint32_t i = 0; i < cnt; i++)
		catalog->offers[i] = (struct catalog_offer){
			.sku = lines[i].sku,
			.group = lines[i].group,
			.group_limit = lines[i].group > 0 ? 1 : 0,
			.shard = (uint16_t)(lines[i].shard < 0 ? 0 : lines[i].shard),
			.shard_named = lines[i].shard >= 0,
			.line = i + 2,
		};
	return catalog;
}

/* The first SKU from `from` on whose number names the shard. */
static uint64_t sku_in(uint16_t shard, uint64_t from)
{
	while (wire_shard_of(from, SHARDS) != shard)
		from++;
	return from;
}

static void place(struct catalog *catalog, const struct catalog *journal)
{
	cr_assert(eq(int, catalog_place(catalog, "f", NULL, SHARDS, journal, &error), 0), "%s",
		  error.text);
}

static void expect(const struct catalog *catalog, const uint16_t *shards)
{
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *line = &catalog->offers[i];

		cr_expect(eq(u32, line->shard, shards[i]), "line %u", line->line);
		cr_expect(eq(int, line->placed, shards[i] != wire_shard_of(line->sku, SHARDS)),
			  "line %u", line->line);
	}
}

Test(placement, goes_by_number_unless_a_shard_is_named)
{
	const struct line lines[] = {
		{sku_in(0, 1), 0, -1}, {sku_in(1, 1), 0, -1}, {sku_in(2, 1), 0, 3},
		{sku_in(3, 1), 0, 3},  {sku_in(3, 99), 0, 0},
	};
	struct catalog *catalog = catalog_of(lines, 5);

	place(catalog, NULL);
	expect(catalog, (const uint16_t[]){0, 1, 3, 3, 0});
	/* Once more is the same. */
	place(catalog, NULL);
	expect(catalog, (const uint16_t[]){0, 1, 3, 3, 0});
	catalog_free(catalog);
}

Test(placement, keeps_a_group_together)
{
	const struct line lines[] = {
		/* Where the first of the file belongs. */
		{sku_in(2, 1), 7, -1},
		{sku_in(0, 1), 9, -1},
		{sku_in(1, 1), 7, -1},
		/* Where one of its lines says, although it is not the first. */
		{sku_in(3, 1), 8, -1},
		{sku_in(3, 99), 8, 1},
		{sku_in(1, 99), 9, -1},
		{sku_in(2, 99), 0, -1},
	};
	struct catalog *catalog = catalog_of(lines, 7);

	place(catalog, NULL);
	expect(catalog, (const uint16_t[]){2, 0, 2, 1, 1, 0, 2});
	catalog_free(catalog);
}

/* A group stays where it is sold, in whatever order its lines are, and also its new SKUs go there;
 * but a shard that the file names is a difference, which the caller sees. */
Test(placement, leaves_a_group_where_it_is_sold)
{
	struct line lines[] = {
		{sku_in(1, 1), 7, -1},
		{sku_in(2, 1), 7, -1},
		{sku_in(3, 1), 7, -1},
	};
	const struct catalog_offer sold = {
		.sku = lines[1].sku, .group = 7, .group_limit = 1, .stock = 1, .closes_at_ns = 1};
	const struct record record = catalog_record(&sold, 1);
	struct catalog *journal = NULL;
	struct catalog *catalog = catalog_of(lines, 3);

	cr_assert(eq(int, catalog_add_records(&journal, 2, &record, 1), 0));
	place(catalog, journal);
	expect(catalog, (const uint16_t[]){2, 2, 2});
	catalog_free(catalog);
	lines[2].shard = 0;
	catalog = catalog_of(lines, 3);
	place(catalog, journal);
	expect(catalog, (const uint16_t[]){0, 0, 0});
	catalog_free(catalog);
	catalog_free(journal);
}

Test(placement, names_a_shard_that_is_not_there)
{
	const struct line lines[] = {{1, 0, 3}, {2, 0, 4}, {3, 0, 255}};
	struct catalog *catalog = catalog_of(lines, 3);

	cr_assert(eq(int, catalog_place(catalog, "f", NULL, SHARDS, NULL, &error), -EINVAL));
	cr_expect(eq(str, error.text,
		     (char *)"f: 2 faults; the first: f:3: column 3 (shard): shard 4 is not there: "
			     "with 4 in all they are 0 to 3; name one of these, or leave it "
			     "empty"),
		  "%s", error.text);
	catalog_free(catalog);
}

/* Where the start goes on although the file differs, nothing is sold twice, and no group by two
 * shards. */
Test(placement, follows_the_journal)
{
	const struct line lines[] = {
		{10, 0, 1}, {11, 7, 1}, {12, 7, -1}, {13, 0, 0}, {14, 8, 3},
	};
	const struct catalog_offer sold[] = {
		{.sku = 11, .group = 7, .group_limit = 2, .stock = 1, .closes_at_ns = 1},
		{.sku = 10, .stock = 1, .closes_at_ns = 1},
	};
	const struct record records[] = {catalog_record(&sold[0], 1), catalog_record(&sold[1], 1)};
	struct catalog *journal = NULL;
	struct catalog *catalog = catalog_of(lines, 5);

	cr_assert(eq(int, catalog_add_records(&journal, 2, records, 2), 0));
	catalog_sort(journal);
	place(catalog, journal);
	expect(catalog, (const uint16_t[]){1, 1, 1, 0, 3});
	cr_assert(eq(int, catalog_follow(catalog, SHARDS, journal), 0));
	expect(catalog, (const uint16_t[]){2, 2, 2, 0, 3});
	cr_expect(eq(u32, catalog->offers[2].group_limit, 2));
	cr_expect(eq(u32, catalog->offers[4].group_limit, 1));
	catalog_free(catalog);
	catalog_free(journal);
}
