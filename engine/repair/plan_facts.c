#include "engine/repair/plan_facts.h"

#include "engine/base/check.h"

int64_t plan_newest_good(const struct checkpoint_seen *seen, int64_t cnt)
{
	int64_t idx = 0;

	CHECK(cnt >= 0);
	while (idx < cnt && seen[idx].rc != 0)
		idx++;
	return idx;
}

enum plan_checkpoints plan_checkpoints_of(int64_t cnt, int64_t newest_good)
{
	CHECK(newest_good >= 0 && newest_good <= cnt);
	if (newest_good < cnt)
		return CKPT_GOOD;
	return cnt > 0 ? CKPT_BAD : CKPT_NONE;
}

bool plan_has_beginning(const struct lane_beginning *beginning, int64_t checkpoint_cnt)
{
	CHECK(checkpoint_cnt >= 0);
	/* Without a checkpoint neither a prune nor a repair can have taken the beginning: if it is
	 * not there, it is damage. */
	return checkpoint_cnt == 0 || (beginning->segment == 0 && !beginning->empty);
}

enum plan_own plan_own_of(const struct damage *alone, uint64_t newest_lsn)
{
	if (alone == NULL)
		return OWN_GONE;
	CHECK(alone->base == DAMAGE_NO_BASE && alone->tail.next_lsn > 0);
	if (newest_lsn > 0 && alone->tail.next_lsn >= newest_lsn)
		return OWN_REACHES;
	if (alone->tail.next_lsn == 1)
		return OWN_NOTHING;
	return newest_lsn == 0 ? OWN_REACHES : OWN_SHORT;
}

enum plan_cut plan_cut_of(uint64_t cut_lsn, uint64_t newest_lsn)
{
	if (cut_lsn == 0)
		return CUT_AT_END;
	return cut_lsn < newest_lsn ? CUT_EARLY : CUT_AFTER;
}

enum plan_base plan_base_of(const struct damage *damage)
{
	CHECK(damage->base != DAMAGE_NO_BASE);
	if (damage->base == DAMAGE_BASE_WHOLE)
		return BASE_WHOLE;
	return damage->base == DAMAGE_BASE_FOLLOWED ? BASE_FOLLOWED : BASE_LOST;
}

enum plan_before plan_before_of(const struct fault_list *faults, uint64_t first)
{
	CHECK(faults->cnt == 0 || faults->faults != NULL);
	/* The faults are in lane order. */
	return faults->cnt > 0 && faults->faults[0].place.segment < first ? BEFORE_BAD : BEFORE_OK;
}

enum checkpoint_state checkpoint_state_of(const struct checkpoint_seen *seen)
{
	CHECK(seen->rc != 0 || seen->has_header);
	if (seen->rc == 0)
		return STATE_GOOD;
	return seen->has_header ? STATE_DAMAGED : STATE_UNKNOWN;
}

enum checkpoint_age checkpoint_age_of(int64_t idx, int64_t base)
{
	CHECK(idx >= 0 && base >= 0);
	return idx > base ? AGE_BEFORE : AGE_WITHIN;
}

enum checkpoint_segment checkpoint_segment_of(const struct checkpoint_seen *seen,
					      const struct lane_beginning *beginning)
{
	CHECK(seen->has_header);
	return seen->header.segment < beginning->segment ? SEGMENT_GONE : SEGMENT_THERE;
}
