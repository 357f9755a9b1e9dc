#include "engine/sale/change.h"

#include <errno.h>

#include "engine/base/check.h"

static const uint64_t NS_PER_S = 1000000000;

struct target target_find(const struct shard *shard, uint64_t lsn, uint32_t offer_idx)
{
	struct target target = {.hold = NULL};

	if (shard->holds.cnt > 0)
		target.hold = holds_find(&shard->holds, shard_lsn_hash(shard, lsn), lsn);
	target.order =
		target.hold != NULL ? &target.hold->order : orders_by_lsn(&shard->orders, lsn);
	DCHECK(target.order == NULL || target.order->lsn == lsn);
	if (target.order == NULL || target.order->offer_idx != offer_idx)
		return (struct target){NULL, NULL};
	return target;
}

struct limit_counts counts_find(const struct shard *shard, const struct offer *offer,
				uint64_t buyer)
{
	const uint32_t offer_idx = shard_offer_idx(shard, offer);
	const uint32_t group = offer_group(shard, offer);
	struct limit_counts counts = {NULL, NULL};

	if (offer->limit_per_buyer > 0)
		counts.own = buyers_find(&shard->buyers, shard_buyer_hash(shard, buyer, offer->sku),
					 buyer, offer_idx);
	if (group != 0)
		counts.group = group_count(shard, buyer, group);
	return counts;
}

uint64_t owner_hash(const struct shard *shard, const struct offer *offer, uint64_t buyer)
{
	const uint32_t group = offer_group(shard, offer);

	return group != 0 ? shard_group_hash(shard, buyer, group)
			  : shard_buyer_hash(shard, buyer, offer->sku);
}

bool change_has_room(const struct shard *shard)
{
	return shard->orders.change_cnt + shard->holds.undecided_cnt < shard->orders.change_cnt_max;
}

bool limits_allow(const struct shard *shard, const struct offer *offer, uint64_t buyer,
		  uint32_t units)
{
	const struct limit_counts counts = counts_find(shard, offer, buyer);

	return counts_allow(shard, offer, &counts, units);
}

static void judge_confirm(const struct shard *shard, const struct offer *offer,
			  const struct hold *hold, const struct change *change,
			  struct effect *effect)
{
	DCHECK(change->quantity > 0 && hold->order.buyer == change->buyer);
	DCHECK(hold->state != HOLD_SOLD && hold->state != HOLD_GONE);
	effect->quantity = change->quantity;
	if (hold->state == HOLD_REFUNDED) {
		effect->verdict = VERDICT_HOLD_EXPIRED;
		effect->instant_ns = hold->ends_at_ns;
	} else if (change->quantity > (hold->state == HOLD_OPEN ? hold->held : hold->ran_out)) {
		effect->verdict = VERDICT_TOO_MANY;
	} else if (change->refund) {
		effect->verdict = VERDICT_HOLD_EXPIRED;
		effect->flags = CONFIRM_REFUND | CONFIRM_OF_BASKET;
		effect->instant_ns = hold->state == HOLD_OPEN ? change->at_ns : hold->ends_at_ns;
		effect->commits = true;
	} else if (hold->state == HOLD_OPEN) {
		effect->verdict = VERDICT_CONFIRMED;
		effect->commits = true;
	} else if (change->quantity <= offer->free &&
		   limits_allow(shard, offer, change->buyer, change->quantity)) {
		effect->verdict = VERDICT_CONFIRMED_LATE;
		effect->flags = CONFIRM_LATE;
		effect->commits = true;
	} else {
		effect->verdict = VERDICT_HOLD_EXPIRED;
		effect->flags = CONFIRM_REFUND;
		effect->instant_ns = hold->ends_at_ns;
		effect->commits = true;
	}
}

static void judge_release(const struct hold *hold, const struct change *change,
			  struct effect *effect)
{
	effect->flags = change->quantity == 0 ? RELEASE_ALL : 0;
	effect->quantity = change->quantity == 0 ? hold->held : change->quantity;
	DCHECK(hold->state == HOLD_OPEN && effect->quantity > 0);
	effect->verdict = VERDICT_TOO_MANY;
	if (effect->quantity > hold->held)
		return;
	effect->verdict = VERDICT_RELEASED;
	effect->commits = true;
}

