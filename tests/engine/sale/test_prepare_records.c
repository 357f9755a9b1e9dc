/* Records and entries of lines that wait, which no engine wrote. */
#include <errno.h>
#include <string.h>

#include "tests/support/prepare_fixture.h"

TestSuite(sale_prepare_records, .init = open_shards, .fini = close_shards);

static void expect_bad(const struct record *record, const char *wanted)
{
	struct shard *copy = spare;
	const char *why = "";

	cr_assert(eq(int, copy_anew(shard, copy, &why), 0), "%s", why);
	cr_assert(eq(int, shard_apply(copy, shard_next_lsn(copy), record, &why), -EBADMSG), "%s",
		  wanted);
	cr_assert(eq(str, (char *)why, (char *)wanted));
}

/* Each field of a record that was made, changed. */
#define BAD(text, ...)                                                                             \
	do {                                                                                       \
		struct record bad = good;                                                          \
                                                                                                   \
		__VA_ARGS__;                                                                       \
		expect_bad(&bad, text);                                                            \
	} while (false)

Test(sale_prepare_records, purchases_that_cannot_be_prepared_are_refused)
{
	struct record good;

	GETS(ACCEPTED, ask(1, WIRE_OP_BUY, ANN, CUP, 1, 0));
	prepare(2, WIRE_OP_HOLD, ANN, CUP, 1, 0, VERDICT_HELD);
	good = slot;
	expect_bad(&good, "request committed or prepared twice");
	abort_at(2, places[0]);
	BAD("prepared line of a kind that makes no basket", bad.flags = RECORD_EXTEND);
	BAD("prepared line of a kind that makes no basket", bad.flags = 0);
	BAD("prepared line with flags of another kind", bad.flags |= PREPARED_ALL);
	BAD("prepared line with flags of another kind", bad.flags |= PREPARED_LATE);
	BAD("record with unknown flags", bad.flags |= RECORD_WAS_PREPARED);
	BAD("prepared line of a SKU that was never put on sale", bad.sku = ~bad.sku);
	BAD("prepared line without a request id",
	    bad.order.request_id[0] = bad.order.request_id[1] = 0);
	BAD("request committed or prepared twice",
	    (bad.order.request_id[0] = 1, bad.order.request_id[1] = ~UINT64_C(1)));
	BAD("order of no units", bad.quantity = 0);
	BAD("order of more units than are free", bad.quantity = 5);
	BAD("order at another price than the offer's", bad.unit_price++);
	BAD("order above the highest price the buyer named", bad.order.max_price = 9);
	BAD("order beyond the limit per buyer, or of its group", bad.quantity = 2);
	BAD("hold of an offer that allows none", bad.sku = skus[JUG]);
	BAD("order while the offer was not open",
	    (bad.sku = skus[JUG], bad.flags = RECORD_ORDER, bad.at_ns = BEGIN_NS + 20 * SECOND_NS));
	BAD("lane clock runs backwards", bad.at_ns = BEGIN_NS);
}

Test(sale_prepare_records, changes_that_cannot_be_prepared_are_refused)
{
	struct record good;

	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	GETS(ACCEPTED, ask(1, WIRE_OP_BUY, ANN, JUG, 1, 0));
	prepare(2, WIRE_OP_RELEASE, ANN, RED, 0, FIRST, VERDICT_RELEASED);
	good = slot;
	BAD("prepared change that does not follow from its hold",
	    (bad.change.request_id[0]++, bad.flags = RECORD_CONFIRM));
	abort_at(2, places[0]);
	BAD("prepared change of a hold that is not there", bad.change.order_lsn++);
	BAD("prepared change of a hold that is not there",
	    (bad.sku = skus[JUG], bad.change.order_lsn++));
	BAD("prepared change of a hold that has ended", bad.at_ns = BEGIN_NS + 11 * SECOND_NS);
	BAD("prepared change at another price than the hold's", bad.unit_price++);
	BAD("prepared change that does not follow from its hold", bad.change.buyer++);
	BAD("prepared change that does not follow from its hold", bad.quantity = 1);
	BAD("prepared change that does not follow from its hold",
	    (bad.flags = RECORD_RELEASE, bad.quantity = 3));
	BAD("prepared change that does not follow from its hold",
	    bad.flags = RECORD_CONFIRM | PREPARED_LATE);
	apply(good);
}

Test(sale_prepare_records, ends_of_lines_that_do_not_wait_are_refused)
{
	struct record good;

	prepare(1, WIRE_OP_BUY, ANN, JUG, 1, 0, VERDICT_ACCEPTED);
	expect_bad(&(struct record){.kind = RECORD_CLOCK,
				    .at_ns = BEGIN_NS,
				    .clock = {.was_ns = BEGIN_NS + 9 * SECOND_NS}},
		   "clock set back while a line is prepared");
	good = (struct record){
		.kind = RECORD_ABORTED,
		.at_ns = BEGIN_NS + 2 * SECOND_NS,
		.sku = slot.sku,
		.change = {.request_id = {slot.order.request_id[0], slot.order.request_id[1]},
			   .buyer = ANN,
			   .order_lsn = FIRST}};
	BAD("end of a prepared line with reserved bytes in use", bad.quantity = 1);
	BAD("end of a prepared line with reserved bytes in use", bad.channel = 1);
	BAD("end of a prepared line with reserved bytes in use", bad.unit_price = 1);
	BAD("end of a line that is not prepared", bad.change.order_lsn++);
	BAD("end of a line that is not prepared", bad.change.buyer++);
	BAD("end of a line that is not prepared", bad.change.request_id[1]++);
	BAD("end of a line that is not prepared", bad.sku = skus[CUP]);
	BAD("record with unknown flags", bad.flags = RECORD_BASKET_GOES_ON);
	apply(good);
	expect_bad(&good, "end of a line that is not prepared");
}

