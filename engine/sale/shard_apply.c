/*
 * How a record of the lane becomes state.
 */
#include "engine/sale/apply.h"

#include "engine/base/check.h"
#include "engine/sale/change.h"
#include "engine/sale/links.h"
#include "engine/sale/lookup_held.h"
#include "engine/sale/prepare.h"

/* What an offer's record says beside the offer's own line. */
static void take_terms(struct shard *shard, const struct offer *offer, const struct record *record)
{
	struct terms *terms = offer_terms_of(&shard->offers, offer);

	DCHECK(record->kind == RECORD_OFFER && record->sku == offer->sku);
	terms->group = record->channel;
	terms->group_limit = record->quantity;
	terms->extend = record->offer.extend;
	terms->placed = (record->flags & OFFER_PLACED) != 0;
	shard->has_groups |= terms->group != 0;
}

static const char *terms_wrong(const struct record *record)
{
	if (record->channel > GROUP_MAX || (record->channel == 0) != (record->quantity == 0))
		return "offer of a group without a limit, or with an impossible number";
	if (record->offer.extend != 0 && record->offer.hold_seconds == 0)
		return "offer whose holds can be extended, but that allows none";
	return NULL;
}

int apply_offer(struct shard *shard, const struct record *record, const char **why)
{
	const uint64_t hash = shard_offer_hash(shard, record->sku);

	const bool placed = wire_shard_of(record->sku, shard->shards) != shard->lane;

	if (placed != ((record->flags & OFFER_PLACED) != 0) ||
	    (!placed && shard_owner(shard, record->sku) != shard->lane))
		return bad(why, "offer of a SKU that belongs to another shard");
	if (terms_wrong(record) != NULL)
		return bad(why, terms_wrong(record));
	if (offers_find(&shard->offers, hash, record->sku) != NULL)
		return bad(why, "SKU put on sale twice");

	struct offer *offer = offers_add(&shard->offers, hash, record->sku);

	if (offer == NULL) {
		*why = "more offers than the table was made for";
		return -ENOSPC;
	}
	offer->unit_price = record->unit_price;
	offer->opens_at_ns = record->offer.opens_at_ns;
	offer->closes_at_ns = record->offer.closes_at_ns;
	offer->stock = record->offer.stock;
	offer->free = record->offer.stock;
	take_terms(shard, offer, record);
	DCHECK(offer_conserved(&shard->offers, offer));
	shard->units_stocked += record->offer.stock;
	offer->limit_per_buyer = record->offer.limit_per_buyer;
	offer->hold_seconds = record->offer.hold_seconds;
	offer->added_at_ns = record->at_ns;
	shard_end_record(shard, record);
	return 0;
}

int apply_placed(struct shard *shard, const struct record *record, const char **why)
{
	struct placed *placed = &shard->placed[shard->placed_cnt];

	if (wire_shard_of(record->sku, shard->shards) != shard->lane ||
	    record->quantity == shard->lane || record->quantity >= shard->shards)
		return bad(why, "SKU placed into an impossible shard");
	if (shard_owner(shard, record->sku) != shard->lane)
		return bad(why, "SKU placed twice");
	if (offers_find(&shard->offers, shard_offer_hash(shard, record->sku), record->sku) != NULL)
		return bad(why, "SKU placed into another shard, but on sale in this one");
	if (shard->placed_cnt == shard->placed_cnt_max) {
		*why = "more placed SKUs than the table was made for";
		return -ENOSPC;
	}
	*placed = (struct placed){
		.sku = record->sku, .at_ns = record->at_ns, .shard = record->quantity};
	index_add(&shard->placed_index, shard_offer_hash(shard, record->sku),
		  (uint32_t)shard->placed_cnt++);
	shard_end_record(shard, record);
	return 0;
}

