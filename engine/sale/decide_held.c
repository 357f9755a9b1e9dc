/*
 * What is decided beside purchases: holds, what happens to orders later, and what has become of
 * them. The rules of a change are in change.c.
 */
#include "engine/base/check.h"
#include "engine/sale/decision.h"

enum {
	/* Of one owner's open holds, the newest so many are looked at: a buyer has few; only a shop
	 * that gives all its guests one number has more. */
	OWNED_LOOKS_MAX = 256,
};

/* The holds of the question's buyer that count for this offer, the newest first. */
static struct hold *first_owned(const struct question *question, const struct offer *offer)
{
	const struct shard *shard = question->shard;

	return holds_owned(&shard->holds, &shard->offers,
			   owner_hash(shard, offer, question->request->buyer),
			   question->request->buyer, offer);
}

/* An open hold of the buyer that has ended, or NULL. Of other offers of the group, too. */
static struct hold *ended_of_buyer(const struct question *question, const struct offer *offer)
{
	struct hold *hold = first_owned(question, offer);

	for (unsigned i = 0; hold != NULL && i < OWNED_LOOKS_MAX; i++) {
		if (hold_has_ended(hold, question->now_ns))
			return hold;
		hold = hold_at(&question->shard->holds, hold->owner_next);
	}
	return NULL;
}

/* Ends a hold by a record, before the request is decided. */
static void end_first(const struct question *question, struct hold *hold)
{
	struct shard *shard = question->shard;

	DCHECK(hold_has_ended(hold, question->now_ns));
	if (question->record == NULL) {
		refuse(question->decision, VERDICT_JOURNAL_FULL);
		return;
	}
	expire_one(shard, hold, question->now_ns, question->record);
	*question->decision = (struct decision){.again = true};
}

/* The same for a run of the offer's holds, enough for the units that are missing. */
static bool end_run_first(const struct question *question, struct offer *offer)
{
	struct shard *shard = question->shard;
	struct terms *terms = offer_terms_of(&shard->offers, offer);
	struct hold_list *list = holds_first_list(&shard->holds, terms);
	const uint32_t missing = question->request->quantity - offer->free;

	DCHECK(question->request->quantity > offer->free);
	if (list == NULL || !hold_has_ended(holds_first(&shard->holds, list), question->now_ns))
		return false;
	if (question->record == NULL) {
		refuse(question->decision, VERDICT_JOURNAL_FULL);
		return true;
	}
	expire_run(shard, offer, list, question->now_ns,
		   missing > EXPIRE_HOLDS_PER_TURN_MAX ? missing : EXPIRE_HOLDS_PER_TURN_MAX,
		   question->record);
	*question->decision = (struct decision){.again = true};
	return true;
}

bool ended_first(const struct question *question, struct offer *offer, enum verdict verdict)
{
	struct hold *hold;

	if (verdict == VERDICT_SOLD_OUT)
		return offer->held > 0 && end_run_first(question, offer);
	if (verdict != VERDICT_LIMIT_REACHED)
		return false;
	hold = ended_of_buyer(question, offer);
	if (hold == NULL)
		return false;
	DCHECK(hold->order.buyer == question->request->buyer);
	end_first(question, hold);
	return true;
}

/* What the buyer's own open holds take up. */
struct owned {
	uint64_t of_offer; /* units */
	uint64_t of_group;
	const struct hold *newest;          /* of the offer */
	const struct hold *newest_of_group; /* of any of them */
};

static void look_at_owned(const struct question *question, const struct offer *offer,
			  struct owned *owned)
{
	const struct shard *shard = question->shard;
	const uint32_t offer_idx = shard_offer_idx(shard, offer);
	const struct hold *hold = first_owned(question, offer);

	*owned = (struct owned){.newest_of_group = hold};
	DCHECK(hold == NULL || hold->owner_prev == TIMER_NONE);
	for (unsigned i = 0; hold != NULL && i < OWNED_LOOKS_MAX; i++) {
		owned->of_group += hold->held;
		if (hold->order.offer_idx == offer_idx) {
			owned->of_offer += hold->held;
			if (owned->newest == NULL)
				owned->newest = hold;
		}
		hold = hold_at(&shard->holds, hold->owner_next);
	}
}

