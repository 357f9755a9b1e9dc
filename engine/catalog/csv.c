#include "engine/catalog/csv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/types.h>

enum {
	LINE_BYTES = 256, /* usual */
};

static const char separators[] = ",;\t|";

void csv_open(struct csv *csv, FILE *file)
{
	*csv = (struct csv){.file = file, .separator = ','};
}

void csv_close(struct csv *csv)
{
	free(csv->buffer);
	csv->buffer = NULL;
}

static bool has_room(struct csv *csv, size_t bytes)
{
	size_t room = csv->buffer_bytes > 0 ? csv->buffer_bytes : LINE_BYTES;
	char *more;

	if (bytes <= csv->buffer_bytes)
		return true;
	while (room < bytes)
		room *= 2;
	more = realloc(csv->buffer, room);
	if (more == NULL)
		return false;
	csv->buffer = more;
	csv->buffer_bytes = room;
	return true;
}

/* Reads a line with its end to what is in the buffer, of a row that is too long only a part. Its
 * bytes, or -1. */
static ssize_t get_line(struct csv *csv)
{
	size_t end = csv->used;
	int c = 0;

	/* The line end before it. */
	if (csv->used > 0) {
		if (!has_room(csv, end + 2))
			return -1;
		csv->buffer[end++] = '\n';
		csv->buffer[end] = '\0';
	}
	csv->used = end;
	while (c != '\n' && end <= CSV_ROW_BYTES_MAX) {
		c = getc_unlocked(csv->file);
		if (c == EOF)
			break;
		if (!has_room(csv, end + 2)) {
			if (end > 0)
				csv->buffer[end] = '\0';
			return -1;
		}
		csv->buffer[end++] = (char)c;
	}
	if (end == csv->used)
		return -1;
	csv->buffer[end] = '\0';
	return (ssize_t)(end - csv->used);
}

/* Adds the next line to the row in the buffer, without its end. CSV_END: there is none. */
static enum csv_read add_line(struct csv *csv, struct error *error)
{
	const ssize_t bytes = get_line(csv);
	size_t end;

	if (bytes < 0 && feof(csv->file) && !ferror(csv->file))
		return CSV_END;
	if (bytes < 0) {
		error_set(error, "cannot read further: %s", strerror(errno));
		return CSV_STOP;
	}
	csv->lines++;
	end = csv->used + (size_t)bytes;
	if (memchr(csv->buffer + csv->used, '\0', (size_t)bytes) != NULL) {
		error_set(error, "this is not a line of a catalog: it holds a zero byte");
		return CSV_STOP;
	}
	while (end > 0 && (csv->buffer[end - 1] == '\n' || csv->buffer[end - 1] == '\r'))
		csv->buffer[--end] = '\0';
	csv->used = end;
	if (csv->lines == 1 && strncmp(csv->buffer, "\xef\xbb\xbf", 3) == 0) {
		csv->used -= 3;
		memmove(csv->buffer, csv->buffer + 3, csv->used + 1);
	}
	return CSV_ROW;
}

static bool is_separator(const struct csv *csv, char c)
{
	return csv->separator != '\0' ? c == csv->separator
				      : c != '\0' && strchr(separators, c) != NULL;
}

enum quote_state {
	QUOTE_START, /* of a field */
	QUOTE_PLAIN,
	QUOTE_INSIDE,
	QUOTE_CLOSED, /* unless another quote follows */
};

static enum quote_state after(const struct csv *csv, enum quote_state state, char c)
{
	if (state == QUOTE_INSIDE)
		return c == '"' ? QUOTE_CLOSED : QUOTE_INSIDE;
	if (c == '"' && (state == QUOTE_START || state == QUOTE_CLOSED))
		return QUOTE_INSIDE;
	if (is_separator(csv, c) || (state == QUOTE_START && c == ' '))
		return QUOTE_START;
	return QUOTE_PLAIN;
}

/* Whether a quoted field of the row goes on in the next line. */
static bool is_open(const struct csv *csv)
{
	enum quote_state state = QUOTE_START;

	if (memchr(csv->buffer, '"', csv->used) == NULL)
		return false;
	for (size_t i = 0; i < csv->used; i++)
		state = after(csv, state, csv->buffer[i]);
	return state == QUOTE_INSIDE;
}

/* Reads a whole row into the buffer. */
static enum csv_read read_row(struct csv *csv, struct error *error)
{
	enum csv_read read;

	csv->used = 0;
	csv->line = csv->lines + 1;
	do {
		read = add_line(csv, error);
		if (read == CSV_END && csv->used > 0) {
			error_set(error, "its quoted field does not end; close it with \"");
			return CSV_STOP;
		}
		if (read == CSV_ROW && csv->used > CSV_ROW_BYTES_MAX) {
			error_set(error,
				  "this is not a line of a catalog: it is longer than %d bytes, or "
				  "a quoted field in it does not end",
				  CSV_ROW_BYTES_MAX);
			return CSV_STOP;
		}
	} while (read == CSV_ROW && is_open(csv));
	return read;
}

