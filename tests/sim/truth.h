/*
 * truth: what was written in which order, kept beside the disk: every record of every block that a
 * journal gave to it. What is read back must be a prefix of it. A second state is replayed from it,
 * to be compared with the recovered one.
 */
#ifndef DB_TESTS_SIM_TRUTH_H
#define DB_TESTS_SIM_TRUTH_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/journal/format.h"
#include "engine/sale/shard.h"
#include "net/wire.h"
#include "tests/sim/ledger.h"
#include "tests/support/lane_rule.h"

enum {
	TRUTH_RECORDS_MAX = LEDGER_RECORDS_MAX,
	TRUTH_TENDED_MAX = LEDGER_RECORDS_MAX,
};

/* A lane ended holds at this instant, with room for more records after this one. */
struct truth_tended {
	uint64_t at_ns;
	uint64_t lsn;
};

struct truth {
	struct record records[TRUTH_RECORDS_MAX]; /* by LSN */
	bool down[TRUTH_RECORDS_MAX];             /* reported done by the disk */
	uint64_t written_lsn;                     /* records up to it were given to the disk */
	uint64_t down_lsn;                        /* records up to it are all down */
	uint64_t kept_lsn;                        /* records up to it were recovered */
	uint64_t kept_at_ns;                      /* the lane clock that was recovered */
	/* The hash asked for last: it is asked for again and again. */
	uint64_t hashed_lsn; /* 0: none */
	struct shard_hash hash;
	struct ledger ledger; /* of what was written */
	/* Those of this life whose records were not all written, oldest first. */
	struct truth_tended tended[TRUTH_TENDED_MAX];
	unsigned tended_cnt;
	uint64_t ran_out_cnt; /* of the ledger, at the latest that was checked */
};

/* Before the first life. */
void truth_begin(struct truth *truth, struct tally *tally);

/* sim_block_fn. */
void truth_block(void *context, const struct block_header *block, bool down);

/* Checks that an image holds, up to its end by the rule, a prefix of what was written. */
struct rule_outcome truth_read(const struct truth *truth, const struct rule_lane *image);

/* A recovery ended at this tail: records written after it count as never written. */
void truth_cut(struct truth *truth, const struct lane_tail *tail);

/* Checks that no request is there twice among the records up to an LSN. All else was checked when
 * they were written (ledger.h). */
void truth_check(const struct truth *truth, uint64_t last_lsn);

/* A turn of the lane ended at this instant of its clock with these records committed. Once they are
 * written, checks that no hold was open that ended more than 10 ms before. */
void truth_tended(struct truth *truth, uint64_t at_ns, uint64_t last_lsn);

/* Checks that a shard counts what the records say; all that was written was applied to it. */
void truth_compare(const struct truth *truth, const struct shard *shard);

/* The hash of a fresh shard that these records were applied to. */
struct shard_hash truth_hash(struct truth *truth, uint64_t last_lsn, uint16_t lane,
			     uint16_t shards);

/* Whether at some LSN from this one on a buyer could not have had these units, whatever he held and
 * whatever had ended by this instant. */
bool truth_was_short(const struct truth *truth, uint64_t from, const struct wire_request *request,
		     uint64_t at_ns);

/* The record of a request up to an LSN; 0 if there is none. */
uint64_t truth_find(const struct truth *truth, uint64_t last_lsn, const uint64_t id[2],
		    uint64_t sku);

#endif
