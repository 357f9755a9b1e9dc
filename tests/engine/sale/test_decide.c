#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "tests/support/sale.h"

static const uint64_t NOW_NS = 1000;

static struct shard *shard;

static void close_shard(void)
{
	shard_close(shard);
}

static void open_one(struct record offer)
{
	shard = sale_open(100, &offer, 1);
}

static uint8_t verdict_of(const struct wire_request *request)
{
	return sale_decide(shard, NOW_NS, request, NULL).verdict;
}

TestSuite(decide, .fini = close_shard);

Test(decide, accepts_and_records_what_was_asked)
{
	struct record record = {0};
	struct offer_view offer;

	open_one(sale_offer(7, 10, 4990, 3));

	struct wire_request request = sale_buy(1, 42, 7);

	request.quantity = 2;
	request.channel = 9;
	request.price_or_order = 5000;

	const struct decision decision = sale_decide(shard, NOW_NS, &request, &record);

	cr_assert(eq(u8, decision.verdict, VERDICT_ACCEPTED));
	cr_assert(decision.committed);
	cr_assert(eq(u64, decision.order_id, order_id_of(0, 2)));
	cr_assert(eq(u64, decision.wait_lsn, 2));
	cr_assert(eq(u64, decision.unit_price, 4990));
	cr_assert(eq(u64, decision.instant_ns, NOW_NS));
	cr_assert(eq(u32, decision.stock_left, 8));
	cr_assert(eq(u16, decision.quantity, 2));
	cr_assert(eq(u8, record.kind, RECORD_ORDER));
	cr_assert(eq(u64, record.order.request_id[0], 1));
	cr_assert(eq(u64, record.order.buyer, 42));
	cr_assert(eq(u64, record.order.max_price, 5000));
	cr_assert(eq(u64, record.at_ns, NOW_NS));
	cr_assert(eq(u32, record.channel, 9));
	cr_assert(shard_find_offer(shard, 7, &offer));
	cr_assert(eq(u32, offer.free, 8));
	cr_assert(eq(u32, offer.sold, 2));
}

Test(decide, same_request_gets_same_answer_and_sells_once)
{
	open_one(sale_offer(7, 1, 4990, 0));

	const struct wire_request request = sale_buy(1, 42, 7);
	const struct decision first = sale_decide(shard, NOW_NS, &request, NULL);
	/* Sold out by now: the buyer who has it must still hear so. */
	const struct decision again = sale_decide(shard, NOW_NS + 5, &request, NULL);

	cr_assert(eq(u8, again.verdict, VERDICT_ACCEPTED));
	cr_assert(not(again.committed));
	cr_assert(eq(u64, again.order_id, first.order_id));
	cr_assert(eq(u64, again.instant_ns, first.instant_ns));
	cr_assert(eq(u64, again.unit_price, first.unit_price));
	cr_assert(eq(u64, again.wait_lsn, first.wait_lsn));
}

Test(decide, other_content_under_same_id_is_a_conflict)
{
	open_one(sale_offer(7, 10, 4990, 0));

	const struct wire_request request = sale_buy(1, 42, 7);
	struct wire_request others[] = {request, request, request, request};

	others[0].buyer++;
	others[1].quantity++;
	others[2].channel++;
	others[3].price_or_order = 4990;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_ACCEPTED));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_assert(eq(u8, verdict_of(&others[i]), VERDICT_CONFLICT));
}

Test(decide, same_id_for_another_sku_is_another_request)
{
	const struct record offers[] = {sale_offer(7, 10, 1, 0), sale_offer(8, 10, 1, 0)};

	shard = sale_open(100, offers, 2);

	const struct wire_request one = sale_buy(1, 42, 7);
	const struct wire_request two = sale_buy(1, 42, 8);

	cr_assert(sale_decide(shard, NOW_NS, &one, NULL).committed);
	cr_assert(sale_decide(shard, NOW_NS, &two, NULL).committed);
}

