/*
 * database: the PostgreSQL side of the sink: a table of orders, and in the same transactions how
 * far it is. After any crash of either side the table has each order once.
 *
 * Cold calls that wait for the server, one thread at a time.
 */
#ifndef DB_TOOLS_SINK_DATABASE_H
#define DB_TOOLS_SINK_DATABASE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "tools/common/cursor.h"
#include "tools/downstream/consumer.h"

struct database;

/*
 * Connects (conninfo as libpq takes it), makes schema and tables if they aren't there, and loads
 * the cursor, all zero if nothing was stored yet. -ENOTCONN: out of reach; -EBUSY: another sink
 * fills this schema; with a line.
 */
int database_open(struct database **out, const char *conninfo, const char *schema,
		  struct cursor *cursor, struct error *error);

/* Adds the orders of a batch to the open transaction. -ENOTCONN, or another -errno. */
int database_add(struct database *database, const struct consumer_batch *batch,
		 struct error *error);

/* Orders in the open transaction. */
uint64_t database_pending(const struct database *database);

/*
 * Ends the transaction: orders and cursor are there together, or neither is. -ENOTCONN: it is
 * unknown which: open it again to learn that. -EPROTO: an LSN is there with another order.
 */
int database_commit(struct database *database, const struct cursor *cursor, struct error *error);

/* NULL is allowed. */
void database_close(struct database *database);

#endif
