/*
 * A shard's state as entries of a checkpoint, and back, with the checks of shard_apply.c as far as
 * they can be made: what an order changed since is in the entries of holds.
 */
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/sale/apply.h"
#include "engine/sale/change.h"
#include "engine/sale/links.h"
#include "engine/sale/prepare.h"

static struct record offer_record(const struct shard *shard, uint64_t idx)
{
	const struct offer *offer = &shard->offers.list[idx];
	const struct terms *terms = &shard->offers.terms[idx];

	CHECK(offer_conserved(&shard->offers, offer));
	return (struct record){
		.kind = RECORD_OFFER,
		.flags = terms->placed ? OFFER_PLACED : 0,
		.quantity = (uint16_t)terms->group_limit,
		.channel = terms->group,
		.at_ns = offer->added_at_ns,
		.sku = offer->sku,
		.unit_price = offer->unit_price,
		.offer = {.stock = offer->stock,
			  .limit_per_buyer = offer->limit_per_buyer,
			  .opens_at_ns = offer->opens_at_ns,
			  .closes_at_ns = offer->closes_at_ns,
			  .hold_seconds = offer->hold_seconds,
			  .extend = terms->extend},
	};
}

static struct record placed_record(const struct placed *placed)
{
	return (struct record){
		.kind = RECORD_PLACED,
		.quantity = placed->shard,
		.at_ns = placed->at_ns,
		.sku = placed->sku,
	};
}

static struct record clock_record(const struct clock_back *back)
{
	CHECK(back->at_ns < back->was_ns);
	return (struct record){
		.kind = RECORD_CLOCK, .at_ns = back->at_ns, .clock = {.was_ns = back->was_ns}};
}

void shard_save_offers(const struct shard *shard, uint64_t first, uint32_t cnt, struct record *out)
{
	const struct clock_back *backs = shard->clock_backs;
	const uint64_t listed = shard->offers.cnt + shard->clock_back_cnt;
	uint32_t back = 0;

	CHECK(first + cnt <= shard_entries(shard));
	while (back < shard->clock_back_cnt && backs[back].offers_before + back < first)
		back++;
	for (uint32_t i = 0; i < cnt; i++) {
		const uint64_t offer = first + i - back;

		if (first + i >= listed) {
			out[i] = placed_record(&shard->placed[first + i - listed]);
			continue;
		}
		if (back < shard->clock_back_cnt && backs[back].offers_before == offer)
			out[i] = clock_record(&backs[back++]);
		else
			out[i] = offer_record(shard, offer);
		CHECK(first + i + 1 - back <= shard->offers.cnt);
	}
}

static void save_order(const struct shard *shard, const struct order *order,
		       struct snapshot_order *out)
{
	const uint32_t kind = order->kind == RECORD_ORDER ? 0 : order->kind;

	CHECK(order->quantity > 0 || order->kind == RECORD_EXTEND);
	CHECK(order->offer_idx < shard->offers.cnt);
	CHECK(order->lsn > 0 && order->lsn < shard->next_lsn);
	*out = (struct snapshot_order){
		.request_id = {order->request_id[0], order->request_id[1]},
		.buyer = order->buyer,
		.max_price = order->max_price,
		.unit_price = order->unit_price,
		.at_ns = order->at_ns,
		.lsn_quantity = (uint64_t)order->lsn << QUANTITY_BITS | order->quantity,
		.offer = order->offer_idx | kind << SNAPSHOT_KIND_SHIFT |
			 (uint32_t)order->flags << SNAPSHOT_FLAGS_SHIFT,
		.channel = order->channel,
	};
}

void shard_save_orders(const struct shard *shard, uint64_t first, uint32_t cnt,
		       struct snapshot_order *out)
{
	CHECK(first + cnt <= shard->orders.cnt);
	for (uint32_t i = 0; i < cnt; i++)
		save_order(shard, &shard->orders.log[first + i], &out[i]);
}

