#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/catalog/sizes.h"

static const struct shard_size nothing;

static struct catalog_offer offer_of(uint32_t stock, uint32_t limit, uint32_t hold_seconds,
				     uint32_t group)
{
	return (struct catalog_offer){.stock = stock,
				      .limit_per_buyer = limit,
				      .hold_seconds = hold_seconds,
				      .group = group};
}

static void expect(struct shard_size size, uint64_t orders, uint64_t buyers, uint64_t holds,
		   uint64_t changes)
{
	cr_expect(eq(u64, size.order_cnt, orders));
	cr_expect(eq(u64, size.buyer_cnt, buyers));
	cr_expect(eq(u64, size.hold_cnt, holds));
	cr_expect(eq(u64, size.change_cnt, changes));
}

static struct shard_size size_of(const struct catalog_offer *offers, unsigned cnt,
				 uint64_t order_max, uint64_t hold_max,
				 const struct shard_size *had)
{
	struct catalog_sizes sizes = {0};

	for (unsigned i = 0; i < cnt; i++)
		catalog_sizes_add(&sizes, &offers[i]);
	return catalog_sizes_shard(&sizes, order_max, hold_max, had);
}

Test(sizes, nothing_on_sale_needs_nothing)
{
	const struct catalog_offer none = offer_of(0, 1, 600, 7);

	expect(size_of(NULL, 0, 0, 0, &nothing), 0, 0, 0, 0);
	expect(size_of(&none, 1, 0, 500, &nothing), 0, 0, 0, 0);
}

/* Without holds: the stock, and what comes back. */
Test(sizes, of_bought_orders)
{
	const struct catalog_offer offers[] = {offer_of(60000, 0, 0, 0), offer_of(4000, 2, 0, 0)};

	cr_expect(eq(u64, size_of(offers, 2, 0, 0, &nothing).offer_cnt, 2));
	expect(size_of(offers, 2, 0, 0, &nothing), 68000, 8000, 4000, 4000);
	/* A small stock, too, can come back often. */
	expect(size_of(offers + 1, 1, 0, 0, &nothing), 5024, 5024, 1024, 1024);
	expect(size_of(offers, 1, 0, 0, &nothing), 63750, 0, 3750, 3750);
}

Test(sizes, of_holds)
{
	const struct catalog_offer offers[] = {offer_of(64000, 0, 0, 0),
					       offer_of(16000, 1, 600, 0)};
	const struct catalog_offer few = offer_of(10, 1, 600, 0);

	/* 80,000 units of which 5,000 come back, and 64,000 holds. */
	expect(size_of(offers, 2, 0, 0, &nothing), 85000, 16000 + 5000 + 69000, 69000, 197000);
	expect(size_of(&few, 1, 0, 0, &nothing), 1034, 1034 + 2048, 2048, 4096);
}

/* A limit of a buyer and one of a group are two counts. */
Test(sizes, of_groups)
{
	const struct catalog_offer in_group = offer_of(32000, 0, 0, 7);
	const struct catalog_offer both = offer_of(32000, 2, 0, 7);
	const struct catalog_offer held = offer_of(32000, 2, 600, 7);

	expect(size_of(&in_group, 1, 0, 0, &nothing), 34000, 34000, 2000, 2000);
	expect(size_of(&both, 1, 0, 0, &nothing), 34000, 68000, 2000, 2000);
	expect(size_of(&held, 1, 0, 0, &nothing), 34000, 68000 + 2 * 130000, 130000, 386000);
}

/* Orders up to what the operator allows; holds as many as the operator says, also more. Never fewer
 * than there are. */
Test(sizes, of_what_the_operator_sets)
{
	const struct catalog_offer held = offer_of(16000, 1, 600, 0);
	const struct catalog_offer bought = offer_of(16000, 1, 0, 0);
	const struct shard_size had = {.order_cnt = 300, .hold_cnt = 400, .change_cnt = 1500};

	expect(size_of(&held, 1, 100, 200, &nothing), 100, 300, 200, 600);
	expect(size_of(&held, 1, 100, 200, &had), 300, 700, 400, 1500);
	expect(size_of(&held, 1, 0, 1000000, &nothing), 17024, 16000 + 1024 + 1000000, 1000000,
	       3000000);
	expect(size_of(&bought, 1, 0, 1000000, &nothing), 17024, 17024, 1024, 3072);
	expect(size_of(&bought, 1, 0, 10, &nothing), 17024, 17024, 10, 30);
	expect(size_of(&bought, 1, 1000000, 0, &had), 17024, 17024, 1424, 2524);
}

/* Links, only where there are other shards: one of eight orders, one of two holds, and some where
 * this shard sells little. */
Test(sizes, of_baskets_over_shards)
{
	const struct catalog_offer held = offer_of(16000, 0, 600, 0);
	const struct catalog_offer few = offer_of(1, 0, 0, 0);
	const struct shard_size had = {.link_cnt = 100000};
	struct catalog_sizes sizes = {.spans = false};

	catalog_sizes_add(&sizes, &held);
	cr_expect(eq(u64, catalog_sizes_shard(&sizes, 0, 0, &nothing).link_cnt, 0));
	sizes.spans = true;
	cr_expect(eq(u64, catalog_sizes_shard(&sizes, 0, 0, &nothing).link_cnt,
		     17024 / 8 + 65024 / 2));
	/* A restart makes room. */
	cr_expect(eq(u64, catalog_sizes_shard(&sizes, 0, 0, &had).link_cnt, 100000 + 12500 + 1024));
	sizes = (struct catalog_sizes){.spans = true};
	catalog_sizes_add(&sizes, &few);
	cr_expect(eq(u64, catalog_sizes_shard(&sizes, 0, 0, &nothing).link_cnt, 1024));
}

/* What came back and was bought again fills the tables; a restart makes room for as much. */
Test(sizes, grow_with_what_there_is)
{
	const struct catalog_offer held = offer_of(16000, 0, 600, 0);
	const struct shard_size full = {
		.order_cnt = 17024, .hold_cnt = 65024, .change_cnt = 193024};
	const struct shard_size few = {.order_cnt = 9, .hold_cnt = 9, .change_cnt = 9};

	expect(size_of(&held, 1, 0, 0, &few), 17024, 0, 65024, 193024);
	expect(size_of(&held, 1, 0, 0, &full), 18048, 0, 66048, 194048);
	expect(size_of(&held, 1, 17000, 65000, &full), 17024, 0, 65024, 195000);
}
