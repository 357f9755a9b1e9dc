#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "tests/support/sale.h"

/*
 * What a checkpoint may say of holds. That every state goes through its snapshot unchanged is
 * tested by random sales (test_model.c); here are entries that no engine saved.
 */
static const uint64_t BEGIN_NS = UINT64_C(1000000000000);
static const uint64_t SECOND_NS = 1000000000;

enum {
	SKU = 1, /* 9 units, at most 3 a buyer, held for 10 s, extended once by 10 s */
	ANN = 101,
	BOB,
	CAT,
	DAN,
	HOLDS = 5,
	ENTRIES_MAX = 10,
};

static struct shard *shard;
static struct shard *loaded;
static struct record offer;
static struct snapshot_order orders[2];
static struct snapshot_hold holds[ENTRIES_MAX];
static struct snapshot_order changes[ENTRIES_MAX];
static struct shard_totals totals; /* of what was saved */

static struct shard *open_empty(uint64_t room)
{
	const struct shard_size size = {.offer_cnt = 2,
					.order_cnt = room,
					.buyer_cnt = 10,
					.hold_cnt = room,
					.change_cnt = room};
	struct shard *opened = NULL;

	CHECK(shard_open(&opened, 0, 1, &size) == 0);
	return opened;
}

static struct decision ask_of(struct shard *asked, uint8_t op, uint64_t id, uint64_t buyer,
			      uint64_t order_id, uint64_t seconds)
{
	const uint64_t now_ns = BEGIN_NS + seconds * SECOND_NS;
	struct wire_request request = sale_buy(id, buyer, SKU);
	struct decision decision;
	struct record record;
	struct lookup key;

	request.op = op;
	request.price_or_order = order_id;
	lookup_all(asked, &request, &key, 1);
	do {
		decide(asked, now_ns, now_ns, &request, &key, &record, &decision);
	} while (decision.again);
	return decision;
}

static uint64_t ask(uint8_t op, uint64_t id, uint64_t buyer, uint64_t order_id, uint64_t seconds)
{
	const struct decision decision = ask_of(shard, op, id, buyer, order_id, seconds);

	cr_assert(decision.committed, "op %u", op);
	return decision.order_id;
}

static void save(void)
{
	shard_totals(shard, &totals);
	CHECK(totals.orders <= 2 && totals.holds <= ENTRIES_MAX && totals.changes <= ENTRIES_MAX);
	shard_save_orders(shard, 0, (uint32_t)totals.orders, orders);
	shard_save_holds(shard, 0, (uint32_t)totals.holds, holds);
	shard_save_changes(shard, 0, (uint32_t)totals.changes, changes);
}

/* A hold in each state, and a bought order of which a unit came back. */
static void open_both(void)
{
	const char *why = "";
	uint64_t ids[HOLDS];

	shard = open_empty(20);
	offer = sale_offer(SKU, 9, 10, 3);
	offer.at_ns = BEGIN_NS;
	offer.offer.hold_seconds = 10;
	offer.offer.extend = 10 << EXTENSIONS_BITS | 1;
	CHECK(shard_apply(shard, 1, &offer, &why) == 0);
	ids[0] = ask(WIRE_OP_HOLD, 1, ANN, 0, 0);
	ids[1] = ask(WIRE_OP_HOLD, 2, ANN, 0, 0);
	ids[2] = ask(WIRE_OP_HOLD, 3, BOB, 0, 1);
	ids[3] = ask(WIRE_OP_HOLD, 4, BOB, 0, 1);
	ids[4] = ask(WIRE_OP_BUY, 5, CAT, 0, 2);
	ask(WIRE_OP_CONFIRM, 11, ANN, ids[0], 3);
	ask(WIRE_OP_EXTEND, 12, BOB, ids[3], 4);
	ask(WIRE_OP_RETURN, 13, CAT, ids[4], 5);
	ask(WIRE_OP_RELEASE, 14, BOB, ids[2], 6);
	loaded = open_empty(20);
	save();
}

static void close_both(void)
{
	shard_close(shard);
	shard_close(loaded);
}

TestSuite(shard_snapshot, .init = open_both, .fini = close_both);