Test(decide, sells_every_unit_and_not_one_more)
{
	struct shard_totals totals;
	uint32_t accepted = 0;

	open_one(sale_offer(7, 10, 1, 0));
	for (uint64_t i = 1; i <= 50; i++) {
		const struct wire_request request = sale_buy(i, i, 7);

		accepted += sale_decide(shard, NOW_NS, &request, NULL).committed;
	}
	shard_totals(shard, &totals);
	cr_assert(eq(u32, accepted, 10));
	cr_assert(eq(u64, totals.units_sold, 10));
	cr_assert(eq(u64, totals.units_free, 0));
	cr_assert(eq(u64, totals.offers_broken, 0));
}

Test(decide, more_than_is_left_is_sold_out_and_says_what_is_left)
{
	open_one(sale_offer(7, 3, 1, 0));

	struct wire_request request = sale_buy(1, 1, 7);

	request.quantity = 4;

	const struct decision decision = sale_decide(shard, NOW_NS, &request, NULL);

	cr_assert(eq(u8, decision.verdict, VERDICT_SOLD_OUT));
	cr_assert(eq(u32, decision.stock_left, 3));
}

Test(decide, limit_counts_all_orders_of_a_buyer)
{
	open_one(sale_offer(7, 100, 1, 3));

	struct wire_request two = sale_buy(1, 42, 7);
	struct wire_request more = sale_buy(2, 42, 7);
	const struct wire_request one = sale_buy(3, 42, 7);
	const struct wire_request other = sale_buy(4, 43, 7);

	two.quantity = 2;
	more.quantity = 2;
	cr_assert(eq(u8, verdict_of(&two), VERDICT_ACCEPTED));
	cr_assert(eq(u8, verdict_of(&more), VERDICT_LIMIT_REACHED));
	cr_assert(eq(u8, verdict_of(&one), VERDICT_ACCEPTED));
	cr_assert(eq(u8, verdict_of(&more), VERDICT_LIMIT_REACHED));
	cr_assert(eq(u8, verdict_of(&other), VERDICT_ACCEPTED));
}

Test(decide, opens_and_closes_on_the_instant)
{
	struct record offer = sale_offer(7, 100, 1, 0);
	const struct wire_request request = sale_buy(1, 1, 7);
	const struct wire_request late = sale_buy(2, 1, 7);

	offer.offer.opens_at_ns = 500;
	offer.offer.closes_at_ns = 600;
	open_one(offer);

	const struct decision early = sale_decide(shard, 499, &request, NULL);

	cr_assert(eq(u8, early.verdict, VERDICT_NOT_OPEN));
	cr_assert(eq(u64, early.instant_ns, 500));
	cr_assert(eq(u8, sale_decide(shard, 500, &request, NULL).verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u8, sale_decide(shard, 599, &late, NULL).verdict, VERDICT_ACCEPTED));

	const struct wire_request closed = sale_buy(3, 1, 7);

	cr_assert(eq(u8, sale_decide(shard, 600, &closed, NULL).verdict, VERDICT_CLOSED));
	/* Closed, but the order stands. */
	cr_assert(eq(u8, sale_decide(shard, 700, &late, NULL).verdict, VERDICT_ACCEPTED));
}

Test(decide, price_guard)
{
	open_one(sale_offer(7, 100, 4990, 0));

	struct wire_request request = sale_buy(1, 1, 7);

	request.price_or_order = 4989;

	const struct decision decision = sale_decide(shard, NOW_NS, &request, NULL);

	cr_assert(eq(u8, decision.verdict, VERDICT_PRICE_TOO_HIGH));
	cr_assert(eq(u64, decision.unit_price, 4990));
	request.price_or_order = 4990;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_ACCEPTED));
}

/* 0 is "any" unless the entry says that it is a bound. */
Test(decide, price_guard_of_0)
{
	struct record record = {0};
	struct wire_request request = sale_buy(1, 1, 7);

	open_one(sale_offer(7, 100, 4990, 0));
	request.flags = WIRE_ENTRY_AT_MOST_0;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_PRICE_TOO_HIGH));
	request.price_or_order = 5000;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_BAD_REQUEST), "two bounds");

	/* What cost something never answers it, not even an order at most 2^64 - 1. */
	request.flags = 0;
	request.price_or_order = UINT64_MAX;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_ACCEPTED));
	request.flags = WIRE_ENTRY_AT_MOST_0;
	request.price_or_order = 0;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_CONFLICT));

	close_shard();
	open_one(sale_offer(7, 100, 0, 0));
	cr_assert(eq(u8, sale_decide(shard, NOW_NS, &request, &record).verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u64, record.unit_price, 0));
	cr_assert(eq(u64, record.order.max_price, PRICE_AT_MOST_0));
	cr_assert(eq(u8, verdict_of(&request), VERDICT_ACCEPTED), "the same again");
	request.flags = 0;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_CONFLICT), "any is another content");
}

