#include "tools/replay/options.h"

#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "net/wire.h"
#include "tools/common/cli.h"

static const char help[] =
	"usage: doorbuster replay CAPTURE --offline --catalog FILE --keys FILE [options]\n"
	"\n"
	"Runs the requests of a capture (pcap or pcapng, also in gzip or zstd; - is stdin) "
	"through\n"
	"the engine's own code in virtual time: no network, no clock, no waiting for a disk.\n"
	"\n"
	"  --catalog FILE       what is on sale; more than one run side by side\n"
	"  --keys FILE          the keys that the captured requests were signed with\n"
	"  --shards N           as the engine had (default 1)\n"
	"  --base-port N        UDP port of shard 0 in the capture (default 7700)\n"
	"  --journal DIR        keep the journal there: the same capture, catalog and keys give "
	"the\n"
	"                       same bytes, always\n"
	"  --segment-mib N      size of its segments (default 64)\n"
	"\n"
	"Where the capture has replies, they are compared with the new ones:\n"
	"  --differences N      tell the first N (default 10)\n"
	"  --strict             exit code 1 if there is any\n"
	"\n"
	"  --json               one JSON object instead of words\n"
	"  --quiet              no progress on stderr\n"
	"\n"
	"Exit code 0: replayed; 1: replayed, with differences and --strict, or the capture is\n"
	"damaged or was not replayed to its end; 2: could not run.\n";

enum {
	OPT_OFFLINE = 256,
	OPT_CATALOG,
	OPT_KEYS,
	OPT_SHARDS,
	OPT_BASE_PORT,
	OPT_JOURNAL,
	OPT_SEGMENT_MIB,
	OPT_DIFFERENCES,
	OPT_STRICT,
	OPT_JSON,
	OPT_QUIET,
	OPT_HELP,
};

static const struct option long_options[] = {
	{"offline", no_argument, NULL, OPT_OFFLINE},
	{"catalog", required_argument, NULL, OPT_CATALOG},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"shards", required_argument, NULL, OPT_SHARDS},
	{"base-port", required_argument, NULL, OPT_BASE_PORT},
	{"journal", required_argument, NULL, OPT_JOURNAL},
	{"segment-mib", required_argument, NULL, OPT_SEGMENT_MIB},
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

static bool read_switch(int option, struct replay_options *options)
{
	switch (option) {
	case OPT_OFFLINE:
		return options->offline = true;
	case OPT_STRICT:
		return options->strict = true;
	case OPT_JSON:
		return options->json = true;
	case OPT_QUIET:
		return options->quiet = true;
	default:
		return cli_wrong("see doorbuster replay --help");
	}
}

static bool read_option(int option, const char *text, struct replay_options *options)
{
	switch (option) {
	case OPT_CATALOG:
		return add_variant(options, text, NULL);
	case OPT_KEYS:
		options->keys = text;
		return true;
	case OPT_SHARDS:
		return cli_u16("--shards", text, 1, SHARDS_MAX, &options->shards);
	case OPT_BASE_PORT:
		return cli_u16("--base-port", text, 1, UINT16_MAX, &options->base_port);
	case OPT_JOURNAL:
		options->journal = text;
		return true;
	case OPT_SEGMENT_MIB:
		return cli_u32("--segment-mib", text, 1, 4096, &options->segment_mib);
	case OPT_DIFFERENCES:
		return cli_u32("--differences", text, 0, 1000000, &options->differences_max);
	default:
		return read_switch(option, options);
	}
}

static bool check_together(const struct replay_options *options)
{
	if (options->capture == NULL)
		return cli_wrong("CAPTURE is missing; see doorbuster replay --help");
	if (!options->offline)
		return cli_wrong("--offline is missing");
	if (options->variant_cnt == 0)
		return cli_wrong("--catalog FILE is missing");
	if (options->keys == NULL)
		return cli_wrong("--keys FILE is missing");
	if (options->journal != NULL && options->variant_cnt > 1)
		return cli_wrong("--journal: of one sale only; leave the other catalogs out");
	return true;
}

enum options_result replay_options_parse(struct replay_options *options, int argc, char **argv)
{
	int option;

	*options = (struct replay_options){
		.base_port = WIRE_BASE_PORT,
		.shards = 1,
		.segment_mib = SEGMENT_BYTES >> 20,
		.differences_max = 10,
	};
	/* "-": what is no flag comes as option 1, wherever it stands. */
	while ((option = getopt_long(argc, argv, "-", long_options, NULL)) != -1) {
		if (option == OPT_HELP) {
			fputs(help, stdout);
			return OPTIONS_HELP;
		}
		if (option == 1 && options->capture != NULL) {
			cli_wrong("'%s': one capture at a time; mergecap makes one of several",
				  optarg);
			return OPTIONS_WRONG;
		}
		if (option == 1)
			options->capture = optarg;
		else if (!read_option(option, optarg, options))
			return OPTIONS_WRONG;
	}
	return check_together(options) ? OPTIONS_OK : OPTIONS_WRONG;
}
