#include <criterion/criterion.h>

#include "tools/replay/pace.h"

Test(pace, keeps_captured_distances_at_any_speed)
{
	struct pace pace = {.kind = PACE_CAPTURED, .speed = 10, .begin_ns = 500, .first_at_ns = 70};

	cr_expect_eq(pace_due_ns(&pace, 70), 500);
	cr_expect_eq(pace_due_ns(&pace, 1070), 600);
	pace_sent(&pace, 600, 1);
	/* Captured earlier, but behind it: not before it. */
	cr_expect_eq(pace_due_ns(&pace, 570), 600);
	cr_expect_eq(pace_due_ns(&pace, 0), 600);
	pace.speed = 0.5;
	cr_expect_eq(pace_due_ns(&pace, 1070), 2500);
}

Test(pace, spreads_requests_at_a_rate)
{
	struct pace pace = {.kind = PACE_RATE, .rate = 1000, .begin_ns = 7};

	cr_expect_eq(pace_due_ns(&pace, 123456), 7);
	pace_sent(&pace, 7, 29);
	cr_expect_eq(pace_due_ns(&pace, 0), 29000007);
	/* No sum that ends: a year at a high rate. */
	pace.rate = 1000000000;
	pace.requests = UINT64_C(31536000) * 1000000000;
	cr_expect_eq(pace_due_ns(&pace, 0), UINT64_C(31536000) * 1000000000 + 7);
}

Test(pace, has_everything_due_at_once_when_flat_out)
{
	const struct pace pace = {.kind = PACE_FLAT_OUT, .begin_ns = 9};

	cr_expect_eq(pace_due_ns(&pace, UINT64_MAX), 9);
}
