#include "engine/orders.h"

#include <errno.h>

#include "engine/check.h"

uint64_t orders_bytes(uint64_t cnt_max)
{
	return index_bytes(index_buckets_for(cnt_max)) + (cnt_max + 1) * sizeof(struct order);
}

int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max)
{
	const int rc = index_open(&orders->index, arena, index_buckets_for(cnt_max));

	CHECK(cnt_max <= UINT32_MAX);
	orders->cnt = 0;
	orders->cnt_max = cnt_max;
	orders->log = arena_alloc(arena, (cnt_max + 1) * sizeof(struct order));
	return rc != 0 || orders->log == NULL ? -ENOMEM : 0;
}

void orders_clear(struct orders *orders)
{
	index_clear(&orders->index);
	orders->cnt = 0;
}
