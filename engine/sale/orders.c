#include "engine/sale/orders.h"

#include <errno.h>

#include "engine/base/check.h"

static uint64_t log_bytes(uint64_t cnt_max)
{
	return (cnt_max + ORDERS_WRITE_AHEAD_CNT) * sizeof(struct order);
}

uint64_t orders_bytes(uint64_t cnt_max)
{
	return index_bytes(index_buckets_for(cnt_max)) + log_bytes(cnt_max);
}

int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max)
{
	const int rc = index_open(&orders->index, arena, index_buckets_for(cnt_max));

	CHECK(cnt_max <= UINT32_MAX);
	orders->cnt = 0;
	orders->cnt_max = cnt_max;
	orders->log = arena_alloc(arena, log_bytes(cnt_max));
	/* At most half full. */
	CHECK(orders->index.bucket_cnt * INDEX_BUCKET_SLOTS >= 2 * cnt_max);
	CHECK((uintptr_t)orders->log % CACHE_LINE_BYTES == 0);
	return rc != 0 || orders->log == NULL ? -ENOMEM : 0;
}

void orders_clear(struct orders *orders)
{
	index_clear(&orders->index);
	orders->cnt = 0;
}
