/*
 * The requests made of a journal, decided again: a sale of everything that leaves a record.
 */
#include <criterion/criterion.h>

#include <stdio.h>

#include "tests/support/offline_sale.h"
#include "tests/support/temp_dir.h"
#include "tools/replay/from_journal.h"

static const struct catalog_offer line = {.unit_price = 100,
					  .stock = 20,
					  .hold_seconds = 60,
					  .extensions = 2,
					  .extend_seconds = 50,
					  .group = 3,
					  .group_limit = 15};

/* Two lines of a basket, of the first two SKUs. */
static struct wire_request *ask_basket(struct offline_sale *sale, uint64_t at_s, uint8_t op,
				       uint64_t buyer, uint16_t quantity)
{
	struct wire_request *lines = offline_ask(sale, at_s, op, buyer, quantity, 0);
	struct wire_header *header =
		(struct wire_header *)sale->datagrams[sale->batch.item_cnt - 1];

	header->flags = WIRE_FLAG_BASKET;
	header->count = 2;
	lines[1] = lines[0];
	lines[1].sku++;
	return lines;
}

static uint64_t answered(struct offline_sale *sale, uint8_t verdict)
{
	const struct wire_reply *reply = offline_decide_all(sale);

	cr_assert_eq(reply->verdict, verdict, "%s", verdict_name(reply->verdict));
	return reply->order_id;
}

static void sell_everything(struct offline_sale *sale)
{
	uint64_t bought;
	uint64_t held;
	uint64_t late;
	uint64_t too_late;
	uint64_t basket;
	uint64_t lengthened;

	offline_ask(sale, 1, WIRE_OP_BUY, 1, 3, 0);
	bought = answered(sale, VERDICT_ACCEPTED);
	offline_ask(sale, 2, WIRE_OP_HOLD, 2, 4, 0);
	held = answered(sale, VERDICT_HELD);
	offline_ask(sale, 3, WIRE_OP_EXTEND, 2, 1, held);
	answered(sale, VERDICT_CANNOT_EXTEND);
	offline_ask(sale, 20, WIRE_OP_EXTEND, 2, 1, held);
	answered(sale, VERDICT_EXTENDED);
	offline_ask(sale, 21, WIRE_OP_RELEASE, 2, 1, held);
	answered(sale, VERDICT_RELEASED);
	offline_ask(sale, 22, WIRE_OP_CONFIRM, 2, 2, held);
	answered(sale, VERDICT_CONFIRMED);
	offline_ask(sale, 23, WIRE_OP_RETURN, 2, 1, held);
	answered(sale, VERDICT_RETURNED);
	offline_ask(sale, 24, WIRE_OP_RETURN, 1, 1, bought)->flags = WIRE_ENTRY_WRITE_OFF;
	answered(sale, VERDICT_RETURNED);
	offline_ask(sale, 25, WIRE_OP_HOLD, 3, 2, 0);
	late = answered(sale, VERDICT_HELD);
	offline_ask(sale, 26, WIRE_OP_HOLD, 4, 13, 0);
	too_late = answered(sale, VERDICT_HELD);
	offline_ask(sale, 100, WIRE_OP_CONFIRM, 3, 2, late);
	answered(sale, VERDICT_CONFIRMED_LATE);
	offline_ask(sale, 101, WIRE_OP_BUY, 5, 12, 0);
	bought = answered(sale, VERDICT_ACCEPTED);
	offline_ask(sale, 102, WIRE_OP_CONFIRM, 4, 13, too_late);
	answered(sale, VERDICT_HOLD_EXPIRED);
	ask_basket(sale, 103, WIRE_OP_BUY, 6, 1);
	answered(sale, VERDICT_ACCEPTED);
	ask_basket(sale, 104, WIRE_OP_HOLD, 7, 1);
	basket = answered(sale, VERDICT_HELD);
	offline_ask(sale, 105, WIRE_OP_CONFIRM, 7, 0, basket)->flags = WIRE_ENTRY_WHOLE_BASKET;
	answered(sale, VERDICT_CONFIRMED);
	offline_ask(sale, 106, WIRE_OP_HOLD, 8, 1, 0)->sku++;
	answered(sale, VERDICT_HELD);
	/* One of its lines ran out and is gone: the other, still held, is refunded with it. */
	offline_ask(sale, 200, WIRE_OP_RETURN, 5, 1, bought);
	answered(sale, VERDICT_RETURNED);
	ask_basket(sale, 201, WIRE_OP_HOLD, 9, 1);
	basket = answered(sale, VERDICT_HELD);
	lengthened = sale->replies[1].order_id;
	offline_ask(sale, 240, WIRE_OP_EXTEND, 9, 1, lengthened)->sku++;
	answered(sale, VERDICT_EXTENDED);
	offline_ask(sale, 270, WIRE_OP_BUY, 10, 1, 0);
	answered(sale, VERDICT_ACCEPTED);
	offline_ask(sale, 275, WIRE_OP_CONFIRM, 9, 0, basket)->flags = WIRE_ENTRY_WHOLE_BASKET;
	answered(sale, VERDICT_HOLD_EXPIRED);
	offline_ask(sale, 300, WIRE_OP_PING, 1, 0, 0);
	answered(sale, VERDICT_PONG);
}