static void judge_extend(const struct shard *shard, const struct offer *offer,
			 const struct hold *hold, const struct change *change,
			 struct effect *effect)
{
	const uint32_t extend = offer_terms_of(&shard->offers, offer)->extend;
	const uint64_t ends_at_ns = change->at_ns + (extend >> EXTENSIONS_BITS) * NS_PER_S;

	DCHECK(hold->state == HOLD_OPEN && hold->ends_at_ns > change->at_ns);
	effect->verdict = VERDICT_CANNOT_EXTEND;
	effect->instant_ns = hold->ends_at_ns;
	if (hold->extensions >= (extend & EXTENSIONS_MAX) || ends_at_ns <= hold->ends_at_ns)
		return;
	effect->verdict = VERDICT_EXTENDED;
	effect->quantity = hold->held;
	effect->instant_ns = ends_at_ns;
	effect->commits = true;
}

static void judge_return(const struct target *target, const struct change *change,
			 struct effect *effect)
{
	const uint16_t sold =
		target->hold != NULL ? target->hold->sold : (uint16_t)target->order->quantity;

	DCHECK(change->quantity > 0 && sold <= target->order->quantity);
	effect->flags = change->write_off ? RETURN_WRITE_OFF : 0;
	effect->quantity = change->quantity;
	if (sold == 0) {
		effect->verdict = VERDICT_NOT_SOLD;
	} else if (change->quantity > sold) {
		effect->verdict = VERDICT_TOO_MANY;
	} else {
		effect->verdict = VERDICT_RETURNED;
		effect->commits = true;
	}
}

/* Why a hold that is not open gets no RELEASE, EXTEND, or timely CONFIRM. */
static enum verdict closed_verdict(const struct hold *hold)
{
	switch ((enum hold_state)hold->state) {
	case HOLD_SOLD:
		return VERDICT_ALREADY_SOLD;
	case HOLD_GONE:
		return VERDICT_HOLD_RELEASED;
	case HOLD_RAN_OUT:
		return VERDICT_HOLD_ENDED;
	case HOLD_REFUNDED:
		return VERDICT_HOLD_EXPIRED;
	default:
		return VERDICT_NONE;
	}
}

void change_judge(const struct shard *shard, const struct offer *offer, const struct target *target,
		  const struct change *change, struct effect *effect)
{
	const struct hold *hold = target->hold;
	enum verdict closed;

	*effect = (struct effect){.instant_ns = 0};
	if (target->order == NULL) {
		effect->verdict = VERDICT_NOT_FOUND;
		return;
	}
	if (target->order->buyer != change->buyer) {
		effect->verdict = VERDICT_OTHER_BUYER;
		return;
	}
	if (hold != NULL && hold->pinned) {
		effect->verdict = VERDICT_UNDER_WAY;
		return;
	}
	if (change->quantity == 0 &&
	    (change->kind == RECORD_CONFIRM || change->kind == RECORD_RETURN)) {
		effect->verdict = VERDICT_BAD_QUANTITY;
		return;
	}
	if (change->kind == RECORD_RETURN) {
		judge_return(target, change, effect);
		effect->instant_ns = effect->commits ? change->at_ns : 0;
		return;
	}
	DCHECK(hold == NULL || !hold_has_ended(hold, change->at_ns));
	closed = hold == NULL ? VERDICT_ALREADY_SOLD : closed_verdict(hold);
	if (change->kind == RECORD_CONFIRM &&
	    (closed == VERDICT_HOLD_ENDED || closed == VERDICT_HOLD_EXPIRED))
		closed = VERDICT_NONE;
	if (closed != VERDICT_NONE) {
		effect->verdict = closed;
		if (closed == VERDICT_HOLD_ENDED || closed == VERDICT_HOLD_EXPIRED)
			effect->instant_ns = hold->ends_at_ns;
	} else if (change->kind == RECORD_CONFIRM) {
		judge_confirm(shard, offer, hold, change, effect);
	} else if (change->kind == RECORD_RELEASE) {
		judge_release(hold, change, effect);
	} else {
		judge_extend(shard, offer, hold, change, effect);
	}
	if (effect->commits && effect->instant_ns == 0)
		effect->instant_ns = change->at_ns;
	DCHECK(effect->verdict != VERDICT_NONE);
	DCHECK(!effect->commits || effect->quantity > 0);
}

