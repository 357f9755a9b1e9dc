/* Open holds by SKU and age. */
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/holds.h"
#include "tests/support/sale.h"
#include "tools/journal/hold_sums.h"

static const uint64_t S_NS = 1000000000;

static struct shard *shard;
static const char *why;

static void apply(struct record record)
{
	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), &record, &why), 0), "%s", why);
}

static void hold(uint64_t sku, uint64_t buyer, uint16_t quantity, uint64_t at_ns)
{
	apply((struct record){.kind = RECORD_HOLD,
			      .quantity = quantity,
			      .at_ns = at_ns,
			      .sku = sku,
			      .unit_price = 500,
			      .order = {.request_id = {at_ns, buyer}, .buyer = buyer}});
}

static void change(uint8_t kind, uint64_t order_lsn, uint64_t buyer, uint16_t quantity)
{
	apply((struct record){.kind = kind,
			      .quantity = quantity,
			      .at_ns = shard_last_at_ns(shard),
			      .sku = 2,
			      .unit_price = 500,
			      .change = {.request_id = {shard_next_lsn(shard), 1},
					 .buyer = buyer,
					 .order_lsn = order_lsn}});
}

static void set_up(void)
{
	const struct shard_size room = holds_room(100);
	struct record offer = sale_offer(1, 1000, 500, 0);

	cr_assert(eq(int, shard_open(&shard, 0, 1, &room), 0));
	offer.offer.hold_seconds = 1200;
	apply(offer);
	offer.sku = 2;
	offer.offer.hold_seconds = 2000;
	apply(offer);
}

static void tear_down(void)
{
	shard_close(shard);
}

TestSuite(hold_sums, .init = set_up, .fini = tear_down);

static void check_count(const struct hold_count *count, uint64_t holds, uint64_t units)
{
	cr_assert(all(eq(u64, count->holds, holds), eq(u64, count->units, units)));
}

Test(hold_sums, by_sku_and_age)
{
	const uint64_t now_ns = 10000 * S_NS;
	struct hold_sums *sums = hold_sums_open(now_ns);

	hold(2, 1, 7, now_ns - 1999 * S_NS);     /* LSN 3: older */
	hold(1, 2, 1, now_ns - 1200 * S_NS);     /* ends now: not recorded yet */
	hold(1, 3, 2, now_ns - 1200 * S_NS + 1); /* ends in an instant: older */
	hold(1, 4, 3, now_ns - 900 * S_NS + 1);  /* < 15 min */
	hold(2, 5, 4, now_ns - 300 * S_NS);      /* LSN 7: < 15 min */
	hold(1, 6, 5, now_ns - 300 * S_NS + 1);  /* < 5 min */
	hold(1, 7, 6, now_ns - 60 * S_NS + 1);   /* < 1 min */
	hold(1, 8, 6, now_ns + S_NS);            /* by a clock that is ahead */
	cr_assert(eq(int, hold_sums_add(sums, shard, 3), 0));
	cr_assert(all(eq(u64, sums->row_cnt, 2), eq(u64, sums->held_cnt, 8)));
	cr_assert(all(eq(u64, sums->rows[0].sku, 1), eq(uint, sums->rows[0].lane, 3)));
	check_count(&sums->rows[0].all, 6, 23);
	check_count(&sums->rows[0].ages[HOLD_UNDER_1_MIN], 2, 12);
	check_count(&sums->rows[0].ages[HOLD_UNDER_5_MIN], 1, 5);
	check_count(&sums->rows[0].ages[HOLD_UNDER_15_MIN], 1, 3);
	check_count(&sums->rows[0].ages[HOLD_OLDER], 1, 2);
	check_count(&sums->rows[0].ages[HOLD_ENDED], 1, 1);
	cr_assert(eq(u64, sums->rows[0].oldest.buyer, 2));
	check_count(&sums->rows[1].all, 2, 11);
	check_count(&sums->rows[1].ages[HOLD_OLDER], 1, 7);
	check_count(&sums->rows[1].ages[HOLD_UNDER_15_MIN], 1, 4);
	check_count(&sums->total.all, 8, 34);
	check_count(&sums->total.ages[HOLD_ENDED], 1, 1);
	cr_assert(all(eq(u64, sums->total.oldest.buyer, 1), eq(u64, sums->total.oldest.sku, 2)));
	hold_sums_close(sums);
}

Test(hold_sums, what_is_not_held_any_more_is_counted_by_what_it_became)
{
	const uint64_t at_ns = 10000 * S_NS;
	struct hold_sums *sums = hold_sums_open(at_ns + 5);

	for (uint64_t i = 0; i < 5; i++)
		hold(2, 1, 4, at_ns + i); /* LSNs 3 to 7 */
	change(RECORD_CONFIRM, 3, 1, 4);
	change(RECORD_RELEASE, 4, 1, 4);
	change(RECORD_RELEASE, 5, 1, 1);
	apply((struct record){.kind = RECORD_ORDER,
			      .quantity = 2,
			      .at_ns = at_ns + 5,
			      .sku = 2,
			      .unit_price = 500,
			      .order = {.request_id = {1, 9}, .buyer = 9}});
	change(RECORD_RETURN, shard_next_lsn(shard) - 1, 9, 1); /* never held */
	cr_assert(eq(int, hold_sums_add(sums, shard, 0), 0));
	cr_assert(eq(u64, sums->held_cnt, 5));
	cr_assert(all(eq(u64, sums->states[HOLD_OPEN], 3), eq(u64, sums->states[HOLD_SOLD], 1),
		      eq(u64, sums->states[HOLD_GONE], 1)));
	check_count(&sums->total.all, 3, 11);
	hold_sums_close(sums);
}
