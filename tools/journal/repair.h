/*
 * repair: what is known of one lane, and how it is shown. For repair.c, which decides.
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
	uint64_t orders_durable; /* at or below the watermark: on disk, so acknowledged */
	uint64_t offers;
};

struct lane_case {
	uint16_t lane;
	int rc; /* 0, or why nothing can be said of it: error */
	struct error error;
	struct plan *plan;        /* for the place where it would be cut; NULL after a failure */
	struct fault_list faults; /* the plan's, and what was wrong after an earlier cut */
	uint64_t bad_lsn;         /* a record here cannot follow from those before it; 0: all can */
	struct lost_records lost;
};

static inline bool lane_case_damaged(const struct lane_case *one)
{
	return one->faults.cnt > 0;
}

/* For a person: what is wrong and what a cut loses, on stdout. */
void repair_show_text(struct lane_case *one);

/* For a program: a line for the lane, one for each record that can be read after the cut. 0 or
 * -errno, with the line in one->error. */
int repair_show_json(struct lane_case *one, FILE *file);

#endif