enum verdict change_verdict(const struct order *change)
{
	switch (change->kind) {
	case RECORD_CONFIRM:
		if ((change->flags & CONFIRM_REFUND) != 0)
			return VERDICT_HOLD_EXPIRED;
		return (change->flags & CONFIRM_LATE) != 0 ? VERDICT_CONFIRMED_LATE
							   : VERDICT_CONFIRMED;
	case RECORD_RELEASE:
		return VERDICT_RELEASED;
	case RECORD_EXTEND:
		return VERDICT_EXTENDED;
	default:
		DCHECK(change->kind == RECORD_RETURN);
		return VERDICT_RETURNED;
	}
}

uint64_t change_instant_ns(const struct shard *shard, const struct order *change,
			   const struct hold *hold)
{
	DCHECK(change->order_lsn == hold->order.lsn);
	if (change->kind == RECORD_CONFIRM && (change->flags & CONFIRM_REFUND) != 0)
		return hold->ends_at_ns;
	if (change->kind == RECORD_EXTEND)
		return change->at_ns +
		       (shard->offers.terms[change->offer_idx].extend >> EXTENSIONS_BITS) *
			       NS_PER_S;
	return change->at_ns;
}

/* The record is committed. */
static void commit_end(struct shard *shard, const struct record *record, const struct offer *offer)
{
	DCHECK(offer_conserved(&shard->offers, offer));
	DCHECK(shard->units_held + shard->units_sold + shard->units_written_off <=
	       shard->units_stocked);
	DCHECK(record->at_ns >= shard->last_at_ns || shard->clock_back_cnt > 0);
	(void)offer;
	shard_end_record(shard, record);
}

/* Takes a hold that is no longer open out of its lists. */
static void hold_end(struct shard *shard, const struct hold *hold)
{
	const struct offer *offer = &shard->offers.list[hold->order.offer_idx];

	DCHECK(offer->held >= hold->held);
	holds_unlink(&shard->holds, offer_terms_of(&shard->offers, offer), hold);
	holds_disown(&shard->holds,
		     holds_disown_hashes(hold) ? owner_hash(shard, offer, hold->order.buyer) : 0,
		     hold);
}

/* Units leave what the buyer has. */
static void counts_give_back(struct shard *shard, const struct offer *offer, uint64_t buyer,
			     uint32_t units)
{
	const struct limit_counts counts = counts_find(shard, offer, buyer);

	DCHECK(counts.own == NULL || buyer_units(counts.own) >= units);
	DCHECK(counts.group == NULL || buyer_units(counts.group) >= units);
	if (counts.own != NULL)
		buyers_give_back(counts.own, units);
	if (counts.group != NULL)
		buyers_give_back(counts.group, units);
}

void units_back(struct shard *shard, struct offer *offer, uint64_t buyer, uint32_t units)
{
	if (units == 0)
		return;
	DCHECK(offer->held >= units);
	offer->held -= units;
	offer->free += units;
	shard->units_held -= units;
	counts_give_back(shard, offer, buyer, units);
}

/* Field by field: gcc would clear the whole of it first, which takes as long as a line of memory.
 * holds_push and holds_own link it. */
static inline void hold_fill(const struct shard *shard, struct hold *hold,
			     const struct record *record, uint32_t offer_idx)
{
	const uint64_t hold_seconds = shard->offers.list[offer_idx].hold_seconds;

	DCHECK(hold_seconds > 0 && record->kind == RECORD_HOLD);
	hold->order = order_of_record(shard, record, offer_idx);
	hold->ends_at_ns = record->at_ns + hold_seconds * NS_PER_S;
	hold->since_lsn = shard->next_lsn;
	hold->last_lsn = shard->next_lsn;
	hold->held = record->quantity;
	hold->sold = 0;
	hold->returned = 0;
	hold->written_off = 0;
	hold->ran_out = 0;
	hold->state = HOLD_OPEN;
	hold->extensions = 0;
	hold->pinned = false;
	hold->sold_at_ns = 0;
}

/* owner_hash of a HOLD by its key, which may have it. */
static uint64_t owner_of_key(const struct shard *shard, const struct offer *offer,
			     const struct record *record, const struct lookup *key)
{
	const uint64_t hash = key->buyer_hash != 0 && offer_group(shard, offer) == 0
				      ? key->buyer_hash
				      : owner_hash(shard, offer, record->order.buyer);

	DCHECK(record->sku == offer->sku);
	DCHECK(hash == owner_hash(shard, offer, record->order.buyer));
	return hash;
}

