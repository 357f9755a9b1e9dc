/*
 * decide: (shard state, now, request) -> verdict, and a record if it commits. Pure: no I/O, no
 * clock of its own, no allocation. A refusal changes nothing.
 */
#ifndef DB_ENGINE_DECIDE_H
#define DB_ENGINE_DECIDE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/journal_format.h"
#include "engine/shard.h"
#include "net/wire.h"

/* Hashes of a request, computed once by decide_prefetch. */
struct decide_key {
	uint64_t offer_hash;
	uint64_t order_hash;
	uint64_t buyer_hash;
};

struct decision {
	uint64_t order_id;
	uint64_t unit_price;
	uint64_t instant_ns;
	uint64_t wait_lsn; /* the answer rests on this record: 0 none, else durable before it is
			      told */
	uint32_t stock_left;
	uint16_t quantity;
	uint8_t verdict;
	bool committed; /* *record was filled and is record wait_lsn */
};

/* Hashes a request and asks for the cache lines it will touch. */
void decide_prefetch(const struct shard *shard, const struct wire_request *request,
		     struct decide_key *key);

/*
 * Decides one request at now_ns (lane clock, never falling). On commit fills *record and changes
 * the state, exactly as shard_apply of that record would. `record` NULL means the journal has no
 * room: what would commit gets VERDICT_JOURNAL_FULL.
 */
void decide(struct shard *shard, uint64_t now_ns, const struct wire_request *request,
	    const struct decide_key *key, struct record *record, struct decision *decision);

#endif