/* Loads what is in the arrays now. */
static int load(const char **why)
{
	int rc;

	shard_clear(loaded);
	*why = "";
	rc = shard_load_offers(loaded, &offer, 1, why);
	CHECK(rc == 0);
	rc = shard_load_orders(loaded, orders, (uint32_t)totals.orders, why);
	if (rc == 0)
		rc = shard_load_holds(loaded, holds, (uint32_t)totals.holds, why);
	if (rc == 0)
		rc = shard_load_changes(loaded, changes, (uint32_t)totals.changes, why);
	if (rc == 0)
		rc = shard_load_end(loaded, shard_next_lsn(shard), shard_last_at_ns(shard), why);
	return rc;
}

static void check_loads(void)
{
	const struct shard_hash want = shard_hash(shard);
	struct shard_totals now;
	const char *why;

	cr_assert(eq(int, load(&why), 0), "%s", why);
	cr_assert(eq(u64, shard_hash(loaded).low, want.low));
	cr_assert(eq(u64, shard_hash(loaded).high, want.high));
	shard_totals(loaded, &now);
	cr_assert(eq(u64, now.offers_broken, 0));
	cr_assert(eq(u64, now.open_holds, totals.open_holds));
}

static void refused(const char *words)
{
	const char *why;
	const int rc = load(&why);

	cr_assert(eq(int, rc, -EBADMSG), "%s", words);
	cr_assert(strstr(why, words) != NULL, "'%s', not '%s'", why, words);
}

Test(shard_snapshot, loads_what_was_saved)
{
	check_loads();
}

/* Lists and chains of holds are not saved, but are as they were. */
Test(shard_snapshot, the_newest_hold_is_the_same_after_a_restart)
{
	const uint64_t older = ask(WIRE_OP_HOLD, 21, DAN, 0, 6);
	const uint64_t newer = ask(WIRE_OP_HOLD, 22, DAN, 0, 6);
	struct decision decision;

	ask(WIRE_OP_HOLD, 23, DAN, 0, 6);
	ask(WIRE_OP_EXTEND, 24, DAN, older, 7);
	ask(WIRE_OP_RELEASE, 25, DAN, newer + 1, 7);
	ask(WIRE_OP_HOLD, 26, DAN, 0, 7);
	ask(WIRE_OP_RELEASE, 27, DAN, newer + 4, 7);
	ask(WIRE_OP_BUY, 28, DAN, 0, 7);
	save();
	check_loads();
	decision = ask_of(loaded, WIRE_OP_HOLD, 29, DAN, 0, 8);
	cr_assert(eq(u8, decision.verdict, VERDICT_ALREADY_HELD));
	cr_assert(eq(u64, decision.order_id, newer));
	decision = ask_of(shard, WIRE_OP_HOLD, 29, DAN, 0, 8);
	cr_assert(eq(u64, decision.order_id, newer));
}

/* The hash proves that a checkpoint is its lane's: it must see all of a hold. */
Test(shard_snapshot, hash_sees_every_field_of_a_hold)
{
	const struct snapshot_hold good = holds[3];
	const struct shard_hash want = shard_hash(shard);
	const char *why;

	for (unsigned field = 0; field < 10; field++) {
		holds[3] = good;
		holds[3].ends_at_ns += field == 0;
		holds[3].since_lsn += field == 1;
		holds[3].last_lsn += field == 2;
		holds[3].extensions += field == 3;
		holds[3].sold_at_ns += field == 4;
		holds[3].order.channel += field == 5;
		holds[3].order.at_ns += field == 6;
		holds[3].order.request_id[1] += field == 7;
		holds[3].order.max_price += field == 8 ? 99 : 0;
		holds[3].order.lsn_quantity += field == 9;
		cr_assert(eq(int, load(&why), 0), "field %u: %s", field, why);
		cr_assert(ne(u64, shard_hash(loaded).low, want.low), "field %u", field);
	}
	holds[3] = good;
	check_loads();
}

