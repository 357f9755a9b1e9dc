#include "tools/load/options.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "tools/common/cli.h"

enum {
	/* A day: no run is longer. */
	SECONDS_MAX = 86400,
	TIMEOUT_MS = 10000,
	PREPARED_TIMEOUT_MS = 1000,
	REQUESTS_MAX = 1000000000,
};

static const char help[] =
	"usage: doorbuster load --scenario NAME --server HOST:PORT --keys FILE [options]\n"
	"       doorbuster load --scenario NAME --catalog-out FILE [options]\n"
	"       doorbuster load --catalog FILE --server HOST:PORT --keys FILE [options]\n"
	"\n"
	"Drives a sale and checks every answer. Scenarios:\n"
	"  drop          one SKU, 15,000 units, one a buyer; 2.7 M buyers, 5 % of whom\n"
	"                ask twice\n"
	"  singles-day   100,000 SKUs, Zipf 0.99, deep stock, 1 to 3 units\n"
	"  mixed         retries, conflicts, lookups, refusals of every kind, foreign\n"
	"                SKUs, wrong shards, forged datagrams; every request must get\n"
	"                its own answer. Prepared\n"
	"  holds         100,000 buyers hold units of four SKUs for a second; 7 of 10\n"
	"                never pay, others pay late or in part, extend, release, return;\n"
	"                who finds it sold out comes back. Ends when every hold has, and\n"
	"                checks that each unit that came back is free: nobody else may\n"
	"                buy meanwhile\n"
	"  baskets       40,000 baskets of 2 to 5 lines, Zipf 0.99 over 1,000 SKUs, over\n"
	"                all shards; bought, or held for a second and then paid, also\n"
	"                late, released or never paid. One in four asks everything again\n"
	"                under the same ids. Ends and checks as holds does, and that each\n"
	"                basket was carried out as a whole or not at all\n"
	"  echo          no sale: datagrams to a port that sends them back (testpmd\n"
	"                5tswap). Prepared\n"
	"\n"
	"  --catalog FILE       instead of a scenario: buyers for your own catalog. Each\n"
	"                       unit on sale draws as many as any other. They ask for\n"
	"                       one, and pay at most FILE's price. Buyers that get\n"
	"                       NOT_OPEN come back when the offer opens, under the same\n"
	"                       request id; the run lasts until all are back (16 bytes\n"
	"                       of memory each while they wait). Without --requests two\n"
	"                       for each unit, at most 4 M. Not with --prepared\n"
	"  --catalog-out FILE   write the catalog that the scenario needs, and end\n"
	"  --requests N         distinct requests (default: as the scenario says);\n"
	"                       echo: so many datagrams\n"
	"  --skus N             SKUs of singles-day (default 100000), mixed (10000)\n"
	"  --buyers N           singles-day, mixed and --catalog: so many buy (default:\n"
	"                       another buyer for each request)\n"
	"  --limit N            singles-day: units a buyer, in the catalog (default 0:\n"
	"                       no limit)\n"
	"  --units-max N        1 to N units a request, at most 3 (default: singles-day\n"
	"                       3; --catalog 1, and never above the offer's limit)\n"
	"  --rate N             open loop at N requests/s (echo: datagrams/s); latency\n"
	"                       counts from when a request was due (default: closed\n"
	"                       loop, as fast as it goes)\n"
	"  --in-flight N        datagrams out at a time, not with --prepared --rate\n"
	"                       (default 64)\n"
	"  --fill N             requests a datagram, 1 to 29 (default 29)\n"
	"  --ack HOW            memory (default), durable or replicated: an order that\n"
	"                       rests on less contradicts it\n"
	"  --timeout-ms N       ask again for so long (default 10000); prepared: what is\n"
	"                       out is lost after so long without a reply (default 1000)\n"
	"  --seed N             makes ids, buyers and order, at most 2^63 - 1 (random\n"
	"                       unless given)\n"
	"  --channel N          where the sales came from (default 0)\n"
	"  --key-id N           key to sign with (default: the file's lowest)\n"
	"  --undated            send no dates, as older clients do: for an engine with\n"
	"                       --undated accept; mixed then has no stale requests\n"
	"  --orders FILE        write every accepted order, for\n"
	"                       `doorbuster journal verify --orders`\n"
	"  --json               one JSON object on stdout instead of the table\n"
	"\n"
	"Prepared: every datagram is built and signed before the first leaves, and sent\n"
	"once. What finds the port's queue full, or gets no reply, is lost, and counted.\n"
	"  --prepared           do so for drop and singles-day too\n"
	"  --arrivals HOW       of --rate: constant (default), poisson, or\n"
	"                       recorded:FILE, a file of instants in seconds, one a line:\n"
	"                       when each datagram is due. Without --requests as many as\n"
	"                       FILE takes; if it has too few, the run is refused\n"
	"  --seconds N          as many requests as --rate brings in N seconds; N may\n"
	"                       be a fraction\n"
	"  --ramp SECONDS       the rate rises from 0 to --rate\n"
	"  --spike X[,AT[,RISE[,HOLD]]]\n"
	"                       after AT s (default 1) the rate rises in RISE s (1) to\n"
	"                       X times --rate, holds for HOLD s (1), and falls back.\n"
	"                       Singles Day is 36\n"
	"  --window-ms N        --json also reports offered, served and the worst latency\n"
	"                       every N ms\n"
	"\n"
	"Over a DPDK port instead of a kernel socket (an af_xdp port that goes deaf is\n"
	"opened anew, and the report says so):\n"
	"  --port PORT          memif:SOCKET or af_xdp:IFACE\n"
	"  --address A          our IPv4 address there (default 198.18.0.2); af_xdp: one\n"
	"                       of IFACE's\n"
	"  --queues N           queue pairs, one for each of its workers (default 1)\n"
	"  --worker I/N         of an engine with N workers load only the I-th, from 0:\n"
	"                       its memif queue and, of the requests, those for its\n"
	"                       shards (prepared). It gives the CPU away while it waits,\n"
	"                       so that it may be that worker's CPU\n"
	"  --core N             CPU to run on (default 0)\n"
	"  -- EAL ARGS\n"
	"\n"
	"Exit code 0: everything was answered as this scenario's sale answers (no unknown\n"
	"SKU, and not only refusals of other kinds than sold out and limit reached;\n"
	"mixed, holds, baskets: each as it must be, and no unit is stranded), and nothing\n"
	"contradicts; 1: not so; 2: could not run, or its results could not be written.\n";