Test(sale_prepare_records, final_records_that_do_not_follow_are_refused)
{
	struct decision decision;
	struct record good;
	struct record prepared;

	GETS(HELD, ask(1, WIRE_OP_HOLD, BOB, RED, 2, 0));
	prepare(1, WIRE_OP_BUY, ANN, JUG, 2, 0, VERDICT_ACCEPTED);
	prepared = slot;
	good = prepared;
	good.kind = RECORD_ORDER;
	good.flags = RECORD_WAS_PREPARED;
	good.at_ns += SECOND_NS;
	BAD("request that is prepared", bad.flags = 0);
	BAD("line that was not prepared before", bad.order.request_id[0]++);
	BAD("line that was not prepared before", bad.sku = skus[CUP]);
	BAD("line that was prepared otherwise", bad.kind = RECORD_HOLD);
	BAD("line that was prepared otherwise", bad.quantity = 1);
	BAD("line that was prepared otherwise", bad.channel++);
	BAD("line that was prepared otherwise", bad.unit_price++);
	BAD("line that was prepared otherwise", bad.order.buyer++);
	BAD("line that was prepared otherwise", bad.order.max_price++);
	apply(good);
	prepare(3, WIRE_OP_RELEASE, BOB, RED, 0, FIRST, VERDICT_RELEASED);
	good = slot;
	good.kind = RECORD_RELEASE;
	good.flags = RELEASE_ALL | RECORD_WAS_PREPARED;
	BAD("line that was prepared otherwise", bad.flags = RECORD_WAS_PREPARED);
	prepare_commit(shard, places[0], BEGIN_NS + 3 * SECOND_NS, false, &slot, &decision);
	cr_assert(eq(int, memcmp(&slot, &good, sizeof(good)), 0));
	follow(&good);
}

/* What a checkpoint may say of lines that wait. */
Test(sale_prepare_records, entries_that_no_engine_saved_are_refused)
{
	struct snapshot_prepared entry;
	struct snapshot_prepared good;
	const char *why = "";
	static const struct {
		const char *why;
		uint8_t flags;
		uint16_t quantity;
	} wrong[] = {
		{"prepared change that does not follow from its hold", RECORD_RELEASE, 3},
		{"prepared change that does not follow from its hold",
		 RECORD_RELEASE | PREPARED_ALL, 1},
		{"prepared change that does not follow from its hold",
		 RECORD_CONFIRM | PREPARED_LATE, 2},
		{"prepared line of a kind that makes no basket", RECORD_RETURN, 2},
		{"something else among its prepared lines", RECORD_RELEASE, 0},
	};

	GETS(HELD, ask(1, WIRE_OP_HOLD, ANN, RED, 2, 0));
	cr_assert(eq(int, copy_anew(shard, spare, &why), 0));
	prepare(2, WIRE_OP_RELEASE, ANN, RED, 0, FIRST, VERDICT_RELEASED);
	shard_save_prepared(shard, 0, 1, &good);
	for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		struct shard *copy = i % 2 == 0 ? spare : applied;

		abort_at(3, places[0]);
		cr_assert(eq(int, copy_anew(shard, copy, &why), 0));
		entry = good;
		entry.record.flags = wrong[i].flags;
		entry.record.quantity = wrong[i].quantity;
		cr_assert(eq(int, shard_load_prepared(copy, &entry, 1, &why), -EBADMSG), "way %u",
			  i);
		cr_assert(eq(str, (char *)why, (char *)wrong[i].why));
		cr_assert(eq(int, copy_anew(shard, applied, &why), 0));
		prepare(3, WIRE_OP_RELEASE, ANN, RED, 0, FIRST, VERDICT_RELEASED);
	}
	abort_at(3, places[0]);
	entry = good;
	entry.reserved[6] = 1;
	cr_assert(eq(int, shard_load_prepared(spare, &entry, 1, &why), -EBADMSG));
	cr_assert(eq(str, (char *)why, "prepared line with reserved bytes in use"));
	cr_assert(eq(int, copy_anew(shard, spare, &why), 0));
	entry = good;
	entry.record.flags = RECORD_ORDER;
	entry.record.quantity = 4;
	cr_assert(eq(int, shard_load_prepared(spare, &entry, 1, &why), -EBADMSG));
	cr_assert(eq(str, (char *)why, "prepared line of more units than there are"));
	cr_assert(eq(int, copy_anew(shard, spare, &why), 0));
	cr_assert(eq(int, shard_load_prepared(spare, &good, 1, &why), 0));
	cr_assert(eq(int, shard_load_prepared(spare, &good, 1, &why), -EBADMSG));
}
