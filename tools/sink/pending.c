#include "tools/sink/pending.h"

#include <errno.h>
#include <stddef.h>

#include "engine/base/check.h"
#include "tools/common/cli.h"
#include "tools/sink/tables.h"

static const struct {
	const struct tables_store *store;
	const char *name;
} parts[PENDING_PARTS] = {
	[PENDING_OFFERS] = {&tables_offers, "offers"},
	[PENDING_ORDERS] = {&tables_orders, "orders"},
	[PENDING_HOLDS] = {&tables_holds, "orders"},
	[PENDING_CHANGES] = {&tables_changes, "changes of orders"},
	[PENDING_RUNS] = {&tables_runs, "the ends of holds"},
	[PENDING_ONES] = {&tables_ones, "the ends of holds"},
	[PENDING_CLOCKS] = {&tables_clocks, "a clock that was set back"},
};

int pending_open(struct pending *pending, uint64_t records_max, const char *schema)
{
	for (unsigned i = 0; i < PENDING_PARTS; i++) {
		const int rc =
			tables_open_rows(&pending->parts[i], records_max, parts[i].store, schema);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static void put_place(struct rows *rows, uint16_t lane, uint64_t lsn)
{
	rows_put_u64(rows, lane);
	rows_put_u64(rows, lsn);
}

static void put_at(struct rows *rows, const struct record *record)
{
	rows_put_instant(rows, record->at_ns);
	rows_put_u64(rows, record->at_ns);
}

static void add_order(struct rows *rows, uint16_t lane, uint64_t lsn, const struct record *record)
{
	char id[33];

	cli_request_id_text(record->order.request_id, id);
	put_place(rows, lane, lsn);
	rows_put_u64(rows, order_id_of(lane, lsn));
	put_at(rows, record);
	rows_put_text(rows, id);
	rows_put_u64(rows, record->order.buyer);
	rows_put_u64(rows, record->sku);
	rows_put_u64(rows, record->quantity);
	rows_put_u64(rows, record->unit_price);
	rows_put_u64(rows, record->order.max_price);
	rows_put_u64(rows, record->channel);
}

static void add_offer(struct rows *rows, uint16_t lane, uint64_t lsn, const struct record *record)
{
	put_place(rows, lane, lsn);
	put_at(rows, record);
	rows_put_u64(rows, record->sku);
	rows_put_u64(rows, record->offer.stock);
	rows_put_u64(rows, record->unit_price);
	rows_put_u64(rows, record->offer.limit_per_buyer);
	if (record->offer.opens_at_ns == 0)
		rows_put_null(rows);
	else
		rows_put_instant(rows, record->offer.opens_at_ns);
	if (record->offer.closes_at_ns == INSTANT_NEVER)
		rows_put_null(rows);
	else
		rows_put_instant(rows, record->offer.closes_at_ns);
	rows_put_u64(rows, record->offer.hold_seconds);
	rows_put_u64(rows, record->offer.extend & EXTENSIONS_MAX);
	rows_put_u64(rows, record->offer.extend >> EXTENSIONS_BITS);
	rows_put_u64(rows, record->channel);
	rows_put_u64(rows, record->quantity);
}

static const char *what_of(const struct record *record)
{
	switch (record->kind) {
	case RECORD_CONFIRM:
		return (record->flags & CONFIRM_REFUND) != 0 ? "refund" : "confirm";
	case RECORD_RELEASE:
		return "release";
	case RECORD_EXTEND:
		return "extend";
	default:
		return (record->flags & RETURN_WRITE_OFF) != 0 ? "write_off" : "return";
	}
}

static void add_change(struct rows *rows, uint16_t lane, uint64_t lsn, const struct record *record)
{
	put_place(rows, lane, record->change.order_lsn);
	rows_put_u64(rows, lsn);
	put_at(rows, record);
	rows_put_text(rows, what_of(record));
	rows_put_u64(rows, record->quantity);
}

static void add_expire(struct pending *pending, uint16_t lane, uint64_t lsn,
		       const struct record *record)
{
	const bool one = (record->flags & EXPIRE_ONE) != 0;
	struct rows *rows = &pending->parts[one ? PENDING_ONES : PENDING_RUNS];

	pending->holds_ended += record->expire.holds;
	if (one) {
		put_place(rows, lane, record->expire.up_to_lsn);
		rows_put_u64(rows, lsn);
		rows_put_instant(rows, record->at_ns);
		return;
	}
	put_place(rows, lane, lsn);
	rows_put_instant(rows, record->at_ns);
	rows_put_u64(rows, record->sku);
	rows_put_bool(rows, (record->flags & EXPIRE_EXTENDED) != 0);
	rows_put_u64(rows, record->expire.up_to_lsn);
}

static void add_clock(struct rows *rows, uint16_t lane, uint64_t lsn, const struct record *record)
{
	put_place(rows, lane, lsn);
	rows_put_u64(rows, record->at_ns);
	rows_put_u64(rows, record->clock.was_ns);
}

void pending_add(struct pending *pending, uint16_t lane, uint64_t lsn, const struct record *record)
{
	struct rows *rows = pending->parts;

	switch (record->kind) {
	case RECORD_ORDER:
		add_order(&rows[PENDING_ORDERS], lane, lsn, record);
		break;
	case RECORD_HOLD:
		add_order(&rows[PENDING_HOLDS], lane, lsn, record);
		break;
	case RECORD_OFFER:
		add_offer(&rows[PENDING_OFFERS], lane, lsn, record);
		break;
	case RECORD_CONFIRM:
	case RECORD_RELEASE:
	case RECORD_EXTEND:
	case RECORD_RETURN:
		add_change(&rows[PENDING_CHANGES], lane, lsn, record);
		break;
	case RECORD_EXPIRE:
		add_expire(pending, lane, lsn, record);
		break;
	case RECORD_CLOCK:
		/* Alone: all others are stored before it, and those after it later. */
		DCHECK(pending_rows(pending) == 0);
		add_clock(&rows[PENDING_CLOCKS], lane, lsn, record);
		break;
	default:
		/* PLACED: where a SKU is sold, which its OFFER says as well. PREPARED, ABORTED,
		 * LINK: what comes of a line of a basket over several shards is a record of its
		 * own. */
		break;
	}
}

uint64_t pending_orders(const struct pending *pending)
{
	return pending->parts[PENDING_ORDERS].cnt + pending->parts[PENDING_HOLDS].cnt;
}

uint64_t pending_changes(const struct pending *pending)
{
	return pending->parts[PENDING_CHANGES].cnt + pending->parts[PENDING_RUNS].cnt +
	       pending->parts[PENDING_ONES].cnt;
}

uint64_t pending_rows(const struct pending *pending)
{
	uint64_t cnt = pending->holds_ended;

	for (unsigned i = 0; i < PENDING_PARTS; i++)
		cnt += pending->parts[i].cnt;
	return cnt;
}

const char *pending_name(enum pending_part part)
{
	return parts[part].name;
}

void pending_clear(struct pending *pending)
{
	for (unsigned i = 0; i < PENDING_PARTS; i++)
		rows_clear(&pending->parts[i]);
	pending->holds_ended = 0;
}

void pending_close(struct pending *pending)
{
	for (unsigned i = 0; i < PENDING_PARTS; i++)
		rows_close(&pending->parts[i]);
}