void shard_save_changes(const struct shard *shard, uint64_t first, uint32_t cnt,
			struct snapshot_order *out)
{
	CHECK(first + cnt <= shard->orders.change_cnt);
	for (uint32_t i = 0; i < cnt; i++)
		save_order(shard, &shard->orders.changes[first + i], &out[i]);
}

void shard_save_holds(const struct shard *shard, uint64_t first, uint32_t cnt,
		      struct snapshot_hold *out)
{
	CHECK(first + cnt <= shard->holds.cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct hold *hold = &shard->holds.list[first + i];

		out[i] = (struct snapshot_hold){
			.ends_at_ns = hold->ends_at_ns,
			.since_lsn = hold->since_lsn,
			.last_lsn = hold->last_lsn,
			.held = hold->held,
			.sold = hold->sold,
			.returned = hold->returned,
			.written_off = hold->written_off,
			.ran_out = hold->ran_out,
			.state = hold->state,
			.extensions = hold->extensions,
			.sold_at_ns = hold->sold_at_ns,
		};
		save_order(shard, &hold->order, &out[i].order);
	}
}

void shard_save_links(const struct shard *shard, uint64_t first, uint32_t cnt,
		      struct snapshot_link *out)
{
	CHECK(first + cnt <= shard->links.cnt);
	for (uint32_t i = 0; i < cnt; i++)
		out[i] = shard->links.list[first + i];
}

/* The prepared line with the lowest LSN above this one. */
static const struct prepared *prepared_after(const struct shard *shard, uint64_t lsn)
{
	const struct prepared *least = NULL;

	for (uint32_t i = prepare_next(shard, 0); i < PREPARED_MAX;
	     i = prepare_next(shard, i + 1)) {
		const struct prepared *prepared = prepare_at(shard, i);

		if (prepared->lsn > lsn && (least == NULL || prepared->lsn < least->lsn))
			least = prepared;
	}
	CHECK(least != NULL);
	return least;
}

void shard_save_prepared(const struct shard *shard, uint64_t first, uint32_t cnt,
			 struct snapshot_prepared *out)
{
	uint64_t lsn = 0;

	CHECK(first + cnt <= shard->prepared_cnt);
	for (uint64_t i = 0; i < first + cnt; i++) {
		const struct prepared *prepared = prepared_after(shard, lsn);

		lsn = prepared->lsn;
		if (i >= first)
			out[i - first] =
				(struct snapshot_prepared){.record = prepared->record, .lsn = lsn};
	}
}

/* An entry's order as the tables keep it; or what is wrong with it. */
static const char *load_order(const struct shard *shard, const struct snapshot_order *entry,
			      struct order *out)
{
	const uint32_t kind = entry->offer >> SNAPSHOT_KIND_SHIFT & 0xf;

	*out = (struct order){
		.request_id = {entry->request_id[0], entry->request_id[1]},
		.buyer = entry->buyer,
		.max_price = entry->max_price,
		.unit_price = entry->unit_price,
		.at_ns = entry->at_ns,
		.lsn = entry->lsn_quantity >> QUANTITY_BITS,
		.quantity = (uint16_t)entry->lsn_quantity,
		.offer_idx = entry->offer & ((1U << SNAPSHOT_OFFER_BITS) - 1),
		.kind = kind == 0 ? RECORD_ORDER : kind,
		.flags = entry->offer >> SNAPSHOT_FLAGS_SHIFT,
		.channel = entry->channel,
	};
	if (out->offer_idx >= shard->offers.cnt)
		return "order of a SKU that was never put on sale";
	if (out->lsn == 0 || out->quantity == 0)
		return "order of no units, or no record";
	if ((out->request_id[0] | out->request_id[1]) == 0)
		return "order without a request id";
	return NULL;
}

static bool is_known(const struct shard *shard, const struct order *order, uint64_t hash)
{
	return orders_find(&shard->orders, hash, order->request_id, order->offer_idx) != NULL;
}

