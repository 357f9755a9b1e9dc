#include "engine/catalog/catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/check.h"
#include "engine/base/faults.h"
#include "engine/base/limits.h"
#include "engine/base/place.h"
#include "engine/catalog/csv.h"
#include "engine/catalog/terms.h"

enum {
	NOT_THERE = -1,
};

struct reader {
	struct csv csv;
	struct faults faults;
	struct error *error;
	int at[CATALOG_COLUMN_CNT]; /* which field of a row, or NOT_THERE */
	unsigned field_cnt;         /* of the header */
	struct catalog *catalog;
	uint32_t room;
};

/* Adds a fault of a line; column CATALOG_COLUMN_CNT: of the line as a whole. */
__attribute__((format(printf, 4, 5))) static void wrong(struct reader *reader, uint64_t line,
							enum catalog_column column,
							const char *format, ...)
{
	const bool whole = column == CATALOG_COLUMN_CNT;
	struct error fault;
	va_list args;

	place_set(&fault, reader->faults.path, line, whole ? 0 : (unsigned)reader->at[column] + 1U,
		  whole ? "" : catalog_column_name(column));
	va_start(args, format);
	error_vadd(&fault, format, args);
	va_end(args);
	faults_add(&reader->faults, &fault);
}

#define WRONG_ROW(reader, ...) wrong(reader, (reader)->csv.line, CATALOG_COLUMN_CNT, __VA_ARGS__)

/* Fails for a reason that is not in the file's content. */
static int fail(struct reader *reader, int rc, const char *what)
{
	place_set(reader->error, reader->faults.path, reader->csv.line, 0, "");
	error_add(reader->error, "%s", what);
	return rc;
}

static bool is_known(const char *field)
{
	return catalog_column_find(field) != CATALOG_COLUMN_CNT;
}

/* Says which columns are not read: a note, no fault. */
static void say_unread(const struct reader *reader)
{
	const char *before = "not read:";
	struct error note;

	place_set(&note, reader->faults.path, reader->csv.line, 0, "");
	for (unsigned i = 0; i < reader->csv.cnt; i++) {
		const char *field = reader->csv.fields[i];

		if (field[0] == '\0' || is_known(field))
			continue;
		error_add(&note, "%s column %u ('%.60s')", before, i + 1U, field);
		before = ",";
	}
	faults_note(&reader->faults, &note);
}

/* A column that the header lacks, and that older catalogs don't have either: a fault only where
 * another one may be meant for it. */
static void check_resembling(struct reader *reader, enum catalog_column column)
{
	for (unsigned i = 0; i < reader->csv.cnt; i++) {
		const char *field = reader->csv.fields[i];

		if (is_known(field) || !catalog_column_resembles(column, field))
			continue;
		WRONG_ROW(reader,
			  "the header has no column %s, but column %u ('%.60s'), which may be "
			  "meant for it; name it so, or add an empty column %s",
			  catalog_column_name(column), i + 1U, field, catalog_column_name(column));
		return;
	}
}

/* A column that the header lacks. */
static void check_missing(struct reader *reader, enum catalog_column column, unsigned unknown_cnt)
{
	const bool needed = column <= CATALOG_LIMIT_PER_BUYER;

	if (needed)
		WRONG_ROW(reader, "the header has no column %s; its columns are, in any order, %s",
			  catalog_column_name(column), CATALOG_HEADER_PLAIN);
	else if (column >= CATALOG_PLAIN_CNT)
		check_resembling(reader, column);
	else if (unknown_cnt > 0)
		WRONG_ROW(
			reader,
			"the header has no column %s, but columns that are not ours, one of which "
			"may be meant for it; add an empty column %s if none is",
			catalog_column_name(column), catalog_column_name(column));
}

static void take_header(struct reader *reader)
{
	const struct csv *csv = &reader->csv;
	unsigned known_cnt = 0;
	unsigned unknown_cnt = 0;

	for (unsigned i = 0; i < CATALOG_COLUMN_CNT; i++)
		reader->at[i] = NOT_THERE;
	for (unsigned i = 0; i < csv->cnt; i++) {
		const enum catalog_column column = catalog_column_find(csv->fields[i]);

		unknown_cnt += column == CATALOG_COLUMN_CNT && csv->fields[i][0] != '\0';
		if (column == CATALOG_COLUMN_CNT)
			continue;
		if (reader->at[column] != NOT_THERE)
			WRONG_ROW(reader, "the header has column %s twice; rename one of them",
				  catalog_column_name(column));
		reader->at[column] = (int)i;
		known_cnt++;
	}
	reader->field_cnt = csv->cnt;
	if (known_cnt == 0) {
		WRONG_ROW(reader, "the first line must be the header %s", CATALOG_HEADER_PLAIN);
		return;
	}
	for (unsigned i = 0; i < CATALOG_COLUMN_CNT; i++) {
		if (reader->at[i] == NOT_THERE)
			check_missing(reader, (enum catalog_column)i, unknown_cnt);
	}
	if (unknown_cnt > 0 && reader->faults.cnt == 0)
		say_unread(reader);
}

