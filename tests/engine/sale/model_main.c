/*
 * model: random sales without an end, decided by the engine and by its model (model_run.h). Prints
 * what differs, how to see it again, and at the end how often each verdict was given.
 *
 *	model FROM OPERATIONS       sales of seeds FROM, FROM + 1, ...
 *	model --trace SEED          each operation of a sale
 *
 * Exit code 1: engine and model differ.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/engine/sale/model_run.h"

static void print(const struct model_tally *tally)
{
	printf("%" PRIu64 " baskets, %" PRIu64 " of them refunds, %" PRIu64 " by their ids\n",
	       tally->baskets, tally->basket_refunds, tally->whole_baskets);
	printf("%" PRIu64 " operations, %" PRIu64 " reloads, %" PRIu64 " clocks set back, %" PRIu64
	       " runs and %" PRIu64 " single holds ended, %" PRIu64 " of these for a decision\n",
	       tally->operations, tally->reloads, tally->clock_backs, tally->expired_runs,
	       tally->expired_singly, tally->again);
	printf("%" PRIu64 " lines prepared, %" PRIu64 " carried out, %" PRIu64 " aborted, %" PRIu64
	       " links\n",
	       tally->prepared, tally->carried_out, tally->aborted, tally->links);
	for (unsigned i = 0; i < VERDICT_END; i++) {
		if (tally->verdicts[i] > 0)
			printf("  %-15s %" PRIu64 "\n", verdict_name((uint8_t)i),
			       tally->verdicts[i]);
	}
}

int main(int argc, char **argv)
{
	static struct model_tally tally;
	static struct difference difference;
	bool good;

	if (argc != 3) {
		fprintf(stderr, "usage: model FROM OPERATIONS | --trace SEED\n");
		return 2;
	}
	if (strcmp(argv[1], "--trace") == 0)
		good = model_run_sale(strtoull(argv[2], NULL, 10), MODEL_SALE_OPERATIONS, true,
				      &tally, &difference);
	else
		good = model_run(strtoull(argv[1], NULL, 10), strtoull(argv[2], NULL, 10), &tally,
				 &difference);
	print(&tally);
	if (!good)
		fprintf(stderr, "%sthe same again: %s --trace SEED\n", difference.text, argv[0]);
	return good ? 0 : 1;
}
