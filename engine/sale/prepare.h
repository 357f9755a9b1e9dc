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

#include "engine/sale/basket.h"
#include "engine/sale/record.h"
#include "engine/sale/spanning.h"

struct shard;

/* Gives back what is set aside, and the places: before the shard is cleared. */
void prepare_forget(struct shard *shard);

/* The line in a place: what prepare_line returned. */
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
