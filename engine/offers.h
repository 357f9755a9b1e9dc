/*
 * offers: the table of a shard's SKUs on sale. Open addressing at a load of at most one half, one
 * cache line an offer: a lookup touches one line in the common case. An offer keeps its slot for
 * good, so its index names it in the other tables.
 */
#ifndef DB_ENGINE_OFFERS_H
#define DB_ENGINE_OFFERS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/hash.h"
#include "engine/limits.h"

struct offer {
	uint64_t sku;
	uint64_t unit_price;
	uint64_t opens_at_ns;
	uint64_t closes_at_ns;
	uint32_t stock; /* initial + restocked == free + held + sold */
	uint32_t free;
	uint32_t held;
	uint32_t sold;
	uint32_t limit_per_buyer; /* 0: none */
	uint32_t hold_seconds;
	uint32_t used; /* 1: this slot holds an offer */
	uint32_t age;  /* how many were put on sale before it */
};
static_assert(sizeof(struct offer) == CACHE_LINE_BYTES, "one line an offer");

struct offers {
	struct offer *slots;
	uint32_t *by_age;      /* slots in the order they were put on sale */
	uint64_t *added_at_ns; /* when they were, in that order: for the record again */
	uint64_t slot_cnt;
	uint64_t cnt;
	uint64_t cnt_max;
};

uint64_t offers_bytes(uint64_t cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. */
int offers_open(struct offers *offers, struct arena *arena, uint64_t cnt_max);

/* As fresh from offers_open. */
void offers_clear(struct offers *offers);

static inline const struct offer *offers_home(const struct offers *offers, uint64_t hash)
{
	return &offers->slots[hash_range(hash, offers->slot_cnt)];
}

/* The offer of this SKU, or NULL. */
static inline struct offer *offers_find(const struct offers *offers, uint64_t hash, uint64_t sku)
{
	uint64_t idx = hash_range(hash, offers->slot_cnt);

	for (;;) {
		struct offer *offer = &offers->slots[idx];

		if (!offer->used)
			return NULL;
		if (offer->sku == sku)
			return offer;
		if (++idx == offers->slot_cnt)
			idx = 0;
	}
}

/* An empty slot, now taken for this SKU, which must not be there yet; NULL when full. */
struct offer *offers_add(struct offers *offers, uint64_t hash, uint64_t sku);

static inline bool offer_conserved(const struct offer *offer)
{
	return offer->stock == (uint64_t)offer->free + offer->held + offer->sold;
}

#endif
