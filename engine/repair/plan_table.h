/*
 * plan_table: two tables that say what a repair does with a lane, and with each of its checkpoints,
 * by the facts that were found (plan_facts). Exactly one row holds for any combination of facts.
 *
 * Pure data. Each value of a fact is a bit, so that a row can allow several.
 */
#ifndef DB_ENGINE_REPAIR_PLAN_TABLE_H
#define DB_ENGINE_REPAIR_PLAN_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/repair/decision.h"

/* The facts of a lane, in the order in which they are found. */
enum plan_fact {
	FACT_CHECKPOINTS,
	FACT_OWN,
	FACT_FIRST,
	FACT_CUT,
	FACT_BASE,
	FACT_BEFORE,
	FACT_HISTORY,
	PLAN_FACT_CNT,
};

enum plan_checkpoints {
	CKPT_NONE = 1 << 0,
	CKPT_BAD = 1 << 1,  /* there are some, and none is good */
	CKPT_GOOD = 1 << 2, /* at least one is good */
};

/* The lane's blocks from its own beginning on. */
enum plan_own {
	OWN_GONE = 1 << 0,    /* a prune or a repair took the beginning */
	OWN_NOTHING = 1 << 1, /* no good record, and so not as far as the newest good checkpoint */
	OWN_SHORT = 1 << 2,   /* some, but not as far as the newest good checkpoint */
	OWN_REACHES =
		1 << 3, /* as far as that checkpoint; or they have a record, and none is good */
};

/* The oldest good checkpoint from which the blocks reach as far as the newest good one. */
enum plan_first {
	FIRST_OLDER = 1 << 0,
	FIRST_NEWEST = 1 << 1, /* only the newest itself */
};

/* Where the operator wants to cut. */
enum plan_cut {
	CUT_AT_END = 1 << 0, /* where the good part ends */
	CUT_AFTER = 1 << 1,  /* at an LSN that no good checkpoint has */
	CUT_EARLY = 1 << 2,  /* at an LSN that a good checkpoint has */
};

/* The block of the checkpoint that the lane will begin after; as enum damage_base. */
enum plan_base {
	BASE_WHOLE = 1 << 0,
	BASE_FOLLOWED = 1 << 1,
	BASE_LOST = 1 << 2,
};

/* The segments before the one that the lane will begin in. */
enum plan_before {
	BEFORE_OK = 1 << 0, /* or there are none */
	BEFORE_BAD = 1 << 1,
};

/* What the lane's blocks and a checkpoint have of the same LSNs. */
enum plan_history {
	HISTORY_SAME = 1 << 0,
	HISTORY_OTHER = 1 << 1, /* one LSN is two different records */
};

enum plan_verdict {
	PLAN_BEGINS_ITSELF,       /* the lane begins with its own first block */
	PLAN_BEGINS_OLDER,        /* the lane begins after the checkpoint of FIRST_OLDER */
	PLAN_BEGINS_NEWEST,       /* the lane begins after the newest good checkpoint */
	PLAN_REFUSES_GONE,        /* nothing is left to begin with: the beginning is gone */
	PLAN_REFUSES_FIRST_BLOCK, /* nothing is left to begin with: the first block is not good */
	PLAN_REFUSES_CUT,         /* a good checkpoint has what the operator wants to cut off */
	PLAN_REFUSES_HISTORY,     /* lane and checkpoint are of different histories */
	PLAN_CANNOT_BE,           /* the facts exclude each other */
};

struct plan_row {
	struct decision_row when; /* first; by enum plan_fact */
	enum plan_verdict verdict;
	bool anchors; /* an empty block is written where the checkpoint's block is lost */
	bool trims;   /* what is before the new beginning is removed */
};

/* The facts of one checkpoint, in the order in which they are found. */
enum checkpoint_fact {
	FACT_STATE,
	FACT_AGE,
	FACT_SEGMENT,
	FACT_FIT,
	CHECKPOINT_FACT_CNT,
};

enum checkpoint_state {
	STATE_GOOD = 1 << 0,
	STATE_DAMAGED = 1 << 1, /* its header is good: it says up to where the lane was on disk */
	STATE_UNKNOWN = 1 << 2, /* its header is not good, or it belongs to another journal */
};

enum checkpoint_age {
	AGE_BEFORE = 1 << 0, /* older than the checkpoint that the lane begins after */
	AGE_WITHIN = 1 << 1, /* that checkpoint, or newer; or the lane begins with itself */
};

/* The segment that the checkpoint's block was in. */
enum checkpoint_segment {
	SEGMENT_GONE = 1 << 0, /* before the first that was there: a prune took it */
	SEGMENT_THERE = 1 << 1,
};

/* Whether the kept lane goes on after the checkpoint. */
enum checkpoint_fit {
	FIT_FOLLOWS = 1 << 0, /* it has the checkpoint's block, or one that follows it */
	FIT_BLOCKS = 1 << 1,  /* the same records, but in other blocks */
	FIT_RECORDS = 1 << 2, /* one LSN is two different records */
};

enum checkpoint_fate {
	FATE_STAYS,
	FATE_ASIDE_BAD,         /* put aside: it is not good */
	FATE_ASIDE_CUT_OFF,     /* put aside: the lane after it is damaged */
	FATE_ASIDE_OTHER_BLOCK, /* put aside: it lies after another block than the lane has */
	FATE_REFUSES_HISTORY,   /* the repair is refused */
};

struct checkpoint_row {
	struct decision_row when; /* first; by enum checkpoint_fact */
	enum checkpoint_fate fate;
	bool says_durable; /* it proves that its records were on disk once, though it is unreadable
			    */
};

extern const struct decision plan_decision;
extern const struct decision checkpoint_decision;

/* The row that these facts decide. Only when decision_ask needs no more facts. */
const struct plan_row *plan_row(const struct decision_facts *facts);
const struct checkpoint_row *checkpoint_row(const struct decision_facts *facts);

#endif
