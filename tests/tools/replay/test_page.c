#include <criterion/criterion.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/replay/chart.h"
#include "tools/replay/what_if.h"

enum {
	ORDERS_MAX = 64,
	VIEW_WIDTH = 360,
	VIEW_HEIGHT = 216,
};

static const uint64_t S = 1000000000;
static const uint64_t FIRST_NS = UINT64_C(1800000000) * 1000000000; /* 2027-01-15T08:00:00Z */

/* A sale that is filled by hand. */
struct made {
	struct sold sold;
	struct sold_order orders[ORDERS_MAX];
	struct sold_sku skus[4];
};

/* Puts a SKU on sale; after the SKUs that are less. opened_ns 0: no opening. */
static struct sold_sku *put_on_sale(struct made *made, uint64_t sku, uint32_t stock,
				    uint64_t unit_price, uint64_t opened_ns)
{
	struct sold_sku *out = &made->skus[made->sold.sku_cnt++];

	made->sold.skus = made->skus;
	made->sold.orders = made->orders;
	*out = (struct sold_sku){
		.sku = sku,
		.first = made->sold.order_cnt,
		.unit_price = unit_price,
		.has_opening = opened_ns > 0,
		.opened_ns = opened_ns > 0 ? opened_ns : FIRST_NS,
		.stock = stock,
		.left = stock,
	};
	made->sold.total.stock += stock;
	made->sold.total.left += stock;
	return out;
}

static void buy(struct made *made, struct sold_sku *sku, uint64_t at_ns, uint32_t quantity,
		uint32_t channel)
{
	struct sold_order *order = &made->orders[made->sold.order_cnt++];

	*order = (struct sold_order){.sku = sku->sku,
				     .at_ns = at_ns,
				     .buyer = made->sold.order_cnt,
				     .unit_price = sku->unit_price,
				     .channel = channel,
				     .quantity = quantity};
	sku->order_cnt++;
	sku->units += quantity;
	sku->left -= quantity;
	sku->revenue += sold_revenue(order);
	sku->sold_out_ns = sku->left == 0 ? at_ns : 0;
	made->sold.total.order_cnt++;
	made->sold.total.units += quantity;
	made->sold.total.left -= quantity;
	made->sold.total.revenue += sold_revenue(order);
}

/* The page of these sales; the caller frees it. */
static char *page_of(struct made *sales, const char *const *names, uint32_t cnt, uint64_t last_ns)
{
	struct what_if what_if = {.cnt = cnt,
				  .request_cnt = 1234567,
				  .first_ns = FIRST_NS,
				  .last_ns = last_ns,
				  .capture = "event.pcap"};
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);

	for (uint32_t i = 0; i < cnt; i++) {
		struct sold *sold = &sales[i].sold;

		what_if.names[i] = names[i];
		sold->skus = sales[i].skus;
		sold->orders = sales[i].orders;
		cr_assert_eq(sold_take_channels(sold->orders, sold->order_cnt, &sold->channels,
						&sold->channel_cnt),
			     0);
		what_if.sold[i] = *sold;
	}
	what_if_page(&what_if, file);
	fclose(file);
	for (uint32_t i = 0; i < cnt; i++)
		free(sales[i].sold.channels);
	return text;
}

static unsigned count(const char *text, const char *part)
{
	unsigned cnt = 0;

	for (; (text = strstr(text, part)) != NULL; text += strlen(part))
		cnt++;
	return cnt;
}

