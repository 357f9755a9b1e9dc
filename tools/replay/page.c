/*
 * page: the what-if as one HTML file that needs nothing else: a table, and for the best sold SKUs
 * the burn-down curves of all sales over each other.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/rfc3339.h"
#include "tools/replay/what_if.h"

enum {
	PAGE_SKUS_MAX = 12,
	CHART_WIDTH = 720,
	CHART_HEIGHT = 260,
	MARGIN_LEFT = 70,
	MARGIN_BELOW = 30,
	MARGIN = 12,
	/* Steps of a curve: more than the pixels could not be seen. */
	STEPS_MAX = 600,
	TICKS = 5,
};

static const char *const colours[] = {"#1f5fbf", "#d1495b", "#2e8b57", "#b8860b",
				      "#6a4c93", "#008b8b", "#8b4513", "#555555"};

enum {
	COLOUR_CNT = sizeof(colours) / sizeof(colours[0]),
};

static const char style[] =
	"<style>body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 "
	"1em;"
	"color:#222;background:#fff}table{border-collapse:collapse;margin:1em 0}td,th{padding:.2em "
	".8em;"
	"text-align:right;border-bottom:1px solid "
	"#ddd}td:first-child,th:first-child,td:nth-child(2)"
	"{text-align:left}svg{max-width:100%;height:auto}text{font:11px system-ui,sans-serif;fill:"
	"#444}"
	"i{display:inline-block;width:1.6em;height:.3em;vertical-align:middle;margin-right:.4em}"
	"@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}text{fill:#aaa}td,th{"
	"border-color:#444}}</style>\n";

static void put_escaped(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '<':
			fputs("&lt;", out);
			break;
		case '>':
			fputs("&gt;", out);
			break;
		case '&':
			fputs("&amp;", out);
			break;
		case '"':
			fputs("&quot;", out);
			break;
		default:
			fputc(*text, out);
		}
	}
}

/* The chart's span of time and stock. */
struct scale {
	uint64_t first_ns;
	double ns;
	double units;
};

static double x_of(const struct scale *scale, uint64_t at_ns)
{
	return MARGIN_LEFT +
	       (double)(at_ns - scale->first_ns) / scale->ns * (CHART_WIDTH - MARGIN_LEFT - MARGIN);
}

static double y_of(const struct scale *scale, double units)
{
	return MARGIN + (1 - units / scale->units) * (CHART_HEIGHT - MARGIN - MARGIN_BELOW);
}

static void put_axes(const struct scale *scale, FILE *out)
{
	for (unsigned i = 0; i <= TICKS; i++) {
		const double share = (double)i / TICKS;
		const double x = MARGIN_LEFT + share * (CHART_WIDTH - MARGIN_LEFT - MARGIN);
		const double y = y_of(scale, share * scale->units);

		fprintf(out,
			"<line x1='%d' x2='%d' y1='%.1f' y2='%.1f' stroke='#8884'/>"
			"<text x='%d' y='%.1f' text-anchor='end'>%.0f</text>"
			"<text x='%.1f' y='%d' text-anchor='middle'>%.3g s</text>\n",
			MARGIN_LEFT, CHART_WIDTH - MARGIN, y, y, MARGIN_LEFT - 6, y + 4,
			share * scale->units, x, CHART_HEIGHT - MARGIN, share * scale->ns / 1e9);
	}
}

/* Units left over time, down a step where orders came. */
static void put_curve(const struct sold *sold, const struct sold_sku *sku,
		      const struct scale *scale, uint32_t idx, uint64_t last_ns, FILE *out)
{
	const struct sold_order *orders = sold->orders + sku->first;
	const uint64_t every = sku->order_cnt / STEPS_MAX + 1;
	uint64_t left = sku->stock;

	fprintf(out,
		"<path fill='none' stroke='%s' stroke-width='2' stroke-dasharray='%s' "
		"d='M%d %.1f",
		colours[idx % COLOUR_CNT], idx < COLOUR_CNT ? "none" : "6 3", MARGIN_LEFT,
		y_of(scale, (double)left));
	for (uint64_t i = 0; i < sku->order_cnt; i++) {
		left -= orders[i].quantity;
		if (i % every != 0 && i + 1 != sku->order_cnt)
			continue;
		fprintf(out, "H%.1fV%.1f", x_of(scale, orders[i].at_ns), y_of(scale, (double)left));
	}
	fprintf(out, "H%.1f'/>\n", x_of(scale, last_ns));
}

