#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "tests/support/sale.h"

static const uint64_t BEGIN_NS = UINT64_C(1000000000000);
static const uint64_t SECOND_NS = 1000000000;

enum {
	HOLDS = 1000,
	RECORDS_MAX = 4 * HOLDS,
	/* shard_expire ends a hold so many ns after its end at the latest. */
	LATE_NS_MAX = 5000000,
};

static struct record records[RECORDS_MAX];
static uint64_t record_cnt;
static struct shard *shard;

static struct shard *open_shard(void)
{
	const struct shard_size size = {.offer_cnt = 300,
					.order_cnt = 10,
					.buyer_cnt = 10,
					.hold_cnt = RECORDS_MAX,
					.change_cnt = 2 * RECORDS_MAX};
	struct shard *opened = NULL;

	CHECK(shard_open(&opened, 0, 1, &size) == 0);
	record_cnt = 0;
	return opened;
}

static void close_shard(void)
{
	shard_close(shard);
}

TestSuite(expire, .fini = close_shard);

static void note(const struct record *record)
{
	CHECK(record_cnt < RECORDS_MAX);
	records[record_cnt++] = *record;
}

static void put_on_sale(uint64_t sku, uint32_t hold_seconds)
{
	struct record offer = sale_offer(sku, HOLDS * 2, 10, 0);
	const char *why = "";

	offer.at_ns = BEGIN_NS;
	offer.offer.hold_seconds = hold_seconds;
	offer.offer.extend = hold_seconds << EXTENSIONS_BITS | 1;
	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), &offer, &why), 0), "%s", why);
	note(&offer);
}

/* Asks for a change, or a hold; the buyer is the request's number. */
static struct decision ask(uint64_t now_ns, uint8_t op, uint64_t id, uint64_t sku,
			   uint64_t order_id)
{
	struct wire_request request = sale_buy(id, 7, sku);
	struct decision decision;
	struct record record;
	struct lookup key;

	request.op = op;
	request.price_or_order = order_id;
	lookup_all(shard, &request, &key, 1);
	do {
		decide(shard, now_ns, now_ns, &request, &key, &record, &decision);
		if (decision.committed || decision.again)
			note(&record);
	} while (decision.again);
	return decision;
}

static uint64_t hold(uint64_t now_ns, uint64_t id, uint64_t sku)
{
	const struct decision decision = ask(now_ns, WIRE_OP_HOLD, id, sku, 0);

	cr_assert(eq(u8, decision.verdict, VERDICT_HELD));
	return decision.order_id;
}

/* How many holds a call ends; 0: none. */
static uint32_t expire(uint64_t now_ns, uint32_t holds_max)
{
	struct record record;

	if (!shard_expire(shard, now_ns, holds_max, &record))
		return 0;
	note(&record);
	return record.expire.holds;
}

static void check_same_from_records(void)
{
	struct shard *rebuilt = NULL;
	const struct shard_size size = {
		.offer_cnt = 300, .hold_cnt = RECORDS_MAX, .change_cnt = RECORDS_MAX};
	const struct shard_hash want = shard_hash(shard);
	struct shard_hash got;
	const char *why = "";
	uint32_t applied;

	CHECK(shard_open(&rebuilt, 0, 1, &size) == 0);
	cr_assert(eq(int,
		     shard_apply_many(rebuilt, 1, records, (uint32_t)record_cnt, &applied, &why),
		     0),
		  "%s", why);
	got = shard_hash(rebuilt);
	cr_assert(eq(u64, got.low, want.low));
	cr_assert(eq(u64, got.high, want.high));
	shard_close(rebuilt);
}

Test(expire, a_thousand_holds_that_end_together_are_a_few_records)
{
	static const uint32_t runs[] = {256, 256, 256, 232, 0};
	struct shard_sums sums;

	shard = open_shard();
	put_on_sale(1, 10);
	for (uint64_t i = 1; i <= HOLDS; i++)
		hold(BEGIN_NS, i, 1);
	cr_assert(eq(u32, expire(BEGIN_NS + 10 * SECOND_NS - 1, 256), 0));
	for (unsigned i = 0; i < sizeof(runs) / sizeof(runs[0]); i++)
		cr_assert(eq(u32, expire(BEGIN_NS + 10 * SECOND_NS + LATE_NS_MAX, 256), runs[i]));
	shard_sums(shard, &sums);
	cr_assert(eq(u64, sums.open_holds, 0));
	cr_assert(eq(u64, sums.units_held, 0));
	cr_assert(eq(u64, sums.units_free, 2 * HOLDS));
	check_same_from_records();
}

Test(expire, nothing_ends_early_and_nothing_late)
{
	static const uint64_t odd_ns[] = {0, 1, 3999999, 4000000, 4000001, 123456789};

	for (unsigned i = 0; i < sizeof(odd_ns) / sizeof(odd_ns[0]); i++) {
		const uint64_t ends_at_ns = BEGIN_NS + odd_ns[i] + 10 * SECOND_NS;

		shard = open_shard();
		put_on_sale(1, 10);
		hold(BEGIN_NS + odd_ns[i], 1, 1);
		cr_assert(eq(u32, expire(ends_at_ns - 1, 9), 0));
		cr_assert(eq(u32, expire(ends_at_ns + LATE_NS_MAX, 9), 1));
		shard_close(shard);
	}
	shard = NULL;
}

