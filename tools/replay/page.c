/*
 * page: the what-if as one HTML file that needs nothing else, no script either: what each sale
 * sold, the burn-down curves of the best sold SKUs, then tables that can be folded. The file is
 * also well-formed XML.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/rfc3339.h"
#include "tools/replay/chart.h"
#include "tools/replay/markup.h"
#include "tools/replay/what_if.h"

enum {
	CHARTS_MAX = 12,
	TABLE_SKUS_MAX = 100,
	TABLE_CHANNELS_MAX = 100,
};

/* Two colours a sale, for paper and for a dark screen: each has a contrast of 4.5 or more to its
 * background, and to the number on its badge. */
static const char style[] =
	":root{color-scheme:light dark;--ink:#1c1c1c;--soft:#595959;--rule:#d4d4d4;--paper:#fff}\n"
	".c0{--c:#1f5fbf}.c1{--c:#c02a3d}.c2{--c:#1f7a48}.c3{--c:#8a6100}\n"
	".c4{--c:#6a4c93}.c5{--c:#007373}.c6{--c:#8b4513}.c7{--c:#555}\n"
	"@media(prefers-color-scheme:dark){\n"
	":root{--ink:#e2e2e2;--soft:#a8a8a8;--rule:#444;--paper:#181818}\n"
	".c0{--c:#7db0ff}.c1{--c:#ff8a95}.c2{--c:#6fce97}.c3{--c:#e0b84c}\n"
	".c4{--c:#c3a6f0}.c5{--c:#4fcaca}.c6{--c:#e0a070}.c7{--c:#bbb}}\n"
	"*{box-sizing:border-box}\n"
	"body{font:16px/1.5 system-ui,sans-serif;margin:0 auto;max-width:76rem;\n"
	"padding:1rem;color:var(--ink);background:var(--paper);overflow-wrap:anywhere}\n"
	"h1{margin:0}h2{font-size:1.25rem;margin:1.5rem 0 .5rem}h3{font-size:1rem;margin:0}\n"
	"p{margin:.4rem 0}ul{list-style:none;margin:.5rem 0;padding:0}\n"
	"li{display:flex;align-items:baseline;margin:.2rem 0}.sales li{margin:.5rem 0}\n"
	"b{display:inline-block;flex:none;min-width:1.5em;padding:0 .4em;margin-right:.6em;\n"
	"text-align:center;border-radius:1em;font-weight:600;line-height:1.5;\n"
	"color:var(--paper);background:var(--c);print-color-adjust:exact}\n"
	".soft,figcaption{color:var(--soft);font-size:.9rem}\n"
	".charts{display:grid;gap:2rem;\n"
	"grid-template-columns:repeat(auto-fit,minmax(min(100%,28rem),1fr))}\n"
	"figure{margin:0;max-width:44rem;break-inside:avoid}\n"
	"svg{display:block;width:100%;height:auto}\n"
	"svg text{font:11px system-ui,sans-serif;fill:var(--soft)}\n"
	"svg path{stroke:var(--c);stroke-linejoin:round}\n"
	".d1{stroke-dasharray:8 5}.d2{stroke-dasharray:2.5 5}.d3{stroke-dasharray:9 4 2 4}\n"
	".grid{stroke:var(--rule)}.badge circle{fill:var(--c);stroke:var(--paper)}\n"
	"svg .badge text{font-size:9px;font-weight:600;fill:var(--paper)}\n"
	"@media(min-width:60rem){svg text{font-size:9px}}\n"
	"details{margin:1rem 0;border-top:1px solid var(--rule)}\n"
	"summary{font-size:1.25rem;font-weight:600;padding:.5rem 0;cursor:pointer}\n"
	".scroll{overflow-x:auto;max-width:100%}\n"
	"table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}\n"
	"td,th{padding:.25rem .7rem;text-align:right;border-bottom:1px solid var(--rule);\n"
	"white-space:nowrap}\n"
	"th{vertical-align:bottom;white-space:normal;overflow-wrap:normal;min-width:5.5rem}\n"
	"td:first-child,th:first-child{text-align:left;padding-left:0;position:sticky;left:0;\n"
	"background:var(--paper)}\n"
	"th:first-child{min-width:0}tr.first td{border-top:2px solid var(--rule)}\n"
	"@media print{body{max-width:none}details::details-content{content-visibility:visible;\n"
	"height:auto}.scroll{overflow:visible}}\n";

static void put_badge(uint32_t sale, FILE *out)
{
	fprintf(out, "<b class='c%u'>%u</b>", sale % CHART_COLOURS, sale + 1);
}

