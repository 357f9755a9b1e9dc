#include "engine/sale/prepare.h"

#include <errno.h>

#include "engine/base/check.h"
#include "engine/sale/apply.h"
#include "engine/sale/change.h"
#include "engine/sale/decision.h"

struct prepared *prepare_at(const struct shard *shard, uint32_t place)
{
	CHECK(place < shard->prepared.fresh && shard->prepared.list[place].lsn > 0);
	return &shard->prepared.list[place];
}

uint32_t prepare_next(const struct shard *shard, uint32_t place)
{
	DCHECK(shard->prepared.fresh <= PREPARED_MAX);
	while (place < shard->prepared.fresh && shard->prepared.list[place].lsn == 0)
		place++;
	return place < shard->prepared.fresh ? place : PREPARED_MAX;
}

bool prepare_has_room(const struct shard *shard, uint32_t cnt)
{
	DCHECK(shard->prepared_cnt <= PREPARED_MAX);
	return shard->prepared_cnt + cnt <= PREPARED_MAX;
}

static uint8_t kind_of(const struct record *record)
{
	DCHECK(record->kind == RECORD_PREPARED);
	return record->flags & PREPARED_KIND_MASK;
}

static bool is_purchase(const struct record *record)
{
	return kind_of(record) == RECORD_ORDER || kind_of(record) == RECORD_HOLD;
}

static struct offer *offer_of(const struct shard *shard, const struct record *record)
{
	struct offer *offer =
		offers_find(&shard->offers, shard_offer_hash(shard, record->sku), record->sku);

	CHECK(offer != NULL);
	return offer;
}

static struct hold *hold_of_change(const struct shard *shard, const struct record *record)
{
	const uint64_t lsn = record->change.order_lsn;
	struct hold *hold = holds_find(&shard->holds, shard_lsn_hash(shard, lsn), lsn);

	CHECK(hold != NULL && hold->order.buyer == record->change.buyer);
	return hold;
}

/* The tables keep room for what a line may become. sign: 1, or -1 to give it back. */
static void keep_room(struct shard *shard, const struct record *record, int sign)
{
	switch (kind_of(record)) {
	case RECORD_ORDER:
		shard->orders.cnt_max -= (uint64_t)sign;
		break;
	case RECORD_HOLD:
		shard->holds.cnt_max -= (uint64_t)sign;
		shard->orders.change_cnt_max -= (uint32_t)sign;
		break;
	case RECORD_RELEASE:
		shard->orders.change_cnt_max -= (uint32_t)sign;
		break;
	default:
		/* The room for a CONFIRM is kept as long as its hold is undecided. */
		DCHECK(kind_of(record) == RECORD_CONFIRM);
		break;
	}
	DCHECK(shard->orders.cnt <= shard->orders.cnt_max);
	DCHECK(shard->holds.cnt <= shard->holds.cnt_max);
}

static bool takes_units(const struct record *record)
{
	return is_purchase(record) || (record->flags & PREPARED_LATE) != 0;
}

static void set_aside(struct shard *shard, const struct record *record)
{
	struct offer *offer = offer_of(shard, record);

	keep_room(shard, record, 1);
	if (!is_purchase(record)) {
		struct hold *hold = hold_of_change(shard, record);

		DCHECK(!hold->pinned);
		hold->pinned = true;
	}
	if (takes_units(record)) {
		const struct limit_counts counts = counts_find(shard, offer, record->order.buyer);

		DCHECK(record->quantity <= offer->free);
		offer->free -= record->quantity;
		offer->held += record->quantity;
		shard->units_held += record->quantity;
		counts_take(shard, &counts, record->order.buyer, shard_offer_idx(shard, offer),
			    record->quantity);
	}
	DCHECK(offer_conserved(&shard->offers, offer));
}

static void give_back(struct shard *shard, const struct record *record)
{
	struct offer *offer = offer_of(shard, record);

	keep_room(shard, record, -1);
	if (!is_purchase(record)) {
		struct hold *hold = hold_of_change(shard, record);

		DCHECK(hold->pinned);
		hold->pinned = false;
		/* It may have ended meanwhile: its offer's timer did not fire for it. */
		holds_arm(&shard->holds, &shard->offers, offer);
	}
	if (takes_units(record))
		units_back(shard, offer, record->order.buyer, record->quantity);
	DCHECK(offer_conserved(&shard->offers, offer));
}

