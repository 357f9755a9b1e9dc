#include "tools/replay/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/limits.h"
#include "engine/catalog/sizes.h"
#include "net/wire.h"
#include "tools/common/cli.h"
#include "tools/replay/copies.h"

static const char help[] =
	"usage: doorbuster replay CAPTURE... --offline --catalog FILE\n"
	"       --keys FILE [options]\n"
	"\n"
	"Runs the requests of a capture (pcap or pcapng, also in gzip or zstd; - is\n"
	"stdin) through the engine's own code in virtual time: no network, no clock, no\n"
	"waiting for a disk. A capture of several files (a rotation, several interfaces)\n"
	"is read in the order of its packets' instants. A CAPTURE may also be a pattern\n"
	"in quotes or a directory.\n"
	"\n"
	"  --catalog FILE       what is on sale; several of them run side by side\n"
	"  --keys FILE          the keys that the captured requests were signed with\n"
	"  --shards N           as many as the engine had (default 1)\n"
	"  --base-port N        UDP port of shard 0 in the capture (default 7700)\n"
	"  --undated MODE       accept (default) or refuse requests without a date, as\n"
	"                       the engine did\n"
	"  --journal DIR        keep the journal there: the same capture, catalog and\n"
	"                       keys always give the same bytes. May be in memory (tmpfs)\n"
	"  --segment-mib N      size of its segments (default 64)\n"
	"  --max-holds N        remember N holds a shard, as the engine's flag (default:\n"
	"                       four for each unit of offers with a hold time)\n"
	"\n"
	"usage: doorbuster replay CAPTURE... --to HOST:PORT|PORT [options] [-- EAL ARGS]\n"
	"\n"
	"Sends the requests of a capture to an engine, each once, on time, and reports\n"
	"how late they left. PORT is memif:SOCKET or af_xdp:IFACE, a DPDK port.\n"
	"\n"
	"  --speed X            X times as fast as captured, from 0.001 (default 1)\n"
	"  --rate N             N requests a second\n"
	"  --flat-out           as fast as it goes\n"
	"  --keys FILE          date each request anew, by the engine's clock and for its\n"
	"                       sale, and sign it again: with the key of the same id,\n"
	"                       else with --key-id N (default: the lowest). Without it\n"
	"                       what was captured is sent: old dates get STALE. A\n"
	"                       request that names an order, like a payment, gets the id\n"
	"                       that this engine's answer told, and waits 200 ms for it\n"
	"  --wait-ms N          at the end wait so long for replies (default 1000)\n"
	"  --base-port N        as above\n"
	"  over a DPDK port (af_xdp: one that goes deaf is opened anew, and the report\n"
	"  says so):\n"
	"  --server IP:PORT     the engine's address (default 198.18.0.1:7700)\n"
	"  --address IP         our own (default 198.18.0.2)\n"
	"  --queues N           as many as the engine has workers (default 1)\n"
	"  --core N             the CPU to send from (default 0)\n"
	"\n"
	"What if: more catalogs, and changes to the first, run side by side:\n"
	"  --set CHANGE         like 'sku=42 limit_per_buyer=1; sku=* hold_seconds=300'\n"
	"  --csv FILE           units, orders, buyers, revenue (minor units), when it\n"
	"                       opened and sold out, for each sale, SKU and channel\n"
	"  --buyers-csv FILE    who would have got more or fewer units\n"
	"  --html FILE          a page with the burn-down curves over each other, from\n"
	"                       the opening on, with totals, channels and revenue\n"
	"\n"
	"Writing a capture, of requests and replies only (- is stdout):\n"
	"  --write FILE         pcap with nanoseconds, for its owner only, to ports 7700\n"
	"                       and the following; it gets its name when it is complete\n"
	"  --from-journal DIR   made not from a capture but from the orders of a journal,\n"
	"                       and from what was done with them:\n"
	"                       what was refused left no trace there. By instants: after\n"
	"                       `serve --clock-back` that is not the lane's order, and a\n"
	"                       replay gives other LSNs\n"
	"  --catalog-out FILE   what that journal put on sale\n"
	"  --keys FILE          sign with a key of these (--key-id N; default: lowest)\n"
	"  --scrub FILE         buyers and request ids become pseudonyms under the lowest\n"
	"                       key of this key file, which must be none that signs:\n"
	"                       whoever has it can find out who is who. SKUs, quantities,\n"
	"                       channels, instants and order ids stay: whoever knows one\n"
	"                       of those of a purchase knows its buyer's others\n"
	"\n"
	"Captures that are not as they should be:\n"
	"  --nanoseconds        fractions of a second are nanoseconds, whatever the file\n"
	"                       says (where most show it they are taken as that anyway)\n"
	"  --max-gap S          pass over packets that were captured more than S seconds\n"
	"                       after those before them in their file: a wrong clock\n"
	"\n"
	"Sent or written with --keys, a forged request becomes a real one:\n"
	"  --captured-keys FILE with --to and --write: leave out what was signed with\n"
	"                       none of these keys\n"
	"\n"
	"Tags, labels and tunnels (VXLAN, GENEVE, GRE, ERSPAN, IP in IP, TZSP, MPLS,\n"
	"PPPoE and others) are looked into, and of a packet that was captured several\n"
	"times the first is taken:\n"
	"  --no-decapsulation   look no further than two VLAN tags\n"
	"  --keep-copies        take each of them\n"
	"  --copies-within-us N how far apart the copies of a packet are (default 5000);\n"
	"                       less than half of the clients' retry_first_ms, or a retry\n"
	"                       counts as a copy\n"
	"\n"
	"Where the capture has replies, they are compared with the new ones:\n"
	"  --differences N      print the first N (default 10)\n"
	"  --strict             exit code 1 if there is any, if a captured reply has no\n"
	"                       new one, if packets that may have held requests could\n"
	"                       not be read (cut, in fragments of a tunnel), or if the\n"
	"                       capture says that it lost some\n"
	"\n"
	"  --json               one JSON object instead of words\n"
	"  --quiet              no progress on stderr\n"
	"\n"
	"Exit code 0: replayed; 1: replayed, with differences and --strict, or the\n"
	"capture is damaged or was not replayed to its end; 2: could not run.\n";

