/*
 * model_plan: what a random sale has on offer, and what its buyers ask: few SKUs, few buyers, small
 * numbers, so that they meet at each limit and instant again and again. A seed always gives the
 * same plan and, from the same state of the models, the same requests.
 */
#ifndef DB_TESTS_ENGINE_SALE_MODEL_PLAN_H
#define DB_TESTS_ENGINE_SALE_MODEL_PLAN_H

#include "tests/engine/sale/model.h"
#include "tests/sim/random.h"

enum {
	PLAN_SHARDS = 2,
	PLAN_RECORDS_MAX = 2 * MODEL_OFFERS_MAX,
	PLAN_ASKED_MAX = 256,
	PLAN_BASKETS_MAX = 8,
	PLAN_LINES_MAX = 5,
};

struct plan {
	struct sim_random random;
	uint64_t begin_ns;
	uint64_t buyers; /* 1 .. buyers */
	/* The first records of each lane: its offers, and what another lane sells. */
	uint32_t record_cnt[PLAN_SHARDS];
	struct record records[PLAN_SHARDS][PLAN_RECORDS_MAX];
	uint64_t skus[MODEL_OFFERS_MAX];
	uint32_t sku_cnt;
	/* Places in the tables of each lane, some of them soon full. */
	uint64_t bought_max;
	uint64_t holds_max;
	uint64_t changes_max;
	uint64_t ids;
	/* Requests that a lane was asked before, to be asked again: a ring. */
	struct wire_request asked[PLAN_SHARDS][PLAN_ASKED_MAX];
	uint64_t asked_cnt[PLAN_SHARDS];
	/* The same for baskets. */
	struct plan_basket {
		struct wire_request lines[PLAN_LINES_MAX];
		uint32_t cnt;
	} baskets[PLAN_SHARDS][PLAN_BASKETS_MAX];
	uint64_t basket_cnt[PLAN_SHARDS];
};

void plan_make(struct plan *plan, uint64_t seed);

/* A request to the lane of this model. */
struct wire_request plan_request(struct plan *plan, const struct model *model);

/* A basket to the lane of this model, or what is nearly one. */
struct plan_basket plan_basket(struct plan *plan, const struct model *model);

/* The lane's clock after some time: often the very end of a hold, or a ns before or after it. */
uint64_t plan_later(struct plan *plan, const struct model *model, uint64_t now_ns);

/* When a request that is decided now was asked. */
uint64_t plan_asked(struct plan *plan, uint64_t now_ns);

#endif
