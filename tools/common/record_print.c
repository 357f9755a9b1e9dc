#include "tools/common/record_print.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "tools/common/cli.h"

void print_flush(struct print *out)
{
	if (fwrite(out->bytes, 1, out->used, out->file) != out->used)
		out->failed = true;
	out->used = 0;
}

static void put_text(struct print *out, const char *text)
{
	const size_t bytes = strlen(text);

	memcpy(out->bytes + out->used, text, bytes);
	out->used += bytes;
}

static void put_u64(struct print *out, const char *name, uint64_t value)
{
	char digits[20];
	size_t cnt = 0;

	put_text(out, name);
	do {
		digits[cnt++] = (char)('0' + value % 10);
		value /= 10;
	} while (value > 0);
	while (cnt > 0)
		out->bytes[out->used++] = digits[--cnt];
}

static bool as_numbers;

void print_json_numbers(void)
{
	as_numbers = true;
}

bool print_json_has_numbers(void)
{
	return as_numbers;
}

/* A value of JSON that may be 2^53 or above. */
static void put_wide(struct print *out, const char *name, uint64_t value)
{
	if (as_numbers) {
		put_u64(out, name, value);
		return;
	}
	put_text(out, name);
	put_u64(out, "\"", value);
	put_text(out, "\"");
}

static void put_bool(struct print *out, const char *name, bool value)
{
	put_text(out, name);
	put_text(out, value ? "true" : "false");
}

static const char *const kind_names[RECORD_KIND_END] = {
	[RECORD_ORDER] = "order",   [RECORD_OFFER] = "offer",       [RECORD_CLOCK] = "clock",
	[RECORD_HOLD] = "hold",     [RECORD_CONFIRM] = "confirm",   [RECORD_RELEASE] = "release",
	[RECORD_EXTEND] = "extend", [RECORD_RETURN] = "return",     [RECORD_EXPIRE] = "expire",
	[RECORD_PLACED] = "placed", [RECORD_PREPARED] = "prepared", [RECORD_ABORTED] = "aborted",
	[RECORD_LINK] = "link",
};

const char *record_kind_name(uint8_t kind)
{
	return kind < RECORD_KIND_END && kind_names[kind] != NULL ? kind_names[kind] : "unknown";
}

static bool is_change(const struct record *record)
{
	return record->kind == RECORD_CONFIRM || record->kind == RECORD_RELEASE ||
	       record->kind == RECORD_EXTEND || record->kind == RECORD_RETURN;
}

/* The id of the order that a record made or changed. */
static uint64_t order_id_in(uint16_t lane, uint64_t lsn, const struct record *record)
{
	return order_id_of(lane, is_change(record) ? record->change.order_lsn : lsn);
}

/* Who asked for what, under which id. */
static void put_request(struct print *out, const struct record *record)
{
	char id[33];

	cli_request_id_text(record->order.request_id, id);
	put_text(out, ",\"request_id\":\"");
	put_text(out, id);
	put_wide(out, "\",\"buyer\":", record->order.buyer);
	put_wide(out, ",\"sku\":", record->sku);
}

/* Of an order, a hold, and what became of one. */
static void put_order(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	put_request(out, record);
	put_u64(out, ",\"quantity\":", record->quantity);
	put_wide(out, ",\"unit_price\":", record->unit_price);
	if (is_change(record))
		put_text(out, ",\"max_price\":null");
	else
		put_wide(out, ",\"max_price\":", record->order.max_price);
	put_u64(out, ",\"channel\":", record->channel);
	put_wide(out, ",\"order_id\":", order_id_in(lane, lsn, record));
	if (record->kind == RECORD_CONFIRM) {
		put_bool(out, ",\"late\":", (record->flags & CONFIRM_LATE) != 0);
		put_bool(out, ",\"refund\":", (record->flags & CONFIRM_REFUND) != 0);
		if ((record->flags & CONFIRM_OF_BASKET) != 0)
			put_text(out, ",\"of_basket\":true");
	} else if (record->kind == RECORD_RELEASE) {
		put_bool(out, ",\"all\":", (record->flags & RELEASE_ALL) != 0);
	} else if (record->kind == RECORD_RETURN) {
		put_bool(out, ",\"write_off\":", (record->flags & RETURN_WRITE_OFF) != 0);
	}
	if ((record->flags & RECORD_WAS_PREPARED) != 0)
		put_text(out, ",\"was_prepared\":true");
	if ((record->flags & RECORD_BASKET_GOES_ON) != 0)
		put_text(out, ",\"basket_goes_on\":true");
}