enum {
	OPT_OFFLINE = 256,
	OPT_TO,
	OPT_SERVER,
	OPT_ADDRESS,
	OPT_QUEUES,
	OPT_CORE,
	OPT_SPEED,
	OPT_RATE,
	OPT_FLAT_OUT,
	OPT_KEY_ID,
	OPT_WAIT_MS,
	OPT_CATALOG,
	OPT_KEYS,
	OPT_CAPTURED_KEYS,
	OPT_SHARDS,
	OPT_BASE_PORT,
	OPT_NANOSECONDS,
	OPT_MAX_GAP,
	OPT_NO_DECAPSULATION,
	OPT_KEEP_COPIES,
	OPT_COPIES_WITHIN_US,
	OPT_UNDATED,
	OPT_JOURNAL,
	OPT_SEGMENT_MIB,
	OPT_MAX_HOLDS,
	OPT_WRITE,
	OPT_FROM_JOURNAL,
	OPT_CATALOG_OUT,
	OPT_SCRUB,
	OPT_SET,
	OPT_CSV,
	OPT_BUYERS_CSV,
	OPT_HTML,
	OPT_DIFFERENCES,
	OPT_STRICT,
	OPT_JSON,
	OPT_QUIET,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"offline", no_argument, NULL, OPT_OFFLINE},
	{"to", required_argument, NULL, OPT_TO},
	{"server", required_argument, NULL, OPT_SERVER},
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"queues", required_argument, NULL, OPT_QUEUES},
	{"core", required_argument, NULL, OPT_CORE},
	{"speed", required_argument, NULL, OPT_SPEED},
	{"rate", required_argument, NULL, OPT_RATE},
	{"flat-out", no_argument, NULL, OPT_FLAT_OUT},
	{"key-id", required_argument, NULL, OPT_KEY_ID},
	{"wait-ms", required_argument, NULL, OPT_WAIT_MS},
	{"catalog", required_argument, NULL, OPT_CATALOG},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"captured-keys", required_argument, NULL, OPT_CAPTURED_KEYS},
	{"shards", required_argument, NULL, OPT_SHARDS},
	{"base-port", required_argument, NULL, OPT_BASE_PORT},
	{"nanoseconds", no_argument, NULL, OPT_NANOSECONDS},
	{"max-gap", required_argument, NULL, OPT_MAX_GAP},
	{"no-decapsulation", no_argument, NULL, OPT_NO_DECAPSULATION},
	{"keep-copies", no_argument, NULL, OPT_KEEP_COPIES},
	{"copies-within-us", required_argument, NULL, OPT_COPIES_WITHIN_US},
	{"undated", required_argument, NULL, OPT_UNDATED},
	{"journal", required_argument, NULL, OPT_JOURNAL},
	{"segment-mib", required_argument, NULL, OPT_SEGMENT_MIB},
	{"max-holds", required_argument, NULL, OPT_MAX_HOLDS},
	{"write", required_argument, NULL, OPT_WRITE},
	{"from-journal", required_argument, NULL, OPT_FROM_JOURNAL},
	{"catalog-out", required_argument, NULL, OPT_CATALOG_OUT},
	{"scrub", required_argument, NULL, OPT_SCRUB},
	{"set", required_argument, NULL, OPT_SET},
	{"csv", required_argument, NULL, OPT_CSV},
	{"buyers-csv", required_argument, NULL, OPT_BUYERS_CSV},
	{"html", required_argument, NULL, OPT_HTML},
	{"differences", required_argument, NULL, OPT_DIFFERENCES},
	{"strict", no_argument, NULL, OPT_STRICT},
	{"json", no_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

static bool add_variant(struct replay_options *options, const char *catalog, const char *set)
{
	if (options->variant_cnt == VARIANTS_MAX)
		return cli_wrong("at most %d sales side by side", VARIANTS_MAX);
	options->variants[options->variant_cnt++] =
		(struct variant_option){.catalog = catalog, .set = set};
	return true;
}

static bool read_speed(const char *text, double *out)
{
	char *end = NULL;

	*out = strtod(text, &end);
	return (end != text && *end == '\0' && *out >= 0.001 && *out <= 1000000) ||
	       cli_wrong("--speed: '%s' is not a number from 0.001 to 1000000", text);
}

static bool read_live(int option, const char *text, struct replay_options *options)
{
	switch (option) {
	case OPT_TO:
		if (strcmp(text, "lo") == 0 || strncmp(text, "pci:", 4) == 0 ||
		    strncmp(text, "pcap:", 5) == 0)
			return cli_wrong("--to %s: cannot be sent over; HOST:PORT (an engine on lo "
					 "is at 127.0.0.1:%d), memif:SOCKET or af_xdp:IFACE",
					 text, WIRE_BASE_PORT);
		options->to = text;
		if (strncmp(text, "memif:", 6) == 0 || strncmp(text, "af_xdp:", 7) == 0)
			options->port.port = text;
		return true;
	case OPT_SERVER:
		options->port.server = text;
		return true;
	case OPT_ADDRESS:
		options->port.address = text;
		return true;
	case OPT_QUEUES:
		return cli_u16("--queues", text, 1, WORKERS_MAX, &options->port.queue_cnt);
	case OPT_CORE:
		return cli_u16("--core", text, 0, 1023, &options->port.core);
	case OPT_SPEED:
		options->pace = PACE_CAPTURED;
		return read_speed(text, &options->speed);
	case OPT_RATE:
		options->pace = PACE_RATE;
		return cli_u64("--rate", text, 1, 1000000000, &options->rate);
	case OPT_KEY_ID:
		return cli_u64("--key-id", text, 0, UINT32_MAX, &options->key_id);
	case OPT_WAIT_MS:
		return cli_u32("--wait-ms", text, 0, 3600000, &options->wait_ms);
	default:
		return cli_wrong("see doorbuster replay --help");
	}
}

static bool read_switch(int option, const char *text, struct replay_options *options)
{
	switch (option) {
	case OPT_FLAT_OUT:
		options->pace = PACE_FLAT_OUT;
		return true;
	case OPT_OFFLINE:
		return options->offline = true;
	case OPT_STRICT:
		return options->strict = true;
	case OPT_JSON:
		return options->json = true;
	case OPT_QUIET:
		return options->quiet = true;
	default:
		return read_live(option, text, options);
	}
}

static bool read_offline(int option, const char *text, struct replay_options *options)
{
	switch (option) {
	case OPT_CATALOG:
		return add_variant(options, text, NULL);
	case OPT_SET:
		if (options->variant_cnt == 0)
			return cli_wrong("--set: changes the first --catalog, which comes before");
		return add_variant(options, NULL, text);
	case OPT_UNDATED:
		options->undated_refused = strcmp(text, "refuse") == 0;
		return options->undated_refused || strcmp(text, "accept") == 0 ||
		       cli_wrong("--undated %s: expected accept or refuse", text);
	case OPT_JOURNAL:
		options->journal = text;
		return true;
	case OPT_SEGMENT_MIB:
		return cli_u32("--segment-mib", text, 1, 4096, &options->segment_mib);
	case OPT_MAX_HOLDS:
		return cli_u32("--max-holds", text, 1, UINT32_MAX / CHANGES_A_HOLD,
			       &options->hold_cnt_max);
	case OPT_CSV:
		options->csv = text;
		return true;
	case OPT_BUYERS_CSV:
		options->buyers_csv = text;
		return true;
	case OPT_HTML:
		options->html = text;
		return true;
	default:
		return read_switch(option, text, options);
	}
}

static bool read_write(int option, const char *text, struct replay_options *options)
{
	switch (option) {
	case OPT_WRITE:
		options->write = text;
		return true;
	case OPT_FROM_JOURNAL:
		options->from_journal = text;
		return true;
	case OPT_CATALOG_OUT:
		options->catalog_out = text;
		return true;
	case OPT_SCRUB:
		options->scrub = text;
		return true;
	default:
		return read_offline(option, text, options);
	}
}

/* How the files of a capture are read. */
static bool read_files(int option, const char *text, struct replay_options *options)
{
	uint64_t gap_s;

	switch (option) {
	case OPT_NANOSECONDS:
		return options->source.options.nanoseconds = true;
	case OPT_MAX_GAP:
		if (!cli_u64("--max-gap", text, 1, 1000000000, &gap_s))
			return false;
		options->source.max_gap_ns = gap_s * 1000000000;
		return true;
	default:
		return read_write(option, text, options);
	}
}

/* How the packets of a capture are looked at. */
static bool read_packets(int option, const char *text, struct replay_options *options)
{
	uint64_t us;

	switch (option) {
	case OPT_NO_DECAPSULATION:
		return options->no_decapsulation = true;
	case OPT_KEEP_COPIES:
		options->copy_window_ns = UINT64_MAX;
		return true;
	case OPT_COPIES_WITHIN_US:
		if (!cli_u64("--copies-within-us", text, 0, 1000000, &us))
			return false;
		options->copy_window_ns = us * 1000;
		return true;
	default:
		return read_files(option, text, options);
	}
}

static bool read_option(int option, const char *text, struct replay_options *options)
{
	switch (option) {
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_CAPTURED_KEYS:
		options->captured_keys = text;
		return true;
	case OPT_SHARDS:
		return cli_u16("--shards", text, 1, SHARDS_MAX, &options->shards);
	case OPT_BASE_PORT:
		return cli_u16("--base-port", text, 1, UINT16_MAX, &options->base_port);
	case OPT_DIFFERENCES:
		return cli_u32("--differences", text, 0, 1000000, &options->differences_max);
	default:
		return read_packets(option, text, options);
	}
}

/* What a flag is good for. */
enum mode {
	MODE_LIVE = 1,
	MODE_PORT = 2,
	MODE_OFFLINE = 4,
	MODE_WRITE = 8,
	MODE_JOURNAL = 16,
	MODE_CNT = 5,
};

static const char *const mode_names[MODE_CNT] = {"--to", "--to memif:SOCKET or af_xdp:IFACE",
						 "--offline", "--write", "--from-journal"};

static const struct {
	int option;
	unsigned modes; /* any of them */
} needs[] = {
	{OPT_SERVER, MODE_PORT},
	{OPT_ADDRESS, MODE_PORT},
	{OPT_QUEUES, MODE_PORT},
	{OPT_CORE, MODE_PORT},
	{OPT_SPEED, MODE_LIVE},
	{OPT_RATE, MODE_LIVE},
	{OPT_FLAT_OUT, MODE_LIVE},
	{OPT_KEY_ID, MODE_LIVE | MODE_WRITE},
	{OPT_CAPTURED_KEYS, MODE_LIVE | MODE_WRITE},
	{OPT_WAIT_MS, MODE_LIVE},
	{OPT_CATALOG, MODE_OFFLINE},
	{OPT_SHARDS, MODE_OFFLINE},
	{OPT_UNDATED, MODE_OFFLINE},
	{OPT_JOURNAL, MODE_OFFLINE},
	{OPT_SEGMENT_MIB, MODE_OFFLINE},
	{OPT_MAX_HOLDS, MODE_OFFLINE},
	{OPT_SET, MODE_OFFLINE},
	{OPT_CSV, MODE_OFFLINE},
	{OPT_BUYERS_CSV, MODE_OFFLINE},
	{OPT_HTML, MODE_OFFLINE},
	{OPT_SCRUB, MODE_WRITE},
	{OPT_FROM_JOURNAL, MODE_WRITE},
	{OPT_CATALOG_OUT, MODE_JOURNAL},
	{OPT_STRICT, MODE_LIVE | MODE_OFFLINE},
	{OPT_DIFFERENCES, MODE_LIVE | MODE_OFFLINE},
	{OPT_JSON, MODE_LIVE | MODE_OFFLINE},
};

static const char *name_of(int option)
{
	const struct option *at = long_options;

	while (at->val != option)
		at++;
	return at->name;
}

static bool complain_needed(int option, unsigned modes)
{
	unsigned first = 0;

	while ((modes >> first & 1) == 0)
		first++;
	return cli_wrong("--%s: only with %s%s; leave it out", name_of(option), mode_names[first],
			 modes == (MODE_LIVE | MODE_OFFLINE) ? " or --offline"
			 : modes == (MODE_LIVE | MODE_WRITE) ? " or --write"
							     : "");
}

/* given: bits, counted from OPT_OFFLINE. */
static bool is_given(uint64_t given, int option)
{
	return (given >> (option - OPT_OFFLINE) & 1) != 0;
}

/* A flag without effect is refused. */
static bool check_needed(const struct replay_options *options, uint64_t given)
{
	const unsigned modes = (options->to != NULL ? MODE_LIVE : 0) |
			       (options->port.port != NULL ? MODE_PORT : 0) |
			       (options->offline ? MODE_OFFLINE : 0) |
			       (options->write != NULL ? MODE_WRITE : 0) |
			       (options->from_journal != NULL ? MODE_JOURNAL : 0);

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (is_given(given, needs[i].option) && (modes & needs[i].modes) == 0)
			return complain_needed(needs[i].option, needs[i].modes);
	}
	return options->port.eal_arg_cnt == 0 || options->port.port != NULL ||
	       cli_wrong("EAL ARGS: only with a DPDK port; leave them out");
}