/* The line takes a place. There is one. */
static uint32_t add(struct shard *shard, const struct record *record, uint64_t lsn)
{
	struct prepared_table *table = &shard->prepared;
	const uint32_t place = table->first_free < PREPARED_MAX ? table->first_free : table->fresh;

	CHECK(shard->prepared_cnt < PREPARED_MAX && place < PREPARED_MAX);
	if (place == table->fresh)
		table->fresh++;
	else
		table->first_free = table->list[place].next_free;
	DCHECK(place < table->fresh && (table->list[place].lsn == 0 || place + 1 == table->fresh));
	table->list[place] = (struct prepared){.record = *record, .lsn = lsn};
	index_add(&table->index, shard_order_hash(shard, record->order.request_id, record->sku),
		  place);
	shard->prepared_cnt++;
	set_aside(shard, record);
	return place;
}

/* The place is free again, and what was set aside is given back. */
static struct record take_out(struct shard *shard, struct prepared *prepared)
{
	struct prepared_table *table = &shard->prepared;
	const uint32_t place = (uint32_t)(prepared - table->list);
	const struct record record = prepared->record;

	CHECK(place < table->fresh && prepared->lsn > 0);
	give_back(shard, &record);
	index_remove(&table->index, shard_order_hash(shard, record.order.request_id, record.sku),
		     place);
	prepared->lsn = 0;
	prepared->next_free = table->first_free;
	table->first_free = place;
	shard->prepared_cnt--;
	return record;
}

void prepare_forget(struct shard *shard)
{
	for (uint32_t i = prepare_next(shard, 0); i < PREPARED_MAX; i = prepare_next(shard, i + 1))
		take_out(shard, prepare_at(shard, i));
	CHECK(shard->prepared_cnt == 0);
	shard->prepared.fresh = 0;
	shard->prepared.first_free = PREPARED_MAX;
}

uint32_t prepare_units(const struct shard *shard, uint32_t place)
{
	const struct record *record = &prepare_at(shard, place)->record;

	return takes_units(record) ? record->quantity : 0;
}

uint32_t prepare_offer_idx(const struct shard *shard, uint32_t place)
{
	return shard_offer_idx(shard, offer_of(shard, &prepare_at(shard, place)->record));
}

/* The PREPARED record of a line as it was judged. */
static struct record record_of_line(const struct basket *basket, uint32_t line,
				    const struct decision *judged)
{
	const struct wire_request *request = &basket->lines[line];
	const struct offer *offer = key_offer(basket->shard, &basket->keys[line], request->sku);
	struct record record;

	CHECK(offer != NULL && judged->would_be != VERDICT_NONE);
	record = purchase_record(RECORD_PREPARED, request, basket->now_ns, offer, false);
	switch (request->op) {
	case WIRE_OP_BUY:
		record.flags = RECORD_ORDER;
		return record;
	case WIRE_OP_HOLD:
		record.flags = RECORD_HOLD;
		return record;
	case WIRE_OP_CONFIRM:
		record.flags = RECORD_CONFIRM |
			       (judged->would_be == VERDICT_CONFIRMED_LATE ? PREPARED_LATE : 0);
		break;
	default:
		DCHECK(request->op == WIRE_OP_RELEASE);
		record.flags = RECORD_RELEASE | (request->quantity == 0 ? PREPARED_ALL : 0);
		break;
	}
	record.change.order_lsn = request->price_or_order & LSN_MAX;
	record.unit_price = hold_of_change(basket->shard, &record)->order.unit_price;
	if (record.quantity == 0)
		record.quantity = hold_of_change(basket->shard, &record)->held;
	return record;
}

uint32_t prepare_line(const struct basket *basket, uint32_t line, const struct decision *judged,
		      struct record *record)
{
	struct shard *shard = basket->shard;
	uint32_t place;

	DCHECK(line < basket->cnt);
	*record = record_of_line(basket, line, judged);
	DCHECK(record->quantity > 0);
	DCHECK(record->at_ns >= shard->last_at_ns || shard->clock_back_cnt > 0);
	place = add(shard, record, shard->next_lsn);
	shard_end_record(shard, record);
	return place;
}