/* Fields that the header has no name for must be empty, and none may be missing. */
static bool check_count(struct reader *reader)
{
	const struct csv *csv = &reader->csv;

	if (csv->cnt < reader->field_cnt) {
		WRONG_ROW(reader, "%u fields, the header has %u", csv->cnt, reader->field_cnt);
		return false;
	}
	for (unsigned i = reader->field_cnt; i < csv->cnt; i++) {
		if (csv->fields[i][0] == '\0')
			continue;
		WRONG_ROW(reader, "more than %u fields: '%.60s' has no column in the header",
			  reader->field_cnt, csv->fields[i]);
		return false;
	}
	return true;
}

static void add_fault(void *context, const struct catalog_offer *offer, enum catalog_column column,
		      const struct error *what)
{
	wrong(context, offer->line, column, "%s", what->text);
}

/* True if the row is an offer; otherwise its faults were added. */
static bool read_offer(struct reader *reader, struct catalog_offer *offer)
{
	const uint64_t fault_cnt = reader->faults.cnt;

	*offer = (struct catalog_offer){
		.closes_at_ns = INSTANT_NEVER,
		.line = (uint32_t)reader->csv.line,
	};
	for (unsigned i = 0; i < CATALOG_COLUMN_CNT; i++) {
		const enum catalog_column column = (enum catalog_column)i;
		struct error what;

		if (reader->at[i] != NOT_THERE &&
		    catalog_column_read(offer, column, reader->csv.fields[reader->at[i]], &what) !=
			    0)
			wrong(reader, reader->csv.line, column, "%s", what.text);
	}
	return reader->faults.cnt == fault_cnt && catalog_check_offer(offer, add_fault, reader);
}

static int grow(struct reader *reader)
{
	struct catalog *grown;

	if (reader->catalog != NULL && reader->catalog->cnt < reader->room)
		return 0;
	reader->room = reader->room == 0 ? 1024 : reader->room * 2;
	grown = realloc(reader->catalog, sizeof(*grown) + reader->room * sizeof(grown->offers[0]));
	if (grown == NULL)
		return fail(reader, -ENOMEM, "no memory for more offers");
	if (reader->catalog == NULL)
		*grown = (struct catalog){.cnt = 0};
	reader->catalog = grown;
	return 0;
}

static int read_row(struct reader *reader)
{
	struct catalog *catalog = reader->catalog;

	if (!check_count(reader) || !read_offer(reader, &catalog->offers[catalog->cnt]))
		return 0;
	catalog->cnt++;
	return grow(reader);
}

/* Reads rows up to the end, or to where nothing after it can be read. 0 or -ENOMEM. */
static int read_rows(struct reader *reader)
{
	struct csv *csv = &reader->csv;
	struct error what = {.text = ""};
	enum csv_read read = csv_header(csv, is_known, &what);
	int rc = grow(reader);

	if (read == CSV_ROW)
		take_header(reader);
	else if (read != CSV_END)
		WRONG_ROW(reader, "%s", what.text);
	/* Without a right header every row would be wrong. */
	if (reader->faults.cnt > 0)
		read = CSV_STOP;
	while (rc == 0 && (read == CSV_ROW || read == CSV_BAD_ROW)) {
		read = csv_next(csv, &what);
		if (read == CSV_ROW && reader->catalog->cnt == OFFERS_MAX) {
			WRONG_ROW(reader, "more than %d offers; split the catalog", OFFERS_MAX);
			return 0;
		}
		if (read == CSV_ROW)
			rc = read_row(reader);
		else if (read != CSV_END)
			WRONG_ROW(reader, "%s", what.text);
	}
	if (rc == 0 && ferror(csv->file))
		rc = fail(reader, -EIO, what.text);
	if (rc == 0 && reader->faults.cnt == 0 && reader->catalog->cnt == 0)
		WRONG_ROW(reader, "no offers; add a line like 1,15000,4990,1,,,");
	return rc;
}

static int by_sku(const void *a, const void *b)
{
	const struct catalog_offer *const *one = a;
	const struct catalog_offer *const *two = b;

	if ((*one)->sku != (*two)->sku)
		return (*one)->sku < (*two)->sku ? -1 : 1;
	return (*one)->line < (*two)->line ? -1 : 1;
}