static void put_number(minor_units value, FILE *out)
{
	fprintf(out, "<td>%s</td>", FIGURE(value));
}

/* The page's way of counting one and many. */
static void put_count(uint64_t cnt, const char *one, const char *many, FILE *out)
{
	fprintf(out, "%s %s", FIGURE(cnt), cnt == 1 ? one : many);
}

static void put_sales(const struct what_if *what_if, FILE *out)
{
	fputs("<ul class='sales'>\n", out);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_total *total = &what_if->sold[i].total;

		fputs("<li>", out);
		put_badge(i, out);
		fputs("<span>", out);
		markup_text(what_if->names[i], out);
		fputs("<br/>\n<span class='soft'>", out);
		put_count(total->units, "unit", "units", out);
		fprintf(out, " of %s sold in ", FIGURE(total->stock));
		put_count(total->order_cnt, "order", "orders", out);
		fputs(" to ", out);
		put_count(total->buyer_cnt, "buyer", "buyers", out);
		fprintf(out, "; revenue %s</span></span></li>\n", FIGURE(total->revenue));
	}
	fputs("</ul>\n", out);
}

/* The first sale before this one with the same curve; the sale itself: none has it. */
static uint32_t same_curve(const struct what_if *what_if, uint32_t sale, uint64_t sku)
{
	const struct sold *mine = &what_if->sold[sale];
	const struct sold_sku *my_sku = sold_find(mine, sku);

	for (uint32_t i = 0; i < sale; i++) {
		const struct sold_sku *other = sold_find(&what_if->sold[i], sku);

		if (other != NULL && sold_same_curve(mine, my_sku, &what_if->sold[i], other))
			return i;
	}
	return sale;
}

/* How a sale of a SKU ended, in words. */
static void put_end(const struct what_if *what_if, const struct sold_sku *sku, FILE *out)
{
	if (sku->opened_ns > what_if->last_ns)
		fputs("opens after the last request", out);
	else if (sku->sold_out_ns != 0)
		fprintf(out, "sold out after %s", FIGURE_SPAN(sku->sold_out_ns - sku->opened_ns));
	else
		fprintf(out, "%s of %s left", FIGURE(sku->left), FIGURE(sku->stock));
}

static void put_caption(const struct what_if *what_if, uint64_t sku, FILE *out)
{
	const uint64_t opened_ns = chart_opened_ns(what_if, sku);
	char at[RFC3339_BYTES];
	bool has_opening = false;

	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *one = sold_find(&what_if->sold[i], sku);

		has_opening |= one != NULL && one->has_opening && one->opened_ns == opened_ns;
	}
	rfc3339_format(opened_ns, at);
	fprintf(out, "<figcaption>%s %s.\n<ul>\n",
		has_opening ? "Opening:" : "No opening in the catalog; first request:", at);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *one = sold_find(&what_if->sold[i], sku);
		uint32_t same;

		fputs("<li>", out);
		put_badge(i, out);
		if (one == NULL) {
			fputs("<span>not on sale</span></li>\n", out);
			continue;
		}
		fputs("<span>", out);
		same = same_curve(what_if, i, sku);
		put_end(what_if, one, out);
		if (one->opened_ns > opened_ns)
			fprintf(out, "; opens %s later", FIGURE_SPAN(one->opened_ns - opened_ns));
		if (same != i)
			fprintf(out, "; the same curve as sale %u", same + 1);
		fputs("</span></li>\n", out);
	}
	fputs("</ul></figcaption>\n", out);
}

static void put_charts(const struct what_if *what_if, FILE *out)
{
	uint64_t cnt = 0;
	uint64_t of = 0;
	uint64_t *skus = what_if_skus(what_if, CHARTS_MAX, &cnt, &of);

	if (skus == NULL)
		return;
	fputs("<h2>Units left over time, by SKU</h2>\n", out);
	if (cnt < of)
		fprintf(out, "<p class='soft'>The %" PRIu64 " best sold of %s SKUs.</p>\n", cnt,
			FIGURE(of));
	fputs("<div class='charts'>\n", out);
	for (uint64_t k = 0; k < cnt; k++) {
		fprintf(out, "<figure><h3>SKU %" PRIu64 "</h3>\n", skus[k]);
		chart_put(what_if, skus[k], (unsigned)k + 1, out);
		put_caption(what_if, skus[k], out);
		fputs("</figure>\n", out);
	}
	fputs("</div>\n", out);
	free(skus);
}

