/*
 * An offline sale with holds, fed as run_offline feeds it: datagram by datagram or many at once,
 * with the ids of another run.
 */
#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>

#include "engine/catalog/placement.h"
#include "tools/replay/compare.h"
#include "tools/replay/offline.h"
#include "tools/replay/sold.h"

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t BEGIN_NS = UINT64_C(1700000000000000000);

enum {
	SKU = 1001,
	ITEMS_MAX = 64,
};

struct sale {
	struct catalog *catalog;
	struct compare *compare;
	struct offline *offline;
	struct batch batch;
	uint8_t datagrams[ITEMS_MAX][WIRE_DATAGRAM_BYTES_MAX];
	struct wire_reply replies[ITEMS_MAX]; /* in the order of the requests */
	uint32_t reply_cnt;
};

static struct sale *open_sale(uint32_t stock, uint32_t limit, uint32_t hold_seconds)
{
	struct sale *sale = calloc(1, sizeof(*sale));
	struct error error;

	sale->catalog = calloc(1, sizeof(*sale->catalog) + sizeof(sale->catalog->offers[0]));
	sale->catalog->cnt = 1;
	sale->catalog->offers[0] = (struct catalog_offer){
		.sku = SKU,
		.unit_price = 100,
		.closes_at_ns = INSTANT_NEVER,
		.stock = stock,
		.limit_per_buyer = limit,
		.hold_seconds = hold_seconds,
	};
	sale->compare = compare_open(10);
	cr_assert_eq(catalog_place(sale->catalog, "catalog", stderr, 1, NULL, &error), 0);
	cr_assert_eq(offline_open(&sale->offline,
				  &(struct offline_options){
					  .catalog = sale->catalog,
					  .shards = 1,
					  .first_ns = BEGIN_NS,
					  .journal_id = 1,
					  .orders = compare_orders(sale->compare),
					  .segment_bytes = 1 << 20,
				  },
				  &error),
		     0, "%s", error.text);
	return sale;
}

static void close_sale(struct sale *sale)
{
	offline_close(sale->offline);
	compare_close(sale->compare);
	free(sale->catalog);
	free(sale);
}

static struct wire_request *ask(struct sale *sale, uint64_t at_s, uint8_t op, uint64_t buyer,
				uint16_t quantity, uint64_t order_id)
{
	const uint32_t i = sale->batch.item_cnt++;
	struct wire_header *header = (struct wire_header *)sale->datagrams[i];
	struct wire_request *request = wire_requests(sale->datagrams[i]);
	static uint64_t last_id;

	*header = (struct wire_header){.magic = WIRE_MAGIC,
				       .version = WIRE_VERSION,
				       .kind = WIRE_KIND_REQUEST,
				       .count = 1,
				       .shard_map_version = WIRE_SHARD_MAP_VERSION};
	*request = (struct wire_request){.id = {++last_id, 1},
					 .buyer = buyer,
					 .sku = SKU,
					 .price_or_order = order_id,
					 .quantity = quantity,
					 .op = op};
	header->echo = last_id;
	sale->batch.items[i] = (struct batch_item){
		.datagram = sale->datagrams[i],
		.at_ns = BEGIN_NS + at_s * SECOND_NS,
		.names_order = order_map_names(request),
	};
	sale->batch.request_cnt++;
	return request;
}

static void on_reply(void *context, const struct batch_item *item, const uint8_t *datagram)
{
	struct sale *sale = context;

	(void)item;
	sale->replies[sale->reply_cnt++] = *wire_replies((uint8_t *)datagram);
}

static const struct wire_reply *decide_all(struct sale *sale)
{
	struct error error;

	sale->reply_cnt = 0;
	cr_assert_eq(offline_decide(sale->offline, &sale->batch, on_reply, sale, &error), 0, "%s",
		     error.text);
	cr_assert_eq(sale->reply_cnt, sale->batch.item_cnt);
	sale->batch.item_cnt = 0;
	sale->batch.request_cnt = 0;
	return sale->replies;
}

static void finish(struct sale *sale)
{
	struct error error;

	cr_assert_eq(offline_finish(sale->offline, &error), 0, "%s", error.text);
}

