#include <criterion/criterion.h>

#include <string.h>

#include "tools/replay/order_map.h"

static enum order_place find(const struct order_map *map, uint64_t captured, uint64_t *now)
{
	return order_map_find(map, captured, now);
}

static void expect_place(const struct order_map *map, uint64_t captured, enum order_place place,
			 uint64_t id)
{
	uint64_t now = 1;

	cr_expect_eq(find(map, captured, &now), place, "order %lu", captured);
	cr_expect_eq(now, id, "order %lu is %lu", captured, now);
}

Test(order_map, an_order_that_nobody_mentioned_has_its_id)
{
	struct order_map *map = order_map_open();

	expect_place(map, 7, ORDER_SAME, 7);
	expect_place(map, 0, ORDER_SAME, 0);
	order_map_set(map, 7, VERDICT_HELD, 7);
	expect_place(map, 7, ORDER_SAME, 7);
	order_map_close(map);
}

Test(order_map, an_order_has_the_id_that_was_told_last)
{
	struct order_map *map = order_map_open();

	order_map_set(map, 7, VERDICT_HELD, 9);
	expect_place(map, 7, ORDER_MOVED, 9);
	/* His hold had ended in this sale, and the reload made another. */
	order_map_set(map, 7, VERDICT_ALREADY_HELD, 12);
	expect_place(map, 7, ORDER_MOVED, 12);
	order_map_set(map, 7, VERDICT_ALREADY_HELD, 7);
	expect_place(map, 7, ORDER_SAME, 7);
	order_map_close(map);
}

Test(order_map, an_order_that_was_not_made_is_none)
{
	struct order_map *map = order_map_open();

	order_map_set(map, 7, VERDICT_HELD, 0);
	expect_place(map, 7, ORDER_NONE, 0);
	/* What only mentions it does not unmake it. */
	order_map_set(map, 8, VERDICT_HELD, 10);
	order_map_set(map, 8, VERDICT_ALREADY_HELD, 0);
	expect_place(map, 8, ORDER_MOVED, 10);
	order_map_set(map, 9, VERDICT_ALREADY_HELD, 0);
	expect_place(map, 9, ORDER_SAME, 9);
	order_map_close(map);
}

Test(order_map, waits_for_an_answer_that_is_still_to_come)
{
	struct order_map *map = order_map_open();

	order_map_expect(map, 7);
	expect_place(map, 7, ORDER_WAITS, 7);
	order_map_set(map, 7, VERDICT_HELD, 7);
	expect_place(map, 7, ORDER_SAME, 7);
	order_map_set(map, 8, VERDICT_HELD, 10);
	order_map_expect(map, 8);
	expect_place(map, 8, ORDER_MOVED, 10);
	order_map_close(map);
}

Test(order_map, a_taint_stays_whatever_the_id)
{
	struct order_map *map = order_map_open();

	cr_expect_not(order_map_tainted(map, 7));
	order_map_taint(map, 7);
	order_map_taint(map, 0);
	cr_expect(order_map_tainted(map, 7));
	cr_expect_not(order_map_tainted(map, 0));
	expect_place(map, 7, ORDER_SAME, 7);
	order_map_set(map, 7, VERDICT_HELD, 7);
	cr_expect(order_map_tainted(map, 7));
	order_map_close(map);
}

/* Orders that come and go leave no gap before one that is still there. */
Test(order_map, finds_every_order_among_many)
{
	enum {
		ORDERS = 20000,
	};
	struct order_map *map = order_map_open();

	for (uint64_t id = 1; id <= ORDERS; id++)
		order_map_expect(map, id);
	for (uint64_t id = 1; id <= ORDERS; id++)
		order_map_set(map, id, VERDICT_HELD, id % 3 == 0 ? id + 5 : id);
	for (uint64_t id = 1; id <= ORDERS; id++)
		expect_place(map, id, id % 3 == 0 ? ORDER_MOVED : ORDER_SAME,
			     id % 3 == 0 ? id + 5 : id);
	cr_expect_eq(order_map_lost(map), 0);
	order_map_close(map);
}

/* While nothing names an order, bought ones take no more than a fixed memory; holds do. */
Test(order_map, bought_orders_that_nothing_names_take_little)
{
	enum {
		ORDERS = 600000,
	};
	struct order_map *map = order_map_open();

	for (uint64_t id = 1; id <= ORDERS; id++)
		order_map_set(map, id, VERDICT_ACCEPTED, id + 1);
	cr_expect_gt(order_map_lost(map), 0);
	expect_place(map, ORDERS, ORDER_SAME, ORDERS);
	order_map_set(map, ORDERS + 1, VERDICT_HELD, 1);
	expect_place(map, ORDERS + 1, ORDER_MOVED, 1);
	order_map_close(map);
}

