#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sale/index.h"
#include "net/wire.h"

static struct arena *arena;
static struct index idx;

static void open_for(uint64_t cnt_max)
{
	cr_assert(eq(int, arena_open(&arena), 0));
	cr_assert(eq(int, index_open(&idx, arena, index_buckets_for(cnt_max)), 0));
}

static void close_index(void)
{
	arena_close(arena);
}

/* How often a search by this hash gives this number. */
static unsigned found(uint64_t hash, uint32_t number)
{
	struct index_search search = index_search(&idx, hash);
	unsigned cnt = 0;
	uint32_t it;

	while (index_next(&idx, &search, &it))
		cnt += it == number;
	return cnt;
}

TestSuite(index, .fini = close_index);

/* The last bucket is everybody's home: all but ten go on around the end. */
Test(index, finds_all_when_every_hash_is_the_same)
{
	open_for(500);
	for (uint32_t i = 0; i < 500; i++)
		index_add(&idx, UINT64_MAX, i);
	for (uint32_t i = 0; i < 501; i++)
		cr_assert(eq(u32, found(UINT64_MAX, i), i < 500));
	index_clear(&idx);
	cr_assert(eq(u32, found(UINT64_MAX, 0), 0));
}

Test(index, each_slot_of_a_bucket_has_its_own_tag)
{
	open_for(2);
	for (uint32_t i = 0; i < INDEX_BUCKET_SLOTS; i++)
		index_add(&idx, (uint64_t)i << 16, i);
	for (uint32_t i = 0; i < INDEX_BUCKET_SLOTS; i++) {
		cr_assert(eq(u32, index_match(idx.buckets, (uint16_t)i), 1U << i));
		cr_assert(eq(u32, found((uint64_t)i << 16, i), 1));
	}
	cr_assert(eq(u32, index_match(idx.buckets, INDEX_BUCKET_SLOTS), 0));
}

/* Empty slots are zero, and so is the tag of some hashes. */
Test(index, nothing_is_in_empty_slots)
{
	open_for(100);
	cr_assert(eq(u32, found(0, 0), 0));
	index_add(&idx, UINT64_C(7) << 16, 3);
	cr_assert(eq(u32, found(0, 0), 0));
}

Test(index, holds_what_it_was_made_for)
{
	struct hash_key key;
	uint64_t second = 0;

	for (unsigned i = 0; i < HASH_KEY_WORDS; i++)
		key.words[i] = mix64(i + 1);
	open_for(100000);
	for (uint32_t i = 0; i < 100000; i++)
		index_add(&idx, hash_end(&key, hash_request_id(&key, i, 1)), i);
	for (uint32_t i = 0; i < 100000; i++)
		cr_assert(eq(u32, found(hash_end(&key, hash_request_id(&key, i, 1)), i), 1));
	for (uint64_t i = 0; i < idx.bucket_cnt; i++)
		second += idx.buckets[i].overflowed;
	cr_assert(lt(u64, second, 600), "3 in 1000 are expected to pass a full one");
}

enum {
	CROWD = 60,
};

/* Hashes of few homes and few tags, so that buckets overflow, fill and empty again. */
static uint64_t crowded_hash(uint64_t number)
{
	return (mix64(number) % 3 << 62) | (number % 5 << 16);
}

/* Beside a plain array: whatever was added and removed, a search finds what is there, once. */
Test(index, finds_what_was_not_removed)
{
	uint32_t number_of[CROWD] = {0}; /* by hash; 0: none */

	open_for(CROWD);
	for (uint64_t step = 1; step < 20000; step++) {
		const uint64_t at = mix64(step) % CROWD;
		const uint64_t hash = crowded_hash(at);

		/* At times nearly empty, at times full. */
		if (number_of[at] == 0 && mix64(~step) % 100 < (step / 1000 % 2 == 0 ? 90 : 20)) {
			number_of[at] = (uint32_t)step;
			index_add(&idx, hash, (uint32_t)step);
		} else if (number_of[at] != 0 && mix64(step + 7) % 3 == 0) {
			index_replace(&idx, hash, number_of[at], (uint32_t)step);
			number_of[at] = (uint32_t)step;
		} else if (number_of[at] != 0) {
			index_remove(&idx, hash, number_of[at]);
			cr_assert(eq(u32, found(hash, number_of[at]), 0));
			number_of[at] = 0;
		}
		for (uint64_t i = 0; i < CROWD; i++) {
			if (number_of[i] != 0)
				cr_assert(eq(u32, found(crowded_hash(i), number_of[i]), 1));
		}
	}
	for (uint64_t i = 0; i < CROWD; i++) {
		if (number_of[i] != 0)
			index_remove(&idx, crowded_hash(i), number_of[i]);
	}
	for (uint64_t i = 0; i < idx.bucket_cnt; i++)
		cr_assert(eq(u32, idx.buckets[i].cnt + idx.buckets[i].overflowed, 0));
}
