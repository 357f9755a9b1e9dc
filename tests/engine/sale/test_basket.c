#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/sale/basket.h"
#include "tests/support/sale.h"

/* Baskets written by hand; random ones are in test_model.c. */
static const uint64_t BEGIN_NS = UINT64_C(1000000000000);
static const uint64_t SECOND_NS = 1000000000;

enum {
	RED = 1, /* 5 units each, at most 2 of both together, held for 10 s */
	BLUE,
	CUP, /* 2 units, held for 10 s */
	JUG,
	FIRST, /* LSN of the first request that commits */

	ANN = 101,
	BOB,
};

struct line {
	uint64_t sku;
	uint16_t quantity;
	uint64_t order;  /* LSN */
	uint8_t verdict; /* what it gets */
};

static struct shard *shard;
static uint64_t ids;

static void open_of_size(uint64_t hold_cnt)
{
	const struct shard_size size = {.offer_cnt = 10,
					.order_cnt = 50,
					.buyer_cnt = 50,
					.hold_cnt = hold_cnt,
					.change_cnt = 50};
	const char *why = "";

	CHECK(shard_open(&shard, 0, 1, &size) == 0);
	for (uint64_t sku = RED; sku < FIRST; sku++) {
		struct record offer = sale_offer(sku, sku <= BLUE ? 5 : 2, 10, 0);

		offer.at_ns = BEGIN_NS;
		offer.offer.hold_seconds = 10;
		if (sku <= BLUE) {
			offer.channel = 7;
			offer.quantity = 2;
		}
		CHECK(shard_apply(shard, sku, &offer, &why) == 0);
	}
	ids = 0;
}

static void open_shard(void)
{
	open_of_size(50);
}

static void close_shard(void)
{
	shard_close(shard);
}

TestSuite(sale_basket, .init = open_shard, .fini = close_shard);

static struct decision decide_lines(uint64_t seconds, const struct wire_request *lines,
				    uint32_t cnt, struct decision *decisions)
{
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct basket basket = {.shard = shard,
				.now_ns = BEGIN_NS + seconds * SECOND_NS,
				.asked_ns = BEGIN_NS + seconds * SECOND_NS,
				.lines = lines,
				.keys = keys,
				.cnt = cnt};
	enum basket_outcome outcome;
	struct decision sum;
	struct record record;

	lookup_all(shard, lines, keys, cnt);
	do {
		outcome = basket_judge(&basket, &record, decisions);
	} while (outcome == BASKET_AGAIN);
	for (uint32_t i = 0; i < cnt && outcome == BASKET_COMMITS; i++)
		basket_commit(&basket, i, &record, &decisions[i]);
	basket_sum(decisions, cnt, &sum);
	return sum;
}

static void play(uint64_t seconds, uint8_t op, uint64_t buyer, const struct line *lines,
		 uint32_t cnt)
{
	struct wire_request requests[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX];

	for (uint32_t i = 0; i < cnt; i++) {
		requests[i] = sale_buy(++ids, buyer, lines[i].sku);
		requests[i].op = op;
		requests[i].quantity = lines[i].quantity;
		requests[i].price_or_order = lines[i].order;
	}
	cr_assert(eq(int, (int)basket_wrong(requests, cnt), VERDICT_NONE));
	decide_lines(seconds, requests, cnt, decisions);
	for (uint32_t i = 0; i < cnt; i++)
		cr_assert(eq(u8, decisions[i].verdict, lines[i].verdict), "line %u: %s, not %s",
			  i + 1, verdict_name(decisions[i].verdict),
			  verdict_name(lines[i].verdict));
}

#define PLAY(seconds, op, buyer, ...)                                                              \
	play(seconds, op, buyer, (const struct line[]){__VA_ARGS__},                               \
	     sizeof((const struct line[]){__VA_ARGS__}) / sizeof(struct line))

#define GETS(word) VERDICT_##word

static void check_units(uint64_t sku, uint32_t free, uint32_t held, uint32_t sold)
{
	struct offer_view offer;

	cr_assert(shard_find_offer(shard, sku, &offer));
	cr_assert(eq(u32, offer.free, free));
	cr_assert(eq(u32, offer.held, held));
	cr_assert(eq(u32, offer.sold, sold));
}