/* The change that a prepared line asks for, as of when it was judged. */
static struct change change_of(const struct record *prepared, bool refund)
{
	DCHECK(!is_purchase(prepared));
	return (struct change){
		.kind = kind_of(prepared),
		.refund = refund,
		.quantity = (prepared->flags & PREPARED_ALL) != 0 ? 0 : prepared->quantity,
		.buyer = prepared->change.buyer,
		.at_ns = prepared->at_ns,
	};
}

static void commit_purchase(struct shard *shard, struct offer *offer, const struct record *record,
			    uint64_t order_hash, struct decision *decision)
{
	const struct limit_counts counts = counts_find(shard, offer, record->order.buyer);

	decision->order_id = order_id_of(shard->lane, shard->next_lsn);
	decision->instant_ns = record->at_ns;
	if (record->kind == RECORD_HOLD) {
		change_commit_hold(shard, record, offer, &counts,
				   &(struct lookup){.order_hash = order_hash});
		decision->verdict = VERDICT_HELD;
		decision->instant_ns = shard->holds.list[shard->holds.cnt - 1].ends_at_ns;
	} else {
		shard_commit_order(shard, record, offer, &counts, order_hash);
		decision->verdict = VERDICT_ACCEPTED;
	}
	DCHECK(decision->instant_ns >= record->at_ns);
}

static void commit_line(struct shard *shard, struct offer *offer, const struct record *prepared,
			bool refund, struct record *record, struct decision *decision)
{
	const struct target target =
		target_find(shard, prepared->change.order_lsn, shard_offer_idx(shard, offer));
	const struct change change = change_of(prepared, refund);
	const uint64_t hash = shard_order_hash(shard, record->change.request_id, record->sku);
	struct effect effect;

	CHECK(target.hold != NULL);
	change_judge(shard, offer, &target, &change, &effect);
	/* It was pinned since it was judged, and the units were set aside. */
	CHECK(effect.commits);
	record->flags |= effect.flags;
	DCHECK(record->quantity == effect.quantity);
	decision->verdict = (uint8_t)effect.verdict;
	decision->order_id = order_id_of(shard->lane, target.order->lsn);
	change_commit(shard, record, offer, &target, hash);
	decision->instant_ns = change_instant_ns(
		shard, &shard->orders.changes[shard->orders.change_cnt - 1], target.hold);
}

void prepare_commit(struct shard *shard, uint32_t place, uint64_t now_ns, bool refund,
		    struct record *record, struct decision *decision)
{
	const struct record prepared = take_out(shard, prepare_at(shard, place));
	struct offer *offer = offer_of(shard, &prepared);

	DCHECK(now_ns >= prepared.at_ns);
	*decision = (struct decision){
		.unit_price = prepared.unit_price,
		.quantity = prepared.quantity,
		.wait_lsn = shard->next_lsn,
		.committed = true,
	};
	*record = prepared;
	record->kind = kind_of(&prepared);
	record->flags = RECORD_WAS_PREPARED;
	record->at_ns = now_ns;
	if (is_purchase(&prepared))
		commit_purchase(shard, offer, record,
				shard_order_hash(shard, record->order.request_id, record->sku),
				decision);
	else
		commit_line(shard, offer, &prepared, refund, record, decision);
	decision->stock_left = offer->free;
	DCHECK(shard->next_lsn == decision->wait_lsn + 1);
}

static struct record aborted_record(const struct record *prepared, uint64_t lsn, uint64_t now_ns)
{
	return (struct record){
		.kind = RECORD_ABORTED,
		.at_ns = now_ns,
		.sku = prepared->sku,
		.change = {.request_id = {prepared->change.request_id[0],
					  prepared->change.request_id[1]},
			   .buyer = prepared->change.buyer,
			   .order_lsn = lsn},
	};
}

void prepare_abort(struct shard *shard, uint32_t place, uint64_t now_ns, struct record *record)
{
	struct prepared *prepared = prepare_at(shard, place);

	*record = aborted_record(&prepared->record, prepared->lsn, now_ns);
	take_out(shard, prepared);
	DCHECK(record->change.order_lsn < shard->next_lsn);
	DCHECK(record->at_ns >= shard->last_at_ns || shard->clock_back_cnt > 0);
	shard_end_record(shard, record);
}

