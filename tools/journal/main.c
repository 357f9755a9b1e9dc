/*
 * doorbuster-journal: looks at a journal. verify proves that it is whole and that its sums are
 * right, with the engine's own code; dump prints its records; checkpoint writes states of its lanes
 * beside them, prune removes segments that nobody needs then; repair cuts what is damaged.
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
	"       doorbuster journal checkpoint DIR [--lane N] [--keep N] [--json]\n"
	"                          [--follow [--every-orders N]]\n"
	"       doorbuster journal prune DIR {--downstream-has LSN | --no-downstream}\n"
	"                          [--lane N] [--json]\n"
	"       doorbuster journal repair DIR [--lane N] [--cut] [--cut-at LSN] [--json]\n"
	"\n"
	"verify  checks every block of every lane, applies all records with the engine's own\n"
	"        code, checks initial + restocked == free + held + sold for every SKU, and\n"
	"        prints the state hash, which equals the one the engine prints on drain\n"
	"dump    prints every record: what was put on sale, what was sold, to whom\n"
	"checkpoint  writes the state of each lane beside it, for a start to begin with. It\n"
	"        takes from the lane only what a later block proves to be on disk\n"
	"prune   removes the segments that lie before the older of a lane's two newest good\n"
	"        checkpoints, the oldest first\n"
	"repair  for a lane that is damaged and of which there is no copy: shows where, and what\n"
	"        would be lost behind it. No engine may run. Changes nothing without --cut\n"
	"\n"
	"  --orders FILE   acknowledged orders, as `doorbuster load --orders FILE` writes them:\n"
	"                  each must be in the journal with the same content\n"
	"  --lane N        only this lane\n"
	"  --keep N        removes older checkpoints, but never one of the N newest good ones; 2\n"
	"  --follow        stays, and writes one every so many orders of a lane, and one when\n"
	"                  SIGTERM ends it; memory for every order it follows\n"
	"  --every-orders N   10,000,000 unless given: a checkpoint takes 64 bytes an order\n"
	"  --downstream-has LSN   removes only what the downstream journal has up to here\n"
	"  --no-downstream   there is none: nobody but this engine needs the segments\n"
	"  --cut           repair: keeps the original bytes and a report of the loss in\n"
	"                  DIR/repaired-TIME, then cuts the lane where it is damaged. Units of\n"
	"                  lost orders are free again, and their order ids are given again\n"
	"  --cut-at LSN    repair --lane N: cuts before the block that holds LSN, not later than\n"
	"                  the damage; also a lane whose blocks are whole but cannot be right\n"
	"  --json          verify: one object; dump: one record a line; others: a line a lane;\n"
	"                  repair also one for each lost record that can be read\n"
	"\n"
	"exit code: 0 all is right, or repaired; 1 damaged, sums wrong, or an order is missing;\n"
	"2 cannot be read, wrong usage, or not all could be printed. All but repair may run\n"
	"beside an engine and do not disturb it.\n";

static int wrong_usage(void)
{
	fputs(usage, stderr);
	return CLI_EXIT_FAILED;
}

enum flag {
	FLAG_ORDERS = 1,
	FLAG_LANE,
	FLAG_CUT,
	FLAG_CUT_AT,
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

static const struct option repair_flags[] = {
	{"lane", required_argument, NULL, FLAG_LANE},     {"cut", no_argument, NULL, FLAG_CUT},
	{"cut-at", required_argument, NULL, FLAG_CUT_AT}, {"json", no_argument, NULL, FLAG_JSON},
	{"help", no_argument, NULL, FLAG_HELP},           {NULL, 0, NULL, 0},
};

bool journal_one_directory(int argc, char **argv, const char **path)
{
	if (optind + 1 == argc) {
		*path = argv[optind];
		return true;
	}
	if (optind == argc)
		cli_wrong("no directory given; name the --data directory of the engine");
	else
		cli_wrong("one directory at a time; %s is too much", argv[optind + 1]);
	return false;
}

bool journal_open_dir(struct data_dir *dir, const char *path, int lane)
{
	char error[TOOL_ERROR_BYTES];

	if (data_dir_read(dir, path, error, sizeof(error)) != 0)
		return cli_wrong("%s", error);
	if (lane >= dir->shards)
		return cli_wrong("--lane %d: this journal has lanes 0 to %u", lane,
				 dir->shards - 1U);
	return true;
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
	if (!journal_one_directory(argc, argv, &options.path))
		return wrong_usage();
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
	if (!journal_one_directory(argc, argv, &options.path))
		return wrong_usage();
	return journal_dump(&options);
}

/* What a verb that knows its own flags returned. */
static int finish(int result)
{
	if (result == JOURNAL_WRONG_USAGE)
		return wrong_usage();
	if (result != JOURNAL_HELP)
		return result;
	fputs(usage, stdout);
	return CLI_EXIT_GOOD;
}

static int repair(int argc, char **argv)
{
	struct repair_options options = {.lane = EVERY_LANE};
	uint16_t lane;
	int flag;

	while ((flag = getopt_long(argc, argv, "", repair_flags, NULL)) != -1) {
		switch (flag) {
		case FLAG_LANE:
			if (!cli_u16("--lane", optarg, 0, SHARDS_MAX - 1, &lane))
				return CLI_EXIT_FAILED;
			options.lane = lane;
			break;
		case FLAG_CUT:
			options.cut = true;
			break;
		case FLAG_CUT_AT:
			if (!cli_u64("--cut-at", optarg, 1, LSN_MAX, &options.cut_at))
				return CLI_EXIT_FAILED;
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
	if (!journal_one_directory(argc, argv, &options.path))
		return wrong_usage();
	if (options.cut_at > 0 && options.lane == EVERY_LANE) {
		cli_wrong("--cut-at: LSNs are a lane's own; say which with --lane");
		return CLI_EXIT_FAILED;
	}
	return journal_repair(&options);
}

static int run(int argc, char **argv)
{
	if (argc >= 2 && strcmp(argv[1], "verify") == 0)
		return verify(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "dump") == 0)
		return dump(argc - 1, argv + 1);
	if (argc >= 2 && strcmp(argv[1], "checkpoint") == 0)
		return finish(journal_checkpoint(argc - 1, argv + 1));
	if (argc >= 2 && strcmp(argv[1], "prune") == 0)
		return finish(journal_prune(argc - 1, argv + 1));
	if (argc >= 2 && strcmp(argv[1], "repair") == 0)
		return repair(argc - 1, argv + 1);
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
