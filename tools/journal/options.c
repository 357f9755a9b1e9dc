#include "tools/journal/options.h"

#include <getopt.h>
#include <string.h>

#include "engine/base/limits.h"
#include "tools/common/cli.h"
#include "tools/common/record_print.h"

enum {
	KEEP_CNT = 2,
	KEEP_CNT_MAX = 1000,
	/* A checkpoint is written whole: at a million orders a second this is one in ten seconds.
	 */
	EVERY_ORDERS = 10000000,
};

enum flag {
	FLAG_ORDERS = 1,
	FLAG_LANE,
	FLAG_CATALOG,
	FLAG_AGAINST,
	FLAG_FOLLOW,
	FLAG_EVERY_ORDERS,
	FLAG_KEEP,
	FLAG_DOWNSTREAM_HAS,
	FLAG_NO_DOWNSTREAM,
	FLAG_CUT,
	FLAG_CUT_AT,
	FLAG_JSON,
	FLAG_NUMBERS,
	FLAG_HELP,
};

#define OF(verb) (1U << VERB_##verb)

static const struct {
	struct option option;
	unsigned verbs;
} flags[] = {
	{{"orders", required_argument, NULL, FLAG_ORDERS}, OF(VERIFY)},
	{{"lane", required_argument, NULL, FLAG_LANE}, ~OF(VERIFY)},
	{{"catalog", no_argument, NULL, FLAG_CATALOG}, OF(DUMP)},
	{{"against", required_argument, NULL, FLAG_AGAINST}, OF(DUMP)},
	{{"follow", no_argument, NULL, FLAG_FOLLOW}, OF(CHECKPOINT)},
	{{"every-orders", required_argument, NULL, FLAG_EVERY_ORDERS}, OF(CHECKPOINT)},
	{{"keep", required_argument, NULL, FLAG_KEEP}, OF(CHECKPOINT)},
	{{"downstream-has", required_argument, NULL, FLAG_DOWNSTREAM_HAS}, OF(PRUNE)},
	{{"no-downstream", no_argument, NULL, FLAG_NO_DOWNSTREAM}, OF(PRUNE)},
	{{"cut", no_argument, NULL, FLAG_CUT}, OF(REPAIR)},
	{{"cut-at", required_argument, NULL, FLAG_CUT_AT}, OF(REPAIR)},
	{{"json", no_argument, NULL, FLAG_JSON}, ~0U},
	{{"numbers", no_argument, NULL, FLAG_NUMBERS}, OF(DUMP) | OF(HOLDS) | OF(REPAIR)},
	{{"help", no_argument, NULL, FLAG_HELP}, ~0U},
};

enum {
	FLAG_CNT = sizeof(flags) / sizeof(flags[0]),
};

static bool take_lane(struct tool_options *options)
{
	uint16_t lane;

	if (!cli_u16("--lane", optarg, 0, SHARDS_MAX - 1, &lane))
		return false;
	options->lane = lane;
	return true;
}

/* False if its value is wrong. */
static bool take(int flag, struct tool_options *options)
{
	switch (flag) {
	case FLAG_ORDERS:
		options->orders = optarg;
		return true;
	case FLAG_LANE:
		return take_lane(options);
	case FLAG_CATALOG:
		return options->catalog = true;
	case FLAG_AGAINST:
		options->against = optarg;
		return true;
	case FLAG_FOLLOW:
		return options->follow = true;
	case FLAG_EVERY_ORDERS:
		return cli_u64("--every-orders", optarg, 1, LSN_MAX, &options->every_orders);
	case FLAG_KEEP:
		/* If only one were kept and turned bad, a pruned lane could not be recovered. */
		return cli_u32("--keep", optarg, 2, KEEP_CNT_MAX, &options->keep_cnt);
	case FLAG_DOWNSTREAM_HAS:
		options->has_downstream = true;
		return cli_u64("--downstream-has", optarg, 0, LSN_MAX, &options->downstream_lsn);
	case FLAG_NO_DOWNSTREAM:
		return options->no_downstream = true;
	case FLAG_CUT:
		return options->cut = true;
	case FLAG_CUT_AT:
		return cli_u64("--cut-at", optarg, 1, LSN_MAX, &options->cut_at);
	case FLAG_JSON:
		return options->json = true;
	case FLAG_NUMBERS:
		print_json_numbers();
		return options->numbers = true;
	default:
		return options->help = true;
	}
}

/* Flags that need each other. */
static bool fit_together(enum journal_verb verb, struct tool_options *options)
{
	if (options->every_orders > 0 && !options->follow)
		return cli_wrong("--every-orders: only with --follow; without it one checkpoint is "
				 "written");
	if (options->every_orders == 0)
		options->every_orders = EVERY_ORDERS;
	if (options->cut_at > 0 && options->lane == EVERY_LANE)
		return cli_wrong("--cut-at: LSNs are a lane's own; say which with --lane");
	if (options->numbers && !options->json)
		return cli_wrong("--numbers: only with --json");
	if (options->catalog && (options->json || options->lane != EVERY_LANE))
		return cli_wrong("--catalog: prints the CSV of all lanes; without --json and "
				 "--lane");
	if (options->against != NULL && !options->catalog)
		return cli_wrong("--against: only with --catalog");
	if (verb == VERB_PRUNE && options->has_downstream && options->no_downstream)
		return cli_wrong("prune: --downstream-has or --no-downstream, not both");
	return true;
}

enum journal_parsed journal_parse(enum journal_verb verb, int argc, char **argv,
				  struct tool_options *options)
{
	struct option taken[FLAG_CNT + 1] = {0};
	unsigned cnt = 0;
	int flag;

	*options = (struct tool_options){.lane = EVERY_LANE, .keep_cnt = KEEP_CNT};
	for (unsigned i = 0; i < FLAG_CNT; i++) {
		if ((flags[i].verbs >> verb & 1) != 0)
			taken[cnt++] = flags[i].option;
	}
	while ((flag = getopt_long(argc, argv, "", taken, NULL)) != -1) {
		if (flag == '?')
			return JOURNAL_WRONG_USAGE;
		if (!take(flag, options))
			return JOURNAL_WRONG_VALUE;
		if (options->help)
			return JOURNAL_PARSED;
	}
	if (optind + 1 != argc) {
		if (optind == argc)
			cli_wrong("no directory given; name the --data directory of the engine");
		else
			cli_wrong("one directory at a time; %s is too much", argv[optind + 1]);
		return JOURNAL_WRONG_USAGE;
	}
	options->path = argv[optind];
	return fit_together(verb, options) ? JOURNAL_PARSED : JOURNAL_WRONG_VALUE;
}
