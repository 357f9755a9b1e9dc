/*
 * chart: the burn-down curves of one SKU in all sales, as SVG.
 *
 * Its texts are as big as those of a phone's page where the page is 390 pixels wide. Each curve
 * carries the number of its sale, at a place of its own, and the earlier sales' curves are the
 * wider ones: so curves that lie over each other can be told apart, also in print.
 */
#ifndef DB_TOOLS_REPLAY_CHART_H
#define DB_TOOLS_REPLAY_CHART_H

#include <stdint.h>
#include <stdio.h>

#include "tools/replay/what_if.h"

/* The drawing; number makes its id. The page's style has the classes c0 .. c7 for colours, d0 .. d3
 * for dashes. */
void chart_put(const struct what_if *what_if, uint64_t sku, unsigned number, FILE *out);

/* The instant that a SKU's time counts from in its chart: the earliest opening of any sale. */
uint64_t chart_opened_ns(const struct what_if *what_if, uint64_t sku);

/* Classes of a sale: "c3 d1". */
enum {
	CHART_COLOURS = 8,
	CHART_DASHES = 4,
	CHART_CLASS_BYTES = 32,
};
void chart_class(uint32_t sale, char out[CHART_CLASS_BYTES]);

/* Where ticks stand: at multiples of 1, 2 or 5 times a power of ten. */
struct chart_ticks {
	uint64_t step;
	uint64_t unit;     /* what a label of 1 stands for */
	unsigned decimals; /* of the labels */
	const char *name;  /* of the unit */
};

/* For units from 0 to most: at most cnt_max steps; step * unit are whole units. */
void chart_unit_ticks(uint64_t most, unsigned cnt_max, struct chart_ticks *ticks);

/* For a span of time in ns that ends at to_ns after the opening; label_cnt_max characters fit. */
void chart_time_ticks(uint64_t span_ns, uint64_t to_ns, unsigned chars_max,
		      struct chart_ticks *ticks);

/* 1,234.50 */
void chart_label(const struct chart_ticks *ticks, uint64_t value, char out[FIGURE_BYTES]);

#endif
