#include "engine/sale/spanning.h"

#include <errno.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/sale/orders.h"

uint64_t prepare_bytes(void)
{
	return PREPARED_MAX * sizeof(struct prepared) +
	       index_bytes(index_buckets_for(PREPARED_MAX));
}

int prepare_open(struct prepared_table *table, struct arena *arena)
{
	table->list = arena_alloc(arena, PREPARED_MAX * sizeof(*table->list));
	table->fresh = 0;
	table->first_free = PREPARED_MAX;
	CHECK((uintptr_t)table->list % sizeof(uint64_t) == 0);
	return table->list == NULL
		       ? -ENOMEM
		       : index_open(&table->index, arena, index_buckets_for(PREPARED_MAX));
}

struct prepared *prepared_find(const struct prepared_table *table, uint64_t order_hash,
			       const uint64_t id[2], uint64_t sku)
{
	struct index_search search = index_search(&table->index, order_hash);
	uint32_t place;

	while (index_next(&table->index, &search, &place)) {
		struct prepared *prepared = &table->list[place];

		DCHECK(place < table->fresh && prepared->lsn > 0);
		if (prepared->record.order.request_id[0] == id[0] &&
		    prepared->record.order.request_id[1] == id[1] && prepared->record.sku == sku)
			return prepared;
	}
	return NULL;
}

uint64_t links_bytes(uint64_t cnt_max)
{
	return cnt_max * sizeof(struct snapshot_link);
}

int links_open(struct links *links, struct arena *arena, uint64_t cnt_max)
{
	CHECK(cnt_max <= ORDERS_MAX);
	*links = (struct links){.cnt_max = cnt_max};
	if (cnt_max == 0)
		return 0;
	links->list = arena_alloc(arena, links_bytes(cnt_max));
	return links->list == NULL ? -ENOMEM : 0;
}

const struct snapshot_link *links_find(const struct links *links, uint64_t lsn)
{
	uint64_t low = 0;
	uint64_t high = links->cnt;

	while (low < high) {
		const uint64_t middle = low + (high - low) / 2;

		if (links->list[middle].lsn < lsn)
			low = middle + 1;
		else
			high = middle;
	}
	DCHECK(low <= links->cnt && (low == 0 || links->list[low - 1].lsn < lsn));
	return low < links->cnt && links->list[low].lsn == lsn ? &links->list[low] : NULL;
}
