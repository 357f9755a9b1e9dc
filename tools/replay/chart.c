#include "tools/replay/chart.h"

#include <inttypes.h>
#include <string.h>

enum {
	/* As many units as a phone has pixels beside the page's margins. */
	WIDTH = 360,
	HEIGHT = 216,
	RIGHT = WIDTH - 10,
	TOP = 22,
	BOTTOM = HEIGHT - 42,
	BADGE_RADIUS = 7,
	TICKS_MAX = 5, /* beside that at 0 */
	NS_PER_US = 1000,
};

/* What a character of a label takes, in a font of 11 units whose digits are wide. */
static const double LETTER_WIDTH = 7.2;
static const double GAP = 8;
/* A curve goes on where it has moved so far: a phone shows no more. */
static const double STEP_SEEN = 0.4;
static const uint64_t NS_PER_S = 1000000000;

struct chart {
	const struct what_if *what_if;
	const struct sold_sku *skus[VARIANTS_MAX]; /* NULL: not on sale */
	uint64_t opened_ns;
	uint64_t from_ns; /* what is drawn, instants */
	uint64_t to_ns;
	uint64_t top;     /* units left at the highest tick */
	bool has_opening; /* of the sale that opens first */
	double left;      /* where the plot begins */
	struct chart_ticks units;
};

void chart_class(uint32_t sale, char out[CHART_CLASS_BYTES])
{
	snprintf(out, CHART_CLASS_BYTES, "c%u d%u", sale % CHART_COLOURS,
		 (sale + sale / CHART_COLOURS) % CHART_DASHES);
}

void chart_unit_ticks(uint64_t most, unsigned cnt_max, struct chart_ticks *ticks)
{
	static const uint64_t factors[] = {1, 2, 5};
	uint64_t power = 1;

	*ticks = (struct chart_ticks){.unit = 1, .name = "units left"};
	for (;; power *= 10) {
		for (unsigned i = 0; i < 3; i++) {
			ticks->step = factors[i] * power;
			if (most <= ticks->step * cnt_max)
				return;
		}
	}
}

/* The unit that a span is labelled in. */
static void choose_unit(uint64_t span_ns, struct chart_ticks *ticks)
{
	static const struct {
		uint64_t below_ns;
		uint64_t unit_ns;
		const char *name;
	} units[] = {
		{NS_PER_US * NS_PER_US, NS_PER_US, "microseconds"},
		{NS_PER_US * NS_PER_US * 1000, NS_PER_US * NS_PER_US, "milliseconds"},
		{UINT64_C(120) * 1000000000, UINT64_C(1000000000), "seconds"},
		{UINT64_C(7200) * 1000000000, UINT64_C(60) * 1000000000, "minutes"},
		{UINT64_C(48) * 3600 * 1000000000, UINT64_C(3600) * 1000000000, "hours"},
		{UINT64_MAX, UINT64_C(24) * 3600 * 1000000000, "days"},
	};
	unsigned i = 0;

	while (span_ns >= units[i].below_ns && units[i].below_ns != UINT64_MAX)
		i++;
	ticks->unit = units[i].unit_ns;
	ticks->name = units[i].name;
}

void chart_label(const struct chart_ticks *ticks, uint64_t value, char out[FIGURE_BYTES])
{
	uint64_t part = ticks->unit;
	size_t used;

	figure(value / ticks->unit, out);
	used = strlen(out);
	for (unsigned i = 0; i < ticks->decimals; i++)
		part /= 10;
	if (ticks->decimals > 0)
		snprintf(out + used, FIGURE_BYTES - used, ".%0*" PRIu64, (int)ticks->decimals,
			 value % ticks->unit / part);
}

void chart_time_ticks(uint64_t span_ns, uint64_t to_ns, unsigned chars_max,
		      struct chart_ticks *ticks)
{
	static const uint64_t factors[] = {1, 2, 5};
	char label[FIGURE_BYTES];
	uint64_t power;

	choose_unit(span_ns, ticks);
	power = ticks->unit / 1000;
	for (ticks->decimals = 3;; power *= 10) {
		for (unsigned i = 0; i < 3; i++) {
			ticks->step = factors[i] * power;
			chart_label(ticks, to_ns, label);
			if (ticks->step > span_ns ||
			    (span_ns / ticks->step <= TICKS_MAX &&
			     (span_ns / ticks->step + 1) * (strlen(label) + 1) <= chars_max))
				return;
		}
		if (ticks->decimals > 0)
			ticks->decimals--;
	}
}