/* Each text of the drawings is inside of them, by the widest digits that a font has. */
static void expect_labels_whole(const char *page, unsigned least)
{
	static const double widths[] = {7.2, 6.0}; /* digits, letters */
	unsigned cnt = 0;

	for (const char *at = page; (at = strstr(at, "<text ")) != NULL; at++, cnt++) {
		double x = -1;
		double y = -1;
		double left;
		double width = 0;
		char anchor[16] = "start";
		char label[64];

		cr_assert_eq(sscanf(at, "<text x='%lf' y='%lf'", &x, &y), 2);
		sscanf(strchr(at + 6, '='), "%*[^>]%63[^<]", label);
		(void)sscanf(strstr(at, "text-anchor") < strchr(at, '>') ? strstr(at, "text-anchor")
									 : "",
			     "text-anchor='%15[a-z]'", anchor);
		for (const char *c = label + 1; *c != '\0'; c++)
			width += widths[*c < '0' || *c > '9'];
		left = x - (strcmp(anchor, "end") == 0      ? width
			    : strcmp(anchor, "middle") == 0 ? width / 2
							    : 0);
		cr_expect(left >= 0 && left + width <= VIEW_WIDTH, "%s: from %.1f to %.1f", label,
			  left, left + width);
		cr_expect(y >= 9 && y <= VIEW_HEIGHT - 3, "%s: at %.1f", label, y);
	}
	cr_expect_geq(cnt, least);
}

Test(page, has_curves_before_tables_that_fold)
{
	struct made sales[2] = {0};
	static const char *const names[] = {"catalog.csv", "sku=7 stock=<3000>"};
	char *page;

	for (unsigned i = 0; i < 2; i++) {
		struct sold_sku *sku = put_on_sale(&sales[i], 7, i == 0 ? 2000 : 3000,
						   UINT64_MAX - i, FIRST_NS + 2 * S);

		buy(&sales[i], sku, FIRST_NS + 3 * S, 1500, 5);
		buy(&sales[i], sku, FIRST_NS + 5 * S + S / 4, 500, 6);
	}
	page = page_of(sales, names, 2, FIRST_NS + 60 * S);
	cr_expect_lt(strstr(page, "<svg"), strstr(page, "<table"));
	cr_expect_eq(count(page, "<details"), 3);
	cr_expect_eq(count(page, "<path"), 2);
	cr_expect_eq(count(page, "://"), 0);
	cr_expect_eq(count(page, "<script"), 0);
	cr_expect_neq(strstr(page, "name='viewport' content='width=device-width"), NULL);
	cr_expect_neq(strstr(page, "sku=7 stock=&lt;3000&gt;"), NULL);
	cr_expect_neq(strstr(page, "1,234,567 requests of event.pcap"), NULL);
	/* 2,000 units at nearly 2^64 each. */
	cr_expect_neq(strstr(page, "revenue 36,893,488,147,419,103,230,000<"), NULL);
	cr_expect_neq(strstr(page, "<td>0</td><td>-2,000</td>"), NULL);
	/* From the opening, not from the first request. */
	cr_expect_neq(strstr(page, "sold out after 3.250 s<"), NULL);
	cr_expect_neq(strstr(page, "<td>3.250 s</td>"), NULL);
	cr_expect_neq(strstr(page, "seconds after the opening"), NULL);
	cr_expect_neq(strstr(page, "Opening: 2027-01-15T08:00:02Z."), NULL);
	cr_expect_neq(strstr(page, "1,000 of 3,000 left<"), NULL);
	cr_expect_eq(count(page, "the same curve"), 0);
	expect_labels_whole(page, 10);
	free(page);
}

Test(page, tells_curves_apart_that_are_equal)
{
	struct made sales[3] = {0};
	static const char *const names[] = {"catalog.csv", "sku=7 unit_price=2", "other.csv"};
	char *page;

	for (unsigned i = 0; i < 2; i++) {
		struct sold_sku *sku = put_on_sale(&sales[i], 7, 10, 1 + i, i == 0 ? 0 : FIRST_NS);

		buy(&sales[i], sku, FIRST_NS + S, 4, 1);
	}
	page = page_of(sales, names, 3, FIRST_NS + 2 * S);
	cr_expect_eq(count(page, "the same curve as sale 1"), 1);
	cr_expect_eq(count(page, "not on sale"), 2);
	cr_expect_eq(count(page, "<path"), 2);
	/* Each has its number on it. */
	cr_expect_eq(count(page, "<g class='badge c0'>"), 1);
	cr_expect_eq(count(page, "<g class='badge c1'>"), 1);
	cr_expect_eq(count(page, "class='c0 d0'"), 1);
	cr_expect_eq(count(page, "class='c1 d1'"), 1);
	free(page);
}

