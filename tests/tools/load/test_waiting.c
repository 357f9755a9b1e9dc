#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/mix64.h"
#include "tools/load/waiting.h"

static struct waiting waiting;

static void stop(void)
{
	waiting_close(&waiting);
}

TestSuite(waiting, .fini = stop);

/* As many as there can be, some at the same instant, and again when half have gone. */
Test(waiting, first_come_those_whose_offer_opens_first)
{
	static const uint32_t cnts[] = {1, 2, 3, 64, 1000};

	for (unsigned i = 0; i < sizeof(cnts) / sizeof(cnts[0]); i++) {
		uint64_t sum = 0;
		uint64_t last_ns = 0;

		cr_assert(waiting_open(&waiting, cnts[i]));
		cr_assert(eq(ptr, (void *)waiting_first(&waiting), NULL));
		for (uint32_t n = 0; n < cnts[i]; n++)
			waiting_add(&waiting, 1 + mix64(n) % 300, n);
		for (uint32_t n = 0; n < cnts[i] / 2; n++) {
			cr_assert(ge(u64, waiting_first(&waiting)->at_ns, last_ns));
			last_ns = waiting_first(&waiting)->at_ns;
			sum += waiting_first(&waiting)->idx;
			waiting_remove_first(&waiting, 0);
		}
		for (uint32_t n = 0; n < cnts[i] / 2; n++)
			waiting_add(&waiting, 301 + mix64(n) % 300, cnts[i] + n);
		cr_assert(eq(u32, waiting.cnt, cnts[i]));
		while (waiting.cnt > 0) {
			cr_assert(ge(u64, waiting_first(&waiting)->at_ns, last_ns));
			last_ns = waiting_first(&waiting)->at_ns;
			sum += waiting_first(&waiting)->idx;
			waiting_remove_first(&waiting, 0);
		}
		cr_assert(eq(ptr, (void *)waiting_first(&waiting), NULL));

		const uint64_t all = cnts[i] + cnts[i] / 2;

		cr_assert(eq(u64, sum, all * (all - 1) / 2), "somebody is lost, or twice there");
		waiting_close(&waiting);
	}
}

/* An engine whose clock is behind what we think would be asked without end. */
Test(waiting, who_found_it_closed_again_waits_a_little)
{
	cr_assert(waiting_open(&waiting, 2));
	waiting_add(&waiting, 1000, 7);
	waiting_remove_first(&waiting, 1005);
	waiting_add(&waiting, 1000, 7);
	cr_assert(eq(u64, waiting_first(&waiting)->at_ns, 1005 + WAITING_AGAIN_NS));
	waiting_add(&waiting, 1006, 8);
	cr_assert(eq(u64, waiting_first(&waiting)->at_ns, 1006));
}
