#include <criterion/criterion.h>

#include <stdlib.h>

#include "tests/support/offline_sale.h"
#include "tools/replay/sold.h"

static struct offline_sale *open_sale(uint32_t stock, uint32_t hold_seconds)
{
	const struct catalog_offer line = {
		.unit_price = 100, .stock = stock, .hold_seconds = hold_seconds};

	return offline_sale_open(offline_catalog(&line, 1), 1, NULL);
}

Test(offline, a_payment_names_the_order_of_this_sale)
{
	struct offline_sale *sale = open_sale(10, 60);
	const struct wire_reply *replies;
	const uint64_t captured = 77;
	uint64_t order;

	offline_ask(sale, 1, WIRE_OP_HOLD, 5, 2, 0);
	replies = offline_decide_all(sale);
	cr_assert_eq(replies[0].verdict, VERDICT_HELD);
	order = replies[0].order_id;
	cr_assert_neq(order, captured);
	order_map_set(compare_orders(sale->compare), captured, VERDICT_HELD, order);
	offline_ask(sale, 2, WIRE_OP_CONFIRM, 5, 2, captured);
	replies = offline_decide_all(sale);
	cr_expect_eq(replies[0].verdict, VERDICT_CONFIRMED);
	cr_expect_eq(replies[0].order_id, order);
	cr_expect_eq(sale->datagrams[0][WIRE_HEADER_BYTES + 32], captured,
		     "what was captured stays as it is");
	order_map_set(compare_orders(sale->compare), captured + 1, VERDICT_HELD, 0);
	offline_ask(sale, 3, WIRE_OP_CONFIRM, 5, 1, captured + 1);
	cr_expect_eq(offline_decide_all(sale)[0].verdict, VERDICT_NOT_FOUND);
	cr_expect_eq(offline_verdicts_by_op(sale->offline)[WIRE_OP_HOLD][VERDICT_HELD], 1);
	cr_expect_eq(offline_verdicts_by_op(sale->offline)[WIRE_OP_CONFIRM][VERDICT_CONFIRMED], 1);
	cr_expect_eq(offline_verdicts_by_op(sale->offline)[WIRE_OP_CONFIRM][VERDICT_NOT_FOUND], 1);
	offline_sale_close(sale);
}

Test(offline, holds_end_as_the_capture_goes_on)
{
	struct offline_sale *sale = open_sale(10, 60);
	struct shard_totals totals;

	for (uint64_t buyer = 1; buyer <= 5; buyer++)
		offline_ask(sale, buyer, WIRE_OP_HOLD, buyer, 1, 0);
	offline_decide_all(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 5);
	/* What is asked has nothing to do with them. */
	offline_ask(sale, 63, WIRE_OP_PING, 9, 0, 0);
	offline_decide_all(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 2);
	offline_ask(sale, 64, WIRE_OP_PING, 9, 0, 0);
	offline_ask(sale, 65, WIRE_OP_PING, 9, 0, 0);
	offline_decide_all(sale);
	offline_sale_finish(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 0);
	cr_expect_eq(totals.units_free, 10);
	offline_sale_close(sale);
}

/* The end of the capture is an instant like any other. */
Test(offline, holds_end_with_the_capture_in_every_lane)
{
	struct offline_sale *sale = open_sale(10, 60);
	struct shard_totals totals;

	offline_ask(sale, 0, WIRE_OP_HOLD, 1, 1, 0);
	offline_ask(sale, 2, WIRE_OP_HOLD, 2, 1, 0);
	offline_decide_all(sale);
	offline_ask(sale, 61, WIRE_OP_PING, 9, 0, 0);
	offline_decide_all(sale);
	offline_sale_finish(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 1);
	offline_sale_close(sale);
}

struct outcome {
	uint64_t next_lsn;
	struct shard_hash hash;
};

static struct outcome run_in_batches(uint32_t each)
{
	struct offline_sale *sale = open_sale(20, 2);
	struct outcome outcome;

	for (uint64_t i = 0; i < 48; i++) {
		offline_ask(sale, i / 2, i % 3 == 2 ? WIRE_OP_BUY : WIRE_OP_HOLD, i, 1, 0)->id[1] =
			7;
		wire_requests(sale->datagrams[sale->batch.item_cnt - 1])->id[0] = i + 1;
		if (sale->batch.item_cnt == each)
			offline_decide_all(sale);
	}
	offline_decide_all(sale);
	offline_sale_finish(sale);
	outcome.next_lsn = shard_next_lsn(offline_shard(sale->offline, 0));
	outcome.hash = shard_hash(offline_shard(sale->offline, 0));
	offline_sale_close(sale);
	return outcome;
}

