#include "tools/replay/what_if.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/rfc3339.h"
#include "engine/base/safe_file.h"
#include "tools/common/cli.h"

enum {
	TABLE_SKUS_MAX = 20,
	TABLE_CHANNELS_MAX = 20,
};

struct ranked {
	uint64_t sku;
	uint64_t units;
};

static int by_units(const void *a, const void *b)
{
	const struct ranked *one = a;
	const struct ranked *two = b;

	if (one->units != two->units)
		return one->units > two->units ? -1 : 1;
	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

static int by_sku(const void *a, const void *b)
{
	const struct ranked *one = a;
	const struct ranked *two = b;

	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

/* Units of a SKU in the sale that sold most of it. */
static uint64_t most_units(const struct what_if *what_if, uint64_t sku)
{
	uint64_t most = 0;

	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *sold = sold_find(&what_if->sold[i], sku);

		if (sold != NULL && sold->units > most)
			most = sold->units;
	}
	return most;
}

uint64_t *what_if_skus(const struct what_if *what_if, uint64_t max, uint64_t *cnt, uint64_t *of)
{
	uint64_t all = 0;
	uint64_t kept = 0;
	struct ranked *ranked;
	uint64_t *skus;

	for (uint32_t i = 0; i < what_if->cnt; i++)
		all += what_if->sold[i].sku_cnt;
	ranked = malloc((all + 1) * sizeof(*ranked));
	skus = malloc((all + 1) * sizeof(*skus));
	if (ranked == NULL || skus == NULL) {
		free(ranked);
		free(skus);
		return NULL;
	}
	all = 0;
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		for (uint64_t k = 0; k < what_if->sold[i].sku_cnt; k++)
			ranked[all++].sku = what_if->sold[i].skus[k].sku;
	}
	qsort(ranked, all, sizeof(*ranked), by_sku);
	for (uint64_t i = 0; i < all; i++) {
		if (kept > 0 && ranked[kept - 1].sku == ranked[i].sku)
			continue;
		ranked[kept++] = (struct ranked){.sku = ranked[i].sku,
						 .units = most_units(what_if, ranked[i].sku)};
	}
	qsort(ranked, kept, sizeof(*ranked), by_units);
	*of = kept;
	*cnt = kept < max ? kept : max;
	for (uint64_t i = 0; i < *cnt; i++)
		skus[i] = ranked[i].sku;
	free(ranked);
	return skus;
}

static void put_after(const struct what_if *what_if, uint64_t at_ns, FILE *out)
{
	if (at_ns == 0)
		fprintf(out, " %14s", "-");
	else
		fprintf(out, " %12.3f s", (double)(at_ns - what_if->first_ns) / 1e9);
}

static void put_sku(const struct what_if *what_if, uint64_t sku, FILE *out)
{
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_sku *sold = sold_find(&what_if->sold[i], sku);
		uint64_t more;
		uint64_t fewer;

		if (i == 0)
			fprintf(out, "%-20" PRIu64, sku);
		else
			fprintf(out, "%-20s", "");
		fprintf(out, " %4u", i + 1);
		if (sold == NULL) {
			fprintf(out, "  not on sale\n");
			continue;
		}
		fprintf(out, " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10u", sold->units,
			sold->order_cnt, sold->buyer_cnt, sold->left);
		put_after(what_if, sold->sold_out_ns, out);
		if (i > 0) {
			sold_compare_buyers(&what_if->sold[i], &what_if->sold[0], sku, &more,
					    &fewer);
			fprintf(out, " %10" PRIu64 " %10" PRIu64, more, fewer);
		}
		fputc('\n', out);
	}
}

/* What a channel has of something. */
struct channel {
	uint32_t id;
	uint64_t orders;
	uint64_t units;
};

static int by_channel(const void *a, const void *b)
{
	const struct sold_order *one = *(const struct sold_order *const *)a;
	const struct sold_order *two = *(const struct sold_order *const *)b;

	return one->channel < two->channel ? -1 : one->channel > two->channel;
}

