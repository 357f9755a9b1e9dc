/*
 * What buyers were told, compared with what they were told before and with what was written:
 * buyers_told, buyers_check, buyers_recovered.
 */
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/buyers.h"
#include "tests/sim/dates.h"
#include "tests/sim/told.h"

static const uint64_t SECOND_NS = 1000000000;

static void count(struct buyers *buyers, enum tally_row row)
{
	buyers->tally->cnt[row]++;
}

static bool same_answer(const struct wire_reply *one, const struct wire_reply *two)
{
	return one->order_id == two->order_id && one->unit_price == two->unit_price &&
	       one->instant_ns == two->instant_ns && one->quantity == two->quantity &&
	       one->verdict == two->verdict;
}

static bool by_order(const struct wire_request *request)
{
	return (request->flags & WIRE_ENTRY_BY_ORDER) != 0;
}

static uint64_t order_lsn_of(const struct buyers *buyers, uint64_t order_id)
{
	return order_id >> ORDER_ID_LSN_BITS == buyers->lane ? order_id & LSN_MAX : 0;
}

/* Whether the lane went through a state of the order that fits, since the request arrived. */
static bool order_was(const struct answer *answer, uint64_t order_id, ledger_fits_fn fits)
{
	const struct truth *truth = answer->truth;
	const uint64_t lsn = answer->parcel->lsn[answer->buyers->lane];

	return ledger_was(&truth->ledger, order_lsn_of(answer->buyers, order_id),
			  lsn < truth->written_lsn ? lsn : truth->written_lsn, truth->written_lsn,
			  fits, answer);
}

/* Where the wish's record is among those up to an LSN; 0: nowhere. */
uint64_t told_find(struct wish *wish, const struct truth *truth, uint64_t last_lsn)
{
	const struct record *record = &truth->records[wish->lsn];

	if (wish->lsn == 0 || wish->lsn > last_lsn || record->sku != wish->sku ||
	    memcmp(record->order.request_id, wish->id, sizeof(wish->id)) != 0)
		wish->lsn = truth_find(truth, last_lsn, wish->id, wish->sku);
	return wish->lsn;
}

static bool is_purchase(const struct record *record)
{
	return record->kind == RECORD_ORDER || record->kind == RECORD_HOLD;
}

static uint8_t verdict_of(const struct record *record)
{
	switch (record->kind) {
	case RECORD_ORDER:
		return VERDICT_ACCEPTED;
	case RECORD_HOLD:
		return VERDICT_HELD;
	case RECORD_CONFIRM:
		return (record->flags & CONFIRM_REFUND) != 0 ? VERDICT_HOLD_EXPIRED
		       : (record->flags & CONFIRM_LATE) != 0 ? VERDICT_CONFIRMED_LATE
							     : VERDICT_CONFIRMED;
	case RECORD_RELEASE:
		return VERDICT_RELEASED;
	case RECORD_EXTEND:
		return VERDICT_EXTENDED;
	default:
		CHECK(record->kind == RECORD_RETURN);
		return VERDICT_RETURNED;
	}
}

static uint64_t instant_of(const struct record *record, const struct ledger_order *order)
{
	if (record->kind == RECORD_HOLD)
		return record->at_ns + order->offer->offer.hold_seconds * SECOND_NS;
	if (record->kind == RECORD_EXTEND)
		return record->at_ns + (order->offer->offer.extend >> EXTENSIONS_BITS) * SECOND_NS;
	if (record->kind == RECORD_CONFIRM && (record->flags & CONFIRM_REFUND) != 0)
		return order->ends_ns;
	return record->at_ns;
}

/* A record must agree with the answer. */
static void check_answer(const struct buyers *buyers, const struct truth *truth,
			 const struct wire_reply *reply, uint64_t lsn)
{
	const struct record *record = &truth->records[lsn];
	const uint64_t order_lsn = is_purchase(record) ? lsn : record->change.order_lsn;

	CHECK(lsn > 0 && lsn <= truth->written_lsn);
	CHECK(reply->order_id == order_id_of(buyers->lane, order_lsn));
	CHECK(record->unit_price == reply->unit_price && record->quantity == reply->quantity);
	CHECK(reply->verdict == verdict_of(record));
	CHECK(reply->instant_ns == instant_of(record, &truth->ledger.orders[order_lsn]));
}

