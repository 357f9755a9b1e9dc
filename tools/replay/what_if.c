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

/* A SKU or a channel, and the units that the sale that sold most of it sold. */
struct ranked {
	uint64_t id;
	uint64_t units;
};

static int by_id(const void *a, const void *b)
{
	const struct ranked *one = a;
	const struct ranked *two = b;

	return one->id < two->id ? -1 : one->id > two->id;
}

static int by_units(const void *a, const void *b)
{
	const struct ranked *one = a;
	const struct ranked *two = b;

	if (one->units != two->units)
		return one->units > two->units ? -1 : 1;
	return by_id(a, b);
}

/* Makes one entry of those with the same id, with the most units of any, and puts the best first.
 * How many are left. */
static uint64_t rank(struct ranked *ranked, uint64_t cnt)
{
	uint64_t kept = 0;

	qsort(ranked, cnt, sizeof(*ranked), by_id);
	for (uint64_t i = 0; i < cnt; i++) {
		if (kept == 0 || ranked[kept - 1].id != ranked[i].id)
			ranked[kept++] = ranked[i];
		else if (ranked[kept - 1].units < ranked[i].units)
			ranked[kept - 1].units = ranked[i].units;
	}
	qsort(ranked, kept, sizeof(*ranked), by_units);
	return kept;
}

uint64_t *what_if_skus(const struct what_if *what_if, uint64_t max, uint64_t *cnt, uint64_t *of)
{
	uint64_t all = 0;
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
		const struct sold *sold = &what_if->sold[i];

		for (uint64_t k = 0; k < sold->sku_cnt; k++)
			ranked[all++] = (struct ranked){.id = sold->skus[k].sku,
							.units = sold->skus[k].units};
	}
	*of = rank(ranked, all);
	*cnt = *of < max ? *of : max;
	for (uint64_t i = 0; i < *cnt; i++)
		skus[i] = ranked[i].id;
	free(ranked);
	return skus;
}

uint32_t *what_if_channels(const struct what_if *what_if, uint64_t max, uint64_t *cnt, uint64_t *of)
{
	uint64_t all = 0;
	struct ranked *ranked;
	uint32_t *ids;

	for (uint32_t i = 0; i < what_if->cnt; i++)
		all += what_if->sold[i].channel_cnt;
	ranked = malloc((all + 1) * sizeof(*ranked));
	ids = malloc((all + 1) * sizeof(*ids));
	if (ranked == NULL || ids == NULL) {
		free(ranked);
		free(ids);
		return NULL;
	}
	all = 0;
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold *sold = &what_if->sold[i];

		for (uint64_t k = 0; k < sold->channel_cnt; k++)
			ranked[all++] = (struct ranked){.id = sold->channels[k].id,
							.units = sold->channels[k].units};
	}
	*of = rank(ranked, all);
	*cnt = *of < max ? *of : max;
	for (uint64_t i = 0; i < *cnt; i++)
		ids[i] = (uint32_t)ranked[i].id;
	free(ranked);
	return ids;
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
		fprintf(out, " %13s %13s %13s %13s %22s %20s", FIGURE(sold->units),
			FIGURE(sold->order_cnt), FIGURE(sold->buyer_cnt), FIGURE(sold->left),
			FIGURE(sold->revenue),
			sold->sold_out_ns != 0 ? FIGURE_SPAN(sold->sold_out_ns - sold->opened_ns)
					       : "-");
		if (i > 0) {
			sold_compare_buyers(&what_if->sold[i], &what_if->sold[0], sku, &more,
					    &fewer);
			fprintf(out, " %12s %12s", FIGURE(more), FIGURE(fewer));
		}
		fputc('\n', out);
	}
}

static void put_channels(const struct what_if *what_if, uint32_t sale, FILE *out)
{
	const struct sold *sold = &what_if->sold[sale];
	const struct what_if one = {.sold = {*sold}, .cnt = 1};
	uint64_t cnt = 0;
	uint64_t of = 0;
	uint32_t *ids = what_if_channels(&one, TABLE_CHANNELS_MAX, &cnt, &of);

	for (uint64_t i = 0; ids != NULL && i < cnt; i++) {
		const struct sold_channel *channel = sold_find_channel(sold, ids[i]);

		fprintf(out, "channel %-12u %4u %13s %13s %22s\n", channel->id, sale + 1,
			FIGURE(channel->units), FIGURE(channel->order_cnt),
			FIGURE(channel->revenue));
	}
	if (cnt < of)
		fprintf(out,
			"(the %" PRIu64 " best of %" PRIu64
			" channels of sale %u; --csv has all)\n",
			cnt, of, sale + 1);
	free(ids);
}

