#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/mix64.h"
#include "tools/load/agenda.h"

enum {
	CNT = 1000,
};

Test(agenda, gives_everybody_once_in_the_order_of_the_instants)
{
	bool seen[CNT] = {false};
	uint64_t last_ns = 0;
	struct agenda agenda;

	cr_assert(agenda_open(&agenda, CNT));
	cr_assert(eq(ptr, (void *)agenda_first(&agenda), NULL));
	/* Some at the same instant, some added while others are taken away. */
	for (uint32_t i = 0; i < CNT / 2; i++)
		agenda_add(&agenda, mix64(i) % 100, i);
	for (uint32_t i = 0; i < CNT; i++) {
		const struct agenda_entry *first = agenda_first(&agenda);

		cr_assert(first != NULL && first->due_ns >= last_ns && !seen[first->idx]);
		last_ns = first->due_ns;
		seen[first->idx] = true;
		agenda_remove_first(&agenda);
		if (i < CNT / 2)
			agenda_add(&agenda, last_ns + mix64(i) % 100, CNT / 2 + i);
	}
	cr_assert(eq(ptr, (void *)agenda_first(&agenda), NULL));
	agenda_close(&agenda);
	agenda_close(&agenda);
}
