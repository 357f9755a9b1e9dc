#include "engine/catalog/catalog.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine/base/limits.h"
#include "engine/base/rfc3339.h"

static const char *const column_names[] = {
	"sku", "stock", "unit_price", "limit_per_buyer", "opens_at", "closes_at", "hold_seconds",
};

enum {
	COLUMN_CNT = sizeof(column_names) / sizeof(column_names[0]),
	LINE_BYTES_MAX = 512,
};

struct reader {
	const char *path;
	uint32_t line;
	struct error *error;
};

/* Says what is wrong at a column of the current line (1-based; 0: the line as a whole). */
__attribute__((format(printf, 3, 4))) static int wrong(const struct reader *reader, unsigned column,
						       const char *format, ...)
{
	va_list args;

	error_set(reader->error, "%s:%u: ", reader->path, reader->line);
	if (column > 0)
		error_add(reader->error, "column %u (%s): ", column, column_names[column - 1]);
	va_start(args, format);
	error_vadd(reader->error, format, args);
	va_end(args);
	return -EINVAL;
}

/* Cuts a line into its fields, in place, and removes quotes around a whole field. */
static unsigned split(char *line, char *fields[COLUMN_CNT + 1])
{
	unsigned cnt = 0;

	for (char *at = line; at != NULL && cnt <= COLUMN_CNT; cnt++) {
		char *comma = strchr(at, ',');

		if (comma != NULL)
			*comma++ = '\0';
		while (*at == ' ')
			at++;

		size_t bytes = strlen(at);

		while (bytes > 0 && at[bytes - 1] == ' ')
			at[--bytes] = '\0';
		if (bytes >= 2 && at[0] == '"' && at[bytes - 1] == '"') {
			at[bytes - 1] = '\0';
			at++;
		}
		fields[cnt] = at;
		at = comma;
	}
	return cnt;
}

static int read_number(const struct reader *reader, unsigned column, const char *text, uint64_t max,
		       uint64_t *out)
{
	char *end = NULL;

	errno = 0;
	*out = strtoull(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || *out > max)
		return wrong(reader, column, "'%s' is not a whole number from 0 to %" PRIu64, text,
			     max);
	return 0;
}

static int read_instant(const struct reader *reader, unsigned column, const char *text,
			uint64_t if_empty_ns, uint64_t *out)
{
	*out = if_empty_ns;
	if (text[0] == '\0')
		return 0;
	if (rfc3339_parse(text, out) != 0)
		return wrong(reader, column,
			     "'%s' is not an RFC 3339 instant; write it like "
			     "2026-11-11T00:00:00+08:00 or leave it empty",
			     text);
	return 0;
}

static int read_offer(const struct reader *reader, char *fields[], struct catalog_offer *offer)
{
	uint64_t stock = 0;
	uint64_t limit = 0;
	uint64_t hold = 0;
	int rc = read_number(reader, 1, fields[0], UINT64_MAX, &offer->sku);

	if (rc == 0)
		rc = read_number(reader, 2, fields[1], UINT32_MAX, &stock);
	if (rc == 0)
		rc = read_number(reader, 3, fields[2], UINT64_MAX, &offer->unit_price);
	if (rc == 0)
		rc = read_number(reader, 4, fields[3], UINT32_MAX, &limit);
	if (rc == 0)
		rc = read_instant(reader, 5, fields[4], 0, &offer->opens_at_ns);
	if (rc == 0)
		rc = read_instant(reader, 6, fields[5], INSTANT_NEVER, &offer->closes_at_ns);
	if (rc == 0 && fields[6][0] != '\0')
		rc = read_number(reader, 7, fields[6], UINT32_MAX, &hold);
	if (rc != 0)
		return rc;
	if (offer->closes_at_ns <= offer->opens_at_ns)
		return wrong(reader, 6, "closes before it opens; give a later instant or none");
	offer->stock = (uint32_t)stock;
	offer->limit_per_buyer = (uint32_t)limit;
	offer->hold_seconds = (uint32_t)hold;
	offer->line = reader->line;
	return 0;
}

static int read_header(const struct reader *reader, char *line)
{
	char *fields[COLUMN_CNT + 1];
	const unsigned cnt = split(line, fields);
	bool same = cnt == COLUMN_CNT;

	for (unsigned i = 0; same && i < COLUMN_CNT; i++)
		same = strcmp(fields[i], column_names[i]) == 0;
	if (!same)
		return wrong(reader, 0,
			     "the first line must be the header sku,stock,unit_price,"
			     "limit_per_buyer,opens_at,closes_at,hold_seconds");
	return 0;
}