/* The hold because of which the request is refused, and nothing else; or NULL. */
static const struct hold *stopping_hold(const struct question *question, const struct offer *offer)
{
	const struct wire_request *request = question->request;
	const struct shard *shard = question->shard;
	const struct terms *terms = offer_terms_of(&shard->offers, offer);
	const struct limit_counts counts = counts_find(shard, offer, request->buyer);
	struct owned owned;

	look_at_owned(question, offer, &owned);
	DCHECK(owned.of_offer <= owned.of_group);
	DCHECK(counts.own == NULL || owned.of_offer <= buyer_units(counts.own));
	DCHECK(counts.group == NULL || owned.of_group <= buyer_units(counts.group));
	if (owned.newest_of_group == NULL || request->quantity > offer->free + owned.of_offer)
		return NULL;
	if (counts.own != NULL &&
	    buyer_units(counts.own) - owned.of_offer + request->quantity > offer->limit_per_buyer)
		return NULL;
	if (counts.group != NULL &&
	    buyer_units(counts.group) - owned.of_group + request->quantity > terms->group_limit)
		return NULL;
	return owned.newest != NULL ? owned.newest : owned.newest_of_group;
}

/* What an answer says of an order's hold as it is now. */
static void say_hold(const struct question *question, const struct hold *hold, enum verdict verdict)
{
	struct decision *decision = question->decision;

	DCHECK(hold->last_lsn >= hold->order.lsn && hold->last_lsn < question->shard->next_lsn);
	decision->verdict = (uint8_t)verdict;
	decision->order_id = order_id_of(question->shard->lane, hold->order.lsn);
	decision->unit_price = hold->order.unit_price;
	decision->wait_lsn = hold->last_lsn;
}

static void refuse_hold(const struct question *question, struct offer *offer, enum verdict no)
{
	const struct hold *own;

	if (question->shard->holds.open_cnt == 0 || no < VERDICT_SOLD_OUT ||
	    no > VERDICT_LIMIT_REACHED) {
		refuse(question->decision, no);
		return;
	}
	if (ended_first(question, offer, no))
		return;
	own = stopping_hold(question, offer);
	if (own == NULL) {
		refuse(question->decision, no);
		return;
	}
	DCHECK(own->held > 0 && !hold_has_ended(own, question->now_ns));
	say_hold(question, own, VERDICT_ALREADY_HELD);
	question->decision->quantity = own->held;
	question->decision->instant_ns = own->ends_at_ns;
}

void decide_hold(const struct question *question, struct offer *offer)
{
	struct shard *shard = question->shard;
	struct decision *decision = question->decision;
	const struct wire_request *request = question->request;
	enum verdict no =
		purchase_refusal(question->now_ns, question->asked_ns, request, offer, decision);
	struct limit_counts counts = {NULL, NULL};

	if (no == VERDICT_NONE) {
		counts = key_counts(shard, question->key, offer, request->sku, request->buyer);
		if (!counts_allow(shard, offer, &counts, request->quantity))
			no = VERDICT_LIMIT_REACHED;
	}
	if (no != VERDICT_NONE) {
		refuse_hold(question, offer, no);
		return;
	}
	if (shard->holds.cnt == shard->holds.cnt_max || !change_has_room(shard) ||
	    !counts_have_room(shard, &counts)) {
		refuse(decision, VERDICT_TABLE_FULL);
		return;
	}
	if (stops_short(question->only_judge, question->record, VERDICT_HELD, decision))
		return;
	*question->record =
		purchase_record(RECORD_HOLD, request, question->now_ns, offer, question->goes_on);
	decision->verdict = VERDICT_HELD;
	decision->order_id = order_id_of(shard->lane, shard->next_lsn);
	decision->quantity = request->quantity;
	decision->wait_lsn = shard->next_lsn;
	decision->committed = true;
	change_commit_hold(shard, question->record, offer, &counts, question->key);
	decision->instant_ns = shard->holds.list[shard->holds.cnt - 1].ends_at_ns;
	decision->stock_left = offer->free;
	DCHECK(decision->instant_ns > question->now_ns);
	DCHECK(shard->next_lsn == decision->wait_lsn + 1);
}

static uint8_t record_kind_of(uint8_t op)
{
	switch (op) {
	case WIRE_OP_CONFIRM:
		return RECORD_CONFIRM;
	case WIRE_OP_RELEASE:
		return RECORD_RELEASE;
	case WIRE_OP_EXTEND:
		return RECORD_EXTEND;
	default:
		DCHECK(op == WIRE_OP_RETURN);
		return RECORD_RETURN;
	}
}

/* The order that the request names by its id. */
static struct target named_target(const struct question *question, const struct offer *offer)
{
	const struct shard *shard = question->shard;
	const uint64_t order_id = question->request->price_or_order;

	if (order_id >> ORDER_ID_LSN_BITS != shard->lane)
		return (struct target){NULL, NULL};
	return target_find(shard, order_id & LSN_MAX, shard_offer_idx(shard, offer));
}

/* Whether a late payment depends on holds that have ended and are not recorded so; then as
 * ended_first. */