/* Calls the function with each channel of these orders, ascending. False: no memory. */
static bool each_channel(const struct sold_order *orders, uint64_t cnt,
			 void (*put)(const struct channel *channel, void *context), void *context)
{
	const struct sold_order **sorted = malloc((cnt + 1) * sizeof(*sorted));
	struct channel channel = {0};

	if (sorted == NULL)
		return false;
	for (uint64_t i = 0; i < cnt; i++)
		sorted[i] = &orders[i];
	qsort(sorted, cnt, sizeof(*sorted), by_channel);
	for (uint64_t i = 0; i < cnt; i++) {
		if (channel.orders > 0 && channel.id != sorted[i]->channel) {
			put(&channel, context);
			channel = (struct channel){0};
		}
		channel.id = sorted[i]->channel;
		channel.orders++;
		channel.units += sorted[i]->quantity;
	}
	if (channel.orders > 0)
		put(&channel, context);
	free(sorted);
	return true;
}

struct channel_line {
	FILE *out;
	const struct what_if *what_if;
	uint64_t sku;
	uint32_t sale; /* from 0 */
};

/* The best channels of a sale so far, the best first. */
struct best_channels {
	struct channel channels[TABLE_CHANNELS_MAX];
	unsigned kept;
	uint64_t cnt;
};

static void rank_channel(const struct channel *channel, void *context)
{
	struct best_channels *best = context;
	unsigned at;

	best->cnt++;
	if (best->kept < TABLE_CHANNELS_MAX)
		best->kept++;
	else if (best->channels[best->kept - 1].units >= channel->units)
		return;
	for (at = best->kept - 1; at > 0 && best->channels[at - 1].units < channel->units; at--)
		best->channels[at] = best->channels[at - 1];
	best->channels[at] = *channel;
}

static void put_channels(const struct what_if *what_if, uint32_t sale, FILE *out)
{
	struct best_channels best = {0};

	(void)each_channel(what_if->sold[sale].orders, what_if->sold[sale].order_cnt, rank_channel,
			   &best);
	for (unsigned i = 0; i < best.kept; i++)
		fprintf(out, "channel %-12u %4u %10" PRIu64 " %10" PRIu64 "\n", best.channels[i].id,
			sale + 1, best.channels[i].units, best.channels[i].orders);
	if (best.cnt > best.kept)
		fprintf(out, "(the %u best of %" PRIu64 " channels of sale %u; --csv has all)\n",
			best.kept, best.cnt, sale + 1);
}

void what_if_table(const struct what_if *what_if, FILE *out)
{
	uint64_t cnt = 0;
	uint64_t of = 0;
	uint64_t *skus = what_if_skus(what_if, TABLE_SKUS_MAX, &cnt, &of);

	if (skus == NULL)
		return;
	for (uint32_t i = 0; i < what_if->cnt; i++)
		fprintf(out, "%ssale %u: %s\n", i == 0 ? "\n" : "", i + 1, what_if->names[i]);
	fprintf(out, "\n%-20s %4s %10s %10s %10s %10s %14s %10s %10s\n", "SKU", "sale", "units",
		"orders", "buyers", "left", "sold out after", "more than", "fewer than 1");
	for (uint64_t i = 0; i < cnt; i++)
		put_sku(what_if, skus[i], out);
	if (cnt < of)
		fprintf(out, "(the %" PRIu64 " best sold of %" PRIu64 " SKUs; --csv has all)\n",
			cnt, of);
	fprintf(out, "\n%-20s %4s %10s %10s\n", "", "sale", "units", "orders");
	for (uint32_t i = 0; i < what_if->cnt; i++)
		put_channels(what_if, i, out);
	free(skus);
}