int apply_clock(struct shard *shard, const struct record *record, const char **why)
{
	const uint64_t *reserved = record->clock.reserved;

	if (record->at_ns >= record->clock.was_ns || record->clock.was_ns < shard->last_at_ns)
		return bad(why, "clock set back to an instant that is not earlier");
	if ((record->quantity | record->channel | record->sku | record->unit_price | reserved[0] |
	     reserved[1] | reserved[2]) != 0)
		return bad(why, "clock set back with reserved bytes in use");
	/* A start ends all of them before it sets a clock back. */
	if (shard->prepared_cnt > 0)
		return bad(why, "clock set back while a line is prepared");
	if (shard->clock_back_cnt == CLOCK_RECORDS_MAX) {
		*why = "clock set back more often than the table was made for";
		return -ENOSPC;
	}
	shard->clock_backs[shard->clock_back_cnt++] = (struct clock_back){
		.at_ns = record->at_ns,
		.was_ns = record->clock.was_ns,
		.offers_before = shard->offers.cnt,
	};
	/* shard_save_offers needs this to find its place among the offers. */
	DCHECK(shard->clock_back_cnt == 1 ||
	       shard->clock_backs[shard->clock_back_cnt - 2].offers_before <= shard->offers.cnt);
	holds_set_back(&shard->holds, &shard->offers, record->at_ns, record->clock.was_ns);
	shard_end_record(shard, record);
	return 0;
}

const char *purchase_wrong(const struct record *record, const struct offer *offer,
			   uint64_t as_of_ns)
{
	if (record->quantity == 0)
		return "order of no units";
	if (record->quantity > offer->free)
		return "order of more units than are free";
	if (as_of_ns < offer->opens_at_ns || as_of_ns >= offer->closes_at_ns)
		return "order while the offer was not open";
	if (record->unit_price != offer->unit_price)
		return "order at another price than the offer's";
	if (record->order.max_price != 0 && record->unit_price > record->order.max_price)
		return "order above the highest price the buyer named";
	if ((record->order.request_id[0] | record->order.request_id[1]) == 0)
		return "order without a request id";
	return NULL;
}

/* The buyer's counts; 0, or as shard_apply if they do not allow it. */
static int take_limits(struct shard *shard, const struct record *record, const struct lookup *key,
		       const struct offer *offer, struct limit_counts *counts, const char **why)
{
	const uint32_t offer_idx = shard_offer_idx(shard, offer);

	*counts = key_counts(shard, key, offer, record->sku, record->order.buyer);
	DCHECK(offer_idx < shard->offers.cnt);
	*why = "more orders than the tables were made for";
	if (!counts_have_room(shard, counts))
		return -ENOSPC;
	if (counts->own != NULL &&
	    beyond_limit(counts->own, offer->limit_per_buyer, record->quantity))
		return bad(why, "order beyond the limit per buyer");
	if (counts->group != NULL &&
	    beyond_limit(counts->group, shard->offers.terms[offer_idx].group_limit,
			 record->quantity))
		return bad(why, "order beyond the limit of its group");
	return 0;
}

/* Everything that decide checked when it committed this purchase must hold again. */
int apply_order(struct shard *shard, const struct record *record, const struct lookup *key,
		uint64_t as_of_ns, const char **why)
{
	const bool holds = record->kind == RECORD_HOLD;
	struct offer *offer = key_offer(shard, key, record->sku);
	struct limit_counts counts;
	const char *wrong;
	int rc;

	if (offer == NULL)
		return bad(why, "order of a SKU that was never put on sale");
	wrong = purchase_wrong(record, offer, as_of_ns);
	if (wrong != NULL)
		return bad(why, wrong);
	if (holds && offer->hold_seconds == 0)
		return bad(why, "hold of an offer that allows none");
	if (key_order(shard, key, record->order.request_id, shard_offer_idx(shard, offer)) != NULL)
		return bad(why, "request committed twice");
	*why = "more orders than the tables were made for";
	if (holds ? shard->holds.cnt == shard->holds.cnt_max
		  : shard->orders.cnt == shard->orders.cnt_max)
		return -ENOSPC;
	rc = take_limits(shard, record, key, offer, &counts, why);
	if (rc != 0)
		return rc;
	if (holds)
		change_commit_hold(shard, record, offer, &counts, key);
	else
		shard_commit_order(shard, record, offer, &counts, key->order_hash);
	return 0;
}

