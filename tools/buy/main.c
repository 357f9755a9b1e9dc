/*
 * doorbuster-buy: one purchase over an ordinary socket, retried under one request id until it is
 * answered or times out; or all of a repair's report again. A thin user of the client library.
 */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "net/client.h"
#include "tools/buy/again.h"
#include "tools/buy/outcome.h"
#include "tools/common/cli.h"

static const char help[] =
	"usage: doorbuster buy --server HOST:PORT --keys FILE --sku N --buyer N [options]\n"
	"       doorbuster buy --server HOST:PORT --keys FILE --again REPORT [options]\n"
	"\n"
	"  --server HOST:PORT   the engine's first UDP port: 127.0.0.1:7700, [::1]:7700\n"
	"  --keys FILE          the key file; --key-id N picks a key (default: lowest)\n"
	"  --sku N --buyer N    what, and for whom\n"
	"  --quantity N         units (default 1)\n"
	"  --request-id HEX     32 hex digits: ask again for an earlier purchase\n"
	"                       (default: random)\n"
	"  --max-price N        highest unit price, minor units; 0: only if it is free\n"
	"                       (default: any)\n"
	"  --channel N          where the sale came from (default 0)\n"
	"  --lookup             only ask whether the request was committed\n"
	"  --again REPORT       sell the orders that `doorbuster journal repair` cut off\n"
	"                       again, in order, under their old request ids: the file\n"
	"                       report in DATA/repaired-TIME, or lines of `journal dump\n"
	"                       --json`. Prints each order's old and new id as CSV. The\n"
	"                       same again is harmless: what is sold stays as it is\n"
	"  --timeout-ms N       give up after so long (default 10000); the request is\n"
	"                       good for as long and no longer\n"
	"  --undated            send no date, as older clients do: for an engine with\n"
	"                       --undated accept. Whoever records the request can send\n"
	"                       it again for ever\n"
	"  --json               one JSON object instead of words; values of 64 bits are\n"
	"                       strings of digits, for readers that round numbers\n"
	"  --numbers            with --json: they are numbers, up to 2^64 - 1\n"
	"\n"
	"Exit code 0: accepted (--again: all of them); 1: nothing was changed (refused,\n"
	"or the engine could not); 2: no answer or UNAVAILABLE (the outcome is unknown:\n"
	"ask again with the same --request-id), bad usage, or no room for the output.\n";

struct buy_options {
	const char *server;
	const char *keys;
	const char *again; /* NULL: one purchase */
	uint64_t key_id;
	struct client_request request;
	uint32_t timeout_ms;
	bool has_sku;
	bool has_buyer;
	bool undated;
	bool json;
	bool numbers;
};