/* Every SKU once: with two lines for one SKU its stock would be unclear. */
static int check_unique(struct reader *reader)
{
	const struct catalog *catalog = reader->catalog;
	const struct catalog_offer **sorted = calloc(catalog->cnt + 1U, sizeof(*sorted));

	if (sorted == NULL)
		return fail(reader, -ENOMEM, "no memory to check the SKUs");
	for (uint32_t i = 0; i < catalog->cnt; i++)
		sorted[i] = &catalog->offers[i];
	qsort(sorted, catalog->cnt, sizeof(*sorted), by_sku);
	for (uint32_t i = 1, first = 0; i < catalog->cnt; i++) {
		if (sorted[i]->sku != sorted[first]->sku)
			first = i;
		else
			wrong(reader, sorted[i]->line, CATALOG_SKU,
			      "SKU %" PRIu64 " is already in line %u; keep one of them",
			      sorted[i]->sku, sorted[first]->line);
	}
	free(sorted);
	return 0;
}

static int open_file(const char *path, FILE **out, struct error *error)
{
	struct stat info;
	FILE *file = fopen(path, "re");

	if (file == NULL) {
		const int rc = -errno;

		return error_say(error, rc, "--catalog %s: %s", path, strerror(-rc));
	}
	if (fstat(fileno(file), &info) != 0 || S_ISDIR(info.st_mode)) {
		error_set(error, "--catalog %s: not a file", path);
		fclose(file);
		return -EINVAL;
	}
	*out = file;
	return 0;
}

int catalog_load_saying(const char *path, FILE *say, struct catalog **out, struct error *error)
{
	struct reader reader = {.faults = {.path = path, .out = say}, .error = error};
	FILE *file = NULL;
	int rc = open_file(path, &file, error);

	if (rc != 0)
		return rc;
	csv_open(&reader.csv, file);
	rc = read_rows(&reader);
	if (rc == 0)
		rc = check_unique(&reader);
	if (rc == 0 && catalog_check_groups(reader.catalog->offers, reader.catalog->cnt, add_fault,
					    &reader) != 0)
		rc = fail(&reader, -ENOMEM, "no memory to check the groups");
	csv_close(&reader.csv);
	fclose(file);
	if (rc == 0)
		rc = faults_end(&reader.faults, error);
	if (rc != 0) {
		free(reader.catalog);
		return rc;
	}
	reader.catalog->shard_field = (uint32_t)(reader.at[CATALOG_SHARD] + 1);
	*out = reader.catalog;
	return 0;
}

int catalog_load(const char *path, struct catalog **out, struct error *error)
{
	return catalog_load_saying(path, NULL, out, error);
}

struct record catalog_record(const struct catalog_offer *line, uint64_t at_ns)
{
	const uint64_t extend_seconds = catalog_column_value(line, CATALOG_EXTEND_SECONDS);

	return (struct record){
		.kind = RECORD_OFFER,
		.flags = line->placed ? OFFER_PLACED : 0,
		.quantity = line->group_limit,
		.channel = line->group,
		.at_ns = at_ns,
		.sku = line->sku,
		.unit_price = line->unit_price,
		.offer = {.stock = line->stock,
			  .limit_per_buyer = line->limit_per_buyer,
			  .opens_at_ns = line->opens_at_ns,
			  .closes_at_ns = line->closes_at_ns,
			  .hold_seconds = line->hold_seconds,
			  .extend = (uint32_t)extend_seconds << EXTENSIONS_BITS | line->extensions},
	};
}

struct record catalog_placed_record(const struct catalog_offer *line, uint64_t at_ns)
{
	DCHECK(line->placed);
	return (struct record){
		.kind = RECORD_PLACED,
		.quantity = line->shard,
		.at_ns = at_ns,
		.sku = line->sku,
	};
}

void catalog_write_header(unsigned columns, FILE *out)
{
	fputs(columns > CATALOG_PLAIN_CNT ? CATALOG_HEADER "\n" : CATALOG_HEADER_PLAIN "\n", out);
}

void catalog_write_offer(const struct catalog_offer *offer, unsigned columns, FILE *out)
{
	for (unsigned i = 0; i < columns; i++) {
		char text[CATALOG_VALUE_BYTES];

		catalog_column_text(offer, (enum catalog_column)i, text);
		fprintf(out, "%s%s", i > 0 ? "," : "", text);
	}
	fputc('\n', out);
}

void catalog_write(const struct catalog *catalog, FILE *out)
{
	unsigned columns = CATALOG_PLAIN_CNT;

	for (uint32_t i = 0; i < catalog->cnt; i++) {
		if (catalog_columns_of(&catalog->offers[i]) > columns)
			columns = catalog_columns_of(&catalog->offers[i]);
	}
	catalog_write_header(columns, out);
	for (uint32_t i = 0; i < catalog->cnt; i++)
		catalog_write_offer(&catalog->offers[i], columns, out);
}

void catalog_free(struct catalog *catalog)
{
	free(catalog);
}
