#include <criterion/criterion.h>

#include <string.h>

#include "engine/journal/format.h"
#include "tools/replay/compare.h"

/* A reply datagram of one entry. */
static void add(struct compare *compare, enum compare_side side, uint64_t id, uint8_t verdict,
		uint64_t lsn, uint64_t price)
{
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX] = {0};
	struct wire_header *header = (struct wire_header *)datagram;
	struct wire_reply *reply = (struct wire_reply *)(datagram + WIRE_HEADER_BYTES);

	header->count = 1;
	header->echo = id;
	*reply = (struct wire_reply){
		.id = {id, 9},
		.verdict = verdict,
		.order_id = lsn > 0 ? order_id_of(0, lsn) : 0,
		.unit_price = price,
		.quantity = 1,
	};
	compare_add(compare, side, 0, datagram, NULL);
}

static void both(struct compare *compare, uint64_t id, uint8_t captured, uint64_t captured_lsn,
		 uint8_t now, uint64_t now_lsn)
{
	add(compare, COMPARE_NEW, id, now, now_lsn, 100);
	add(compare, COMPARE_CAPTURED, id, captured, captured_lsn, 100);
}

Test(compare, finds_no_difference_where_there_is_none)
{
	struct compare *compare = compare_open(10);
	const struct compare_result *result = compare_result(compare);

	both(compare, 1, VERDICT_ACCEPTED, 2, VERDICT_ACCEPTED, 2);
	add(compare, COMPARE_CAPTURED, 2, VERDICT_SOLD_OUT, 0, 100);
	add(compare, COMPARE_NEW, 2, VERDICT_SOLD_OUT, 0, 100);
	compare_finish(compare);
	cr_expect_eq(result->compared, 2);
	cr_expect_eq(result->different, 0);
	cr_expect_eq(result->orders_moved, 0);
	cr_expect_eq(result->matrix[VERDICT_ACCEPTED][VERDICT_ACCEPTED], 1);
	cr_expect_eq(result->alone[COMPARE_NEW] + result->alone[COMPARE_CAPTURED], 0);
	compare_close(compare);
}

Test(compare, tells_verdict_price_and_order)
{
	struct compare *compare = compare_open(2);
	const struct compare_result *result = compare_result(compare);
	const struct compare_difference *first;

	both(compare, 1, VERDICT_ACCEPTED, 2, VERDICT_LIMIT_REACHED, 0);
	/* One order less before it: another id is no difference. */
	both(compare, 2, VERDICT_ACCEPTED, 4, VERDICT_ACCEPTED, 3);
	/* Committed behind request 2 once, before it now. */
	both(compare, 3, VERDICT_ACCEPTED, 5, VERDICT_ACCEPTED, 2);
	add(compare, COMPARE_NEW, 4, VERDICT_ACCEPTED, 6, 100);
	add(compare, COMPARE_CAPTURED, 4, VERDICT_ACCEPTED, 6, 99);
	cr_expect_eq(result->compared, 4);
	cr_expect_eq(result->different, 3);
	cr_expect_eq(result->by_what[COMPARE_VERDICT], 1);
	cr_expect_eq(result->by_what[COMPARE_ORDER], 1);
	cr_expect_eq(result->by_what[COMPARE_PRICE], 1);
	cr_expect_eq(result->orders_moved, 2);
	cr_assert_eq(compare_first(compare, &first), 2);
	cr_expect_eq(first[0].request_id[0], 1);
	cr_expect_eq(first[0].what, COMPARE_VERDICT);
	cr_expect_eq(first[1].what, COMPARE_ORDER);
	compare_close(compare);
}

Test(compare, pairs_a_repeated_request_in_order)
{
	struct compare *compare = compare_open(10);
	const struct compare_result *result = compare_result(compare);

	add(compare, COMPARE_NEW, 1, VERDICT_SOLD_OUT, 0, 100);
	add(compare, COMPARE_NEW, 1, VERDICT_ACCEPTED, 2, 100);
	add(compare, COMPARE_CAPTURED, 1, VERDICT_SOLD_OUT, 0, 100);
	add(compare, COMPARE_CAPTURED, 1, VERDICT_ACCEPTED, 2, 100);
	cr_expect_eq(result->compared, 2);
	cr_expect_eq(result->different, 0);
	compare_close(compare);
}

Test(compare, counts_who_stays_alone_in_bounded_memory)
{
	struct compare *compare = compare_open(0);
	const struct compare_result *result = compare_result(compare);
	const uint64_t cnt = 200000;

	for (uint64_t i = 1; i <= cnt; i++)
		add(compare, COMPARE_NEW, i, VERDICT_SOLD_OUT, 0, 100);
	/* The oldest were given up, the youngest wait still. */
	cr_expect_gt(result->alone[COMPARE_NEW], 0);
	add(compare, COMPARE_CAPTURED, cnt, VERDICT_SOLD_OUT, 0, 100);
	cr_expect_eq(result->compared, 1);
	add(compare, COMPARE_CAPTURED, 1, VERDICT_SOLD_OUT, 0, 100);
	cr_expect_eq(result->compared, 1);
	compare_finish(compare);
	cr_expect_eq(result->alone[COMPARE_NEW], cnt - 1);
	cr_expect_eq(result->alone[COMPARE_CAPTURED], 1);
	compare_close(compare);
}

