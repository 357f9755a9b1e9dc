/*
 * planning: a plan while it is made: what is known so far, and how the facts are found. For plan.c,
 * which decides, and plan_find.c, which finds.
 */
#ifndef DB_ENGINE_REPAIR_PLANNING_H
#define DB_ENGINE_REPAIR_PLANNING_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/checkpoint/survey.h"
#include "engine/recover/start.h"
#include "engine/repair/fault_list.h"
#include "engine/repair/plan.h"
#include "engine/repair/plan_table.h"

/* The first two stages, from one beginning. */
struct look {
	struct mended_files *files;
	struct damage *damage; /* NULL: not looked yet */
};

struct planning {
	struct plan plan; /* first */
	const struct data_dir *dir;
	uint16_t lane;
	uint64_t cut_lsn;
	struct error *error;

	struct lane_beginning beginning;
	struct checkpoint_seen *seen; /* the newest first */
	int64_t seen_cnt;
	int64_t newest;     /* good one; seen_cnt: none */
	int64_t base;       /* the one that the lane shall begin after; seen_cnt: with itself */
	struct look alone;  /* the lane from its beginning; NULL: it has none any more */
	struct look first;  /* from the base, if that is a checkpoint */
	struct look chosen; /* from the base, with the cut */

	struct fault_list faults;
	uint64_t *aside;
};

/* The next LSN of the newest good checkpoint; 0: there is none. */
uint64_t planning_newest_lsn(const struct planning *planning);

/* All that is wrong from one beginning. */
void planning_add_faults(struct fault_list *faults, const struct look *look);

/* Makes `chosen`: from the base, with the cut. What is wrong after the cut stays known. 0 or -errno
 * with a line. */
int planning_look_at_cut(struct planning *planning);

/*
 * Finds the value of a fact, in the order of the table. 0 or -errno with a line. For FACT_HISTORY
 * and FACT_FIT the line says what is different, if something is.
 */
int planning_find(struct planning *planning, enum plan_fact fact, uint8_t *value);
int planning_find_of_checkpoint(struct planning *planning, int64_t idx, enum checkpoint_fact fact,
				uint8_t *value);

void look_end(struct look *look);

#endif