Test(page, draws_sales_without_an_order_and_late_openings)
{
	struct made sales[2] = {0};
	static const char *const names[] = {"a", "b"};
	char *page;

	put_on_sale(&sales[0], 1, 0, 1, 0);
	put_on_sale(&sales[0], 2, UINT32_MAX, 1, FIRST_NS + 100 * S);
	put_on_sale(&sales[0], 3, 1, 1, UINT64_MAX - 1);
	buy(&sales[1], put_on_sale(&sales[1], 2, UINT32_MAX, 1, FIRST_NS - 86400 * S), FIRST_NS, 1,
	    0);
	page = page_of(sales, names, 2, FIRST_NS);
	cr_expect_eq(count(page, "<svg"), 3);
	cr_expect_eq(count(page, "<path"), 4);
	cr_expect_eq(count(page, "opens after the last request"), 2);
	cr_expect_neq(strstr(page, ">4,294,967,295<"), NULL);
	cr_expect_neq(strstr(page, "; opens 24 h 01 min 40 s later<"), NULL);
	expect_labels_whole(page, 10);
	cr_expect_eq(count(page, "nan"), 0);
	cr_expect_eq(count(page, "inf"), 0);
	free(page);
}

Test(page, compares_nothing_where_there_is_one_sale)
{
	struct made sale = {0};
	static const char *const names[] = {"a"};
	char *page;

	buy(&sale, put_on_sale(&sale, 1, 10, 3, 0), FIRST_NS + S, 4, 1);
	page = page_of(&sale, names, 1, FIRST_NS + 2 * S);
	cr_expect_eq(count(page, "sale 1"), 0);
	cr_expect_eq(count(page, "other terms"), 0);
	/* Heads and cells of three tables of one row; channels have a second one for all. */
	cr_expect_eq(count(page, "<th "), 7 + 5 + 10);
	cr_expect_eq(count(page, "<td>"), 7 + 2 * 5 + 10);
	free(page);
}

static bool is_nice(uint64_t step)
{
	while (step % 10 == 0)
		step /= 10;
	return step == 1 || step == 2 || step == 5;
}

Test(page, puts_ticks_at_round_numbers)
{
	struct chart_ticks ticks;

	for (uint64_t most = 1; most <= UINT32_MAX; most += most / 7 + 1) {
		chart_unit_ticks(most, 5, &ticks);
		cr_expect(is_nice(ticks.step) && ticks.step * 5 >= most, "%" PRIu64, most);
		cr_expect(ticks.step == 1 || ticks.step * 2 < most, "%" PRIu64, most);
	}
	for (uint64_t span_ns = 2000; span_ns < UINT64_C(1) << 62; span_ns += span_ns / 7) {
		char label[FIGURE_BYTES];
		uint64_t part;

		chart_time_ticks(span_ns, span_ns, 44, &ticks);
		chart_label(&ticks, span_ns, label);
		cr_expect(span_ns / ticks.step >= 1 && span_ns / ticks.step <= 5, "%" PRIu64,
			  span_ns);
		cr_expect_leq((span_ns / ticks.step + 1) * (strlen(label) + 1), 44);
		/* A label says its tick's instant exactly. */
		part = ticks.unit;
		for (unsigned i = 0; i < ticks.decimals; i++)
			part /= 10;
		cr_expect_eq(ticks.step % part, 0, "%" PRIu64, span_ns);
	}
	chart_time_ticks(90 * S, 90 * S, 44, &ticks);
	cr_expect_str_eq(ticks.name, "seconds");
	cr_expect_eq(ticks.step, 20 * S);
	chart_time_ticks(S / 2, 86400 * S + S / 2, 44, &ticks);
	cr_expect_str_eq(ticks.name, "milliseconds");
	chart_time_ticks(600 * S, 600 * S, 44, &ticks);
	cr_expect_str_eq(ticks.name, "minutes");
	cr_expect_eq(ticks.step, 120 * S);
}