/* A journal has neither ports nor tags. */
static bool check_from_journal(const struct replay_options *options, bool has_base_port)
{
	if (has_base_port)
		return cli_wrong("--base-port: of a CAPTURE; what is written of a journal has %d "
				 "and the following; leave it out",
				 WIRE_BASE_PORT);
	if (options->captured_keys != NULL)
		return cli_wrong("--captured-keys: of a CAPTURE; leave it out");
	return options->keys != NULL ||
	       cli_wrong("--from-journal: a journal has no tags; --keys FILE is missing");
}

static bool check_write(const struct replay_options *options, bool has_base_port)
{
	if (options->from_journal != NULL)
		return check_from_journal(options, has_base_port);
	return options->keys != NULL || options->scrub == NULL ||
	       cli_wrong("--scrub: makes the tags wrong; --keys FILE is missing");
}

static bool check_offline(const struct replay_options *options)
{
	if (options->variant_cnt == 0)
		return cli_wrong("--catalog FILE is missing");
	if (options->keys == NULL)
		return cli_wrong("--keys FILE is missing");
	if (options->journal != NULL && options->variant_cnt > 1)
		return cli_wrong(
			"--journal: of one sale only; leave the other catalogs and --set out");
	return true;
}

static bool check_together(const struct replay_options *options, uint64_t given)
{
	const bool reads = is_given(given, OPT_NANOSECONDS) || is_given(given, OPT_MAX_GAP);
	const bool looks = is_given(given, OPT_NO_DECAPSULATION) ||
			   is_given(given, OPT_KEEP_COPIES) ||
			   is_given(given, OPT_COPIES_WITHIN_US);
	const int paces = is_given(given, OPT_SPEED) + is_given(given, OPT_RATE) +
			  is_given(given, OPT_FLAT_OUT);

	if ((options->capture == NULL) == (options->from_journal == NULL))
		return cli_wrong("CAPTURE or --from-journal, one of them; see doorbuster replay "
				 "--help");
	if (options->offline + (options->to != NULL) + (options->write != NULL) != 1)
		return cli_wrong("--to, --offline or --write, one of them; see doorbuster replay "
				 "--help");
	if (!check_needed(options, given))
		return false;
	if (reads && options->from_journal != NULL)
		return cli_wrong("--nanoseconds, --max-gap: of a CAPTURE; leave them out");
	if (looks && options->from_journal != NULL)
		return cli_wrong("--no-decapsulation, --keep-copies, --copies-within-us: of a "
				 "CAPTURE; leave them out");
	if (is_given(given, OPT_KEEP_COPIES) && is_given(given, OPT_COPIES_WITHIN_US))
		return cli_wrong("--keep-copies and --copies-within-us exclude each other");
	if (paces > 1)
		return cli_wrong("--speed, --rate and --flat-out exclude each other");
	if (options->key_id != UINT64_MAX && options->keys == NULL)
		return cli_wrong("--key-id: only with --keys; leave it out");
	return options->offline         ? check_offline(options)
	       : options->write != NULL ? check_write(options, is_given(given, OPT_BASE_PORT))
					: true;
}

