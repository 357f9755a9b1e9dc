/*
 * basket: lines of one buyer that commit all or not at all. Each line is judged as if those before
 * it had been committed; only if none of them is refused are they committed, one record each, which
 * belong into one block of the lane. A basket of CONFIRMs of which one is too late is a refund as a
 * whole, and final: its buyer paid once.
 */
#ifndef DB_ENGINE_SALE_BASKET_H
#define DB_ENGINE_SALE_BASKET_H

#include <stdint.h>

#include "engine/sale/decide.h"

struct basket {
	struct shard *shard;
	uint64_t now_ns;
	uint64_t asked_ns; /* as decide's */
	const struct wire_request *lines;
	const struct lookup *keys; /* after lookup_pass 0 */
	uint32_t cnt;              /* 1 to WIRE_ENTRY_CNT_MAX */
	bool to_prepare;           /* if it commits, its lines are set aside: prepare_line */
	bool links_follow;         /* it goes on after these lines, in other shards */
	bool late_elsewhere;       /* another shard's line of its payment came too late */
	bool refund;               /* set by basket_judge: so did one of these, or that */
};

/* Why these lines are no basket, for each of them; VERDICT_NONE: they are. */
enum verdict basket_wrong(const struct wire_request *lines, uint32_t cnt);

enum basket_outcome {
	BASKET_ANSWERED, /* the decisions are the answers */
	BASKET_COMMITS,  /* each line is to be committed by basket_commit */
	BASKET_AGAIN,    /* *record was filled, and applied: as decision.again */
};

/* record: as decide's. decisions: one a line. Lines of other shards are refused as WRONG_SHARD. */
enum basket_outcome basket_judge(struct basket *basket, struct record *record,
				 struct decision *decisions);

/* Right after BASKET_COMMITS, for each line in order: fills *record, which is the next LSN. */
void basket_commit(const struct basket *basket, uint32_t line, struct record *record,
		   struct decision *decision);

/* A line of a whole basket. */
struct basket_part {
	uint16_t shard;      /* that has it */
	uint64_t hold_id[2]; /* of another shard's: the request id of its hold */
};

/*
 * The lines of a request for a whole basket (WIRE_ENTRY_WHOLE_BASKET), as requests for one order
 * each, to be decided as a basket. How many there are; 0: the request names no basket of its buyer
 * that was held; then decide answers it. Lines of other shards are to be completed there.
 */
uint32_t basket_lines(const struct shard *shard, const struct wire_request *request,
		      struct wire_request lines[WIRE_ENTRY_CNT_MAX],
		      struct basket_part parts[WIRE_ENTRY_CNT_MAX]);

/* Completes such a line in its shard: VERDICT_NONE; or why not: NOT_FOUND, or UNDER_WAY where the
 * hold itself is only set aside. */
enum verdict basket_complete(const struct shard *shard, const uint64_t hold_id[2],
			     struct wire_request *line);

/* The answer to such a request, made of those to its lines. */
void basket_sum(const struct decision *decisions, uint32_t cnt, struct decision *sum);

#endif