void change_commit_hold(struct shard *shard, const struct record *record, struct offer *offer,
			const struct limit_counts *counts, const struct lookup *key)
{
	const uint32_t offer_idx = shard_offer_idx(shard, offer);
	struct hold *hold = shard_add_hold(shard, shard->next_lsn);

	DCHECK(record->kind == RECORD_HOLD && record->sku == offer->sku && hold != NULL);
	DCHECK(record->quantity > 0 && record->quantity <= offer->free);
	hold_fill(shard, hold, record, offer_idx);
	index_add(&shard->orders.index, key->order_hash,
		  hold_number(&shard->holds, hold) | NUMBER_OF_HOLD);
	counts_take(shard, counts, record->order.buyer, offer_idx, record->quantity);
	offer->free -= record->quantity;
	offer->held += record->quantity;
	shard->units_held += record->quantity;
	shard->holds.undecided_cnt++;
	holds_push(&shard->holds, &shard->offers, hold);
	holds_own(&shard->holds, &shard->offers, owner_of_key(shard, offer, record, key), hold);
	commit_end(shard, record, offer);
	DCHECK(shard->holds.open_cnt <= shard->holds.undecided_cnt);
	DCHECK(orders_find(&shard->orders, key->order_hash, record->order.request_id, offer_idx) ==
	       &hold->order);
}

static void run_out(struct shard *shard, struct offer *offer, struct hold *hold)
{
	DCHECK(hold->held > 0 && hold->held <= offer->held);
	DCHECK(hold->state == HOLD_OPEN);
	hold_end(shard, hold);
	units_back(shard, offer, hold->order.buyer, hold->held);
	hold->ran_out = hold->held;
	hold->held = 0;
	hold->state = HOLD_RAN_OUT;
	hold->last_lsn = shard->next_lsn;
}

static void commit_confirm(struct shard *shard, const struct record *record, struct offer *offer,
			   struct hold *hold)
{
	DCHECK(shard->holds.undecided_cnt > 0);
	DCHECK(hold->state == HOLD_OPEN || hold->state == HOLD_RAN_OUT);
	shard->holds.undecided_cnt--;
	hold->order.flags |= record->flags & (CONFIRM_LATE | CONFIRM_REFUND);
	if ((record->flags & CONFIRM_REFUND) != 0) {
		if (hold->state == HOLD_OPEN) {
			run_out(shard, offer, hold);
			hold->ends_at_ns = record->at_ns;
		}
		hold->state = HOLD_REFUNDED;
		return;
	}
	if ((record->flags & CONFIRM_LATE) != 0) {
		const struct limit_counts counts = counts_find(shard, offer, hold->order.buyer);

		DCHECK(hold->state == HOLD_RAN_OUT && record->quantity <= offer->free);
		counts_take(shard, &counts, hold->order.buyer, hold->order.offer_idx,
			    record->quantity);
		offer->free -= record->quantity;
	} else {
		DCHECK(hold->state == HOLD_OPEN && record->quantity <= hold->held);
		hold_end(shard, hold);
		units_back(shard, offer, hold->order.buyer,
			   (uint32_t)hold->held - record->quantity);
		offer->held -= record->quantity;
		shard->units_held -= record->quantity;
	}
	offer->sold += record->quantity;
	shard->units_sold += record->quantity;
	hold->held = 0;
	hold->ran_out = 0;
	hold->sold = record->quantity;
	hold->sold_at_ns = record->at_ns;
	hold->state = HOLD_SOLD;
}

static void commit_release(struct shard *shard, const struct record *record, struct offer *offer,
			   struct hold *hold)
{
	DCHECK(hold->state == HOLD_OPEN && record->quantity <= hold->held);
	units_back(shard, offer, hold->order.buyer, record->quantity);
	hold->held = (uint16_t)(hold->held - record->quantity);
	if (hold->held > 0)
		return;
	hold_end(shard, hold);
	hold->state = HOLD_GONE;
	shard->holds.undecided_cnt--;
}