static uint64_t hash_of(const struct shard *shard, const struct order *order)
{
	return shard_order_hash(shard, order->request_id, shard->offers.list[order->offer_idx].sku);
}

/* Units that a loaded hold has; false if they cannot be so. */
static bool take_units(struct shard *shard, const struct hold *hold)
{
	struct offer *offer = &shard->offers.list[hold->order.offer_idx];
	struct terms *terms = &shard->offers.terms[hold->order.offer_idx];
	const uint64_t units = (uint64_t)hold->held + hold->sold + hold->written_off;
	const struct limit_counts counts = counts_find(shard, offer, hold->order.buyer);
	const uint32_t counted = (uint32_t)hold->held + hold->sold;

	if (units > offer->free || !counts_have_room(shard, &counts) ||
	    !counts_allow(shard, offer, &counts, counted))
		return false;
	DCHECK(offer_conserved(&shard->offers, offer));
	offer->free -= (uint32_t)units;
	offer->held += hold->held;
	offer->sold += hold->sold;
	terms->written_off += hold->written_off;
	shard->units_held += hold->held;
	shard->units_sold += hold->sold;
	shard->units_written_off += hold->written_off;
	/* Also of 0 units: a buyer's count stays where it is. */
	counts_take(shard, &counts, hold->order.buyer, hold->order.offer_idx, counted);
	return true;
}

static const char *state_wrong(const struct hold *hold)
{
	const bool bought = hold->order.kind == RECORD_ORDER;
	const uint32_t all = (uint32_t)hold->held + hold->sold + hold->returned +
			     hold->written_off + hold->ran_out;

	if (hold->state == 0 || hold->state >= HOLD_STATE_END ||
	    (hold->state == HOLD_OPEN) != (hold->held > 0) ||
	    (hold->state != HOLD_SOLD && (hold->sold | hold->returned | hold->written_off) != 0) ||
	    (bought && hold->state != HOLD_SOLD) || all > hold->order.quantity)
		return "hold in an impossible state";
	if (bought != (hold->since_lsn == 0) || hold->last_lsn < hold->order.lsn ||
	    (!bought && (hold->since_lsn < hold->order.lsn ||
			 (hold->since_lsn > hold->order.lsn) != (hold->extensions > 0))))
		return "hold whose records are in an impossible order";
	return NULL;
}

static int load_hold(struct shard *shard, const struct snapshot_hold *entry, const char **why)
{
	struct hold loaded = {
		.ends_at_ns = entry->ends_at_ns,
		.since_lsn = entry->since_lsn,
		.last_lsn = entry->last_lsn,
		.held = entry->held,
		.sold = entry->sold,
		.returned = entry->returned,
		.written_off = entry->written_off,
		.ran_out = entry->ran_out,
		.state = entry->state,
		.extensions = entry->extensions,
		.sold_at_ns = entry->sold_at_ns,
	};
	const char *wrong = load_order(shard, &entry->order, &loaded.order);
	struct hold *hold;
	uint64_t hash;

	if (wrong == NULL)
		wrong = state_wrong(&loaded);
	if (wrong != NULL)
		return bad(why, wrong);
	if (loaded.order.kind != RECORD_HOLD && loaded.order.kind != RECORD_ORDER)
		return bad(why, "something else among its holds");
	hash = shard_lsn_hash(shard, loaded.order.lsn);
	if (shard->holds.cnt > 0 && holds_find(&shard->holds, hash, loaded.order.lsn) != NULL)
		return bad(why, "hold that is there twice");
	if (loaded.order.kind == RECORD_HOLD && loaded.order.lsn <= shard->holds.last_place)
		return bad(why, "holds that are not in lane order");
	if (loaded.order.kind == RECORD_HOLD &&
	    is_known(shard, &loaded.order, hash_of(shard, &loaded.order)))
		return bad(why, "request committed twice");
	if (!take_units(shard, &loaded))
		return bad(why, "hold of more units than the offer or its buyer may have");
	hold = loaded.order.kind == RECORD_HOLD ? shard_add_hold(shard, loaded.order.lsn)
						: holds_add_other(&shard->holds, hash);
	if (hold == NULL) {
		*why = "more holds than the tables were made for";
		return -ENOSPC;
	}
	DCHECK(hold_number(&shard->holds, hold) == shard->holds.cnt - 1);
	*hold = loaded;
	shard->holds.undecided_cnt += hold->state == HOLD_OPEN || hold->state == HOLD_RAN_OUT;
	if (loaded.order.kind == RECORD_HOLD)
		index_add(&shard->orders.index, hash_of(shard, &loaded.order),
			  hold_number(&shard->holds, hold) | NUMBER_OF_HOLD);
	return 0;
}