Test(decide, refuses_what_makes_no_sense)
{
	open_one(sale_offer(7, 100, 1, 0));

	struct wire_request request = sale_buy(1, 1, 8);

	cr_assert(eq(u8, verdict_of(&request), VERDICT_UNKNOWN_SKU));
	request = sale_buy(1, 1, 7);
	request.quantity = 0;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_BAD_QUANTITY));
	request = sale_buy(1, 1, 7);
	request.flags = 2;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_BAD_REQUEST));
	request = sale_buy(1, 1, 7);
	request.id[0] = request.id[1] = 0;
	cr_assert(eq(u8, verdict_of(&request), VERDICT_BAD_REQUEST));
	for (unsigned op = 0; op <= UINT8_MAX; op++) {
		request = sale_buy(1, 1, 7);
		request.op = (uint8_t)op;
		if (op == 0 || op > WIRE_OP_RETURN)
			cr_assert(eq(u8, verdict_of(&request), VERDICT_BAD_REQUEST));
		else if (op == WIRE_OP_HOLD)
			cr_assert(eq(u8, verdict_of(&request), VERDICT_NO_HOLDS));
		else if (op == WIRE_OP_EXTEND)
			cr_assert(eq(u8, verdict_of(&request), VERDICT_NOT_FOUND));
	}
}

Test(decide, lookup_finds_committed_orders_only)
{
	open_one(sale_offer(7, 100, 1, 0));

	const struct wire_request request = sale_buy(1, 42, 7);
	struct wire_request lookup = sale_buy(1, 0, 7);

	lookup.op = WIRE_OP_LOOKUP;
	cr_assert(eq(u8, verdict_of(&lookup), VERDICT_NOT_FOUND));

	const struct decision bought = sale_decide(shard, NOW_NS, &request, NULL);
	const struct decision found = sale_decide(shard, NOW_NS, &lookup, NULL);

	cr_assert(eq(u8, found.verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u64, found.order_id, bought.order_id));
	/* An order that isn't on disk yet must not be told of before it is. */
	cr_assert(eq(u64, found.wait_lsn, bought.wait_lsn));
}

Test(decide, ping_tells_shards_and_time)
{
	open_one(sale_offer(7, 100, 1, 0));

	struct wire_request ping = sale_buy(1, 0, 0);

	ping.op = WIRE_OP_PING;

	const struct decision decision = sale_decide(shard, NOW_NS, &ping, NULL);

	cr_assert(eq(u8, decision.verdict, VERDICT_PONG));
	cr_assert(eq(u16, decision.quantity, 1));
	cr_assert(eq(u64, decision.instant_ns, NOW_NS));
}

Test(decide, sku_of_another_shard_is_never_executed)
{
	const struct shard_size size = {.offer_cnt = 1, .order_cnt = 10, .buyer_cnt = 10};
	uint64_t foreign_sku = 0;

	cr_assert(eq(int, shard_open(&shard, 1, 4, &size), 0));
	while (wire_shard_of(foreign_sku, 4) != 3)
		foreign_sku++;

	const struct wire_request request = sale_buy(1, 1, foreign_sku);
	const struct decision decision = sale_decide(shard, NOW_NS, &request, NULL);

	cr_assert(eq(u8, decision.verdict, VERDICT_WRONG_SHARD));
	cr_assert(eq(u16, decision.quantity, 3));
}

Test(decide, full_tables_refuse_and_never_forget)
{
	const struct record offer = sale_offer(7, 100, 1, 1);

	shard = sale_open(5, &offer, 1);
	for (uint64_t i = 1; i <= 5; i++) {
		const struct wire_request request = sale_buy(i, i, 7);

		cr_assert(eq(u8, verdict_of(&request), VERDICT_ACCEPTED));
	}

	const struct wire_request more = sale_buy(6, 6, 7);

	cr_assert(eq(u8, verdict_of(&more), VERDICT_TABLE_FULL));
	for (uint64_t i = 1; i <= 5; i++) {
		const struct wire_request again = sale_buy(i, i, 7);

		cr_assert(eq(u64, sale_decide(shard, NOW_NS, &again, NULL).order_id, i + 1));
	}
}

