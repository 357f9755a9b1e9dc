/*
 * prune: removes the segments of a lane that neither its recovery nor anybody downstream needs any
 * more. The only thing that ever removes a segment with orders in it.
 *
 * Guarantees: what stays holds the block with downstream_lsn and all behind it, also a closing
 * block that has no LSN of its own, and all that recovery needs from either of the two newest good
 * checkpoints. Segments go from the first on, each for good before the next one, so that a crash
 * leaves a lane without a gap.
 *
 * Cold call, beside a running engine or without one.
 */
#ifndef DB_ENGINE_CHECKPOINT_PRUNE_H
#define DB_ENGINE_CHECKPOINT_PRUNE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/data_dir.h"

struct prune_result {
	uint64_t first;      /* segment that was there */
	uint64_t end;        /* first that stays */
	uint64_t bytes;      /* freed */
	bool held;           /* a segment stays only for downstream */
	uint64_t held_bytes; /* of all those */
};

/*
 * downstream_lsn: downstream has all records up to it; LSN_MAX where there is none. 0; -ENODATA if
 * there are no two good checkpoints; -EBADMSG, other -errno, with a line in error. *out tells what
 * was removed, also after a failure.
 */
int prune_lane(const struct data_dir *dir, uint16_t lane, uint64_t downstream_lsn,
	       struct prune_result *out, struct error *error);

#endif