/* Records stand at the same LSNs however many datagrams are decided at once. */
Test(offline, the_lane_follows_from_the_capture_alone)
{
	const struct outcome one = run_in_batches(1);

	for (uint32_t each = 2; each <= BATCH_DATAGRAMS_MAX; each += 5) {
		const struct outcome other = run_in_batches(each);

		cr_expect_eq(other.next_lsn, one.next_lsn, "in batches of %u", each);
		cr_expect_eq(other.hash.low, one.hash.low);
		cr_expect_eq(other.hash.high, one.hash.high);
	}
	cr_expect_gt(one.next_lsn, 48, "there are records of holds that ran out");
}

Test(offline, what_came_back_is_not_sold)
{
	struct offline_sale *sale = open_sale(10, 60);
	struct sold sold;
	uint64_t bought;
	uint64_t held;

	offline_ask(sale, 1, WIRE_OP_BUY, 1, 3, 0);
	offline_ask(sale, 2, WIRE_OP_HOLD, 2, 2, 0);
	offline_ask(sale, 2, WIRE_OP_HOLD, 3, 1, 0);
	offline_ask(sale, 3, WIRE_OP_HOLD, 4, 1, 0);
	offline_decide_all(sale);
	bought = sale->replies[0].order_id;
	held = sale->replies[1].order_id;
	offline_ask(sale, 4, WIRE_OP_RETURN, 1, 1, bought);
	offline_ask(sale, 5, WIRE_OP_RETURN, 1, 1, bought)->flags = WIRE_ENTRY_WRITE_OFF;
	offline_ask(sale, 30, WIRE_OP_CONFIRM, 2, 1, held);
	offline_ask(sale, 31, WIRE_OP_RELEASE, 3, 0, sale->replies[2].order_id);
	offline_decide_all(sale);
	offline_sale_finish(sale);
	cr_assert_eq(sold_take(&sold, sale->offline, 1, OFFLINE_BEGIN_NS), 0);
	cr_expect_eq(sold.order_cnt, 2);
	cr_expect_eq(sold.total.units, 2, "one bought, one paid");
	cr_expect_eq(sold.total.revenue, 200);
	cr_expect_eq(sold_revenue_of(offline_shard(sale->offline, 0)), 200);
	cr_expect_eq(sold.orders[1].at_ns, OFFLINE_BEGIN_NS + 30 * OFFLINE_SECOND_NS,
		     "sold when it was paid");
	cr_expect_eq(sold.skus[0].held, 1);
	cr_expect_eq(sold.skus[0].left, 6);
	cr_expect_eq(sold.holds.made, 3);
	cr_expect_eq(sold.holds.paid, 1);
	cr_expect_eq(sold.holds.released, 1);
	cr_expect_eq(sold.holds.open, 1);
	cr_expect_eq(sold.holds.returned, 1);
	cr_expect_eq(sold.holds.written_off, 1);
	sold_free(&sold);
	offline_sale_close(sale);
}

/* What is held at the end is not sold, and so it is not sold out. */
Test(offline, what_is_held_is_not_sold_out)
{
	struct offline_sale *sale = open_sale(3, 60);
	struct sold sold;

	offline_ask(sale, 1, WIRE_OP_BUY, 1, 2, 0);
	offline_ask(sale, 2, WIRE_OP_HOLD, 2, 1, 0);
	offline_decide_all(sale);
	offline_sale_finish(sale);
	cr_assert_eq(sold_take(&sold, sale->offline, 1, OFFLINE_BEGIN_NS), 0);
	cr_expect_eq(sold.skus[0].left, 0);
	cr_expect_eq(sold.skus[0].sold_out_ns, 0);
	sold_free(&sold);
	offline_sale_close(sale);
}

/* A SKU that the catalog puts into another shard than its number's is sold there, and the shard of
 * its number says where. */
Test(offline, a_placed_sku_is_sold_by_its_shard)
{
	const uint16_t number = wire_shard_of(OFFLINE_SKU, 2);
	const struct catalog_offer line = {
		.unit_price = 100, .stock = 10, .shard = 1 - number, .shard_named = true};
	struct offline_sale *sale = offline_sale_open(offline_catalog(&line, 1), 2, NULL);

	for (uint32_t i = 0; i < 2; i++) {
		const uint16_t shard = i == 0 ? number : 1 - number;

		offline_ask(sale, 1, WIRE_OP_BUY, i + 1, 1, 0);
		((struct wire_header *)sale->datagrams[i])->shard = shard;
		sale->batch.items[i].shard = shard;
	}
	offline_decide_all(sale);
	cr_expect_eq(sale->replies[0].verdict, VERDICT_WRONG_SHARD);
	cr_expect_eq(sale->replies[0].quantity, 1 - number);
	cr_expect_eq(sale->replies[1].verdict, VERDICT_ACCEPTED);
	offline_sale_finish(sale);
	offline_sale_close(sale);
}