/* An offer has the fields of an order too, so that every line has the same ones. */
static void put_offer(struct print *out, const struct record *record)
{
	put_text(out, ",\"request_id\":null,\"buyer\":null");
	put_wide(out, ",\"sku\":", record->sku);
	put_u64(out, ",\"quantity\":", record->offer.stock);
	put_wide(out, ",\"unit_price\":", record->unit_price);
	put_text(out, ",\"max_price\":null,\"channel\":null,\"order_id\":null");
	put_u64(out, ",\"limit_per_buyer\":", record->offer.limit_per_buyer);
	put_wide(out, ",\"opens_at_ns\":", record->offer.opens_at_ns);
	if (record->offer.closes_at_ns == INSTANT_NEVER)
		put_text(out, ",\"closes_at_ns\":null");
	else
		put_wide(out, ",\"closes_at_ns\":", record->offer.closes_at_ns);
	put_u64(out, ",\"hold_seconds\":", record->offer.hold_seconds);
	put_u64(out, ",\"extensions\":", record->offer.extend & EXTENSIONS_MAX);
	put_u64(out, ",\"extend_seconds\":", record->offer.extend >> EXTENSIONS_BITS);
	put_u64(out, ",\"group\":", record->channel);
	put_u64(out, ",\"group_limit\":", record->quantity);
	put_bool(out, ",\"placed\":", (record->flags & OFFER_PLACED) != 0);
}

/* What the lane's clock was set back from. */
static void put_clock(struct print *out, const struct record *record)
{
	put_text(out, ",\"request_id\":null,\"buyer\":null,\"sku\":null"
		      ",\"quantity\":null,\"unit_price\":null,\"max_price\":null"
		      ",\"channel\":null,\"order_id\":null");
	put_wide(out, ",\"was_ns\":", record->clock.was_ns);
}

static void put_expire(struct print *out, uint16_t lane, const struct record *record)
{
	const bool one = (record->flags & EXPIRE_ONE) != 0;

	put_text(out, ",\"request_id\":null,\"buyer\":null");
	put_wide(out, ",\"sku\":", record->sku);
	put_u64(out, ",\"quantity\":", record->expire.units);
	put_text(out, ",\"unit_price\":null,\"max_price\":null,\"channel\":null");
	if (one)
		put_wide(out, ",\"order_id\":", order_id_of(lane, record->expire.up_to_lsn));
	else
		put_text(out, ",\"order_id\":null");
	put_bool(out, ",\"one\":", one);
	put_u64(out, ",\"up_to_lsn\":", record->expire.up_to_lsn);
	put_u64(out, ",\"holds\":", record->expire.holds);
	put_u64(out, ",\"units\":", record->expire.units);
	put_bool(out, ",\"extended\":", (record->flags & EXPIRE_EXTENDED) != 0);
}

static void put_placed(struct print *out, const struct record *record)
{
	put_text(out, ",\"request_id\":null,\"buyer\":null");
	put_wide(out, ",\"sku\":", record->sku);
	put_text(out, ",\"quantity\":null,\"unit_price\":null,\"max_price\":null"
		      ",\"channel\":null,\"order_id\":null");
	put_u64(out, ",\"shard\":", record->quantity);
}

