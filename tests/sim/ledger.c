#include "tests/sim/ledger.h"

#include <string.h>

#include "engine/base/check.h"

static const uint64_t SECOND_NS = 1000000000;

static void count(struct ledger *ledger, enum tally_row row, uint64_t cnt)
{
	if (ledger->tally != NULL)
		ledger->tally->cnt[row] += cnt;
}

void ledger_begin(struct ledger *ledger, const struct record *records, struct tally *tally)
{
	memset(ledger, 0, sizeof(*ledger));
	ledger->records = records;
	ledger->tally = tally;
}

static struct ledger_offer *find_offer(struct ledger *ledger, uint64_t sku)
{
	for (unsigned i = 0; i < ledger->offer_cnt; i++) {
		if (ledger->offers[i].record->sku == sku)
			return &ledger->offers[i];
	}
	return NULL;
}

const struct ledger_offer *ledger_offer(const struct ledger *ledger, uint64_t sku)
{
	return find_offer((struct ledger *)(uintptr_t)ledger, sku);
}

bool ledger_together(const struct ledger *ledger, uint64_t sku, uint64_t other)
{
	const struct ledger_offer *one = ledger_offer(ledger, sku);
	const struct ledger_offer *two = ledger_offer(ledger, other);

	return sku == other || (one != NULL && two != NULL && one->record->channel != 0 &&
				one->record->channel == two->record->channel);
}

/* What it is, as its ORDER or HOLD says. */
static struct ledger_order new_order(const struct record *record, const struct record *offer,
				     uint64_t lsn)
{
	const bool held = record->kind == RECORD_HOLD;

	return (struct ledger_order){
		.record = record,
		.offer = offer,
		.lsn = lsn,
		.ends_ns = held ? record->at_ns + offer->offer.hold_seconds * SECOND_NS : 0,
		.since_lsn = lsn,
		.last_lsn = lsn,
		.sold_ns = held ? 0 : record->at_ns,
		.held = held ? record->quantity : 0,
		.sold = held ? 0 : record->quantity,
		.state = held ? LEDGER_OPEN : LEDGER_SOLD,
	};
}

static bool names_an_order(const struct record *record)
{
	return record->kind >= RECORD_CONFIRM && record->kind <= RECORD_RETURN;
}

static bool same_request(const struct record *record, const struct record *other)
{
	return record->sku == other->sku &&
	       memcmp(record->order.request_id, other->order.request_id,
		      sizeof(record->order.request_id)) == 0;
}

uint64_t ledger_prepared_lsn(const struct record *records, uint64_t lsn)
{
	const struct record *record = &records[lsn];

	while (--lsn > 0) {
		if (records[lsn].kind == RECORD_PREPARED && same_request(&records[lsn], record))
			return lsn;
	}
	return 0;
}

/* When a record was judged: if it was prepared, then. */
static uint64_t as_of(const struct record *records, uint64_t lsn)
{
	const uint64_t prepared_lsn = (records[lsn].flags & RECORD_WAS_PREPARED) != 0 &&
						      records[lsn].kind != RECORD_PREPARED
					      ? ledger_prepared_lsn(records, lsn)
					      : lsn;

	CHECK(prepared_lsn > 0);
	return records[prepared_lsn].at_ns;
}

/* What a PREPARED record is to become. */
static uint8_t to_become(const struct record *record)
{
	return record->flags & PREPARED_KIND_MASK;
}

static bool becomes_order(const struct record *record)
{
	return to_become(record) == RECORD_ORDER || to_become(record) == RECORD_HOLD;
}

/* Units that it set aside. */
static uint64_t units_aside(const struct record *record)
{
	return becomes_order(record) || (record->flags & PREPARED_LATE) != 0 ? record->quantity : 0;
}

/* Whether an EXPIRE record's words are about this order. */
static bool ends_it(const struct record *record, const struct ledger_order *order)
{
	if (order->state != LEDGER_OPEN || record->sku != order->record->sku)
		return false;
	if ((record->flags & EXPIRE_ONE) != 0)
		return order->lsn == record->expire.up_to_lsn;
	return order->since_lsn <= record->expire.up_to_lsn &&
	       (order->extensions > 0) == ((record->flags & EXPIRE_EXTENDED) != 0);
}

