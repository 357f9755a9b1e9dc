#include "engine/sale/index.h"

#include <errno.h>
#include <string.h>

int index_open(struct index *index, struct arena *arena, uint64_t bucket_cnt)
{
	/* What hash_range takes. */
	CHECK(bucket_cnt > 0 && bucket_cnt <= UINT64_C(1) << 32);
	*index = (struct index){.bucket_cnt = bucket_cnt};
	index->buckets = arena_alloc(arena, index_bytes(bucket_cnt));
	CHECK((uintptr_t)index->buckets % CACHE_LINE_BYTES == 0);
	return index->buckets == NULL ? -ENOMEM : 0;
}

void index_clear(struct index *index)
{
	memset(index->buckets, 0, index_bytes(index->bucket_cnt));
}