/* A table that can be folded and scrolls by itself where the screen is narrow. */
static void begin_table(const char *name, bool open, const char *note, const char *const *heads,
			unsigned head_cnt, FILE *out)
{
	fprintf(out, "<details%s><summary>%s</summary>\n", open ? " open='open'" : "", name);
	if (note[0] != '\0')
		fprintf(out, "<p class='soft'>%s</p>\n", note);
	fprintf(out,
		"<div class='scroll' tabindex='0' role='region' aria-label='%s'>\n"
		"<table><thead><tr>",
		name);
	for (unsigned i = 0; i < head_cnt; i++)
		fprintf(out, "<th scope='col'>%s</th>", heads[i]);
	fputs("</tr></thead>\n<tbody>\n", out);
}

static void end_table(FILE *out)
{
	fputs("</tbody></table></div></details>\n", out);
}

static void put_totals(const struct what_if *what_if, FILE *out)
{
	static const char *const heads[] = {"sale",
					    "units on sale",
					    "units sold",
					    "units left",
					    "orders",
					    "buyers, each once",
					    "revenue",
					    "units sold against sale 1",
					    "revenue against sale 1"};
	const unsigned head_cnt = sizeof(heads) / sizeof(heads[0]) - (what_if->cnt == 1 ? 2 : 0);
	const struct sold_total *first = &what_if->sold[0].total;

	begin_table("Totals of all SKUs", true, "", heads, head_cnt, out);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_total *total = &what_if->sold[i].total;

		fputs("<tr><td>", out);
		put_badge(i, out);
		fputs("</td>", out);
		put_number(total->stock, out);
		put_number(total->units, out);
		put_number(total->left, out);
		put_number(total->order_cnt, out);
		put_number(total->buyer_cnt, out);
		put_number(total->revenue, out);
		if (what_if->cnt > 1)
			fprintf(out, "<td>%s</td><td>%s</td>",
				FIGURE_CHANGE(total->units, first->units),
				FIGURE_CHANGE(total->revenue, first->revenue));
		fputs("</tr>\n", out);
	}
	end_table(out);
}

/* The rest of a channel's row. */
/* What has become of the holds, where there are any. */
static void put_holds(const struct what_if *what_if, FILE *out)
{
	static const char *const heads[] = {"sale",
					    "holds made",
					    "paid",
					    "paid late",
					    "refunded",
					    "released",
					    "ran out",
					    "open at the end",
					    "units returned for sale",
					    "units written off"};

	if (!what_if_any_holds(what_if))
		return;
	begin_table("Holds", true, "", heads, sizeof(heads) / sizeof(heads[0]), out);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_holds *holds = &what_if->sold[i].holds;

		fputs("<tr><td>", out);
		put_badge(i, out);
		fputs("</td>", out);
		put_number(holds->made, out);
		put_number(holds->paid, out);
		put_number(holds->paid_late, out);
		put_number(holds->refunded, out);
		put_number(holds->released, out);
		put_number(holds->ran_out, out);
		put_number(holds->open, out);
		put_number(holds->returned, out);
		put_number(holds->written_off, out);
		fputs("</tr>\n", out);
	}
	end_table(out);
}

static void put_channel(uint32_t sale, const struct sold_channel *channel, FILE *out)
{
	fputs("<td>", out);
	put_badge(sale, out);
	fputs("</td>", out);
	put_number(channel->units, out);
	put_number(channel->order_cnt, out);
	put_number(channel->revenue, out);
	fputs("</tr>\n", out);
}

static void put_channels(const struct what_if *what_if, FILE *out)
{
	static const char *const heads[] = {"channel", "sale", "units sold", "orders", "revenue"};
	static const struct sold_channel none = {0};
	char note[96] = "";
	uint64_t cnt = 0;
	uint64_t of = 0;
	uint32_t *ids = what_if_channels(what_if, TABLE_CHANNELS_MAX, &cnt, &of);

	if (ids == NULL)
		return;
	if (cnt < of)
		snprintf(note, sizeof(note), "The %" PRIu64 " best of %.30s; --csv has all.", cnt,
			 FIGURE(of));
	begin_table("Channels", false, note, heads, sizeof(heads) / sizeof(heads[0]), out);
	for (uint64_t k = 0; k < cnt * what_if->cnt; k++) {
		const uint32_t sale = (uint32_t)(k % what_if->cnt);
		const struct sold *sold = &what_if->sold[sale];
		const uint32_t id = ids[k / what_if->cnt];
		const struct sold_channel *channel = sold_find_channel(sold, id);

		fprintf(out, "<tr%s><td>%u</td>", sale == 0 ? " class='first'" : "", id);
		put_channel(sale, channel != NULL ? channel : &none, out);
	}
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_total *total = &what_if->sold[i].total;
		const struct sold_channel all = {.order_cnt = total->order_cnt,
						 .units = total->units,
						 .revenue = total->revenue};

		fprintf(out, "<tr%s><td>all</td>", i == 0 ? " class='first'" : "");
		put_channel(i, &all, out);
	}
	end_table(out);
	free(ids);
}

