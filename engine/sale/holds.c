#include "engine/sale/holds.h"

#include <errno.h>
#include <string.h>

#include "engine/base/check.h"

/* A wheel for a few offers has fewer buckets: each round touches each timer once. */
static uint32_t buckets_for(uint64_t offer_cnt_max)
{
	uint32_t cnt = HOLD_WHEEL_BUCKETS_MIN;

	while (cnt < HOLD_WHEEL_BUCKETS && cnt < 4 * offer_cnt_max)
		cnt *= 2;
	DCHECK((cnt & (cnt - 1)) == 0 && cnt <= TIMER_BUCKETS_MAX);
	return cnt;
}

static uint64_t list_bytes(uint64_t cnt_max)
{
	return (cnt_max + ORDERS_WRITE_AHEAD_CNT) * sizeof(struct hold);
}

static uint64_t windows_for(uint64_t window_lsn_max)
{
	return window_lsn_max / LSNS_A_WINDOW + 1;
}

uint64_t holds_bytes(uint64_t cnt_max, uint64_t window_lsn_max, uint64_t offer_cnt_max)
{
	if (cnt_max == 0)
		return 0;
	return list_bytes(cnt_max) + windows_for(window_lsn_max) * sizeof(struct lsn_window) +
	       2 * index_bytes(index_buckets_for(cnt_max)) +
	       (buckets_for(offer_cnt_max) + 1) * sizeof(int32_t);
}

static void open_wheel(struct holds *holds, const struct offers *offers, uint64_t tick)
{
	CHECK(holds->heads != NULL && offers->terms != NULL);
	timer_wheel_init(&holds->wheel, holds->heads, buckets_for(offers->cnt_max),
			 &offers->terms->timer, sizeof(struct terms), tick);
}

int holds_open(struct holds *holds, struct arena *arena, uint64_t cnt_max, uint64_t window_lsn_max,
	       const struct offers *offers)
{
	int rc;

	static_assert(offsetof(struct terms, timer) == 0, "the first timer is the first terms'");
	CHECK(cnt_max <= ORDERS_MAX);
	*holds = (struct holds){.cnt_max = cnt_max};
	if (cnt_max == 0)
		return 0;
	holds->list = arena_alloc(arena, list_bytes(cnt_max));
	holds->window_cnt = windows_for(window_lsn_max);
	holds->windows = arena_alloc(arena, holds->window_cnt * sizeof(struct lsn_window));
	holds->heads = arena_alloc(arena, (buckets_for(offers->cnt_max) + 1) * sizeof(int32_t));
	rc = index_open(&holds->others, arena, index_buckets_for(cnt_max));
	if (rc == 0)
		rc = index_open(&holds->owners, arena, index_buckets_for(cnt_max));
	if (rc != 0 || holds->list == NULL || holds->windows == NULL || holds->heads == NULL)
		return -ENOMEM;
	CHECK((uintptr_t)holds->list % CACHE_LINE_BYTES == 0);
	open_wheel(holds, offers, 0);
	return 0;
}

void holds_clear(struct holds *holds, const struct offers *offers)
{
	holds->cnt = 0;
	holds->open_cnt = 0;
	holds->undecided_cnt = 0;
	holds->last_place = 0;
	holds->other_cnt = 0;
	DCHECK(offers->cnt == 0);
	if (holds->cnt_max == 0)
		return;
	memset(holds->windows, 0, holds->window_cnt * sizeof(struct lsn_window));
	index_clear(&holds->others);
	index_clear(&holds->owners);
	open_wheel(holds, offers, 0);
}

struct hold *holds_find_other(const struct holds *holds, uint64_t hash, uint64_t lsn)
{
	struct index_search search = index_search(&holds->others, hash);
	uint32_t number;

	DCHECK(lsn <= LSN_MAX && holds->other_cnt <= holds->cnt);
	while (index_next(&holds->others, &search, &number)) {
		DCHECK(number < holds->cnt);
		if (holds->list[number].order.lsn == lsn)
			return &holds->list[number];
	}
	return NULL;
}

static struct hold *append(struct holds *holds, uint64_t place)
{
	struct hold *hold = &holds->list[holds->cnt];

	DCHECK(holds->cnt < holds->cnt_max && place > holds->last_place);
	if (holds_have_window(holds, place)) {
		struct lsn_window *window = &holds->windows[place / LSNS_A_WINDOW];

		DCHECK(window->places == 0 || window->first < holds->cnt);
		if (window->places == 0)
			window->first = holds->cnt;
		window->places |= UINT64_C(1) << place % LSNS_A_WINDOW;
		holds->last_place = place;
	}
	holds->cnt++;
	prefetch_to_write(&hold[ORDERS_WRITE_AHEAD_CNT]);
	prefetch_to_write(&hold[ORDERS_WRITE_AHEAD_CNT].ends_at_ns);
	return hold;
}

