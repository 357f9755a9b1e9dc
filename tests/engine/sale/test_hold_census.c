#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sale/hold_census.h"
#include "tests/support/holds.h"
#include "tests/support/sale.h"

static const uint64_t NOW_NS = UINT64_C(1000000000000000000);
static const uint64_t S = 1000000000;

enum {
	SKUS = CENSUS_SKUS_MAX + 7,
	HOLDS = 1000,
};

/* Holds one unit, and says what its order is. */
static struct decision hold(struct shard *shard, uint64_t now_ns, uint64_t id, uint64_t sku)
{
	struct wire_request request = sale_buy(id, id, sku);
	struct decision decision;

	request.op = WIRE_OP_HOLD;
	decision = sale_decide(shard, now_ns, &request, NULL);
	cr_assert(eq(int, decision.verdict, VERDICT_HELD));
	return decision;
}

/* SKUs 1 to cnt, of each of which `stock` units may be held. */
static struct shard *open_skus(uint32_t cnt, uint32_t stock)
{
	const struct shard_size size = {.offer_cnt = cnt,
					.order_cnt = 1,
					.buyer_cnt = 1,
					.hold_cnt = HOLDS,
					.change_cnt = HOLDS};
	const char *why = NULL;
	struct shard *shard;

	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	for (uint32_t i = 1; i <= cnt; i++) {
		struct record offer = sale_offer(i, stock, 1, 0);

		offer.offer.hold_seconds = 3600;
		cr_assert(eq(int, shard_apply(shard, i, &offer, &why), 0));
	}
	return shard;
}

static struct hold_census take(const struct shard *shard, uint64_t now_ns, uint64_t holds_max)
{
	struct hold_census census;

	hold_census_take(shard, now_ns, holds_max, &census);
	return census;
}

/* Sums by age from views of the holds, one after the other. */
static void add_ages(const struct shard *shard, uint64_t hold_cnt, struct census_count *ages)
{
	for (uint64_t i = 0; i < hold_cnt; i++) {
		struct hold_view view;

		shard_hold_at(shard, i, &view);
		if (view.state == HOLD_OPEN) {
			struct census_count *of = &ages[hold_age_of(
				view.held_at_ns, view.ends_at_ns, shard_last_at_ns(shard))];

			of->holds++;
			of->units += view.held;
		}
	}
}

/* A random sale; how many holds are open at its end. */
static uint64_t check_sale(uint64_t seed)
{
	const struct shard_size size = holds_room(2000);
	struct census_count ages[HOLD_AGES] = {0};
	struct hold_census census;
	struct shard_totals totals;
	struct shard *shard;
	uint64_t units = 0;

	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	random_holds(shard, seed, 300, NULL);
	shard_totals(shard, &totals);
	add_ages(shard, totals.holds, ages);
	census = take(shard, shard_last_at_ns(shard), CENSUS_HOLDS_MAX);
	cr_assert(eq(u64, census.unseen, 0));
	for (unsigned age = 0; age < HOLD_AGES; age++) {
		cr_assert(eq(u64, census.ages[age].holds, ages[age].holds));
		cr_assert(eq(u64, census.ages[age].units, ages[age].units));
	}
	for (uint32_t i = 0; i < census.sku_cnt; i++)
		units += census.skus[i].held_units;
	cr_assert(eq(u64, units, totals.units_held));
	shard_close(shard);
	return totals.open_holds;
}

Test(hold_census, counts_what_is_open_by_age)
{
	uint64_t open_cnt = 0;

	for (uint64_t seed = 1; seed <= 40; seed++)
		open_cnt += check_sale(seed);
	cr_assert(gt(u64, open_cnt, 100));
}

Test(hold_census, names_the_skus_of_which_most_is_held)
{
	struct shard *shard = open_skus(SKUS, 100);
	struct hold_census census;
	uint64_t id = 1;

	/* SKU n has n holds; the first of them is the oldest. */
	for (uint64_t round = 1; round <= SKUS; round++) {
		for (uint64_t sku = SKUS; sku >= round; sku--, id++)
			hold(shard, NOW_NS + id * S, id, sku);
	}
	census = take(shard, NOW_NS + id * S, CENSUS_HOLDS_MAX);
	cr_assert(eq(u32, census.sku_cnt, CENSUS_SKUS_MAX));
	for (uint32_t i = 0; i < CENSUS_SKUS_MAX; i++) {
		const uint64_t sku = SKUS - i;

		cr_assert(eq(u64, census.skus[i].sku, sku));
		cr_assert(eq(u64, census.skus[i].held_units, sku));
		cr_assert(eq(u64, census.skus[i].holds, sku));
		cr_assert(eq(u64, census.skus[i].oldest_at_ns, NOW_NS + (SKUS - sku + 1) * S));
	}
	shard_close(shard);
}

Test(hold_census, leaves_out_what_has_ended)
{
	struct shard *shard = open_skus(1, 10);
	const struct decision first = hold(shard, NOW_NS, 1, 1);
	struct wire_request request = sale_buy(3, 1, 1);
	struct hold_census census;

	hold(shard, NOW_NS + S, 2, 1);
	request.op = WIRE_OP_RELEASE;
	request.price_or_order = first.order_id;
	cr_assert(
		eq(int, sale_decide(shard, NOW_NS + S, &request, NULL).verdict, VERDICT_RELEASED));
	census = take(shard, NOW_NS + S, CENSUS_HOLDS_MAX);
	cr_assert(eq(u64, census.ages[HOLD_UNDER_1_MIN].holds, 1));
	cr_assert(eq(u64, census.skus[0].oldest_at_ns, NOW_NS + S));
	shard_close(shard);
}

Test(hold_census, names_nothing_where_nothing_is_held)
{
	struct shard *shard = open_skus(1, 10);
	const struct hold_census census = take(shard, NOW_NS, CENSUS_HOLDS_MAX);
	cr_assert(eq(u32, census.sku_cnt, 0));
	cr_assert(eq(u64, census.unseen, 0));
	shard_close(shard);
}

/* The oldest are those that it does not reach, and it says so. */
Test(hold_census, looks_at_so_many_and_says_how_many_are_left)
{
	struct shard *shard = open_skus(1, HOLDS);
	struct hold_census census;

	for (uint64_t id = 1; id <= HOLDS; id++)
		hold(shard, NOW_NS + id, id, 1);
	census = take(shard, NOW_NS + S, HOLDS - 5);
	cr_assert(eq(u64, census.ages[HOLD_UNDER_1_MIN].holds, HOLDS - 5));
	cr_assert(eq(u64, census.unseen, 5));
	cr_assert(eq(u64, census.skus[0].held_units, HOLDS));
	cr_assert(eq(u64, census.skus[0].oldest_at_ns, NOW_NS + 6));
	census = take(shard, NOW_NS + S, HOLDS);
	cr_assert(eq(u64, census.unseen, 0));
	cr_assert(eq(u64, census.skus[0].oldest_at_ns, NOW_NS + 1));
	shard_close(shard);
}
