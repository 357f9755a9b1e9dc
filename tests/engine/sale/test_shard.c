#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/sale.h"

static const uint64_t NOW_NS = 1000;

/* A pseudo-random sale of cnt requests against shard; its records go to records. Returns how many.
 */
static uint64_t sell(struct shard *shard, uint64_t cnt, struct record *records)
{
	uint64_t record_cnt = 0;

	for (uint64_t i = 1; i <= cnt; i++) {
		struct wire_request request =
			sale_buy(mix64(i) % (cnt / 2) + 1, mix64(i + cnt) % 50, i % 3 + 1);

		request.quantity = (uint16_t)(mix64(i * 7) % 3 + 1);
		record_cnt +=
			sale_decide(shard, NOW_NS + i, &request, &records[record_cnt]).committed;
	}
	return record_cnt;
}

static const struct record *three_offers(void)
{
	static struct record offers[3];

	offers[0] = sale_offer(1, 300, 10, 0);
	offers[1] = sale_offer(2, 40, 20, 5);
	offers[2] = sale_offer(3, 5, 30, 1);
	return offers;
}

Test(shard, records_rebuild_the_same_state_in_tables_of_another_size)
{
	static struct record records[5000];
	struct shard *sold = sale_open(5000, three_offers(), 3);
	struct shard *rebuilt = sale_open(700, three_offers(), 3);
	struct shard_totals totals;
	struct shard_sums sums;
	const char *why = NULL;
	const uint64_t cnt = sell(sold, 5000, records);

	cr_assert(gt(u64, cnt, 100));
	for (uint64_t i = 0; i < cnt; i++)
		cr_assert(eq(int, shard_apply(rebuilt, 4 + i, &records[i], &why), 0), "%s", why);

	const struct shard_hash one = shard_hash(sold);
	const struct shard_hash two = shard_hash(rebuilt);

	cr_assert(eq(u64, one.low, two.low));
	cr_assert(eq(u64, one.high, two.high));
	shard_totals(rebuilt, &totals);
	cr_assert(eq(u64, totals.orders, cnt));
	cr_assert(eq(u64, totals.offers_broken, 0));
	cr_assert(eq(u64, totals.units_stocked, totals.units_free + totals.units_sold));
	shard_sums(rebuilt, &sums);
	cr_assert(eq(u64, sums.offers, 3));
	cr_assert(eq(u64, sums.orders, cnt));
	cr_assert(eq(u64, sums.orders_max, 700));
	cr_assert(eq(u64, sums.units_stocked, totals.units_stocked));
	cr_assert(eq(u64, sums.units_free, totals.units_free));
	cr_assert(eq(u64, sums.units_held, 0));
	cr_assert(eq(u64, sums.units_sold, totals.units_sold));
	shard_clear(rebuilt);
	shard_sums(rebuilt, &sums);
	cr_assert(eq(u64, sums.units_stocked + sums.units_sold + sums.orders + sums.offers, 0));
	shard_close(sold);
	shard_close(rebuilt);
}

Test(shard, hash_sees_every_field_of_an_order)
{
	static struct record records[10];
	struct shard *shard = sale_open(10, three_offers(), 3);
	const struct wire_request request = sale_buy(1, 42, 1);
	const char *why = NULL;

	cr_assert(sale_decide(shard, NOW_NS, &request, &records[0]).committed);

	const struct shard_hash want = shard_hash(shard);

	shard_close(shard);
	/* But for the unit price, which must be the offer's. */
	for (unsigned field = 0; field < 7; field++) {
		struct record other = records[0];

		switch (field) {
		case 0:
			other.quantity++;
			break;
		case 1:
			other.channel++;
			break;
		case 2:
			other.at_ns++;
			break;
		case 3:
			other.order.request_id[0]++;
			break;
		case 4:
			other.order.request_id[1]++;
			break;
		case 5:
			other.order.buyer++;
			break;
		default:
			other.order.max_price = UINT64_MAX;
			break;
		}
		shard = sale_open(10, three_offers(), 3);
		cr_assert(eq(int, shard_apply(shard, 4, &other, &why), 0));

		const struct shard_hash got = shard_hash(shard);

		cr_assert(any(ne(u64, got.low, want.low), ne(u64, got.high, want.high)));
		shard_close(shard);
	}
}

static void check_refused(struct shard *shard, uint64_t lsn, const struct record *record,
			  const char *words)
{
	const char *why = "";

	cr_assert(eq(int, shard_apply(shard, lsn, record, &why), -EBADMSG), "%s", words);
	cr_assert(strstr(why, words) != NULL, "'%s', not '%s'", why, words);
}

