#include "engine/lane/lane.h"

#include "engine/base/check.h"

bool lane_set_back(struct lane *lane, uint64_t now_ns)
{
	const struct record record = {
		.kind = RECORD_CLOCK, .at_ns = now_ns, .clock = {.was_ns = lane->clock_ns}};
	const char *why;

	CHECK(now_ns < lane->clock_ns && lane_can_set_back(lane));
	if (shard_apply(lane->shard, journal_next_lsn(lane->journal), &record, &why) != 0)
		return false;
	*journal_slot(lane->journal) = record;
	journal_commit(lane->journal);
	CHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	lane->clock_ns = now_ns;
	return true;
}