Test(decide, no_journal_room_changes_nothing)
{
	const struct wire_request request = sale_buy(1, 1, 7);
	struct lookup key;
	struct decision decision;

	open_one(sale_offer(7, 100, 1, 1));

	const struct shard_hash before = shard_hash(shard);

	lookup_all(shard, &request, &key, 1);
	decide(shard, NOW_NS, NOW_NS, &request, &key, NULL, &decision);

	const struct shard_hash after = shard_hash(shard);

	cr_assert(eq(u8, decision.verdict, VERDICT_JOURNAL_FULL));
	cr_assert(eq(u64, before.low, after.low));
	cr_assert(eq(u64, before.high, after.high));
}

enum {
	BATCH_CNT = 128,
};

/* A request of a few buyers for a few SKUs, some of them more than once. */
static struct wire_request any_request(uint64_t n)
{
	struct wire_request request =
		sale_buy(1 + mix64(n) % 800, mix64(n * 3) % 20, mix64(n * 5) % 6);

	request.id[1] = mix64(n * 7) % 2;
	request.quantity = (uint16_t)(1 + mix64(n * 11) % 3);
	request.op = mix64(n * 13) % 8 == 0 ? WIRE_OP_LOOKUP : WIRE_OP_BUY;
	return request;
}

/* The passes of requests [0, cnt) up to `passes`, or of each request when its turn comes. */
static struct shard_hash decide_all(unsigned passes, struct decision decisions[], unsigned cnt)
{
	const struct record offers[] = {sale_offer(0, 40, 1, 0), sale_offer(1, 300, 1, 4),
					sale_offer(2, 50, 1, 9), sale_offer(3, 0, 1, 1),
					sale_offer(4, 1000, 1, 60)};
	struct shard_hash hash;

	shard = sale_open(1500, offers, 5);
	for (unsigned first = 0; first < cnt; first += BATCH_CNT) {
		struct wire_request requests[BATCH_CNT];
		struct lookup keys[BATCH_CNT];

		for (unsigned i = 0; i < BATCH_CNT; i++) {
			requests[i] = any_request(first + i);
			keys[i].request = &requests[i];
		}
		for (unsigned pass = 0; pass < passes; pass++)
			lookup_pass(pass, shard, keys, BATCH_CNT);
		for (unsigned i = 0; i < BATCH_CNT; i++) {
			struct record record;

			if (passes == 0)
				lookup_all(shard, &requests[i], &keys[i], 1);
			decide(shard, NOW_NS, NOW_NS, &requests[i], &keys[i], &record,
			       &decisions[first + i]);
		}
	}
	hash = shard_hash(shard);
	shard_close(shard);
	shard = NULL;
	return hash;
}

static bool same_decision(const struct decision *one, const struct decision *other)
{
	return one->order_id == other->order_id && one->unit_price == other->unit_price &&
	       one->instant_ns == other->instant_ns && one->wait_lsn == other->wait_lsn &&
	       one->stock_left == other->stock_left && one->quantity == other->quantity &&
	       one->verdict == other->verdict && one->would_be == other->would_be &&
	       one->committed == other->committed && one->again == other->again;
}

/* What a pass saw may have changed when the decision comes: the same id, the same buyer, the last
 * unit, a slot of the same bucket in the same batch. */
