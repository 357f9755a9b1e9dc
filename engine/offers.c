#include "engine/offers.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "engine/check.h"

static uint64_t slots_for(uint64_t cnt_max)
{
	return cnt_max * 2 + 1; /* at least one slot stays empty: a search always ends */
}

uint64_t offers_bytes(uint64_t cnt_max)
{
	return slots_for(cnt_max) * sizeof(struct offer) + (cnt_max + 1) * sizeof(uint32_t) +
	       (cnt_max + 1) * sizeof(uint64_t);
}

int offers_open(struct offers *offers, struct arena *arena, uint64_t cnt_max)
{
	*offers = (struct offers){.slot_cnt = slots_for(cnt_max), .cnt_max = cnt_max};
	CHECK(offers->slot_cnt <= UINT32_MAX);
	offers->slots = arena_alloc(arena, offers->slot_cnt * sizeof(struct offer));
	offers->by_age = arena_alloc(arena, (cnt_max + 1) * sizeof(uint32_t));
	offers->added_at_ns = arena_alloc(arena, (cnt_max + 1) * sizeof(uint64_t));
	return offers->slots == NULL || offers->by_age == NULL || offers->added_at_ns == NULL
		       ? -ENOMEM
		       : 0;
}

void offers_clear(struct offers *offers)
{
	memset(offers->slots, 0, offers->slot_cnt * sizeof(*offers->slots));
	offers->cnt = 0;
}

struct offer *offers_add(struct offers *offers, uint64_t hash, uint64_t sku)
{
	uint64_t idx = hash_range(hash, offers->slot_cnt);

	if (offers->cnt == offers->cnt_max)
		return NULL;
	while (offers->slots[idx].used) {
		CHECK(offers->slots[idx].sku != sku);
		if (++idx == offers->slot_cnt)
			idx = 0;
	}

	struct offer *offer = &offers->slots[idx];

	*offer = (struct offer){.sku = sku, .used = 1, .age = (uint32_t)offers->cnt};
	offers->by_age[offers->cnt++] = (uint32_t)idx;
	return offer;
}
