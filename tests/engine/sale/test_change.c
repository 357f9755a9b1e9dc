#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "tests/support/sale.h"

/*
 * Records that no engine writes: each is refused, changes nothing, and says why. Also what tables
 * that are nearly full keep room for.
 */
static const uint64_t BEGIN_NS = UINT64_C(1000000000000);
static const uint64_t SECOND_NS = 1000000000;

enum {
	SKU = 1, /* 5 units, at most 3 a buyer, held for 10 s, extended once by 10 s */
	RED,     /* 5 units each, at most 2 of both together */
	BLUE,
	BUY_ONLY, /* 5 units */
	FIRST,    /* LSN of the first record after the offers */

	ANN = 101,
	BOB,
};

static struct shard *shard;

static struct record offer_of(uint64_t sku)
{
	struct record offer = sale_offer(sku, 5, 10, sku == SKU ? 3 : 0);

	offer.at_ns = BEGIN_NS;
	offer.offer.hold_seconds = sku == BUY_ONLY ? 0 : 10;
	if (sku == SKU)
		offer.offer.extend = 10 << EXTENSIONS_BITS | 1;
	if (sku == RED || sku == BLUE) {
		offer.channel = 7;
		offer.quantity = 2;
	}
	return offer;
}

static struct shard *open_of_size(uint64_t hold_cnt, uint64_t change_cnt)
{
	const struct shard_size size = {.offer_cnt = 10,
					.order_cnt = 10,
					.buyer_cnt = 10,
					.hold_cnt = hold_cnt,
					.change_cnt = change_cnt};
	struct shard *opened = NULL;
	const char *why = "";

	CHECK(shard_open(&opened, 0, 1, &size) == 0);
	for (uint64_t sku = SKU; sku < FIRST; sku++) {
		const struct record offer = offer_of(sku);

		CHECK(shard_apply(opened, sku, &offer, &why) == 0);
	}
	return opened;
}

static void open_shard(void)
{
	shard = open_of_size(20, 20);
}

static void close_shard(void)
{
	shard_close(shard);
}

TestSuite(change, .init = open_shard, .fini = close_shard);

static struct record purchase(uint8_t kind, uint64_t id, uint64_t buyer, uint64_t sku,
			      uint16_t units)
{
	return (struct record){
		.kind = kind,
		.quantity = units,
		.at_ns = BEGIN_NS,
		.sku = sku,
		.unit_price = 10,
		.order = {.request_id = {id, 0}, .buyer = buyer},
	};
}

static struct record change(uint8_t kind, uint64_t id, uint64_t buyer, uint64_t lsn, uint16_t units)
{
	struct record record = purchase(kind, id, buyer, SKU, units);

	record.change.order_lsn = lsn;
	return record;
}

/* A change so many seconds later. */
static struct record later(uint64_t seconds, struct record record)
{
	record.at_ns = BEGIN_NS + seconds * SECOND_NS;
	return record;
}

static struct record flagged(uint8_t flags, struct record record)
{
	record.flags = flags;
	return record;
}

static struct record end(uint64_t seconds, uint8_t flags, uint64_t lsn, uint32_t holds,
			 uint32_t units)
{
	return (struct record){
		.kind = RECORD_EXPIRE,
		.flags = flags,
		.at_ns = BEGIN_NS + seconds * SECOND_NS,
		.sku = SKU,
		.expire = {.up_to_lsn = lsn, .holds = holds, .units = units},
	};
}

static void apply(struct record record)
{
	const char *why = "";

	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), &record, &why), 0), "%s", why);
}

static void refused(struct record record, const char *words)
{
	const struct shard_hash before = shard_hash(shard);
	struct shard_hash after;
	const char *why = "";

	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), &record, &why), -EBADMSG), "%s",
		  words);
	cr_assert(strstr(why, words) != NULL, "'%s', not '%s'", why, words);
	after = shard_hash(shard);
	cr_assert(eq(u64, after.low, before.low), "%s", words);
}

Test(change, holds_that_no_engine_made)
{
	struct record bad = purchase(RECORD_HOLD, 1, ANN, SKU, 1);

	refused(purchase(RECORD_HOLD, 1, ANN, BUY_ONLY, 1), "allows none");
	refused(purchase(RECORD_HOLD, 1, ANN, SKU, 0), "of no units");
	refused(purchase(RECORD_HOLD, 1, ANN, SKU, 6), "more units than are free");
	refused(purchase(RECORD_HOLD, 1, ANN, SKU, 4), "beyond the limit per buyer");
	refused(purchase(RECORD_HOLD, 1, ANN, RED, 3), "beyond the limit of its group");
	refused(purchase(RECORD_HOLD, 0, ANN, SKU, 1), "without a request id");
	refused(flagged(1, bad), "unknown flags");
	bad.unit_price++;
	refused(bad, "another price");
	apply(purchase(RECORD_HOLD, 1, ANN, SKU, 3));
	refused(purchase(RECORD_HOLD, 1, ANN, SKU, 1), "committed twice");
	refused(purchase(RECORD_HOLD, 2, ANN, SKU, 1), "beyond the limit per buyer");
	refused(purchase(RECORD_ORDER, 3, ANN, SKU, 1), "beyond the limit per buyer");
	refused(purchase(RECORD_HOLD, 4, BOB, SKU, 3), "more units than are free");
	apply(purchase(RECORD_HOLD, 5, ANN, RED, 1));
	refused(purchase(RECORD_ORDER, 6, ANN, BLUE, 2), "beyond the limit of its group");
	apply(purchase(RECORD_ORDER, 6, ANN, BLUE, 1));
}

