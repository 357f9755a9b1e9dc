/*
 * spanning: the tables of baskets over several shards: links (links.h) and lines that wait
 * (prepare.h). Memory only: what decides and what is conserved is the shard's.
 */
#ifndef DB_ENGINE_SALE_SPANNING_H
#define DB_ENGINE_SALE_SPANNING_H

#include <stdint.h>

#include "alloc/arena.h"
#include "engine/sale/index.h"
#include "engine/sale/record.h"
#include "engine/sale/snapshot.h"

struct prepared {
	struct record record;
	uint64_t lsn; /* of it; 0: a free place */
	uint32_t next_free;
};

/* In a shard of which prepared_cnt places are in use. */
struct prepared_table {
	struct prepared *list; /* PREPARED_MAX places */
	struct index index;    /* by request id and SKU */
	uint32_t fresh;        /* places never used begin here */
	uint32_t first_free;   /* used before: a list of places, PREPARED_MAX ends it */
};

uint64_t prepare_bytes(void);

/* 0 or -ENOMEM. The memory is the arena's. */
int prepare_open(struct prepared_table *table, struct arena *arena);

/* The line of this request, by its hash, or NULL. */
struct prepared *prepared_find(const struct prepared_table *table, uint64_t order_hash,
			       const uint64_t id[2], uint64_t sku);

struct links {
	struct snapshot_link *list; /* by LSN */
	uint64_t cnt;
	uint64_t cnt_max;
};

uint64_t links_bytes(uint64_t cnt_max);

/* 0 or -ENOMEM. The memory is the arena's. */
int links_open(struct links *links, struct arena *arena, uint64_t cnt_max);

/* The link with this LSN, or NULL. */
const struct snapshot_link *links_find(const struct links *links, uint64_t lsn);

#endif
