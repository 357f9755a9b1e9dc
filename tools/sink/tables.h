/*
 * tables: the sink's schema, tables and indexes, as steps that are taken only where something is
 * missing: `IF NOT EXISTS` wants privileges also for what is there.
 *
 * The statements hold '@' where the quoted name of the schema belongs.
 */
#ifndef DB_TOOLS_SINK_TABLES_H
#define DB_TOOLS_SINK_TABLES_H

#include <stdbool.h>
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

/* What is stored: of each the columns, which end with one without a name, and the statement that
 * takes them, where '#' stands for the rows (rows.h). */
struct tables_store {
	const char *table;                 /* that it inserts rows into; NULL: into none */
	const struct rows_column *columns; /* the first two name a row */
	const char *sql;
};

/* New rows: inserted, or there already with the same content. */
extern const struct tables_store tables_orders;
extern const struct tables_store tables_holds; /* into orders too */
extern const struct tables_store tables_offers;
extern const struct tables_store tables_lanes;

/*
 * What changes orders that are there. A record counts only for an order that no later record has
 * changed, so that the same lane may be stored again. Those of one transaction may be stored in
 * this order instead of the lane's: an order that ran out has changes after it only if it is paid
 * late or refunded, and no run takes it then. A lane's clock that was set back must not be among
 * them: it comes alone, after all before it and before all after it.
 */
extern const struct tables_store tables_changes; /* CONFIRM, RELEASE, EXTEND, RETURN */
extern const struct tables_store tables_runs;    /* EXPIRE of a run */
extern const struct tables_store tables_ones;    /* EXPIRE of one hold */
extern const struct tables_store tables_clocks;  /* CLOCK: the ends of open holds move with it */

/* Rows for a store in this schema. 0 or -ENOMEM. */
int tables_open_rows(struct rows *rows, uint64_t max, const struct tables_store *store,
		     const char *schema);

/* Puts the schema's name, in quotes, for each '@'. The name has no quotes. */
void tables_expand(const char *sql, const char *schema, char *out, size_t out_bytes);

/* Whether a step changes a table that is there. */
bool tables_is_change(const struct tables_step *step);

/* Prints what makes the whole schema, for whoever owns it. */
void tables_print(const char *schema, FILE *out);

#endif