/* What a line asks for that waits for other shards. It has no order yet, unless it changes one. */
static void put_prepared(struct print *out, uint16_t lane, const struct record *record)
{
	const uint8_t kind = record->flags & PREPARED_KIND_MASK;
	const bool changes = kind == RECORD_CONFIRM || kind == RECORD_RELEASE;

	put_request(out, record);
	put_u64(out, ",\"quantity\":", record->quantity);
	put_wide(out, ",\"unit_price\":", record->unit_price);
	if (changes)
		put_text(out, ",\"max_price\":null");
	else
		put_wide(out, ",\"max_price\":", record->order.max_price);
	put_u64(out, ",\"channel\":", record->channel);
	if (changes)
		put_wide(out, ",\"order_id\":", order_id_of(lane, record->change.order_lsn));
	else
		put_text(out, ",\"order_id\":null");
	put_text(out, ",\"to_become\":\"");
	put_text(out, record_kind_name(kind));
	put_text(out, "\"");
	if (kind == RECORD_CONFIRM)
		put_bool(out, ",\"late\":", (record->flags & PREPARED_LATE) != 0);
	else if (kind == RECORD_RELEASE)
		put_bool(out, ",\"all\":", (record->flags & PREPARED_ALL) != 0);
}

static void put_no_order(struct print *out, const struct record *record)
{
	put_request(out, record);
	put_text(out, ",\"quantity\":null,\"unit_price\":null,\"max_price\":null"
		      ",\"channel\":null,\"order_id\":null");
}

static void put_aborted(struct print *out, const struct record *record)
{
	put_no_order(out, record);
	put_u64(out, ",\"prepared_lsn\":", record->change.order_lsn);
}

static void put_link(struct print *out, const struct record *record)
{
	put_no_order(out, record);
	put_u64(out, ",\"shard\":", record->quantity);
	put_u64(out, ",\"first_lsn\":", record->change.order_lsn);
	if ((record->flags & RECORD_BASKET_GOES_ON) != 0)
		put_text(out, ",\"basket_goes_on\":true");
}

void print_record_json(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	if (out->used > PRINT_BYTES - PRINT_LINE_BYTES_MAX)
		print_flush(out);
	put_u64(out, "{\"lane\":", lane);
	if (lsn > 0)
		put_u64(out, ",\"lsn\":", lsn);
	else
		put_text(out, ",\"lsn\":null");
	put_text(out, ",\"kind\":\"");
	put_text(out, record_kind_name(record->kind));
	put_text(out, "\"");
	switch (record->kind) {
	case RECORD_ORDER:
	case RECORD_HOLD:
	case RECORD_CONFIRM:
	case RECORD_RELEASE:
	case RECORD_EXTEND:
	case RECORD_RETURN:
		put_order(out, lane, lsn, record);
		break;
	case RECORD_OFFER:
		put_offer(out, record);
		break;
	case RECORD_CLOCK:
		put_clock(out, record);
		break;
	case RECORD_EXPIRE:
		put_expire(out, lane, record);
		break;
	case RECORD_PLACED:
		put_placed(out, record);
		break;
	case RECORD_PREPARED:
		put_prepared(out, lane, record);
		break;
	case RECORD_ABORTED:
		put_aborted(out, record);
		break;
	case RECORD_LINK:
		put_link(out, record);
		break;
	default:
		put_u64(out, ",\"kind_number\":", record->kind);
		break;
	}
	put_wide(out, ",\"at_ns\":", record->at_ns);
	put_text(out, "}\n");
}

void print_csv_columns(struct print *out)
{
	put_text(out, "lane,lsn,order_id,at_ns,request_id,buyer,sku,quantity,unit_price,max_price,"
		      "channel\n");
}

