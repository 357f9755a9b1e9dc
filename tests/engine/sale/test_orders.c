#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sale/orders.h"
#include "net/wire.h"

/* Every hash the same: all orders share one home bucket and overflow along the table. */
Test(orders, finds_all_when_every_hash_collides)
{
	struct arena *arena = NULL;
	struct orders orders;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, orders_open(&orders, arena, 500, 0, 0), 0));
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
	struct hash_key key;
	struct arena *arena = NULL;
	struct orders orders;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, orders_open(&orders, arena, 100000, 0, 0), 0));
	for (unsigned i = 0; i < HASH_KEY_WORDS; i++)
		key.words[i] = mix64(i + 1);
	for (uint64_t i = 0; i < 100000; i++) {
		struct order *order =
			orders_add(&orders, hash_end(&key, hash_request_id(&key, i, 0)));

		cr_assert(order != NULL);
		order->request_id[0] = i;
	}
	for (uint64_t i = 0; i < 200000; i++) {
		const uint64_t id[2] = {i, 0};

		cr_assert(eq(int,
			     orders_find(&orders, hash_end(&key, hash_request_id(&key, i, 0)), id,
					 0) != NULL,
			     i < 100000));
	}
	arena_close(arena);
}
