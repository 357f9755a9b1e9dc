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

static void put_order(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	char id[33];

	cli_request_id_text(record->order.request_id, id);
	put_text(out, ",\"kind\":\"order\",\"request_id\":\"");
	put_text(out, id);
	put_wide(out, "\",\"buyer\":", record->order.buyer);
	put_wide(out, ",\"sku\":", record->sku);
	put_u64(out, ",\"quantity\":", record->quantity);
	put_wide(out, ",\"unit_price\":", record->unit_price);
	put_wide(out, ",\"max_price\":", record->order.max_price);
	put_u64(out, ",\"channel\":", record->channel);
	put_wide(out, ",\"order_id\":", order_id_of(lane, lsn));
}

/* An offer has the fields of an order too, so that every line has the same ones. */
static void put_offer(struct print *out, const struct record *record)
{
	put_text(out, ",\"kind\":\"offer\",\"request_id\":null,\"buyer\":null");
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
}

/* What the lane's clock was set back from. */
static void put_clock(struct print *out, const struct record *record)
{
	put_text(out, ",\"kind\":\"clock\",\"request_id\":null,\"buyer\":null,\"sku\":null"
		      ",\"quantity\":null,\"unit_price\":null,\"max_price\":null"
		      ",\"channel\":null,\"order_id\":null");
	put_wide(out, ",\"was_ns\":", record->clock.was_ns);
}

void print_record_json(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	if (out->used > PRINT_BYTES - PRINT_LINE_BYTES_MAX)
		print_flush(out);
	put_u64(out, "{\"lane\":", lane);
	put_u64(out, ",\"lsn\":", lsn);
	if (record->kind == RECORD_ORDER) {
		put_order(out, lane, lsn, record);
	} else if (record->kind == RECORD_OFFER) {
		put_offer(out, record);
	} else if (record->kind == RECORD_CLOCK) {
		put_clock(out, record);
	} else {
		put_text(out, ",\"kind\":\"unknown\"");
		put_u64(out, ",\"kind_number\":", record->kind);
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
	"lane         lsn  kind   at (UTC)                                   sku"
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

void print_record_text(struct print *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	char *at;
	char instant[40];
	char was[40];
	char id[33] = "-";

	if (out->used > PRINT_BYTES - PRINT_LINE_BYTES_MAX)
		print_flush(out);
	at = out->bytes + out->used;
	print_instant(record->at_ns, instant);
	if (record->kind == RECORD_ORDER) {
		cli_request_id_text(record->order.request_id, id);
		out->used += (size_t)snprintf(
			at, PRINT_LINE_BYTES_MAX,
			"%4u  %10" PRIu64 "  order  %s  %20" PRIu64 "  %9u  %12" PRIu64
			"  %20" PRIu64 "  %10u  %s  %" PRIu64 "\n",
			lane, lsn, instant, record->sku, record->quantity, record->unit_price,
			record->order.buyer, record->channel, id, order_id_of(lane, lsn));
		return;
	}
	if (record->kind == RECORD_CLOCK) {
		print_instant(record->clock.was_ns, was);
		out->used += (size_t)snprintf(at, PRINT_LINE_BYTES_MAX,
					      "%4u  %10" PRIu64 "  clock  %s  set back from %s\n",
					      lane, lsn, instant, was);
		return;
	}
	out->used += (size_t)snprintf(
		at, PRINT_LINE_BYTES_MAX,
		"%4u  %10" PRIu64 "  %-5s  %s  %20" PRIu64 "  %9u  %12" PRIu64 "  %20s  %10s  %s\n",
		lane, lsn, record->kind == RECORD_OFFER ? "offer" : "?", instant, record->sku,
		record->offer.stock, record->unit_price, "-", "-", "-");
}

void print_columns(struct print *out)
{
	put_text(out, columns);
}
