/*
 * resolve: what a start does with lines of baskets over several shards that were set aside and not
 * decided when the engine ended: the lanes alone say what was decided. A line was committed if a
 * lane has a LINK to it, which stands in the block of the decision; else it comes to nothing. The
 * decision was written only after all lines were on disk, and the lines became more than set aside
 * only after the decision was on disk: so all lines get the same answer, whichever lane was ahead.
 *
 * Before anything is sold and before a clock is set back, when every lane has been recovered.
 */
#ifndef DB_ENGINE_LANE_RESOLVE_H
#define DB_ENGINE_LANE_RESOLVE_H

#include "engine/lane/lane.h"

/* Lines of a lane that were resolved. */
struct resolved {
	uint64_t committed;
	uint64_t aborted;
};

/* Resolves lines of this lane, a record each, while there is room, and adds them up. True: none is
 * left; else again after a turn. */
bool resolve_prepared(struct lane *lane, const struct lane *lanes, uint16_t lane_cnt,
		      struct resolved *resolved);

#endif
