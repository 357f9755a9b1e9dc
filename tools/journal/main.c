/*
 * doorbuster-journal: looks at a journal. verify proves that it is whole and that its sums are
 * right, with the engine's own code; dump prints its records; holds says who holds what; checkpoint
 * writes states of its lanes beside them; prune removes segments that nobody needs any more; repair
 * cuts what is damaged.
 */
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

static const char usage[] =
	"usage: doorbuster journal verify DIR [--orders FILE] [--json]\n"
	"       doorbuster journal dump DIR [--lane N] [--json [--numbers]]\n"
	"       doorbuster journal dump DIR --catalog [--against FILE]\n"
	"       doorbuster journal holds DIR [--lane N] [--json [--numbers]]\n"
	"       doorbuster journal checkpoint DIR [--lane N] [--keep N] [--json]\n"
	"                          [--follow [--every-orders N]]\n"
	"       doorbuster journal prune DIR [--downstream-has LSN | --no-downstream]\n"
	"                          [--lane N] [--json]\n"
	"       doorbuster journal repair DIR [--lane N] [--cut] [--cut-at LSN]\n"
	"                          [--json [--numbers]]\n"
	"\n"
	"verify      checks every block of every lane and applies all records with the\n"
	"            engine's own code. Proves that stock == free + held + sold + written\n"
	"            off: after each block for the SKUs in it, at the end for all. Prints\n"
	"            the state hash, which equals that which the engine prints on drain.\n"
	"            Checks every checkpoint, and that the lane gives its state. A pruned\n"
	"            lane begins after its oldest good one\n"
	"dump        prints every record: what was put on sale, sold, held, paid, given\n"
	"            back, to whom. What a pruned lane no longer has comes from a\n"
	"            checkpoint, which keeps no records of holds that ran out; then\n"
	"            offers have no LSN\n"
	"holds       lists the open holds by SKU and age, their sums, the oldest, and\n"
	"            what became of all others\n"
	"checkpoint  writes the state of each lane beside it, for a start to begin with.\n"
	"            Takes from the lane only what a later block proves to be on disk\n"
	"prune       removes the segments before the older of a lane's two newest good\n"
	"            checkpoints, the oldest first. Keeps those that the downstream of a\n"
	"            relay with a position in DIR (downstream-NAME) does not have yet\n"
	"repair      for a damaged lane of which there is no copy: shows where, and what\n"
	"            would be lost after it; what a good checkpoint has is kept. No\n"
	"            engine may run. Changes nothing without --cut\n"
	"\n"
	"  --orders FILE   acknowledged orders, as `doorbuster load --orders FILE` writes\n"
	"                  them: each must be in the journal with the same content\n"
	"  --catalog       dump: what is on sale, as the file that `doorbuster serve\n"
	"                  --catalog` takes\n"
	"  --against FILE  dump --catalog: instead, every difference between that and\n"
	"                  FILE; exit code 1 if there is one\n"
	"  --lane N        only this lane\n"
	"  --keep N        remove older checkpoints, but none of the N newest good ones\n"
	"                  (default 2)\n"
	"  --follow        stay, and write a checkpoint every so many orders of a lane,\n"
	"                  and one when SIGTERM ends it. Needs memory for every order\n"
	"  --every-orders N\n"
	"                  default 10,000,000; a checkpoint takes 64 bytes an order\n"
	"  --downstream-has LSN\n"
	"                  remove only what the downstream journal has up to here\n"
	"  --no-downstream there is none: nobody but this engine needs the segments\n"
	"  --cut           repair: keep the original bytes and a report of the loss in\n"
	"                  DIR/repaired-TIME, then cut the lane where it is damaged.\n"
	"                  Units of lost orders are free again, and their order ids are\n"
	"                  given again\n"
	"  --cut-at LSN    repair --lane N: cut before the block that holds LSN, not\n"
	"                  later than the damage; also a lane whose blocks are whole but\n"
	"                  cannot be right\n"
	"  --json          verify and holds: one object; dump: a line a record; others: a\n"
	"                  line a lane; repair also one for each lost record that can\n"
	"                  be read\n"
	"  --numbers       64-bit values are numbers, not strings, which many readers\n"
	"                  round; only with --json\n"
	"\n"
	"With --follow, lines on stderr have time and level; not with\n"
	"DOORBUSTER_LOG=plain.\n"
	"Exit code 0: all is right, or repaired; 1: a lane or a checkpoint is damaged or\n"
	"lacks what the other has, sums are wrong, or an order is missing; 2: cannot be\n"
	"read, wrong usage, or not all could be printed. All but repair may run beside an\n"
	"engine and do not disturb it.\n";

static int wrong_usage(void)
{
	fputs(usage, stderr);
	return CLI_EXIT_FAILED;
}

bool journal_open_dir(struct data_dir *dir, const char *path, int lane)
{
	struct error error;

	if (data_dir_read(dir, path, &error) != 0)
		return cli_wrong("%s", error.text);
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
	[VERB_HOLDS] = {"holds", journal_holds},
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