static void put_total(const struct what_if *what_if, uint32_t sale, FILE *out)
{
	const struct sold_total *total = &what_if->sold[sale].total;

	fprintf(out, "%-20s %4u %13s %13s %13s %13s %22s\n", sale == 0 ? "all SKUs" : "", sale + 1,
		FIGURE(total->units), FIGURE(total->order_cnt), FIGURE(total->buyer_cnt),
		FIGURE(total->left), FIGURE(total->revenue));
}

bool what_if_any_holds(const struct what_if *what_if)
{
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_holds *holds = &what_if->sold[i].holds;

		if (holds->made + holds->returned + holds->written_off > 0)
			return true;
	}
	return false;
}

/* What has become of holds, where there are any. */
static void put_holds(const struct what_if *what_if, FILE *out)
{
	if (!what_if_any_holds(what_if))
		return;
	fprintf(out, "\n%-20s %4s %13s %13s %13s %13s %13s %13s %13s %13s %13s\n", "", "sale",
		"holds made", "paid", "paid late", "refunded", "released", "ran out", "open",
		"units back", "written off");
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold_holds *holds = &what_if->sold[i].holds;

		fprintf(out, "%-20s %4u %13s %13s %13s %13s %13s %13s %13s %13s %13s\n",
			i == 0 ? "all SKUs" : "", i + 1, FIGURE(holds->made), FIGURE(holds->paid),
			FIGURE(holds->paid_late), FIGURE(holds->refunded), FIGURE(holds->released),
			FIGURE(holds->ran_out), FIGURE(holds->open), FIGURE(holds->returned),
			FIGURE(holds->written_off));
	}
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
	fprintf(out,
		"\n%-20s %4s %13s %13s %13s %13s %22s %20s %12s %12s\n"
		"%-20s %4s %13s %13s %13s %13s %22s %20s %12s %12s\n",
		"", "", "units", "", "", "units", "revenue", "sold out after", "buyers with",
		"buyers with", "SKU", "sale", "sold", "orders", "buyers", "left", "(minor units)",
		"its opening", "more than 1", "fewer than 1");
	for (uint64_t i = 0; i < cnt; i++)
		put_sku(what_if, skus[i], out);
	if (cnt < of)
		fprintf(out, "(the %" PRIu64 " best sold of %" PRIu64 " SKUs; --csv has all)\n",
			cnt, of);
	for (uint32_t i = 0; i < what_if->cnt; i++)
		put_total(what_if, i, out);
	put_holds(what_if, out);
	fprintf(out, "\n%-20s %4s %13s %13s %22s\n", "", "sale", "units sold", "orders", "revenue");
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

/* A line for each channel of a sale's SKU. */
static void put_channel_lines(const struct what_if *what_if, uint32_t sale,
			      const struct sold_sku *sku, FILE *out)
{
	struct sold_channel *channels = NULL;
	uint64_t cnt = 0;

	if (sold_take_channels(what_if->sold[sale].orders + sku->first, sku->order_cnt, &channels,
			       &cnt) != 0)
		return;
	for (uint64_t i = 0; i < cnt; i++) {
		put_sale(what_if, sale, out);
		fprintf(out, ",%" PRIu64 ",%u,%" PRIu64 ",%" PRIu64 ",,,,,,%s\n", sku->sku,
			channels[i].id, channels[i].order_cnt, channels[i].units,
			FIGURE_PLAIN(channels[i].revenue));
	}
	free(channels);
}

void what_if_csv(const struct what_if *what_if, FILE *out)
{
	fprintf(out, "sale,name,sku,channel,orders,units,buyers,stock,left,sold_out_at,opened_at,"
		     "revenue\n");
	for (uint32_t i = 0; i < what_if->cnt; i++) {
		const struct sold *sold = &what_if->sold[i];

		for (uint64_t k = 0; k < sold->sku_cnt; k++) {
			const struct sold_sku *sku = &sold->skus[k];
			char at[RFC3339_BYTES] = "";
			char opened[RFC3339_BYTES];

			if (sku->sold_out_ns != 0)
				rfc3339_format(sku->sold_out_ns, at);
			rfc3339_format(sku->opened_ns, opened);
			put_sale(what_if, i, out);
			fprintf(out,
				",%" PRIu64 ",,%" PRIu64 ",%" PRIu64 ",%" PRIu64
				",%u,%u,%s,%s,%s\n",
				sku->sku, sku->order_cnt, sku->units, sku->buyer_cnt, sku->stock,
				sku->left, at, opened, FIGURE_PLAIN(sku->revenue));
			put_channel_lines(what_if, i, sku, out);
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