static void make(uint8_t *datagram, uint8_t cnt)
{
	memset(datagram, 0, WIRE_DATAGRAM_BYTES_MAX);
	((struct wire_header *)datagram)->count = cnt;
}

Test(order_map, puts_ids_into_what_names_an_order_and_nothing_else)
{
	static const struct {
		uint8_t op;
		uint8_t flags;
		bool names;
	} cases[] = {
		{WIRE_OP_BUY, 0, false},    {WIRE_OP_HOLD, 0, false},
		{WIRE_OP_CONFIRM, 0, true}, {WIRE_OP_RELEASE, 0, true},
		{WIRE_OP_EXTEND, 0, true},  {WIRE_OP_RETURN, WIRE_ENTRY_WRITE_OFF, true},
		{WIRE_OP_LOOKUP, 0, false}, {WIRE_OP_LOOKUP, WIRE_ENTRY_BY_ORDER, true},
		{WIRE_OP_PING, 0, false},
	};
	enum {
		CASES = sizeof(cases) / sizeof(cases[0]),
	};
	struct order_map *map = order_map_open();
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	struct wire_request *requests = wire_requests(datagram);

	order_map_set(map, 7, VERDICT_HELD, 9);
	make(datagram, CASES);
	for (unsigned i = 0; i < CASES; i++)
		requests[i] = (struct wire_request){
			.op = cases[i].op, .flags = cases[i].flags, .price_or_order = 7};
	order_map_apply(map, datagram);
	for (unsigned i = 0; i < CASES; i++)
		cr_expect_eq(requests[i].price_or_order, cases[i].names ? 9 : 7, "case %u", i);
	cr_expect_eq(order_map_counts(map)->named, 5);
	cr_expect_eq(order_map_counts(map)->moved, 5);
	order_map_close(map);
}

Test(order_map, a_request_is_ready_when_all_its_orders_are)
{
	struct order_map *map = order_map_open();
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	struct wire_request *requests = wire_requests(datagram);

	make(datagram, 3);
	requests[0] = (struct wire_request){.op = WIRE_OP_BUY, .price_or_order = 8};
	requests[1] = (struct wire_request){.op = WIRE_OP_CONFIRM, .price_or_order = 7};
	requests[2] = (struct wire_request){.op = WIRE_OP_RETURN, .price_or_order = 9};
	order_map_expect(map, 8);
	cr_expect(order_map_ready(map, datagram));
	order_map_expect(map, 9);
	cr_expect_not(order_map_ready(map, datagram));
	/* It leaves as it is, and what follows waits no longer. */
	order_map_set(map, 7, VERDICT_HELD, 0);
	order_map_apply(map, datagram);
	cr_expect_eq(requests[1].price_or_order, 0);
	cr_expect_eq(requests[2].price_or_order, 9);
	cr_expect_eq(order_map_counts(map)->guessed, 1);
	cr_expect_eq(order_map_counts(map)->none, 1);
	cr_expect(order_map_ready(map, datagram));
	order_map_close(map);
}

Test(order_map, what_was_told_just_now_is_recent)
{
	struct order_recent recent = {0};
	uint8_t reply[WIRE_DATAGRAM_BYTES_MAX];
	uint8_t request[WIRE_DATAGRAM_BYTES_MAX];
	bool names = true;

	make(reply, 2);
	wire_replies(reply)[0] = (struct wire_reply){.verdict = VERDICT_CONFIRMED, .order_id = 5};
	wire_replies(reply)[1] = (struct wire_reply){.verdict = VERDICT_HELD, .order_id = 7};
	make(request, 1);
	wire_requests(request)[0].op = WIRE_OP_BUY;
	order_recent_add(&recent, reply);
	cr_expect_not(order_recent_has(&recent, request, &names));
	cr_expect_not(names);
	wire_requests(request)[0] =
		(struct wire_request){.op = WIRE_OP_CONFIRM, .price_or_order = 7};
	cr_expect(order_recent_has(&recent, request, &names));
	cr_expect(names);
	wire_requests(request)[0].price_or_order = 5;
	cr_expect_not(order_recent_has(&recent, request, &names));
	order_recent_clear(&recent);
	wire_requests(request)[0].price_or_order = 7;
	cr_expect_not(order_recent_has(&recent, request, &names));
}
