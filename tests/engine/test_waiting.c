#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/waiting.h"

Test(waiting, releases_in_order_and_never_early)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	struct pending_reply reply = {0};

	/* Round and round, past the end of the ring. */
	for (uint64_t lsn = 1; lsn < 3 * REPLIES_WAITING_MAX; lsn += 2) {
		const struct pending_reply *oldest;

		reply.lsn = lsn;
		waiting_push(waiting, &reply);
		reply.lsn = lsn + 1;
		waiting_push(waiting, &reply);
		cr_assert(waiting_pop(waiting, lsn - 1) == NULL);
		oldest = waiting_pop(waiting, lsn);
		cr_assert(eq(u64, oldest->lsn, lsn));
		cr_assert(waiting_pop(waiting, lsn) == NULL);
		cr_assert(eq(u64, waiting_pop(waiting, lsn + 1)->lsn, lsn + 1));
		cr_assert(waiting_empty(waiting));
	}
	free(waiting);
}

Test(waiting, counts_its_room)
{
	struct waiting *waiting = calloc(1, sizeof(*waiting));
	const struct pending_reply reply = {.lsn = 1};

	for (uint32_t room = REPLIES_WAITING_MAX; room > 0; room--) {
		cr_assert(eq(u32, waiting_room(waiting), room));
		waiting_push(waiting, &reply);
	}
	cr_assert(eq(u32, waiting_room(waiting), 0));
	free(waiting);
}
