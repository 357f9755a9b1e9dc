#include "engine/sale/hold_age.h"

#include "engine/base/check.h"

const char *const hold_age_names[HOLD_AGES] = {
	[HOLD_UNDER_1_MIN] = "under_1_min",
	[HOLD_UNDER_5_MIN] = "under_5_min",
	[HOLD_UNDER_15_MIN] = "under_15_min",
	[HOLD_OLDER] = "older",
	[HOLD_ENDED] = "ended",
};

enum hold_age hold_age_of(uint64_t held_at_ns, uint64_t ends_at_ns, uint64_t now_ns)
{
	const uint64_t min_ns = UINT64_C(60) * 1000000000;
	const uint64_t age_ns = held_at_ns < now_ns ? now_ns - held_at_ns : 0;

	DCHECK(ends_at_ns > 0);
	if (ends_at_ns <= now_ns)
		return HOLD_ENDED;
	if (age_ns < min_ns)
		return HOLD_UNDER_1_MIN;
	if (age_ns < 5 * min_ns)
		return HOLD_UNDER_5_MIN;
	return age_ns < 15 * min_ns ? HOLD_UNDER_15_MIN : HOLD_OLDER;
}