int shard_load_holds(struct shard *shard, const struct snapshot_hold *holds, uint32_t cnt,
		     const char **why)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const int rc = load_hold(shard, &holds[i], why);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int shard_load_changes(struct shard *shard, const struct snapshot_order *changes, uint32_t cnt,
		       const char **why)
{
	for (uint32_t i = 0; i < cnt; i++) {
		struct order change;
		const char *wrong = load_order(shard, &changes[i], &change);
		struct order *added;
		uint64_t hash;

		if (wrong != NULL)
			return bad(why, wrong);
		if (change.kind < RECORD_CONFIRM || change.kind > RECORD_RETURN)
			return bad(why, "something else among its changes");
		if (shard->holds.cnt == 0 ||
		    target_find(shard, change.order_lsn, change.offer_idx).hold == NULL)
			return bad(why, "change of an order that is not there");
		hash = hash_of(shard, &change);
		if (is_known(shard, &change, hash))
			return bad(why, "request committed twice");
		if (shard->orders.change_cnt > 0 &&
		    shard->orders.changes[shard->orders.change_cnt - 1].lsn >= change.lsn)
			return bad(why, "changes that are not in lane order");
		added = orders_add_change(&shard->orders, hash);
		if (added == NULL) {
			*why = "more changes than the tables were made for";
			return -ENOSPC;
		}
		*added = change;
	}
	return 0;
}

int shard_load_links(struct shard *shard, const struct snapshot_link *links, uint32_t cnt,
		     const char **why)
{
	for (uint32_t i = 0; i < cnt; i++) {
		const int rc = links_load(shard, &links[i], why);

		if (rc != 0)
			return rc;
	}
	return 0;
}

