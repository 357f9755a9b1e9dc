/*
 * dump: every record as a line, in lane and LSN order. Text is put together by hand: there is
 * nothing in a record that JSON would have to escape, and a lane has millions of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "engine/check.h"
#include "engine/lane_reader.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

enum {
	OUT_BYTES = 1 << 20,
	LINE_BYTES_MAX = 1024,
};

struct out {
	size_t used;
	bool failed;
	char bytes[OUT_BYTES];
};

static void flush(struct out *out)
{
	if (fwrite(out->bytes, 1, out->used, stdout) != out->used)
		out->failed = true;
	out->used = 0;
}

static void put_text(struct out *out, const char *text)
{
	const size_t bytes = strlen(text);

	memcpy(out->bytes + out->used, text, bytes);
	out->used += bytes;
}

static void put_u64(struct out *out, const char *name, uint64_t value)
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

static void put_order(struct out *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	char id[33];

	cli_request_id_text(record->order.request_id, id);
	put_text(out, ",\"kind\":\"order\",\"request_id\":\"");
	put_text(out, id);
	put_u64(out, "\",\"buyer\":", record->order.buyer);
	put_u64(out, ",\"sku\":", record->sku);
	put_u64(out, ",\"quantity\":", record->quantity);
	put_u64(out, ",\"unit_price\":", record->unit_price);
	put_u64(out, ",\"max_price\":", record->order.max_price);
	put_u64(out, ",\"channel\":", record->channel);
	put_u64(out, ",\"order_id\":", order_id_of(lane, lsn));
}

/* An offer has the fields of an order too, so that every line has the same ones. */
static void put_offer(struct out *out, const struct record *record)
{
	put_text(out, ",\"kind\":\"offer\",\"request_id\":null,\"buyer\":null");
	put_u64(out, ",\"sku\":", record->sku);
	put_u64(out, ",\"quantity\":", record->offer.stock);
	put_u64(out, ",\"unit_price\":", record->unit_price);
	put_text(out, ",\"max_price\":null,\"channel\":null,\"order_id\":null");
	put_u64(out, ",\"limit_per_buyer\":", record->offer.limit_per_buyer);
	put_u64(out, ",\"opens_at_ns\":", record->offer.opens_at_ns);
	if (record->offer.closes_at_ns == INSTANT_NEVER)
		put_text(out, ",\"closes_at_ns\":null");
	else
		put_u64(out, ",\"closes_at_ns\":", record->offer.closes_at_ns);
	put_u64(out, ",\"hold_seconds\":", record->offer.hold_seconds);
}

static void dump_json(struct out *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	put_u64(out, "{\"lane\":", lane);
	put_u64(out, ",\"lsn\":", lsn);
	if (record->kind == RECORD_ORDER) {
		put_order(out, lane, lsn, record);
	} else if (record->kind == RECORD_OFFER) {
		put_offer(out, record);
	} else {
		put_text(out, ",\"kind\":\"unknown\"");
		put_u64(out, ",\"kind_number\":", record->kind);
	}
	put_u64(out, ",\"at_ns\":", record->at_ns);
	put_text(out, "}\n");
}

static const char columns[] =
	"lane         lsn  kind   at (UTC)                                   sku"
	"   quantity    unit price                 buyer     channel"
	"  request id                        order id\n";

/* RFC 3339 with nanoseconds; calendar arithmetic only when the second changes. */
static void instant_text(uint64_t at_ns, char out[40])
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

static void dump_text(struct out *out, uint16_t lane, uint64_t lsn, const struct record *record)
{
	char *at = out->bytes + out->used;
	char instant[40];
	char id[33] = "-";

	instant_text(record->at_ns, instant);
	if (record->kind == RECORD_ORDER) {
		cli_request_id_text(record->order.request_id, id);
		out->used += (size_t)snprintf(
			at, LINE_BYTES_MAX,
			"%4u  %10" PRIu64 "  order  %s  %20" PRIu64 "  %9u  %12" PRIu64
			"  %20" PRIu64 "  %10u  %s  %" PRIu64 "\n",
			lane, lsn, instant, record->sku, record->quantity, record->unit_price,
			record->order.buyer, record->channel, id, order_id_of(lane, lsn));
		return;
	}
	out->used += (size_t)snprintf(
		at, LINE_BYTES_MAX,
		"%4u  %10" PRIu64 "  %-5s  %s  %20" PRIu64 "  %9u  %12" PRIu64 "  %20s  %10s  %s\n",
		lane, lsn, record->kind == RECORD_OFFER ? "offer" : "?", instant, record->sku,
		record->offer.stock, record->unit_price, "-", "-", "-");
}

static int dump_lane(const struct data_dir *dir, uint16_t lane, bool json, struct out *out)
{
	struct lane_reader *reader = NULL;
	char error[TOOL_ERROR_BYTES];
	const struct block_header *block;
	const struct record *records;
	enum lane_read read;
	struct lane_files *files = NULL;
	char path[sizeof(files->path)];
	int rc;

	data_dir_lane_path(dir, lane, path, sizeof(path));
	rc = lane_files_open(&files, path);
	CHECK(rc == 0);
	/* Of a pruned lane what is there. */
	rc = lane_reader_open_rest(&reader, files, dir->journal_id, lane, LANE_FIRST_SEGMENT, error,
				   sizeof(error));
	if (rc != 0) {
		cli_wrong("%s", error);
		return rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
	}
	while (!out->failed && (read = lane_reader_next(reader, &block, &records, error,
							sizeof(error))) == LANE_BLOCK) {
		for (uint32_t i = 0; i < block->record_cnt; i++) {
			if (out->used > OUT_BYTES - LINE_BYTES_MAX)
				flush(out);
			(json ? dump_json : dump_text)(out, lane, block->first_lsn + i,
						       &records[i]);
		}
	}
	lane_reader_close(reader);
	flush(out);
	/* The end of the program tells it. */
	if (out->failed)
		return CLI_EXIT_FAILED;
	if (read == LANE_END || read == LANE_TORN)
		return CLI_EXIT_GOOD;
	cli_wrong("%s", error);
	return read == LANE_CORRUPT ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

int journal_dump(const struct dump_options *options)
{
	static struct out out;
	struct data_dir dir;
	char error[TOOL_ERROR_BYTES];
	int worst = CLI_EXIT_GOOD;

	if (data_dir_read(&dir, options->path, error, sizeof(error)) != 0) {
		cli_wrong("%s", error);
		return CLI_EXIT_FAILED;
	}
	if (options->lane >= dir.shards) {
		cli_wrong("--lane %d: this journal has lanes 0 to %u", options->lane,
			  dir.shards - 1U);
		return CLI_EXIT_FAILED;
	}
	if (!options->json)
		put_text(&out, columns);
	for (uint16_t lane = 0; lane < dir.shards && !out.failed; lane++) {
		if (options->lane != EVERY_LANE && options->lane != lane)
			continue;

		const int result = dump_lane(&dir, lane, options->json, &out);

		worst = result > worst ? result : worst;
	}
	return worst;
}