static double x_of(const struct chart *chart, uint64_t at_ns)
{
	const uint64_t span_ns = chart->to_ns - chart->from_ns;
	uint64_t after_ns = at_ns > chart->from_ns ? at_ns - chart->from_ns : 0;

	if (after_ns > span_ns)
		after_ns = span_ns;
	return chart->left + (double)after_ns / (double)span_ns * (RIGHT - chart->left);
}

static double y_of(const struct chart *chart, uint64_t units)
{
	return BOTTOM - (double)units / (double)chart->top * (BOTTOM - TOP);
}

uint64_t chart_opened_ns(const struct what_if *what_if, uint64_t sku)
{
	/* Not so late that a span after it would overflow. */
	uint64_t opened_ns = INT64_MAX;

	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *one = sold_find(&what_if->sold[i], sku);

		if (one != NULL && one->opened_ns < opened_ns)
			opened_ns = one->opened_ns;
	}
	return opened_ns;
}

/* From the opening, or the first request if that came later, to a little after the last order. */
static void scale_time(struct chart *chart, uint64_t sku)
{
	const struct what_if *what_if = chart->what_if;
	uint64_t last_ns = 0;

	chart->opened_ns = chart_opened_ns(what_if, sku);
	chart->from_ns =
		chart->opened_ns > what_if->first_ns ? chart->opened_ns : what_if->first_ns;
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *one = chart->skus[i];
		const struct sold_order *orders = what_if->sold[i].orders;

		if (one == NULL)
			continue;
		chart->has_opening |= one->opened_ns == chart->opened_ns && one->has_opening;
		if (one->order_cnt > 0 && orders[one->first + one->order_cnt - 1].at_ns > last_ns)
			last_ns = orders[one->first + one->order_cnt - 1].at_ns;
	}
	chart->to_ns = last_ns > 0 ? last_ns : what_if->last_ns;
	if (chart->to_ns > chart->from_ns)
		chart->to_ns += (chart->to_ns - chart->from_ns) / 20;
	if (chart->to_ns > what_if->last_ns)
		chart->to_ns = what_if->last_ns;
	if (chart->to_ns <= chart->from_ns)
		chart->to_ns = chart->from_ns + NS_PER_S;
}

static void scale_units(struct chart *chart)
{
	char label[FIGURE_BYTES];
	uint64_t most = 1;

	for (uint32_t i = 0; i < chart->what_if->cnt; i++) {
		if (chart->skus[i] != NULL && chart->skus[i]->stock > most)
			most = chart->skus[i]->stock;
	}
	chart_unit_ticks(most, TICKS_MAX, &chart->units);
	chart->top = (most + chart->units.step - 1) / chart->units.step * chart->units.step;
	chart_label(&chart->units, chart->top, label);
	chart->left = (double)strlen(label) * LETTER_WIDTH + GAP;
}

static void put_units_axis(const struct chart *chart, FILE *out)
{
	for (uint64_t units = 0; units <= chart->top; units += chart->units.step) {
		const double y = y_of(chart, units);
		char label[FIGURE_BYTES];

		chart_label(&chart->units, units, label);
		fprintf(out,
			"<line class='grid' x1='%.1f' x2='%d' y1='%.1f' y2='%.1f'/>"
			"<text x='%.1f' y='%.1f' text-anchor='end'>%s</text>\n",
			chart->left, RIGHT, y, y, chart->left - 5, y + 4, label);
	}
	fprintf(out, "<text x='1' y='11'>%s</text>\n", chart->units.name);
}

/* A label under its tick, moved where it would not be whole. */
static void put_time_label(double x, const char *label, FILE *out)
{
	const double half = (double)strlen(label) * LETTER_WIDTH / 2;
	const char *anchor = "middle";

	if (x + half > WIDTH - 1) {
		x = WIDTH - 1;
		anchor = "end";
	} else if (x - half < 1) {
		x = 1;
		anchor = "start";
	}
	fprintf(out, "<text x='%.1f' y='%d' text-anchor='%s'>%s</text>\n", x, BOTTOM + 20, anchor,
		label);
}

