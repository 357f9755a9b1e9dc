/*
 * sizes: how big the tables of a shard must be for what it sells. Pure arithmetic: a sum over its
 * offers, and what an operator sets instead.
 *
 * Orders: one for each unit of stock, because each takes one. Of offers with a hold time, four
 * holds for each unit: most buyers who hold never pay, and every hold is remembered, as its answer
 * is final. Beside these, a sixteenth of the stock may come back (RETURN): each takes an entry of
 * the holds, and can be bought again. So a restart makes room, whatever there is already.
 */
#ifndef DB_ENGINE_CATALOG_SIZES_H
#define DB_ENGINE_CATALOG_SIZES_H

#include <stdint.h>

#include "engine/catalog/catalog.h"
#include "engine/sale/shard.h"

enum {
	HOLDS_A_UNIT = 4,
	/* Of so many orders, or holds, one has a line in another shard, at most. A hold's payment
	 * has one, too. */
	ORDERS_A_LINK = 8,
	HOLDS_A_LINK = 2,
	LINKS_AT_LEAST = 1024, /* where there are other shards, which may sell far more */
	CHANGES_A_HOLD = 3,    /* extended, confirmed or released, returned */
	UNITS_A_RETURN = 16,   /* one of so many units comes back */
	HOLDS_AT_LEAST = 1024, /* where there are any; a small sale can have many visitors */
};

/* All zeros: no offer was added, and there is one shard. */
struct catalog_sizes {
	uint64_t offer_cnt;
	uint64_t stock;
	uint64_t hold_stock;  /* of offers with a hold time */
	uint64_t count_stock; /* of offers with a limit, twice if both of buyer and group */
	uint32_t counts_max;  /* limits of one offer: 0 to 2 */
	bool holds_count;     /* an offer with a hold time has a limit */
	bool spans;           /* there are other shards: a basket may have lines there */
};

void catalog_sizes_add(struct catalog_sizes *sizes, const struct catalog_offer *offer);

/*
 * The tables for the offers that were added, but for placed_cnt. order_max: remember at most so
 * many orders; hold_max: remember so many holds, fewer or more than the stock asks for; 0: as the
 * stock asks for. had: what the lane has already and the tables must hold in any case.
 */
struct shard_size catalog_sizes_shard(const struct catalog_sizes *sizes, uint64_t order_max,
				      uint64_t hold_max, const struct shard_size *had);

#endif
