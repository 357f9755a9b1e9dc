/*
 * model_run: random sales, decided by the engine and by the model, which must agree in everything.
 * Each record is also applied to a second shard, as recovery does, and now and then the state goes
 * through its snapshot into a third one, which sells on. A sale follows from its seed alone.
 */
#ifndef DB_TESTS_ENGINE_SALE_MODEL_RUN_H
#define DB_TESTS_ENGINE_SALE_MODEL_RUN_H

#include "tests/engine/sale/model_check.h"

enum {
	MODEL_SALE_OPERATIONS = 1000,
};

struct model_tally {
	uint64_t operations;
	uint64_t verdicts[VERDICT_END];
	uint64_t expired_runs;
	uint64_t expired_singly;
	uint64_t again; /* decisions that first wrote that holds had ended */
	uint64_t reloads;
	uint64_t baskets; /* that committed */
	uint64_t basket_refunds;
	uint64_t whole_baskets; /* asked for by their ids */
	uint64_t clock_backs;
	uint64_t prepared; /* lines that waited for other shards, and what became of them */
	uint64_t carried_out;
	uint64_t aborted;
	uint64_t links;
};

/* Runs a sale of so many operations. False, and what differs, with the number of the operation.
 * trace: prints each operation. Adds to *tally. */
bool model_run_sale(uint64_t seed, uint64_t operations, bool trace, struct model_tally *tally,
		    struct difference *difference);

/* Sales of MODEL_SALE_OPERATIONS from this seed on, until so many operations are done. The text of
 * a difference then also says which seed it was. */
bool model_run(uint64_t seed, uint64_t operations, struct model_tally *tally,
	       struct difference *difference);

#endif