/* A name between the quotes of a CSV field. */
static void put_inside(const char *text, FILE *out)
{
	for (; *text != '\0'; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
}

/* The number of a sale, as two may have one name, and its name. */
static void put_sale(const struct what_if *what_if, uint32_t sale, FILE *out)
{
	fprintf(out, "%u,\"", sale + 1);
	put_inside(what_if->names[sale], out);
	fputc('"', out);
}

static void put_channel_line(const struct channel *channel, void *context)
{
	const struct channel_line *line = context;

	put_sale(line->what_if, line->sale, line->out);
	fprintf(line->out, ",%" PRIu64 ",%u,%" PRIu64 ",%" PRIu64 ",,,,\n", line->sku, channel->id,
		channel->orders, channel->units);
}

void what_if_csv(const struct what_if *what_if, FILE *out)
{
	fprintf(out, "sale,name,sku,channel,orders,units,buyers,stock,left,sold_out_at\n");
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold *sold = &what_if->sold[i];

		for (uint64_t k = 0; k < sold->sku_cnt; k++) {
			const struct sold_sku *sku = &sold->skus[k];
			struct channel_line line = {
				.out = out, .what_if = what_if, .sale = i, .sku = sku->sku};
			char at[RFC3339_BYTES] = "";

			if (sku->sold_out_ns != 0)
				rfc3339_format(sku->sold_out_ns, at);
			put_sale(what_if, i, out);
			fprintf(out, ",%" PRIu64 ",,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%u,%u,%s\n",
				sku->sku, sku->order_cnt, sku->units, sku->buyer_cnt, sku->stock,
				sku->left, at);
			(void)each_channel(sold->orders + sku->first, sku->order_cnt,
					   put_channel_line, &line);
		}
	}
}

/* The least (SKU, buyer) that any sale has from its place on; false: none is left. */
static bool least_buyer(const struct what_if *what_if, const uint64_t *at, uint64_t *sku,
			uint64_t *buyer)
{
	bool found = false;

	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_buyer *one = &what_if->sold[i].buyers[at[i]];

		if (at[i] == what_if->sold[i].buyer_cnt)
			continue;
		if (found && (one->sku > *sku || (one->sku == *sku && one->buyer >= *buyer)))
			continue;
		*sku = one->sku;
		*buyer = one->buyer;
		found = true;
	}
	return found;
}

void what_if_buyers_csv(const struct what_if *what_if, FILE *out)
{
	uint64_t at[VARIANTS_MAX] = {0};
	uint64_t sku = 0;
	uint64_t buyer = 0;

	fprintf(out, "sku,buyer");
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		fprintf(out, ",\"%u: ", i + 1);
		put_inside(what_if->names[i], out);
		fputc('"', out);
	}
	fputc('\n', out);
	while (least_buyer(what_if, at, &sku, &buyer)) {
		uint64_t units[VARIANTS_MAX] = {0};
		bool differs = false;

		for (uint32_t i = 0; i < what_if->cnt; i++) {
			const struct sold_buyer *one = &what_if->sold[i].buyers[at[i]];

			if (at[i] < what_if->sold[i].buyer_cnt && one->sku == sku &&
			    one->buyer == buyer) {
				units[i] = one->units;
				at[i]++;
			}
			differs |= units[i] != units[0];
		}
		if (!differs)
			continue;
		fprintf(out, "%" PRIu64 ",%" PRIu64, sku, buyer);
		for (uint32_t i = 0; i < what_if->cnt; i++)
			fprintf(out, ",%" PRIu64, units[i]);
		fputc('\n', out);
	}
}

static const struct {
	const char *flag;
	void (*write)(const struct what_if *what_if, FILE *out);
} what_if_files[WHAT_IF_FILES] = {
	{"--csv", what_if_csv},
	{"--buyers-csv", what_if_buyers_csv},
	{"--html", what_if_page},
};

bool what_if_open(struct output files[WHAT_IF_FILES], const struct replay_options *options)
{
	const char *const paths[WHAT_IF_FILES] = {options->csv, options->buyers_csv, options->html};

	for (unsigned i = 0; i < WHAT_IF_FILES; i++) {
		const int rc = paths[i] != NULL ? output_open(&files[i], paths[i]) : 0;

		if (rc != 0)
			return cli_wrong("%s %s: %s", what_if_files[i].flag, paths[i],
					 safe_strerror(rc));
	}
	return true;
}

bool what_if_write(const struct what_if *what_if, struct output files[WHAT_IF_FILES])
{
	for (unsigned i = 0; i < WHAT_IF_FILES; i++) {
		int rc;

		if (files[i].file == NULL)
			continue;
		what_if_files[i].write(what_if, files[i].file);
		rc = output_commit(&files[i]);
		if (rc != 0)
			return cli_wrong("%s %s: cannot be written: %s", what_if_files[i].flag,
					 files[i].path, safe_strerror(rc));
	}
	return true;
}
