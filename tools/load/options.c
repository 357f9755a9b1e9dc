#include "tools/load/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "tools/common/cli.h"

static const char help[] =
	"usage: doorbuster load --scenario NAME --server HOST:PORT --keys FILE [options]\n"
	"       doorbuster load --scenario NAME --catalog-out FILE\n"
	"\n"
	"Drives a sale and checks every answer. Scenarios:\n"
	"  drop          one SKU, 15,000 units, one a buyer; 2.7 M buyers, 5 % of them ask twice\n"
	"  singles-day   100,000 SKUs, Zipf 0.99, deep stock, 1 to 3 units\n"
	"  echo          no sale: full datagrams to a port that sends them back (testpmd 5tswap)\n"
	"\n"
	"  --catalog-out FILE   write the catalog the scenario needs, and end\n"
	"  --requests N         distinct requests (default: the scenario's)\n"
	"  --skus N             SKUs of singles-day (default 100000)\n"
	"  --rate N             not echo: open loop at N requests/s; latency counts from when a "
	"request was\n"
	"                       due (default: as fast as it goes)\n"
	"  --in-flight N        datagrams out at a time (default 64)\n"
	"  --entries N          requests a datagram, 1 to 29 (default 29)\n"
	"  --timeout-ms N       ask again for so long (default 10000)\n"
	"  --seed N             makes ids, buyers and order, at most 2^63 - 1 (default: random)\n"
	"  --channel N          where the sales came from (default 0)\n"
	"  --key-id N           key to sign with (default: the file's lowest)\n"
	"  --orders FILE        write every accepted order, for `doorbuster journal verify "
	"--orders`\n"
	"  --json               one JSON object on stdout instead of the table\n"
	"\n"
	"Over a DPDK port instead of a kernel socket:\n"
	"  --port PORT          memif:SOCKET or af_xdp:IFACE\n"
	"  --address A          our IPv4 address there (default 198.18.0.2); af_xdp: one of "
	"IFACE's\n"
	"  --queues N           queue pairs, as many as the engine has workers (default 1)\n"
	"  --core N             CPU to run on (default 0)\n"
	"  -- EAL ARGS\n"
	"\n"
	"Exit code 0: everything was answered, as this scenario's sale answers (no unknown SKU, "
	"and\n"
	"not only refusals of other kinds than sold out and limit reached), and nothing "
	"contradicts;\n"
	"1: not so; 2: could not run, or what came out of it could not be written.\n";

