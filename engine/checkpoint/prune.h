/*
 * prune: removes the segments of a lane that neither its recovery nor downstream needs any more. It
 * is the only code that removes a good segment of a good lane: `journal repair` removes segments of
 * damaged lanes (repair/apply.h), recovery those after a torn tail (recover/cut.h).
 *
 * Guarantees: the segments that stay hold the block with downstream_lsn and all after it, also a
 * closing block that has no LSN of its own, and all that recovery needs with either of the two
 * newest good checkpoints. Segments are removed from the first on. Each removal is on disk before
 * the next one, so that a crash leaves no gap in the lane.
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
	uint64_t first;      /* the first segment before the call */
	uint64_t end;        /* the first that stays */
	uint64_t bytes;      /* freed */
	bool held;           /* a segment stays only for downstream */
	uint64_t held_bytes; /* of all segments that stay only for downstream */
};

/*
 * downstream_lsn: downstream has all records up to it; LSN_MAX where there is none. 0; -ENODATA if
 * there are no two good checkpoints; -EBADMSG, other -errno, with a line in error. *out says what
 * was removed, also after a failure.
 */
int prune_lane(const struct data_dir *dir, uint16_t lane, uint64_t downstream_lsn,
	       struct prune_result *out, struct error *error);

#endif