enum {
	OPT_SCENARIO = 256,
	OPT_SERVER,
	OPT_KEYS,
	OPT_KEY_ID,
	OPT_CATALOG,
	OPT_CATALOG_OUT,
	OPT_ORDERS,
	OPT_REQUESTS,
	OPT_SKUS,
	OPT_RATE,
	OPT_IN_FLIGHT,
	OPT_FILL,
	OPT_TIMEOUT,
	OPT_SEED,
	OPT_CHANNEL,
	OPT_JSON,
	OPT_BUYERS,
	OPT_LIMIT,
	OPT_UNITS_MAX,
	OPT_PREPARED,
	OPT_ARRIVALS,
	OPT_SECONDS,
	OPT_RAMP,
	OPT_SPIKE,
	OPT_WINDOW,
	OPT_PORT,
	OPT_ADDRESS,
	OPT_QUEUES,
	OPT_CORE,
	OPT_ACK,
	OPT_UNDATED,
	OPT_WORKER,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"scenario", required_argument, NULL, OPT_SCENARIO},
	{"server", required_argument, NULL, OPT_SERVER},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"key-id", required_argument, NULL, OPT_KEY_ID},
	{"catalog", required_argument, NULL, OPT_CATALOG},
	{"catalog-out", required_argument, NULL, OPT_CATALOG_OUT},
	{"orders", required_argument, NULL, OPT_ORDERS},
	{"requests", required_argument, NULL, OPT_REQUESTS},
	{"skus", required_argument, NULL, OPT_SKUS},
	{"rate", required_argument, NULL, OPT_RATE},
	{"in-flight", required_argument, NULL, OPT_IN_FLIGHT},
	{"fill", required_argument, NULL, OPT_FILL},
	{"timeout-ms", required_argument, NULL, OPT_TIMEOUT},
	{"seed", required_argument, NULL, OPT_SEED},
	{"channel", required_argument, NULL, OPT_CHANNEL},
	{"json", no_argument, NULL, OPT_JSON},
	{"buyers", required_argument, NULL, OPT_BUYERS},
	{"limit", required_argument, NULL, OPT_LIMIT},
	{"units-max", required_argument, NULL, OPT_UNITS_MAX},
	{"prepared", no_argument, NULL, OPT_PREPARED},
	{"arrivals", required_argument, NULL, OPT_ARRIVALS},
	{"seconds", required_argument, NULL, OPT_SECONDS},
	{"ramp", required_argument, NULL, OPT_RAMP},
	{"spike", required_argument, NULL, OPT_SPIKE},
	{"window-ms", required_argument, NULL, OPT_WINDOW},
	{"port", required_argument, NULL, OPT_PORT},
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"queues", required_argument, NULL, OPT_QUEUES},
	{"core", required_argument, NULL, OPT_CORE},
	{"ack", required_argument, NULL, OPT_ACK},
	{"undated", no_argument, NULL, OPT_UNDATED},
	{"worker", required_argument, NULL, OPT_WORKER},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* A number above 0 at the beginning of a text, and where it ends. */
