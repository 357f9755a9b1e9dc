#include "engine/serve/options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/catalog/sizes.h"
#include "engine/journal/format.h"
#include "net/wire.h"

static const char help[] =
	"usage: doorbuster serve --data DIR --catalog FILE --keys FILE [options]\n"
	"                        [-- EAL ARGS]\n"
	"\n"
	"Sells the catalog's offers to whoever asks with a key of the key file.\n"
	"\n"
	"  --data DIR        the journal: made if it isn't there, recovered if it is\n"
	"  --catalog FILE    CSV: sku,stock,unit_price,limit_per_buyer,opens_at,\n"
	"                    closes_at,hold_seconds,extensions,extend_seconds,group,\n"
	"                    group_limit,shard; all after limit_per_buyer are optional\n"
	"  --catalog-differs MODE\n"
	"                    where the file differs from what the journal has on sale,\n"
	"                    all of which is said. add (default): new SKUs go on sale,\n"
	"                    missing ones and other terms are refused; refuse: new ones\n"
	"                    too; keep: new ones go on sale, the rest stays as the\n"
	"                    journal has it. A file without any SKU on sale is refused\n"
	"  --keys FILE       lines of `key_id hex-128-bit-key`; see `doorbuster keygen`\n"
	"  --port PORT       lo (default), af_xdp:IFACE or memif:SOCKET\n"
	"  --shards N        split the SKUs over N shards, 1 to 256 (default 1)\n"
	"  --cores LIST      CPUs, a worker each, like 1 or 2,4-5 (default: the last)\n"
	"  --base-port N     UDP port of shard 0 (default 7700); shard n has N + n. On lo\n"
	"                    and af_xdp no other program may have them. Sockets that\n"
	"                    systemd passes (LISTEN_FDS) keep them after the end, too\n"
	"  --ack MODE        durable (default): say yes when the order is on disk;\n"
	"                    memory: say it at once, up to 0.5 ms before the order is\n"
	"                    written, for measuring\n"
	"  --undated MODE    refuse (default): a purchase must say when it was asked\n"
	"                    for, for how long and in which sale, so that a recorded\n"
	"                    one is worth nothing; accept: also sell to clients that\n"
	"                    cannot say it\n"
	"  --address A[,A6]  memif: our IPv4 and IPv6 addresses\n"
	"                    (default 198.18.0.1,2001:2::1)\n"
	"  --max-orders N    remember at most N orders a shard (default: one for each\n"
	"                    unit of stock, and a sixteenth for those that come back)\n"
	"  --max-holds N     remember N holds a shard (default: four for each unit of\n"
	"                    stock that can be held, and a sixteenth of all stock for\n"
	"                    orders of which units come back)\n"
	"  --segment-mib N   size of the journal's next segments, 1 to 4096 (default\n"
	"                    64): what `doorbuster journal prune` removes at a time\n"
	"  --metrics ADDR:PORT\n"
	"                    answer HTTP there: /metrics for Prometheus, /healthz 200\n"
	"                    while every lane sells, else 503 and why; from the first\n"
	"                    moment of the start on; /readyz is the same, /livez\n"
	"                    always 200 (default: nowhere)\n"
	"  --clock-step-seconds N\n"
	"                    follow a jump of the machine's clock when it has lasted\n"
	"                    for N seconds, 1 to 86400 (default 60); until then the\n"
	"                    lanes keep their time\n"
	"  --clock-back      once: set a lane's clock back where it is ahead of the\n"
	"                    machine's, because that was wrong. All orders stay; older\n"
	"                    versions of doorbuster refuse the data directory after it\n"
	"  --help            print this text\n"
	"\n"
	"Lines on stderr have time and level, or for journald a priority; not with\n"
	"DOORBUSTER_LOG=plain in the environment.\n"
	"\n"
	"SIGTERM drains and ends, SIGHUP reads the key file again. Exit code 0: drained;\n"
	"1: a lane failed; 2: could not start (the machine is as it was).\n";

