#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sale/buyers.h"
#include "net/wire.h"

static struct arena *arena;
static struct buyers buyers;

static void open_100(void)
{
	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, buyers_open(&buyers, arena, 100), 0));
}

static void close_buyers(void)
{
	arena_close(arena);
}

TestSuite(buyers, .init = open_100, .fini = close_buyers);

/* The last bucket is everybody's home: all but four go on around the end. */
Test(buyers, counts_when_every_hash_collides)
{
	for (unsigned round = 1; round <= 2; round++) {
		for (uint64_t i = 0; i < 100; i++) {
			struct buyer_count *count = buyers_find(&buyers, UINT64_MAX, i, 3);

			cr_assert(eq(u32, buyer_units(count), round - 1));
			cr_assert(buyers_have_room(&buyers, count));
			buyers_take(&buyers, count, i, 3, 1);
		}
	}

	const struct buyer_count *new = buyers_find(&buyers, UINT64_MAX, 100, 3);

	cr_assert(eq(u32, buyer_units(new), 0));
	cr_assert(not(buyers_have_room(&buyers, new)), "full");
	cr_assert(eq(u32, buyer_units(buyers_find(&buyers, UINT64_MAX, 99, 3)), 2));
	cr_assert(buyers_have_room(&buyers, buyers_find(&buyers, UINT64_MAX, 99, 3)));
}

/* Each part of a slot tells it from another, in each slot of a bucket. */
Test(buyers, tells_buyers_and_offers_apart)
{
	static const struct buyer_count others[BUYER_BUCKET_SLOTS] = {
		{.buyer = 5, .offer_idx = 3, .units_1 = 1},
		{.buyer = 5 | UINT64_C(1) << 32, .offer_idx = 3, .units_1 = 2},
		{.buyer = 6, .offer_idx = 3, .units_1 = 3},
		{.buyer = 5, .offer_idx = 4, .units_1 = 4},
	};
	struct buyer_bucket *home = buyers_home(&buyers, 0);

	for (unsigned i = 0; i < BUYER_BUCKET_SLOTS; i++)
		buyers_take(&buyers, &home->counts[i], others[i].buyer, others[i].offer_idx,
			    others[i].units_1);
	for (unsigned i = 0; i < BUYER_BUCKET_SLOTS; i++)
		cr_assert(eq(ptr, buyers_find(&buyers, 0, others[i].buyer, others[i].offer_idx),
			     &home->counts[i]));
	cr_assert(eq(ptr, buyers_find(&buyers, 0, 6, 4), &home[1].counts[0]));
	cr_assert(buyers_prefetch(&buyers, 0, 6, 4) == NULL);
	cr_assert(eq(ptr, buyers_prefetch(&buyers, 0, 6, 3), &home->counts[2]));
}

/* Buyer 0 of offer 0 looks like an empty slot but for its units. */
Test(buyers, a_buyer_of_zeros_is_one)
{
	struct buyer_count *count = buyers_find(&buyers, 0, 0, 0);

	buyers_take(&buyers, count, 0, 0, 9);
	cr_assert(eq(ptr, buyers_find(&buyers, 0, 0, 0), count));
	cr_assert(ne(ptr, buyers_find(&buyers, 0, 1, 0), count));
	cr_assert(buyer_count_holds(count, 0, 0));
	cr_assert(not(buyer_count_holds(count, 1, 0)));
	cr_assert(not(buyer_count_holds(count, 0, 1)));
}

/* Beyond the second bucket no pass has asked for memory. */
Test(buyers, hardly_any_lies_beyond_the_second_bucket)
{
	struct arena *large = NULL;
	struct buyers many;
	unsigned far = 0;

	cr_assert(eq(int, arena_open(&large), 0));
	cr_assert(eq(int, buyers_open(&many, large, 100000), 0));
	for (uint64_t i = 0; i < 90000; i++) {
		const uint64_t hash = mix64(i);
		const struct buyer_bucket *home = buyers_home(&many, hash);
		struct buyer_count *count = buyers_find(&many, hash, i, 0);
		const ptrdiff_t after = count - home->counts;

		buyers_take(&many, count, i, 0, 1);
		far += after < 0 || after >= 2 * BUYER_BUCKET_SLOTS;
	}
	cr_assert(lt(u32, far, 900), "one in a hundred");
	arena_close(large);
}
