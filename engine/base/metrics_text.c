#include "engine/base/metrics_text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"

enum {
	FIRST_BYTES = 16384,
	NUMBER_BYTES = 32,
};

/* Makes room for this many more bytes and the NUL. */
static bool make_room(struct metrics_text *text, size_t bytes)
{
	size_t room = text->room > 0 ? text->room : FIRST_BYTES;
	char *grown;

	if (text->failed)
		return false;
	while (room - text->bytes <= bytes)
		room *= 2;
	if (room == text->room)
		return true;
	grown = realloc(text->text, room);
	text->failed = grown == NULL;
	if (text->failed)
		return false;
	text->text = grown;
	text->room = room;
	return true;
}

static void put(struct metrics_text *text, const char *part, size_t bytes)
{
	if (!make_room(text, bytes))
		return;
	memcpy(text->text + text->bytes, part, bytes);
	text->bytes += bytes;
	text->text[text->bytes] = '\0';
}

static void put_text(struct metrics_text *text, const char *part)
{
	put(text, part, strlen(part));
}

/* HELP escapes backslash and line feed; a label value escapes the double quote, too. */
static void put_escaped(struct metrics_text *text, const char *part, bool quoted)
{
	for (; *part != '\0'; part++) {
		if (*part == '\n')
			put_text(text, "\\n");
		else if (*part == '\\')
			put_text(text, "\\\\");
		else if (*part == '"' && quoted)
			put_text(text, "\\\"");
		else
			put(text, part, 1);
	}
}

static bool is_name(const char *name, bool colons)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
	const size_t first = strspn(name, letters);

	if (first == 0)
		return false;
	name += first;
	while (*name != '\0' && (strchr(letters, *name) != NULL || (*name >= '0' && *name <= '9') ||
				 (colons && *name == ':')))
		name++;
	return *name == '\0';
}

static const char *type_word(enum metrics_type type)
{
	switch (type) {
	case METRICS_COUNTER:
		return "counter";
	case METRICS_GAUGE:
		return "gauge";
	case METRICS_HISTOGRAM:
		return "histogram";
	}
	CHECK(false);
	return "";
}

void metrics_text_family(struct metrics_text *text, const char *name, enum metrics_type type,
			 const char *help)
{
	DCHECK(is_name(name, true));
	text->family = name;
	text->type = type;
	put_text(text, "# HELP ");
	put_text(text, name);
	put_text(text, " ");
	put_escaped(text, help, false);
	put_text(text, "\n# TYPE ");
	put_text(text, name);
	put_text(text, " ");
	put_text(text, type_word(type));
	put_text(text, "\n");
}

static void put_label(struct metrics_text *text, const char *name, const char *value, bool first)
{
	DCHECK(is_name(name, false));
	put_text(text, first ? "{" : ",");
	put_text(text, name);
	put_text(text, "=\"");
	put_escaped(text, value, true);
	put_text(text, "\"");
}

/* A whole sample; `le` is a histogram's own label, NULL for none. */
static void put_sample(struct metrics_text *text, const char *suffix,
		       const struct metrics_label *labels, const char *le, const char *value)
{
	bool first = true;

	CHECK(text->family != NULL);
	put_text(text, text->family);
	put_text(text, suffix);
	for (; labels != NULL && labels->name != NULL; labels++) {
		put_label(text, labels->name, labels->value, first);
		first = false;
	}
	if (le != NULL) {
		put_label(text, "le", le, first);
		first = false;
	}
	put_text(text, first ? " " : "} ");
	put_text(text, value);
	put_text(text, "\n");
}

/* The shortest text that reads back as the same number. */
static void format_f64(char out[NUMBER_BYTES], double value)
{
	if (isnan(value)) {
		snprintf(out, NUMBER_BYTES, "NaN");
		return;
	}
	if (isinf(value)) {
		snprintf(out, NUMBER_BYTES, value > 0 ? "+Inf" : "-Inf");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_BYTES, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
}

void metrics_text_u64(struct metrics_text *text, const struct metrics_label *labels, uint64_t value)
{
	char number[NUMBER_BYTES];

	DCHECK(text->type != METRICS_HISTOGRAM);
	snprintf(number, sizeof(number), "%" PRIu64, value);
	put_sample(text, "", labels, NULL, number);
}

void metrics_text_f64(struct metrics_text *text, const struct metrics_label *labels, double value)
{
	char number[NUMBER_BYTES];

	DCHECK(text->type != METRICS_HISTOGRAM);
	format_f64(number, value);
	put_sample(text, "", labels, NULL, number);
}

void metrics_text_histogram(struct metrics_text *text, const struct metrics_label *labels,
			    const double *bounds, const uint64_t *cells, unsigned bound_cnt,
			    double sum)
{
	char le[NUMBER_BYTES];
	char number[NUMBER_BYTES];
	uint64_t cnt = 0;

	DCHECK(text->type == METRICS_HISTOGRAM);
	for (unsigned i = 0; i <= bound_cnt; i++) {
		cnt += cells[i];
		format_f64(le, i < bound_cnt ? bounds[i] : INFINITY);
		snprintf(number, sizeof(number), "%" PRIu64, cnt);
		put_sample(text, "_bucket", labels, le, number);
	}
	format_f64(number, sum);
	put_sample(text, "_sum", labels, NULL, number);
	snprintf(number, sizeof(number), "%" PRIu64, cnt);
	put_sample(text, "_count", labels, NULL, number);
}

void metrics_text_add(struct metrics_text *text, const char *format, ...)
{
	va_list args;
	int bytes;

	va_start(args, format);
	bytes = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (bytes < 0 || !make_room(text, (size_t)bytes))
		return;
	va_start(args, format);
	vsnprintf(text->text + text->bytes, (size_t)bytes + 1, format, args);
	va_end(args);
	text->bytes += (size_t)bytes;
}

void metrics_text_free(struct metrics_text *text)
{
	free(text->text);
	*text = (struct metrics_text){0};
}
