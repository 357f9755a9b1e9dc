#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/engine/sale/model_run.h"

static struct difference difference;

/* The verdicts that a sale can get. */
static bool is_expected(unsigned verdict)
{
	switch (verdict) {
	case VERDICT_NOT_SUPPORTED:
	case VERDICT_PAUSED:
	case VERDICT_BANNED:
	case VERDICT_TOO_FAST:
	case VERDICT_UNAVAILABLE:
	case VERDICT_DRAINING:
		return false;
	default:
		return strcmp(verdict_name((uint8_t)verdict), "UNKNOWN") != 0;
	}
}

/* Fixed seeds; `make model` takes new ones and more. */
Test(model, random_sales_are_decided_as_by_the_engine)
{
	struct model_tally tally = {0};

	cr_assert(model_run(1, 100000, &tally, &difference), "%s", difference.text);
	for (unsigned verdict = 1; verdict < VERDICT_END; verdict++) {
		if (is_expected(verdict))
			cr_assert(gt(u64, tally.verdicts[verdict], 0), "never %s",
				  verdict_name((uint8_t)verdict));
	}
	cr_assert(gt(u64, tally.expired_runs, 0));
	cr_assert(gt(u64, tally.again, 0));
	cr_assert(gt(u64, tally.clock_backs, 0));
	cr_assert(gt(u64, tally.reloads, 0));
	cr_assert(gt(u64, tally.baskets, 0));
	cr_assert(gt(u64, tally.basket_refunds, 0));
	cr_assert(gt(u64, tally.whole_baskets, 0));
	cr_assert(gt(u64, tally.carried_out, 0));
	cr_assert(gt(u64, tally.aborted, 0));
	cr_assert(gt(u64, tally.links, 0));
}