static bool pins(const struct record *record, const struct ledger_order *order)
{
	return record->kind == RECORD_PREPARED && !becomes_order(record) &&
	       record->change.order_lsn == order->lsn && record->sku == order->record->sku;
}

static bool touches(const struct record *records, uint64_t lsn, const struct ledger_order *order)
{
	const struct record *record = &records[lsn];

	if (names_an_order(record))
		return record->change.order_lsn == order->lsn;
	if (record->kind == RECORD_ABORTED)
		return record->change.order_lsn < lsn &&
		       pins(&records[record->change.order_lsn], order);
	if (record->kind == RECORD_PREPARED)
		return pins(record, order);
	if (record->kind == RECORD_EXPIRE)
		return ends_it(record, order);
	return record->kind == RECORD_CLOCK && order->state == LEDGER_OPEN;
}

static bool is_open(const struct ledger_order *order, uint64_t at_ns)
{
	return order->state == LEDGER_OPEN && at_ns < order->ends_ns;
}

/* Whether it is a line of a basket. `record` stands among its lane's. */
static bool in_basket(const struct record *record)
{
	return ((record[0].flags | record[-1].flags) & RECORD_BASKET_GOES_ON) != 0 ||
	       (record->flags & RECORD_WAS_PREPARED) != 0;
}

/* In time while it is open; late or a refund only after it ran out, and once. A basket of which
 * another line is a refund is a refund as a whole. */
static void confirm(struct ledger_order *order, const struct record *record, uint64_t as_of_ns)
{
	const bool late = (record->flags & CONFIRM_LATE) != 0;
	const bool refund = (record->flags & CONFIRM_REFUND) != 0;

	CHECK(!(late && refund) && record->quantity > 0);
	if (refund && is_open(order, as_of_ns)) {
		CHECK(in_basket(record) && record->quantity <= order->held);
		CHECK((record->flags & CONFIRM_OF_BASKET) != 0);
		order->ran_out = order->held;
		order->held = 0;
		order->ends_ns = record->at_ns;
	} else if (late || refund) {
		CHECK(order->state == LEDGER_RAN_OUT && record->quantity <= order->ran_out);
	} else {
		CHECK(is_open(order, as_of_ns) && record->quantity <= order->held);
	}
	order->state = refund ? LEDGER_REFUNDED : LEDGER_SOLD;
	if (refund)
		return;
	order->late = late;
	order->held = 0;
	order->sold = record->quantity;
	order->sold_ns = record->at_ns;
}

static void extend(struct ledger_order *order, const struct record *record, uint64_t lsn)
{
	const uint32_t terms = order->offer->offer.extend;
	const uint64_t ends_ns = record->at_ns + (terms >> EXTENSIONS_BITS) * SECOND_NS;

	CHECK(is_open(order, record->at_ns) && record->quantity == order->held);
	CHECK(order->extensions < (terms & EXTENSIONS_MAX) && ends_ns > order->ends_ns);
	order->extensions++;
	order->ends_ns = ends_ns;
	order->since_lsn = lsn;
}