enum {
	OPT_SERVER = 256,
	OPT_KEYS,
	OPT_KEY_ID,
	OPT_SKU,
	OPT_BUYER,
	OPT_QUANTITY,
	OPT_REQUEST_ID,
	OPT_MAX_PRICE,
	OPT_CHANNEL,
	OPT_LOOKUP,
	OPT_AGAIN,
	OPT_TIMEOUT,
	OPT_UNDATED,
	OPT_JSON,
	OPT_NUMBERS,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"server", required_argument, NULL, OPT_SERVER},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"key-id", required_argument, NULL, OPT_KEY_ID},
	{"sku", required_argument, NULL, OPT_SKU},
	{"buyer", required_argument, NULL, OPT_BUYER},
	{"quantity", required_argument, NULL, OPT_QUANTITY},
	{"request-id", required_argument, NULL, OPT_REQUEST_ID},
	{"max-price", required_argument, NULL, OPT_MAX_PRICE},
	{"channel", required_argument, NULL, OPT_CHANNEL},
	{"lookup", no_argument, NULL, OPT_LOOKUP},
	{"again", required_argument, NULL, OPT_AGAIN},
	{"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
	{"undated", no_argument, NULL, OPT_UNDATED},
	{"json", no_argument, NULL, OPT_JSON},
	{"numbers", no_argument, NULL, OPT_NUMBERS},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static bool read_option(int option, const char *text, struct buy_options *options)
{
	struct client_request *request = &options->request;

	switch (option) {
	case OPT_SERVER:
		options->server = text;
		return true;
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_KEY_ID:
		return cli_u64("--key-id", text, 0, UINT32_MAX, &options->key_id);
	case OPT_SKU:
		options->has_sku = true;
		return cli_u64("--sku", text, 0, UINT64_MAX, &request->sku);
	case OPT_BUYER:
		options->has_buyer = true;
		return cli_u64("--buyer", text, 0, UINT64_MAX, &request->buyer);
	case OPT_QUANTITY:
		return cli_u16("--quantity", text, 0, UINT16_MAX, &request->quantity);
	case OPT_REQUEST_ID:
		return cli_request_id("--request-id", text, request->id);
	case OPT_MAX_PRICE:
		if (!cli_u64("--max-price", text, 0, UINT64_MAX, &request->price_or_order))
			return false;
		request->flags = request->price_or_order == 0 ? WIRE_ENTRY_AT_MOST_0 : 0;
		return true;
	case OPT_CHANNEL:
		return cli_u32("--channel", text, 0, UINT32_MAX, &request->channel);
	case OPT_LOOKUP:
		request->op = WIRE_OP_LOOKUP;
		return true;
	case OPT_AGAIN:
		options->again = text;
		return true;
	case OPT_TIMEOUT:
		return cli_u32("--timeout-ms", text, 1, 3600000, &options->timeout_ms);
	case OPT_UNDATED:
		options->undated = true;
		return true;
	case OPT_JSON:
		options->json = true;
		return true;
	case OPT_NUMBERS:
		options->numbers = true;
		return true;
	default:
		return cli_wrong("see doorbuster buy --help");
	}
}

static bool check_together(const struct buy_options *options)
{
	if (options->server == NULL)
		return cli_wrong("--server HOST:PORT is missing");
	if (options->keys == NULL)
		return cli_wrong("--keys FILE is missing");
	if (options->again != NULL) {
		if (options->has_sku || options->has_buyer || options->json ||
		    options->request.op != WIRE_OP_BUY)
			return cli_wrong("--again: the file says what and for whom; without "
					 "--sku, --buyer, --lookup and --json");
		return true;
	}
	if (!options->has_sku)
		return cli_wrong("--sku N is missing");
	if (!options->has_buyer && options->request.op == WIRE_OP_BUY)
		return cli_wrong("--buyer N is missing");
	return true;
}

/* By hand: no text here needs escaping, and jansson's integers end at 2^63 - 1. */
static void print_json(const struct client_answer *answer, const char *request_id, bool numbers)
{
	const struct wire_reply *reply = &answer->reply;
	const char *q = numbers ? "" : "\"";

	printf("{\"verdict\":\"%s\",\"request_id\":\"%s\",\"answered\":%s,",
	       verdict_name(reply->verdict), request_id, answer->answered ? "true" : "false");
	printf("\"order_id\":%s%" PRIu64 "%s,\"unit_price\":%s%" PRIu64 "%s,", q, reply->order_id,
	       q, q, reply->unit_price, q);
	printf("\"instant_ns\":%s%" PRIu64 "%s,", q, reply->instant_ns, q);
	printf("\"quantity\":%u,\"stock_left\":%u,\"durability\":\"%s\",", reply->quantity,
	       reply->stock_left, durability_name(reply->durability));
	printf("\"not_after_ns\":%s%" PRIu64 "%s,", q, answer->not_after_ns, q);
	printf("\"attempts\":%u,\"round_trip_us\":%" PRIu64 "}\n", answer->attempts,
	       answer->latency_ns / 1000);
}

static void print_instant(const char *before, uint64_t instant_ns)
{
	const time_t seconds = (time_t)(instant_ns / 1000000000);
	char text[32];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	printf("%s%s.%03uZ", before, text, (unsigned)(instant_ns / 1000000 % 1000));
}

static void print_words(const struct client_answer *answer, const char *request_id)
{
	const struct wire_reply *reply = &answer->reply;

	if (!answer->answered) {
		printf("no answer after %u attempts: the outcome is unknown; ask again with "
		       "--request-id %s",
		       answer->attempts, request_id);
		if (answer->not_after_ns != 0)
			print_instant("; what --lookup says is final from ", answer->not_after_ns);
		putchar('\n');
		return;
	}
	printf("%s", verdict_text(reply->verdict));
	if (reply->verdict == VERDICT_ACCEPTED) {
		printf(": order %" PRIu64 ", %u at %" PRIu64, reply->order_id, reply->quantity,
		       reply->unit_price);
		print_instant(", ", reply->instant_ns);
		printf(", %s", durability_name(reply->durability));
	} else if (reply->verdict == VERDICT_NOT_OPEN) {
		print_instant(": opens ", reply->instant_ns);
	} else if (reply->verdict == VERDICT_STALE) {
		print_instant(": it is ", reply->instant_ns);
		printf(" there, and the date or the sale is another; ask anew");
	} else if (reply->verdict == VERDICT_CLOSED) {
		print_instant(": closed ", reply->instant_ns);
	} else if (reply->verdict == VERDICT_PRICE_TOO_HIGH) {
		printf(": it costs %" PRIu64, reply->unit_price);
	}
	printf(" (%u left, %" PRIu64 " us, request id %s)\n", reply->stock_left,
	       answer->latency_ns / 1000, request_id);
}

static void keep_answer(void *context, const struct client_answer *answer)
{
	*(struct client_answer *)context = *answer;
}

static void say(void *context, const char *line)
{
	(void)context;
	cli_wrong("%s", line);
}

static int buy(struct buy_options *options)
{
	struct client_answer answer = {0};
	struct client *client = NULL;
	char request_id[33];
	struct error error;
	struct key key;

	if (!cli_key(options->keys, options->key_id, &key))
		return CLI_EXIT_FAILED;

	const struct client_options client_options = {
		.server = options->server,
		.key = &key,
		.timeout_ms = options->timeout_ms,
		.undated = options->undated,
		.say = say,
	};

	if (options->again != NULL)
		return again(options->again, &client_options);
	if (client_open(&client, &client_options, keep_answer, &answer, &error) != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	if (client_submit(client, &options->request) != 0 || client_drain(client) != 0) {
		/* With the request id, under which one can ask again, if there is one. */
		cli_wrong("%s: cannot be reached", options->server);
		if (client_pending(client) > 0 || answer.reply.verdict == VERDICT_NONE) {
			client_close(client);
			return CLI_EXIT_FAILED;
		}
	}
	client_close(client);

	const uint64_t id[2] = {answer.reply.id[0], answer.reply.id[1]};

	cli_request_id_text(id, request_id);
	if (options->json)
		print_json(&answer, request_id, options->numbers);
	else
		print_words(&answer, request_id);
	return outcome_exit(&answer);
}

static int run(int argc, char **argv)
{
	struct buy_options options = {
		.key_id = UINT64_MAX,
		.request = {.op = WIRE_OP_BUY, .quantity = 1},
	};
	int option;

	if (sodium_init() < 0) {
		cli_wrong("libsodium does not start");
		return CLI_EXIT_FAILED;
	}
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return CLI_EXIT_GOOD;
		}
		if (!read_option(option, optarg, &options))
			return CLI_EXIT_FAILED;
	}
	if (optind < argc) {
		cli_wrong("'%s' is not a flag; see doorbuster buy --help", argv[optind]);
		return CLI_EXIT_FAILED;
	}
	return check_together(&options) ? buy(&options) : CLI_EXIT_FAILED;
}

int main(int argc, char **argv)
{
	cli_program("doorbuster-buy");
	return cli_end(run(argc, argv));
}
