/*
 * holds: the orders of a shard that were held, and the bought ones of which units came back. An
 * open hold is in two lists: its offer's, in the order in which they end, and its owner's. A hold
 * lasts as long as its offer says, from its HOLD or its latest EXTEND on, and the lane's clock does
 * not fall between two records: so each of the two lists of an offer is in order by itself, and a
 * new hold goes to its end. A wheel of timers, one an offer, finds the offers whose first hold
 * ends.
 *
 * Most requests name a hold by the LSN of its order, which the answer to its HOLD gave. Holds lie
 * in the order of their LSNs, so a bit for each LSN and a number for each 64 of them find a hold:
 * that stays in a cache where an index of hashes would not.
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

	LSNS_A_WINDOW = 64,
};

/* Of 64 LSNs, those that are places of holds: each entry of the table has one, in the same order,
 * as far as windows go. The place of a hold is its order's LSN. A bought order was there before, so
 * its entry has a place that is no hold's LSN. */
struct lsn_window {
	uint64_t places;
	uint64_t first; /* number of the hold at the lowest place */
};

struct holds {
	struct hold *list;
	struct lsn_window *windows;
	uint64_t window_cnt;
	uint64_t cnt;
	uint64_t cnt_max;
	uint64_t open_cnt;
	uint64_t undecided_cnt; /* open, or ran out and no payment has come: a change may follow */
	uint64_t last_place;    /* 0: the table is empty */
	uint64_t other_cnt;
	struct index others; /* holds that are not found by their place, by a hash of the LSN */
	/* The newest open hold of each owner, or if he has none, one that was open. */
	struct index owners;
	struct timer_wheel wheel;
	int32_t *heads; /* the wheel's */
};

uint64_t holds_bytes(uint64_t cnt_max, uint64_t window_lsn_max, uint64_t offer_cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. offers is open and stays where it is. cnt_max 0 to
 * ORDERS_MAX. window_lsn_max: holds with greater LSNs are
 * found by a hash. */
int holds_open(struct holds *holds, struct arena *arena, uint64_t cnt_max, uint64_t window_lsn_max,
	       const struct offers *offers);

/* Makes it as it was after holds_open. */
void holds_clear(struct holds *holds, const struct offers *offers);

/* The hold whose place this LSN is, or NULL. A bought order's place is another LSN than its own. */
static inline struct hold *holds_at_place(const struct holds *holds, uint64_t lsn)
{
	const uint64_t bit = UINT64_C(1) << lsn % LSNS_A_WINDOW;
	const struct lsn_window *window;
	uint64_t number;

	if (lsn / LSNS_A_WINDOW >= holds->window_cnt)
		return NULL;
	window = &holds->windows[lsn / LSNS_A_WINDOW];
	if ((window->places & bit) == 0)
		return NULL;
	number = window->first + (uint64_t)__builtin_popcountll(window->places & (bit - 1));
	DCHECK(number < holds->cnt && lsn <= holds->last_place);
	return &holds->list[number];
}

/* Asks for what holds_at_place looks at. */
static inline void holds_prefetch_place(const struct holds *holds, uint64_t lsn)
{
	DCHECK(holds->window_cnt == 0 || holds->windows != NULL);
	if (lsn / LSNS_A_WINDOW < holds->window_cnt)
		prefetch(&holds->windows[lsn / LSNS_A_WINDOW]);
}

/* The hold with this LSN and this hash of it that is not found by its place, or NULL. */
struct hold *holds_find_other(const struct holds *holds, uint64_t hash, uint64_t lsn);

/* The hold of the order with this LSN, or NULL. hash: of the LSN; it is seldom looked at. */
static inline struct hold *holds_find(const struct holds *holds, uint64_t hash, uint64_t lsn)
{
	struct hold *hold = holds_at_place(holds, lsn);

	DCHECK(lsn <= LSN_MAX);
	if (hold != NULL && hold->order.lsn == lsn)
		return hold;
	return holds->other_cnt == 0 ? NULL : holds_find_other(holds, hash, lsn);
}

static inline bool holds_have_window(const struct holds *holds, uint64_t lsn)
{
	DCHECK(lsn > 0 && holds->cnt <= ORDERS_MAX);
	return lsn / LSNS_A_WINDOW < holds->window_cnt;
}

/* These add a hold for the caller to fill in; NULL when full. This LSN is higher than all before,
 * and has a window. */
struct hold *holds_add(struct holds *holds, uint64_t lsn);
/* A bought order, or a hold whose LSN has no window. hash: of the LSN. */
struct hold *holds_add_other(struct holds *holds, uint64_t hash);

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
 * the newest first. hash: of the owner. Most owners have one hold: when it ends it stays in the
 * index, which would cost a line of memory, until he has another one.
 */
struct hold *holds_owned(const struct holds *holds, const struct offers *offers, uint64_t hash,
			 uint64_t buyer, const struct offer *offer);
void holds_own(struct holds *holds, const struct offers *offers, uint64_t hash, struct hold *hold);
void holds_disown(struct holds *holds, uint64_t hash, const struct hold *hold);

/* Whether holds_disown needs the hash. */
static inline bool holds_disown_hashes(const struct hold *hold)
{
	DCHECK(hold->state == HOLD_OPEN);
	return hold->owner_prev == TIMER_NONE && hold->owner_next != TIMER_NONE;
}

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