/* Removes the line's end and a byte order mark. -EINVAL if it is too long or holds a zero byte. */
static int clean_line(const struct reader *reader, char *buffer, ssize_t bytes, char **line)
{
	if (bytes > LINE_BYTES_MAX || memchr(buffer, '\0', (size_t)bytes) != NULL)
		return wrong(reader, 0, "this is not a line of a catalog; expected %d fields",
			     COLUMN_CNT);
	while (bytes > 0 && (buffer[bytes - 1] == '\n' || buffer[bytes - 1] == '\r'))
		buffer[--bytes] = '\0';
	*line = buffer;
	if (reader->line == 1 && strncmp(buffer, "\xef\xbb\xbf", 3) == 0)
		*line += 3;
	return 0;
}

static int grow(struct catalog **catalog, uint32_t *room)
{
	if ((*catalog)->cnt < *room)
		return 0;
	*room *= 2;

	struct catalog *grown =
		realloc(*catalog, sizeof(**catalog) + *room * sizeof((*catalog)->offers[0]));

	if (grown == NULL)
		return -ENOMEM;
	*catalog = grown;
	return 0;
}

static int read_line(const struct reader *reader, char *line, struct catalog **catalog,
		     uint32_t *room)
{
	char *fields[COLUMN_CNT + 1];

	if (line[0] == '\0')
		return 0;

	const unsigned cnt = split(line, fields);

	if (cnt != COLUMN_CNT)
		return wrong(reader, 0, "%s%u fields, expected %d (sku,stock,unit_price,...)",
			     cnt > COLUMN_CNT ? "more than " : "",
			     cnt > COLUMN_CNT ? COLUMN_CNT : cnt, COLUMN_CNT);
	if ((*catalog)->cnt == OFFERS_MAX)
		return wrong(reader, 0, "more than %d offers; split the catalog", OFFERS_MAX);
	if (grow(catalog, room) != 0) {
		wrong(reader, 0, "no memory for more offers");
		return -ENOMEM;
	}

	const int rc = read_offer(reader, fields, &(*catalog)->offers[(*catalog)->cnt]);

	if (rc == 0)
		(*catalog)->cnt++;
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
static int check_unique(struct reader *reader, const struct catalog *catalog)
{
	const struct catalog_offer **sorted = calloc(catalog->cnt + 1, sizeof(*sorted));
	int rc = 0;

	if (sorted == NULL) {
		wrong(reader, 0, "no memory to check the SKUs");
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < catalog->cnt; i++)
		sorted[i] = &catalog->offers[i];
	qsort(sorted, catalog->cnt, sizeof(*sorted), by_sku);
	for (uint32_t i = 1; i < catalog->cnt && rc == 0; i++) {
		if (sorted[i]->sku != sorted[i - 1]->sku)
			continue;
		reader->line = sorted[i]->line;
		rc = wrong(reader, 1, "SKU %" PRIu64 " is already in line %u; keep one of them",
			   sorted[i]->sku, sorted[i - 1]->line);
	}
	free(sorted);
	return rc;
}

static int read_file(struct reader *reader, FILE *file, struct catalog **catalog)
{
	char *buffer = NULL;
	size_t buffer_bytes = 0;
	uint32_t room = 1024;
	int rc = 0;

	*catalog = malloc(sizeof(**catalog) + room * sizeof((*catalog)->offers[0]));
	if (*catalog == NULL)
		return -ENOMEM;
	(*catalog)->cnt = 0;
	while (rc == 0) {
		const ssize_t bytes = getline(&buffer, &buffer_bytes, file);

		if (bytes < 0 || buffer == NULL)
			break;
		char *line = buffer;

		reader->line++;
		rc = clean_line(reader, buffer, bytes, &line);
		if (rc == 0)
			rc = reader->line == 1 ? read_header(reader, line)
					       : read_line(reader, line, catalog, &room);
	}
	free(buffer);
	if (rc == 0 && ferror(file)) {
		wrong(reader, 0, "cannot read further: %s", strerror(errno));
		rc = -EIO;
	}
	if (rc == 0 && (*catalog)->cnt == 0)
		rc = wrong(reader, 0, "no offers; add a line like 1,15000,4990,1,,,");
	return rc != 0 ? rc : check_unique(reader, *catalog);
}

int catalog_load(const char *path, struct catalog **out, struct error *error)
{
	struct reader reader = {.path = path, .error = error};
	struct catalog *catalog = NULL;
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
	error_set(error, "--catalog %s: no memory to read it", path);

	const int rc = read_file(&reader, file, &catalog);

	fclose(file);
	if (rc != 0) {
		free(catalog);
		return rc;
	}
	*out = catalog;
	return 0;
}

struct record catalog_record(const struct catalog_offer *line, uint64_t at_ns)
{
	return (struct record){
		.kind = RECORD_OFFER,
		.at_ns = at_ns,
		.sku = line->sku,
		.unit_price = line->unit_price,
		.offer = {.stock = line->stock,
			  .limit_per_buyer = line->limit_per_buyer,
			  .opens_at_ns = line->opens_at_ns,
			  .closes_at_ns = line->closes_at_ns,
			  .hold_seconds = line->hold_seconds},
	};
}

void catalog_free(struct catalog *catalog)
{
	free(catalog);
}