static void put_chart(const struct what_if *what_if, uint64_t sku, FILE *out)
{
	const uint64_t span_ns = what_if->last_ns - what_if->first_ns;
	struct scale scale = {.first_ns = what_if->first_ns,
			      .ns = span_ns > 0 ? (double)span_ns : 1};

	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *one = sold_find(&what_if->sold[i], sku);

		if (one != NULL && one->stock > scale.units)
			scale.units = one->stock;
	}
	if (scale.units <= 0)
		scale.units = 1;
	fprintf(out,
		"<h2>SKU %" PRIu64 "</h2>\n<svg viewBox='0 0 %d %d' role='img' "
		"aria-label='units left over time'>\n",
		sku, CHART_WIDTH, CHART_HEIGHT);
	put_axes(&scale, out);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *one = sold_find(&what_if->sold[i], sku);

		if (one != NULL)
			put_curve(&what_if->sold[i], one, &scale, i, what_if->last_ns, out);
	}
	fprintf(out, "</svg>\n");
}

static void put_row(const struct what_if *what_if, uint32_t i, uint64_t sku, FILE *out)
{
	const struct sold_sku *sold = sold_find(&what_if->sold[i], sku);
	uint64_t more;
	uint64_t fewer;

	fprintf(out, "<tr><td>%" PRIu64 "<td><i style='background:%s'></i>%u", sku,
		colours[i % COLOUR_CNT], i + 1);
	if (sold == NULL) {
		fprintf(out, "<td>not on sale</tr>\n");
		return;
	}
	sold_compare_buyers(&what_if->sold[i], &what_if->sold[0], sku, &more, &fewer);
	fprintf(out, "<td>%u<td>%" PRIu64 "<td>%" PRIu64 "<td>%" PRIu64 "<td>%u<td>", sold->stock,
		sold->units, sold->order_cnt, sold->buyer_cnt, sold->left);
	if (sold->sold_out_ns != 0)
		fprintf(out, "%.3f s", (double)(sold->sold_out_ns - what_if->first_ns) / 1e9);
	else
		fprintf(out, "not");
	fprintf(out, "<td>%" PRIu64 "<td>%" PRIu64 "</tr>\n", more, fewer);
}

void what_if_page(const struct what_if *what_if, FILE *out)
{
	uint64_t cnt = 0;
	uint64_t of = 0;
	uint64_t *skus = what_if_skus(what_if, PAGE_SKUS_MAX, &cnt, &of);
	char from[RFC3339_BYTES];

	if (skus == NULL)
		return;
	rfc3339_format(what_if->first_ns, from);
	fprintf(out, "<!doctype html>\n<html lang='en'><meta charset='utf-8'>"
		     "<meta name='viewport' content='width=device-width'><title>What if: ");
	put_escaped(what_if->capture, out);
	fprintf(out, "</title>\n%s<h1>What if</h1>\n<p>The requests of ", style);
	put_escaped(what_if->capture, out);
	fprintf(out, ", from %s on, over %.3f s, decided again under other terms.</p>\n<p>", from,
		(double)(what_if->last_ns - what_if->first_ns) / 1e9);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		fprintf(out, "<i style='background:%s'></i>%u: ", colours[i % COLOUR_CNT], i + 1);
		put_escaped(what_if->names[i], out);
		fprintf(out, "<br>\n");
	}
	fprintf(out,
		"</p>\n<table><tr><th>SKU<th>sale<th>stock<th>units<th>orders<th>buyers"
		"<th>left<th>sold out after<th>buyers with more than in 1<th>with fewer</tr>\n");
	for (uint64_t k = 0; k < cnt; k++) {
		for (uint32_t i = 0; i < what_if->cnt; i++)
			put_row(what_if, i, skus[k], out);
	}
	fprintf(out, "</table>\n");
	if (cnt < of)
		fprintf(out, "<p>The %" PRIu64 " best sold of %" PRIu64 " SKUs.</p>\n", cnt, of);
	for (uint64_t k = 0; k < cnt; k++)
		put_chart(what_if, skus[k], out);
	fprintf(out, "</html>\n");
	free(skus);
}
