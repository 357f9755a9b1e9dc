/*
 * index: from a hash to the numbers that were added under it. Rarely it also gives a number of
 * another hash, so callers compare what it stands for. Buckets of one cache line, open addressing
 * by buckets: a search usually looks at one line.
 */
#ifndef DB_ENGINE_SALE_INDEX_H
#define DB_ENGINE_SALE_INDEX_H

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <emmintrin.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/prefetch.h"
#include "engine/sale/hash.h"

enum {
	INDEX_BUCKET_SLOTS = 10,
};

struct index_bucket {
	uint16_t tags[INDEX_BUCKET_SLOTS]; /* hash_tag */
	uint16_t cnt;
	uint16_t overflowed; /* numbers that went to a later bucket, saturating */
	uint32_t numbers[INDEX_BUCKET_SLOTS];
};
static_assert(sizeof(struct index_bucket) == CACHE_LINE_BYTES, "one line a bucket");
static_assert(offsetof(struct index_bucket, tags) % sizeof(__m128i) == 0, "loaded as a vector");
static_assert(INDEX_BUCKET_SLOTS == sizeof(__m128i) / sizeof(uint16_t) + 2, "index_match: 8 and 2");
static_assert(offsetof(struct index_bucket, numbers) >= sizeof(__m128i) + sizeof(uint64_t),
	      "no number is loaded as a tag");

struct index {
	struct index_bucket *buckets;
	uint64_t bucket_cnt;
};

/*
 * Buckets for cnt_max numbers, at most half full, so that some bucket always has room. Then one in
 * thirty is full and one in seventy has overflowed: searches hardly ever need a second bucket, and
 * what a pass has seen mostly still holds. At three quarters full it is one in five and one in six,
 * and the mean request of a full table takes 1.5 times as long.
 */
static inline uint64_t index_buckets_for(uint64_t cnt_max)
{
	return cnt_max * 2 / INDEX_BUCKET_SLOTS + 2;
}

static inline uint64_t index_bytes(uint64_t bucket_cnt)
{
	return bucket_cnt * sizeof(struct index_bucket);
}

/* 0 or -ENOMEM. The memory is the arena's. */
int index_open(struct index *index, struct arena *arena, uint64_t bucket_cnt);

/* Makes it as it was after index_open. */
void index_clear(struct index *index);

static inline struct index_bucket *index_home(const struct index *index, uint64_t hash)
{
	return &index->buckets[hash_range(hash, index->bucket_cnt)];
}

/* The bucket for numbers that this one has no room for. */
static inline struct index_bucket *index_after(const struct index *index,
					       struct index_bucket *bucket)
{
	DCHECK(bucket >= index->buckets && bucket < index->buckets + index->bucket_cnt);
	return bucket + 1 == index->buckets + index->bucket_cnt ? index->buckets : bucket + 1;
}

/* Which slots of a bucket have this tag: a bit each. */
static inline uint32_t index_match(const struct index_bucket *bucket, uint16_t tag)
{
	const __m128i want = _mm_set1_epi16((short)tag);
	const __m128i first = _mm_load_si128((const __m128i *)bucket->tags);
	const __m128i last = _mm_loadl_epi64((const __m128i *)&bucket->tags[8]);
	const __m128i equal =
		_mm_packs_epi16(_mm_cmpeq_epi16(first, want), _mm_cmpeq_epi16(last, want));

	DCHECK(bucket->cnt <= INDEX_BUCKET_SLOTS);
	return (uint32_t)_mm_movemask_epi8(equal) & ((1U << (bucket->cnt & 31)) - 1);
}

/* Where a search continues. */
struct index_search {
	struct index_bucket *bucket;
	uint32_t match; /* slots of it not yet looked at */
	uint16_t tag;
};

static inline struct index_search index_search(const struct index *index, uint64_t hash)
{
	struct index_bucket *home = index_home(index, hash);
	const uint16_t tag = hash_tag(hash);

	return (struct index_search){home, index_match(home, tag), tag};
}

/* The next number that may be the one searched for; false when there is none left. */
static inline bool index_next(const struct index *index, struct index_search *search,
			      uint32_t *number)
{
	while (search->match == 0) {
		if (search->bucket->overflowed == 0)
			return false;
		search->bucket = index_after(index, search->bucket);
		search->match = index_match(search->bucket, search->tag);
	}
	*number = search->bucket->numbers[__builtin_ctz(search->match)];
	search->match &= search->match - 1;
	return true;
}

/* Whether a search by this hash finds this number. */
static inline bool index_has(const struct index *index, uint64_t hash, uint32_t number)
{
	struct index_search search = index_search(index, hash);
	uint32_t found;

	while (index_next(index, &search, &found)) {
		if (found == number)
			return true;
	}
	return false;
}

/* Adds a number. There must be room: at most cnt_max numbers in all. */
static inline void index_add(struct index *index, uint64_t hash, uint32_t number)
{
	struct index_bucket *bucket = index_home(index, hash);

	while (bucket->cnt == INDEX_BUCKET_SLOTS) {
		if (bucket->overflowed < UINT16_MAX)
			bucket->overflowed++;
		bucket = index_after(index, bucket);
		DCHECK(bucket != index_home(index, hash));
	}
	bucket->tags[bucket->cnt] = hash_tag(hash);
	bucket->numbers[bucket->cnt] = number;
	bucket->cnt++;
	DCHECK(index_has(index, hash, number));
}

/* Puts another number of the same hash in the place of one that is there. */
static inline void index_replace(const struct index *index, uint64_t hash, uint32_t number,
				 uint32_t other)
{
	struct index_search search = index_search(index, hash);
	uint32_t found;

	while (index_next(index, &search, &found)) {
		for (unsigned i = 0; found == number && i < search.bucket->cnt; i++) {
			if (search.bucket->numbers[i] != number)
				continue;
			search.bucket->numbers[i] = other;
			return;
		}
	}
	CHECK(!"a number to replace that is not there");
}

/* Removes a number that is there. What was found before in its bucket may have moved. */
static inline void index_remove(const struct index *index, uint64_t hash, uint32_t number)
{
	struct index_search search = index_search(index, hash);
	uint32_t found = ~number;
	unsigned slot = 0;

	while (found != number) {
		const bool any = index_next(index, &search, &found);

		CHECK(any);
	}
	for (struct index_bucket *bucket = index_home(index, hash); bucket != search.bucket;
	     bucket = index_after(index, bucket)) {
		/* What is saturated stays: searches go on where they need not. */
		if (bucket->overflowed < UINT16_MAX)
			bucket->overflowed--;
	}
	while (search.bucket->numbers[slot] != number)
		slot++;
	search.bucket->cnt--;
	search.bucket->numbers[slot] = search.bucket->numbers[search.bucket->cnt];
	search.bucket->tags[slot] = search.bucket->tags[search.bucket->cnt];
	DCHECK(!index_has(index, hash, number));
}

#endif
