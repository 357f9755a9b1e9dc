/*
 * csv: rows of a file of separated values, as spreadsheets and databases write them: RFC 4180, and
 * what is usual beside it. A byte order mark, LF or CRLF, blanks around a field, a line `sep=;`
 * first, rows of separators only. A quoted field may have separators, "" for a quote, and line
 * ends.
 *
 * Memory: one row, at most CSV_ROW_BYTES_MAX. Not for more than one thread.
 */
#ifndef DB_ENGINE_CATALOG_CSV_H
#define DB_ENGINE_CATALOG_CSV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "engine/base/error.h"

enum {
	/* A shop's whole description of an article; more is no row. */
	CSV_ROW_BYTES_MAX = 65536,
	/* Shops export some dozen columns. */
	CSV_FIELDS_MAX = 256,
};

enum csv_read {
	CSV_ROW,
	CSV_END,
	CSV_BAD_ROW, /* error has what is wrong with it; the next row can be read */
	CSV_STOP,    /* the file as a whole: nothing after it can be read */
};

struct csv {
	FILE *file;
	char separator; /* set by the caller after the first row, from csv_separator */
	uint64_t line;  /* at which the row begins, from 1 on */
	unsigned cnt;   /* fields of the row */
	char *fields[CSV_FIELDS_MAX];

	/* Its own. */
	uint64_t lines;
	char *buffer;
	size_t buffer_bytes;
	size_t used;
};

/* Reads from an open file, which the caller closes. */
void csv_open(struct csv *csv, FILE *file);
void csv_close(struct csv *csv);

/*
 * The row that has the names of the columns: the first that isn't blank. The separator is the one
 * of , ; tab | that gives the most fields that `known` returns true for.
 */
enum csv_read csv_header(struct csv *csv, bool (*known)(const char *field), struct error *error);

/* The next row that isn't blank. The fields are valid until the next call. */
enum csv_read csv_next(struct csv *csv, struct error *error);

#endif