static void on_reply(void *context, const struct batch_item *item, const uint8_t *datagram)
{
	compare_add(context, COMPARE_NEW, item->shard, datagram, NULL);
}

/* Gives the requests to another sale, which begins with an order more, and compares the answers. */
static void decide_again(struct from_journal *journal, struct offline_sale *sale)
{
	struct captured captured;
	uint8_t *datagram;
	struct error error;

	offline_ask(sale, 0, WIRE_OP_BUY, 99, 1, 0)->sku += 2;
	answered(sale, VERDICT_ACCEPTED);
	while (from_journal_next(journal, &captured, &datagram)) {
		struct batch batch = {.item_cnt = 1, .request_cnt = wire_count(datagram)};

		batch.items[0] = (struct batch_item){.datagram = datagram,
						     .at_ns = captured.at_ns,
						     .shard = captured.shard,
						     .names_order = true};
		if (captured.kind == CAPTURED_REPLY)
			compare_add(sale->compare, COMPARE_CAPTURED, captured.shard, datagram,
				    NULL);
		else
			cr_assert_eq(offline_decide(sale->offline, &batch, on_reply, sale->compare,
						    &error),
				     0);
	}
	compare_finish(sale->compare);
}

Test(from_journal, everything_is_decided_again_as_it_was)
{
	const char *path;
	struct offline_sale *sale;
	struct offline_sale *again = offline_sale_open(offline_catalog(&line, 3), 1, NULL);
	const struct compare_result *result = compare_result(again->compare);
	struct from_journal *journal;
	struct shard_totals was;
	struct shard_totals is;
	struct error error;

	temp_dir_make();
	path = temp_path("journal");
	sale = offline_sale_open(offline_catalog(&line, 3), 1, path);
	sell_everything(sale);
	offline_sale_finish(sale);
	shard_totals(offline_shard(sale->offline, 0), &was);
	cr_assert_eq(from_journal_open(&journal, path, &error), 0, "%s", error.text);
	cr_expect_eq(from_journal_orders(journal), 13);
	cr_expect_eq(from_journal_changes(journal), 13);
	decide_again(journal, again);
	cr_expect_eq(result->compared, 26);
	cr_expect_eq(result->different, 0);
	cr_expect_eq(result->alone[COMPARE_CAPTURED] + result->alone[COMPARE_NEW], 0);
	cr_expect_eq(result->orders_moved, 26);
	offline_sale_finish(again);
	shard_totals(offline_shard(again->offline, 0), &is);
	cr_expect_eq(is.units_sold, was.units_sold + 1);
	cr_expect_eq(is.units_written_off, was.units_written_off);
	cr_expect_eq(is.holds, was.holds);
	from_journal_close(journal);
	offline_sale_close(again);
	offline_sale_close(sale);
	temp_dir_remove();
}

