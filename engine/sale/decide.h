/*
 * decide: (shard state, now, when it was asked, request) -> verdict, and a record if it commits.
 * Pure: no I/O, no clock of its own, no allocation. A refusal changes nothing.
 */
#ifndef DB_ENGINE_SALE_DECIDE_H
#define DB_ENGINE_SALE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/sale/dated.h"
#include "engine/sale/lookup.h"
#include "engine/sale/record.h"
#include "engine/sale/shard.h"
#include "net/wire.h"

struct decision {
	uint64_t order_id;
	uint64_t unit_price;
	uint64_t instant_ns;
	uint64_t wait_lsn; /* the answer waits until this record is acknowledged; 0: for none */
	uint32_t stock_left;
	uint16_t quantity;
	uint8_t verdict;
	uint8_t would_be; /* of a line of a basket that would commit (basket.h): its verdict */
	bool committed;   /* *record was filled and is record wait_lsn */
	/* *record was filled with holds that have ended, on which the answer depends, and was
	 * applied; there is no answer yet: put the record into the lane and decide the same request
	 * again. */
	bool again;
};

/* Whether a line of a basket was only judged, and would commit. */
static inline bool decision_would_commit(const struct decision *decision)
{
	DCHECK(decision->verdict < VERDICT_END && decision->would_be < VERDICT_END);
	return decision->would_be != VERDICT_NONE && decision->verdict == VERDICT_NONE;
}

/*
 * A pass over cnt requests of one shard that are still to be decided, by their keys (lookup.h).
 * Only pass 0 is required before decide. The others, in their order, save waiting: best when pass n
 * is lookup_ahead_cnt(n) requests ahead of the decision. Changes no state.
 */
void lookup_pass(unsigned pass, const struct shard *shard, struct lookup *keys, uint32_t cnt);

/* All passes at once, for callers that have nothing to do between them. */
void lookup_all(const struct shard *shard, const struct wire_request *requests, struct lookup *keys,
		uint32_t cnt);

/*
 * Decides one request at now_ns (lane clock; falls only at a clock record). asked_ns, at most that,
 * is when it was made: an offer that opened after that is not open to it. ASKED_STALE: an order
 * committed before is answered again, but nothing new commits. On commit fills *record and changes
 * the state, exactly as shard_apply of that record would. `record` NULL means the journal has no
 * room: what would commit gets VERDICT_JOURNAL_FULL. What depends on a hold that has ended by now
 * is decided after a record of that end: see `again`.
 */
void decide(struct shard *shard, uint64_t now_ns, uint64_t asked_ns,
	    const struct wire_request *request, const struct lookup *key, struct record *record,
	    struct decision *decision);

#endif