void print_record_csv(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	char id[33];

	if (record->kind != RECORD_ORDER)
		return;
	if (out->used > PRINT_BYTES - PRINT_LINE_BYTES_MAX)
		print_flush(out);
	cli_request_id_text(record->order.request_id, id);
	put_u64(out, "", lane);
	put_u64(out, ",", lsn);
	put_u64(out, ",", order_id_of(lane, lsn));
	put_u64(out, ",", record->at_ns);
	put_text(out, ",");
	put_text(out, id);
	put_u64(out, ",", record->order.buyer);
	put_u64(out, ",", record->sku);
	put_u64(out, ",", record->quantity);
	put_u64(out, ",", record->unit_price);
	put_u64(out, ",", record->order.max_price);
	put_u64(out, ",", record->channel);
	put_text(out, "\n");
}

static const char columns[] =
	"lane         lsn  kind      at (UTC)                                   sku"
	"   quantity    unit price                 buyer     channel"
	"  request id                        order id\n";

/* Computes the calendar only when the second changes. */
void print_instant(uint64_t at_ns, char out[40])
{
	static time_t last = -1;
	static char text[24];
	const time_t second = (time_t)(at_ns / 1000000000);
	struct tm parts;

	if (second != last) {
		gmtime_r(&second, &parts);
		strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
		last = second;
	}
	snprintf(out, 40, "%s.%09uZ", text, (unsigned)(at_ns % 1000000000));
}

/* A line as columns; what a record has not is "-". */
struct cells {
	char lsn[24];
	char quantity[24];
	char price[24];
	char buyer[24];
	char channel[24];
	char request_id[33];
	char order_id[24];
	char rest[100];
};

static void set_number(char cell[24], uint64_t value)
{
	snprintf(cell, 24, "%" PRIu64, value);
}

static void order_cells(struct cells *cells, uint16_t lane, uint64_t lsn,
			const struct record *record)
{
	const uint8_t flags = record->flags;
	const char *what = "";

	set_number(cells->quantity, record->quantity);
	set_number(cells->price, record->unit_price);
	set_number(cells->buyer, record->order.buyer);
	set_number(cells->channel, record->channel);
	cli_request_id_text(record->order.request_id, cells->request_id);
	set_number(cells->order_id, order_id_in(lane, lsn, record));
	if (record->kind == RECORD_CONFIRM && (flags & CONFIRM_LATE) != 0)
		what = "  late";
	else if (record->kind == RECORD_CONFIRM && (flags & CONFIRM_OF_BASKET) != 0)
		what = "  refund: another line of its basket could not be sold";
	else if (record->kind == RECORD_CONFIRM && (flags & CONFIRM_REFUND) != 0)
		what = "  refund: it came too late";
	else if (record->kind == RECORD_RELEASE && (flags & RELEASE_ALL) != 0)
		what = "  all";
	else if (record->kind == RECORD_RETURN && (flags & RETURN_WRITE_OFF) != 0)
		what = "  written off";
	snprintf(cells->rest, sizeof(cells->rest), "%s%s%s", what,
		 (flags & RECORD_WAS_PREPARED) != 0 ? "  was prepared" : "",
		 (flags & RECORD_BASKET_GOES_ON) != 0 ? "  basket goes on" : "");
}

static void request_cells(struct cells *cells, const struct record *record)
{
	set_number(cells->buyer, record->order.buyer);
	cli_request_id_text(record->order.request_id, cells->request_id);
}

static void prepared_cells(struct cells *cells, uint16_t lane, const struct record *record)
{
	const uint8_t kind = record->flags & PREPARED_KIND_MASK;
	const char *what = "";

	request_cells(cells, record);
	set_number(cells->quantity, record->quantity);
	set_number(cells->price, record->unit_price);
	set_number(cells->channel, record->channel);
	if (kind == RECORD_CONFIRM || kind == RECORD_RELEASE)
		set_number(cells->order_id, order_id_of(lane, record->change.order_lsn));
	if (kind == RECORD_CONFIRM && (record->flags & PREPARED_LATE) != 0)
		what = ", late";
	else if (kind == RECORD_RELEASE && (record->flags & PREPARED_ALL) != 0)
		what = ", all";
	snprintf(cells->rest, sizeof(cells->rest), "  to become: %s%s", record_kind_name(kind),
		 what);
}

