#include "engine/worker/mailbox.h"

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

Test(mailbox, carries_mails_between_each_pair_in_order)
{
	enum {
		WORKERS = 3,
	};
	struct mailbox *mailbox = NULL;
	struct mail mail = {0};

	cr_assert(eq(int, mailbox_open(&mailbox, WORKERS), 0));
	for (uint16_t from = 0; from < WORKERS; from++) {
		for (uint16_t to = 0; to < WORKERS; to++) {
			for (uint16_t i = 0; from != to && i < 10; i++) {
				mail.kind = i;
				mail.from_lane_idx = from;
				mail.lane_idx = to;
				cr_assert(mailbox_put(mailbox, from, to, &mail));
			}
		}
	}
	for (uint16_t to = 0; to < WORKERS; to++) {
		for (uint16_t from = 0; from < WORKERS; from++) {
			for (uint16_t i = 0; from != to && i < 10; i++) {
				cr_assert(mailbox_take(mailbox, from, to, &mail));
				cr_assert(eq(u16, mail.kind, i));
				cr_assert(eq(u16, mail.from_lane_idx, from));
				cr_assert(eq(u16, mail.lane_idx, to));
			}
			if (from != to)
				cr_assert(not(mailbox_take(mailbox, from, to, &mail)));
		}
	}
	mailbox_close(mailbox);
}

Test(mailbox, keeps_a_mail_that_has_no_room_with_its_sender)
{
	struct mailbox *mailbox = NULL;
	struct mail mail = {.kind = 1, .lane_idx = 1, .from_lane_idx = 2};
	const struct mail back = {.kind = 1, .lane_idx = 2, .from_lane_idx = 1};

	cr_assert(eq(int, mailbox_open(&mailbox, 2), 0));
	cr_assert(eq(u32, mailbox_room(mailbox, 0, 1), MAILBOX_RING_CNT));
	for (unsigned i = 0; i < MAILBOX_RING_CNT; i++)
		cr_assert(mailbox_put(mailbox, 0, 1, &mail));
	cr_assert(eq(u32, mailbox_room(mailbox, 0, 1), 0));
	cr_assert(not(mailbox_put(mailbox, 0, 1, &mail)));
	cr_assert(mailbox_put(mailbox, 1, 0, &back), "the other way is another ring");
	cr_assert(mailbox_take(mailbox, 0, 1, &mail));
	cr_assert(mailbox_put(mailbox, 0, 1, &mail));
	mailbox_close(mailbox);
}