Test(sale_basket, all_or_nothing)
{
	PLAY(0, WIRE_OP_BUY, ANN, {CUP, 2, 0, GETS(BASKET_REFUSED)}, {JUG, 3, 0, GETS(SOLD_OUT)});
	check_units(CUP, 2, 0, 0);
	PLAY(0, WIRE_OP_BUY, ANN, {CUP, 2, 0, GETS(ACCEPTED)}, {JUG, 2, 0, GETS(ACCEPTED)});
	check_units(CUP, 0, 0, 2);
	check_units(JUG, 0, 0, 2);
}

Test(sale_basket, a_table_has_room_for_all_lines_or_for_none)
{
	close_shard();
	open_of_size(3);
	PLAY(0, WIRE_OP_HOLD, ANN, {CUP, 1, 0, GETS(HELD)}, {JUG, 1, 0, GETS(HELD)});
	PLAY(0, WIRE_OP_HOLD, BOB, {CUP, 1, 0, GETS(TABLE_FULL)}, {JUG, 1, 0, GETS(TABLE_FULL)});
	check_units(CUP, 1, 1, 0);
}

Test(sale_basket, the_limit_of_a_group_counts_over_all_lines)
{
	PLAY(0, WIRE_OP_HOLD, ANN, {RED, 1, 0, GETS(BASKET_REFUSED)},
	     {BLUE, 2, 0, GETS(LIMIT_REACHED)});
	PLAY(0, WIRE_OP_HOLD, ANN, {RED, 1, 0, GETS(HELD)}, {BLUE, 1, 0, GETS(HELD)});
	PLAY(0, WIRE_OP_HOLD, ANN, {RED, 1, 0, GETS(ALREADY_HELD)},
	     {BLUE, 1, 0, GETS(ALREADY_HELD)});
}

Test(sale_basket, one_payment_has_one_answer)
{
	PLAY(0, WIRE_OP_HOLD, ANN, {CUP, 1, 0, GETS(HELD)}, {RED, 1, 0, GETS(HELD)});
	PLAY(5, WIRE_OP_HOLD, ANN, {JUG, 2, 0, GETS(HELD)}, {BLUE, 1, 0, GETS(HELD)});
	PLAY(10, WIRE_OP_BUY, BOB, {CUP, 2, 0, GETS(ACCEPTED)}, {RED, 1, 0, GETS(ACCEPTED)});
	/* The cup is gone; the jugs are still held, but paid for with it. */
	PLAY(11, WIRE_OP_CONFIRM, ANN, {CUP, 1, FIRST, GETS(HOLD_EXPIRED)},
	     {JUG, 2, FIRST + 2, GETS(HOLD_EXPIRED)});
	check_units(JUG, 2, 0, 0);
	PLAY(12, WIRE_OP_CONFIRM, ANN, {RED, 1, FIRST + 1, GETS(CONFIRMED_LATE)},
	     {BLUE, 1, FIRST + 3, GETS(CONFIRMED)});
}

/* What a line gives back of its group's limit is there for the lines after it. */
Test(sale_basket, a_part_that_is_paid_makes_room_for_a_late_line)
{
	PLAY(0, WIRE_OP_HOLD, ANN, {RED, 1, 0, GETS(HELD)}, {CUP, 1, 0, GETS(HELD)});
	PLAY(10, WIRE_OP_HOLD, ANN, {BLUE, 2, 0, GETS(HELD)}, {CUP, 1, 0, GETS(HELD)});
	PLAY(11, WIRE_OP_CONFIRM, ANN, {BLUE, 1, FIRST + 3, GETS(CONFIRMED)},
	     {RED, 1, FIRST, GETS(CONFIRMED_LATE)});
	check_units(BLUE, 4, 0, 1);
	check_units(RED, 4, 0, 1);
}

static struct decision whole(uint64_t seconds, uint8_t op, uint64_t buyer, uint64_t sku,
			     uint64_t order, uint32_t want_cnt)
{
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX];
	struct wire_request request = sale_buy(++ids, buyer, sku);
	uint32_t cnt;

	request.op = op;
	request.flags = WIRE_ENTRY_WHOLE_BASKET;
	request.quantity = 0;
	request.price_or_order = order;
	cnt = basket_lines(shard, &request, lines, parts);
	cr_assert(eq(u32, cnt, want_cnt));
	return cnt == 0 ? (struct decision){0} : decide_lines(seconds, lines, cnt, decisions);
}