Test(offline, a_payment_names_the_order_of_this_sale)
{
	struct sale *sale = open_sale(10, 0, 60);
	const struct wire_reply *replies;
	const uint64_t captured = 77;
	uint64_t order;

	ask(sale, 1, WIRE_OP_HOLD, 5, 2, 0);
	replies = decide_all(sale);
	cr_assert_eq(replies[0].verdict, VERDICT_HELD);
	order = replies[0].order_id;
	cr_assert_neq(order, captured);
	order_map_set(compare_orders(sale->compare), captured, VERDICT_HELD, order);
	ask(sale, 2, WIRE_OP_CONFIRM, 5, 2, captured);
	replies = decide_all(sale);
	cr_expect_eq(replies[0].verdict, VERDICT_CONFIRMED);
	cr_expect_eq(replies[0].order_id, order);
	cr_expect_eq(sale->datagrams[0][WIRE_HEADER_BYTES + 32], captured,
		     "what was captured stays as it is");
	order_map_set(compare_orders(sale->compare), captured + 1, VERDICT_HELD, 0);
	ask(sale, 3, WIRE_OP_CONFIRM, 5, 1, captured + 1);
	cr_expect_eq(decide_all(sale)[0].verdict, VERDICT_NOT_FOUND);
	cr_expect_eq(offline_verdicts_by_op(sale->offline)[WIRE_OP_HOLD][VERDICT_HELD], 1);
	cr_expect_eq(offline_verdicts_by_op(sale->offline)[WIRE_OP_CONFIRM][VERDICT_CONFIRMED], 1);
	cr_expect_eq(offline_verdicts_by_op(sale->offline)[WIRE_OP_CONFIRM][VERDICT_NOT_FOUND], 1);
	close_sale(sale);
}

Test(offline, holds_end_as_the_capture_goes_on)
{
	struct sale *sale = open_sale(10, 0, 60);
	struct shard_totals totals;

	for (uint64_t buyer = 1; buyer <= 5; buyer++)
		ask(sale, buyer, WIRE_OP_HOLD, buyer, 1, 0);
	decide_all(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 5);
	/* What is asked has nothing to do with them. */
	ask(sale, 63, WIRE_OP_PING, 9, 0, 0);
	decide_all(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 2);
	ask(sale, 64, WIRE_OP_PING, 9, 0, 0);
	ask(sale, 65, WIRE_OP_PING, 9, 0, 0);
	decide_all(sale);
	finish(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 0);
	cr_expect_eq(totals.units_free, 10);
	close_sale(sale);
}

/* The end of the capture is an instant like any other. */
Test(offline, holds_end_with_the_capture_in_every_lane)
{
	struct sale *sale = open_sale(10, 0, 60);
	struct shard_totals totals;

	ask(sale, 0, WIRE_OP_HOLD, 1, 1, 0);
	ask(sale, 2, WIRE_OP_HOLD, 2, 1, 0);
	decide_all(sale);
	ask(sale, 61, WIRE_OP_PING, 9, 0, 0);
	decide_all(sale);
	finish(sale);
	shard_totals(offline_shard(sale->offline, 0), &totals);
	cr_expect_eq(totals.open_holds, 1);
	close_sale(sale);
}

struct outcome {
	uint64_t next_lsn;
	struct shard_hash hash;
};

static struct outcome run_in_batches(uint32_t each)
{
	struct sale *sale = open_sale(20, 0, 2);
	struct outcome outcome;

	for (uint64_t i = 0; i < 48; i++) {
		ask(sale, i / 2, i % 3 == 2 ? WIRE_OP_BUY : WIRE_OP_HOLD, i, 1, 0)->id[1] = 7;
		wire_requests(sale->datagrams[sale->batch.item_cnt - 1])->id[0] = i + 1;
		if (sale->batch.item_cnt == each)
			decide_all(sale);
	}
	decide_all(sale);
	finish(sale);
	outcome.next_lsn = shard_next_lsn(offline_shard(sale->offline, 0));
	outcome.hash = shard_hash(offline_shard(sale->offline, 0));
	close_sale(sale);
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
	struct sale *sale = open_sale(10, 0, 60);
	struct sold sold;
	uint64_t bought;
	uint64_t held;