/* It was asked by a datagram that was not stale; a purchase after its offer had opened. */
static void check_asked(const struct truth *truth, const struct wish *wish, uint64_t lsn)
{
	const struct ledger_offer *offer = ledger_offer(&truth->ledger, wish->sku);

	CHECK(wish->asked_ns != 0 && offer != NULL);
	if (is_purchase(&truth->records[lsn]))
		CHECK(wish->asked_ns >= offer->record->offer.opens_at_ns);
}

static void check_content(const struct wish *wish, const struct record *record)
{
	const bool all = record->kind == RECORD_RELEASE && (record->flags & RELEASE_ALL) != 0;
	const bool write_off =
		record->kind == RECORD_RETURN && (record->flags & RETURN_WRITE_OFF) != 0;

	CHECK(record->channel == wish->channel + wish->winner);
	CHECK(record->order.buyer == wish->buyer && write_off == wish->write_off);
	/* How many units an EXTEND names does not matter; for a whole basket none are named. */
	if (all)
		CHECK(wish->quantity + wish->winner == 0);
	else if (record->kind != RECORD_EXTEND && !(wish->whole && record->kind == RECORD_CONFIRM))
		CHECK(record->quantity == wish->quantity + wish->winner);
	if (!is_purchase(record)) {
		CHECK(record->change.order_lsn == (wish->order_id & LSN_MAX));
		return;
	}
	CHECK(record->order.max_price == (wish->at_most_0 ? PRICE_AT_MOST_0 : wish->max_price));
	CHECK(!wish->at_most_0 || record->unit_price == 0);
}

static bool is_yes(const struct answer *answer)
{
	const struct wish *wish = answer->wish;

	switch (answer->reply.verdict) {
	case VERDICT_ACCEPTED:
		return wish->op == WIRE_OP_BUY;
	case VERDICT_HELD:
		return wish->op == WIRE_OP_HOLD;
	case VERDICT_CONFIRMED:
	case VERDICT_CONFIRMED_LATE:
		return wish->op == WIRE_OP_CONFIRM;
	case VERDICT_RELEASED:
		return wish->op == WIRE_OP_RELEASE;
	case VERDICT_EXTENDED:
		return wish->op == WIRE_OP_EXTEND;
	case VERDICT_RETURNED:
		return wish->op == WIRE_OP_RETURN;
	case VERDICT_HOLD_EXPIRED:
		/* By this request's own record, or because another one's was refunded. */
		return wish->op == WIRE_OP_CONFIRM &&
		       (wish->done ||
			told_find(answer->wish, answer->truth, answer->truth->written_lsn) > 0);
	default:
		return false;
	}
}

/* The wish is committed, as an answer says that rests on its record and may on later ones. */
void told_done(const struct answer *answer)
{
	struct buyers *buyers = answer->buyers;
	struct wish *wish = answer->wish;
	const bool durable = answer->reply.durability == DURABILITY_DURABLE;
	const uint64_t lsn = told_find(wish, answer->truth, answer->truth->written_lsn);

	CHECK(durable || (buyers->ack_memory && answer->reply.durability == DURABILITY_MEMORY));
	count(buyers, durable ? TALLY_YES_DURABLE : TALLY_YES_MEMORY);
	/* An answer that rests on memory may come before its record is written. */
	CHECK(!durable || lsn > 0);
	/* Acknowledged means durable. */
	if (answer->healthy && durable)
		CHECK(lsn <= answer->truth->down_lsn);
	if (lsn > 0)
		check_asked(answer->truth, wish, lsn);
	wish->done = true;
	wish->durable |= durable;
	if (wish->unknown)
		count(buyers, TALLY_TOLD_LATER);
	wish->unknown = false;
	if (wish->yes_arrival == 0 || answer->parcel->answered < wish->yes_arrival)
		wish->yes_arrival = answer->parcel->answered;
	if (wish->yes_answered == 0)
		wish->yes_answered = *buyers->arrival_cnt;
}

/* Whether it may have been decided before the yes. */
bool told_overtaken(const struct answer *answer)
{
	/* What other lanes were asked about they decided at any time until the answer. */
	return answer->parcel->arrival <
	       (answer->parcel->parked ? answer->wish->yes_answered : answer->wish->yes_arrival);
}