static void put_time_axis(const struct chart *chart, FILE *out)
{
	const uint64_t span_ns = chart->to_ns - chart->from_ns;
	const uint64_t from_ns = chart->from_ns - chart->opened_ns;
	const double chars = (WIDTH - chart->left) / LETTER_WIDTH;
	struct chart_ticks ticks;
	uint64_t at_ns;

	chart_time_ticks(span_ns, from_ns + span_ns, (unsigned)chars, &ticks);
	at_ns = (from_ns + ticks.step - 1) / ticks.step * ticks.step;
	for (; at_ns <= from_ns + span_ns; at_ns += ticks.step) {
		const double x = x_of(chart, chart->opened_ns + at_ns);
		char label[FIGURE_BYTES];

		chart_label(&ticks, at_ns, label);
		fprintf(out, "<line class='grid' x1='%.1f' x2='%.1f' y1='%d' y2='%d'/>", x, x,
			BOTTOM, BOTTOM + 5);
		put_time_label(x, label, out);
	}
	fprintf(out, "<text x='%.1f' y='%d' text-anchor='middle'>%s after the %s</text>\n",
		(chart->left + RIGHT) / 2, HEIGHT - 4, ticks.name,
		chart->has_opening ? "opening" : "first request");
}

/* The number of a sale, on its curve. */
static void put_badge(uint32_t sale, double x, double y, FILE *out)
{
	fprintf(out,
		"<g class='badge c%u'><circle cx='%.1f' cy='%.1f' r='%d'/>"
		"<text x='%.1f' y='%.1f' text-anchor='middle'>%u</text></g>\n",
		sale % CHART_COLOURS, x, y, BADGE_RADIUS, x, y + 3.2, sale + 1);
}

/* Where a sale's badge stands: each at an instant of its own, whatever the curves do. */
static uint64_t badge_ns(const struct chart *chart, uint32_t sale)
{
	const uint64_t span_ns = chart->to_ns - chart->from_ns;

	return chart->from_ns +
	       (uint64_t)((double)span_ns * (2 * sale + 1) / (2.0 * chart->what_if->cnt));
}

/* Units left over time, down a step where orders came. */
static void put_curve(const struct chart *chart, uint32_t sale, FILE *out)
{
	const struct sold_sku *sku = chart->skus[sale];
	const struct sold_order *orders = chart->what_if->sold[sale].orders + sku->first;
	const double width =
		chart->what_if->cnt > 1 ? 4.2 - 2.6 * sale / (chart->what_if->cnt - 1) : 2;
	uint64_t left = sku->stock;
	double x = chart->left;
	double y = y_of(chart, left);
	char class[CHART_CLASS_BYTES];

	chart_class(sale, class);
	fprintf(out, "<path class='%s' fill='none' stroke-width='%.2f' d='M%.1f %.1f", class, width,
		x, y);
	for (uint64_t i = 0; i < sku->order_cnt; i++) {
		const bool is_last = i + 1 == sku->order_cnt;
		double next_x;
		double next_y;

		left -= orders[i].quantity;
		if (!is_last && orders[i + 1].at_ns == orders[i].at_ns)
			continue;
		next_x = x_of(chart, orders[i].at_ns);
		next_y = y_of(chart, left);
		if (!is_last && next_x - x < STEP_SEEN && next_y - y < STEP_SEEN)
			continue;
		fprintf(out, "H%.1fV%.1f", next_x, next_y);
		x = next_x;
		y = next_y;
	}
	fprintf(out, "H%d'/>\n", RIGHT);
}

static uint64_t left_at(const struct chart *chart, uint32_t sale, uint64_t at_ns)
{
	const struct sold_sku *sku = chart->skus[sale];
	const struct sold_order *orders = chart->what_if->sold[sale].orders + sku->first;
	uint64_t left = sku->stock;

	for (uint64_t i = 0; i < sku->order_cnt && orders[i].at_ns <= at_ns; i++)
		left -= orders[i].quantity;
	return left;
}

void chart_put(const struct what_if *what_if, uint64_t sku, unsigned number, FILE *out)
{
	struct chart chart = {.what_if = what_if};

	for (uint32_t i = 0; i < what_if->cnt; i++)
		chart.skus[i] = sold_find(&what_if->sold[i], sku);
	scale_time(&chart, sku);
	scale_units(&chart);
	fprintf(out,
		"<svg viewBox='0 0 %d %d' role='img' aria-labelledby='chart%u'>"
		"<title id='chart%u'>SKU %" PRIu64 ": units left over time</title>\n",
		WIDTH, HEIGHT, number, number, sku);
	put_units_axis(&chart, out);
	put_time_axis(&chart, out);
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		if (chart.skus[i] != NULL)
			put_curve(&chart, i, out);
	}
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const uint64_t at_ns = badge_ns(&chart, i);

		if (chart.skus[i] != NULL)
			put_badge(i, x_of(&chart, at_ns), y_of(&chart, left_at(&chart, i, at_ns)),
				  out);
	}
	fprintf(out, "</svg>\n");
}