/* The record touches the order. */
static void follow(struct ledger_order *order, const struct record *records, uint64_t lsn)
{
	const struct record *record = &records[lsn];

	if (record->kind == RECORD_PREPARED || record->kind == RECORD_ABORTED) {
		CHECK(order->pinned == (record->kind == RECORD_ABORTED));
		order->pinned = record->kind == RECORD_PREPARED;
		order->unpinned_ns = record->at_ns;
		return;
	}
	/* Until then it neither ends nor changes. */
	CHECK(order->pinned == ((record->flags & RECORD_WAS_PREPARED) != 0));
	order->pinned = false;
	switch (record->kind) {
	case RECORD_CLOCK: {
		/* It keeps the time that it had left. */
		const uint64_t back_ns = record->clock.was_ns - record->at_ns;

		order->ends_ns = order->ends_ns > back_ns ? order->ends_ns - back_ns : 1;
		order->unpinned_ns = 0;
		return;
	}
	case RECORD_CONFIRM:
		confirm(order, record, as_of(records, lsn));
		break;
	case RECORD_RELEASE:
		CHECK(is_open(order, as_of(records, lsn)));
		CHECK(record->quantity > 0 && record->quantity <= order->held);
		CHECK((record->flags & RELEASE_ALL) == 0 || record->quantity == order->held);
		order->held = (uint16_t)(order->held - record->quantity);
		if (order->held == 0)
			order->state = LEDGER_RELEASED;
		break;
	case RECORD_EXTEND:
		extend(order, record, lsn);
		break;
	case RECORD_RETURN:
		CHECK(order->state == LEDGER_SOLD && record->quantity > 0);
		CHECK(record->quantity <= order->sold);
		order->sold = (uint16_t)(order->sold - record->quantity);
		break;
	default:
		CHECK(order->state == LEDGER_OPEN && record->at_ns >= order->ends_ns);
		order->ran_out = order->held;
		order->held = 0;
		order->state = LEDGER_RAN_OUT;
	}
	order->last_lsn = lsn;
}

/* Units that a buyer holds and has bought, of a SKU or of all in a group; without those of holds
 * that have ended by then. */
static uint64_t units_of(const struct ledger *ledger, uint64_t buyer, const struct record *offer,
			 bool group, uint64_t ended_ns)
{
	uint64_t units = 0;

	for (uint16_t lsn = ledger->newest[buyer % LEDGER_BUYERS]; lsn != 0;
	     lsn = ledger->orders[lsn].older) {
		const struct ledger_order *order = &ledger->orders[lsn];
		const bool counts =
			group ? order->offer->channel == offer->channel : order->offer == offer;

		if (!counts || order->record->order.buyer != buyer)
			continue;
		units += order->sold;
		if (order->ends_ns > ended_ns || order->pinned)
			units += order->held;
	}
	for (unsigned i = 0; i < ledger->prepared_cnt; i++) {
		const struct record *record = &ledger->records[ledger->prepared[i]];
		const struct record *of = ledger_offer(ledger, record->sku)->record;

		if (record->order.buyer == buyer &&
		    (group ? of->channel == offer->channel : of == offer))
			units += units_aside(record);
	}
	return units;
}

/* Whether a buyer may have `more` units; holds that have ended by then do not count. */
static bool within_limits(const struct ledger *ledger, uint64_t buyer, const struct record *offer,
			  uint64_t more, uint64_t ended_ns)
{
	const uint32_t limit = offer->offer.limit_per_buyer;

	return (limit == 0 || units_of(ledger, buyer, offer, false, ended_ns) + more <= limit) &&
	       (offer->channel == 0 ||
		units_of(ledger, buyer, offer, true, ended_ns) + more <= offer->quantity);
}

static void opened(struct ledger *ledger, struct ledger_order *order)
{
	order->open_idx = (uint16_t)ledger->open_cnt;
	ledger->open[ledger->open_cnt++] = (uint16_t)order->lsn;
}

static void closed(struct ledger *ledger, const struct ledger_order *order)
{
	const uint16_t last = ledger->open[--ledger->open_cnt];

	ledger->open[order->open_idx] = last;
	ledger->orders[last].open_idx = order->open_idx;
}

/* Takes units off the free stock, for good or until they come back. */
static void take(struct ledger_offer *offer, uint64_t *to, uint64_t units)
{
	CHECK(units <= offer->free);
	offer->free -= units;
	*to += units;
}

/* An ORDER or a HOLD. */
static void add_order(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	struct ledger_order *order = &ledger->orders[lsn];
	struct ledger_offer *offer = find_offer(ledger, record->sku);
	uint16_t *newest = &ledger->newest[record->order.buyer % LEDGER_BUYERS];

	CHECK(offer != NULL && record->quantity > 0);
	CHECK(record->kind == RECORD_ORDER || offer->record->offer.hold_seconds > 0);
	CHECK(record->unit_price == offer->record->unit_price);
	CHECK(record->order.max_price == 0 || record->unit_price <= record->order.max_price);
	CHECK(as_of(ledger->records, lsn) >= offer->record->offer.opens_at_ns &&
	      as_of(ledger->records, lsn) < offer->record->offer.closes_at_ns);
	take(offer, record->kind == RECORD_HOLD ? &offer->held : &offer->sold, record->quantity);
	*order = new_order(record, offer->record, lsn);
	order->older = *newest;
	*newest = (uint16_t)lsn;
	CHECK(within_limits(ledger, record->order.buyer, offer->record, 0, 0));
	if (order->state == LEDGER_OPEN)
		opened(ledger, order);
	count(ledger, TALLY_HOLDS, record->kind == RECORD_HOLD);
}