static void told_yes(const struct answer *answer)
{
	struct wish *wish = answer->wish;

	told_done(answer);
	if (wish->lsn > 0)
		check_answer(answer->buyers, answer->truth, &answer->reply, wish->lsn);
	count(answer->buyers, wish->answered ? TALLY_YES_AGAIN : TALLY_YES);
	CHECK(!wish->answered ||
	      (same_answer(&wish->answer, &answer->reply) && wish->winner == answer->content));
	if (!wish->answered && wish->order_id == 0)
		answer->buyers->latest[answer->buyers->latest_cnt++ % BUYERS_LATEST_CNT] =
			(uint16_t)(wish - answer->buyers->wishes);
	wish->answered = true;
	wish->winner = answer->content;
	wish->answer = answer->reply;
	if (wish->lsn > 0) {
		check_content(wish, &answer->truth->records[wish->lsn]);
		told_check_lines(answer);
	}
}

/* Whether a LOOKUP's answer is what the order was. */
static bool fits_lookup(const void *context, const struct ledger_order *order)
{
	const struct answer *answer = context;
	const struct wire_reply *reply = &answer->reply;
	const bool bought = order->state == LEDGER_SOLD && order->record->kind == RECORD_ORDER;

	if (order->state == LEDGER_NONE || order->record->sku != answer->wish->sku ||
	    order->record->unit_price != reply->unit_price ||
	    (by_order(answer->request) && order->record->order.buyer != answer->request->buyer))
		return false;
	switch (reply->verdict) {
	case VERDICT_ACCEPTED:
	case VERDICT_CONFIRMED:
	case VERDICT_CONFIRMED_LATE:
		return order->state == LEDGER_SOLD && order->sold > 0 &&
		       reply->quantity == order->sold && reply->instant_ns == order->sold_ns &&
		       bought == (reply->verdict == VERDICT_ACCEPTED) &&
		       order->late == (reply->verdict == VERDICT_CONFIRMED_LATE);
	case VERDICT_RETURNED:
		return order->state == LEDGER_SOLD && order->sold == 0 && reply->quantity == 0;
	case VERDICT_HELD:
		return order->state == LEDGER_OPEN && reply->quantity == order->held &&
		       reply->instant_ns == order->ends_ns;
	case VERDICT_RELEASED:
		return order->state == LEDGER_RELEASED && reply->quantity == 0;
	case VERDICT_HOLD_ENDED:
		/* The record of its end may find no room. */
		return reply->instant_ns == order->ends_ns &&
		       ((order->state == LEDGER_RAN_OUT && reply->quantity == order->ran_out) ||
			(order->state == LEDGER_OPEN && reply->quantity == order->held &&
			 (answer->now_ns == 0 || answer->now_ns >= order->ends_ns)));
	case VERDICT_HOLD_EXPIRED:
		return order->state == LEDGER_REFUNDED && reply->quantity == order->ran_out &&
		       reply->instant_ns == order->ends_ns;
	default:
		return false;
	}
}

static bool was_pinned(const void *context, const struct ledger_order *order)
{
	(void)context;
	return order->pinned;
}

/* How an order is now. */
static void told_state(const struct answer *answer)
{
	const struct wire_reply *reply = &answer->reply;
	const struct record *record;

	if (!by_order(answer->request)) {
		told_done(answer);
		record = &answer->truth->records[answer->wish->lsn];
		if (answer->wish->lsn > 0)
			CHECK(order_lsn_of(answer->buyers, reply->order_id) ==
			      (is_purchase(record) ? answer->wish->lsn : record->change.order_lsn));
	} else {
		CHECK(reply->order_id == answer->request->price_or_order);
		count(answer->buyers, TALLY_BY_ORDER);
	}
	/* A hold is open until the instant that it names, or until its basket is decided. */
	if (reply->verdict == VERDICT_HELD && answer->now_ns >= reply->instant_ns)
		CHECK(answer->buyers->shards > 1 &&
		      (!answer->buyers->settled || order_was(answer, reply->order_id, was_pinned)));
	if (reply->durability != DURABILITY_DURABLE)
		return;
	CHECK(order_was(answer, reply->order_id, fits_lookup));
	count(answer->buyers, reply->verdict == VERDICT_HOLD_ENDED     ? TALLY_STATE_ENDED
			      : reply->verdict == VERDICT_HOLD_EXPIRED ? TALLY_STATE_REFUNDED
			      : reply->verdict == VERDICT_HELD         ? TALLY_STATE_HELD
			      : reply->verdict == VERDICT_RELEASED     ? TALLY_STATE_RELEASED
			      : reply->verdict == VERDICT_RETURNED     ? TALLY_STATE_RETURNED
								       : TALLY_STATE_SOLD);
}

