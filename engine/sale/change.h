/*
 * change: what happens to orders after they were committed: holds begin, are confirmed, released,
 * lengthened, run out; units come back. The rules are here once, for decide and for recovery alike.
 * For the files of this room only.
 */
#ifndef DB_ENGINE_SALE_CHANGE_H
#define DB_ENGINE_SALE_CHANGE_H

#include "engine/sale/shard_state.h"

/* What an order id names. */
struct target {
	struct order *order; /* as it was committed; NULL: there is none */
	struct hold *hold;   /* NULL: it was bought, and no unit came back */
};

/* The order with this LSN that is of this offer. */
struct target target_find(const struct shard *shard, uint64_t lsn, uint32_t offer_idx);

/* A change that is asked for. */
struct change {
	uint8_t kind; /* RECORD_CONFIRM, RECORD_RELEASE, RECORD_EXTEND, RECORD_RETURN */
	bool write_off;
	bool refund;       /* a CONFIRM that another line of its basket makes a refund */
	uint16_t quantity; /* 0 of a RELEASE: all */
	uint64_t buyer;
	uint64_t at_ns;
};

/* What it does. */
struct effect {
	enum verdict verdict;
	bool commits;
	uint8_t flags;       /* of its record */
	uint16_t quantity;   /* of its record */
	uint64_t instant_ns; /* of the answer */
};

/* No state changes. The target's hold is not open any more if it has ended by change->at_ns: that
 * must have been recorded. */
void change_judge(const struct shard *shard, const struct offer *offer, const struct target *target,
		  const struct change *change, struct effect *effect);

/* The answer that a change got when it was committed. */
enum verdict change_verdict(const struct order *change);
uint64_t change_instant_ns(const struct shard *shard, const struct order *change,
			   const struct hold *hold);

/*
 * These commit a record as LSN next_lsn. The caller has checked stock, limits and room, and that
 * change_judge says the same.
 */
void change_commit_hold(struct shard *shard, const struct record *record, struct offer *offer,
			const struct limit_counts *counts, const struct lookup *key);
void change_commit(struct shard *shard, const struct record *record, struct offer *offer,
		   const struct target *target, uint64_t order_hash);

/* Whether the tables have room for a hold, or for a change that is not a CONFIRM, and keep room for
 * a CONFIRM of each hold that may get one. */
bool change_has_room(const struct shard *shard);

/* The buyer's counts that bind a sale of this offer. */
struct limit_counts counts_find(const struct shard *shard, const struct offer *offer,
				uint64_t buyer);

/* Whether a buyer may have so many units more. */
bool limits_allow(const struct shard *shard, const struct offer *offer, uint64_t buyer,
		  uint32_t units);

/* Units that count as held become free, and leave what the buyer has. */
void units_back(struct shard *shard, struct offer *offer, uint64_t buyer, uint32_t units);

/* Whether an open hold has ended. One that is pinned does not end. */
static inline bool hold_has_ended(const struct hold *hold, uint64_t now_ns)
{
	return hold->state == HOLD_OPEN && hold->ends_at_ns <= now_ns && !hold->pinned;
}

/* These end holds by one EXPIRE record, which is made and committed as LSN next_lsn. */
void expire_one(struct shard *shard, struct hold *hold, uint64_t now_ns, struct record *record);
/* A run of at most holds_max of a list, whose first that is not pinned has ended by now. One that
 * stands after a pinned one is ended by itself. */
void expire_run(struct shard *shard, struct offer *offer, struct hold_list *list, uint64_t now_ns,
		uint32_t holds_max, struct record *record);
/* Commits an EXPIRE record of the lane, if its holds and units are those that it says. */
int expire_apply(struct shard *shard, const struct record *record, struct offer *offer,
		 const char **why);

/* Of the owner that holds of this offer and buyer have. */
uint64_t owner_hash(const struct shard *shard, const struct offer *offer, uint64_t buyer);

#endif