/* Longer than a round of the wheel of timers. */
Test(expire, a_long_hold_ends_at_its_end)
{
	shard = open_shard();
	put_on_sale(1, 3600);
	hold(BEGIN_NS, 1, 1);
	for (uint64_t second = 0; second < 3600; second += 7)
		cr_assert(eq(u32, expire(BEGIN_NS + second * SECOND_NS, 9), 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 3600 * SECOND_NS - 1, 9), 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 3600 * SECOND_NS + LATE_NS_MAX, 9), 1));
}

Test(expire, those_that_were_lengthened_are_a_run_of_their_own)
{
	uint64_t order_ids[6];

	shard = open_shard();
	put_on_sale(1, 10);
	for (uint64_t i = 0; i < 6; i++)
		order_ids[i] = hold(BEGIN_NS, i + 1, 1);
	/* The first and the last of the list, and one between. */
	for (uint64_t i = 0; i < 6; i += i == 0 ? 2 : 3)
		cr_assert(eq(u8,
			     ask(BEGIN_NS + SECOND_NS + i, WIRE_OP_EXTEND, 100 + i, 1, order_ids[i])
				     .verdict,
			     VERDICT_EXTENDED));
	cr_assert(eq(u32, expire(BEGIN_NS + 10 * SECOND_NS + LATE_NS_MAX, 9), 3));
	cr_assert(eq(u8, records[record_cnt - 1].flags, 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 10 * SECOND_NS + LATE_NS_MAX, 9), 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 11 * SECOND_NS + LATE_NS_MAX, 2), 2));
	cr_assert(eq(u8, records[record_cnt - 1].flags, EXPIRE_EXTENDED));
	cr_assert(eq(u32, expire(BEGIN_NS + 11 * SECOND_NS + LATE_NS_MAX, 2), 1));
	check_same_from_records();
}

/* The timer of the first hold that was confirmed, released or lengthened says nothing of the next.
 */
Test(expire, the_first_of_the_list_is_gone_before_its_end)
{
	uint64_t order_ids[4];

	shard = open_shard();
	put_on_sale(1, 10);
	for (uint64_t i = 0; i < 4; i++)
		order_ids[i] = hold(BEGIN_NS + i * SECOND_NS, i + 1, 1);
	ask(BEGIN_NS + 4 * SECOND_NS, WIRE_OP_CONFIRM, 10, 1, order_ids[0]);
	ask(BEGIN_NS + 4 * SECOND_NS, WIRE_OP_RELEASE, 11, 1, order_ids[1]);
	ask(BEGIN_NS + 4 * SECOND_NS, WIRE_OP_EXTEND, 12, 1, order_ids[2]);
	cr_assert(eq(u32, expire(BEGIN_NS + 12 * SECOND_NS, 9), 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 13 * SECOND_NS - 1, 9), 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 13 * SECOND_NS + LATE_NS_MAX, 9), 1));
	cr_assert(eq(u32, expire(BEGIN_NS + 14 * SECOND_NS + LATE_NS_MAX, 9), 1));
	cr_assert(eq(u32, expire(BEGIN_NS + 99 * SECOND_NS, 9), 0));
	check_same_from_records();
}

Test(expire, each_of_many_offers_ends_its_own)
{
	struct shard_sums sums;
	uint32_t ended = 0;

	shard = open_shard();
	for (uint64_t sku = 1; sku <= 300; sku++)
		put_on_sale(sku, 10);
	for (uint64_t sku = 1; sku <= 300; sku++)
		hold(BEGIN_NS, sku, sku);
	for (unsigned i = 0; i < 300; i++)
		ended += expire(BEGIN_NS + 10 * SECOND_NS + LATE_NS_MAX, 256);
	cr_assert(eq(u32, ended, 300));
	shard_sums(shard, &sums);
	cr_assert(eq(u64, sums.open_holds, 0));
	check_same_from_records();
}

static void set_back(uint64_t was_ns, uint64_t at_ns)
{
	const struct record back = {
		.kind = RECORD_CLOCK, .at_ns = at_ns, .clock = {.was_ns = was_ns}};
	const char *why = "";

	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), &back, &why), 0), "%s", why);
}

Test(expire, a_clock_that_is_set_back_by_much)
{
	shard = open_shard();
	put_on_sale(1, 10);
	hold(BEGIN_NS, 1, 1);
	hold(BEGIN_NS + 3600 * SECOND_NS, 2, 1);
	/* An hour back: the first has ended before, the second has 9 s left. */
	set_back(BEGIN_NS + 3601 * SECOND_NS, BEGIN_NS + SECOND_NS);
	cr_assert(eq(u32, expire(BEGIN_NS + SECOND_NS + LATE_NS_MAX, 9), 1));
	cr_assert(eq(u32, expire(BEGIN_NS + 10 * SECOND_NS - 1, 9), 0));
	cr_assert(eq(u32, expire(BEGIN_NS + 10 * SECOND_NS + LATE_NS_MAX, 9), 1));
}

/* From a century that is far away, with holds that had ended long before. */
Test(expire, a_clock_that_was_wrong_by_decades)
{
	const uint64_t far_ns = BEGIN_NS + UINT64_C(80) * 365 * 24 * 3600 * SECOND_NS;

	shard = open_shard();
	put_on_sale(1, 10);
	hold(BEGIN_NS, 1, 1);
	set_back(far_ns, BEGIN_NS + SECOND_NS);
	cr_assert(eq(u32, expire(BEGIN_NS + SECOND_NS + LATE_NS_MAX, 9), 1));
}
