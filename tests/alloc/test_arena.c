#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include <jemalloc/jemalloc.h>

#include "alloc/arena.h"
#include "tests/support/smaps.h"

Test(arena, gives_zeroed_aligned_memory_of_its_own)
{
	static const size_t sizes[] = {1, 64, 4095, 4096, 655360, 2 << 20, (33 << 20) + 64};
	struct arena *arena = NULL;
	struct arena_bytes bytes;

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
	bytes = arena_bytes(arena);
	/* All of it, and no more than tables rounded up to hugepages. */
	cr_assert(eq(u64, bytes.reserved + bytes.transparent + bytes.normal,
		     1 + 64 + 4095 + 4096 + 655360 + (2 << 20) + (34 << 20)));
	arena_close(arena);
}

Test(arena, says_no_where_there_is_no_memory)
{
	struct arena *arena = NULL;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(arena_alloc(arena, (size_t)1 << 50) == NULL);
	arena_close(arena);
}

static uint64_t mapped_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "r");
	uint64_t pages = 0;

	cr_assert(file != NULL);
	cr_assert(eq(int, fscanf(file, "%" SCNu64, &pages), 1));
	fclose(file);
	return pages * 4096;
}

/* A tool opens a shard after the other. */
Test(arena, gives_everything_back)
{
	static const size_t sizes[] = {64, 12288, 65536, 300000, 3 << 20};
	uint64_t before = 0;

	for (unsigned round = 0; round < 100; round++) {
		struct arena *arena = NULL;

		if (round == 20)
			before = mapped_bytes();
		cr_assert(eq(int, arena_open(&arena), 0));
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
			cr_assert(arena_alloc(arena, sizes[i]) != NULL);
		arena_close(arena);
	}
	cr_assert(lt(u64, mapped_bytes(), before + (20 << 20)));
}

/* 33 MiB come from an extent of jemalloc's next size class, 40 MiB: the rest costs nothing. */
Test(arena, takes_no_more_than_was_asked_for)
{
	struct arena *arena = NULL;
	uint64_t before;

	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(arena_alloc(arena, 64) != NULL);
	before = smaps_kib(NULL, "Rss");
	cr_assert(arena_alloc(arena, 33 << 20) != NULL);
	cr_assert(lt(u64, smaps_kib(NULL, "Rss"), before + (36 << 10)));
	arena_close(arena);
}

Test(arena, jemalloc_tells_what_is_in_it)
{
	struct arena *arena = NULL;
	struct arena_stats before;
	struct arena_stats after;

	cr_assert(eq(int, arena_open(&arena), 0));
	arena_stats_refresh();
	before = arena_stats(arena);
	cr_assert(arena_alloc(arena, 100000) != NULL);
	cr_assert(arena_alloc(arena, 33 << 20) != NULL);
	cr_assert(eq(u64, arena_stats(arena).allocated_bytes, before.allocated_bytes),
		  "only a refresh tells");
	arena_stats_refresh();
	after = arena_stats(arena);
	cr_assert(ge(u64, after.allocated_bytes - before.allocated_bytes, 100000 + (33 << 20)));
	cr_assert(le(u64, after.allocated_bytes - before.allocated_bytes, 42 << 20));
	cr_assert(ge(u64, after.mapped_bytes, after.allocated_bytes));
	cr_assert(gt(u64, after.metadata_bytes, 0));
	arena_close(arena);
}

Test(arena, a_thread_knows_what_it_allocated)
{
	const uint64_t *allocated = arena_thread_allocated();
	const uint64_t before = *allocated;
	void *volatile memory = mallocx(100, 0);

	cr_assert(ge(u64, *allocated, before + 100));
	cr_assert(lt(u64, *allocated, before + 1000));
	dallocx(memory, 0);
	cr_assert(ge(u64, *allocated, before + 100), "what was given back was allocated, too");
}

Test(arena, knows_what_the_machine_has)
{
	cr_assert(gt(u64, arena_available_bytes(), 64 << 20));
}

static long hugepages(const char *name, long set)
{
	char path[128];
	long value = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-2048kB/%s", name);
	file = fopen(path, set >= 0 ? "w" : "r");
	if (file == NULL)
		return -1;
	if (set >= 0)
		fprintf(file, "%ld\n", set);
	else if (fscanf(file, "%ld", &value) != 1)
		value = -1;
	fclose(file);
	return value;
}

/* Tables as a shard of some millions of orders has them: each must lie where arena_bytes says. */
static void check_tables(uint64_t reserved_wanted)
{
	static const size_t sizes[] = {5 << 20, (8 << 20) - 4096, (2 << 20) + 1};
	struct arena *arena = NULL;
	const long free_before = hugepages("free_hugepages", -1);
	uint64_t reserved = 0;
	struct arena_bytes bytes;

	cr_assert(eq(int, arena_open(&arena), 0));
	for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const size_t rounded = (sizes[i] + (2 << 20) - 1) >> 21 << 21;
		const void *memory = arena_alloc(arena, sizes[i]);

		cr_assert(memory != NULL);
		reserved += smaps_kib(memory, "KernelPageSize") == 2048 ? rounded : 0;
	}
	bytes = arena_bytes(arena);
	cr_assert(eq(u64, bytes.reserved, reserved));
	cr_assert(eq(u64, bytes.reserved, reserved_wanted));
	cr_assert(eq(u64, bytes.reserved + bytes.transparent + bytes.normal, 18 << 20));
	arena_close(arena);
	cr_assert(eq(long, hugepages("free_hugepages", -1), free_before));
}

static long hugepages_before = -1;

static void put_back(void)
{
	if (hugepages_before >= 0)
		hugepages("nr_hugepages", hugepages_before);
}

Test(arena, tables_lie_on_hugepages_where_there_are_some, .fini = put_back)
{
	const long before = hugepages("nr_hugepages", -1);
	const long free_before = hugepages("free_hugepages", -1);

	if (before < 0 || free_before > 0 || geteuid() != 0)
		cr_skip_test("needs root, 2 MiB pages, and none of them free now");
	check_tables(0);
	hugepages_before = before;
	/* Enough for the first two only. */
	hugepages("nr_hugepages", before + 8);
	if (hugepages("free_hugepages", -1) == 8)
		check_tables(14 << 20);
}
