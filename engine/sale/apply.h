/*
 * apply: how records become state, for those of the lane (shard_apply.c) and those of a checkpoint
 * (shard_snapshot.c). For the files of this room only.
 */
#ifndef DB_ENGINE_SALE_APPLY_H
#define DB_ENGINE_SALE_APPLY_H

#include <errno.h>

#include "engine/sale/shard_state.h"

enum {
	/* Orders whose passes are made together (lookup.h): a pass over them takes as long as
	 * memory takes to arrive. */
	APPLY_BATCH_CNT = 64,
};

static inline int bad(const char **why, const char *text)
{
	*why = text;
	return -EBADMSG;
}

/* These apply a record as LSN next_lsn, with all that decide checked. Errors as shard_apply. */
int apply_offer(struct shard *shard, const struct record *record, const char **why);
int apply_placed(struct shard *shard, const struct record *record, const char **why);
int apply_clock(struct shard *shard, const struct record *record, const char **why);
/* An ORDER or a HOLD, by its key. as_of_ns: when it was judged. */
int apply_order(struct shard *shard, const struct record *record, const struct lookup *key,
		uint64_t as_of_ns, const char **why);
/* What is wrong with a purchase whatever its buyer has; NULL: nothing. */
const char *purchase_wrong(const struct record *record, const struct offer *offer,
			   uint64_t as_of_ns);

/* All passes over records of any kind, at most APPLY_BATCH_CNT. */
void apply_look_ahead(const struct shard *shard, const struct record *records, struct lookup *keys,
		      uint32_t cnt);

#endif