/* Why a change cannot have been prepared so; NULL: it can. */
static const char *change_wrong(const struct shard *shard, const struct offer *offer,
				const struct record *record)
{
	const struct target target =
		target_find(shard, record->change.order_lsn, shard_offer_idx(shard, offer));
	const struct change change = change_of(record, false);
	struct effect effect;

	if (target.hold == NULL || target.order->kind != RECORD_HOLD)
		return "prepared change of a hold that is not there";
	if (hold_has_ended(target.hold, record->at_ns))
		return "prepared change of a hold that has ended";
	if (record->unit_price != target.order->unit_price)
		return "prepared change at another price than the hold's";
	change_judge(shard, offer, &target, &change, &effect);
	if (!effect.commits || effect.quantity != record->quantity ||
	    ((effect.flags & CONFIRM_LATE) != 0 && kind_of(record) == RECORD_CONFIRM) !=
		    ((record->flags & PREPARED_LATE) != 0))
		return "prepared change that does not follow from its hold";
	return NULL;
}

static const char *flags_wrong(const struct record *record)
{
	const uint8_t kind = kind_of(record);

	if (kind != RECORD_ORDER && kind != RECORD_HOLD && kind != RECORD_CONFIRM &&
	    kind != RECORD_RELEASE)
		return "prepared line of a kind that makes no basket";
	if ((kind != RECORD_RELEASE && (record->flags & PREPARED_ALL) != 0) ||
	    (kind != RECORD_CONFIRM && (record->flags & PREPARED_LATE) != 0))
		return "prepared line with flags of another kind";
	return NULL;
}

/* Why a line cannot be prepared that is not there yet; NULL: it can, if there is room. */
static const char *line_wrong(const struct shard *shard, const struct record *record,
			      const struct lookup *key, const struct offer *offer)
{
	if (flags_wrong(record) != NULL)
		return flags_wrong(record);
	if (offer == NULL)
		return "prepared line of a SKU that was never put on sale";
	if ((record->order.request_id[0] | record->order.request_id[1]) == 0)
		return "prepared line without a request id";
	if (key_order(shard, key, record->order.request_id, shard_offer_idx(shard, offer)) !=
		    NULL ||
	    prepare_find(shard, key->order_hash, record->order.request_id, record->sku) != NULL)
		return "request committed or prepared twice";
	return NULL;
}

/* Whether keep_room can keep room for it. */
static bool has_room_kept(const struct shard *shard, const struct record *record)
{
	const bool change = shard->orders.change_cnt < shard->orders.change_cnt_max;

	DCHECK(shard->orders.change_cnt <= shard->orders.change_cnt_max);
	switch (kind_of(record)) {
	case RECORD_ORDER:
		return shard->orders.cnt < shard->orders.cnt_max;
	case RECORD_HOLD:
		return shard->holds.cnt < shard->holds.cnt_max && change;
	case RECORD_RELEASE:
		return change;
	default:
		return true;
	}
}

/* 0, or as shard_apply if the tables or the buyer's limits have no room for a prepared purchase. */
static int purchase_fits(const struct shard *shard, const struct record *record,
			 const struct offer *offer, const char **why)
{
	const struct limit_counts counts = counts_find(shard, offer, record->order.buyer);
	const char *wrong = purchase_wrong(record, offer, record->at_ns);
	const bool holds = kind_of(record) == RECORD_HOLD;

	if (wrong != NULL)
		return bad(why, wrong);
	if (holds && offer->hold_seconds == 0)
		return bad(why, "hold of an offer that allows none");
	if (!counts_allow(shard, offer, &counts, record->quantity))
		return bad(why, "order beyond the limit per buyer, or of its group");
	*why = "more orders than the tables were made for";
	if (!counts_have_room(shard, &counts))
		return -ENOSPC;
	return has_room_kept(shard, record) ? 0 : -ENOSPC;
}

int apply_prepared(struct shard *shard, const struct record *record, const struct lookup *key,
		   const char **why)
{
	const struct offer *offer = key_offer(shard, key, record->sku);
	const char *wrong = line_wrong(shard, record, key, offer);
	int rc = 0;

	if (wrong != NULL)
		return bad(why, wrong);
	if (is_purchase(record)) {
		rc = purchase_fits(shard, record, offer, why);
	} else {
		wrong = change_wrong(shard, offer, record);
		if (wrong != NULL)
			return bad(why, wrong);
		*why = "more changes than the tables were made for";
		if (!has_room_kept(shard, record))
			return -ENOSPC;
	}
	if (rc != 0)
		return rc;
	*why = "more prepared lines than the tables were made for";
	if (!prepare_has_room(shard, 1))
		return -ENOSPC;
	add(shard, record, shard->next_lsn);
	shard_end_record(shard, record);
	return 0;
}

