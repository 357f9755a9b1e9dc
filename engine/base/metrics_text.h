/*
 * metrics_text: numbers as Prometheus reads them, text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/). A family (HELP, TYPE), then all
 * samples of it, then the next family; names, order and escapes are checked or made here.
 *
 * Cold calls; any thread, but one at a time for each text. A text for which memory ran out
 * remembers that it failed, so that callers check once, at the end.
 */
#ifndef DB_ENGINE_BASE_METRICS_TEXT_H
#define DB_ENGINE_BASE_METRICS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define METRICS_TEXT_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"

enum metrics_type {
	METRICS_COUNTER, /* only grows; its name ends in _total */
	METRICS_GAUGE,
	METRICS_HISTOGRAM,
};

/* Zeroed is empty. */
struct metrics_text {
	char *text; /* NUL-terminated, or NULL while empty; free() by metrics_text_free */
	size_t bytes;
	size_t room;
	bool failed;        /* memory ran out: the text is not complete */
	const char *family; /* of the samples that follow; the caller owns it */
	enum metrics_type type;
};

/* A label. The caller owns the name, which must be a label name of the format
 * ([a-zA-Z_][a-zA-Z0-9_]*); a value is any text without NUL. Lists of labels end with {0}. */
struct metrics_label {
	const char *name;
	const char *value;
};

/* Begins a family: its name must outlive the samples. */
void metrics_text_family(struct metrics_text *text, const char *name, enum metrics_type type,
			 const char *help);

/* A sample of the family. labels: NULL for none. */
void metrics_text_u64(struct metrics_text *text, const struct metrics_label *labels,
		      uint64_t value);
void metrics_text_f64(struct metrics_text *text, const struct metrics_label *labels, double value);

/*
 * A histogram's samples: _bucket for each bound and +Inf, _sum, _count. bounds rise; cells[i]
 * counts the values above bounds[i - 1] and up to bounds[i], cells[bound_cnt] those above all
 * bounds.
 */
void metrics_text_histogram(struct metrics_text *text, const struct metrics_label *labels,
			    const double *bounds, const uint64_t *cells, unsigned bound_cnt,
			    double sum);

/* Adds other text as it is; printf-like. For answers that are not metrics. */
__attribute__((format(printf, 2, 3))) void metrics_text_add(struct metrics_text *text,
							    const char *format, ...);

void metrics_text_free(struct metrics_text *text);

#endif