/* Units of this SKU are free, or will be once the holds are gone that have ended. */
static uint64_t units_to_have(const struct ledger *ledger, const struct ledger_offer *offer,
			      uint64_t at_ns)
{
	uint64_t units = offer->free;

	for (unsigned i = 0; i < ledger->open_cnt; i++) {
		const struct ledger_order *order = &ledger->orders[ledger->open[i]];

		if (order->offer == offer->record && order->ends_ns <= at_ns && !order->pinned)
			units += order->held;
	}
	return units;
}

static void check_late(const struct ledger *ledger, const struct ledger_offer *offer,
		       const struct record *record)
{
	const uint64_t buyer = record->change.buyer;

	if ((record->flags & CONFIRM_LATE) != 0)
		CHECK(record->quantity <= offer->free &&
		      within_limits(ledger, buyer, offer->record, record->quantity, 0));
	/* A payment is not sent back if what has ended gives it the units. */
	if ((record->flags & CONFIRM_REFUND) != 0 && !in_basket(record))
		CHECK(record->quantity > units_to_have(ledger, offer, record->at_ns) ||
		      !within_limits(ledger, buyer, offer->record, record->quantity,
				     record->at_ns));
}

static void count_change(struct ledger *ledger, const struct ledger_order *before,
			 const struct record *record)
{
	switch (record->kind) {
	case RECORD_CONFIRM:
		count(ledger,
		      (record->flags & CONFIRM_REFUND) != 0 ? TALLY_REFUNDS
		      : (record->flags & CONFIRM_LATE) != 0 ? TALLY_CONFIRMS_LATE
							    : TALLY_CONFIRMS,
		      1);
		count(ledger, TALLY_CONFIRMS_PART, record->quantity < before->held);
		break;
	case RECORD_RELEASE:
		count(ledger,
		      record->quantity < before->held ? TALLY_RELEASES_PART : TALLY_RELEASES, 1);
		break;
	case RECORD_EXTEND:
		count(ledger, TALLY_EXTENDS, 1);
		break;
	default:
		count(ledger,
		      (record->flags & RETURN_WRITE_OFF) != 0 ? TALLY_WRITE_OFFS : TALLY_RETURNS,
		      1);
	}
}

/* CONFIRM, RELEASE, EXTEND or RETURN. */
static void add_change(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	struct ledger_offer *offer = find_offer(ledger, record->sku);
	struct ledger_order *order = &ledger->orders[record->change.order_lsn];
	struct ledger_order before;

	CHECK(record->change.order_lsn < lsn && order->record != NULL && offer != NULL);
	CHECK(order->record->sku == record->sku &&
	      order->record->order.buyer == record->change.buyer &&
	      order->record->unit_price == record->unit_price);
	before = *order;
	if (record->kind == RECORD_CONFIRM)
		check_late(ledger, offer, record);
	follow(order, ledger->records, lsn);
	if (before.state == LEDGER_OPEN && order->state != LEDGER_OPEN)
		closed(ledger, &before);
	offer->free += before.held + before.sold;
	offer->held -= before.held;
	offer->sold -= before.sold;
	take(offer, &offer->held, order->held);
	take(offer, &offer->sold, order->sold);
	if (record->kind == RECORD_RETURN && (record->flags & RETURN_WRITE_OFF) != 0)
		take(offer, &offer->written_off, record->quantity);
	count_change(ledger, &before, record);
}

