#include "engine/catalog/difference.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/place.h"

static int by_sku(const void *a, const void *b)
{
	const struct catalog_offer *one = a;
	const struct catalog_offer *two = b;

	return one->sku < two->sku ? -1 : one->sku > two->sku;
}

static struct catalog_offer offer_of(const struct record *record, uint16_t lane)
{
	const bool placed = (record->flags & OFFER_PLACED) != 0;

	return (struct catalog_offer){
		.sku = record->sku,
		.unit_price = record->unit_price,
		.opens_at_ns = record->offer.opens_at_ns,
		.closes_at_ns = record->offer.closes_at_ns,
		.stock = record->offer.stock,
		.limit_per_buyer = record->offer.limit_per_buyer,
		.hold_seconds = record->offer.hold_seconds,
		.extensions = (uint8_t)(record->offer.extend & EXTENSIONS_MAX),
		.extend_seconds = record->offer.extend >> EXTENSIONS_BITS,
		.group = record->channel,
		.group_limit = record->quantity,
		.shard = lane,
		.shard_named = placed,
		.placed = placed,
	};
}

int catalog_add_records(struct catalog **catalog, uint16_t lane, const struct record *records,
			uint64_t cnt)
{
	const uint64_t had = *catalog != NULL ? (*catalog)->cnt : 0;
	struct catalog *grown =
		realloc(*catalog, sizeof(*grown) + (had + cnt) * sizeof(grown->offers[0]));

	if (grown == NULL)
		return -ENOMEM;
	grown->shard_field = 0;
	grown->cnt = (uint32_t)(had + cnt);
	for (uint64_t i = 0; i < cnt; i++)
		grown->offers[had + i] = offer_of(&records[i], lane);
	*catalog = grown;
	return 0;
}

void catalog_sort(struct catalog *catalog)
{
	qsort(catalog->offers, catalog->cnt, sizeof(catalog->offers[0]), by_sku);
}

const struct catalog_offer *catalog_find(const struct catalog *catalog, uint64_t sku)
{
	const struct catalog_offer wanted = {.sku = sku};

	if (catalog == NULL)
		return NULL;
	return bsearch(&wanted, catalog->offers, catalog->cnt, sizeof(wanted), by_sku);
}

static bool has_same_terms(const struct catalog_offer *file, const struct catalog_offer *journal)
{
	for (unsigned i = 0; i < CATALOG_COLUMN_CNT; i++) {
		if (catalog_column_value(file, (enum catalog_column)i) !=
		    catalog_column_value(journal, (enum catalog_column)i))
			return false;
	}
	return true;
}

static struct catalog *sorted_copy(const struct catalog *catalog)
{
	const uint32_t cnt = catalog != NULL ? catalog->cnt : 0;
	struct catalog *copy = malloc(sizeof(*copy) + cnt * sizeof(copy->offers[0]));

	if (copy == NULL)
		return NULL;
	copy->cnt = cnt;
	for (uint32_t i = 0; i < cnt; i++)
		copy->offers[i] = catalog->offers[i];
	catalog_sort(copy);
	return copy;
}

/* What the next offers of both sides are to each other. False: they are the same. */
static bool find_difference(const struct catalog_offer *file, const struct catalog_offer *journal,
			    struct catalog_difference *out)
{
	if (journal == NULL || (file != NULL && file->sku < journal->sku)) {
		*out = (struct catalog_difference){CATALOG_NEW, file, NULL};
		return true;
	}
	if (file == NULL || file->sku > journal->sku) {
		*out = (struct catalog_difference){CATALOG_MISSING, NULL, journal};
		return true;
	}
	*out = (struct catalog_difference){CATALOG_OTHER, file, journal};
	return !has_same_terms(file, journal);
}

int catalog_compare(const struct catalog *file, const struct catalog *journal,
		    void (*each)(void *context, const struct catalog_difference *difference),
		    void *context, struct catalog_differences *out)
{
	struct catalog *lines = sorted_copy(file);
	struct catalog *on_sale = sorted_copy(journal);
	uint32_t line = 0;
	uint32_t offer = 0;

	*out = (struct catalog_differences){.on_sale = on_sale != NULL ? on_sale->cnt : 0};
	while (lines != NULL && on_sale != NULL && (line < lines->cnt || offer < on_sale->cnt)) {
		struct catalog_difference difference;
		const bool differs = find_difference(
			line < lines->cnt ? &lines->offers[line] : NULL,
			offer < on_sale->cnt ? &on_sale->offers[offer] : NULL, &difference);

		line += difference.file != NULL;
		offer += difference.journal != NULL;
		if (!differs) {
			out->same++;
			continue;
		}
		out->cnt[difference.kind]++;
		each(context, &difference);
	}
	free(lines);
	free(on_sale);
	return lines != NULL && on_sale != NULL ? 0 : -ENOMEM;
}

/* The value as a catalog has it, or a word for one that is empty there; the shard also where no
 * column names it. */
static void value_text(const struct catalog_offer *offer, enum catalog_column column,
		       char out[CATALOG_VALUE_BYTES])
{
	catalog_column_text(offer, column, out);
	if (column == CATALOG_SHARD)
		snprintf(out, CATALOG_VALUE_BYTES, "%u", offer->shard);
	if (out[0] == '\0')
		snprintf(out, CATALOG_VALUE_BYTES, "nothing");
}

static void add_terms(const struct catalog_difference *difference, struct error *out)
{
	const char *before = "on sale with";

	for (unsigned i = 0; i < CATALOG_COLUMN_CNT; i++) {
		const enum catalog_column column = (enum catalog_column)i;
		char has[CATALOG_VALUE_BYTES];
		char says[CATALOG_VALUE_BYTES];

		if (catalog_column_value(difference->file, column) ==
		    catalog_column_value(difference->journal, column))
			continue;
		value_text(difference->journal, column, has);
		value_text(difference->file, column, says);
		error_add(out, "%s %s %s, the file says %s", before, catalog_column_name(column),
			  has, says);
		before = ";";
	}
}

void catalog_difference_text(const char *path, const struct catalog_difference *difference,
			     struct error *out)
{
	if (difference->kind == CATALOG_MISSING) {
		error_set(out, "%s: SKU %" PRIu64 " is on sale and missing here: ", path,
			  difference->journal->sku);
		for (unsigned i = 0; i < catalog_columns_of(difference->journal); i++) {
			char text[CATALOG_VALUE_BYTES];

			catalog_column_text(difference->journal, (enum catalog_column)i, text);
			error_add(out, "%s%s", i > 0 ? "," : "", text);
		}
		return;
	}
	place_set(out, path, difference->file->line, 0, "");
	error_add(out, "SKU %" PRIu64 " is ", difference->file->sku);
	if (difference->kind == CATALOG_OTHER)
		add_terms(difference, out);
	else
		error_add(out, "new: it is not on sale yet");
}