/* A change says what change_judge says of it. */
static int apply_change(struct shard *shard, const struct record *record, const struct lookup *key,
			uint64_t as_of_ns, const char **why)
{
	struct offer *offer = key_offer(shard, key, record->sku);
	struct change change = {
		.kind = record->kind,
		.write_off =
			record->kind == RECORD_RETURN && (record->flags & RETURN_WRITE_OFF) != 0,
		.quantity = record->quantity,
		.buyer = record->change.buyer,
		.at_ns = as_of_ns,
		.refund =
			record->kind == RECORD_CONFIRM && (record->flags & CONFIRM_OF_BASKET) != 0,
	};
	struct target target;
	struct effect effect;

	if (offer == NULL)
		return bad(why, "change of an order of a SKU that was never put on sale");
	if ((record->change.request_id[0] | record->change.request_id[1]) == 0)
		return bad(why, "change without a request id");
	if (key_order(shard, key, record->change.request_id, shard_offer_idx(shard, offer)) != NULL)
		return bad(why, "request committed twice");
	target = target_find(shard, record->change.order_lsn, shard_offer_idx(shard, offer));
	if (target.order == NULL)
		return bad(why, "change of an order that is not there");
	if (record->unit_price != target.order->unit_price)
		return bad(why, "change at another price than the order's");
	if (target.hold != NULL && hold_has_ended(target.hold, as_of_ns))
		return bad(why, "change of a hold that has ended");
	if (record->kind == RECORD_RELEASE && (record->flags & RELEASE_ALL) != 0)
		change.quantity = 0;
	change_judge(shard, offer, &target, &change, &effect);
	if (!effect.commits || effect.quantity != record->quantity ||
	    effect.flags != (record->flags & ~(RECORD_BASKET_GOES_ON | RECORD_WAS_PREPARED)))
		return bad(why, "change that does not follow from its order");
	*why = "more changes than the tables were made for";
	if (shard->orders.change_cnt == shard->orders.change_cnt_max ||
	    (target.hold == NULL && shard->holds.cnt == shard->holds.cnt_max))
		return -ENOSPC;
	change_commit(shard, record, offer, &target, key->order_hash);
	return 0;
}

static int apply_expire(struct shard *shard, const struct record *record, const struct lookup *key,
			const char **why)
{
	struct offer *offer = key_offer(shard, key, record->sku);

	if (offer == NULL)
		return bad(why, "end of holds of a SKU that was never put on sale");
	if ((record->quantity | record->channel | record->unit_price | record->expire.reserved[0] |
	     record->expire.reserved[1]) != 0)
		return bad(why, "end of holds with reserved bytes in use");
	return expire_apply(shard, record, offer, why);
}

/* The flags that a kind of record knows. */
static uint8_t known_flags(uint8_t kind)
{
	const uint8_t in_basket = RECORD_BASKET_GOES_ON | RECORD_WAS_PREPARED;

	switch (kind) {
	case RECORD_OFFER:
		return OFFER_PLACED;
	case RECORD_ORDER:
	case RECORD_HOLD:
		return in_basket;
	case RECORD_CONFIRM:
		return CONFIRM_LATE | CONFIRM_REFUND | CONFIRM_OF_BASKET | in_basket;
	case RECORD_RELEASE:
		return RELEASE_ALL | in_basket;
	case RECORD_PREPARED:
		return PREPARED_KIND_MASK | PREPARED_ALL | PREPARED_LATE;
	case RECORD_LINK:
		return RECORD_BASKET_GOES_ON;
	case RECORD_RETURN:
		return RETURN_WRITE_OFF;
	case RECORD_EXPIRE:
		return EXPIRE_EXTENDED | EXPIRE_ONE;
	default:
		return 0;
	}
}

/* A purchase or a change. */
static int apply_request(struct shard *shard, const struct record *record, const struct lookup *key,
			 const char **why)
{
	uint64_t as_of_ns = record->at_ns;
	int rc = 0;

	if ((record->flags & RECORD_WAS_PREPARED) != 0)
		rc = apply_was_prepared(shard, record, key, &as_of_ns, why);
	else if (prepare_find(shard, key->order_hash, record->order.request_id, record->sku) !=
		 NULL)
		rc = bad(why, "request that is prepared");
	if (rc != 0)
		return rc;
	DCHECK(as_of_ns <= record->at_ns || shard->clock_back_cnt > 0);
	return record->kind == RECORD_ORDER || record->kind == RECORD_HOLD
		       ? apply_order(shard, record, key, as_of_ns, why)
		       : apply_change(shard, record, key, as_of_ns, why);
}