Test(change, changes_that_do_not_follow)
{
	static const char *const not_so = "does not follow from its order";
	struct record bad;

	apply(purchase(RECORD_HOLD, 1, ANN, SKU, 2));
	refused(change(RECORD_CONFIRM, 2, ANN, FIRST + 1, 1), "not there");
	refused(change(RECORD_CONFIRM, 2, ANN, SKU, 1), "not there");
	refused(change(RECORD_CONFIRM, 2, BOB, FIRST, 1), not_so);
	refused(change(RECORD_CONFIRM, 2, ANN, FIRST, 3), not_so);
	refused(change(RECORD_CONFIRM, 2, ANN, FIRST, 0), not_so);
	refused(flagged(CONFIRM_LATE, change(RECORD_CONFIRM, 2, ANN, FIRST, 1)), not_so);
	refused(flagged(CONFIRM_REFUND, change(RECORD_CONFIRM, 2, ANN, FIRST, 1)), not_so);
	refused(flagged(1 << 5, change(RECORD_CONFIRM, 2, ANN, FIRST, 1)), "unknown flags");
	refused(change(RECORD_CONFIRM, 0, ANN, FIRST, 1), "without a request id");
	refused(change(RECORD_CONFIRM, 1, ANN, FIRST, 1), "committed twice");
	refused(later(10, change(RECORD_CONFIRM, 2, ANN, FIRST, 1)), "has ended");
	refused(change(RECORD_RELEASE, 2, ANN, FIRST, 3), not_so);
	refused(flagged(RELEASE_ALL, change(RECORD_RELEASE, 2, ANN, FIRST, 1)), not_so);
	refused(change(RECORD_EXTEND, 2, ANN, FIRST, 2), not_so);
	refused(later(1, change(RECORD_EXTEND, 2, ANN, FIRST, 1)), not_so);
	refused(change(RECORD_RETURN, 2, ANN, FIRST, 1), not_so);
	bad = change(RECORD_CONFIRM, 2, ANN, FIRST, 1);
	bad.unit_price++;
	refused(bad, "another price");
	bad.unit_price--;
	bad.sku = RED;
	refused(bad, "not there");
	bad.sku = 99;
	refused(bad, "never put on sale");
	apply(later(1, change(RECORD_EXTEND, 2, ANN, FIRST, 2)));
	refused(later(2, change(RECORD_EXTEND, 3, ANN, FIRST, 2)), not_so);
	apply(later(3, change(RECORD_CONFIRM, 3, ANN, FIRST, 1)));
	refused(later(4, change(RECORD_CONFIRM, 4, ANN, FIRST, 1)), not_so);
	refused(later(4, change(RECORD_RELEASE, 4, ANN, FIRST, 1)), not_so);
	refused(later(4, change(RECORD_RETURN, 4, ANN, FIRST, 2)), not_so);
	refused(later(2, change(RECORD_RETURN, 4, ANN, FIRST, 1)), "backwards");
	apply(later(4, change(RECORD_RETURN, 4, ANN, FIRST, 1)));
	refused(later(4, change(RECORD_RETURN, 5, ANN, FIRST, 1)), not_so);
}

Test(change, ends_that_do_not_follow)
{
	struct record bad;

	apply(purchase(RECORD_HOLD, 1, ANN, SKU, 2));
	apply(later(1, purchase(RECORD_HOLD, 2, BOB, SKU, 1)));
	refused(end(9, 0, FIRST, 1, 2), "has not ended");
	refused(end(10, 0, FIRST + 1, 2, 3), "has not ended");
	refused(end(10, 0, FIRST, 1, 1), "other holds than it says");
	refused(end(10, 0, FIRST, 2, 2), "other holds than it says");
	refused(end(10, 0, FIRST - 1, 1, 2), "other holds than it says");
	refused(end(10, EXPIRE_EXTENDED, FIRST, 1, 2), "other holds than it says");
	refused(end(9, EXPIRE_ONE, FIRST, 1, 2), "has not ended");
	refused(end(10, EXPIRE_ONE, FIRST + 2, 1, 2), "not open");
	refused(end(10, EXPIRE_ONE, FIRST, 1, 1), "other units");
	refused(end(10, EXPIRE_ONE, FIRST, 2, 2), "other units");
	refused(end(10, EXPIRE_ONE | EXPIRE_EXTENDED, FIRST, 1, 2), "");
	bad = end(10, 0, FIRST, 1, 2);
	bad.quantity = 1;
	refused(bad, "reserved bytes");
	bad.quantity = 0;
	bad.expire.reserved[1] = 1;
	refused(bad, "reserved bytes");
	bad.expire.reserved[1] = 0;
	bad.sku = 99;
	refused(bad, "never put on sale");
	apply(end(10, 0, FIRST, 1, 2));
	refused(end(10, EXPIRE_ONE, FIRST, 1, 2), "not open");
	apply(end(11, EXPIRE_ONE, FIRST + 1, 1, 1));
}