static bool late_waits(const struct question *question, struct offer *offer,
		       const struct target *target)
{
	const struct wire_request *request = question->request;

	if (question->request->op != WIRE_OP_CONFIRM || target->hold == NULL ||
	    target->hold->state != HOLD_RAN_OUT || target->order->buyer != request->buyer ||
	    request->quantity > target->hold->ran_out || question->shard->holds.open_cnt == 0)
		return false;
	if (request->quantity > offer->free)
		return ended_first(question, offer, VERDICT_SOLD_OUT);
	return !limits_allow(question->shard, offer, request->buyer, request->quantity) &&
	       ended_first(question, offer, VERDICT_LIMIT_REACHED);
}

/* A CONFIRM finds room that was kept for it. A bought order of which the first unit comes back
 * needs an entry among the holds. */
static bool room_for_change(const struct shard *shard, uint8_t kind, const struct target *target)
{
	if (kind == RECORD_CONFIRM)
		return shard->orders.change_cnt < shard->orders.change_cnt_max;
	return change_has_room(shard) &&
	       (target->hold != NULL || shard->holds.cnt < shard->holds.cnt_max);
}

static void commit_change(const struct question *question, struct offer *offer, uint8_t kind,
			  const struct target *target, const struct effect *effect)
{
	const struct wire_request *request = question->request;
	struct shard *shard = question->shard;
	struct decision *decision = question->decision;

	CHECK(target->order != NULL);
	*question->record = (struct record){
		.kind = kind,
		.flags = effect->flags | (question->goes_on ? RECORD_BASKET_GOES_ON : 0),
		.quantity = effect->quantity,
		.channel = request->channel,
		.at_ns = question->now_ns,
		.sku = request->sku,
		.unit_price = target->order->unit_price,
		.change = {.request_id = {request->id[0], request->id[1]},
			   .buyer = request->buyer,
			   .order_lsn = target->order->lsn},
	};
	decision->verdict = (uint8_t)effect->verdict;
	decision->wait_lsn = shard->next_lsn;
	decision->quantity = effect->quantity;
	decision->committed = true;
	change_commit(shard, question->record, offer, target, question->key->order_hash);
	decision->stock_left = offer->free;
	DCHECK(shard->next_lsn == decision->wait_lsn + 1);
}

void decide_change(const struct question *question, struct offer *offer)
{
	const struct wire_request *request = question->request;
	struct decision *decision = question->decision;
	const uint8_t kind = record_kind_of(request->op);
	const struct target target = named_target(question, offer);
	const struct change change = {
		.kind = kind,
		.write_off = (request->flags & WIRE_ENTRY_WRITE_OFF) != 0,
		.quantity = request->quantity,
		.buyer = request->buyer,
		.at_ns = question->now_ns,
		.refund = question->refund,
	};
	struct effect effect;

	if (question->asked_ns == ASKED_STALE) {
		decision->instant_ns = question->now_ns;
		refuse(decision, VERDICT_STALE);
		return;
	}
	if (target.hold != NULL && hold_has_ended(target.hold, question->now_ns) &&
	    target.order->buyer == request->buyer) {
		end_first(question, target.hold);
		return;
	}
	if (late_waits(question, offer, &target))
		return;
	change_judge(question->shard, offer, &target, &change, &effect);
	if (target.order != NULL && target.order->buyer == request->buyer) {
		decision->order_id = order_id_of(question->shard->lane, target.order->lsn);
		decision->unit_price = target.order->unit_price;
		decision->instant_ns = effect.instant_ns;
		decision->wait_lsn =
			target.hold != NULL ? target.hold->last_lsn : target.order->lsn;
	}
	if (!effect.commits) {
		decision->verdict = (uint8_t)effect.verdict;
		if (effect.verdict == VERDICT_HOLD_EXPIRED)
			decision->quantity = request->quantity;
	} else if (!room_for_change(question->shard, kind, &target)) {
		refuse(decision, VERDICT_TABLE_FULL);
	} else if (!stops_short(question->only_judge, question->record, effect.verdict, decision)) {
		commit_change(question, offer, kind, &target, &effect);
	}
}