static bool add_capture(struct replay_options *options, const char *argument)
{
	struct error error;

	if (options->capture == NULL)
		options->capture = argument;
	return capture_list_add(&options->captures, argument, &error) == 0 ||
	       cli_wrong("%s", error.text);
}

static bool name_captures(struct replay_options *options)
{
	const struct capture_list *list = &options->captures;
	struct error error;

	if (list->cnt == 0)
		return true;
	if (capture_list_check(list, &error) != 0)
		return cli_wrong("%s", error.text);
	options->source.paths = (const char *const *)list->paths;
	options->source.cnt = list->cnt;
	if (list->cnt > 1) {
		snprintf(options->capture_name, sizeof(options->capture_name), "%s and %u more",
			 list->paths[0], list->cnt - 1);
		options->capture = options->capture_name;
	}
	return true;
}

enum options_result replay_options_parse(struct replay_options *options, int argc, char **argv)
{
	uint64_t given = 0;
	int option;

	*options = (struct replay_options){
		.key_id = UINT64_MAX,
		.speed = 1,
		.wait_ms = 1000,
		.port = {.server = "198.18.0.1:7700", .address = "198.18.0.2", .queue_cnt = 1},
		.base_port = WIRE_BASE_PORT,
		.copy_window_ns = COPIES_WINDOW_NS,
		.shards = 1,
		.segment_mib = SEGMENT_BYTES >> 20,
		.differences_max = 10,
	};
	/* "-": an argument that is not a flag comes as option 1, wherever it is. */
	while ((option = getopt_long(argc, argv, "-", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return OPTIONS_HELP;
		}
		if (option == 1 && !add_capture(options, optarg))
			return OPTIONS_WRONG;
		if (option == 1)
			continue;
		if (!read_option(option, optarg != NULL ? optarg : "", options))
			return OPTIONS_WRONG;
		given |= UINT64_C(1) << (option - OPT_OFFLINE);
	}
	options->port.eal_args = argv + optind;
	options->port.eal_arg_cnt = argc - optind;
	return check_together(options, given) && name_captures(options) ? OPTIONS_OK
									: OPTIONS_WRONG;
}

void replay_options_free(struct replay_options *options)
{
	capture_list_free(&options->captures);
}
