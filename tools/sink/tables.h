/*
 * tables: the sink's schema, tables and indexes, as steps that are taken only where something is
 * missing: `IF NOT EXISTS` wants privileges also for what is there.
 *
 * The statements hold '@' where the quoted name of the schema belongs.
 */
#ifndef DB_TOOLS_SINK_TABLES_H
#define DB_TOOLS_SINK_TABLES_H

#include <stddef.h>
#include <stdio.h>

#include "tools/sink/rows.h"

enum {
	TABLES_SQL_BYTES = 8192,
};

struct tables_step {
	const char *name;    /* as in "cannot make NAME" */
	const char *missing; /* an expression: true if the step must be taken */
	const char *make;
	const char *note; /* said when the step is taken; NULL: nothing */
};

/* Ends with a step without a name. */
extern const struct tables_step tables_steps[];

/* Each ends with a column without a name. */
extern const struct rows_column tables_orders[];
extern const struct rows_column tables_offers[];
extern const struct rows_column tables_lanes[];
/* The ends of their INSERTs. */
extern const char tables_orders_conflict[];
extern const char tables_offers_conflict[];
extern const char tables_lanes_conflict[];

/* Puts the schema's name, in quotes, for each '@'. The name has no quotes. */
void tables_expand(const char *sql, const char *schema, char *out, size_t out_bytes);

/* Prints what makes the whole schema, for whoever owns it. */
void tables_print(const char *schema, FILE *out);

#endif