int shard_load_prepared(struct shard *shard, const struct snapshot_prepared *prepared, uint32_t cnt,
			const char **why)
{
	for (uint32_t i = 0; i < cnt; i++) {
		int rc;

		for (unsigned k = 0; k < sizeof(prepared[i].reserved) / 8; k++) {
			if (prepared[i].reserved[k] != 0)
				return bad(why, "prepared line with reserved bytes in use");
		}
		rc = prepare_load(shard, &prepared[i].record, prepared[i].lsn, why);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int shard_load_offers(struct shard *shard, const struct record *offers, uint32_t cnt,
		      const char **why)
{
	CHECK(shard->orders.cnt == 0);
	for (uint32_t i = 0; i < cnt; i++) {
		int rc;

		if (offers[i].kind == RECORD_CLOCK)
			rc = apply_clock(shard, &offers[i], why);
		else if (offers[i].kind == RECORD_OFFER)
			rc = apply_offer(shard, &offers[i], why);
		else if (offers[i].kind == RECORD_PLACED)
			rc = apply_placed(shard, &offers[i], why);
		else
			return bad(why, "something else among its offers");
		if (rc != 0)
			return rc;
	}
	/* The entry has no LSN, and orders may have come before it: each order's entry has its own
	 * LSN. */
	shard->next_lsn = 1;
	shard->last_at_ns = 0;
	return 0;
}

/* Whether an instant is before the last one, in a lane whose clock was never set back. */
static bool falls(const struct shard *shard, uint64_t at_ns)
{
	return at_ns < shard->last_at_ns && shard->clock_back_cnt == 0;
}

/* A bought order of which units came back: a hold says what is left of it. */
static int load_changed(struct shard *shard, const struct order *order, const char **why)
{
	const uint64_t hash = hash_of(shard, order);
	struct order *added;

	if (is_known(shard, order, hash))
		return bad(why, "request committed twice");
	added = orders_add(&shard->orders, hash);
	if (added == NULL) {
		*why = "more orders than the tables were made for";
		return -ENOSPC;
	}
	*added = *order;
	DCHECK(order->lsn >= shard->next_lsn);
	shard->next_lsn = order->lsn + 1;
	shard->last_at_ns = order->at_ns;
	return 0;
}

/* The flags of a bought order's record. */
static uint8_t record_flags(const struct order *order)
{
	uint8_t flags = 0;

	if ((order->flags & SNAPSHOT_BASKET_GOES_ON) != 0)
		flags |= RECORD_BASKET_GOES_ON;
	if ((order->flags & SNAPSHOT_WAS_PREPARED) != 0)
		flags |= RECORD_WAS_PREPARED;
	return flags;
}

/* When an order was judged, as far as its entry says it: one that was prepared was judged while the
 * offer was open, and may have been committed after that. */
static uint64_t judged_at(const struct shard *shard, const struct order *order)
{
	const struct offer *offer = &shard->offers.list[order->offer_idx];

	DCHECK(order->kind == RECORD_ORDER);
	if ((order->flags & SNAPSHOT_WAS_PREPARED) == 0 || order->at_ns < offer->closes_at_ns)
		return order->at_ns;
	return offer->closes_at_ns - 1;
}

static int load_batch(struct shard *shard, const struct snapshot_order *orders, uint32_t cnt,
		      const char **why)
{
	struct record records[APPLY_BATCH_CNT];
	struct order loaded[APPLY_BATCH_CNT];
	struct lookup keys[APPLY_BATCH_CNT];

	CHECK(cnt > 0 && cnt <= APPLY_BATCH_CNT);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct order *order = &loaded[i];
		const char *wrong = load_order(shard, &orders[i], &loaded[i]);

		if (wrong != NULL)
			return bad(why, wrong);
		if (order->kind != RECORD_ORDER)
			return bad(why, "something else among its orders");
		records[i] = record_of_order(shard, order, record_flags(order));
	}
	apply_look_ahead(shard, records, keys, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		int rc;

		if (loaded[i].lsn < shard->next_lsn || falls(shard, records[i].at_ns))
			return bad(why, "orders that are not in lane order");
		shard->next_lsn = loaded[i].lsn;
		if ((loaded[i].flags & SNAPSHOT_CHANGED) != 0)
			rc = load_changed(shard, &loaded[i], why);
		else
			rc = apply_order(shard, &records[i], &keys[i], judged_at(shard, &loaded[i]),
					 why);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int shard_load_orders(struct shard *shard, const struct snapshot_order *orders, uint32_t cnt,
		      const char **why)
{
	for (uint32_t i = 0; i < cnt; i += APPLY_BATCH_CNT) {
		const uint32_t left = cnt - i;
		const int rc = load_batch(shard, orders + i,
					  left < APPLY_BATCH_CNT ? left : APPLY_BATCH_CNT, why);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static int compare_since(const void *one, const void *two)
{
	const uint64_t a = (*(struct hold *const *)one)->since_lsn;
	const uint64_t b = (*(struct hold *const *)two)->since_lsn;

	return a < b ? -1 : a > b;
}

static bool fits_in_list(const struct shard *shard, const struct hold *hold)
{
	const struct hold_list *list =
		hold_list_of(&shard->offers.terms[hold->order.offer_idx], hold);
	const struct hold *last = hold_at(&shard->holds, list->last);

	DCHECK(hold->state == HOLD_OPEN);
	return last == NULL ||
	       (last->ends_at_ns <= hold->ends_at_ns && last->since_lsn < hold->since_lsn);
}

/* Puts an open hold before its owner's older ones. */
static void own(struct shard *shard, struct hold *hold)
{
	const struct offer *offer = &shard->offers.list[hold->order.offer_idx];

	holds_own(&shard->holds, &shard->offers, owner_hash(shard, offer, hold->order.buyer), hold);
}

/* Puts the open holds into their lists: of their owners in the order in which they were made, which
 * is the table's, of their offers in that in which they end. */
static int begin_holds(struct shard *shard, uint64_t open_cnt, const char **why)
{
	struct hold **open = calloc(open_cnt + 1, sizeof(struct hold *));
	uint64_t cnt = 0;
	int rc = 0;

	if (open == NULL) {
		*why = "no memory to put its holds in order";
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < shard->holds.cnt; i++) {
		if (shard->holds.list[i].state != HOLD_OPEN)
			continue;
		open[cnt++] = &shard->holds.list[i];
		own(shard, &shard->holds.list[i]);
	}
	CHECK(cnt == open_cnt);
	qsort(open, cnt, sizeof(struct hold *), compare_since);
	for (uint64_t i = 0; i < cnt && rc == 0; i++) {
		if (fits_in_list(shard, open[i]))
			holds_push(&shard->holds, &shard->offers, open[i]);
		else
			rc = bad(why, "holds that do not end in the order in which they began");
	}
	free(open);
	return rc;
}

/* All entries of holds and changes are of records before this one. */
static int check_end(const struct shard *shard, uint64_t next_lsn, uint64_t *open_cnt,
		     uint64_t *changed_cnt, const char **why)
{
	uint64_t last_lsn = 0;

	for (uint64_t i = 0; i < shard->holds.cnt; i++) {
		const struct hold *hold = &shard->holds.list[i];

		*open_cnt += hold->state == HOLD_OPEN;
		*changed_cnt -= hold->order.kind == RECORD_ORDER;
		last_lsn = hold->last_lsn > last_lsn ? hold->last_lsn : last_lsn;
		last_lsn = hold->since_lsn > last_lsn ? hold->since_lsn : last_lsn;
	}
	if (shard->orders.change_cnt > 0 &&
	    shard->orders.changes[shard->orders.change_cnt - 1].lsn > last_lsn)
		last_lsn = shard->orders.changes[shard->orders.change_cnt - 1].lsn;
	if (shard->links.cnt > 0 && shard->links.list[shard->links.cnt - 1].lsn > last_lsn)
		last_lsn = shard->links.list[shard->links.cnt - 1].lsn;
	for (uint32_t i = prepare_next(shard, 0); i < PREPARED_MAX;
	     i = prepare_next(shard, i + 1)) {
		const struct prepared *prepared = prepare_at(shard, i);

		last_lsn = prepared->lsn > last_lsn ? prepared->lsn : last_lsn;
	}
	return last_lsn >= next_lsn ? bad(why, "holds after its end") : 0;
}

int shard_load_end(struct shard *shard, uint64_t next_lsn, uint64_t last_at_ns, const char **why)
{
	uint64_t changed_cnt = 0;
	uint64_t open_cnt = 0;
	int rc;

	if (next_lsn < shard->next_lsn || falls(shard, last_at_ns))
		return bad(why, "orders after its end");
	for (uint64_t i = 0; i < shard->orders.cnt; i++)
		changed_cnt += (shard->orders.log[i].flags & SNAPSHOT_CHANGED) != 0;
	rc = check_end(shard, next_lsn, &open_cnt, &changed_cnt, why);
	if (rc != 0)
		return rc;
	/* Each has its order in the log, or units would be sold that no request asked for. */
	if (changed_cnt != 0)
		return bad(why, "bought orders whose returns are missing");
	rc = begin_holds(shard, open_cnt, why);
	if (rc != 0)
		return rc;
	shard->next_lsn = next_lsn;
	shard->last_at_ns = last_at_ns;
	return 0;
}