/* It ends exactly the holds that it says. */
static void add_expire(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	struct ledger_offer *offer = find_offer(ledger, record->sku);
	uint64_t units = 0;
	uint32_t holds = 0;

	CHECK(offer != NULL);
	for (unsigned i = ledger->open_cnt; i-- > 0;) {
		struct ledger_order *order = &ledger->orders[ledger->open[i]];

		if (!touches(ledger->records, lsn, order))
			continue;
		units += order->held;
		holds++;
		follow(order, ledger->records, lsn);
		closed(ledger, order);
	}
	CHECK(holds > 0 && holds == record->expire.holds && units == record->expire.units);
	offer->held -= units;
	offer->free += units;
	ledger->ran_out_cnt += holds;
	count(ledger,
	      (record->flags & EXPIRE_ONE) != 0        ? TALLY_ENDED_ONE
	      : (record->flags & EXPIRE_EXTENDED) != 0 ? TALLY_RUNS_EXTENDED
						       : TALLY_RUNS,
	      1);
	count(ledger, TALLY_RAN_OUT, holds);
	count(ledger, TALLY_RUNS_LONG, holds >= 10);
}

static void add_clock(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	CHECK(ledger->prepared_cnt == 0);
	CHECK(record->clock.was_ns >= ledger->at_ns && record->at_ns < record->clock.was_ns);
	for (unsigned i = 0; i < ledger->open_cnt; i++)
		follow(&ledger->orders[ledger->open[i]], ledger->records, lsn);
	count(ledger, TALLY_HOLDS_SET_BACK, ledger->open_cnt);
}

/* A line is set aside. */
static void add_prepared(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	struct ledger_offer *offer = find_offer(ledger, record->sku);
	struct ledger_order *order = &ledger->orders[record->change.order_lsn % LEDGER_RECORDS_MAX];
	const uint64_t units = units_aside(record);

	CHECK(offer != NULL && record->quantity > 0 && ledger->prepared_cnt < LEDGER_PREPARED_MAX);
	CHECK(units == 0 || within_limits(ledger, record->order.buyer, offer->record, units, 0));
	take(offer, &offer->held, units);
	for (unsigned i = 0; i < ledger->prepared_cnt; i++)
		CHECK(!same_request(&ledger->records[ledger->prepared[i]], record));
	ledger->prepared[ledger->prepared_cnt++] = (uint16_t)lsn;
	count(ledger, TALLY_PREPARED, 1);
	if (becomes_order(record)) {
		CHECK(record->at_ns >= offer->record->offer.opens_at_ns &&
		      record->at_ns < offer->record->offer.closes_at_ns);
		return;
	}
	CHECK(to_become(record) == RECORD_CONFIRM || to_become(record) == RECORD_RELEASE);
	CHECK(record->change.order_lsn < lsn && order->record != NULL);
	CHECK(order->record->sku == record->sku &&
	      order->record->order.buyer == record->change.buyer &&
	      order->record->unit_price == record->unit_price);
	CHECK(is_open(order, record->at_ns)
		      ? record->quantity <= order->held
		      : order->state == LEDGER_RAN_OUT && to_become(record) == RECORD_CONFIRM &&
				record->quantity <= order->ran_out);
	follow(order, ledger->records, lsn);
}

/* It comes to what this record says: what was set aside is given back before. */
static void end_prepared(struct ledger *ledger, uint64_t lsn)
{
	const uint64_t prepared_lsn = ledger_prepared_lsn(ledger->records, lsn);
	const struct record *record = &ledger->records[prepared_lsn];
	struct ledger_offer *offer = find_offer(ledger, record->sku);
	unsigned i = 0;

	CHECK(prepared_lsn > 0);
	while (ledger->prepared[i] != prepared_lsn)
		CHECK(++i < ledger->prepared_cnt);
	ledger->prepared_cnt--;
	memmove(&ledger->prepared[i], &ledger->prepared[i + 1],
		(ledger->prepared_cnt - i) * sizeof(ledger->prepared[0]));
	CHECK(offer->held >= units_aside(record));
	offer->held -= units_aside(record);
	offer->free += units_aside(record);
}

