#include <stdint.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "alloc/arena.h"

Test(arena, gives_zeroed_aligned_memory_of_its_own)
{
	static const size_t sizes[] = {1, 64, 4095, 4096, 655360, 2 << 20, 33 << 20};
	struct arena *arena = NULL;
	uint64_t huge;
	uint64_t normal;

	cr_assert(eq(int, arena_open(&arena), 0));
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint8_t *memory = arena_alloc(arena, sizes[i]);
		const size_t alignment = sizes[i] >= 2 << 20 ? 2 << 20
					 : sizes[i] >= 4096  ? 4096
							     : 64;

		cr_assert(memory != NULL);
		cr_assert(eq(sz, (uintptr_t)memory % alignment, 0), "size %zu", sizes[i]);
		for (size_t at = 0; at < sizes[i]; at++) {
			if (memory[at] != 0)
				cr_fatal("byte %zu of %zu is not zero", at, sizes[i]);
			memory[at] = 0xff;
		}
	}
	arena_bytes(arena, &huge, &normal);
	cr_assert(ge(u64, huge + normal, 35 << 20));
	arena_close(arena);
}

Test(arena, says_no_where_there_is_no_memory)
{
	struct arena *arena = NULL;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(arena_alloc(arena, (size_t)1 << 50) == NULL);
	arena_close(arena);
}

Test(arena, knows_what_the_machine_has)
{
	cr_assert(gt(u64, arena_available_bytes(), 64 << 20));
}
