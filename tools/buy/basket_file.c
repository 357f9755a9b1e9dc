#include "tools/buy/basket_file.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "engine/base/faults.h"
#include "engine/base/place.h"
#include "engine/catalog/csv.h"
#include "tools/common/cli.h"

enum column {
	COLUMN_SKU,
	COLUMN_QUANTITY,
	COLUMN_MAX_PRICE,
	COLUMN_CNT,
	COLUMN_NONE = COLUMN_CNT,
	NEEDED_CNT = COLUMN_MAX_PRICE, /* those before it */
	NOT_THERE = -1,
};

/* A price in a cart is what the buyer saw, so the most that he pays. */
static const struct {
	const char *name;
	enum column column;
} names[] = {
	{"sku", COLUMN_SKU},
	{"quantity", COLUMN_QUANTITY},
	{"max_price", COLUMN_MAX_PRICE},
	{"price", COLUMN_MAX_PRICE},
	{"unit_price", COLUMN_MAX_PRICE},
};

static_assert(COLUMN_SKU == 0 && COLUMN_QUANTITY == 1 && COLUMN_MAX_PRICE == 2,
	      "the first names are ours");

struct reader {
	struct csv csv;
	struct faults faults;
	struct basket_file *out;
	int at[COLUMN_CNT]; /* which field of a row, or NOT_THERE */
	bool named;         /* by a header */
	uint64_t cnt;       /* rows, also those that have faults or no room */
};

static enum column column_of(const char *field)
{
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(names[i].name, field) == 0)
			return names[i].column;
	}
	return COLUMN_NONE;
}

/* What a first row may have: a name, or a number where there is no header. */
static bool is_known(const char *field)
{
	uint64_t value;

	return column_of(field) != COLUMN_NONE || cli_parse_u64(field, UINT64_MAX, &value);
}

/* column COLUMN_NONE: the row as a whole. */
__attribute__((format(printf, 3, 4))) static void wrong(struct reader *reader, enum column column,
							const char *format, ...)
{
	const bool whole = column == COLUMN_NONE;
	struct error fault;
	va_list args;

	place_set(&fault, reader->faults.path, reader->csv.line,
		  whole ? 0 : (unsigned)reader->at[column] + 1U, whole ? "" : names[column].name);
	va_start(args, format);
	error_vadd(&fault, format, args);
	va_end(args);
	faults_add(&reader->faults, &fault);
}

static void take_names(struct reader *reader)
{
	const struct csv *csv = &reader->csv;

	for (unsigned i = 0; i < csv->cnt; i++) {
		const enum column column = column_of(csv->fields[i]);

		if (column == COLUMN_NONE)
			continue;
		if (reader->at[column] != NOT_THERE)
			wrong(reader, COLUMN_NONE,
			      "columns %d and %u both say %s; leave one of them out",
			      reader->at[column] + 1, i + 1U, names[column].name);
		reader->at[column] = (int)i;
	}
	for (unsigned i = 0; i < NEEDED_CNT; i++) {
		if (reader->at[i] == NOT_THERE)
			wrong(reader, COLUMN_NONE, "the header has no column %s", names[i].name);
	}
}

/* False: the first row is a line of the basket. */
static bool take_header(struct reader *reader)
{
	const struct csv *csv = &reader->csv;

	for (unsigned i = 0; i < csv->cnt; i++)
		reader->named |= column_of(csv->fields[i]) != COLUMN_NONE;
	for (unsigned i = 0; i < COLUMN_CNT; i++)
		reader->at[i] = reader->named ? NOT_THERE : (int)i;
	if (reader->named)
		take_names(reader);
	return reader->named;
}

/* Without a header nobody knows what further fields mean. */
static void check_fields(struct reader *reader)
{
	const struct csv *csv = &reader->csv;

	for (unsigned i = COLUMN_CNT; !reader->named && i < csv->cnt; i++) {
		if (csv->fields[i][0] == '\0')
			continue;
		wrong(reader, COLUMN_NONE,
		      "'%.60s' is more than sku,quantity,max_price; name the columns in a header",
		      csv->fields[i]);
		return;
	}
}