static bool read_positive(const char *text, char **end, double *out)
{
	*out = strtod(text, end);
	return *end != text && *out > 0 && *out <= SECONDS_MAX;
}

static bool read_seconds(const char *flag, const char *text, double *out)
{
	char *end;

	return (read_positive(text, &end, out) && *end == '\0') ||
	       cli_wrong("%s: '%s' is not a time; expected seconds, at most %d", flag, text,
			 SECONDS_MAX);
}

static bool read_arrivals(const char *text, struct load_options *options)
{
	static const char recorded[] = "recorded:";

	if (strcmp(text, "constant") == 0) {
		options->arrivals = ARRIVALS_CONSTANT;
	} else if (strcmp(text, "poisson") == 0) {
		options->arrivals = ARRIVALS_POISSON;
	} else if (strncmp(text, recorded, strlen(recorded)) == 0 &&
		   text[strlen(recorded)] != '\0') {
		options->arrivals = ARRIVALS_RECORDED;
		options->recorded = text + strlen(recorded);
	} else {
		return cli_wrong("--arrivals: '%s' is none; expected constant, poisson or "
				 "recorded:FILE",
				 text);
	}
	return true;
}

/* X[,AT[,RISE[,HOLD]]] */
static bool read_spike(const char *text, struct arrivals_profile *profile)
{
	double *const parts[] = {&profile->spike_factor, &profile->spike_at_s,
				 &profile->spike_rise_s, &profile->spike_hold_s};
	const char *at = text;

	profile->spike_at_s = profile->spike_rise_s = profile->spike_hold_s = 1;
	for (unsigned i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		char *end;

		if (!read_positive(at, &end, parts[i]))
			break;
		if (*end == '\0')
			return true;
		if (*end != ',')
			break;
		at = end + 1;
	}
	return cli_wrong("--spike: '%s' is none; expected X[,AT[,RISE[,HOLD]]], a factor and "
			 "seconds, each above 0",
			 text);
}