enum {
	OPT_SCENARIO = 256,
	OPT_SERVER,
	OPT_KEYS,
	OPT_KEY_ID,
	OPT_CATALOG_OUT,
	OPT_ORDERS,
	OPT_REQUESTS,
	OPT_SKUS,
	OPT_RATE,
	OPT_IN_FLIGHT,
	OPT_ENTRIES,
	OPT_TIMEOUT,
	OPT_SEED,
	OPT_CHANNEL,
	OPT_JSON,
	OPT_PORT,
	OPT_ADDRESS,
	OPT_QUEUES,
	OPT_CORE,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"scenario", required_argument, NULL, OPT_SCENARIO},
	{"server", required_argument, NULL, OPT_SERVER},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"key-id", required_argument, NULL, OPT_KEY_ID},
	{"catalog-out", required_argument, NULL, OPT_CATALOG_OUT},
	{"orders", required_argument, NULL, OPT_ORDERS},
	{"requests", required_argument, NULL, OPT_REQUESTS},
	{"skus", required_argument, NULL, OPT_SKUS},
	{"rate", required_argument, NULL, OPT_RATE},
	{"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
	{"entries", required_argument, NULL, OPT_ENTRIES},
	{"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
	{"seed", required_argument, NULL, OPT_SEED},
	{"channel", required_argument, NULL, OPT_CHANNEL},
	{"json", no_argument, NULL, OPT_JSON},
	{"port", required_argument, NULL, OPT_PORT},
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"queues", required_argument, NULL, OPT_QUEUES},
	{"core", required_argument, NULL, OPT_CORE},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static bool read_names(int option, const char *text, struct load_options *options)
{
	switch (option) {
	case OPT_SCENARIO:
		options->has_scenario = true;
		return scenario_kind_of(text, &options->kind) ||
		       cli_wrong("--scenario: '%s' is none; expected drop, singles-day or echo",
				 text);
	case OPT_SERVER:
		options->server = text;
		return true;
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_CATALOG_OUT:
		options->catalog_out = text;
		return true;
	case OPT_ORDERS:
		options->orders_out = text;
		return true;
	case OPT_PORT:
		options->port = text;
		return true;
	case OPT_ADDRESS:
		options->address = text;
		return true;
	case OPT_JSON:
		options->json = true;
		return true;
	default:
		return cli_wrong("see doorbuster load --help");
	}
}

static bool read_option(int option, const char *text, struct load_options *options)
{
	switch (option) {
	case OPT_KEY_ID:
		return cli_u64("--key-id", text, 0, UINT32_MAX, &options->key_id);
	case OPT_REQUESTS:
		return cli_u32("--requests", text, 1, 1000000000, &options->requests);
	case OPT_SKUS:
		return cli_u32("--skus", text, 1, 16000000, &options->skus);
	case OPT_RATE:
		return cli_u64("--rate", text, 1, 1000000000, &options->rate);
	case OPT_IN_FLIGHT:
		return cli_u32("--in-flight", text, 1, 65536, &options->in_flight);
	case OPT_ENTRIES:
		return cli_u32("--entries", text, 1, WIRE_ENTRY_CNT_MAX, &options->entries);
	case OPT_TIMEOUT:
		return cli_u32("--timeout-ms", text, 1, 3600000, &options->timeout_ms);
	case OPT_SEED:
		return cli_u64("--seed", text, 0, INT64_MAX, &options->seed);
	case OPT_CHANNEL:
		return cli_u32("--channel", text, 0, UINT32_MAX, &options->channel);
	case OPT_QUEUES:
		return cli_u16("--queues", text, 1, 64, &options->queues);
	case OPT_CORE:
		return cli_u16("--core", text, 0, 1023, &options->core);
	default:
		return read_names(option, text, options);
	}
}

/* What a flag needs beside it to mean something. */
enum need {
	NEED_SALE,
	NEED_SKUS,
	NEED_PORT,
};

static const struct {
	int option;
	enum need need;
} needs[] = {
	{OPT_SKUS, NEED_SKUS},    {OPT_RATE, NEED_SALE},    {OPT_KEYS, NEED_SALE},
	{OPT_KEY_ID, NEED_SALE},  {OPT_ORDERS, NEED_SALE},  {OPT_TIMEOUT, NEED_SALE},
	{OPT_CHANNEL, NEED_SALE}, {OPT_ADDRESS, NEED_PORT}, {OPT_QUEUES, NEED_PORT},
	{OPT_CORE, NEED_PORT},
};

static const char *name_of(int option)
{
	const struct option *at = long_options;

	while (at->val != option)
		at++;
	return at->name;
}

/* No flag is ignored in silence. given: bits, counted from OPT_SCENARIO. */
static bool check_needed(const struct load_options *options, uint32_t given)
{
	for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const char *name = name_of(needs[i].option);

		if ((given & 1U << (needs[i].option - OPT_SCENARIO)) == 0)
			continue;
		if (needs[i].need == NEED_SALE && options->kind == SCENARIO_ECHO)
			return cli_wrong("--%s: echo is no sale; leave it out", name);
		if (needs[i].need == NEED_SKUS && options->kind != SCENARIO_SINGLES_DAY)
			return cli_wrong("--%s: only singles-day can have more or fewer; leave it "
					 "out",
					 name);
		if (needs[i].need == NEED_PORT && options->port == NULL)
			return cli_wrong("--%s: only with --port; leave it out", name);
	}
	return options->eal_arg_cnt == 0 || options->port != NULL ||
	       cli_wrong("EAL ARGS: only with --port; leave them out");
}

static bool check_together(const struct load_options *options)
{
	if (!options->has_scenario)
		return cli_wrong("--scenario NAME is missing; see doorbuster load --help");
	if (options->catalog_out != NULL)
		return options->kind != SCENARIO_ECHO ||
		       cli_wrong("--catalog-out: echo sells nothing");
	if (options->server == NULL)
		return cli_wrong("--server HOST:PORT is missing");
	if (options->keys == NULL && options->kind != SCENARIO_ECHO)
		return cli_wrong("--keys FILE is missing");
	return true;
}

enum load_options_result load_options_parse(struct load_options *options, int argc, char **argv)
{
	uint32_t given = 0;
	int option;

	*options = (struct load_options){
		.address = "198.18.0.2",
		.key_id = UINT64_MAX,
		.in_flight = 64,
		.entries = WIRE_ENTRY_CNT_MAX,
		.timeout_ms = 10000,
		.queues = 1,
	};
	/* 53 bits: what --json prints is exact in every reader of JSON, and can be given back. */
	randombytes_buf(&options->seed, sizeof(options->seed));
	options->seed >>= 11;
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return LOAD_OPTIONS_HELP;
		}
		if (!read_option(option, optarg, options))
			return LOAD_OPTIONS_WRONG;
		given |= 1U << (option - OPT_SCENARIO);
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		cli_wrong("'%s' is not a flag; see doorbuster load --help", argv[optind]);
		return LOAD_OPTIONS_WRONG;
	}
	options->eal_args = argv + optind;
	options->eal_arg_cnt = argc - optind;
	return check_together(options) && check_needed(options, given) ? LOAD_OPTIONS_OK
								       : LOAD_OPTIONS_WRONG;
}
