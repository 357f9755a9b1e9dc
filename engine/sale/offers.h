/*
 * offers: a shard's SKUs on sale, one cache line each, in the order they were put on sale, and an
 * index over the SKU. An offer keeps its place for good, so its number names it in the other
 * tables.
 */
#ifndef DB_ENGINE_SALE_OFFERS_H
#define DB_ENGINE_SALE_OFFERS_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/timer_wheel.h"
#include "engine/sale/index.h"

struct offer {
	uint64_t sku;
	uint64_t unit_price;
	uint64_t opens_at_ns;
	uint64_t closes_at_ns;
	uint32_t stock; /* initial + restocked == free + held + sold + terms.written_off */
	uint32_t free;
	uint32_t held;
	uint32_t sold;
	uint32_t limit_per_buyer; /* 0: none */
	uint32_t hold_seconds;
	uint64_t added_at_ns; /* when it was put on sale: needed to make its record again */
};
static_assert(sizeof(struct offer) == CACHE_LINE_BYTES, "one line an offer");

/* A list of holds, by number (struct hold.next): the next to end first, and so the one with the
 * lowest since_lsn. TIMER_NONE: empty. */
struct hold_list {
	int32_t first;
	int32_t last;
};

/* What an offer has besides, in a line of its own: what most requests do not need. */
struct terms {
	struct timer
		timer; /* runs while there are open holds: for the first that ends, or before */
	struct hold_list fresh;    /* holds as they were made */
	struct hold_list extended; /* those that were lengthened */
	uint32_t written_off;      /* units */
	uint32_t group;            /* 0: none */
	uint32_t group_limit;
	uint32_t extend; /* as its record has it */
	bool placed;     /* the catalog put it into this shard */
} __attribute__((aligned(CACHE_LINE_BYTES)));
static_assert(sizeof(struct terms) == CACHE_LINE_BYTES, "one line an offer");

struct offers {
	struct index index; /* into list */
	struct offer *list;
	struct terms *terms; /* of the offers, by the same numbers */
	uint64_t cnt;
	uint64_t cnt_max;
};

uint64_t offers_bytes(uint64_t cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. */
int offers_open(struct offers *offers, struct arena *arena, uint64_t cnt_max);

/* Makes it as it was after offers_open. */
void offers_clear(struct offers *offers);

/*
 * Once the home bucket has arrived: asks for the memory of the offer that offers_find will most
 * likely return. Returns that offer, which may be another SKU's; NULL if the bucket has none.
 */
static inline struct offer *offers_guess(const struct offers *offers, uint64_t hash)
{
	const struct index_search search = index_search(&offers->index, hash);
	struct offer *offer;

	if (search.match == 0) {
		prefetch(search.bucket + (search.bucket->overflowed != 0));
		return NULL;
	}
	offer = &offers->list[search.bucket->numbers[__builtin_ctz(search.match)]];
	DCHECK(offer < offers->list + offers->cnt);
	prefetch(offer);
	return offer;
}

/* The offer of this SKU, or NULL. */
static inline struct offer *offers_find(const struct offers *offers, uint64_t hash, uint64_t sku)
{
	struct index_search search = index_search(&offers->index, hash);
	uint32_t number;

	while (index_next(&offers->index, &search, &number)) {
		DCHECK(number < offers->cnt);
		if (offers->list[number].sku == sku)
			return &offers->list[number];
	}
	return NULL;
}

/* Adds an offer of this SKU, which must not be there yet. NULL when full. */
struct offer *offers_add(struct offers *offers, uint64_t hash, uint64_t sku);

static inline struct terms *offer_terms_of(const struct offers *offers, const struct offer *offer)
{
	DCHECK(offer >= offers->list && offer < offers->list + offers->cnt);
	return &offers->terms[offer - offers->list];
}

static inline bool offer_conserved(const struct offers *offers, const struct offer *offer)
{
	return offer->stock == (uint64_t)offer->free + offer->held + offer->sold +
				       offer_terms_of(offers, offer)->written_off;
}

#endif