Test(shard_snapshot, refuses_holds_that_cannot_be)
{
	const struct snapshot_hold good = holds[3];

	holds[3].order.lsn_quantity = holds[2].order.lsn_quantity;
	refused("there twice");
	holds[3] = holds[2];
	holds[2] = good;
	refused("holds that are not in lane order");
	holds[2] = holds[3];
	holds[3] = good;
	holds[3].order.request_id[0] = holds[2].order.request_id[0];
	holds[3].order.request_id[1] = holds[2].order.request_id[1];
	refused("committed twice");
	holds[3] = good;
	holds[3].order.request_id[0] = holds[3].order.request_id[1] = 0;
	refused("without a request id");
	holds[3] = good;
	holds[3].order.offer++;
	refused("never put on sale");
	holds[3] = good;
	holds[3].held = 2;
	refused("impossible state");
	holds[3].held = 0;
	refused("impossible state");
	holds[3] = good;
	holds[3].state = HOLD_STATE_END;
	refused("impossible state");
	holds[3].state = HOLD_GONE;
	refused("impossible state");
	holds[3] = good;
	holds[3].sold = 1;
	refused("impossible state");
	holds[3] = good;
	holds[3].since_lsn = 0;
	refused("impossible order");
	holds[3] = good;
	holds[3].last_lsn = 1;
	refused("impossible order");
	holds[3] = good;
	holds[3].last_lsn = shard_next_lsn(shard);
	refused("after its end");
	holds[3] = good;
	holds[3].order.offer = (holds[3].order.offer & ~(15U << SNAPSHOT_KIND_SHIFT)) |
			       RECORD_CONFIRM << SNAPSHOT_KIND_SHIFT;
	refused("something else among its holds");
	holds[3] = good;
	check_loads();
}

Test(shard_snapshot, refuses_holds_beyond_stock_and_limits)
{
	const struct snapshot_hold good = holds[3];

	holds[3].order.lsn_quantity += 9;
	holds[3].held = 3;
	holds[3].order.buyer = ANN;
	refused("than the offer or its buyer may have");
	holds[3].order.buyer = BOB;
	offer.offer.stock = 4;
	refused("than the offer or its buyer may have");
	offer.offer.stock = 9;
	holds[3] = good;
	check_loads();
}

Test(shard_snapshot, refuses_lists_in_an_impossible_order)
{
	const struct snapshot_hold good = holds[3];
	const uint64_t ends_at_ns = holds[1].ends_at_ns;

	/* Two holds of one list, of which the earlier one ends later. */
	holds[3].extensions = 0;
	holds[3].since_lsn = holds[3].order.lsn_quantity >> QUANTITY_BITS;
	holds[1].ends_at_ns = holds[3].ends_at_ns + 1;
	refused("in the order in which they began");
	holds[1].ends_at_ns = ends_at_ns;
	holds[3] = good;
	check_loads();
}

/* An EXTEND makes a hold end by another record than its own. */
Test(shard_snapshot, refuses_extensions_without_a_record)
{
	const struct snapshot_hold good = holds[3];

	holds[3].extensions = 0;
	refused("impossible order");
	holds[3] = good;
	holds[3].since_lsn = holds[3].order.lsn_quantity >> QUANTITY_BITS;
	refused("impossible order");
	holds[3].since_lsn--;
	refused("impossible order");
	holds[3] = good;
	check_loads();
}

Test(shard_snapshot, refuses_changes_that_cannot_be)
{
	const struct snapshot_order good = changes[1];

	changes[1].max_price = 1;
	refused("not there");
	changes[1] = good;
	changes[1].request_id[0] = changes[0].request_id[0];
	changes[1].request_id[1] = changes[0].request_id[1];
	refused("committed twice");
	changes[1] = changes[2];
	changes[2] = good;
	refused("not in lane order");
	changes[2] = changes[1];
	changes[1] = good;
	changes[1].offer &= ~(15U << SNAPSHOT_KIND_SHIFT);
	refused("something else among its changes");
	changes[1] = good;
	check_loads();
}

Test(shard_snapshot, refuses_a_returned_order_without_its_returns)
{
	const struct snapshot_order good = orders[0];

	orders[0].offer &= ~((uint32_t)SNAPSHOT_CHANGED << SNAPSHOT_FLAGS_SHIFT);
	refused("whose returns are missing");
	orders[0] = good;
	check_loads();
}

Test(shard_snapshot, tables_that_are_too_small)
{
	const char *why;

	shard_close(loaded);
	loaded = open_empty(3);
	cr_assert(eq(int, load(&why), -ENOSPC));
	cr_assert(strstr(why, "more holds than") != NULL, "%s", why);
}
