#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sale/offers.h"

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
