/*
 * what_if: offline sales side by side: who would have got units, when it would have sold out, for
 * how much, by channel. As a table, as CSV, and as a page with the burn-down curves over each
 * other.
 */
#ifndef DB_TOOLS_REPLAY_WHAT_IF_H
#define DB_TOOLS_REPLAY_WHAT_IF_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/replay/options.h"
#include "tools/replay/output.h"
#include "tools/replay/sold.h"

struct what_if {
	const char *names[VARIANTS_MAX];
	struct sold sold[VARIANTS_MAX];
	uint32_t cnt;
	uint64_t request_cnt; /* that were decided, of the capture */
	uint64_t first_ns;    /* of them */
	uint64_t last_ns;
	const char *capture;
};

/* The best sold SKUs of those that any of the sales has, each by the sale that sold most of it:
 * *cnt, at most max, of so many. The caller's to free; NULL: no memory. */
uint64_t *what_if_skus(const struct what_if *what_if, uint64_t max, uint64_t *cnt, uint64_t *of);

/* The best channels of any of the sales in the same way, by their units of all SKUs. */
uint32_t *what_if_channels(const struct what_if *what_if, uint64_t max, uint64_t *cnt,
			   uint64_t *of);

/* Whether any sale has held units, or units that came back. */
bool what_if_any_holds(const struct what_if *what_if);

void what_if_table(const struct what_if *what_if, FILE *out);

/* One line a sale, by its number, and SKU, and one a channel of it. */
void what_if_csv(const struct what_if *what_if, FILE *out);

/* One line a SKU and buyer whose units are not the same in all sales. */
void what_if_buyers_csv(const struct what_if *what_if, FILE *out);

/* Self-contained HTML that is well-formed XML too; page.c. */
void what_if_page(const struct what_if *what_if, FILE *out);

enum {
	WHAT_IF_FILES = 3,
};

/* The files of the above that the options ask for. They are opened before the capture is read: what
 * cannot be written is reported at once. Both complain, naming flag and path. */
bool what_if_open(struct output files[WHAT_IF_FILES], const struct replay_options *options);
bool what_if_write(const struct what_if *what_if, struct output files[WHAT_IF_FILES]);

#endif