/* So that the changes of them are counted in 32 bits, too. */
static const uint64_t HOLDS_MAX = UINT32_MAX / CHANGES_A_HOLD;

enum {
	OPT_DATA = 256,
	OPT_CATALOG,
	OPT_CATALOG_DIFFERS,
	OPT_KEYS,
	OPT_PORT,
	OPT_SHARDS,
	OPT_CORES,
	OPT_BASE_PORT,
	OPT_ACK,
	OPT_UNDATED,
	OPT_ADDRESS,
	OPT_MAX_ORDERS,
	OPT_MAX_HOLDS,
	OPT_SEGMENT_MIB,
	OPT_METRICS,
	OPT_CLOCK_STEP_SECONDS,
	OPT_CLOCK_BACK,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"data", required_argument, NULL, OPT_DATA},
	{"catalog", required_argument, NULL, OPT_CATALOG},
	{"catalog-differs", required_argument, NULL, OPT_CATALOG_DIFFERS},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"port", required_argument, NULL, OPT_PORT},
	{"shards", required_argument, NULL, OPT_SHARDS},
	{"cores", required_argument, NULL, OPT_CORES},
	{"base-port", required_argument, NULL, OPT_BASE_PORT},
	{"ack", required_argument, NULL, OPT_ACK},
	{"undated", required_argument, NULL, OPT_UNDATED},
	{"address", required_argument, NULL, OPT_ADDRESS},
	{"max-orders", required_argument, NULL, OPT_MAX_ORDERS},
	{"max-holds", required_argument, NULL, OPT_MAX_HOLDS},
	{"segment-mib", required_argument, NULL, OPT_SEGMENT_MIB},
	{"metrics", required_argument, NULL, OPT_METRICS},
	{"clock-step-seconds", required_argument, NULL, OPT_CLOCK_STEP_SECONDS},
	{"clock-back", no_argument, NULL, OPT_CLOCK_BACK},
	{"help", no_argument, NULL, OPT_HELP},
	{NULL, 0, NULL, 0},
};

/* Says what is wrong with a flag; always false. */
static bool wrong(const char *flag, const char *text, const char *remedy)
{
	fprintf(stderr, "doorbuster-serve: --%s %s: %s\n", flag, text, remedy);
	return false;
}

static bool read_number(const char *flag, const char *text, uint64_t min, uint64_t max,
			uint64_t *out)
{
	char remedy[96];
	char *end = NULL;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0 && *out >= min &&
	    *out <= max)
		return true;
	snprintf(remedy, sizeof(remedy), "expected a number from %" PRIu64 " to %" PRIu64, min,
		 max);
	return wrong(flag, text, remedy);
}

static bool read_u16(const char *flag, const char *text, uint16_t min, uint16_t max, uint16_t *out)
{
	uint64_t value;

	if (!read_number(flag, text, min, max, &value))
		return false;
	*out = (uint16_t)value;
	return true;
}

static bool read_ack(const char *text, bool *memory)
{
	*memory = strcmp(text, "memory") == 0;
	if (*memory || strcmp(text, "durable") == 0)
		return true;
	return wrong("ack", text, "expected durable or memory");
}

static bool read_catalog_differs(const char *text, enum catalog_differs *out)
{
	static const char *const names[] = {
		[CATALOG_DIFFERS_ADD] = "add",
		[CATALOG_DIFFERS_REFUSE] = "refuse",
		[CATALOG_DIFFERS_KEEP] = "keep",
	};

	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		*out = (enum catalog_differs)i;
		if (strcmp(text, names[i]) == 0)
			return true;
	}
	return wrong("catalog-differs", text, "expected add, refuse or keep");
}

static bool read_undated(const char *text, bool *refused)
{
	*refused = strcmp(text, "refuse") == 0;
	if (*refused || strcmp(text, "accept") == 0)
		return true;
	return wrong("undated", text, "expected refuse or accept");
}

