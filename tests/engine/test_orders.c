#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/buyers.h"
#include "engine/offers.h"
#include "engine/orders.h"

/* Every hash the same: all orders share one home bucket and overflow along the table. */
Test(orders, finds_all_when_every_hash_collides)
{
	struct arena *arena = NULL;
	struct orders orders;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, orders_open(&orders, arena, 500), 0));
	for (uint64_t i = 0; i < 500; i++) {
		struct order *order = orders_add(&orders, 0);

		cr_assert(order != NULL);
		order->request_id[0] = i;
	}
	cr_assert(orders_add(&orders, 0) == NULL);
	for (uint64_t i = 0; i < 501; i++) {
		const uint64_t id[2] = {i, 0};
		const struct order *order = orders_find(&orders, 0, id, 0);

		cr_assert(eq(int, order != NULL, i < 500));
		if (order != NULL)
			cr_assert(eq(u64, order->request_id[0], i));
	}
	arena_close(arena);
}

Test(orders, holds_what_it_was_made_for)
{
	const struct hash_key key = {{1, 2, 3, 4, 5}};
	struct arena *arena = NULL;
	struct orders orders;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, orders_open(&orders, arena, 100000), 0));
	for (uint64_t i = 0; i < 100000; i++) {
		struct order *order = orders_add(&orders, hash_3(&key, i, 0, 1));

		cr_assert(order != NULL);
		order->request_id[0] = i;
	}
	for (uint64_t i = 0; i < 200000; i++) {
		const uint64_t id[2] = {i, 0};

		cr_assert(eq(int, orders_find(&orders, hash_3(&key, i, 0, 1), id, 0) != NULL,
			     i < 100000));
	}
	arena_close(arena);
}

Test(buyers, counts_when_every_hash_collides)
{
	struct arena *arena = NULL;
	struct buyers buyers;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, buyers_open(&buyers, arena, 100), 0));
	for (unsigned round = 1; round <= 2; round++) {
		for (uint64_t i = 0; i < 100; i++) {
			struct buyer_count *count = buyers_find(&buyers, 0, i, 3);

			cr_assert(count != NULL);
			cr_assert(eq(u32, count->units, round - 1));
			buyers_take(&buyers, count, i, 3, 1);
		}
	}
	cr_assert(buyers_find(&buyers, 0, 100, 3) == NULL, "full");
	cr_assert(eq(u32, buyers_find(&buyers, 0, 99, 3)->units, 2));
	arena_close(arena);
}

Test(offers, finds_all_when_every_hash_collides)
{
	struct arena *arena = NULL;
	struct offers offers;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, offers_open(&offers, arena, 50), 0));
	for (uint64_t sku = 0; sku < 50; sku++)
		cr_assert(offers_add(&offers, UINT64_MAX, sku) != NULL);
	cr_assert(offers_add(&offers, UINT64_MAX, 50) == NULL, "full");
	for (uint64_t sku = 0; sku < 51; sku++)
		cr_assert(eq(int, offers_find(&offers, UINT64_MAX, sku) != NULL, sku < 50));
	arena_close(arena);
}
