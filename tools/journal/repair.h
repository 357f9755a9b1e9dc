/*
 * repair: what is known of one lane, and the functions that show it. For repair.c, which decides.
 */
#ifndef DB_TOOLS_JOURNAL_REPAIR_H
#define DB_TOOLS_JOURNAL_REPAIR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "engine/repair/fault_list.h"
#include "engine/repair/plan.h"
#include "tools/journal/journal_tool.h"

/* The records after the cut that can still be read. */
struct lost_records {
	uint64_t orders;
	uint64_t units;
	uint64_t orders_durable; /* at or below the watermark: on disk, and so acknowledged */
	uint64_t offers;
	uint64_t holds;
	uint64_t units_held;
	uint64_t payments; /* CONFIRM records, refunds too */
	uint64_t payments_durable;
	uint64_t changes;  /* RELEASE, EXTEND, RETURN */
	uint64_t links;    /* lines in other lanes, of baskets that were decided in this one */
	uint64_t prepared; /* PREPARED, ABORTED */
};

struct lane_case {
	uint16_t lane;
	int rc; /* 0, or -errno if nothing can be said of the lane: see error */
	struct error error;
	struct plan *plan;        /* of the cut; NULL after a failure */
	struct fault_list faults; /* of the plan, and of plans that were made before it */
	uint64_t bad_lsn;         /* a record here cannot follow from those before it; 0: all can */
	struct lost_records lost;
};

static inline bool lane_case_damaged(const struct lane_case *one)
{
	return one->faults.cnt > 0;
}

/* Prints for a person what is wrong and what a cut loses, on stdout. */
void repair_show_text(struct lane_case *one);

/* Prints for a program: a line for the lane, and one for each record after the cut that can be
 * read. 0 or -errno, with the line in one->error. */
int repair_show_json(struct lane_case *one, FILE *file);

#endif