static bool read_addresses(const char *text, struct serve_options *options)
{
	char copy[128];
	char *rest = copy;
	const char *one;

	snprintf(copy, sizeof(copy), "%s", text);
	while ((one = strsep(&rest, ",")) != NULL) {
		if (inet_pton(AF_INET, one, options->ipv4) != 1 &&
		    inet_pton(AF_INET6, one, options->ipv6) != 1)
			return wrong("address", text,
				     "expected an IPv4 address, an IPv6 address "
				     "or both with a comma between");
	}
	return true;
}

static bool add_core(const char *text, const cpu_set_t *allowed, unsigned long core,
		     struct serve_options *options)
{
	char remedy[128];

	if (core >= CPU_SETSIZE || !CPU_ISSET(core, allowed)) {
		snprintf(remedy, sizeof(remedy),
			 "CPU %lu isn't there or is not ours to use; `nproc` and `taskset -p $$` "
			 "tell which are",
			 core);
		return wrong("cores", text, remedy);
	}
	if (options->core_cnt == WORKERS_MAX)
		return wrong("cores", text, "too many; at most 64 workers");
	for (uint16_t i = 0; i < options->core_cnt; i++) {
		if (options->cores[i] == core)
			return wrong("cores", text, "a CPU is named twice; one worker a core");
	}
	options->cores[options->core_cnt++] = (uint16_t)core;
	return true;
}

/* Reads a list like 1,3-5: each CPU once, and all of them ours. */
static bool read_cores(const char *text, const cpu_set_t *allowed, struct serve_options *options)
{
	const char *at = text;

	options->core_cnt = 0;
	for (;;) {
		char *end = NULL;
		unsigned long first;
		unsigned long last;

		if (*at < '0' || *at > '9')
			break;
		first = last = strtoul(at, &end, 10);
		if (*end == '-' && end[1] >= '0' && end[1] <= '9')
			last = strtoul(end + 1, &end, 10);
		if (last < first || last - first > CPU_SETSIZE)
			break;
		for (unsigned long core = first; core <= last; core++) {
			if (!add_core(text, allowed, core, options))
				return false;
		}
		if (*end == '\0')
			return true;
		if (*end != ',')
			break;
		at = end + 1;
	}
	return wrong("cores", text, "expected CPUs like 1 or 2,4-5");
}

/* The control thread sleeps nearly always. It gets a core without a worker, if there is one. */
static void choose_control_core(const cpu_set_t *allowed, struct serve_options *options)
{
	cpu_set_t rest = *allowed;

	for (uint16_t i = 0; i < options->core_cnt; i++)
		CPU_CLR(options->cores[i], &rest);
	options->control_core = options->cores[0];
	for (unsigned core = 0; core < CPU_SETSIZE; core++) {
		if (CPU_ISSET(core, &rest)) {
			options->control_core = (uint16_t)core;
			return;
		}
	}
}

static bool read_option(int option, const char *text, const cpu_set_t *allowed,
			struct serve_options *options)
{
	struct error error;

	switch (option) {
	case OPT_DATA:
		options->data = text;
		return true;
	case OPT_CATALOG:
		options->catalog = text;
		return true;
	case OPT_CATALOG_DIFFERS:
		return read_catalog_differs(text, &options->catalog_differs);
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_PORT:
		options->port_text = text;
		if (port_parse(text, &options->port, &error) == 0)
			return true;
		fprintf(stderr, "doorbuster-serve: %s\n", error.text);
		return false;
	case OPT_SHARDS:
		return read_u16("shards", text, 1, SHARDS_MAX, &options->shards);
	case OPT_CORES:
		return read_cores(text, allowed, options);
	case OPT_BASE_PORT:
		return read_u16("base-port", text, 1, UINT16_MAX, &options->base_port);
	case OPT_ACK:
		return read_ack(text, &options->ack_memory);
	case OPT_UNDATED:
		return read_undated(text, &options->undated_refused);
	case OPT_ADDRESS:
		return read_addresses(text, options);
	case OPT_MAX_ORDERS:
		return read_number("max-orders", text, 1, UINT32_MAX, &options->order_cnt_max);
	case OPT_MAX_HOLDS:
		return read_number("max-holds", text, 1, HOLDS_MAX, &options->hold_cnt_max);
	case OPT_SEGMENT_MIB:
		return read_number("segment-mib", text, 1, SEGMENT_BYTES_MAX >> 20,
				   &options->segment_mib);
	case OPT_METRICS:
		options->metrics = text;
		return true;
	case OPT_CLOCK_STEP_SECONDS:
		return read_number("clock-step-seconds", text, 1, 86400, &options->clock_step_s);
	case OPT_CLOCK_BACK:
		options->clock_back = true;
		return true;
	default:
		fprintf(stderr, "doorbuster-serve: see doorbuster serve --help\n");
		return false;
	}
}