static int apply(struct shard *shard, uint64_t lsn, const struct record *record,
		 const struct lookup *key, const char **why)
{
	*why = "";
	DCHECK(shard->next_lsn > 0);
	if (lsn != shard->next_lsn)
		return bad(why, "LSN out of order");
	if (record->at_ns < shard->last_at_ns && record->kind != RECORD_CLOCK)
		return bad(why, "lane clock runs backwards");
	if ((record->flags & ~known_flags(record->kind)) != 0)
		return bad(why, "record with unknown flags");
	switch (record->kind) {
	case RECORD_OFFER:
		return apply_offer(shard, record, why);
	case RECORD_CLOCK:
		return apply_clock(shard, record, why);
	case RECORD_ORDER:
	case RECORD_HOLD:
	case RECORD_CONFIRM:
	case RECORD_RELEASE:
	case RECORD_EXTEND:
	case RECORD_RETURN:
		return apply_request(shard, record, key, why);
	case RECORD_PREPARED:
		return apply_prepared(shard, record, key, why);
	case RECORD_ABORTED:
		return apply_aborted(shard, record, key, why);
	case RECORD_LINK:
		return apply_link(shard, record, why);
	case RECORD_EXPIRE:
		return apply_expire(shard, record, key, why);
	case RECORD_PLACED:
		return apply_placed(shard, record, why);
	default:
		return bad(why, "record of unknown kind");
	}
}

int shard_apply(struct shard *shard, uint64_t lsn, const struct record *record, const char **why)
{
	const uint64_t next_lsn = shard->next_lsn;
	struct lookup key;

	key_hash(shard, &key, record->order.request_id, record->sku);

	const int rc = apply(shard, lsn, record, &key, why);

	CHECK(shard->next_lsn == next_lsn + (rc == 0));
	CHECK(rc != 0 || shard->last_at_ns == record->at_ns);
	return rc;
}

static bool is_change(const struct record *record)
{
	return record->kind >= RECORD_CONFIRM && record->kind <= RECORD_RETURN;
}

static void seek(const struct shard *shard, const struct record *record, struct lookup *key)
{
	DCHECK(key->buyer_hash == 0 && key->count == NULL);
	key_seek(shard, key);
	if (is_change(record))
		key_seek_change(shard, record->change.order_lsn);
}

static void peek(const struct shard *shard, const struct record *record, struct lookup *key)
{
	const uint64_t buyer = record->order.buyer;
	const bool counts = record->kind == RECORD_RELEASE || record->kind == RECORD_RETURN;

	DCHECK(key->buyer_hash == 0 && key->count == NULL);
	if (is_change(record))
		key_peek_change(shard, key, record->sku, buyer, record->change.order_lsn, counts);
	else if (record->kind == RECORD_HOLD && shard->holds.list != NULL)
		key_peek_hold(shard, key, record->sku, buyer);
	else
		key_peek(shard, key, record->sku, buyer);
}

static void look(const struct shard *shard, const struct record *record, struct lookup *key)
{
	DCHECK(key->count == NULL);
	if (is_change(record))
		key_look_change(shard, key, record->change.order_lsn);
	else if (record->kind == RECORD_HOLD && shard->holds.list != NULL)
		key_look_hold(shard, key, record->order.buyer);
	else
		key_look(shard, key, record->order.buyer);
}

void apply_look_ahead(const struct shard *shard, const struct record *records, struct lookup *keys,
		      uint32_t cnt)
{
	CHECK(cnt > 0 && cnt <= APPLY_BATCH_CNT);
	for (uint32_t i = 0; i < cnt; i++)
		key_hash(shard, &keys[i], records[i].order.request_id, records[i].sku);
	for (uint32_t i = 0; i < cnt; i++)
		seek(shard, &records[i], &keys[i]);
	for (uint32_t i = 0; i < cnt; i++)
		peek(shard, &records[i], &keys[i]);
	for (uint32_t i = 0; i < cnt; i++)
		look(shard, &records[i], &keys[i]);
}

int shard_apply_many(struct shard *shard, uint64_t lsn, const struct record *records, uint32_t cnt,
		     uint32_t *applied, const char **why)
{
	struct lookup keys[APPLY_BATCH_CNT];

	*why = "";
	for (*applied = 0; *applied < cnt; (*applied)++) {
		const uint32_t i = *applied;
		int rc;

		if (i > 0 && records[i].kind == RECORD_CLOCK)
			return bad(why, "clock set back within a block");
		if (i % APPLY_BATCH_CNT == 0)
			apply_look_ahead(shard, &records[i], keys,
					 cnt - i < APPLY_BATCH_CNT ? cnt - i : APPLY_BATCH_CNT);
		rc = apply(shard, lsn + i, &records[i], &keys[i % APPLY_BATCH_CNT], why);
		if (rc != 0)
			return rc;
	}
	CHECK(cnt == 0 || shard->next_lsn == lsn + cnt);
	return 0;
}
