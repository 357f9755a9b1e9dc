/*
 * doorbuster-journal: looks at a journal. verify proves that it is whole and that its sums are
 * right, with the engine's own code; dump prints its records; checkpoint writes states of its lanes
 * beside them, prune removes segments that nobody needs then; repair cuts what is damaged.
 */
#include <stdio.h>
#include <string.h>

#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

static const char usage[] =
	"usage: doorbuster journal verify DIR [--orders FILE] [--json]\n"
	"       doorbuster journal dump DIR [--lane N] [--json]\n"
	"       doorbuster journal checkpoint DIR [--lane N] [--keep N] [--json]\n"
	"                          [--follow [--every-orders N]]\n"
	"       doorbuster journal prune DIR [--downstream-has LSN | --no-downstream]\n"
	"                          [--lane N] [--json]\n"
	"       doorbuster journal repair DIR [--lane N] [--cut] [--cut-at LSN] [--json]\n"
	"\n"
	"verify  checks every block of every lane, applies all records with the engine's own\n"
	"        code, checks initial + restocked == free + held + sold for every SKU, and\n"
	"        prints the state hash, which equals the one the engine prints on drain. Checks\n"
	"        every checkpoint, and that the lane gives its state; begins a pruned lane behind\n"
	"        its oldest good one\n"
	"dump    prints every record: what was put on sale, what was sold, to whom; what a pruned\n"
	"        lane has no more, from a checkpoint\n"
	"checkpoint  writes the state of each lane beside it, for a start to begin with. It\n"
	"        takes from the lane only what a later block proves to be on disk\n"
	"prune   removes the segments that lie before the older of a lane's two newest good\n"
	"        checkpoints, the oldest first, but none that the downstream of a relay with a\n"
	"        position in DIR (downstream-NAME) has not got\n"
	"repair  for a lane that is damaged and of which there is no copy: shows where, and what\n"
	"        would be lost behind it; what a good checkpoint has is kept. No engine may run.\n"
	"        Changes nothing without --cut\n"
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
	"exit code: 0 all is right, or repaired; 1 a lane or a checkpoint is damaged or lacks "
	"what\n"
	"the other has, sums are wrong, or an order is missing;\n"
	"2 cannot be read, wrong usage, or not all could be printed. All but repair may run\n"
	"beside an engine and do not disturb it.\n";

static int wrong_usage(void)
{
	fputs(usage, stderr);
	return CLI_EXIT_FAILED;
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

static const struct {
	const char *name;
	int (*run)(const struct tool_options *options);
} verbs[] = {
	[VERB_VERIFY] = {"verify", journal_verify},
	[VERB_DUMP] = {"dump", journal_dump},
	[VERB_CHECKPOINT] = {"checkpoint", journal_checkpoint},
	[VERB_PRUNE] = {"prune", journal_prune},
	[VERB_REPAIR] = {"repair", journal_repair},
};

static int run_verb(enum journal_verb verb, int argc, char **argv)
{
	struct tool_options options;

	switch (journal_parse(verb, argc, argv, &options)) {
	case JOURNAL_WRONG_USAGE:
		return wrong_usage();
	case JOURNAL_WRONG_VALUE:
		return CLI_EXIT_FAILED;
	case JOURNAL_PARSED:
		break;
	}
	if (!options.help)
		return verbs[verb].run(&options);
	fputs(usage, stdout);
	return CLI_EXIT_GOOD;
}

static int run(int argc, char **argv)
{
	for (unsigned i = 0; argc >= 2 && i < sizeof(verbs) / sizeof(verbs[0]); i++) {
		if (strcmp(argv[1], verbs[i].name) == 0)
			return run_verb((enum journal_verb)i, argc - 1, argv + 1);
	}
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