/* Whether the order could not be changed so. */
static bool fits_refusal(const void *context, const struct ledger_order *order)
{
	const struct answer *answer = context;
	const struct wire_request *request = answer->request;
	const struct wire_reply *reply = &answer->reply;
	const bool exists = order->state != LEDGER_NONE && order->record->sku == request->sku;
	const bool returns = request->op == WIRE_OP_RETURN;
	const uint16_t units = request->quantity;

	if (!exists || reply->verdict == VERDICT_NOT_FOUND)
		return !exists && reply->verdict == VERDICT_NOT_FOUND;
	if (order->record->order.buyer != request->buyer || reply->verdict == VERDICT_OTHER_BUYER)
		return order->record->order.buyer != request->buyer &&
		       reply->verdict == VERDICT_OTHER_BUYER;
	if (reply->order_id != request->price_or_order)
		return false;
	switch (reply->verdict) {
	case VERDICT_BAD_QUANTITY:
		return units == 0;
	case VERDICT_TOO_MANY:
		return order->state == LEDGER_OPEN      ? units > order->held
		       : order->state == LEDGER_RAN_OUT ? units > order->ran_out
							: returns && units > order->sold;
	case VERDICT_ALREADY_SOLD:
		return order->state == LEDGER_SOLD && !returns;
	case VERDICT_HOLD_RELEASED:
		return order->state == LEDGER_RELEASED && !returns;
	case VERDICT_HOLD_ENDED:
		return order->state == LEDGER_RAN_OUT && !returns &&
		       request->op != WIRE_OP_CONFIRM && reply->instant_ns == order->ends_ns;
	case VERDICT_HOLD_EXPIRED:
		return order->state == LEDGER_REFUNDED && !returns &&
		       reply->instant_ns == order->ends_ns;
	case VERDICT_CANNOT_EXTEND:
		return order->state == LEDGER_OPEN && reply->instant_ns == order->ends_ns &&
		       request->op == WIRE_OP_EXTEND;
	default:
		return returns && (order->state != LEDGER_SOLD || order->sold == 0);
	}
}

/* The hold that a buyer has already is his own, of this SKU or its group, and open. */
static bool fits_held(const void *context, const struct ledger_order *order)
{
	const struct answer *answer = context;
	const struct wire_reply *reply = &answer->reply;

	return order->state == LEDGER_OPEN && order->record->order.buyer == answer->wish->buyer &&
	       ledger_together(&answer->truth->ledger, order->record->sku, answer->wish->sku) &&
	       order->record->unit_price == reply->unit_price && order->held == reply->quantity &&
	       order->ends_ns == reply->instant_ns;
}

static uint64_t known_since(const struct buyers *buyers, uint64_t sku)
{
	unsigned i = 0;

	while (buyers->skus[i] != sku)
		CHECK(++i < buyers->sku_cnt);
	return buyers->known_since[i];
}

/* A change or a LOOKUP by order id that its order does not allow. */
static void told_refusal(const struct answer *answer)
{
	static const uint8_t rows[VERDICT_FAILURE_FIRST] = {
		[VERDICT_NOT_FOUND] = TALLY_NOT_FOUND,
		[VERDICT_OTHER_BUYER] = TALLY_OTHER_BUYER,
		[VERDICT_BAD_QUANTITY] = TALLY_BAD_QUANTITY,
		[VERDICT_TOO_MANY] = TALLY_TOO_MANY,
		[VERDICT_ALREADY_SOLD] = TALLY_ALREADY_SOLD,
		[VERDICT_HOLD_RELEASED] = TALLY_HOLD_RELEASED,
		[VERDICT_HOLD_ENDED] = TALLY_HOLD_ENDED,
		[VERDICT_HOLD_EXPIRED] = TALLY_HOLD_EXPIRED,
		[VERDICT_CANNOT_EXTEND] = TALLY_CANNOT_EXTEND,
		[VERDICT_NOT_SOLD] = TALLY_NOT_SOLD,
	};
	const uint8_t verdict = answer->reply.verdict;
	const uint64_t order_id = answer->request->price_or_order;

	/* Others nothing here can lead to. */
	CHECK(verdict < VERDICT_FAILURE_FIRST && rows[verdict] != 0);
	CHECK(answer->request->op > WIRE_OP_HOLD);
	/* What rests on memory may rest on what was never written; so may what an id by chance
	 * names. */
	if (answer->reply.durability != DURABILITY_MEMORY &&
	    order_lsn_of(answer->buyers, order_id) <= answer->truth->written_lsn)
		CHECK(order_was(answer, order_id, fits_refusal));
	count(answer->buyers, (enum tally_row)rows[verdict]);
}

