/*
 * rows: rows that wait for their transaction, as one array of text a column: one statement takes
 * them all, without a temporary table or a prepared statement, which a pooler in transaction mode
 * would leave to somebody else.
 *
 * One thread at a time; no allocation after rows_open.
 */
#ifndef DB_TOOLS_SINK_ROWS_H
#define DB_TOOLS_SINK_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ROWS_COLUMNS_MAX = 16,
	ROWS_SQL_BYTES = 4096,
};

struct rows_column {
	const char *name;
	const char *type;
};

struct rows {
	uint64_t cnt;
	uint64_t max;
	unsigned column_cnt;
	unsigned next; /* the column that the next value is of */
	size_t used[ROWS_COLUMNS_MAX];
	char *text[ROWS_COLUMNS_MAX];
	char sql[ROWS_SQL_BYTES]; /* takes one array a column */
	/* Takes the same arrays: how many of the rows the table has, found by their first two
	 * columns. Empty: the statement stores no new rows. */
	char count[ROWS_SQL_BYTES];
};

/*
 * The columns end with one without a name. In sql, which takes the rows, each '#' stands for them:
 * a table t with these columns. `table`, shown with its schema, is where the statement inserts
 * them; NULL: it inserts none. Returns 0 or -ENOMEM.
 */
int rows_open(struct rows *rows, uint64_t max, const char *table, const struct rows_column *columns,
	      const char *sql);

/* One value a column, in the order of the columns. The last value of a row completes it; at most
 * max rows. */
void rows_put_u64(struct rows *rows, uint64_t value);
void rows_put_text(struct rows *rows, const char *text);  /* nothing that an array quotes */
void rows_put_instant(struct rows *rows, uint64_t at_ns); /* to the microsecond, cut */
void rows_put_bool(struct rows *rows, bool value);
void rows_put_null(struct rows *rows);

/* Ends the arrays: the values of a statement's parameters, until the next row. */
void rows_values(struct rows *rows, const char *values[ROWS_COLUMNS_MAX]);

void rows_clear(struct rows *rows);

/* Zeroed rows are allowed. */
void rows_close(struct rows *rows);

#endif