/* A PONG names the sale where others have an order. */
Test(compare, another_sale_of_a_pong_is_no_difference)
{
	struct compare *compare = compare_open(10);

	add(compare, COMPARE_CAPTURED, 1, VERDICT_PONG, 5, 0);
	add(compare, COMPARE_NEW, 1, VERDICT_PONG, 77, 0);
	add(compare, COMPARE_CAPTURED, 2, VERDICT_PONG, 77, 0);
	add(compare, COMPARE_NEW, 2, VERDICT_PONG, 5, 0);
	compare_finish(compare);
	cr_expect(compare_same(compare));
	cr_expect_eq(compare_result(compare)->orders_moved, 0);
	compare_close(compare);
}

/* One entry whose op is known on the new side. */
static void both_of(struct compare *compare, uint8_t op, uint64_t id, uint8_t captured,
		    uint64_t captured_lsn, uint8_t now, uint64_t now_lsn)
{
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX] = {0};
	struct wire_header *header = (struct wire_header *)datagram;

	header->count = 1;
	header->echo = id;
	wire_replies(datagram)[0] = (struct wire_reply){.id = {id, 9},
							.verdict = now,
							.order_id = now_lsn,
							.unit_price = 100,
							.quantity = 1};
	add(compare, COMPARE_CAPTURED, id, captured, captured_lsn, 100);
	compare_add(compare, COMPARE_NEW, 0, datagram, &op);
}

Test(compare, counts_by_what_was_asked)
{
	struct compare *compare = compare_open(10);
	const struct compare_result *result = compare_result(compare);
	const struct compare_difference *first;

	both_of(compare, WIRE_OP_HOLD, 1, VERDICT_HELD, 2, VERDICT_HELD, 3);
	both_of(compare, WIRE_OP_CONFIRM, 2, VERDICT_CONFIRMED, 2, VERDICT_HOLD_EXPIRED, 3);
	both(compare, 3, VERDICT_SOLD_OUT, 0, VERDICT_SOLD_OUT, 0);
	cr_expect_eq(result->by_op[WIRE_OP_HOLD].compared, 1);
	cr_expect_eq(result->by_op[WIRE_OP_HOLD].different, 0);
	cr_expect_eq(result->by_op[WIRE_OP_CONFIRM].different, 1);
	cr_expect_eq(result->by_op[WIRE_OP_CONFIRM].matrix[VERDICT_CONFIRMED][VERDICT_HOLD_EXPIRED],
		     1);
	cr_expect_eq(result->by_op[0].compared, 1);
	cr_assert_eq(compare_first(compare, &first), 1);
	cr_expect_eq(first[0].op, WIRE_OP_CONFIRM);
	compare_close(compare);
}

Test(compare, says_what_follows_from_an_order_that_differed)
{
	struct compare *compare = compare_open(10);
	const struct compare_result *result = compare_result(compare);
	const struct compare_difference *first;

	both_of(compare, WIRE_OP_HOLD, 1, VERDICT_HELD, 2, VERDICT_SOLD_OUT, 0);
	both_of(compare, WIRE_OP_CONFIRM, 2, VERDICT_CONFIRMED, 2, VERDICT_NOT_FOUND, 0);
	both_of(compare, WIRE_OP_CONFIRM, 3, VERDICT_CONFIRMED, 4, VERDICT_CONFIRMED_LATE, 4);
	cr_expect_eq(result->different, 3);
	cr_expect_eq(result->follows, 1);
	cr_expect_eq(result->by_op[WIRE_OP_CONFIRM].follows, 1);
	cr_assert_eq(compare_first(compare, &first), 3);
	cr_expect_not(first[0].follows);
	cr_expect(first[1].follows);
	cr_expect_not(first[2].follows);
	compare_close(compare);
}

Test(compare, knows_which_order_is_which)
{
	struct compare *compare = compare_open(10);
	struct order_map *orders = compare_orders(compare);
	uint64_t now;

	add(compare, COMPARE_CAPTURED, 1, VERDICT_HELD, 7, 100);
	cr_expect_eq(order_map_find(orders, 7, &now), ORDER_WAITS);
	add(compare, COMPARE_NEW, 1, VERDICT_HELD, 9, 100);
	cr_expect_eq(order_map_find(orders, 7, &now), ORDER_MOVED);
	cr_expect_eq(now, 9);
	/* A refusal tells no id that a buyer goes on with. */
	both(compare, 2, VERDICT_ALREADY_SOLD, 7, VERDICT_ALREADY_SOLD, 11);
	(void)order_map_find(orders, 7, &now);
	cr_expect_eq(now, 9);
	compare_close(compare);
}
