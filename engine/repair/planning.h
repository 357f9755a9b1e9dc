/*
 * planning: a plan that is being made: what is known so far, and the functions that find the facts.
 * For plan.c, which decides, and plan_find.c, which finds.
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
	struct damage *damage; /* NULL: not looked at yet */
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
	int64_t newest;     /* the newest good one; seen_cnt: none is good */
	int64_t base;       /* the one that the lane will begin after; seen_cnt: with itself */
	struct look alone;  /* from the lane's own beginning; NULL: that is gone */
	struct look first;  /* from the base, if that is a checkpoint */
	struct look chosen; /* from the base, with the cut */

	struct fault_list faults;
	uint64_t *aside;
};

/* The next LSN of the newest good checkpoint; 0: there is none. */
uint64_t planning_newest_lsn(const struct planning *planning);

/* Adds all that is wrong with the lane from one beginning on. */
void planning_add_faults(struct fault_list *faults, const struct look *look);

/* Sets planning->chosen: the lane from the base on, with the cut. Faults after the cut stay in the
 * list. 0 or -errno with a line. */
int planning_look_at_cut(struct planning *planning);

/*
 * Finds the value of a fact; facts must be asked in the order of the table. 0 or -errno with a
 * line. For FACT_HISTORY and FACT_FIT the line says what is different, if something is.
 */
int planning_find(struct planning *planning, enum plan_fact fact, uint8_t *value);
int planning_find_of_checkpoint(struct planning *planning, int64_t idx, enum checkpoint_fact fact,
				uint8_t *value);

void look_end(struct look *look);

#endif
