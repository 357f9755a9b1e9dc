#include "engine/buyers.h"

#include <errno.h>
#include <string.h>

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
