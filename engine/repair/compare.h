/*
 * compare: compares the records of a lane's blocks with those of a checkpoint. If both are of one
 * history, the records are the same, LSN by LSN.
 *
 * Never writes. Cold calls, one thread.
 */
#ifndef DB_ENGINE_REPAIR_COMPARE_H
#define DB_ENGINE_REPAIR_COMPARE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"
#include "engine/repair/damage.h"

/*
 * Compares the good part with the checkpoint that has this next LSN, as far as both reach.
 * *different_lsn: the first LSN of which they say different things, or 0. Returns 0, or -errno with
 * a line in error if either cannot be read.
 */
int repair_compare(const struct data_dir *dir, const struct damage *damage, uint64_t next_lsn,
		   uint64_t *different_lsn, struct error *error);

#endif