/* Checks what the flags say together. */
static bool check_together(const struct serve_options *options)
{
	const struct {
		const char *flag;
		const char *value;
	} required[] = {
		{"--data DIR", options->data},
		{"--catalog FILE", options->catalog},
		{"--keys FILE", options->keys},
	};

	for (size_t i = 0; i < sizeof(required) / sizeof(required[0]); i++) {
		if (required[i].value != NULL)
			continue;
		fprintf(stderr, "doorbuster-serve: %s is missing; see doorbuster serve --help\n",
			required[i].flag);
		return false;
	}
	if (options->base_port + options->shards - 1 > UINT16_MAX) {
		fprintf(stderr,
			"doorbuster-serve: --base-port %u with --shards %u goes beyond port 65535; "
			"choose a lower base port\n",
			options->base_port, options->shards);
		return false;
	}
	if (options->core_cnt > options->shards) {
		fprintf(stderr,
			"doorbuster-serve: --cores names %u CPUs for --shards %u; a worker without "
			"a shard has nothing to do: give at least as many shards\n",
			options->core_cnt, options->shards);
		return false;
	}
	return true;
}

enum serve_options_result serve_options_parse(struct serve_options *options, int argc, char **argv)
{
	cpu_set_t allowed;
	int option;

	*options = (struct serve_options){
		.port = {.kind = PORT_LO, .where = "lo"},
		.port_text = "lo",
		.shards = 1,
		.base_port = WIRE_BASE_PORT,
		.segment_mib = SEGMENT_BYTES >> 20,
		.undated_refused = true,
		.clock_step_s = 60,
	};
	inet_pton(AF_INET, "198.18.0.1", options->ipv4);
	inet_pton(AF_INET6, "2001:2::1", options->ipv6);
	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) {
		perror("doorbuster-serve: sched_getaffinity");
		return SERVE_OPTIONS_WRONG;
	}
	for (unsigned core = 0; core < CPU_SETSIZE; core++) {
		if (CPU_ISSET(core, &allowed))
			options->cores[0] = (uint16_t)core;
	}
	options->core_cnt = 1;
	opterr = 1;
	while ((option = getopt_long(argc, argv, "+", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return SERVE_OPTIONS_HELP;
		}
		if (!read_option(option, optarg, &allowed, options))
			return SERVE_OPTIONS_WRONG;
	}
	if (optind < argc && strcmp(argv[optind - 1], "--") != 0) {
		fprintf(stderr, "doorbuster-serve: '%s' is not a flag; EAL arguments follow --\n",
			argv[optind]);
		return SERVE_OPTIONS_WRONG;
	}
	for (int i = optind; i < argc; i++) {
		/* With these the EAL would print and exit, and leave the machine changed for a
		 * port. */
		if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0 ||
		    strcmp(argv[i], "-v") == 0) {
			fprintf(stderr,
				"doorbuster-serve: EAL argument %s ends the program; see "
				"the manual of DPDK\n",
				argv[i]);
			return SERVE_OPTIONS_WRONG;
		}
	}
	options->eal_args = argv + optind;
	options->eal_arg_cnt = argc - optind;
	if (!check_together(options))
		return SERVE_OPTIONS_WRONG;
	choose_control_core(&allowed, options);
	return SERVE_OPTIONS_OK;
}
