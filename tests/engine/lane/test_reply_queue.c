#include <stdlib.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/lane/backlog.h"
#include "engine/lane/reply_queue.h"

Test(waiting, releases_in_order_and_never_early)
{
	struct reply_queue *waiting = calloc(1, sizeof(*waiting));
	struct exchange reply = {0};

	/* Round and round, past the end of the ring. */
	for (uint64_t lsn = 1; lsn < 3 * REPLIES_WAITING_MAX; lsn += 2) {
		const struct exchange *oldest;

		reply.lsn = lsn;
		reply_queue_push(waiting, &reply);
		reply.lsn = lsn + 1;
		reply_queue_push(waiting, &reply);
		cr_assert(reply_queue_pop(waiting, lsn - 1) == NULL);
		oldest = reply_queue_pop(waiting, lsn);
		cr_assert(eq(u64, oldest->lsn, lsn));
		cr_assert(reply_queue_pop(waiting, lsn) == NULL);
		cr_assert(eq(u64, reply_queue_pop(waiting, lsn + 1)->lsn, lsn + 1));
		cr_assert(reply_queue_empty(waiting));
	}
	free(waiting);
}

Test(waiting, counts_its_room)
{
	struct reply_queue *waiting = calloc(1, sizeof(*waiting));
	const struct exchange reply = {.lsn = 1};

	for (uint32_t room = REPLIES_WAITING_MAX; room > 0; room--) {
		cr_assert(eq(u32, reply_queue_room(waiting), room));
		reply_queue_push(waiting, &reply);
	}
	cr_assert(eq(u32, reply_queue_room(waiting), 0));
	free(waiting);
}

Test(backlog, keeps_the_order_and_its_size)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog));
	struct exchange datagram = {0};
	uint64_t put = 0;
	uint64_t taken = 0;

	cr_assert(backlog_first(backlog) == NULL);
	for (unsigned round = 0; round < 5; round++) {
		for (; backlog_room(backlog) > 0; put++) {
			datagram.lsn = put;
			backlog_push(backlog, &datagram, 1);
		}
		cr_assert(eq(u64, put - taken, BACKLOG_MAX));
		for (unsigned i = 0; i < BACKLOG_MAX - round; i++, taken++) {
			cr_assert(eq(u64, backlog_first(backlog)->lsn, taken));
			backlog_pop(backlog, 1);
		}
		cr_assert(eq(int, backlog_empty(backlog), round == 0));
	}
	free(backlog);
}

Test(backlog, is_stuck_when_nothing_was_taken_out_for_long)
{
	struct backlog *backlog = calloc(1, sizeof(*backlog));
	const struct exchange datagram = {0};
	const uint64_t begin_ns = 1000;

	cr_assert(not(backlog_is_stuck(backlog, UINT64_MAX)));
	backlog_push(backlog, &datagram, begin_ns);
	backlog_push(backlog, &datagram, begin_ns + BACKLOG_PATIENCE_NS - 1);
	cr_assert(not(backlog_is_stuck(backlog, begin_ns + BACKLOG_PATIENCE_NS - 1)));
	cr_assert(backlog_is_stuck(backlog, begin_ns + BACKLOG_PATIENCE_NS));
	backlog_pop(backlog, begin_ns + BACKLOG_PATIENCE_NS);
	cr_assert(not(backlog_is_stuck(backlog, begin_ns + BACKLOG_PATIENCE_NS)));
	backlog_pop(backlog, begin_ns + BACKLOG_PATIENCE_NS);
	cr_assert(not(backlog_is_stuck(backlog, UINT64_MAX)));
	free(backlog);
}