/* Nobody is refused because of what he holds himself, or of holds that have ended. It can be told
 * where nothing is decided that was not written, and no other line of a basket counts. */
static void check_short(const struct answer *answer)
{
	const struct wire_request *request = answer->request;

	if (request->op != WIRE_OP_HOLD || !answer->buyers->settled ||
	    (answer->parcel->flags & WIRE_FLAG_BASKET) != 0)
		return;
	CHECK(truth_was_short(answer->truth, answer->parcel->lsn[answer->buyers->lane], request,
			      answer->now_ns));
	count(answer->buyers, TALLY_HOLD_SHORT);
}

/* A refusal of a purchase or a change by what is now. */
static void refused(const struct answer *answer)
{
	struct buyers *buyers = answer->buyers;
	const uint8_t op = answer->request->op;
	const struct ledger_offer *offer = ledger_offer(&answer->truth->ledger, answer->wish->sku);

	switch (answer->reply.verdict) {
	case VERDICT_JOURNAL_FULL:
		count(buyers, TALLY_JOURNAL_FULL);
		break;
	case VERDICT_DRAINING:
		count(buyers, TALLY_DRAINING);
		break;
	case VERDICT_TABLE_FULL:
		/* Room was kept for every payment; but not for links. */
		CHECK((op != WIRE_OP_CONFIRM && op != WIRE_OP_BUY) ||
		      (answer->parcel->flags & WIRE_FLAG_BASKET) != 0);
		count(buyers, TALLY_TABLE_FULL);
		break;
	case VERDICT_SOLD_OUT:
	case VERDICT_LIMIT_REACHED:
		check_short(answer);
		count(buyers, TALLY_REFUSED);
		CHECK(op == WIRE_OP_BUY || op == WIRE_OP_HOLD);
		break;
	case VERDICT_NOT_OPEN:
	case VERDICT_CLOSED:
	case VERDICT_PRICE_TOO_HIGH:
		CHECK(op == WIRE_OP_BUY || op == WIRE_OP_HOLD);
		count(buyers, TALLY_REFUSED);
		break;
	case VERDICT_NO_HOLDS:
		CHECK(op == WIRE_OP_HOLD);
		CHECK(offer == NULL || offer->record->offer.hold_seconds == 0);
		count(buyers, TALLY_NO_HOLDS);
		break;
	case VERDICT_ALREADY_HELD:
		CHECK(op == WIRE_OP_HOLD);
		CHECK(answer->now_ns < answer->reply.instant_ns);
		if (answer->reply.durability == DURABILITY_DURABLE)
			CHECK(order_was(answer, answer->reply.order_id, fits_held));
		count(buyers, TALLY_ALREADY_HELD);
		break;
	default:
		told_refusal(answer);
	}
}

/* Whether the line was sought by its SKU's number, in a lane that did not know yet where it is
 * sold. */
static bool is_sought(const struct answer *answer)
{
	const struct buyers *buyers = answer->buyers;
	const struct buyers *sought =
		buyers->of_lane[wire_shard_of(answer->wish->sku, buyers->shards)];
	unsigned i = 0;

	if (buyers == answer->asked || sought == buyers)
		return false;
	while (sought->away[i].sku != answer->wish->sku)
		CHECK(++i < sought->away_cnt);
	return answer->parcel->arrival <= sought->away[i].known_since || answer->parcel->parked;
}

/* The lane does not sell the SKU yet. */
static void told_unknown_sku(const struct answer *answer)
{
	const uint64_t sku = answer->wish->sku;
	struct buyers *buyers = answer->buyers;

	/* A SKU that is placed here is another shard's by its number. */
	if (answer->reply.verdict == VERDICT_WRONG_SHARD)
		/* A basket's line was sought there, and that shard knows who will sell it. */
		CHECK(answer->reply.quantity == buyers->lane
			      ? answer->parcel->parked
			      : answer->reply.quantity == wire_shard_of(sku, buyers->shards));
	CHECK(answer->parcel->arrival <= known_since(buyers, sku) || is_sought(answer));
	if (answer->request->op == WIRE_OP_LOOKUP && !by_order(answer->request))
		answer->wish->unknown = false;
	count(buyers, TALLY_UNKNOWN_SKU);
}