struct hold *holds_add(struct holds *holds, uint64_t lsn)
{
	CHECK(lsn > holds->last_place && holds_have_window(holds, lsn));
	return holds->cnt == holds->cnt_max ? NULL : append(holds, lsn);
}

struct hold *holds_add_other(struct holds *holds, uint64_t hash)
{
	DCHECK(holds->cnt <= holds->cnt_max && holds->other_cnt <= holds->cnt);
	if (holds->cnt == holds->cnt_max)
		return NULL;
	index_add(&holds->others, hash, (uint32_t)holds->cnt);
	holds->other_cnt++;
	DCHECK(holds->other_cnt <= holds->cnt + 1);
	/* The next place is free: the record because of which it is added is no hold's that has a
	 * window, and comes after the last that is. */
	return append(holds, holds->last_place + 1);
}

/* The first tick at whose firing a hold that ends at this instant has ended. */
static uint64_t tick_after(uint64_t ends_at_ns)
{
	DCHECK(ends_at_ns > 0);
	return ends_at_ns / HOLD_TICK_NS + 1;
}

static void start_timer(struct holds *holds, const struct offers *offers, uint32_t offer_idx,
			uint64_t tick)
{
	struct timer *timer = &offers->terms[offer_idx].timer;

	DCHECK(offer_idx < offers->cnt);
	if (timer_runs(timer)) {
		if (timer->due_tick <= tick)
			return;
		timer_wheel_stop(&holds->wheel, (int32_t)offer_idx);
	}
	timer_wheel_start(&holds->wheel, (int32_t)offer_idx, tick);
	DCHECK(timer_runs(timer));
}

void holds_push(struct holds *holds, const struct offers *offers, struct hold *hold)
{
	struct hold_list *list = hold_list_of(&offers->terms[hold->order.offer_idx], hold);
	const int32_t number = (int32_t)hold_number(holds, hold);
	struct hold *last = hold_at(holds, list->last);

	DCHECK(hold->state == HOLD_OPEN && hold->held > 0 && hold->ends_at_ns > 0);
	DCHECK(last == NULL ||
	       (last->ends_at_ns <= hold->ends_at_ns && last->since_lsn < hold->since_lsn));
	hold->next = TIMER_NONE;
	hold->prev = list->last;
	if (last != NULL)
		last->next = number;
	else
		list->first = number;
	list->last = number;
	start_timer(holds, offers, hold->order.offer_idx, tick_after(hold->ends_at_ns));
}

void holds_unlink(struct holds *holds, struct terms *terms, const struct hold *hold)
{
	struct hold_list *list = hold_list_of(terms, hold);
	struct hold *prev = hold_at(holds, hold->prev);
	struct hold *next = hold_at(holds, hold->next);

	DCHECK(prev != NULL || hold_at(holds, list->first) == hold);
	DCHECK(next != NULL || hold_at(holds, list->last) == hold);
	if (prev != NULL)
		prev->next = hold->next;
	else
		list->first = hold->next;
	if (next != NULL)
		next->prev = hold->prev;
	else
		list->last = hold->prev;
	/* Else offers whose holds were all paid would be looked at in vain, all of a drop at once.
	 */
	if (prev == NULL && next == NULL && terms->fresh.first == TIMER_NONE &&
	    terms->extended.first == TIMER_NONE && timer_runs(&terms->timer))
		timer_wheel_stop(&holds->wheel, (int32_t)hold->order.offer_idx);
}

/* Whether a hold counts for this owner. */
static bool owns(const struct offers *offers, const struct hold *hold, uint64_t buyer,
		 uint32_t offer_idx)
{
	const uint32_t group = offers->terms[offer_idx].group;

	DCHECK(offer_idx < offers->cnt);
	return hold->order.buyer == buyer &&
	       (hold->order.offer_idx == offer_idx ||
		(group != 0 && offers->terms[hold->order.offer_idx].group == group));
}

/* The owner's hold that is in the index, open or not, or NULL. */
static struct hold *indexed_of(const struct holds *holds, const struct offers *offers,
			       uint64_t hash, uint64_t buyer, uint32_t offer_idx)
{
	struct index_search search = index_search(&holds->owners, hash);
	uint32_t number;

	while (index_next(&holds->owners, &search, &number)) {
		DCHECK(number < holds->cnt);
		if (owns(offers, &holds->list[number], buyer, offer_idx))
			return &holds->list[number];
	}
	return NULL;
}

