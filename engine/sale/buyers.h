/*
 * buyers: how many units of an offer, or of a group of offers, a buyer has, where there is a limit.
 * Four counts a cache line, open addressing by lines: a lookup usually touches one line. The table
 * never grows. A count whose units went back to 0 keeps its slot.
 */
#ifndef DB_ENGINE_SALE_BUYERS_H
#define DB_ENGINE_SALE_BUYERS_H

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

struct buyer_count {
	uint64_t buyer;
	uint32_t offer_idx; /* or BUYERS_GROUP | group */
	uint32_t units_1;   /* units + 1; 0: empty slot */
};

#define BUYERS_GROUP (UINT32_C(1) << 31)
/* Units that a buyer can have of an offer or a group. */
#define BUYER_UNITS_MAX (UINT32_MAX - 1)
static_assert(sizeof(struct buyer_count) == sizeof(__m128i), "buyer_bucket_find: a vector a slot");
static_assert(offsetof(struct buyer_count, offer_idx) == 8, "its third word is the offer");
static_assert(offsetof(struct buyer_count, units_1) == 12, "its fourth word says that it is empty");

enum {
	BUYER_BUCKET_SLOTS = 4,
};

struct buyer_bucket {
	struct buyer_count counts[BUYER_BUCKET_SLOTS];
};
static_assert(sizeof(struct buyer_bucket) == CACHE_LINE_BYTES, "one line a bucket");

struct buyers {
	struct buyer_bucket *buckets;
	uint64_t bucket_cnt;
	uint64_t cnt;
	uint64_t cnt_max;
};

uint64_t buyers_bytes(uint64_t cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. */
int buyers_open(struct buyers *buyers, struct arena *arena, uint64_t cnt_max);

/* Makes it as it was after buyers_open. */
void buyers_clear(struct buyers *buyers);

static inline struct buyer_bucket *buyers_home(const struct buyers *buyers, uint64_t hash)
{
	return &buyers->buckets[hash_range(hash, buyers->bucket_cnt)];
}

/* In a bucket, the slot of this buyer and offer, else the first empty one, else NULL. */
static inline struct buyer_count *buyer_bucket_find(struct buyer_bucket *bucket, uint64_t buyer,
						    uint32_t offer_idx)
{
	const __m128i want = _mm_set_epi32(0, (int)offer_idx, (int)(buyer >> 32), (int)buyer);
	const __m128i *at = (const __m128i *)bucket->counts;
	/* Four bits a slot: the two halves of the buyer, the offer, and 0 (an empty slot).
	 */
	const uint32_t equal = (uint32_t)_mm_movemask_epi8(
		_mm_packs_epi16(_mm_packs_epi32(_mm_cmpeq_epi32(_mm_load_si128(at), want),
						_mm_cmpeq_epi32(_mm_load_si128(at + 1), want)),
				_mm_packs_epi32(_mm_cmpeq_epi32(_mm_load_si128(at + 2), want),
						_mm_cmpeq_epi32(_mm_load_si128(at + 3), want))));
	const uint32_t empty = equal & 0x8888;
	const uint32_t found = equal & equal << 1 & equal << 2 & ~empty >> 1 & 0x4444;

	/* A buyer and offer have one slot, and slots are filled in order. */
	DCHECK((found & (found - 1)) == 0);
	DCHECK(found == 0 || empty == 0 || found < (empty & -empty));
	return (found | empty) == 0 ? NULL : &bucket->counts[__builtin_ctz(found | empty) / 4];
}

static inline struct buyer_bucket *buyer_bucket_after(const struct buyers *buyers,
						      struct buyer_bucket *bucket)
{
	DCHECK(bucket >= buyers->buckets && bucket < buyers->buckets + buyers->bucket_cnt);
	return bucket + 1 == buyers->buckets + buyers->bucket_cnt ? buyers->buckets : bucket + 1;
}

/* The slot of this buyer and offer; if there is none, the empty slot where it would go. buyers_take
 * makes that slot a count, if buyers_have_room. */
static inline struct buyer_count *buyers_find(const struct buyers *buyers, uint64_t hash,
					      uint64_t buyer, uint32_t offer_idx)
{
	struct buyer_bucket *bucket = buyers_home(buyers, hash);
	struct buyer_count *slot;

	while ((slot = buyer_bucket_find(bucket, buyer, offer_idx)) == NULL)
		bucket = buyer_bucket_after(buyers, bucket);
	DCHECK(slot->units_1 == 0 || (slot->buyer == buyer && slot->offer_idx == offer_idx));
	return slot;
}

/* What buyers_find would return, if that is in the home bucket, which must have arrived. Else asks
 * for the next bucket and returns NULL. */
static inline struct buyer_count *buyers_prefetch(const struct buyers *buyers, uint64_t hash,
						  uint64_t buyer, uint32_t offer_idx)
{
	struct buyer_bucket *bucket = buyers_home(buyers, hash);
	struct buyer_count *slot = buyer_bucket_find(bucket, buyer, offer_idx);

	if (slot == NULL)
		prefetch(buyer_bucket_after(buyers, bucket));
	DCHECK(slot == NULL || slot == buyers_find(buyers, hash, buyer, offer_idx));
	return slot;
}

/* Whether a slot that was found is still what buyers_find would return: this buyer's, or empty. */
static inline bool buyer_count_holds(const struct buyer_count *slot, uint64_t buyer,
				     uint32_t offer_idx)
{
	return slot->units_1 == 0 || (slot->buyer == buyer && slot->offer_idx == offer_idx);
}

/* Whether the table has room for this slot: only a new count needs room. */
static inline bool buyers_have_room(const struct buyers *buyers, const struct buyer_count *slot)
{
	DCHECK(buyers->cnt <= buyers->cnt_max);
	return slot->units_1 != 0 || buyers->cnt < buyers->cnt_max;
}

/* Units of a slot that buyers_find gave: 0 for an empty one. */
static inline uint32_t buyer_units(const struct buyer_count *slot)
{
	return slot->units_1 - (slot->units_1 != 0);
}

/* Adds units to a slot that buyers_find gave for this buyer and offer. */
static inline void buyers_take(struct buyers *buyers, struct buyer_count *slot, uint64_t buyer,
			       uint32_t offer_idx, uint32_t units)
{
	DCHECK(slot >= buyers->buckets[0].counts &&
	       slot < buyers->buckets[buyers->bucket_cnt].counts);
	if (slot->units_1 == 0) {
		DCHECK(buyers->cnt < buyers->cnt_max);
		buyers->cnt++;
		slot->buyer = buyer;
		slot->offer_idx = offer_idx;
		slot->units_1 = 1;
	}
	DCHECK(slot->buyer == buyer && slot->offer_idx == offer_idx);
	DCHECK(slot->units_1 <= UINT32_MAX - units);
	slot->units_1 += units;
}

/* Takes units from a count that has them. */
static inline void buyers_give_back(struct buyer_count *slot, uint32_t units)
{
	DCHECK(buyer_units(slot) >= units);
	slot->units_1 -= units;
}

#endif
