#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/mix64.h"
#include "tools/buy/order_ids.h"

enum {
	CNT = 5000,
};

/* Added rising, as a lane's report is, and in any order, as those of several lanes are. */
Test(order_ids, finds_each_and_no_other)
{
	for (unsigned mixed = 0; mixed < 2; mixed++) {
		struct order_ids ids = {0};
		uint64_t found = 7;

		cr_assert(not(order_ids_find(&ids, 1, &found)));
		for (uint64_t i = 1; i <= CNT; i++) {
			const uint64_t old_id = mixed ? mix64(i) : 2 * i;

			cr_assert(order_ids_add(&ids, old_id, i == 5 ? 0 : i));
			/* Also while more are added. */
			if (i % 1000 == 0)
				cr_assert(order_ids_find(&ids, old_id, &found) && found == i);
		}
		for (uint64_t i = 1; i <= CNT; i++) {
			cr_assert(order_ids_find(&ids, mixed ? mix64(i) : 2 * i, &found));
			cr_assert(eq(u64, found, i == 5 ? 0 : i));
		}
		cr_assert(not(order_ids_find(&ids, mixed ? mix64(CNT + 1) : 3, &found)));
		order_ids_free(&ids);
		cr_assert(not(order_ids_find(&ids, 2, &found)));
	}
}
