#include "engine/buyers.h"

#include <errno.h>
#include <string.h>

#include "engine/check.h"

/* 70 % full at the most, and always an empty slot somewhere: a search ends. */
static uint64_t buckets_for(uint64_t cnt_max)
{
	return cnt_max * 10 / (BUYER_BUCKET_SLOTS * 7) + 2;
}

uint64_t buyers_bytes(uint64_t cnt_max)
{
	return buckets_for(cnt_max) * sizeof(struct buyer_bucket);
}

int buyers_open(struct buyers *buyers, struct arena *arena, uint64_t cnt_max)
{
	*buyers = (struct buyers){.bucket_cnt = buckets_for(cnt_max), .cnt_max = cnt_max};
	buyers->buckets = arena_alloc(arena, buyers->bucket_cnt * sizeof(struct buyer_bucket));
	return buyers->buckets == NULL ? -ENOMEM : 0;
}

void buyers_clear(struct buyers *buyers)
{
	memset(buyers->buckets, 0, buyers->bucket_cnt * sizeof(*buyers->buckets));
	buyers->cnt = 0;
}

struct buyer_count *buyers_find(const struct buyers *buyers, uint64_t hash, uint64_t buyer,
				uint32_t offer_idx)
{
	uint64_t idx = hash_range(hash, buyers->bucket_cnt);

	for (;;) {
		struct buyer_bucket *bucket = &buyers->buckets[idx];

		for (unsigned i = 0; i < BUYER_BUCKET_SLOTS; i++) {
			struct buyer_count *slot = &bucket->counts[i];

			if (slot->units == 0)
				return buyers->cnt < buyers->cnt_max ? slot : NULL;
			if (slot->buyer == buyer && slot->offer_idx == offer_idx)
				return slot;
		}
		if (++idx == buyers->bucket_cnt)
			idx = 0;
	}
}

void buyers_take(struct buyers *buyers, struct buyer_count *slot, uint64_t buyer,
		 uint32_t offer_idx, uint32_t units)
{
	DCHECK(units > 0);
	if (slot->units == 0) {
		DCHECK(buyers->cnt < buyers->cnt_max);
		buyers->cnt++;
		slot->buyer = buyer;
		slot->offer_idx = offer_idx;
	}
	DCHECK(slot->buyer == buyer && slot->offer_idx == offer_idx);
	slot->units += units;
}
