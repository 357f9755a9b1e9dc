/*
 * buyers: how many units of an offer a buyer has, for offers with a limit. Four counts a cache
 * line, open addressing by lines: a lookup touches one line in the common case. Full is full.
 */
#ifndef DB_ENGINE_BUYERS_H
#define DB_ENGINE_BUYERS_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/hash.h"
#include "engine/limits.h"

struct buyer_count {
	uint64_t buyer;
	uint32_t offer_idx;
	uint32_t units; /* 0: empty slot */
};

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

/* As fresh from buyers_open. */
void buyers_clear(struct buyers *buyers);

static inline const struct buyer_bucket *buyers_home(const struct buyers *buyers, uint64_t hash)
{
	return &buyers->buckets[hash_range(hash, buyers->bucket_cnt)];
}

/* The count of this buyer and offer; if there is none, the empty slot where it would go, or NULL
 * when the table is full. A slot becomes a count by buyers_take. */
struct buyer_count *buyers_find(const struct buyers *buyers, uint64_t hash, uint64_t buyer,
				uint32_t offer_idx);

/* Adds units to a slot that buyers_find gave for this buyer and offer. */
void buyers_take(struct buyers *buyers, struct buyer_count *slot, uint64_t buyer,
		 uint32_t offer_idx, uint32_t units);

#endif