static void add_aborted(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	const struct record *prepared = &ledger->records[record->change.order_lsn];

	CHECK(record->change.order_lsn == ledger_prepared_lsn(ledger->records, lsn));
	CHECK(prepared->order.buyer == record->change.buyer);
	end_prepared(ledger, lsn);
	if (!becomes_order(prepared))
		follow(&ledger->orders[prepared->change.order_lsn], ledger->records, lsn);
	count(ledger, TALLY_ABORTED, 1);
}

/* A final record is what was prepared. */
static void add_was_prepared(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	const struct record *prepared = &ledger->records[ledger_prepared_lsn(ledger->records, lsn)];

	CHECK(record->kind == to_become(prepared) && record->quantity == prepared->quantity);
	CHECK(record->channel == prepared->channel && record->unit_price == prepared->unit_price);
	CHECK(record->order.buyer == prepared->order.buyer &&
	      record->order.max_price == prepared->order.max_price);
	CHECK(record->kind != RECORD_RELEASE ||
	      ((record->flags & RELEASE_ALL) != 0) == ((prepared->flags & PREPARED_ALL) != 0));
	end_prepared(ledger, lsn);
	count(ledger, TALLY_WAS_PREPARED, 1);
}

static void add_link(struct ledger *ledger, uint64_t lsn, const struct record *record)
{
	const uint64_t first_lsn = record->change.order_lsn;
	const struct record *before = record - 1;

	/* Its basket's lines of this lane stand right before the links. */
	CHECK(first_lsn > 0 && first_lsn < lsn);
	CHECK((before->flags & RECORD_BASKET_GOES_ON) != 0);
	CHECK(before->kind == RECORD_LINK ? before->change.order_lsn == first_lsn
					  : before->kind == ledger->records[first_lsn].kind);
	CHECK(first_lsn == 1 ||
	      (ledger->records[first_lsn - 1].flags & RECORD_BASKET_GOES_ON) == 0);
	CHECK((record->channel | record->unit_price) == 0);
	count(ledger, TALLY_LINKS, 1);
}

static void add_offer(struct ledger *ledger, const struct record *record)
{
	CHECK(find_offer(ledger, record->sku) == NULL && ledger->offer_cnt < LEDGER_OFFERS_MAX);
	ledger->offers[ledger->offer_cnt++] =
		(struct ledger_offer){.record = record, .free = record->offer.stock};
}

/* Lines of a basket follow each other, of one buyer, one kind and one instant; a payment of them
 * is a refund of all or of none. */
static void check_basket(struct ledger *ledger, const struct record *record)
{
	const struct record *before = record - 1;
	const bool goes_on = (record->flags & RECORD_BASKET_GOES_ON) != 0;

	CHECK(!goes_on || record->kind == RECORD_ORDER || record->kind == RECORD_HOLD ||
	      record->kind == RECORD_CONFIRM || record->kind == RECORD_RELEASE ||
	      record->kind == RECORD_LINK);
	CHECK(!goes_on || (record->flags & RECORD_WAS_PREPARED) == 0 ||
	      record->kind == RECORD_LINK);
	if ((before->flags & RECORD_BASKET_GOES_ON) == 0) {
		count(ledger, TALLY_BASKETS, goes_on);
		return;
	}
	CHECK((record->kind == before->kind || record->kind == RECORD_LINK) &&
	      record->at_ns == before->at_ns);
	CHECK(record->sku != before->sku && record->order.buyer == before->order.buyer);
	if (record->kind == RECORD_CONFIRM)
		CHECK(((record->flags ^ before->flags) & CONFIRM_REFUND) == 0);
}

