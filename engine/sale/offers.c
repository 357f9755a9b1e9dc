#include "engine/sale/offers.h"

#include <errno.h>

#include "engine/base/check.h"

uint64_t offers_bytes(uint64_t cnt_max)
{
	return index_bytes(index_buckets_for(cnt_max)) +
	       (cnt_max + 1) * (sizeof(struct offer) + sizeof(struct terms));
}

int offers_open(struct offers *offers, struct arena *arena, uint64_t cnt_max)
{
	const int rc = index_open(&offers->index, arena, index_buckets_for(cnt_max));

	CHECK(cnt_max <= UINT32_MAX);
	offers->cnt = 0;
	offers->cnt_max = cnt_max;
	offers->list = arena_alloc(arena, (cnt_max + 1) * sizeof(struct offer));
	offers->terms = arena_alloc(arena, (cnt_max + 1) * sizeof(struct terms));
	/* At most half full. */
	CHECK(offers->index.bucket_cnt * INDEX_BUCKET_SLOTS >= 2 * cnt_max);
	CHECK((uintptr_t)offers->list % CACHE_LINE_BYTES == 0);
	return rc != 0 || offers->list == NULL || offers->terms == NULL ? -ENOMEM : 0;
}

void offers_clear(struct offers *offers)
{
	index_clear(&offers->index);
	offers->cnt = 0;
}

struct offer *offers_add(struct offers *offers, uint64_t hash, uint64_t sku)
{
	struct offer *offer = &offers->list[offers->cnt];

	if (offers->cnt == offers->cnt_max)
		return NULL;
	DCHECK(offers_find(offers, hash, sku) == NULL);
	index_add(&offers->index, hash, (uint32_t)offers->cnt++);
	*offer = (struct offer){.sku = sku};
	offers->terms[offers->cnt - 1] = (struct terms){
		.fresh = {TIMER_NONE, TIMER_NONE},
		.extended = {TIMER_NONE, TIMER_NONE},
	};
	timer_init(&offers->terms[offers->cnt - 1].timer);
	DCHECK(offers_find(offers, hash, sku) == offer);
	return offer;
}