Test(page, knows_which_curves_are_equal)
{
	static const struct {
		struct {
			uint64_t at_s;
			uint32_t quantity;
		} one[3], other[3];
		bool same;
	} cases[] = {
		{{{1, 2}, {2, 3}}, {{1, 2}, {2, 3}}, true},
		/* In another order at one instant: nobody sees that. */
		{{{1, 2}, {1, 3}}, {{1, 3}, {1, 2}}, true},
		{{{1, 2}, {1, 3}}, {{1, 5}}, true},
		{{{2, 5}}, {{1, 2}, {2, 3}}, false},
		{{{1, 2}, {2, 3}}, {{2, 5}}, false},
		{{{1, 5}}, {{2, 5}}, false},
		{{{1, 5}}, {{1, 4}}, false},
		{{{1, 5}}, {{0}}, false},
		{{{0}}, {{0}}, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct made sales[2] = {0};
		struct sold_sku *one = put_on_sale(&sales[0], 1, 9, 1, 0);
		struct sold_sku *other = put_on_sale(&sales[1], 1, 9, 1, 0);

		for (unsigned k = 0; k < 3; k++) {
			if (cases[i].one[k].quantity > 0)
				buy(&sales[0], one, cases[i].one[k].at_s, cases[i].one[k].quantity,
				    0);
			if (cases[i].other[k].quantity > 0)
				buy(&sales[1], other, cases[i].other[k].at_s,
				    cases[i].other[k].quantity, 0);
		}
		cr_expect_eq(sold_same_curve(&sales[0].sold, one, &sales[1].sold, other),
			     cases[i].same, "case %zu", i);
		other->stock++;
		cr_expect_not(sold_same_curve(&sales[0].sold, one, &sales[1].sold, other));
	}
}

Test(page, adds_up_channels)
{
	struct made made = {0};
	struct sold_sku *sku = put_on_sale(&made, 1, 100, UINT64_MAX, 0);
	struct sold_channel *channels = NULL;
	uint64_t cnt = 0;

	buy(&made, sku, 1, 2, UINT32_MAX);
	buy(&made, sku, 2, 3, 0);
	buy(&made, sku, 3, 4, UINT32_MAX);
	cr_assert_eq(sold_take_channels(made.orders, 3, &channels, &cnt), 0);
	cr_assert_eq(cnt, 2);
	cr_expect_eq(channels[0].id, 0);
	cr_expect_eq(channels[1].order_cnt, 2);
	cr_expect_eq(channels[1].units, 6);
	cr_expect_str_eq(FIGURE_PLAIN(channels[1].revenue), "110680464442257309690");
	made.sold.channels = channels;
	made.sold.channel_cnt = cnt;
	cr_expect_eq(sold_find_channel(&made.sold, UINT32_MAX), &channels[1]);
	cr_expect_eq(sold_find_channel(&made.sold, 7), NULL);
	free(channels);
	cr_assert_eq(sold_take_channels(made.orders, 0, &channels, &cnt), 0);
	cr_expect_eq(cnt, 0);
	made.sold.channel_cnt = cnt;
	cr_expect_eq(sold_find_channel(&made.sold, 7), NULL);
	free(channels);
}

Test(page, says_what_became_of_holds_where_there_are_any)
{
	static const char *const names[] = {"a.csv", "b.csv"};
	static struct made sales[2];
	char *page;

	put_on_sale(&sales[0], 1, 9, 1, 0);
	put_on_sale(&sales[1], 1, 9, 1, 0);
	page = page_of(sales, names, 2, FIRST_NS + 1);
	cr_expect_eq(count(page, "<summary>Holds</summary>"), 0);
	free(page);
	sales[1].sold.holds = (struct sold_holds){.made = 77123, .paid_late = 5432};
	page = page_of(sales, names, 2, FIRST_NS + 1);
	cr_expect_eq(count(page, "<summary>Holds</summary>"), 1);
	cr_expect_eq(count(page, ">77,123<"), 1);
	cr_expect_eq(count(page, ">5,432<"), 1);
	free(page);
}