int apply_aborted(struct shard *shard, const struct record *record, const struct lookup *key,
		  const char **why)
{
	struct prepared *prepared =
		prepare_find(shard, key->order_hash, record->change.request_id, record->sku);

	if ((record->quantity | record->channel | record->unit_price) != 0)
		return bad(why, "end of a prepared line with reserved bytes in use");
	if (prepared == NULL || prepared->lsn != record->change.order_lsn ||
	    prepared->record.order.buyer != record->change.buyer)
		return bad(why, "end of a line that is not prepared");
	take_out(shard, prepared);
	shard_end_record(shard, record);
	return 0;
}

int apply_was_prepared(struct shard *shard, const struct record *record, const struct lookup *key,
		       uint64_t *as_of_ns, const char **why)
{
	struct prepared *prepared =
		prepare_find(shard, key->order_hash, record->order.request_id, record->sku);
	const struct record *was;

	if (prepared == NULL)
		return bad(why, "line that was not prepared before");
	was = &prepared->record;
	/* max_price is order_lsn, too. */
	if (kind_of(was) != record->kind || was->quantity != record->quantity ||
	    was->channel != record->channel || was->unit_price != record->unit_price ||
	    was->order.buyer != record->order.buyer ||
	    was->order.max_price != record->order.max_price ||
	    (record->kind == RECORD_RELEASE &&
	     ((was->flags & PREPARED_ALL) != 0) != ((record->flags & RELEASE_ALL) != 0)))
		return bad(why, "line that was prepared otherwise");
	*as_of_ns = was->at_ns;
	take_out(shard, prepared);
	return 0;
}

/* What change_wrong says, as far as it is known later: other buyers may have taken the free units
 * since. */
static bool change_fits_state(const struct record *record, const struct hold *hold)
{
	DCHECK(!is_purchase(record) && !hold->pinned);
	if (hold->state == HOLD_OPEN)
		return (record->flags & PREPARED_LATE) == 0 && record->quantity <= hold->held &&
		       ((record->flags & PREPARED_ALL) == 0 || record->quantity == hold->held);
	return hold->state == HOLD_RAN_OUT && kind_of(record) == RECORD_CONFIRM &&
	       record->quantity <= hold->ran_out;
}

int prepare_load(struct shard *shard, const struct record *record, uint64_t lsn, const char **why)
{
	const struct offer *offer;
	const struct hold *hold = NULL;
	struct lookup key;

	if (record->kind != RECORD_PREPARED || lsn == 0 || record->quantity == 0)
		return bad(why, "something else among its prepared lines");
	key_hash(shard, &key, record->order.request_id, record->sku);
	offer = key_offer(shard, &key, record->sku);
	if (line_wrong(shard, record, &key, offer) != NULL)
		return bad(why, line_wrong(shard, record, &key, offer));
	if (!is_purchase(record)) {
		const struct target target =
			target_find(shard, record->change.order_lsn, shard_offer_idx(shard, offer));

		hold = target.hold;
		if (hold == NULL || hold->order.buyer != record->change.buyer || hold->pinned ||
		    hold->order.unit_price != record->unit_price)
			return bad(why, "prepared change of a hold that is not there");
		if (!change_fits_state(record, hold))
			return bad(why, "prepared change that does not follow from its hold");
	}
	if (takes_units(record)) {
		const struct limit_counts counts = counts_find(shard, offer, record->order.buyer);

		if (record->quantity > offer->free ||
		    !counts_allow(shard, offer, &counts, record->quantity))
			return bad(why, "prepared line of more units than there are");
		if (!counts_have_room(shard, &counts)) {
			*why = "more prepared lines than the tables were made for";
			return -ENOSPC;
		}
	}
	*why = "more prepared lines than the tables were made for";
	if (!prepare_has_room(shard, 1) || !has_room_kept(shard, record))
		return -ENOSPC;
	add(shard, record, lsn);
	return 0;
}