/* Four SKUs, which two shards sell in turn. */
static struct catalog *spanning_catalog(void)
{
	const struct catalog_offer held = {.unit_price = 100, .stock = 20, .hold_seconds = 60};
	struct catalog *catalog = offline_catalog(&held, 4);

	for (uint32_t i = 0; i < 4; i++) {
		catalog->offers[i].shard_named = true;
		catalog->offers[i].shard = (uint16_t)(i % 2);
	}
	return catalog;
}

/* A line of each. */
static void ask_spanning(struct offline_sale *sale, uint64_t at_s, uint8_t op, uint64_t buyer,
			 uint16_t quantity)
{
	struct wire_request *lines = offline_ask(sale, at_s, op, buyer, quantity, 0);
	struct wire_header *header =
		(struct wire_header *)sale->datagrams[sale->batch.item_cnt - 1];

	header->flags = WIRE_FLAG_BASKET;
	header->count = 4;
	for (uint32_t i = 1; i < 4; i++) {
		lines[i] = lines[0];
		lines[i].sku += i;
	}
}

/* Baskets over both shards: each is one datagram again, of the shard of its first line. */
Test(from_journal, baskets_over_shards_are_put_together)
{
	struct offline_sale *sale;
	struct offline_sale *again;
	const struct compare_result *result;
	struct from_journal *journal;
	struct shard_totals totals;
	struct error error;
	uint64_t links = 0;
	uint64_t basket;

	temp_dir_make();
	sale = offline_sale_open(spanning_catalog(), 2, temp_path("journal"));
	again = offline_sale_open(spanning_catalog(), 2, NULL);
	result = compare_result(again->compare);
	ask_spanning(sale, 1, WIRE_OP_BUY, 1, 2);
	answered(sale, VERDICT_ACCEPTED);
	ask_spanning(sale, 2, WIRE_OP_HOLD, 2, 1);
	basket = answered(sale, VERDICT_HELD);
	offline_ask(sale, 3, WIRE_OP_CONFIRM, 2, 0, basket)->flags = WIRE_ENTRY_WHOLE_BASKET;
	answered(sale, VERDICT_CONFIRMED);
	ask_spanning(sale, 4, WIRE_OP_HOLD, 3, 1);
	basket = answered(sale, VERDICT_HELD);
	offline_ask(sale, 5, WIRE_OP_RELEASE, 3, 0, basket)->flags = WIRE_ENTRY_WHOLE_BASKET;
	answered(sale, VERDICT_RELEASED);
	offline_ask(sale, 6, WIRE_OP_BUY, 4, 1, 0);
	answered(sale, VERDICT_ACCEPTED);
	offline_sale_finish(sale);
	for (uint16_t lane = 0; lane < 2; lane++) {
		shard_totals(offline_shard(sale->offline, lane), &totals);
		links += totals.links;
		cr_expect_eq(totals.prepared, 0);
	}
	cr_assert_gt(links, 4);
	cr_assert_eq(from_journal_open(&journal, temp_path("journal"), &error), 0, "%s",
		     error.text);
	decide_again(journal, again);
	cr_expect_eq(result->different, 0);
	cr_expect_eq(result->alone[COMPARE_CAPTURED] + result->alone[COMPARE_NEW], 0);
	cr_expect_gt(result->compared, 10);
	offline_sale_finish(again);
	links = 0;
	for (uint16_t lane = 0; lane < 2; lane++) {
		shard_totals(offline_shard(again->offline, lane), &totals);
		links -= totals.links;
		shard_totals(offline_shard(sale->offline, lane), &totals);
		links += totals.links;
	}
	cr_expect_eq(links, 0, "each basket spans the shards again");
	from_journal_close(journal);
	offline_sale_close(again);
	offline_sale_close(sale);
	temp_dir_remove();
}