Test(change, payments_that_came_late)
{
	static const char *const not_so = "does not follow from its order";

	apply(purchase(RECORD_HOLD, 1, ANN, SKU, 2));
	apply(purchase(RECORD_HOLD, 2, BOB, SKU, 2));
	apply(end(10, 0, FIRST + 1, 2, 4));
	refused(later(10, change(RECORD_CONFIRM, 3, ANN, FIRST, 2)), not_so);
	refused(later(10, flagged(CONFIRM_REFUND, change(RECORD_CONFIRM, 3, ANN, FIRST, 2))),
		not_so);
	refused(later(10, flagged(CONFIRM_LATE, change(RECORD_CONFIRM, 3, ANN, FIRST, 3))), not_so);
	apply(later(10, flagged(CONFIRM_LATE, change(RECORD_CONFIRM, 3, ANN, FIRST, 2))));
	apply(later(10, purchase(RECORD_ORDER, 4, ANN + 9, SKU, 2)));
	refused(later(10, flagged(CONFIRM_LATE, change(RECORD_CONFIRM, 5, BOB, FIRST + 1, 2))),
		not_so);
	apply(later(10, flagged(CONFIRM_REFUND, change(RECORD_CONFIRM, 5, BOB, FIRST + 1, 2))));
	apply(later(10, change(RECORD_RETURN, 6, ANN, FIRST, 2)));
	/* It is final, also when stock came back. */
	refused(later(10, flagged(CONFIRM_LATE, change(RECORD_CONFIRM, 7, BOB, FIRST + 1, 2))),
		not_so);
	refused(later(10, flagged(CONFIRM_REFUND, change(RECORD_CONFIRM, 7, BOB, FIRST + 1, 2))),
		not_so);
}

Test(change, offers_of_impossible_terms)
{
	struct record bad = offer_of(RED);

	bad.sku = 50;
	bad.quantity = 0;
	refused(bad, "group without a limit");
	bad.quantity = 2;
	bad.channel = 0;
	refused(bad, "group without a limit");
	bad.channel = UINT32_MAX;
	refused(bad, "impossible number");
	bad = offer_of(SKU);
	bad.sku = 50;
	bad.offer.hold_seconds = 0;
	refused(bad, "can be extended");
	bad = offer_of(SKU);
	bad.sku = 50;
	bad.flags = OFFER_PLACED;
	refused(bad, "another shard");
	bad.flags = 1 << 3;
	refused(bad, "unknown flags");
}

static uint8_t ask(uint8_t op, uint64_t id, uint64_t order, uint16_t units, uint64_t seconds)
{
	struct wire_request request = sale_buy(id, ANN, SKU);
	const uint64_t now_ns = BEGIN_NS + seconds * SECOND_NS;
	struct decision decision;
	struct record record;
	struct lookup key;

	request.op = op;
	request.quantity = units;
	request.price_or_order = order;
	lookup_all(shard, &request, &key, 1);
	do {
		decide(shard, now_ns, now_ns, &request, &key, &record, &decision);
	} while (decision.again);
	return decision.verdict;
}

/* Whoever holds units can pay, whatever others changed meanwhile. */
Test(change, a_payment_finds_room)
{
	shard_close(shard);
	shard = open_of_size(10, 3);
	cr_assert(eq(u8, ask(WIRE_OP_HOLD, 1, 0, 1, 0), VERDICT_HELD));
	cr_assert(eq(u8, ask(WIRE_OP_HOLD, 2, 0, 1, 0), VERDICT_HELD));
	cr_assert(eq(u8, ask(WIRE_OP_EXTEND, 3, FIRST, 0, 1), VERDICT_EXTENDED));
	cr_assert(eq(u8, ask(WIRE_OP_EXTEND, 4, FIRST + 1, 0, 2), VERDICT_TABLE_FULL));
	cr_assert(eq(u8, ask(WIRE_OP_RELEASE, 5, FIRST, 1, 2), VERDICT_TABLE_FULL));
	cr_assert(eq(u8, ask(WIRE_OP_HOLD, 6, 0, 1, 2), VERDICT_TABLE_FULL));
	cr_assert(eq(u8, ask(WIRE_OP_CONFIRM, 7, FIRST, 1, 2), VERDICT_CONFIRMED));
	cr_assert(eq(u8, ask(WIRE_OP_RETURN, 8, FIRST, 1, 2), VERDICT_TABLE_FULL));
	cr_assert(eq(u8, ask(WIRE_OP_CONFIRM, 9, FIRST + 1, 1, 99), VERDICT_CONFIRMED_LATE));
	cr_assert(eq(u8, ask(WIRE_OP_CONFIRM, 7, FIRST, 1, 99), VERDICT_CONFIRMED));
}
