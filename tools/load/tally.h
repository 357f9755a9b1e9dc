/*
 * tally: the sums over the answers of a run, and whether they contradict each other.
 */
#ifndef DB_TOOLS_LOAD_TALLY_H
#define DB_TOOLS_LOAD_TALLY_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/client.h"
#include "tools/common/histogram.h"
#include "tools/load/mixed.h"
#include "tools/load/scenario.h"
#include "tools/load/waiting.h"

struct tally {
	const struct scenario *scenario;
	FILE *orders_file;         /* --orders; NULL: none */
	struct mixed_check *mixed; /* SCENARIO_MIXED: knows the right answer of each; else NULL */
	struct waiting *waiting;   /* who is asked to come back is put here; NULL: nobody is */
	uint64_t *order_ids;       /* by index: the order id of the answer, 0: none yet */
	uint8_t least_durability;  /* enum durability that an order must have at least */
	uint64_t answered;
	uint64_t unanswered;
	uint64_t accepted_new;
	uint64_t accepted_again;
	uint64_t units;
	/* Same request: another order, other content, or no more. Accepted: other units than were
	 * asked for, dearer than the buyer would pay, or resting on less than it must. */
	uint64_t contradictions;
	uint64_t verdicts[VERDICT_END];
	struct histogram latency_ns;
};

/* False: no memory. The tally must be zeroed. */
bool tally_open(struct tally *tally, const struct scenario *scenario, FILE *orders_file);
void tally_close(struct tally *tally);

/*
 * Whether the engine sells what the scenario buys: it knows every SKU, and some request was sold or
 * held, or refused as a sale refuses (sold out, limit reached). Of a catalog: at the file's prices,
 * too. True where nothing was answered.
 */
bool tally_fits(const struct tally *tally);

/* What the reply to the request `user` says, whenever it came. NOT_OPEN says when it may come back.
 */
void tally_reply(struct tally *tally, uint64_t user, const struct wire_reply *reply);

/* A client_answer_fn; context is the tally. */
void tally_answer(void *tally, const struct client_answer *answer);

#endif
