/*
 * prepare: lines of baskets over several shards, between the two steps: what they ask for is set
 * aside, and the other shards are asked. Units that are set aside count as held; a hold whose
 * CONFIRM or RELEASE is prepared is pinned: it neither ends nor changes meanwhile.
 *
 * There are few at a time, and each soon becomes what it asked for or comes to nothing. The table
 * never grows.
 */
#ifndef DB_ENGINE_SALE_PREPARE_H
#define DB_ENGINE_SALE_PREPARE_H

#include <stdbool.h>
#include <stdint.h>

#include "alloc/arena.h"
#include "engine/sale/basket.h"
#include "engine/sale/index.h"
#include "engine/sale/record.h"

struct shard;

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

/* Gives back what is set aside, and the places: before the shard is cleared. */
void prepare_forget(struct shard *shard);

/* The line of this request, by its hash, or NULL. */
struct prepared *prepare_find(const struct shard *shard, uint64_t order_hash, const uint64_t id[2],
			      uint64_t sku);

/* The same, by place: what prepare_line returned. */
struct prepared *prepare_at(const struct shard *shard, uint32_t place);

/* The place of the first line from `place` on, PREPARED_MAX: there is none. */
uint32_t prepare_next(const struct shard *shard, uint32_t place);

/*
 * Right after basket_judge said BASKET_COMMITS, for each line in order: sets aside what the line
 * would commit, and fills its PREPARED record, the next LSN. Its place.
 */
uint32_t prepare_line(const struct basket *basket, uint32_t line, const struct decision *judged,
		      struct record *record);

/* Units that count as held because of the line in this place, and of which offer. */
uint32_t prepare_units(const struct shard *shard, uint32_t place);
uint32_t prepare_offer_idx(const struct shard *shard, uint32_t place);

/* Whether so many lines more can be prepared. */
bool prepare_has_room(const struct shard *shard, uint32_t cnt);

/* The line becomes what it asked for: fills its final record, the next LSN, and the decision.
 * refund: the payment for its basket is too late. The place is free afterwards. */
void prepare_commit(struct shard *shard, uint32_t place, uint64_t now_ns, bool refund,
		    struct record *record, struct decision *decision);

/* It comes to nothing: fills its ABORTED record, the next LSN. */
void prepare_abort(struct shard *shard, uint32_t place, uint64_t now_ns, struct record *record);

/* These apply such records of the lane. Errors as shard_apply. */
int apply_prepared(struct shard *shard, const struct record *record, const struct lookup *key,
		   const char **why);
int apply_aborted(struct shard *shard, const struct record *record, const struct lookup *key,
		  const char **why);
/* A final record: gives back what was set aside for it. *as_of_ns: when it was judged. */
int apply_was_prepared(struct shard *shard, const struct record *record, const struct lookup *key,
		       uint64_t *as_of_ns, const char **why);

/* An entry of a checkpoint: sets aside what the record says. */
int prepare_load(struct shard *shard, const struct record *record, uint64_t lsn, const char **why);

#endif
