/*
 * hold_census: a look at the open holds of a shard from another thread, while its owner works: how
 * many there are by age, and the SKUs of which most units are held. It costs the owner nothing, as
 * it only reads. Each value is one that was there; two may be of different moments, so that sums
 * need not agree while much is held and ended.
 */
#ifndef DB_ENGINE_SALE_HOLD_CENSUS_H
#define DB_ENGINE_SALE_HOLD_CENSUS_H

#include <stdint.h>

#include "engine/sale/hold_age.h"
#include "engine/sale/shard.h"

enum {
	/* SKUs that are named: a screenful. Metrics have a series for each. */
	CENSUS_SKUS_MAX = 20,
	/* Enough holds to look at for metrics: 128 MiB of memory, some 100 ms. */
	CENSUS_HOLDS_MAX = 1 << 20,
};

struct census_count {
	uint64_t holds;
	uint64_t units;
};

struct census_sku {
	uint64_t sku;
	uint64_t held_units; /* of the offer, also those whose hold was not looked at */
	uint64_t holds;
	uint64_t oldest_at_ns; /* when its oldest open hold began */
};

struct hold_census {
	struct census_count ages[HOLD_AGES];
	struct census_sku skus[CENSUS_SKUS_MAX]; /* most held units first */
	uint32_t sku_cnt;
	/* Open holds that were not looked at, because there are too many newer entries. */
	uint64_t unseen;
};

/* Looks at holds_max entries of the table at most, the newest first. Any thread. now_ns: wall
 * clock, by which ages are counted. The shard must stay open. */
void hold_census_take(const struct shard *shard, uint64_t now_ns, uint64_t holds_max,
		      struct hold_census *out);

#endif