static void told_no(const struct answer *answer)
{
	struct buyers *buyers = answer->buyers;
	struct wish *wish = answer->wish;
	const struct truth *truth = answer->truth;
	const uint8_t verdict = answer->reply.verdict;
	const bool lookup = answer->request->op == WIRE_OP_LOOKUP;

	if (verdict == VERDICT_UNAVAILABLE) {
		/* Other lanes continue. */
		CHECK(answer->failed);
		count(buyers, TALLY_UNAVAILABLE);
		wish->unknown = true;
		return;
	}
	if (verdict == VERDICT_CONFLICT) {
		CHECK(!lookup && !(wish->answered && wish->winner == answer->content));
		count(buyers, TALLY_CONFLICT);
		return;
	}
	if (lookup && by_order(answer->request) && verdict != VERDICT_UNKNOWN_SKU &&
	    verdict != VERDICT_WRONG_SHARD) {
		CHECK(verdict == VERDICT_NOT_FOUND || verdict == VERDICT_OTHER_BUYER);
		refused(answer);
		return;
	}
	/* Decided before the order, but delivered after it. */
	if (told_overtaken(answer)) {
		count(buyers, TALLY_OVERTAKEN);
		return;
	}
	/* What was committed stays committed. */
	CHECK(!wish->done && truth_find(truth, truth->kept_lsn, wish->id, wish->sku) == 0);
	if (verdict == VERDICT_UNKNOWN_SKU || verdict == VERDICT_WRONG_SHARD) {
		told_unknown_sku(answer);
	} else if (lookup) {
		CHECK(verdict == VERDICT_NOT_FOUND);
		if (wish->unknown)
			count(buyers, TALLY_TOLD_LATER);
		wish->unknown = false;
	} else {
		/* Several lanes may have decided longer than its life. */
		CHECK(answer->stale == (verdict == VERDICT_STALE) ||
		      (verdict == VERDICT_STALE && answer->parcel->parked));
		if (verdict != VERDICT_STALE)
			refused(answer);
	}
}

/* A request for a SKU that another lane sells. */
static void told_away(const struct answer *answer)
{
	const struct buyers *buyers = answer->buyers;
	const struct wire_reply *reply = &answer->reply;
	unsigned idx = 0;

	while (buyers->away[idx].sku != answer->wish->sku)
		CHECK(++idx < buyers->away_cnt);
	if (reply->verdict == VERDICT_UNAVAILABLE) {
		CHECK(answer->failed);
	} else if (reply->verdict == VERDICT_UNKNOWN_SKU) {
		CHECK(answer->parcel->arrival <= buyers->away[idx].known_since);
	} else {
		CHECK(reply->verdict == VERDICT_WRONG_SHARD);
		CHECK(reply->quantity == buyers->away[idx].owner);
		count(answer->buyers, TALLY_AWAY);
	}
}

/* The whole datagram was refused for what its header says. */
static bool is_of_header(const struct answer *answer, const struct wire_header *header)
{
	const struct buyers *buyers = answer->asked;
	const struct wire_reply *reply = &answer->reply;

	if (header->shard == buyers->lane || reply->verdict != VERDICT_WRONG_SHARD)
		return false;
	CHECK(reply->quantity == answer->buyers->lane || answer->wish->away ||
	      reply->quantity == wire_shard_of(answer->wish->sku, buyers->shards));
	return true;
}

static bool is_state(const struct answer *answer)
{
	const uint8_t verdict = answer->reply.verdict;

	return answer->request->op == WIRE_OP_LOOKUP &&
	       (verdict < VERDICT_REFUSAL_FIRST || verdict == VERDICT_HOLD_ENDED ||
		verdict == VERDICT_HOLD_EXPIRED);
}

