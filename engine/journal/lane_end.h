/*
 * lane_end: finds where a lane ends without reading all of it: by bisection, as everything after
 * its last block is zero. Beside a running engine the result is an estimate, for a reader that
 * reports how far it has to go.
 *
 * Cold calls, any thread.
 */
#ifndef DB_ENGINE_JOURNAL_LANE_END_H
#define DB_ENGINE_JOURNAL_LANE_END_H

#include <stdint.h>

#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"

struct lane_end {
	uint64_t first_segment;
	struct lane_place place; /* of the end */
	uint64_t segment_bytes;  /* of that segment; 0: the lane is empty */
	uint64_t next_lsn;       /* 0: unknown */
};

/* Some 40 reads of 4 KiB. 0 or -errno. */
int lane_end_find(struct lane_files *files, uint16_t lane, struct lane_end *extent);

#endif
