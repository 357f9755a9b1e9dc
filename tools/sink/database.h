/*
 * database: the PostgreSQL side of the sink: tables of orders, each in its present state, and
 * offers, and in the same transactions how far it is. After any crash of either side the tables
 * have each once.
 *
 * Guarantees: a connection is used as a pooler in transaction mode allows (PgBouncer): all names
 * are qualified, and no setting, lock, prepared statement or temporary table outlives a
 * transaction. Two sinks of one schema don't fill it twice: each transaction takes the schema's
 * lock, and stores nothing if the stored cursor is not the one that this sink knows.
 *
 * Cold calls that wait for the server, one thread at a time. Errors are one line; they show what
 * the server said with its SQLSTATE, never the content of a row, and what to do.
 * -ENOTCONN: out of reach, or the connection was lost; -ECANCELED: the server refused for a reason
 * that passes (sqlstate.h); -EBUSY: another sink fills this schema; -EACCES: user, password or
 * database refused; -EINVAL: a conninfo that is none; -EPROTO: what doesn't pass.
 */
#ifndef DB_TOOLS_SINK_DATABASE_H
#define DB_TOOLS_SINK_DATABASE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "tools/common/cursor.h"
#include "tools/downstream/consumer.h"

struct database;

/* What is in the tables since the start. */
struct database_counts {
	uint64_t orders;  /* bought or held */
	uint64_t changes; /* records of payments, releases, extensions, returns, ends of holds */
	uint64_t commits;
};

enum {
	/* A transaction is full with so many rows; one block more fits. */
	DATABASE_ROWS_FULL = 20000,
};

/*
 * Connects (conninfo as libpq takes it), makes what isn't there of schema, tables and indexes, and
 * loads the cursor, all zero if nothing was stored yet. After an error *out stays as it was.
 */
int database_open(struct database **out, const char *conninfo, const char *schema,
		  struct cursor *cursor, struct error *error);

/*
 * Keeps what a batch does to orders and offers for the next transaction, which has less than
 * DATABASE_ROWS_FULL rows. 0; only where a lane's clock was set back something is stored before
 * database_commit: errors as there.
 */
int database_add(struct database *database, const struct consumer_batch *batch,
		 struct error *error);

/* Rows of the next transaction. */
uint64_t database_pending(const struct database *database);

/*
 * The transaction: rows and cursor are there together, or neither is; *counts is raised. After
 * -ENOTCONN it is unknown which: open it again to learn that. After any error only database_close
 * may follow.
 */
int database_commit(struct database *database, const struct cursor *cursor,
		    struct database_counts *counts, struct error *error);

/* NULL is allowed. */
void database_close(struct database *database);

#endif
