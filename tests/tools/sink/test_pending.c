#include <criterion/criterion.h>

#include "tools/sink/pending.h"

static const uint64_t AT_NS = UINT64_C(1700000000123456789);

static void expect_row(struct pending *pending, enum pending_part part, const char *wanted)
{
	const char *values[ROWS_COLUMNS_MAX] = {NULL};
	char text[1024] = "";
	size_t used = 0;

	cr_assert_eq(pending->parts[part].cnt, 1);
	rows_values(&pending->parts[part], values);
	for (unsigned i = 0; i < pending->parts[part].column_cnt; i++)
		used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", values[i]);
	cr_expect_str_eq(text, wanted);
	pending_clear(pending);
	cr_expect_eq(pending_rows(pending), 0);
}

static void open_pending(struct pending *pending)
{
	*pending = (struct pending){0};
	cr_assert_eq(pending_open(pending, 10, "shop"), 0);
}

Test(pending, orders_and_holds_have_the_same_columns)
{
	struct pending pending;
	struct record record = {.kind = RECORD_ORDER,
				.quantity = 2,
				.channel = 6,
				.at_ns = AT_NS,
				.sku = 42,
				.unit_price = 100,
				.order = {.buyer = 7, .max_price = 200}};
	static const char row[] = "{1}{9}{281474976710665}{2023-11-14T22:13:20.123456Z}"
				  "{1700000000123456789}{00000000000000000000000000000000}"
				  "{7}{42}{2}{100}{200}{6}";

	open_pending(&pending);
	pending_add(&pending, 1, 9, &record);
	cr_expect_eq(pending_orders(&pending), 1);
	expect_row(&pending, PENDING_ORDERS, row);
	record.kind = RECORD_HOLD;
	pending_add(&pending, 1, 9, &record);
	cr_expect_eq(pending_orders(&pending), 1);
	expect_row(&pending, PENDING_HOLDS, row);
	pending_close(&pending);
}

Test(pending, a_change_says_what_it_does_to_its_order)
{
	static const struct {
		uint8_t kind;
		uint8_t flags;
		const char *what;
	} cases[] = {
		{RECORD_CONFIRM, 0, "confirm"},
		{RECORD_CONFIRM, CONFIRM_LATE, "confirm"},
		{RECORD_CONFIRM, CONFIRM_REFUND, "refund"},
		{RECORD_RELEASE, 0, "release"},
		{RECORD_RELEASE, RELEASE_ALL, "release"},
		{RECORD_EXTEND, 0, "extend"},
		{RECORD_RETURN, 0, "return"},
		{RECORD_RETURN, RETURN_WRITE_OFF, "write_off"},
	};
	struct pending pending;
	char row[256];

	open_pending(&pending);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct record record = {.kind = cases[i].kind,
					      .flags = cases[i].flags,
					      .quantity = 2,
					      .at_ns = AT_NS,
					      .sku = 42,
					      .change = {.order_lsn = 5}};

		pending_add(&pending, 0, 9, &record);
		cr_expect_eq(pending_changes(&pending), 1);
		snprintf(row, sizeof(row),
			 "{0}{5}{9}{2023-11-14T22:13:20.123456Z}{1700000000123456789}{%s}{2}",
			 cases[i].what);
		expect_row(&pending, PENDING_CHANGES, row);
	}
	pending_close(&pending);
}

Test(pending, the_end_of_holds_counts_as_many_rows_as_it_changes)
{
	struct pending pending;
	struct record record = {.kind = RECORD_EXPIRE,
				.flags = EXPIRE_EXTENDED,
				.at_ns = AT_NS,
				.sku = 42,
				.expire = {.up_to_lsn = 8, .holds = 3}};

	open_pending(&pending);
	pending_add(&pending, 0, 9, &record);
	cr_expect_eq(pending_rows(&pending), 4);
	cr_expect_eq(pending_changes(&pending), 1);
	expect_row(&pending, PENDING_RUNS, "{0}{9}{2023-11-14T22:13:20.123456Z}{42}{t}{8}");
	record.flags = EXPIRE_ONE;
	record.expire.up_to_lsn = 5;
	pending_add(&pending, 0, 9, &record);
	expect_row(&pending, PENDING_ONES, "{0}{5}{9}{2023-11-14T22:13:20.123456Z}");
	pending_close(&pending);
}

Test(pending, offers_have_their_terms)
{
	struct pending pending;
	const struct record record = {.kind = RECORD_OFFER,
				      .quantity = 3,
				      .channel = 11,
				      .at_ns = AT_NS,
				      .sku = 42,
				      .unit_price = 100,
				      .offer = {.stock = 50,
						.closes_at_ns = INSTANT_NEVER,
						.hold_seconds = 60,
						.extend = 30 << EXTENSIONS_BITS | 2}};

	open_pending(&pending);
	pending_add(&pending, 0, 9, &record);
	expect_row(&pending, PENDING_OFFERS,
		   "{0}{9}{2023-11-14T22:13:20.123456Z}{1700000000123456789}{42}{50}{100}{0}{NULL}"
		   "{NULL}{60}{2}{30}{11}{3}");
	pending_close(&pending);
}

Test(pending, a_clock_says_what_it_was)
{
	struct pending pending;
	const struct record record = {.kind = RECORD_CLOCK, .at_ns = 5, .clock = {.was_ns = 8}};

	open_pending(&pending);
	pending_add(&pending, 2, 9, &record);
	expect_row(&pending, PENDING_CLOCKS, "{2}{9}{5}{8}");
	pending_close(&pending);
}

Test(pending, where_a_sku_is_sold_changes_no_table)
{
	struct pending pending;
	const struct record record = {.kind = RECORD_PLACED, .quantity = 1, .sku = 42};

	open_pending(&pending);
	pending_add(&pending, 2, 9, &record);
	cr_expect_eq(pending_rows(&pending), 0);
	pending_close(&pending);
}