Test(shard, refuses_records_that_cannot_follow)
{
	struct shard *shard = sale_open(10, three_offers(), 3);
	const struct wire_request request = sale_buy(1, 42, 3);
	struct record good;
	struct record bad;
	const char *why = NULL;

	cr_assert(sale_decide(shard, NOW_NS, &request, &good).committed);
	check_refused(shard, 4, &good, "LSN out of order");
	check_refused(shard, 6, &good, "LSN out of order");
	check_refused(shard, 5, &good, "committed twice");
	bad = good;
	bad.order.request_id[0]++;
	check_refused(shard, 5, &bad, "beyond the limit");
	bad.order.buyer++;
	bad.quantity = 5;
	check_refused(shard, 5, &bad, "more units than are free");
	bad.quantity = 0;
	check_refused(shard, 5, &bad, "of no units");
	bad.quantity = 1;
	bad.sku = 99;
	check_refused(shard, 5, &bad, "never put on sale");
	bad.sku = 3;
	bad.at_ns = good.at_ns - 1;
	check_refused(shard, 5, &bad, "backwards");
	bad.at_ns = good.at_ns;
	bad.kind = 77;
	check_refused(shard, 5, &bad, "unknown kind");
	bad.kind = RECORD_ORDER;
	bad.unit_price++;
	check_refused(shard, 5, &bad, "another price");
	bad.unit_price--;
	bad.order.max_price = bad.unit_price - 1;
	check_refused(shard, 5, &bad, "highest price");
	bad.order.max_price = bad.unit_price;
	bad.order.request_id[0] = bad.order.request_id[1] = 0;
	check_refused(shard, 5, &bad, "without a request id");
	bad.order.request_id[0] = 77;
	cr_assert(eq(int, shard_apply(shard, 5, &bad, &why), 0), "%s", why);
	shard_close(shard);
}

Test(shard, says_the_memory_it_takes)
{
	const struct shard_size small = {.offer_cnt = 1, .order_cnt = 1000, .buyer_cnt = 1000};
	const struct shard_size large = {.offer_cnt = 1, .order_cnt = 1000000, .buyer_cnt = 1000};

	cr_assert(gt(u64, shard_bytes(&small), 64000));
	cr_assert(gt(u64, shard_bytes(&large), shard_bytes(&small) + 999000 * 64));
}

Test(shard, refuses_orders_outside_the_hours_of_an_offer)
{
	struct record offer = sale_offer(1, 10, 100, 0);
	const char *why = NULL;
	struct record order;

	offer.offer.opens_at_ns = NOW_NS;
	offer.offer.closes_at_ns = NOW_NS + 10;

	struct shard *shard = sale_open(10, &offer, 1);
	const struct wire_request request = sale_buy(1, 42, 1);

	cr_assert(sale_decide(shard, NOW_NS, &request, &order).committed);
	shard_close(shard);
	shard = sale_open(10, &offer, 1);
	order.at_ns = NOW_NS - 1;
	check_refused(shard, 2, &order, "not open");
	order.at_ns = NOW_NS + 10;
	check_refused(shard, 2, &order, "not open");
	order.at_ns = NOW_NS + 9;
	cr_assert(eq(int, shard_apply(shard, 2, &order, &why), 0), "%s", why);
	shard_close(shard);
}

static struct record set_back(uint64_t at_ns, uint64_t was_ns)
{
	return (struct record){.kind = RECORD_CLOCK, .at_ns = at_ns, .clock = {.was_ns = was_ns}};
}

Test(shard, instants_fall_at_a_clock_record_only)
{
	struct shard *shard = sale_open(100, three_offers(), 3);
	const struct record good = set_back(NOW_NS, NOW_NS + 9);
	struct wire_request request = sale_buy(1, 42, 1);
	struct shard_hash before;
	struct record bad;
	struct record record;
	const char *why = NULL;

	cr_assert(sale_decide(shard, NOW_NS + 5, &request, &record).committed);
	bad = set_back(NOW_NS, NOW_NS + 4);
	check_refused(shard, 5, &bad, "an instant that is not earlier");
	bad = set_back(NOW_NS + 9, NOW_NS + 9);
	check_refused(shard, 5, &bad, "an instant that is not earlier");
	for (unsigned field = 0; field < 7; field++) {
		bad = good;
		bad.quantity = field == 0;
		bad.channel = field == 1;
		bad.sku = field == 2;
		bad.unit_price = field == 3;
		if (field > 3)
			bad.clock.reserved[field - 4] = 1;
		check_refused(shard, 5, &bad, "reserved bytes");
	}
	before = shard_hash(shard);
	cr_assert(eq(int, shard_apply(shard, 5, &good, &why), 0), "%s", why);
	cr_assert(eq(u64, shard_last_at_ns(shard), NOW_NS));
	cr_assert(ne(u64, shard_hash(shard).low, before.low));
	request = sale_buy(2, 42, 1);
	cr_assert(sale_decide(shard, NOW_NS + 1, &request, &record).committed);
	record.order.request_id[0]++;
	record.at_ns = NOW_NS;
	check_refused(shard, 7, &record, "backwards");
	shard_close(shard);
}

Test(shard, a_clock_is_set_back_so_often_and_at_the_beginning_of_a_block)
{
	struct shard *shard = sale_open(100, three_offers(), 3);
	struct record records[2];
	uint32_t applied;
	const char *why = NULL;

	records[0] = set_back(NOW_NS, NOW_NS + 1);
	records[1] = records[0];
	cr_assert(eq(int, shard_apply_many(shard, 4, records, 2, &applied, &why), -EBADMSG));
	cr_assert(eq(uint, applied, 1));
	cr_assert(strstr(why, "within a block") != NULL, "%s", why);
	for (uint64_t i = 1; i < CLOCK_RECORDS_MAX; i++)
		cr_assert(eq(int, shard_apply(shard, 4 + i, &records[0], &why), 0), "%s", why);
	cr_assert(eq(int, shard_apply(shard, 4 + CLOCK_RECORDS_MAX, &records[0], &why), -ENOSPC));
	shard_close(shard);
}