static void commit_extend(struct shard *shard, const struct record *record,
			  const struct offer *offer, struct hold *hold)
{
	struct terms *terms = offer_terms_of(&shard->offers, offer);

	DCHECK(hold->state == HOLD_OPEN);
	DCHECK(hold->extensions < (terms->extend & EXTENSIONS_MAX));
	holds_unlink(&shard->holds, terms, hold);
	hold->extensions++;
	hold->since_lsn = shard->next_lsn;
	hold->ends_at_ns = record->at_ns + (terms->extend >> EXTENSIONS_BITS) * NS_PER_S;
	holds_push(&shard->holds, &shard->offers, hold);
}

/* A bought order of which units come back gets an entry among the holds. */
static struct hold *shadow_of(struct shard *shard, struct order *order)
{
	struct hold *hold = holds_add_other(&shard->holds, shard_lsn_hash(shard, order->lsn));

	CHECK(hold != NULL && order->kind == RECORD_ORDER);
	order->flags |= SNAPSHOT_CHANGED;
	*hold = (struct hold){
		.order = *order,
		.sold = (uint16_t)order->quantity,
		.sold_at_ns = order->at_ns,
		.state = HOLD_SOLD,
	};
	return hold;
}

static void commit_return(struct shard *shard, const struct record *record, struct offer *offer,
			  struct hold *hold)
{
	DCHECK(hold->sold >= record->quantity);
	DCHECK(hold->state == HOLD_SOLD && offer->sold >= record->quantity);
	hold->sold = (uint16_t)(hold->sold - record->quantity);
	offer->sold -= record->quantity;
	shard->units_sold -= record->quantity;
	counts_give_back(shard, offer, hold->order.buyer, record->quantity);
	if ((record->flags & RETURN_WRITE_OFF) != 0) {
		hold->written_off = (uint16_t)(hold->written_off + record->quantity);
		offer_terms_of(&shard->offers, offer)->written_off += record->quantity;
		shard->units_written_off += record->quantity;
	} else {
		hold->returned = (uint16_t)(hold->returned + record->quantity);
		offer->free += record->quantity;
	}
}

void change_commit(struct shard *shard, const struct record *record, struct offer *offer,
		   const struct target *target, uint64_t order_hash)
{
	struct hold *hold = target->hold != NULL ? target->hold : shadow_of(shard, target->order);
	struct order *change = orders_add_change(&shard->orders, order_hash);

	CHECK(change != NULL);
	DCHECK(hold->order.buyer == record->change.buyer && hold->order.lsn < shard->next_lsn);
	*change = order_of_record(shard, record, shard_offer_idx(shard, offer));
	hold->last_lsn = shard->next_lsn;
	switch (record->kind) {
	case RECORD_CONFIRM:
		commit_confirm(shard, record, offer, hold);
		break;
	case RECORD_RELEASE:
		commit_release(shard, record, offer, hold);
		break;
	case RECORD_EXTEND:
		commit_extend(shard, record, offer, hold);
		break;
	default:
		commit_return(shard, record, offer, hold);
		break;
	}
	commit_end(shard, record, offer);
}

void expire_one(struct shard *shard, struct hold *hold, uint64_t now_ns, struct record *record)
{
	struct offer *offer = &shard->offers.list[hold->order.offer_idx];

	DCHECK(hold_has_ended(hold, now_ns));
	*record = (struct record){
		.kind = RECORD_EXPIRE,
		.flags = EXPIRE_ONE,
		.at_ns = now_ns,
		.sku = offer->sku,
		.expire = {.up_to_lsn = hold->order.lsn, .holds = 1, .units = hold->held},
	};
	run_out(shard, offer, hold);
	commit_end(shard, record, offer);
}

enum {
	RUN_AHEAD_CNT = 4,
};

/* Holds of a list one after the other. Those to come are asked for, and what their buyers have. */
struct run {
	const struct shard *shard;
	const struct offer *offer;
	struct hold *ahead[RUN_AHEAD_CNT];
	unsigned at;
};

static struct hold *ask_for_hold(const struct holds *holds, int32_t number)
{
	struct hold *hold = hold_at(holds, number);

	DCHECK(hold == NULL || hold->state == HOLD_OPEN);
	if (hold != NULL) {
		prefetch_to_write(hold);
		prefetch_to_write(&hold->ends_at_ns);
	}
	return hold;
}

static struct run run_of(const struct shard *shard, const struct offer *offer, struct hold *first)
{
	struct run run = {.shard = shard, .offer = offer, .ahead = {first}};

