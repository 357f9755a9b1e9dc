#include "engine/lane/resolve.h"

#include "engine/base/check.h"
#include "engine/sale/links.h"
#include "engine/sale/prepare.h"

/* Whether a lane has the decision that this line was committed. */
static bool was_decided(const struct lane *lanes, uint16_t lane_cnt, uint16_t lane_idx,
			const struct record *prepared, bool *refund)
{
	DCHECK(prepared->kind == RECORD_PREPARED);
	for (uint16_t i = 0; i < lane_cnt; i++) {
		if (i != lane_idx && links_decided(lanes[i].shard, prepared->order.request_id,
						   prepared->sku, lane_idx, refund))
			return true;
	}
	return false;
}

bool resolve_prepared(struct lane *lane, const struct lane *lanes, uint16_t lane_cnt,
		      struct resolved *resolved)
{
	uint32_t place;

	CHECK(lane->idx < lane_cnt);
	while ((place = prepare_next(lane->shard, 0)) < PREPARED_MAX) {
		const struct record *prepared = &prepare_at(lane->shard, place)->record;
		struct decision decision;
		struct record *slot;
		bool refund = false;

		if (!journal_has_room(lane->journal, 1))
			return false;
		slot = journal_slot(lane->journal);
		if (was_decided(lanes, lane_cnt, lane->idx, prepared, &refund)) {
			prepare_commit(lane->shard, place, lane->clock_ns, refund, slot, &decision);
			resolved->committed++;
		} else {
			prepare_abort(lane->shard, place, lane->clock_ns, slot);
			resolved->aborted++;
		}
		journal_commit(lane->journal);
		CHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	}
	return true;
}
