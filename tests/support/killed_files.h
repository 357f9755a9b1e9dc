/*
 * killed_files: a lane's files for a repair that is killed: what changes something works so many
 * times, then fails with -EINTR, as if the process had been killed there. One lane at a time.
 */
#ifndef DB_TESTS_SUPPORT_KILLED_FILES_H
#define DB_TESTS_SUPPORT_KILLED_FILES_H

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/plan.h"

enum {
	NEVER_KILLED = 1 << 30,
};

/* Carries out the plan in lane 0; killed after so many changes. Returns what repair_apply does. */
int apply_until_killed(const struct data_dir *data, const struct plan *plan, unsigned changes,
		       struct error *error);

/* Carries out the plan in lane 0 and checks it: either must succeed. */
void apply_and_check(const struct data_dir *data, const struct plan *plan);

#endif