static void told_one(const struct answer *answer, const struct wire_header *header)
{
	CHECK(answer->reply.id[0] == answer->wish->id[0] &&
	      answer->reply.id[1] == answer->wish->id[1]);
	if (is_of_header(answer, header) || told_under_way(answer) ||
	    told_of_basket(answer, header))
		return;
	if (answer->parcel->whole.cnt > 0)
		told_whole(answer);
	else if (answer->wish->away)
		told_away(answer);
	else if (is_state(answer))
		told_state(answer);
	else if (answer->request->op != WIRE_OP_LOOKUP && is_yes(answer))
		told_yes(answer);
	else
		told_no(answer);
}

/* Counts how its date was judged. */
static void count_date(struct buyers *buyers, const struct parcel *parcel,
		       const struct wire_reply *reply, const struct wire_date *date)
{
	if (reply->verdict == VERDICT_STALE)
		count(buyers, !parcel->dated                                   ? TALLY_STALE_UNDATED
			      : parcel->date.sale != buyers->sale              ? TALLY_STALE_SALE
			      : parcel->date.issued_at_ns > date->issued_at_ns ? TALLY_STALE_AHEAD
									       : TALLY_STALE_OLD);
	else if (reply->verdict == VERDICT_NOT_OPEN && parcel->dated &&
		 date->issued_at_ns >= reply->instant_ns)
		count(buyers, TALLY_NOT_OPEN_TO_IT);
}

void buyers_told(struct buyers *buyers, struct parcel *parcel, bool healthy)
{
	const struct wire_header *header = (const struct wire_header *)parcel->datagram;
	const struct wire_reply *replies =
		(const struct wire_reply *)(parcel->datagram + WIRE_HEADER_BYTES);
	const struct wire_date date =
		parcel->dated ? wire_date_of(parcel->datagram) : (struct wire_date){0};
	bool failed = buyers->failed;

	CHECK(parcel->out && header->count == parcel->cnt);
	CHECK(wire_is_dated(parcel->datagram) == parcel->dated);
	if (parcel->dated)
		CHECK(date.sale == buyers->sale && date.valid_ms == parcel->date.valid_ms);
	for (unsigned i = 0; i < buyers->shards && parcel->parked; i++)
		failed |= buyers->of_lane[i]->failed || buyers->of_lane[i]->ends ||
			  buyers->of_lane[i]->was_full;
	for (uint8_t i = 0; i < parcel->cnt; i++) {
		struct buyers *of = buyers->of_lane[parcel->owners[i]];
		const struct answer answer = {
			.buyers = of,
			.truth = of->truth,
			.asked = buyers,
			.parcel = parcel,
			.request = &parcel->requests[i],
			.wish = &of->wishes[parcel->wishes[i]],
			.reply = replies[i],
			/* Another lane's clock may be behind. */
			.now_ns = of == buyers ? date.issued_at_ns : 0,
			.content = parcel->contents[i] != 0,
			.healthy = healthy,
			.failed = failed,
			.stale = dates_stale(buyers, parcel, date.issued_at_ns),
		};

		told_one(&answer, header);
		count_date(buyers, parcel, &answer.reply, &date);
	}
	told_keep_held(buyers, parcel, replies);
	told_check_all(buyers, parcel, replies);
	parcel->out = false;
}

static void check_wish(const struct buyers *buyers, const struct truth *truth, struct wish *wish,
		       uint64_t last_lsn)
{
	const uint64_t lsn = told_find(wish, truth, last_lsn);

	CHECK(lsn > 0);
	if (!wish->answered)
		return;
	check_answer(buyers, truth, &wish->answer, lsn);
	check_content(wish, &truth->records[lsn]);
}

void buyers_check(struct buyers *buyers, const struct truth *truth, uint64_t last_lsn)
{
	for (uint32_t i = 0; i < buyers->wish_cnt; i++) {
		if (buyers->wishes[i].done)
			check_wish(buyers, truth, &buyers->wishes[i], last_lsn);
	}
}

void buyers_recovered(struct buyers *buyers, const struct truth *truth, uint64_t last_lsn)
{
	for (uint32_t i = 0; i < buyers->wish_cnt; i++) {
		struct wish *wish = &buyers->wishes[i];

		if (!wish->done || told_find(wish, truth, last_lsn) > 0)
			continue;
		CHECK(buyers->ack_memory && !wish->durable);
		wish->done = wish->answered = wish->winner = wish->unknown = false;
		count(buyers, TALLY_LOST_FROM_MEMORY);
	}
	buyers_check(buyers, truth, last_lsn);
}