/* The value of a column; `empty` where there is none. */
static bool read_number(struct reader *reader, enum column column, uint64_t min, uint64_t max,
			uint64_t empty, uint64_t *out)
{
	const struct csv *csv = &reader->csv;
	const int at = reader->at[column];
	const char *text = at != NOT_THERE && (unsigned)at < csv->cnt ? csv->fields[at] : "";

	*out = empty;
	if (text[0] == '\0' && column >= NEEDED_CNT)
		return true;
	if (cli_parse_u64(text, max, out) && *out >= min)
		return true;
	wrong(reader, column, "'%.60s' is not a whole number from %" PRIu64 " to %" PRIu64, text,
	      min, max);
	return false;
}

static const struct basket_line *find(const struct basket_file *file, uint64_t sku)
{
	for (uint32_t i = 0; i < file->cnt; i++) {
		if (file->lines[i].sku == sku)
			return &file->lines[i];
	}
	return NULL;
}

static void take_row(struct reader *reader)
{
	struct basket_line line = {.at_line = reader->csv.line};
	const struct basket_line *other;
	uint64_t quantity = 0;
	bool good;

	reader->cnt++;
	check_fields(reader);
	good = read_number(reader, COLUMN_SKU, 0, UINT64_MAX, 0, &line.sku);
	good &= read_number(reader, COLUMN_QUANTITY, 1, UINT16_MAX, 0, &quantity);
	good &= read_number(reader, COLUMN_MAX_PRICE, 0, UINT64_MAX - 1, CLIENT_ANY_PRICE,
			    &line.max_price);
	if (!good)
		return;
	line.quantity = (uint16_t)quantity;
	other = find(reader->out, line.sku);
	if (other != NULL)
		wrong(reader, COLUMN_SKU,
		      "SKU %" PRIu64 " is in line %" PRIu64 " already; add the quantities up",
		      line.sku, other->at_line);
	else if (reader->out->cnt < WIRE_ENTRY_CNT_MAX)
		reader->out->lines[reader->out->cnt++] = line;
}

/* One line alone is a plain purchase. */
static void check_count(struct reader *reader)
{
	if (reader->cnt == 0)
		wrong(reader, COLUMN_NONE, "no lines; a basket has %d to %d, like 1001,2",
		      CLIENT_BASKET_MIN, WIRE_ENTRY_CNT_MAX);
	else if (reader->cnt < CLIENT_BASKET_MIN)
		wrong(reader, COLUMN_NONE,
		      "one line is no basket; leave --basket out, and name --sku and --quantity");
	else if (reader->cnt > WIRE_ENTRY_CNT_MAX)
		wrong(reader, COLUMN_NONE, "%" PRIu64 " lines; a basket has at most %d",
		      reader->cnt, WIRE_ENTRY_CNT_MAX);
}

static void read_rows(struct reader *reader)
{
	struct csv *csv = &reader->csv;
	struct error what = {.text = ""};
	enum csv_read read = csv_header(csv, is_known, &what);

	if (read == CSV_ROW && !take_header(reader))
		take_row(reader);
	/* Under a wrong header every row would be wrong. */
	while (reader->faults.cnt == 0 || reader->cnt > 0) {
		if (read == CSV_BAD_ROW || read == CSV_STOP)
			wrong(reader, COLUMN_NONE, "%s", what.text);
		if (read == CSV_STOP || read == CSV_END)
			break;
		read = csv_next(csv, &what);
		if (read == CSV_ROW)
			take_row(reader);
	}
	/* The end is after the last line. */
	csv->line = csv->line > 1 ? csv->line - 1 : 1;
	if (reader->faults.cnt == 0)
		check_count(reader);
}

int basket_file_read(const char *path, FILE *say, struct basket_file *out, struct error *error)
{
	const bool standard = strcmp(path, "-") == 0;
	struct reader reader = {
		.faults = {.path = standard ? "standard input" : path, .out = say},
		.out = out,
	};
	FILE *file = standard ? stdin : fopen(path, "re");
	int rc = 0;

	*out = (struct basket_file){0};
	if (file == NULL) {
		rc = -errno;
		return error_say(error, rc, "--basket %s: %s", path, strerror(-rc));
	}
	csv_open(&reader.csv, file);
	read_rows(&reader);
	/* A directory, for one. */
	if (ferror(file)) {
		rc = -EIO;
		error_set(error, "--basket %s: cannot be read", path);
	}
	csv_close(&reader.csv);
	if (!standard)
		fclose(file);
	return rc != 0 ? rc : faults_end(&reader.faults, error);
}
