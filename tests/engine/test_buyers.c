#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/buyers.h"

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
