#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/sale/hold_age.h"

static const uint64_t NOW_NS = UINT64_C(1) << 60;
static const uint64_t S = 1000000000;

static enum hold_age aged(uint64_t age_ns)
{
	return hold_age_of(NOW_NS - age_ns, NOW_NS + 1, NOW_NS);
}

Test(hold_age, begins_a_class_at_its_bound)
{
	cr_assert(eq(int, aged(0), HOLD_UNDER_1_MIN));
	cr_assert(eq(int, aged(60 * S - 1), HOLD_UNDER_1_MIN));
	cr_assert(eq(int, aged(60 * S), HOLD_UNDER_5_MIN));
	cr_assert(eq(int, aged(300 * S - 1), HOLD_UNDER_5_MIN));
	cr_assert(eq(int, aged(300 * S), HOLD_UNDER_15_MIN));
	cr_assert(eq(int, aged(900 * S - 1), HOLD_UNDER_15_MIN));
	cr_assert(eq(int, aged(900 * S), HOLD_OLDER));
}

Test(hold_age, is_ended_from_its_end_on)
{
	cr_assert(eq(int, hold_age_of(NOW_NS - 5, NOW_NS, NOW_NS), HOLD_ENDED));
	cr_assert(eq(int, hold_age_of(NOW_NS - 5, NOW_NS - 1, NOW_NS), HOLD_ENDED));
	cr_assert(eq(int, hold_age_of(NOW_NS - 3600 * S, NOW_NS, NOW_NS), HOLD_ENDED));
}

Test(hold_age, is_young_where_the_lane_s_clock_is_ahead)
{
	cr_assert(eq(int, hold_age_of(NOW_NS + S, NOW_NS + 2 * S, NOW_NS), HOLD_UNDER_1_MIN));
}
