/*
 * doorbuster-journal: looks at a journal. verify proves that it is whole and that its sums are
 * right, with the engine's own code; dump prints its records. Never writes to it.
 */
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "engine/limits.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

static const char usage[] =
	"usage: doorbuster journal verify DIR [--orders FILE] [--json]\n"
	"       doorbuster journal dump DIR [--lane N] [--json]\n"
	"\n"
	"verify  checks every block of every lane, applies all records with the engine's own\n"
	"        code, checks initial + restocked == free + held + sold for every SKU, and\n"
	"        prints the state hash, which equals the one the engine prints on drain\n"
	"dump    prints every record: what was put on sale, what was sold, to whom\n"
	"\n"
	"  --orders FILE   acknowledged orders, as `doorbuster load --orders FILE` writes them:\n"
	"                  each must be in the journal with the same content\n"
	"  --lane N        only this lane\n"
	"  --json          verify: one object; dump: one record a line\n"
	"\n"
	"exit code: 0 all is right; 1 damaged, sums wrong, or an order is missing; 2 cannot be\n"
	"read, wrong usage, or not all could be printed. A running engine is not disturbed.\n";

static int wrong_usage(void)
{
	fputs(usage, stderr);
	return CLI_EXIT_FAILED;
}

enum flag {
	FLAG_ORDERS = 1,
	FLAG_LANE,
	FLAG_JSON,
	FLAG_HELP,
};

static const struct option verify_flags[] = {
	{"orders", required_argument, NULL, FLAG_ORDERS},
	{"json", no_argument, NULL, FLAG_JSON},
	{"help", no_argument, NULL, FLAG_HELP},
	{NULL, 0, NULL, 0},
};

static const struct option dump_flags[] = {
	{"lane", required_argument, NULL, FLAG_LANE},
	{"json", no_argument, NULL, FLAG_JSON},
	{"help", no_argument, NULL, FLAG_HELP},
	{NULL, 0, NULL, 0},
};

static int one_directory(int argc, char **argv, const char **path)
{
	if (optind + 1 == argc) {
		*path = argv[optind];
		return CLI_EXIT_GOOD;
	}
	if (optind == argc)
		cli_wrong("no directory given; name the --data directory of the engine");
	else
		cli_wrong("one directory at a time; %s is too much", argv[optind + 1]);
	return wrong_usage();
}

static int verify(int argc, char **argv)
{
	struct verify_options options = {0};
	int flag;

	while ((flag = getopt_long(argc, argv, "", verify_flags, NULL)) != -1) {
		switch (flag) {
		case FLAG_ORDERS:
			options.orders = optarg;
			break;
		case FLAG_JSON:
			options.json = true;
			break;
		case FLAG_HELP:
			fputs(usage, stdout);
			return CLI_EXIT_GOOD;
		default:
			return wrong_usage();
		}
	}
	if (one_directory(argc, argv, &options.path) != CLI_EXIT_GOOD)
		return CLI_EXIT_FAILED;
	return journal_verify(&options);
}

static int dump(int argc, char **argv)
{
	struct dump_options options = {.lane = EVERY_LANE};
	uint16_t lane;
	int flag;

	while ((flag = getopt_long(argc, argv, "", dump_flags, NULL)) != -1) {
		switch (flag) {
		case FLAG_LANE:
			if (!cli_u16("--lane", optarg, 0, SHARDS_MAX - 1, &lane))
				return CLI_EXIT_FAILED;
			options.lane = lane;
			break;
		case FLAG_JSON:
			options.json = true;
			break;
		case FLAG_HELP:
			fputs(usage, stdout);
			return CLI_EXIT_GOOD;
		default:
			return wrong_usage();
		}
	}
	if (one_directory(argc, argv, &options.path) != CLI_EXIT_GOOD)
		return CLI_EXIT_FAILED;
	return journal_dump(&options);
}

static int run(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "verify") == 0)
		return verify(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "dump") == 0)
		return dump(argc - 1, argv + 1);
	if (argc == 2 && strcmp(argv[1], "--help") == 0) {
		fputs(usage, stdout);
		return CLI_EXIT_GOOD;
	}
	return wrong_usage();
}

int main(int argc, char **argv)
{
	cli_program("doorbuster journal");
	return cli_end(run(argc, argv));
}