static void put_sku(const struct what_if *what_if, uint32_t sale, uint64_t sku, FILE *out)
{
	const struct sold_sku *sold = sold_find(&what_if->sold[sale], sku);
	uint64_t more;
	uint64_t fewer;

	fprintf(out, "<tr%s><td>%" PRIu64 "</td><td>", sale == 0 ? " class='first'" : "", sku);
	put_badge(sale, out);
	fputs("</td>", out);
	if (sold == NULL) {
		fputs("<td colspan='10'>not on sale</td></tr>\n", out);
		return;
	}
	sold_compare_buyers(&what_if->sold[sale], &what_if->sold[0], sku, &more, &fewer);
	put_number(sold->unit_price, out);
	put_number(sold->stock, out);
	put_number(sold->units, out);
	put_number(sold->left, out);
	put_number(sold->order_cnt, out);
	put_number(sold->buyer_cnt, out);
	put_number(sold->revenue, out);
	fprintf(out, "<td>%s</td>",
		sold->sold_out_ns != 0 ? FIGURE_SPAN(sold->sold_out_ns - sold->opened_ns) : "not");
	if (sale > 0) {
		put_number(more, out);
		put_number(fewer, out);
	} else if (what_if->cnt > 1) {
		fputs("<td></td><td></td>", out);
	}
	fputs("</tr>\n", out);
}

static void put_skus(const struct what_if *what_if, FILE *out)
{
	static const char *const heads[] = {"SKU",
					    "sale",
					    "unit price",
					    "units on sale",
					    "units sold",
					    "units left",
					    "orders",
					    "buyers",
					    "revenue",
					    "sold out after its opening",
					    "buyers with more units than in sale 1",
					    "buyers with fewer units than in sale 1"};
	const unsigned head_cnt = sizeof(heads) / sizeof(heads[0]) - (what_if->cnt == 1 ? 2 : 0);
	char note[96] = "";
	uint64_t cnt = 0;
	uint64_t of = 0;
	uint64_t *skus = what_if_skus(what_if, TABLE_SKUS_MAX, &cnt, &of);

	if (skus == NULL)
		return;
	if (cnt < of)
		snprintf(note, sizeof(note), "The %" PRIu64 " best sold of %.30s; --csv has all.",
			 cnt, FIGURE(of));
	begin_table("SKUs", false, note, heads, head_cnt, out);
	for (uint64_t k = 0; k < cnt; k++) {
		for (uint32_t i = 0; i < what_if->cnt; i++)
			put_sku(what_if, i, skus[k], out);
	}
	end_table(out);
	free(skus);
}

void what_if_page(const struct what_if *what_if, FILE *out)
{
	char from[RFC3339_BYTES];

	rfc3339_format(what_if->first_ns, from);
	fputs("<!DOCTYPE html>\n<html lang='en'>\n<head>\n<meta charset='utf-8'/>\n"
	      "<meta name='viewport' content='width=device-width, initial-scale=1'/>\n"
	      "<title>What if: ",
	      out);
	markup_text(what_if->capture, out);
	fprintf(out, "</title>\n<style>\n%s</style>\n</head>\n<body>\n<h1>What if</h1>\n<p>",
		style);
	put_count(what_if->request_cnt, "request", "requests", out);
	fputs(" of ", out);
	markup_text(what_if->capture, out);
	fprintf(out,
		", from %s on, over %s, decided again%s. Prices and revenue are in minor units, as "
		"unit_price in the catalog.</p>\n",
		from, FIGURE_SPAN(what_if->last_ns - what_if->first_ns),
		what_if->cnt > 1 ? " under other terms" : "");
	put_sales(what_if, out);
	put_charts(what_if, out);
	fputs("<h2>Figures</h2>\n", out);
	put_totals(what_if, out);
	put_holds(what_if, out);
	put_channels(what_if, out);
	put_skus(what_if, out);
	fputs("</body>\n</html>\n", out);
}
