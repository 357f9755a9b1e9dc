/*
 * holds: the orders of a shard that were held, and the bought ones of which units came back. An
 * open hold is in two lists: its offer's, in the order in which they end, and its owner's. A hold
 * lasts as long as its offer says, from its HOLD or its latest EXTEND on, and the lane's clock does
 * not fall between two records: so each of the two lists of an offer is in order by itself, and a
 * new hold goes to its end. A wheel of timers, one an offer, finds the offers whose first hold
 * ends.
 *
 * What decides and what is conserved is the shard's: this is memory and lists only. Nothing is ever
 * removed from the table, and it never grows.
 */
#ifndef DB_ENGINE_SALE_HOLDS_H
#define DB_ENGINE_SALE_HOLDS_H

#include <stdbool.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/base/timer_wheel.h"
#include "engine/sale/index.h"
#include "engine/sale/offers.h"
#include "engine/sale/orders.h"

enum {
	/* A hold's timer fires at most so late. With a turn of the lane that is below the 10 ms
	 * that are promised. */
	HOLD_TICK_NS = 4000000,
	/* A round of the wheel is 17 minutes, longer than holds usually last; or down to 16 s where
	 * there are so few offers that touching each of them once a round costs nothing. */
	HOLD_WHEEL_BUCKETS = 1 << 18,
	HOLD_WHEEL_BUCKETS_MIN = 1 << 12,
};

struct holds {
	struct hold *list;
	uint64_t cnt;
	uint64_t cnt_max;
	uint64_t open_cnt;
	uint64_t undecided_cnt; /* open, or ran out and no payment has come: a change may follow */
	struct index by_lsn;    /* of the order */
	struct index owners;    /* the newest open hold of each owner */
	struct timer_wheel wheel;
	int32_t *heads; /* the wheel's */
};

uint64_t holds_bytes(uint64_t cnt_max, uint64_t offer_cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. offers is open and stays where it is. cnt_max 0 to
 * ORDERS_MAX. */
int holds_open(struct holds *holds, struct arena *arena, uint64_t cnt_max,
	       const struct offers *offers);

/* Makes it as it was after holds_open. */
void holds_clear(struct holds *holds, const struct offers *offers);

/* The hold of the order with this LSN, or NULL. */
static inline struct hold *holds_find(const struct holds *holds, uint64_t hash, uint64_t lsn)
{
	struct index_search search = index_search(&holds->by_lsn, hash);
	uint32_t number;

	DCHECK(lsn <= LSN_MAX);
	while (index_next(&holds->by_lsn, &search, &number)) {
		DCHECK(number < holds->cnt);
		if (holds->list[number].order.lsn == lsn)
			return &holds->list[number];
	}
	return NULL;
}

/* Adds a hold of the order with this hash of its LSN, for the caller to fill in; NULL when full. */
struct hold *holds_add(struct holds *holds, uint64_t hash);

static inline uint32_t hold_number(const struct holds *holds, const struct hold *hold)
{
	DCHECK(hold >= holds->list && hold < holds->list + holds->cnt);
	return (uint32_t)(hold - holds->list);
}

static inline struct hold *hold_at(const struct holds *holds, int32_t number)
{
	DCHECK(number == TIMER_NONE || (number >= 0 && (uint64_t)number < holds->cnt));
	return number == TIMER_NONE ? NULL : &holds->list[number];
}

/* The list that an open hold is in. */
static inline struct hold_list *hold_list_of(struct terms *terms, const struct hold *hold)
{
	DCHECK(hold->since_lsn > 0);
	DCHECK((hold->since_lsn > hold->order.lsn) == (hold->extensions > 0));
	return hold->extensions > 0 ? &terms->extended : &terms->fresh;
}

/* The first hold of a list that may end: those that are pinned stay where they are. NULL: none. */
static inline struct hold *holds_first(const struct holds *holds, const struct hold_list *list)
{
	struct hold *hold = hold_at(holds, list->first);

	while (hold != NULL && hold->pinned)
		hold = hold_at(holds, hold->next);
	return hold;
}

/* Puts an open hold at the end of its offer's list, where no hold ends later, and makes the timer
 * fire in time for it. */
void holds_push(struct holds *holds, const struct offers *offers, struct hold *hold);

/* Takes it out of the list that it is in by its extensions. */
void holds_unlink(struct holds *holds, struct terms *terms, const struct hold *hold);

/*
 * Owners: a buyer and an offer, or a buyer and a group. The chain of an owner has his open holds,
 * the newest first. hash: of the owner.
 */
struct hold *holds_owned(const struct holds *holds, const struct offers *offers, uint64_t hash,
			 uint64_t buyer, const struct offer *offer);
void holds_own(struct holds *holds, const struct offers *offers, uint64_t hash, struct hold *hold);
void holds_disown(struct holds *holds, uint64_t hash, const struct hold *hold);

/* The next offer one of whose holds may end by now_ns; its timer no longer runs. NULL: none. Looks
 * at one offer. */
struct offer *holds_next_due(struct holds *holds, const struct offers *offers, uint64_t now_ns);

/* Makes the offer's timer fire for its first hold, if it has one. */
void holds_arm(struct holds *holds, const struct offers *offers, const struct offer *offer);

/* The list of an offer whose first hold ends first, or NULL. */
struct hold_list *holds_first_list(const struct holds *holds, struct terms *terms);

/* The lane's clock was set back from was_ns to at_ns: every open hold keeps the time that it had
 * left. */
void holds_set_back(struct holds *holds, const struct offers *offers, uint64_t at_ns,
		    uint64_t was_ns);

#endif
