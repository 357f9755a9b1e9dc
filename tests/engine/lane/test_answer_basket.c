#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/lane/answer.h"
#include "engine/sale/basket.h"
#include "tests/support/frames.h"
#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

static const uint64_t SEGMENT = 4 << 20;
static const uint64_t NS_PER_S = 1000000000;

enum {
	OFFER_CNT = 4,
	STOCK = 10,
	BUYER = 42,
};

static struct memory_disk *disk;
static struct lane lane;
static uint64_t verdicts[VERDICT_END];
static uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
static const struct wire_reply *const replies =
	(const struct wire_reply *)(datagram + WIRE_HEADER_BYTES);

/* SKUs 1 to 4 with holds of 10 s; 3 and 4 are a group of which a buyer gets 3 units. */
static struct record offer_at(uint64_t idx)
{
	struct record offer = sale_offer(idx + 1, STOCK, 100 * (idx + 1), 5);

	offer.offer.hold_seconds = 10;
	if (idx >= 2) {
		offer.channel = 7;
		offer.quantity = 3;
	}
	return offer;
}

static void commit_offers(void)
{
	const char *why;

	for (uint64_t i = 0; i < OFFER_CNT; i++) {
		const struct record offer = offer_at(i);

		cr_assert(eq(int, shard_apply(lane.shard, i + 1, &offer, &why), 0), "%s", why);
		*journal_slot(lane.journal) = offer;
		journal_commit(lane.journal);
	}
}

static void open_lane(void)
{
	const struct shard_size size = {
		.offer_cnt = OFFER_CNT,
		.order_cnt = 200,
		.buyer_cnt = 800,
		.hold_cnt = 200,
		.change_cnt = 600,
	};
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(7, 0, SEGMENT, 2);
	lane = (struct lane){.journal = memory_disk_journal(disk, &tail), .clock_ns = 1000};
	cr_assert(eq(int, shard_open(&lane.shard, 0, 1, &size), 0));
	commit_offers();
}

static void close_lane(void)
{
	struct shard_totals totals;

	shard_totals(lane.shard, &totals);
	cr_expect(eq(u64, totals.offers_broken, 0));
	while (!journal_idle(lane.journal)) {
		journal_pump(lane.journal, lane.clock_ns);
		memory_disk_complete_all(disk, lane.journal);
	}
	journal_close(lane.journal);
	shard_close(lane.shard);
	memory_disk_close(disk);
}

TestSuite(answer_basket, .init = open_lane, .fini = close_lane);

static struct wire_request *begin(uint8_t cnt, uint8_t op, uint64_t first_id, uint8_t flags)
{
	struct wire_request *requests = wire_requests(datagram);

	frame_datagram(datagram, cnt);
	((struct wire_header *)datagram)->flags = flags;
	for (unsigned i = 0; i < cnt; i++) {
		requests[i] = sale_buy(first_id + i, BUYER, i + 1);
		requests[i].op = op;
	}
	return requests;
}

static void ask(uint32_t cnt)
{
	struct lookup keys[WIRE_ENTRY_CNT_MAX];

	lookup_all(lane.shard, wire_requests(datagram), keys, cnt);
	(void)answer_datagram(&lane, datagram, keys, verdicts);
}

static struct offer_view offer(uint64_t sku)
{
	struct offer_view view;

	cr_assert(shard_find_offer(lane.shard, sku, &view));
	return view;
}

/* A basket of lines for SKUs 1, 2, ... of op HOLD; the order id of its first line. */
static uint64_t hold_basket(uint8_t cnt, uint64_t first_id)
{
	(void)begin(cnt, WIRE_OP_HOLD, first_id, WIRE_FLAG_BASKET);
	ask(cnt);
	for (unsigned i = 0; i < cnt; i++)
		cr_assert(eq(u8, replies[i].verdict, VERDICT_HELD), "line %u: %s", i,
			  verdict_name(replies[i].verdict));
	return replies[0].order_id;
}