static void link_cells(struct cells *cells, const struct record *record)
{
	request_cells(cells, record);
	snprintf(cells->rest, sizeof(cells->rest),
		 "  line in shard %u of the basket from LSN %" PRIu64 "%s", record->quantity,
		 record->change.order_lsn,
		 (record->flags & RECORD_BASKET_GOES_ON) != 0 ? "  basket goes on" : "");
}

static void offer_cells(struct cells *cells, const struct record *record)
{
	set_number(cells->quantity, record->offer.stock);
	set_number(cells->price, record->unit_price);
	if (record->channel != 0)
		snprintf(cells->rest, sizeof(cells->rest), "  group %u%s", record->channel,
			 (record->flags & OFFER_PLACED) != 0 ? ", placed here" : "");
	else if ((record->flags & OFFER_PLACED) != 0)
		snprintf(cells->rest, sizeof(cells->rest), "  placed here");
}

static void expire_cells(struct cells *cells, uint16_t lane, const struct record *record)
{
	set_number(cells->quantity, record->expire.units);
	if ((record->flags & EXPIRE_ONE) != 0)
		set_number(cells->order_id, order_id_of(lane, record->expire.up_to_lsn));
	else
		snprintf(cells->rest, sizeof(cells->rest), "  %u %s holds up to LSN %" PRIu64,
			 record->expire.holds,
			 (record->flags & EXPIRE_EXTENDED) != 0 ? "extended" : "new",
			 record->expire.up_to_lsn);
}

static void fill_cells(struct cells *cells, uint16_t lane, uint64_t lsn,
		       const struct record *record)
{
	switch (record->kind) {
	case RECORD_ORDER:
	case RECORD_HOLD:
	case RECORD_CONFIRM:
	case RECORD_RELEASE:
	case RECORD_EXTEND:
	case RECORD_RETURN:
		order_cells(cells, lane, lsn, record);
		break;
	case RECORD_OFFER:
		offer_cells(cells, record);
		break;
	case RECORD_EXPIRE:
		expire_cells(cells, lane, record);
		break;
	case RECORD_PLACED:
		snprintf(cells->rest, sizeof(cells->rest), "  in shard %u", record->quantity);
		break;
	case RECORD_PREPARED:
		prepared_cells(cells, lane, record);
		break;
	case RECORD_ABORTED:
		request_cells(cells, record);
		snprintf(cells->rest, sizeof(cells->rest), "  prepared by LSN %" PRIu64,
			 record->change.order_lsn);
		break;
	case RECORD_LINK:
		link_cells(cells, record);
		break;
	default:
		break;
	}
}

void print_record_text(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	struct cells cells = {"-", "-", "-", "-", "-", "-", "-", ""};
	char instant[40];
	char was[40];
	char *at;

	if (out->used > PRINT_BYTES - PRINT_LINE_BYTES_MAX)
		print_flush(out);
	at = out->bytes + out->used;
	print_instant(record->at_ns, instant);
	if (lsn > 0)
		set_number(cells.lsn, lsn);
	if (record->kind == RECORD_CLOCK) {
		print_instant(record->clock.was_ns, was);
		out->used += (size_t)snprintf(at, PRINT_LINE_BYTES_MAX,
					      "%4u  %10s  clock     %s  set back from %s\n", lane,
					      cells.lsn, instant, was);
		return;
	}
	fill_cells(&cells, lane, lsn, record);
	out->used += (size_t)snprintf(at, PRINT_LINE_BYTES_MAX,
				      "%4u  %10s  %-8s  %s  %20" PRIu64
				      "  %9s  %12s  %20s  %10s  %s  %s%s\n",
				      lane, cells.lsn, record_kind_name(record->kind), instant,
				      record->sku, cells.quantity, cells.price, cells.buyer,
				      cells.channel, cells.request_id, cells.order_id, cells.rest);
}

void print_columns(struct print *out)
{
	put_text(out, columns);
}
