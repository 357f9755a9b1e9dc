#include "engine/sale/buyers.h"

#include <errno.h>
#include <string.h>

#include "engine/base/check.h"

/*
 * At most half full: then one in sixteen of the new buyers in the second half of a sale goes to a
 * second bucket, and hardly any to a third. At 70 % it is one in six, and one in twenty goes to a
 * bucket that no pass has asked for. Some slot is always empty, so a search ends.
 */
static uint64_t buckets_for(uint64_t cnt_max)
{
	return cnt_max * 2 / BUYER_BUCKET_SLOTS + 2;
}

uint64_t buyers_bytes(uint64_t cnt_max)
{
	return buckets_for(cnt_max) * sizeof(struct buyer_bucket);
}

int buyers_open(struct buyers *buyers, struct arena *arena, uint64_t cnt_max)
{
	CHECK(cnt_max <= UINT32_MAX);
	*buyers = (struct buyers){.bucket_cnt = buckets_for(cnt_max), .cnt_max = cnt_max};
	CHECK(buyers->bucket_cnt * BUYER_BUCKET_SLOTS > 2 * cnt_max);
	buyers->buckets = arena_alloc(arena, buyers->bucket_cnt * sizeof(struct buyer_bucket));
	CHECK((uintptr_t)buyers->buckets % CACHE_LINE_BYTES == 0);
	return buyers->buckets == NULL ? -ENOMEM : 0;
}

void buyers_clear(struct buyers *buyers)
{
	memset(buyers->buckets, 0, buyers->bucket_cnt * sizeof(*buyers->buckets));
	buyers->cnt = 0;
}