static void ask_whole(uint8_t op, uint64_t id, uint64_t order_id)
{
	struct wire_request *requests = begin(1, op, id, 0);

	requests[0].price_or_order = order_id;
	requests[0].quantity = 0;
	requests[0].flags = WIRE_ENTRY_WHOLE_BASKET;
	ask(1);
}

Test(answer_basket, commits_all_lines_in_one_block_and_answers_them_again)
{
	(void)begin(3, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	ask(3);
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(eq(u8, replies[i].verdict, VERDICT_ACCEPTED));
		cr_assert(eq(u64, replies[i].order_id, OFFER_CNT + 1 + i));
		cr_assert(eq(u32, offer(i + 1).sold, 1));
	}
	(void)begin(3, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	ask(3);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(eq(u64, replies[i].order_id, OFFER_CNT + 1 + i));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), OFFER_CNT + 4));
}

Test(answer_basket, one_refused_line_stops_all)
{
	struct wire_request *requests = begin(3, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);

	requests[1].quantity = STOCK + 1;
	ask(3);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_BASKET_REFUSED));
	cr_assert(eq(u8, replies[1].verdict, VERDICT_SOLD_OUT));
	cr_assert(eq(u8, replies[2].verdict, VERDICT_BASKET_REFUSED));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), OFFER_CNT + 1));
	/* Lines of their own: what there is. */
	requests = begin(3, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET | WIRE_FLAG_WHAT_THERE_IS);
	requests[1].quantity = STOCK + 1;
	ask(3);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u8, replies[1].verdict, VERDICT_SOLD_OUT));
	cr_assert(eq(u8, replies[2].verdict, VERDICT_ACCEPTED));
}

/* Lines are judged after those before them: the group's limit counts all of them. */
Test(answer_basket, counts_the_group_over_its_lines)
{
	struct wire_request *requests = begin(4, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);

	requests[2].quantity = 2;
	requests[3].quantity = 2;
	ask(4);
	cr_assert(eq(u8, replies[2].verdict, VERDICT_BASKET_REFUSED));
	cr_assert(eq(u8, replies[3].verdict, VERDICT_LIMIT_REACHED));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), OFFER_CNT + 1));
	requests = begin(4, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	requests[2].quantity = 2;
	ask(4);
	cr_assert(eq(u8, replies[3].verdict, VERDICT_ACCEPTED));
}

Test(answer_basket, says_what_is_no_basket)
{
	struct wire_request *requests;

	(void)begin(1, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	ask(1);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_BASKET_SIZE));
	requests = begin(2, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	requests[1].buyer++;
	ask(2);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_BASKET_BUYERS));
	cr_assert(eq(u8, replies[1].verdict, VERDICT_BASKET_BUYERS));
	requests = begin(2, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	requests[1].op = WIRE_OP_HOLD;
	ask(2);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_BASKET_OPS));
	(void)begin(2, WIRE_OP_PING, 100, WIRE_FLAG_BASKET);
	ask(2);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_BASKET_OPS));
	requests = begin(2, WIRE_OP_BUY, 100, WIRE_FLAG_BASKET);
	requests[1].sku = requests[0].sku;
	ask(2);
	cr_assert(eq(u8, replies[1].verdict, VERDICT_BASKET_TWICE));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), OFFER_CNT + 1));
}

Test(answer_basket, is_confirmed_and_released_by_its_id)
{
	const uint64_t first = hold_basket(3, 100);
	const uint64_t second = hold_basket(2, 200);

	ask_whole(WIRE_OP_CONFIRM, 300, first);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_CONFIRMED));
	cr_assert(eq(u16, replies[0].quantity, 3));
	cr_assert(eq(u32, offer(3).sold, 1));
	cr_assert(eq(u32, offer(1).held, 1));
	ask_whole(WIRE_OP_CONFIRM, 300, first);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_CONFIRMED));
	cr_assert(eq(u16, replies[0].quantity, 3));
	ask_whole(WIRE_OP_CONFIRM, 301, first);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ALREADY_SOLD));
	ask_whole(WIRE_OP_RELEASE, 302, second);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_RELEASED));
	cr_assert(eq(u32, offer(1).held, 0));
	cr_assert(eq(u32, offer(1).free, STOCK - 1));
	/* No basket begins there. */
	ask_whole(WIRE_OP_RELEASE, 303, 1);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_NOT_FOUND));
}