Test(sale_basket, is_paid_and_given_back_by_its_id)
{
	struct decision decision;

	PLAY(0, WIRE_OP_HOLD, ANN, {CUP, 1, 0, GETS(HELD)}, {JUG, 2, 0, GETS(HELD)});
	PLAY(0, WIRE_OP_HOLD, BOB, {CUP, 1, 0, GETS(HELD)}, {RED, 2, 0, GETS(HELD)});
	whole(1, WIRE_OP_CONFIRM, BOB, CUP, FIRST, 0);
	whole(1, WIRE_OP_CONFIRM, ANN, JUG, FIRST, 0);
	whole(1, WIRE_OP_CONFIRM, ANN, CUP, FIRST + 9, 0);
	whole(1, WIRE_OP_CONFIRM, ANN, CUP, 0, 0);
	whole(1, WIRE_OP_CONFIRM, ANN, CUP, CUP, 0);
	decision = whole(1, WIRE_OP_CONFIRM, ANN, CUP, FIRST, 2);
	cr_assert(eq(u8, decision.verdict, VERDICT_CONFIRMED));
	cr_assert(eq(u16, decision.quantity, 3));
	cr_assert(eq(u64, decision.order_id, FIRST));
	decision = whole(2, WIRE_OP_RELEASE, BOB, CUP, FIRST + 2, 2);
	cr_assert(eq(u8, decision.verdict, VERDICT_RELEASED));
	cr_assert(eq(u16, decision.quantity, 3));
	check_units(CUP, 1, 0, 1);
	check_units(RED, 5, 0, 0);
}

/* A yes means all of it: here one line was released before, alone, under the same request id. */
Test(sale_basket, is_not_given_back_whose_line_was_before)
{
	struct wire_request one;
	struct decision decision;

	PLAY(0, WIRE_OP_HOLD, ANN, {CUP, 1, 0, GETS(HELD)}, {JUG, 2, 0, GETS(HELD)});
	one = sale_buy(ids + 1, ANN, CUP);
	one.op = WIRE_OP_RELEASE;
	one.quantity = 0;
	one.price_or_order = FIRST;
	decision = sale_decide(shard, BEGIN_NS + SECOND_NS, &one, NULL);
	cr_assert(eq(u8, decision.verdict, VERDICT_RELEASED));
	decision = whole(1, WIRE_OP_RELEASE, ANN, CUP, FIRST, 2);
	cr_assert(eq(u8, decision.verdict, VERDICT_BASKET_REFUSED));
}

/* What was bought is no basket of holds, also when units of it came back. */
Test(sale_basket, what_was_bought_has_no_basket_id)
{
	struct wire_request back = sale_buy(900, ANN, CUP);
	struct decision decision;

	PLAY(0, WIRE_OP_BUY, ANN, {CUP, 1, 0, GETS(ACCEPTED)}, {JUG, 1, 0, GETS(ACCEPTED)});
	whole(1, WIRE_OP_CONFIRM, ANN, CUP, FIRST, 0);
	back.op = WIRE_OP_RETURN;
	back.price_or_order = FIRST;
	decision = sale_decide(shard, BEGIN_NS + SECOND_NS, &back, NULL);
	cr_assert(eq(u8, decision.verdict, VERDICT_RETURNED));
	whole(1, WIRE_OP_CONFIRM, ANN, CUP, FIRST, 0);
}

Test(sale_basket, what_is_none)
{
	struct wire_request lines[3] = {sale_buy(1, ANN, CUP), sale_buy(2, ANN, JUG),
					sale_buy(3, ANN, RED)};

	cr_assert(eq(int, (int)basket_wrong(lines, 1), VERDICT_BASKET_SIZE));
	cr_assert(eq(int, (int)basket_wrong(lines, 3), VERDICT_NONE));
	lines[2].sku = CUP;
	cr_assert(eq(int, (int)basket_wrong(lines, 3), VERDICT_BASKET_TWICE));
	lines[1].buyer = BOB;
	cr_assert(eq(int, (int)basket_wrong(lines, 3), VERDICT_BASKET_BUYERS));
	lines[1].op = WIRE_OP_HOLD;
	cr_assert(eq(int, (int)basket_wrong(lines, 3), VERDICT_BASKET_OPS));
	lines[0].op = lines[1].op = lines[2].op = WIRE_OP_RETURN;
	cr_assert(eq(int, (int)basket_wrong(lines, 3), VERDICT_BASKET_OPS));
}