	ask(sale, 1, WIRE_OP_BUY, 1, 3, 0);
	ask(sale, 2, WIRE_OP_HOLD, 2, 2, 0);
	ask(sale, 2, WIRE_OP_HOLD, 3, 1, 0);
	ask(sale, 3, WIRE_OP_HOLD, 4, 1, 0);
	decide_all(sale);
	bought = sale->replies[0].order_id;
	held = sale->replies[1].order_id;
	ask(sale, 4, WIRE_OP_RETURN, 1, 1, bought);
	ask(sale, 5, WIRE_OP_RETURN, 1, 1, bought)->flags = WIRE_ENTRY_WRITE_OFF;
	ask(sale, 30, WIRE_OP_CONFIRM, 2, 1, held);
	ask(sale, 31, WIRE_OP_RELEASE, 3, 0, sale->replies[2].order_id);
	decide_all(sale);
	finish(sale);
	cr_assert_eq(sold_take(&sold, sale->offline, 1, BEGIN_NS), 0);
	cr_expect_eq(sold.order_cnt, 2);
	cr_expect_eq(sold.total.units, 2, "one bought, one paid");
	cr_expect_eq(sold.total.revenue, 200);
	cr_expect_eq(sold_revenue_of(offline_shard(sale->offline, 0)), 200);
	cr_expect_eq(sold.orders[1].at_ns, BEGIN_NS + 30 * SECOND_NS, "sold when it was paid");
	cr_expect_eq(sold.skus[0].held, 1);
	cr_expect_eq(sold.skus[0].left, 6);
	cr_expect_eq(sold.holds.made, 3);
	cr_expect_eq(sold.holds.paid, 1);
	cr_expect_eq(sold.holds.released, 1);
	cr_expect_eq(sold.holds.open, 1);
	cr_expect_eq(sold.holds.returned, 1);
	cr_expect_eq(sold.holds.written_off, 1);
	sold_free(&sold);
	close_sale(sale);
}

/* What is held at the end is not sold, and so it is not sold out. */
Test(offline, what_is_held_is_not_sold_out)
{
	struct sale *sale = open_sale(3, 0, 60);
	struct sold sold;

	ask(sale, 1, WIRE_OP_BUY, 1, 2, 0);
	ask(sale, 2, WIRE_OP_HOLD, 2, 1, 0);
	decide_all(sale);
	finish(sale);
	cr_assert_eq(sold_take(&sold, sale->offline, 1, BEGIN_NS), 0);
	cr_expect_eq(sold.skus[0].left, 0);
	cr_expect_eq(sold.skus[0].sold_out_ns, 0);
	sold_free(&sold);
	close_sale(sale);
}

/* A SKU that the catalog puts into another shard than its number's is sold there, and the shard of
 * its number says where. */
Test(offline, a_placed_sku_is_sold_by_its_shard)
{
	struct sale *sale = calloc(1, sizeof(*sale));
	const uint16_t number = wire_shard_of(SKU, 2);
	struct error error;

	sale->catalog = calloc(1, sizeof(*sale->catalog) + sizeof(sale->catalog->offers[0]));
	sale->catalog->cnt = 1;
	sale->catalog->offers[0] = (struct catalog_offer){.sku = SKU,
							  .unit_price = 100,
							  .closes_at_ns = INSTANT_NEVER,
							  .stock = 10,
							  .shard = 1 - number,
							  .shard_named = true};
	cr_assert_eq(catalog_place(sale->catalog, "catalog", stderr, 2, NULL, &error), 0);
	cr_assert_eq(offline_open(&sale->offline,
				  &(struct offline_options){.catalog = sale->catalog,
							    .shards = 2,
							    .first_ns = BEGIN_NS,
							    .journal_id = 1,
							    .segment_bytes = 1 << 20},
				  &error),
		     0, "%s", error.text);
	for (uint32_t i = 0; i < 2; i++) {
		const uint16_t shard = i == 0 ? number : 1 - number;

		ask(sale, 1, WIRE_OP_BUY, i + 1, 1, 0);
		((struct wire_header *)sale->datagrams[i])->shard = shard;
		sale->batch.items[i].shard = shard;
	}
	decide_all(sale);
	cr_expect_eq(sale->replies[0].verdict, VERDICT_WRONG_SHARD);
	cr_expect_eq(sale->replies[0].quantity, 1 - number);
	cr_expect_eq(sale->replies[1].verdict, VERDICT_ACCEPTED);
	finish(sale);
	close_sale(sale);
}