Test(decide, passes_made_ahead_change_no_answer)
{
	static struct decision wanted[40 * BATCH_CNT];
	static struct decision decisions[40 * BATCH_CNT];
	unsigned verdicts[VERDICT_END] = {0};
	const struct shard_hash want = decide_all(0, wanted, 40 * BATCH_CNT);

	for (unsigned i = 0; i < 40 * BATCH_CNT; i++)
		verdicts[wanted[i].verdict]++;
	for (unsigned passes = 1; passes <= LOOKUP_PASS_CNT; passes++) {
		const struct shard_hash hash = decide_all(passes, decisions, 40 * BATCH_CNT);

		for (unsigned i = 0; i < 40 * BATCH_CNT; i++)
			cr_assert(same_decision(&wanted[i], &decisions[i]),
				  "request %u after %u passes", i, passes);
		cr_assert(eq(u64, hash.low, want.low));
		cr_assert(eq(u64, hash.high, want.high));
	}
	cr_assert(gt(u32, verdicts[VERDICT_ACCEPTED], 300));
	cr_assert(gt(u32, verdicts[VERDICT_SOLD_OUT], 100));
	cr_assert(gt(u32, verdicts[VERDICT_LIMIT_REACHED], 100));
	cr_assert(gt(u32, verdicts[VERDICT_CONFLICT], 100));
	cr_assert(gt(u32, verdicts[VERDICT_UNKNOWN_SKU], 100));
	cr_assert(gt(u32, verdicts[VERDICT_NOT_FOUND], 100));
}

static struct wire_request other(struct wire_request request, uint64_t id)
{
	request.id[0] = id;
	return request;
}

/* All copies of what was asked before the opening are told the same. */
Test(decide, an_offer_is_not_open_to_what_was_asked_before)
{
	struct record offer = sale_offer(1, 10, 100, 0);

	offer.offer.opens_at_ns = 500;
	open_one(offer);

	const struct wire_request request = sale_buy(1, 1, 1);
	const struct decision first = sale_decide_asked(shard, 499, 499, &request, NULL);
	const struct decision copy = sale_decide_asked(shard, 900, 499, &request, NULL);

	cr_assert(eq(u8, first.verdict, VERDICT_NOT_OPEN));
	cr_assert(eq(u8, copy.verdict, VERDICT_NOT_OPEN));
	cr_assert(eq(u64, copy.instant_ns, 500));
	cr_assert(eq(u8, sale_decide_asked(shard, 900, 500, &request, NULL).verdict,
		     VERDICT_ACCEPTED));
}

/* What has closed since is closed: that cannot turn again. */
Test(decide, an_offer_that_closed_since_is_closed)
{
	struct record offer = sale_offer(1, 10, 100, 0);

	offer.offer.closes_at_ns = 600;
	open_one(offer);

	const struct wire_request request = sale_buy(1, 1, 1);

	cr_assert(
		eq(u8, sale_decide_asked(shard, 600, 599, &request, NULL).verdict, VERDICT_CLOSED));
}

Test(decide, what_is_stale_gets_no_order_and_old_orders_are_told)
{
	struct record record = {0};

	open_one(sale_offer(1, 10, 100, 0));

	const struct wire_request request = sale_buy(1, 1, 1);
	struct wire_request none = other(request, 3);
	struct wire_request lookup = request;
	struct decision decision = sale_decide_asked(shard, NOW_NS, ASKED_STALE, &request, &record);

	cr_assert(eq(u8, decision.verdict, VERDICT_STALE));
	cr_assert(eq(u64, decision.instant_ns, NOW_NS));
	cr_assert(eq(u32, decision.stock_left, 10));
	cr_assert(not(decision.committed));
	cr_assert(eq(u8, record.kind, 0));

	cr_assert(sale_decide(shard, NOW_NS, &request, NULL).committed);
	decision = sale_decide_asked(shard, NOW_NS + 5, ASKED_STALE, &request, NULL);
	cr_assert(eq(u8, decision.verdict, VERDICT_ACCEPTED));
	cr_assert(not(decision.committed));
	lookup.op = WIRE_OP_LOOKUP;
	cr_assert(eq(u8, sale_decide_asked(shard, NOW_NS, ASKED_STALE, &lookup, NULL).verdict,
		     VERDICT_ACCEPTED));
	lookup.id[0] = 2;
	cr_assert(eq(u8, sale_decide_asked(shard, NOW_NS, ASKED_STALE, &lookup, NULL).verdict,
		     VERDICT_NOT_FOUND));
	none.quantity = 0;
	cr_assert(eq(u8, sale_decide_asked(shard, NOW_NS, ASKED_STALE, &none, NULL).verdict,
		     VERDICT_STALE));
	none.id[0] = 1;
	cr_assert(eq(u8, sale_decide_asked(shard, NOW_NS, ASKED_STALE, &none, NULL).verdict,
		     VERDICT_CONFLICT));
}