struct hold *holds_owned(const struct holds *holds, const struct offers *offers, uint64_t hash,
			 uint64_t buyer, const struct offer *offer)
{
	struct hold *hold;

	if (holds->open_cnt == 0)
		return NULL;
	hold = indexed_of(holds, offers, hash, buyer, (uint32_t)(offer - offers->list));
	return hold != NULL && hold->state == HOLD_OPEN ? hold : NULL;
}

void holds_own(struct holds *holds, const struct offers *offers, uint64_t hash, struct hold *hold)
{
	const uint32_t number = hold_number(holds, hold);
	struct hold *indexed =
		indexed_of(holds, offers, hash, hold->order.buyer, hold->order.offer_idx);

	hold->owner_prev = TIMER_NONE;
	hold->owner_next = TIMER_NONE;
	DCHECK(indexed != hold && hold->state == HOLD_OPEN);
	DCHECK(indexed == NULL || indexed->owner_prev == TIMER_NONE);
	DCHECK(indexed == NULL || indexed->order.buyer == hold->order.buyer);
	if (indexed == NULL)
		index_add(&holds->owners, hash, number);
	else
		index_replace(&holds->owners, hash, hold_number(holds, indexed), number);
	if (indexed != NULL && indexed->state == HOLD_OPEN) {
		DCHECK(indexed->order.lsn < hold->order.lsn);
		hold->owner_next = (int32_t)hold_number(holds, indexed);
		indexed->owner_prev = (int32_t)number;
	}
	holds->open_cnt++;
}

void holds_disown(struct holds *holds, uint64_t hash, const struct hold *hold)
{
	struct hold *newer = hold_at(holds, hold->owner_prev);
	struct hold *older = hold_at(holds, hold->owner_next);

	DCHECK(holds->open_cnt > 0 && hold->state == HOLD_OPEN);
	DCHECK(newer == NULL || newer->order.buyer == hold->order.buyer);
	DCHECK(older == NULL || older->order.buyer == hold->order.buyer);
	if (older != NULL)
		older->owner_prev = hold->owner_prev;
	if (newer != NULL)
		newer->owner_next = hold->owner_next;
	else if (older != NULL)
		index_replace(&holds->owners, hash, hold_number(holds, hold),
			      hold_number(holds, older));
	holds->open_cnt--;
}

struct hold_list *holds_first_list(const struct holds *holds, struct terms *terms)
{
	const struct hold *fresh = holds_first(holds, &terms->fresh);
	const struct hold *extended = holds_first(holds, &terms->extended);

	DCHECK(fresh == NULL || fresh->state == HOLD_OPEN);
	DCHECK(extended == NULL || extended->state == HOLD_OPEN);
	if (fresh == NULL)
		return extended != NULL ? &terms->extended : NULL;
	return extended == NULL || fresh->ends_at_ns <= extended->ends_at_ns ? &terms->fresh
									     : &terms->extended;
}

struct offer *holds_next_due(struct holds *holds, const struct offers *offers, uint64_t now_ns)
{
	int32_t number;

	if (holds->cnt_max == 0)
		return NULL;
	number = timer_wheel_next(&holds->wheel, now_ns / HOLD_TICK_NS);
	DCHECK(number == TIMER_NONE || (uint64_t)number < offers->cnt);
	return number == TIMER_NONE ? NULL : &offers->list[number];
}

void holds_arm(struct holds *holds, const struct offers *offers, const struct offer *offer)
{
	struct terms *terms = offer_terms_of(offers, offer);
	const struct hold_list *list = holds_first_list(holds, terms);

	if (list != NULL)
		start_timer(holds, offers, (uint32_t)(offer - offers->list),
			    tick_after(holds_first(holds, list)->ends_at_ns));
}

void holds_set_back(struct holds *holds, const struct offers *offers, uint64_t at_ns,
		    uint64_t was_ns)
{
	CHECK(at_ns < was_ns);
	if (holds->cnt_max == 0)
		return;
	for (uint64_t i = 0; i < holds->cnt; i++) {
		struct hold *hold = &holds->list[i];

		/* One that had ended long ago, and is not recorded so, ends as early as can be. */
		if (hold->state == HOLD_OPEN)
			hold->ends_at_ns = hold->ends_at_ns > was_ns - at_ns
						   ? hold->ends_at_ns - (was_ns - at_ns)
						   : 1;
	}
	/* A wheel turns forward only: its timers are started anew. */
	open_wheel(holds, offers, at_ns / HOLD_TICK_NS);
	for (uint64_t i = 0; i < offers->cnt; i++) {
		timer_init(&offers->terms[i].timer);
		holds_arm(holds, offers, &offers->list[i]);
	}
}