/* What has become of an order, by its hold. */
static void say_state(const struct question *question, const struct hold *hold)
{
	struct decision *decision = question->decision;
	enum hold_state state = (enum hold_state)hold->state;

	decision->quantity = 0;
	/* Without room for a record of its end the hold has ended all the same. */
	if (hold_has_ended(hold, question->now_ns))
		state = HOLD_RAN_OUT;
	switch (state) {
	case HOLD_OPEN:
		say_hold(question, hold, VERDICT_HELD);
		decision->quantity = hold->held;
		decision->instant_ns = hold->ends_at_ns;
		break;
	case HOLD_SOLD:
		if (hold->sold == 0)
			say_hold(question, hold, VERDICT_RETURNED);
		else if (hold->order.kind == RECORD_ORDER)
			say_hold(question, hold, VERDICT_ACCEPTED);
		else
			say_hold(question, hold,
				 (hold->order.flags & CONFIRM_LATE) != 0 ? VERDICT_CONFIRMED_LATE
									 : VERDICT_CONFIRMED);
		decision->quantity = hold->sold;
		decision->instant_ns = hold->sold_at_ns;
		break;
	case HOLD_GONE:
		say_hold(question, hold, VERDICT_RELEASED);
		break;
	default:
		say_hold(question, hold,
			 state == HOLD_REFUNDED ? VERDICT_HOLD_EXPIRED : VERDICT_HOLD_ENDED);
		decision->quantity = hold->state == HOLD_OPEN ? hold->held : hold->ran_out;
		decision->instant_ns = hold->ends_at_ns;
		break;
	}
}

void say_purchase(const struct shard *shard, const struct order *order, struct decision *decision)
{
	DCHECK(order->lsn > 0 && order->quantity > 0);
	DCHECK(!decision->committed);
	decision->verdict = order->kind == RECORD_HOLD ? VERDICT_HELD : VERDICT_ACCEPTED;
	decision->order_id = order_id_of(shard->lane, order->lsn);
	decision->unit_price = order->unit_price;
	decision->instant_ns = order->at_ns;
	if (order->kind == RECORD_HOLD)
		decision->instant_ns +=
			shard->offers.list[order->offer_idx].hold_seconds * UINT64_C(1000000000);
	decision->quantity = order->quantity;
	decision->wait_lsn = order->lsn;
}

/* The order that a committed request made, or changed. */
static struct target target_of(const struct question *question, const struct order *order)
{
	if (order->kind == RECORD_ORDER && (order->flags & SNAPSHOT_CHANGED) == 0)
		return (struct target){.order = (struct order *)(uintptr_t)order};
	if (order->kind == RECORD_HOLD)
		return (struct target){.order = &hold_of(order)->order, .hold = hold_of(order)};
	return target_find(question->shard,
			   order->kind == RECORD_ORDER ? order->lsn : order->order_lsn,
			   order->offer_idx);
}

void decide_lookup(const struct question *question, struct offer *offer, const struct order *order)
{
	const struct wire_request *request = question->request;
	struct target target = {NULL, NULL};

	if ((request->flags & WIRE_ENTRY_BY_ORDER) != 0) {
		target = named_target(question, offer);
		if (target.order != NULL && target.order->buyer != request->buyer) {
			refuse(question->decision, VERDICT_OTHER_BUYER);
			return;
		}
	} else if (order != NULL) {
		target = target_of(question, order);
	}
	if (target.order == NULL) {
		refuse(question->decision, VERDICT_NOT_FOUND);
		return;
	}
	if (target.hold == NULL)
		say_purchase(question->shard, target.order, question->decision);
	else if (question->record != NULL && hold_has_ended(target.hold, question->now_ns))
		end_first(question, target.hold);
	else
		say_state(question, target.hold);
}

static bool same_change(const struct order *change, const struct wire_request *request)
{
	const bool all = change->kind == RECORD_RELEASE && (change->flags & RELEASE_ALL) != 0;
	const bool write_off =
		change->kind == RECORD_RETURN && (change->flags & RETURN_WRITE_OFF) != 0;

	return change->buyer == request->buyer && change->channel == request->channel &&
	       (change->kind == RECORD_EXTEND ||
		(all ? request->quantity == 0 : change->quantity == request->quantity)) &&
	       write_off == ((request->flags & WIRE_ENTRY_WRITE_OFF) != 0);
}

void answer_committed(const struct question *question, const struct order *order)
{
	const struct wire_request *request = question->request;
	const struct shard *shard = question->shard;
	struct decision *decision = question->decision;
	struct target target;

	if (request->op == WIRE_OP_BUY || request->op == WIRE_OP_HOLD) {
		if (order->kind == (request->op == WIRE_OP_BUY ? RECORD_ORDER : RECORD_HOLD) &&
		    same_purchase(order, request))
			say_purchase(shard, order, decision);
		else
			refuse(decision, VERDICT_CONFLICT);
		return;
	}
	if (order->kind != record_kind_of(request->op) || !same_change(order, request) ||
	    order_id_of(shard->lane, order->order_lsn) != request->price_or_order) {
		refuse(decision, VERDICT_CONFLICT);
		return;
	}
	target = target_of(question, order);
	DCHECK(target.hold != NULL);
	decision->verdict = (uint8_t)change_verdict(order);
	decision->order_id = request->price_or_order;
	decision->unit_price = order->unit_price;
	decision->instant_ns = change_instant_ns(shard, order, target.hold);
	decision->quantity = order->quantity;
	decision->wait_lsn = order->lsn;
}
