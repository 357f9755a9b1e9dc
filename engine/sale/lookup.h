/*
 * lookup: where a request (or, in recovery, a record) belongs in a shard's tables. It is found
 * ahead of the decision, in passes over a burst: each pass needs memory whose address only the pass
 * before finds. So the CPU waits for memory once a burst and not once a request.
 *
 *	pass 0	hashes; asks for the buckets of both indexes
 *	pass 1	looks there; asks for the offer, and the order if this may be a repeated request
 *	pass 2	looks at the offer; asks for the buyer's bucket if something is to be had
 *	pass 3	looks there; asks for the next one if it is full
 *
 * What requests other than BUY need besides is in lookup_held.h.
 *
 * What they find is a hint: decisions made after a pass may change all of it but the hashes.
 */
#ifndef DB_ENGINE_SALE_LOOKUP_H
#define DB_ENGINE_SALE_LOOKUP_H

#include <assert.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "net/wire.h"

struct offer;
struct buyer_count;

struct lookup {
	const struct wire_request *request; /* lookups_begin */
	uint64_t offer_hash;
	uint64_t order_hash;
	uint64_t buyer_hash; /* 0: not made yet */
	struct offer *offer; /* may be another SKU's; NULL: not found, or not looked for yet */
	struct buyer_count *count; /* may have become another's; NULL likewise */
	uint16_t orders_seen;      /* orders_look */
};
static_assert(sizeof(struct lookup) <= CACHE_LINE_BYTES, "a pass touches no more than a line");

enum {
	LOOKUP_PASS_CNT = 4,
	/* Requests between a pass and the next, so that the memory has arrived by then. */
	LOOKUP_PASS_AHEAD_CNT = 32,
};

/* Called before the passes: gives each key its request. The requests must stay in place until they
 * are decided. */
static inline void lookups_begin(struct lookup *keys, const struct wire_request *requests,
				 uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		keys[i].request = &requests[i];
}

static inline uint32_t lookup_ahead_cnt(unsigned pass)
{
	DCHECK(pass < LOOKUP_PASS_CNT);
	return (LOOKUP_PASS_CNT - pass) * LOOKUP_PASS_AHEAD_CNT;
}

#endif