/* Cuts a quoted field, in place. *at is after its quote, and then after its separator, or NULL. */
static bool cut_quoted(const struct csv *csv, char **at)
{
	char *from = *at;
	char *to = *at;

	for (; from[0] != '\0'; *to++ = *from++) {
		if (from[0] != '"')
			continue;
		if (from[1] != '"')
			break;
		from++;
	}
	if (from[0] != '"')
		return false;
	from++;
	while (*from == ' ')
		from++;
	*to = '\0';
	if (*from != '\0' && *from != csv->separator)
		return false;
	*at = *from == '\0' ? NULL : from + 1;
	return true;
}

static void cut_plain(const struct csv *csv, char **at)
{
	char *end = strchr(*at, csv->separator);
	char *last;

	if (end != NULL)
		*end++ = '\0';
	last = *at + strlen(*at);
	while (last > *at && last[-1] == ' ')
		*--last = '\0';
	*at = end;
}

/* Cuts the row into its fields, in place. */
static enum csv_read cut(struct csv *csv, char *row, struct error *error)
{
	char *at = row;

	for (csv->cnt = 0; at != NULL; csv->cnt++) {
		if (csv->cnt == CSV_FIELDS_MAX) {
			error_set(error, "more than %d fields", CSV_FIELDS_MAX);
			return CSV_BAD_ROW;
		}
		while (*at == ' ')
			at++;
		csv->fields[csv->cnt] = at;
		if (*at != '"') {
			cut_plain(csv, &at);
			continue;
		}
		csv->fields[csv->cnt] = ++at;
		if (!cut_quoted(csv, &at)) {
			error_set(error,
				  "field %u: there is text after its closing quote; write \"\" for "
				  "a quote inside",
				  csv->cnt + 1);
			return CSV_BAD_ROW;
		}
	}
	return CSV_ROW;
}

static bool is_blank(const struct csv *csv)
{
	for (unsigned i = 0; i < csv->cnt; i++) {
		if (csv->fields[i][0] != '\0')
			return false;
	}
	return true;
}

enum csv_read csv_next(struct csv *csv, struct error *error)
{
	enum csv_read read;

	do {
		read = read_row(csv, error);
		if (read == CSV_ROW)
			read = cut(csv, csv->buffer, error);
	} while (read == CSV_ROW && is_blank(csv));
	return read;
}

/* What a file is that is no text, by its first bytes; NULL: text. */
static const char *other_kind(const struct csv *csv)
{
	const char *text = csv->buffer;

	if (strncmp(text, "\xff\xfe", 2) == 0 || strncmp(text, "\xfe\xff", 2) == 0)
		return "this is UTF-16; save it as UTF-8 (in a spreadsheet: CSV UTF-8)";
	if (strncmp(text, "PK\x03\x04", 4) == 0)
		return "this is a spreadsheet's own file; save it as CSV";
	if (strncmp(text, "\x1f\x8b", 2) == 0)
		return "this is compressed; unpack it with gunzip";
	if (strchr(text, '\r') != NULL)
		return "its lines end with CR alone; save it with LF or CRLF";
	return NULL;
}

/* Chooses the separator that finds most known names; of equals the first. */
static enum csv_read choose(struct csv *csv, bool (*known)(const char *field), struct error *error)
{
	unsigned best_cnt = 0;
	char best = separators[0];

	for (const char *separator = separators; *separator != '\0'; separator++) {
		char *copy = strdup(csv->buffer);
		unsigned cnt = 0;

		if (copy == NULL) {
			error_set(error, "no memory to read it");
			return CSV_STOP;
		}
		csv->separator = *separator;
		if (cut(csv, copy, error) == CSV_ROW) {
			for (unsigned i = 0; i < csv->cnt; i++)
				cnt += known(csv->fields[i]);
		}
		free(copy);
		if (cnt > best_cnt) {
			best_cnt = cnt;
			best = *separator;
		}
	}
	csv->separator = best;
	return cut(csv, csv->buffer, error);
}

enum csv_read csv_header(struct csv *csv, bool (*known)(const char *field), struct error *error)
{
	enum csv_read read;

	do {
		const char *what;

		csv->separator = '\0';
		read = read_row(csv, error);
		/* Zero bytes are half of UTF-16, and some of a spreadsheet's own file. */
		what = csv->lines == 1 && csv->buffer != NULL ? other_kind(csv) : NULL;
		if (what != NULL) {
			error_set(error, "%s", what);
			return CSV_STOP;
		}
		if (read != CSV_ROW)
			return read;
		if (strncasecmp(csv->buffer, "sep=", 4) != 0 || csv->used > 5)
			read = choose(csv, known, error);
		else
			csv->cnt = 0;
	} while (read == CSV_ROW && is_blank(csv));
	return read;
}
