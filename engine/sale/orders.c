#include "engine/sale/orders.h"

#include <errno.h>

#include "engine/base/check.h"

static uint64_t log_bytes(uint64_t cnt_max)
{
	return (cnt_max + ORDERS_WRITE_AHEAD_CNT) * sizeof(struct order);
}

uint64_t orders_bytes(uint64_t cnt_max, uint64_t hold_cnt_max, uint64_t change_cnt_max)
{
	return index_bytes(index_buckets_for(cnt_max + hold_cnt_max + change_cnt_max)) +
	       log_bytes(cnt_max) + log_bytes(change_cnt_max);
}

int orders_open(struct orders *orders, struct arena *arena, uint64_t cnt_max, uint64_t hold_cnt_max,
		uint64_t change_cnt_max)
{
	const uint64_t request_cnt = cnt_max + hold_cnt_max + change_cnt_max;

	CHECK(cnt_max <= ORDERS_MAX && hold_cnt_max <= ORDERS_MAX && change_cnt_max <= ORDERS_MAX);

	const int rc = index_open(&orders->index, arena, index_buckets_for(request_cnt));

	orders->cnt = 0;
	orders->cnt_max = cnt_max;
	orders->change_cnt = 0;
	orders->change_cnt_max = (uint32_t)change_cnt_max;
	orders->log = arena_alloc(arena, log_bytes(cnt_max));
	orders->changes = arena_alloc(arena, log_bytes(change_cnt_max));
	/* At most half full. */
	CHECK(orders->index.bucket_cnt * INDEX_BUCKET_SLOTS >= 2 * request_cnt);
	CHECK((uintptr_t)orders->log % CACHE_LINE_BYTES == 0);
	CHECK((uintptr_t)orders->changes % CACHE_LINE_BYTES == 0);
	return rc != 0 || orders->log == NULL || orders->changes == NULL ? -ENOMEM : 0;
}

void orders_clear(struct orders *orders)
{
	index_clear(&orders->index);
	orders->cnt = 0;
	orders->change_cnt = 0;
}

struct order *orders_by_lsn(const struct orders *orders, uint64_t lsn)
{
	uint64_t low = 0;
	uint64_t high = orders->cnt;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (orders->log[middle].lsn < lsn)
			low = middle + 1;
		else
			high = middle;
	}
	DCHECK(low <= orders->cnt && (low == 0 || orders->log[low - 1].lsn < lsn));
	return low < orders->cnt && orders->log[low].lsn == lsn ? &orders->log[low] : NULL;
}

struct order *orders_add_change(struct orders *orders, uint64_t hash)
{
	if (orders->change_cnt == orders->change_cnt_max)
		return NULL;
	DCHECK(orders->change_cnt < orders->change_cnt_max);
	index_add(&orders->index, hash, (uint32_t)orders->change_cnt | NUMBER_OF_CHANGE);
	prefetch_to_write(&orders->changes[orders->change_cnt + ORDERS_WRITE_AHEAD_CNT]);
	return &orders->changes[orders->change_cnt++];
}