/* One line of a basket that ran out is gone: the whole payment is refused, once and for all. */
Test(answer_basket, late_payment_is_a_refund_as_a_whole)
{
	const uint64_t first = hold_basket(3, 100);
	struct wire_request *requests;

	lane.clock_ns += 11 * NS_PER_S;
	requests = begin(1, WIRE_OP_BUY, 400, 0);
	requests[0].sku = 2;
	requests[0].buyer = 7;
	requests[0].quantity = 5;
	ask(1);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED));
	requests = begin(1, WIRE_OP_BUY, 401, 0);
	requests[0].sku = 2;
	requests[0].buyer = 8;
	requests[0].quantity = 5;
	ask(1);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED), "%s",
		  verdict_name(replies[0].verdict));
	ask_whole(WIRE_OP_CONFIRM, 300, first);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_HOLD_EXPIRED));
	cr_assert(eq(u32, offer(1).sold, 0));
	cr_assert(eq(u32, offer(1).held, 0));
	/* Also of a line that could be had, by itself. */
	requests = begin(1, WIRE_OP_CONFIRM, 500, 0);
	requests[0].price_or_order = first;
	ask(1);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_HOLD_EXPIRED));
	cr_assert(eq(u32, offer(1).free, STOCK));
}

/* An engine that recovers has the same state. */
Test(answer_basket, is_recovered_from_its_records)
{
	const struct shard_size size = {
		.offer_cnt = OFFER_CNT,
		.order_cnt = 200,
		.buyer_cnt = 800,
		.hold_cnt = 200,
		.change_cnt = 600,
	};
	struct shard *copy;
	const uint64_t first = hold_basket(3, 100);
	struct basket basket = {.shard = lane.shard, .now_ns = 2000, .asked_ns = 2000, .cnt = 3};
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct basket_part parts[WIRE_ENTRY_CNT_MAX];
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX];
	struct record records[3];
	struct wire_request whole = sale_buy(600, BUYER, 1);
	struct snapshot_hold holds[3];
	const char *why = "";
	struct record offers[OFFER_CNT];

	cr_assert(eq(int, shard_open(&copy, 0, 1, &size), 0));
	shard_save_offers(lane.shard, 0, OFFER_CNT, offers);
	shard_save_holds(lane.shard, 0, 3, holds);
	cr_assert(eq(int, shard_load_offers(copy, offers, OFFER_CNT, &why), 0), "%s", why);
	cr_assert(eq(int, shard_load_holds(copy, holds, 3, &why), 0), "%s", why);
	cr_assert(eq(int, shard_load_end(copy, OFFER_CNT + 4, 1000, &why), 0), "%s", why);
	whole.op = WIRE_OP_CONFIRM;
	whole.price_or_order = first;
	whole.quantity = 0;
	whole.flags = WIRE_ENTRY_WHOLE_BASKET;
	cr_assert(eq(u32, basket_lines(lane.shard, &whole, lines, parts), 3));
	basket.lines = lines;
	basket.keys = keys;
	lookup_all(lane.shard, lines, keys, 3);
	cr_assert(basket_judge(&basket, &records[0], decisions) == BASKET_COMMITS);
	for (uint32_t i = 0; i < 3; i++)
		basket_commit(&basket, i, &records[i], &decisions[i]);
	cr_assert(eq(u8, records[0].flags, RECORD_BASKET_GOES_ON));
	cr_assert(eq(u8, records[2].flags, 0));
	for (uint32_t i = 0; i < 3; i++)
		cr_assert(eq(int, shard_apply(copy, OFFER_CNT + 4 + i, &records[i], &why), 0), "%s",
			  why);
	cr_assert(eq(u64, shard_hash(copy).low, shard_hash(lane.shard).low));
	shard_close(copy);
}
