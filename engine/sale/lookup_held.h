/*
 * lookup_held: what the passes of lookup.h do besides for requests, and in recovery for records,
 * that are no plain purchase. A HOLD puts its hold at the end of its offer's list, and into the
 * index of owners; a change takes it out of the list again.
 *
 *	pass 1	changes: asks for where the order's hold is found
 *	pass 2	holds: ask for the offer's terms and the owner's bucket
 *		changes: ask for the terms and the hold
 *	pass 3	holds: ask for the last of the offer's list, and for what a group has
 *		changes: ask for the hold's neighbours, and those of a timer that will stop
 *
 * Like all passes they change nothing but the key. For the files of this room only.
 */
#ifndef DB_ENGINE_SALE_LOOKUP_HELD_H
#define DB_ENGINE_SALE_LOOKUP_HELD_H

#include "engine/sale/shard_state.h"

/* A hold's second line: what has become of it, and its neighbours. */
static inline void prefetch_neighbour(const struct holds *holds, int32_t number)
{
	DCHECK(number == TIMER_NONE || (uint64_t)number < holds->cnt);
	if (number != TIMER_NONE)
		prefetch_to_write(&holds->list[number].ends_at_ns);
}

/* In the place of key_peek. */
static inline void key_peek_hold(const struct shard *shard, struct lookup *key, uint64_t sku,
				 uint64_t buyer)
{
	struct offer *offer = key_offer(shard, key, sku);

	DCHECK(shard->holds.list != NULL);
	key->offer = offer;
	/* Nothing can be had, and nobody's hold is the reason. */
	if (offer == NULL || (offer->free | offer->held) == 0)
		return;
	key->buyer_hash = shard_buyer_hash(shard, buyer, sku);
	if (offer->limit_per_buyer > 0)
		prefetch(buyers_home(&shard->buyers, key->buyer_hash));
	prefetch(offer_terms_of(&shard->offers, offer));
	prefetch(index_home(&shard->holds.owners, key->buyer_hash));
}

/* In the place of key_look. */
static inline void key_look_hold(const struct shard *shard, struct lookup *key, uint64_t buyer)
{
	const struct terms *terms;

	DCHECK(key->count == NULL);
	if (key->buyer_hash == 0)
		return;
	if (key->offer->limit_per_buyer > 0)
		key->count = buyers_prefetch(&shard->buyers, key->buyer_hash, buyer,
					     shard_offer_idx(shard, key->offer));
	terms = offer_terms_of(&shard->offers, key->offer);
	prefetch_neighbour(&shard->holds, terms->fresh.last);
	if (terms->group != 0) {
		const uint64_t hash = shard_group_hash(shard, buyer, terms->group);

		prefetch(buyers_home(&shard->buyers, hash));
		prefetch(index_home(&shard->holds.owners, hash));
	}
}

static inline void key_seek_change(const struct shard *shard, uint64_t lsn)
{
	holds_prefetch_place(&shard->holds, lsn);
}

/* In the place of key_peek. counts: the buyer's count will be less. */
static inline void key_peek_change(const struct shard *shard, struct lookup *key, uint64_t sku,
				   uint64_t buyer, uint64_t lsn, bool counts)
{
	const struct hold *hold = holds_at_place(&shard->holds, lsn);
	struct offer *offer = key_offer(shard, key, sku);

	DCHECK(hold == NULL || hold->order.lsn == lsn || hold->order.kind == RECORD_ORDER);
	key->offer = offer;
	if (offer == NULL || hold == NULL)
		return;
	prefetch_to_write(hold);
	prefetch_to_write(&hold->ends_at_ns);
	prefetch_to_write(offer_terms_of(&shard->offers, offer));
	if (counts && offer->limit_per_buyer > 0)
		prefetch(buyers_home(&shard->buyers, shard_buyer_hash(shard, buyer, sku)));
}

/* In the place of key_look. */
static inline void key_look_change(const struct shard *shard, const struct lookup *key,
				   uint64_t lsn)
{
	const struct hold *hold = holds_at_place(&shard->holds, lsn);
	const struct terms *terms;

	DCHECK(key->count == NULL);
	if (key->offer == NULL || hold == NULL || hold->state != HOLD_OPEN)
		return;
	if (hold->next != TIMER_NONE || hold->prev != TIMER_NONE) {
		prefetch_neighbour(&shard->holds, hold->next);
		prefetch_neighbour(&shard->holds, hold->prev);
		return;
	}
	terms = offer_terms_of(&shard->offers, key->offer);
	if (!timer_runs(&terms->timer))
		return;
	if (terms->timer.next >= 0)
		prefetch_to_write(&shard->offers.terms[terms->timer.next]);
	if (terms->timer.prev >= 0)
		prefetch_to_write(&shard->offers.terms[terms->timer.prev]);
}

#endif
