#include "tools/buy/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "net/client_ask.h"
#include "tools/common/cli.h"

static const char help[] =
	"usage: doorbuster buy --server HOST:PORT --keys FILE --sku N --buyer N [options]\n"
	"       doorbuster buy --server HOST:PORT --keys FILE --buyer N --basket FILE\n"
	"       doorbuster buy --server HOST:PORT --keys FILE --again REPORT [options]\n"
	"\n"
	"  --server HOST:PORT   the engine's first UDP port: 127.0.0.1:7700, [::1]:7700\n"
	"  --keys FILE          the key file; --key-id N picks a key (default: lowest)\n"
	"  --sku N --buyer N    what, and for whom\n"
	"  --quantity N         units (default 1; --release: all that are held)\n"
	"  --request-id HEX     32 hex digits: ask again for an earlier request\n"
	"                       (default: random)\n"
	"  --max-price N        highest unit price, minor units; 0: only if it is free\n"
	"                       (default: any)\n"
	"  --channel N          where the sale came from (default 0)\n"
	"\n"
	"Instead of buying, one of these; ORDER is an order id that the engine answered:\n"
	"  --hold               set the units aside until the offer's hold time ends\n"
	"  --confirm ORDER      --quantity units of this hold are paid: they are sold at\n"
	"                       the held price, and the rest of the hold is released\n"
	"  --release ORDER      give units of this hold back\n"
	"  --extend ORDER       lengthen this hold, as the offer allows\n"
	"  --return ORDER       take --quantity sold units of this order back, for sale\n"
	"                       again; with --write-off: not for sale again\n"
	"  --lookup             what became of the request with this --request-id?\n"
	"  --lookup-order ORDER\n"
	"                       what is the state of this order now?\n"
	"  --again REPORT       sell the orders that `doorbuster journal repair` cut off\n"
	"                       again, in order, under their old request ids: the file\n"
	"                       report in DATA/repaired-TIME, or lines of `journal dump\n"
	"                       --json`; holds, payments and returns, too. Prints each\n"
	"                       order's old and new id as CSV. The same again is\n"
	"                       harmless: what is sold already stays as it is\n"
	"\n"
	"Baskets: all of it or nothing, in one step:\n"
	"  --basket FILE        buy the lines of this file, or with --hold hold them; -:\n"
	"                       of standard input. 2 to 29 lines sku,quantity,max_price,\n"
	"                       each another SKU; with a header the columns may be in\n"
	"                       any order. Without a max_price: any price. All lines have\n"
	"                       one request id. Prints an outcome for each\n"
	"  --what-there-is      with --basket FILE: each line by itself\n"
	"  --confirm ORDER --basket, --release ORDER --basket\n"
	"                       of a basket that was held, all lines: ORDER and --sku are\n"
	"                       those of its first line\n"
	"\n"
	"  --timeout-ms N       give up after so long (default 10000); the request is\n"
	"                       good for as long and no longer\n"
	"  --undated            send no date, as older clients do: for an engine with\n"
	"                       --undated accept. Whoever records the request can send\n"
	"                       it again for ever\n"
	"  --json               one JSON object instead of words; values of 64 bits are\n"
	"                       strings of digits, for readers that round numbers\n"
	"  --numbers            with --json: they are numbers, up to 2^64 - 1\n"
	"\n"
	"Exit code 0: carried out, or the order that was looked up is there (--again: all\n"
	"are sold); 1: nothing was changed (refused, or the engine could not; of what\n"
	"there is: for one line at least); 2: no answer, UNAVAILABLE or UNDER_WAY (the\n"
	"outcome is unknown: ask again with the same --request-id), bad usage, or no room\n"
	"for the output; 3: the hold had ended, and its units are gone: pay the buyer\n"
	"back. This answer is final.\n";

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
	OPT_HOLD,
	OPT_CONFIRM,
	OPT_RELEASE,
	OPT_EXTEND,
	OPT_RETURN,
	OPT_WRITE_OFF,
	OPT_LOOKUP,
	OPT_LOOKUP_ORDER,
	OPT_BASKET,
	OPT_WHAT_THERE_IS,
	OPT_AGAIN,
	OPT_TIMEOUT,
	OPT_UNDATED,
	OPT_JSON,
	OPT_NUMBERS,
	OPT_HELP,
	OPT_END,
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
	{"hold", no_argument, NULL, OPT_HOLD},
	{"confirm", required_argument, NULL, OPT_CONFIRM},
	{"release", required_argument, NULL, OPT_RELEASE},
	{"extend", required_argument, NULL, OPT_EXTEND},
	{"return", required_argument, NULL, OPT_RETURN},
	{"write-off", no_argument, NULL, OPT_WRITE_OFF},
	{"lookup", no_argument, NULL, OPT_LOOKUP},
	{"lookup-order", required_argument, NULL, OPT_LOOKUP_ORDER},
	{"basket", optional_argument, NULL, OPT_BASKET},
	{"what-there-is", no_argument, NULL, OPT_WHAT_THERE_IS},
	{"again", required_argument, NULL, OPT_AGAIN},
	{"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
	{"undated", no_argument, NULL, OPT_UNDATED},
	{"json", no_argument, NULL, OPT_JSON},
	{"numbers", no_argument, NULL, OPT_NUMBERS},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* What has been read, and which flags there were: bits, counted from OPT_SERVER. */
struct reading {
	struct buy_options *options;
	uint64_t max_price;
	uint64_t order_id;
	uint32_t given;
	int op_flag; /* OPT_HOLD to OPT_LOOKUP_ORDER; 0: none, a purchase */
};

static_assert(OPT_END - OPT_SERVER <= 32, "a bit for each flag");

static bool given(const struct reading *reading, int option)
{
	return (reading->given >> (option - OPT_SERVER) & 1) != 0;
}

static const char *name_of(int option)
{
	const struct option *at = long_options;

	while (at->val != option)
		at++;
	return at->name;
}

static bool read_op(int option, const char *text, struct reading *reading)
{
	char flag[32];

	if (reading->op_flag == option)
		return cli_wrong("--%s: once is enough", name_of(option));
	if (reading->op_flag != 0)
		return cli_wrong("--%s, --%s: one of them at a time", name_of(reading->op_flag),
				 name_of(option));
	reading->op_flag = option;
	if (text == NULL)
		return true;
	snprintf(flag, sizeof(flag), "--%s", name_of(option));
	return cli_u64(flag, text, 1, UINT64_MAX, &reading->order_id);
}

static bool read_switch(int option, const char *text, struct buy_options *options)
{
	switch (option) {
	case OPT_SERVER:
		options->server = text;
		return true;
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_AGAIN:
		options->again = text;
		return true;
	case OPT_UNDATED:
		return options->undated = true;
	case OPT_JSON:
		return options->json = true;
	case OPT_NUMBERS:
		return options->numbers = true;
	case OPT_BASKET:
		options->basket = text;
		return true;
	case OPT_WHAT_THERE_IS:
		return options->what_there_is = true;
	case OPT_WRITE_OFF:
		return true;
	default:
		return cli_wrong("see doorbuster buy --help");
	}
}

static bool read_option(int option, const char *text, struct reading *reading)
{
	struct buy_options *options = reading->options;
	struct client_request *request = &options->request;

	switch (option) {
	case OPT_KEY_ID:
		return cli_u64("--key-id", text, 0, UINT32_MAX, &options->key_id);
	case OPT_SKU:
		return cli_u64("--sku", text, 0, UINT64_MAX, &request->sku);
	case OPT_BUYER:
		return cli_u64("--buyer", text, 0, UINT64_MAX, &request->buyer);
	case OPT_QUANTITY:
		return cli_u16("--quantity", text, 0, UINT16_MAX, &request->quantity);
	case OPT_REQUEST_ID:
		return cli_request_id("--request-id", text, request->id);
	case OPT_MAX_PRICE:
		return cli_u64("--max-price", text, 0, UINT64_MAX, &reading->max_price);
	case OPT_CHANNEL:
		return cli_u32("--channel", text, 0, UINT32_MAX, &request->channel);
	case OPT_TIMEOUT:
		return cli_u32("--timeout-ms", text, 1, 3600000, &options->timeout_ms);
	case OPT_HOLD:
	case OPT_CONFIRM:
	case OPT_RELEASE:
	case OPT_EXTEND:
	case OPT_RETURN:
	case OPT_LOOKUP:
	case OPT_LOOKUP_ORDER:
		return read_op(option, text, reading);
	default:
		return read_switch(option, text, options);
	}
}

/* Flags that a request has no use for: it would be made without what they say. LOOKUP is asked with
 * the flags of what it looks up. */
static const struct {
	int op_flag;
	int option;
	const char *why;
} useless[] = {
	{OPT_CONFIRM, OPT_MAX_PRICE, "a hold is sold at the held price"},
	{OPT_RELEASE, OPT_MAX_PRICE, "only to buy or to hold"},
	{OPT_EXTEND, OPT_MAX_PRICE, "a hold keeps its price"},
	{OPT_RETURN, OPT_MAX_PRICE, "only to buy or to hold"},
	{OPT_LOOKUP_ORDER, OPT_MAX_PRICE, "only to buy or to hold"},
	{OPT_EXTEND, OPT_QUANTITY, "all units of a hold are lengthened"},
	{OPT_LOOKUP_ORDER, OPT_QUANTITY, "all units of an order are looked up"},
	{OPT_LOOKUP_ORDER, OPT_REQUEST_ID, "the order is looked up; --lookup takes a request id"},
};

static bool check_useful(const struct reading *reading)
{
	if (given(reading, OPT_WRITE_OFF) && reading->op_flag != OPT_RETURN)
		return cli_wrong("--write-off: only with --return ORDER; leave it out");
	for (unsigned i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		if (useless[i].op_flag == reading->op_flag && given(reading, useless[i].option))
			return cli_wrong("--%s: %s; leave it out", name_of(useless[i].option),
					 useless[i].why);
	}
	return true;
}

static bool is_whole_op(const struct reading *reading)
{
	return reading->op_flag == OPT_CONFIRM || reading->op_flag == OPT_RELEASE;
}

static bool check_refused(const struct reading *reading, const char *what, const int *refused)
{
	for (; *refused != 0; refused++) {
		if (given(reading, *refused))
			return cli_wrong("%s; without --%s", what, name_of(*refused));
	}
	return true;
}

/* --basket with a file to buy or hold, without one to confirm or release. */
static bool check_basket(const struct reading *reading)
{
	static const int refused[] = {OPT_SKU, OPT_QUANTITY, OPT_MAX_PRICE, 0};
	const bool file = reading->options->basket != NULL;

	if (reading->op_flag != 0 && reading->op_flag != OPT_HOLD && !is_whole_op(reading))
		return cli_wrong("--basket, --%s: one of them at a time; an order of a basket is "
				 "asked for by itself",
				 name_of(reading->op_flag));
	if (is_whole_op(reading) && file)
		return cli_wrong("--basket %s: a basket is paid or released by the order of its "
				 "first line; --%s ORDER --basket, without a file",
				 reading->options->basket, name_of(reading->op_flag));
	if (!is_whole_op(reading) && !file)
		return cli_wrong("--basket: FILE is missing: the lines of the basket; -: standard "
				 "input");
	if (file)
		return check_refused(reading, "--basket: the file says what", refused);
	return !given(reading, OPT_QUANTITY) ||
	       cli_wrong("--quantity: a whole basket is paid or released; leave it out");
}

static bool check_again(const struct reading *reading)
{
	static const int refused[] = {OPT_SKU,       OPT_BUYER,  OPT_JSON,          OPT_QUANTITY,
				      OPT_WRITE_OFF, OPT_BASKET, OPT_WHAT_THERE_IS, 0};

	if (reading->op_flag != 0)
		return cli_wrong("--again, --%s: one of them at a time", name_of(reading->op_flag));
	return check_refused(reading, "--again: the file says what and for whom", refused);
}

static bool check_together(const struct reading *reading)
{
	const struct buy_options *options = reading->options;

	if (options->server == NULL)
		return cli_wrong("--server HOST:PORT is missing");
	if (options->keys == NULL)
		return cli_wrong("--keys FILE is missing");
	if (options->again != NULL)
		return check_again(reading);
	if (given(reading, OPT_BASKET) && !check_basket(reading))
		return false;
	if (options->what_there_is && options->basket == NULL)
		return cli_wrong("--what-there-is: only with --basket FILE; leave it out");
	if (!given(reading, OPT_SKU) && options->basket == NULL)
		return cli_wrong("--sku N is missing");
	if (!given(reading, OPT_BUYER) && reading->op_flag != OPT_LOOKUP)
		return cli_wrong("--buyer N is missing");
	if (reading->op_flag == OPT_LOOKUP && !given(reading, OPT_REQUEST_ID))
		return cli_wrong("--lookup: --request-id HEX is missing: the request that is "
				 "looked up");
	return check_useful(reading);
}

/* The request that the flags mean; what they said of id and channel stays. */
static struct client_request asked(const struct reading *reading)
{
	const struct client_request *said = &reading->options->request;
	const uint64_t sku = said->sku;
	const uint64_t buyer = said->buyer;
	const uint64_t order_id = reading->order_id;
	const uint16_t units = given(reading, OPT_QUANTITY) ? said->quantity : 1;

	switch (reading->op_flag) {
	case OPT_HOLD:
		return client_ask_hold(sku, buyer, units, reading->max_price);
	case OPT_CONFIRM:
		if (given(reading, OPT_BASKET))
			return client_ask_confirm_whole(sku, buyer, order_id);
		return client_ask_confirm(sku, buyer, order_id, units);
	case OPT_RELEASE:
		if (given(reading, OPT_BASKET))
			return client_ask_release_whole(sku, buyer, order_id);
		return client_ask_release(sku, buyer, order_id, said->quantity);
	case OPT_EXTEND:
		return client_ask_extend(sku, buyer, order_id);
	case OPT_RETURN:
		return client_ask_return(sku, buyer, order_id, units,
					 given(reading, OPT_WRITE_OFF));
	case OPT_LOOKUP:
		return client_ask_lookup(sku, said->id);
	case OPT_LOOKUP_ORDER:
		return client_ask_lookup_order(sku, buyer, order_id);
	default:
		return client_ask_buy(sku, buyer, units, reading->max_price);
	}
}

static void make_request(const struct reading *reading)
{
	struct client_request *said = &reading->options->request;
	struct client_request request = asked(reading);

	request.id[0] = said->id[0];
	request.id[1] = said->id[1];
	request.channel = said->channel;
	*said = request;
}

/* The word after a flag: no flag itself. */
static bool is_value(const char *word)
{
	return word != NULL && (word[0] != '-' || word[1] == '\0');
}

enum buy_options_result buy_options_parse(struct buy_options *options, int argc, char **argv)
{
	struct reading reading = {.options = options, .max_price = CLIENT_ANY_PRICE};
	int option;

	*options = (struct buy_options){.key_id = UINT64_MAX};
	while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return BUY_OPTIONS_HELP;
		}
		/* FILE may be a word of its own. */
		if (option == OPT_BASKET && optarg == NULL && is_value(argv[optind]))
			optarg = argv[optind++];
		if (!read_option(option, optarg, &reading))
			return BUY_OPTIONS_WRONG;
		reading.given |= UINT32_C(1) << (option - OPT_SERVER);
	}
	if (optind < argc) {
		cli_wrong("'%s' is not a flag; see doorbuster buy --help", argv[optind]);
		return BUY_OPTIONS_WRONG;
	}
	if (!check_together(&reading))
		return BUY_OPTIONS_WRONG;
	make_request(&reading);
	return BUY_OPTIONS_OK;
}
