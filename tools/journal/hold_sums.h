/*
 * hold_sums: the open holds of some shards, added up by SKU and age.
 */
#ifndef DB_TOOLS_JOURNAL_HOLD_SUMS_H
#define DB_TOOLS_JOURNAL_HOLD_SUMS_H

#include <stdint.h>

#include "engine/sale/hold_age.h"
#include "engine/sale/shard.h"

struct hold_count {
	uint64_t holds;
	uint64_t units;
};

/* Of one SKU, or of all. */
struct hold_row {
	uint64_t sku;
	uint16_t lane;
	struct hold_count all;
	struct hold_count ages[HOLD_AGES]; /* their sum is `all` */
	struct hold_view oldest;           /* which began first; if there is one */
};

struct hold_sums {
	uint64_t now_ns;       /* by which ages are counted */
	struct hold_row *rows; /* by lane and SKU; only SKUs with an open hold */
	uint64_t row_cnt;
	struct hold_row total;      /* without SKU and lane */
	struct hold_count prepared; /* lines that wait for other shards, and units held for them */
	uint64_t held_cnt;          /* all that were ever held, and what became of them */
	uint64_t states[HOLD_STATE_END];
};

/* now_ns: wall clock. NULL: no memory. */
struct hold_sums *hold_sums_open(uint64_t now_ns);

/* Adds a shard; shards by their lanes, each once. 0 or -ENOMEM. */
int hold_sums_add(struct hold_sums *sums, const struct shard *shard, uint16_t lane);

/* NULL is allowed. */
void hold_sums_close(struct hold_sums *sums);

#endif