void ledger_add(struct ledger *ledger)
{
	const uint64_t lsn = ++ledger->lsn;
	const struct record *record = &ledger->records[lsn];

	CHECK(lsn < LEDGER_RECORDS_MAX);
	CHECK(record->at_ns >= ledger->at_ns || record->kind == RECORD_CLOCK);
	check_basket(ledger, record);
	memset(&ledger->orders[lsn], 0, sizeof(ledger->orders[lsn]));
	if (record->kind != RECORD_PREPARED && (record->flags & RECORD_WAS_PREPARED) != 0)
		add_was_prepared(ledger, lsn, record);
	switch (record->kind) {
	case RECORD_OFFER:
		add_offer(ledger, record);
		break;
	case RECORD_ORDER:
	case RECORD_HOLD:
		add_order(ledger, lsn, record);
		break;
	case RECORD_CLOCK:
		add_clock(ledger, lsn, record);
		break;
	case RECORD_EXPIRE:
		add_expire(ledger, lsn, record);
		break;
	case RECORD_PLACED:
		CHECK(find_offer(ledger, record->sku) == NULL);
		break;
	case RECORD_PREPARED:
		add_prepared(ledger, lsn, record);
		break;
	case RECORD_ABORTED:
		add_aborted(ledger, lsn, record);
		break;
	case RECORD_LINK:
		add_link(ledger, lsn, record);
		break;
	default:
		CHECK(names_an_order(record));
		add_change(ledger, lsn, record);
	}
	ledger->at_ns = record->at_ns;
}

void ledger_check_sums(const struct ledger *ledger)
{
	uint64_t held[LEDGER_OFFERS_MAX] = {0};
	uint64_t sold[LEDGER_OFFERS_MAX] = {0};

	for (unsigned chain = 0; chain < LEDGER_BUYERS; chain++) {
		for (uint16_t lsn = ledger->newest[chain]; lsn != 0;
		     lsn = ledger->orders[lsn].older) {
			const struct ledger_order *order = &ledger->orders[lsn];
			unsigned idx = 0;

			while (ledger->offers[idx].record != order->offer)
				idx++;
			held[idx] += order->held;
			sold[idx] += order->sold;
		}
	}
	for (unsigned i = 0; i < ledger->prepared_cnt; i++) {
		const struct record *record = &ledger->records[ledger->prepared[i]];

		held[ledger_offer(ledger, record->sku) - ledger->offers] += units_aside(record);
	}
	for (unsigned i = 0; i < ledger->offer_cnt; i++) {
		const struct ledger_offer *offer = &ledger->offers[i];

		CHECK(offer->held == held[i] && offer->sold == sold[i]);
		CHECK(offer->record->offer.stock ==
		      offer->free + offer->held + offer->sold + offer->written_off);
	}
}

unsigned ledger_overdue(const struct ledger *ledger, uint64_t at_ns)
{
	unsigned cnt = 0;

	for (unsigned i = 0; i < ledger->open_cnt; i++) {
		const struct ledger_order *order = &ledger->orders[ledger->open[i]];

		cnt += order->ends_ns <= at_ns && order->unpinned_ns <= at_ns && !order->pinned;
	}
	return cnt;
}

bool ledger_allows(const struct ledger *ledger, uint64_t buyer, uint64_t sku, uint64_t units,
		   uint64_t at_ns)
{
	const struct ledger_offer *offer = ledger_offer(ledger, sku);
	uint64_t free;

	if (offer == NULL)
		return false;
	free = offer->free;
	for (unsigned i = 0; i < ledger->open_cnt; i++) {
		const struct ledger_order *order = &ledger->orders[ledger->open[i]];

		if (order->offer == offer->record && !order->pinned &&
		    (order->record->order.buyer == buyer || order->ends_ns <= at_ns))
			free += order->held;
	}
	return units <= free && within_limits(ledger, buyer, offer->record, units, INSTANT_NEVER);
}

bool ledger_was(const struct ledger *ledger, uint64_t order_lsn, uint64_t from, uint64_t to,
		ledger_fits_fn fits, const void *context)
{
	struct ledger_order order = {.state = LEDGER_NONE};

	CHECK(to <= ledger->lsn);
	if (order_lsn == 0 || order_lsn > to || ledger->orders[order_lsn].record == NULL)
		return fits(context, &order);
	if (from < order_lsn && fits(context, &order))
		return true;
	order = new_order(&ledger->records[order_lsn], ledger->orders[order_lsn].offer, order_lsn);
	for (uint64_t lsn = order_lsn; lsn <= to; lsn++) {
		const bool changed = lsn > order_lsn && touches(ledger->records, lsn, &order);

		if (changed)
			follow(&order, ledger->records, lsn);
		if ((lsn == from || (lsn > from && (changed || lsn == order_lsn))) &&
		    fits(context, &order))
			return true;
	}
	return false;
}