	for (unsigned i = 1; i < RUN_AHEAD_CNT && run.ahead[i - 1] != NULL; i++)
		run.ahead[i] = ask_for_hold(&shard->holds, run.ahead[i - 1]->next);
	DCHECK(first == NULL || first->order.offer_idx == shard_offer_idx(shard, offer));
	return run;
}

/* The next one; NULL: there is none. It may be taken out of the list then. */
static struct hold *run_next(struct run *run)
{
	struct hold *hold = run->ahead[run->at];
	struct hold *last = run->ahead[(run->at + RUN_AHEAD_CNT - 1) % RUN_AHEAD_CNT];
	const struct hold *soon = run->ahead[(run->at + RUN_AHEAD_CNT / 2) % RUN_AHEAD_CNT];

	DCHECK(hold != NULL || last == NULL);
	if (soon != NULL && run->offer->limit_per_buyer > 0)
		prefetch(buyers_home(
			&run->shard->buyers,
			shard_buyer_hash(run->shard, soon->order.buyer, run->offer->sku)));
	run->ahead[run->at] = last == NULL ? NULL : ask_for_hold(&run->shard->holds, last->next);
	run->at = (run->at + 1) % RUN_AHEAD_CNT;
	return hold;
}

void expire_run(struct shard *shard, struct offer *offer, struct hold_list *list, uint64_t now_ns,
		uint32_t holds_max, struct record *record)
{
	const struct terms *terms = offer_terms_of(&shard->offers, offer);
	struct hold *hold = holds_first(&shard->holds, list);
	struct run run;

	DCHECK(hold != NULL && hold_has_ended(hold, now_ns) && holds_max > 0);
	/* A run leaves none out: so readers of it need not know what is pinned. */
	if (hold != hold_at(&shard->holds, list->first)) {
		expire_one(shard, hold, now_ns, record);
		return;
	}
	run = run_of(shard, offer, hold);
	hold = run_next(&run);
	*record = (struct record){
		.kind = RECORD_EXPIRE,
		.flags = list == &terms->extended ? EXPIRE_EXTENDED : 0,
		.at_ns = now_ns,
		.sku = offer->sku,
	};
	for (; hold != NULL && record->expire.holds < holds_max && hold_has_ended(hold, now_ns);
	     hold = run_next(&run)) {
		record->expire.up_to_lsn = hold->since_lsn;
		record->expire.holds++;
		record->expire.units += hold->held;
		run_out(shard, offer, hold);
	}
	commit_end(shard, record, offer);
}

static int wrong(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

static int apply_one(struct shard *shard, const struct record *record, struct offer *offer,
		     const char **why)
{
	const struct target target =
		target_find(shard, record->expire.up_to_lsn, shard_offer_idx(shard, offer));

	if ((record->flags & EXPIRE_EXTENDED) != 0)
		return wrong(why, "end of one hold with flags of a run");
	if (target.hold == NULL || !hold_has_ended(target.hold, record->at_ns))
		return wrong(why, "end of a hold that is not open, or has not ended");
	if (record->expire.holds != 1 || record->expire.units != target.hold->held)
		return wrong(why, "end of a hold of other units");
	run_out(shard, offer, target.hold);
	commit_end(shard, record, offer);
	return 0;
}

int expire_apply(struct shard *shard, const struct record *record, struct offer *offer,
		 const char **why)
{
	struct terms *terms = offer_terms_of(&shard->offers, offer);
	const struct hold_list *list =
		(record->flags & EXPIRE_EXTENDED) != 0 ? &terms->extended : &terms->fresh;
	struct run run = run_of(shard, offer, hold_at(&shard->holds, list->first));
	struct hold *hold;
	uint64_t units = 0;
	uint32_t cnt = 0;

	if ((record->flags & EXPIRE_ONE) != 0)
		return apply_one(shard, record, offer, why);
	while ((hold = run_next(&run)) != NULL && hold->since_lsn <= record->expire.up_to_lsn) {
		if (!hold_has_ended(hold, record->at_ns))
			return wrong(why, "end of a hold that has not ended, or is pinned");
		units += hold->held;
		cnt++;
	}
	if (cnt == 0 || cnt != record->expire.holds || units != record->expire.units)
		return wrong(why, "end of other holds than it says");
	DCHECK(units <= offer->held);
	while (cnt-- > 0)
		run_out(shard, offer, holds_first(&shard->holds, list));
	commit_end(shard, record, offer);
	return 0;
}