static bool read_ack(const char *text, uint8_t *out)
{
	for (uint8_t ack = DURABILITY_MEMORY; ack <= DURABILITY_REPLICATED; ack++) {
		if (strcmp(text, durability_name(ack)) == 0) {
			*out = ack;
			return true;
		}
	}
	return cli_wrong("--ack: '%s' is none; expected memory, durable or replicated", text);
}

/* I/N */
static bool read_worker(const char *text, struct load_options *options)
{
	char *end;
	const unsigned long idx = strtoul(text, &end, 10);
	const char *cnt = *end == '/' ? end + 1 : "";

	if (end == text || idx >= WORKERS_MAX ||
	    !cli_u16("--worker I/N", cnt, (uint16_t)(idx + 1), WORKERS_MAX, &options->worker_cnt))
		return cli_wrong("--worker: '%s' is none; expected I/N, I below N", text);
	options->worker_idx = (uint16_t)idx;
	return true;
}

static bool read_names(int option, const char *text, struct load_options *options)
{
	switch (option) {
	case OPT_SCENARIO:
		options->has_scenario = true;
		return scenario_kind_of(text, &options->kind) ||
		       cli_wrong("--scenario: '%s' is none; expected drop, singles-day, mixed, "
				 "holds, baskets or echo",
				 text);
	case OPT_SERVER:
		options->server = text;
		return true;
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_CATALOG:
		options->catalog = text;
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
	case OPT_PREPARED:
		options->prepared = true;
		return true;
	case OPT_ARRIVALS:
		return read_arrivals(text, options);
	case OPT_UNDATED:
		return options->undated = true;
	case OPT_ACK:
		return read_ack(text, &options->ack);
	case OPT_WORKER:
		return read_worker(text, options);
	case OPT_SPIKE:
		return read_spike(text, &options->profile);
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
		return cli_u32("--requests", text, 1, REQUESTS_MAX, &options->requests);
	case OPT_SKUS:
		return cli_u32("--skus", text, 1, 16000000, &options->skus);
	case OPT_RATE:
		return cli_u64("--rate", text, 1, 1000000000, &options->rate);
	case OPT_IN_FLIGHT:
		return cli_u32("--in-flight", text, 1, 65536, &options->in_flight);
	case OPT_FILL:
		return cli_u32("--fill", text, 1, WIRE_ENTRY_CNT_MAX, &options->fill);
	case OPT_BUYERS:
		return cli_u32("--buyers", text, 1, 1000000000, &options->buyers);
	case OPT_LIMIT:
		return cli_u32("--limit", text, 0, UINT16_MAX, &options->limit);
	case OPT_UNITS_MAX:
		return cli_u16("--units-max", text, 1, 3, &options->units_max);
	case OPT_SECONDS:
		return read_seconds("--seconds", text, &options->seconds);
	case OPT_RAMP:
		return read_seconds("--ramp", text, &options->profile.ramp_s);
	case OPT_WINDOW:
		return cli_u32("--window-ms", text, 1, 60000, &options->window_ms);
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

/* Which other flags a flag needs to have an effect. */
enum need {
	NEED_SALE,
	NEED_SKUS,
	NEED_BUYERS,
	NEED_SINGLES_DAY,
	NEED_UNITS,
	NEED_PREPARED,
	NEED_RATE,
	NEED_CLOSED,
	NEED_PORT,
	NEED_NO_ANSWERS,
	NEED_RECEIPTS,
	NEED_NO_CLOCK,
};

static const struct {
	int option;
	enum need need;
} needs[] = {
	{OPT_SKUS, NEED_SKUS},         {OPT_BUYERS, NEED_BUYERS},
	{OPT_LIMIT, NEED_SINGLES_DAY}, {OPT_UNITS_MAX, NEED_UNITS},
	{OPT_KEYS, NEED_SALE},         {OPT_KEY_ID, NEED_SALE},
	{OPT_ORDERS, NEED_SALE},       {OPT_CHANNEL, NEED_SALE},
	{OPT_ARRIVALS, NEED_PREPARED}, {OPT_SECONDS, NEED_PREPARED},
	{OPT_RAMP, NEED_PREPARED},     {OPT_SPIKE, NEED_PREPARED},
	{OPT_WINDOW, NEED_PREPARED},   {OPT_SECONDS, NEED_RATE},
	{OPT_RAMP, NEED_RATE},         {OPT_SPIKE, NEED_RATE},
	{OPT_IN_FLIGHT, NEED_CLOSED},  {OPT_ADDRESS, NEED_PORT},
	{OPT_QUEUES, NEED_PORT},       {OPT_CORE, NEED_PORT},
	{OPT_ACK, NEED_SALE},          {OPT_WORKER, NEED_SALE},
	{OPT_UNDATED, NEED_SALE},      {OPT_WORKER, NEED_PREPARED},
	{OPT_WORKER, NEED_PORT},       {OPT_ORDERS, NEED_RECEIPTS},
	{OPT_UNDATED, NEED_NO_CLOCK},  {OPT_PREPARED, NEED_NO_ANSWERS},
};

static const char *name_of(int option)
{
	const struct option *at = long_options;

	while (at->val != option)
		at++;
	return at->name;
}

static bool follows_answers(enum scenario_kind kind)
{
	return kind == SCENARIO_HOLDS || kind == SCENARIO_BASKETS;
}

/* Why a flag with this need can't be with the others; NULL: it can. */
static const char *unmet(const struct load_options *options, enum need need)
{
	const enum scenario_kind kind = options->kind;

	switch (need) {
	case NEED_SALE:
		return kind == SCENARIO_ECHO ? "echo is not a sale" : NULL;
	case NEED_SKUS:
		return kind == SCENARIO_SINGLES_DAY || kind == SCENARIO_MIXED
			       ? NULL
			       : "only singles-day and mixed can have more or fewer";
	case NEED_BUYERS:
		return kind == SCENARIO_SINGLES_DAY || kind == SCENARIO_MIXED ||
				       kind == SCENARIO_CATALOG
			       ? NULL
			       : "only singles-day, mixed and --catalog can have more or fewer";
	case NEED_UNITS:
		return kind == SCENARIO_SINGLES_DAY || kind == SCENARIO_CATALOG
			       ? NULL
			       : "only singles-day and --catalog have a choice";
	case NEED_SINGLES_DAY:
		return kind == SCENARIO_SINGLES_DAY ? NULL : "only singles-day has a choice";
	case NEED_PREPARED:
		return options->prepared ? NULL : "only with --prepared";
	case NEED_RATE:
		return options->rate > 0 ? NULL : "only with --rate";
	case NEED_CLOSED:
		return options->prepared &&
				       (options->rate > 0 || options->arrivals == ARRIVALS_RECORDED)
			       ? "prepared datagrams leave when they are due"
			       : NULL;
	case NEED_NO_ANSWERS:
		return !follows_answers(kind) ? NULL : "what buyers ask next follows from answers";
	case NEED_RECEIPTS:
		return !follows_answers(kind) ? NULL : "orders of holds change until the end";
	case NEED_NO_CLOCK:
		return !follows_answers(kind)
			       ? NULL
			       : "holds need the engine's clock, which dated replies say";
	default:
		return options->port != NULL ? NULL : "only with --port";
	}
}

/* A flag without effect is refused. given: bits, counted from OPT_SCENARIO. */
static bool check_needed(const struct load_options *options, uint64_t given)
{
	for (unsigned i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		const char *why = unmet(options, needs[i].need);

		if (why != NULL && (given >> (needs[i].option - OPT_SCENARIO) & 1) != 0)
			return cli_wrong("--%s: %s; leave it out", name_of(needs[i].option), why);
	}
	return options->eal_arg_cnt == 0 || options->port != NULL ||
	       cli_wrong("EAL ARGS: only with --port; leave them out");
}

/* What --rate, --arrivals and --seconds are together. */
static bool check_arrivals(struct load_options *options)
{
	const double expected =
		options->seconds > 0 ? arrivals_expected(&options->profile, options->seconds) : 0;

	if (options->arrivals == ARRIVALS_POISSON && options->rate == 0)
		return cli_wrong("--arrivals poisson: --rate N is missing");
	if (options->arrivals == ARRIVALS_RECORDED && options->rate > 0)
		return cli_wrong("--rate: the instants are recorded; leave it out");
	if (options->seconds == 0)
		return true;
	if (options->requests > 0)
		return cli_wrong("--seconds: --requests says how many there are; leave one out");
	if (expected < 1 || expected > REQUESTS_MAX)
		return cli_wrong("--seconds: %.0f requests would be due; 1 to %d can be", expected,
				 REQUESTS_MAX);
	options->requests = (uint32_t)expected;
	return true;
}

/* What the buyers buy: those of a scenario, or of a catalog. */
static bool check_kind(struct load_options *options)
{
	if (options->catalog == NULL)
		return options->has_scenario ||
		       cli_wrong("--scenario NAME or --catalog FILE is missing; see doorbuster "
				 "load --help");
	if (options->has_scenario)
		return cli_wrong("--catalog: the scenario has a catalog of its own; leave one out");
	if (options->catalog_out != NULL)
		return cli_wrong("--catalog-out: the catalog is yours already; leave it out");
	if (options->prepared)
		return cli_wrong("--prepared: its datagrams are sent once, but buyers of a "
				 "--catalog come back when an offer opens; leave it out");
	options->kind = SCENARIO_CATALOG;
	return true;
}

static bool check_together(struct load_options *options)
{
	if (!check_kind(options))
		return false;
	if (!check_arrivals(options))
		return false;
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
	uint64_t given = 0;
	int option;

	*options = (struct load_options){
		.address = "198.18.0.2",
		.key_id = UINT64_MAX,
		.in_flight = 64,
		.fill = WIRE_ENTRY_CNT_MAX,
		.queues = 1,
		.ack = DURABILITY_MEMORY,
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
		given |= UINT64_C(1) << (option - OPT_SCENARIO);
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		cli_wrong("'%s' is not a flag; see doorbuster load --help", argv[optind]);
		return LOAD_OPTIONS_WRONG;
	}
	options->prepared |= options->kind == SCENARIO_MIXED || options->kind == SCENARIO_ECHO;
	options->profile.rate = (double)options->rate;
	if (options->timeout_ms == 0)
		options->timeout_ms = options->prepared ? PREPARED_TIMEOUT_MS : TIMEOUT_MS;
	options->eal_args = argv + optind;
	options->eal_arg_cnt = argc - optind;
	return check_together(options) && check_needed(options, given) ? LOAD_OPTIONS_OK
								       : LOAD_OPTIONS_WRONG;
}

bool load_options_recorded(struct load_options *options)
{
	const uint64_t fill = options->kind == SCENARIO_ECHO ? 1 : options->fill;
	/* Only some requests are for one worker's shards: take a quarter more than its part. */
	const uint64_t parts = options->worker_cnt > 0 ? options->worker_cnt * UINT64_C(5) : 4;
	uint64_t requests;
	struct error error;

	if (options->arrivals != ARRIVALS_RECORDED)
		return true;
	if (arrivals_recorded(options->recorded, &options->instants_ns, &options->instant_cnt,
			      &error) != 0)
		return cli_wrong("%s", error.text);
	if (options->requests > 0)
		return true;
	requests = options->instant_cnt * fill * parts / 4;
	if (requests > REQUESTS_MAX)
		return cli_wrong("--arrivals %s: %" PRIu64 " requests would be due; %d can be",
				 options->recorded, requests, REQUESTS_MAX);
	options->requests = (uint32_t)requests;
	return true;
}
