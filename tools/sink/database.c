#include "tools/sink/database.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "tools/common/cli.h"

enum {
	SQL_BYTES = 2048,
	/* Given to libpq at a time. */
	COPY_BYTES = 256 << 10,
	COPY_LINE_BYTES_MAX = 320,
};

struct database {
	PGconn *connection;
	uint64_t staged; /* orders of the COPY under way; 0: none is */
	size_t used;
	char bytes[COPY_BYTES];
};

/* Makes one line of a server's error of several lines. */
static int say(const struct database *database, int rc, const char *what, struct error *error)
{
	char text[512];

	if (PQstatus(database->connection) != CONNECTION_OK)
		rc = -ENOTCONN;
	snprintf(text, sizeof(text), "%s", PQerrorMessage(database->connection));
	text[strcspn(text, "\n")] = '\0';
	return error_say(error, rc, "PostgreSQL: %s: %s", what, text);
}

static int run(struct database *database, const char *sql, struct error *error)
{
	PGresult *result = PQexec(database->connection, sql);
	const ExecStatusType status = PQresultStatus(result);
	const bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	PQclear(result);
	return good ? 0 : say(database, -EPROTO, sql, error);
}

/*
 * The tables. u64 fits no integer of SQL. The advisory lock ends with the connection; statements of
 * a connection that is lost are over when the lock is.
 */
static const char tables[] =
	"CREATE TABLE IF NOT EXISTS orders ("
	" lane smallint, lsn bigint, order_id bigint NOT NULL, at_ns bigint NOT NULL,"
	" request_id uuid NOT NULL, buyer numeric(20) NOT NULL, sku numeric(20) NOT NULL,"
	" quantity integer NOT NULL, unit_price numeric(20) NOT NULL,"
	" max_price numeric(20) NOT NULL, channel bigint NOT NULL, PRIMARY KEY (lane, lsn));"
	"CREATE TABLE IF NOT EXISTS lanes ("
	" lane smallint PRIMARY KEY, journal_id text NOT NULL, next_lsn bigint NOT NULL,"
	" segment bigint NOT NULL, block_offset bigint NOT NULL, checksum text NOT NULL,"
	" extra bigint NOT NULL);"
	"CREATE TEMPORARY TABLE staging (LIKE orders) ON COMMIT DELETE ROWS;";

/* Makes what isn't there. The schema's name was checked: letters, digits, _. */
static int prepare(struct database *database, const char *schema, struct error *error)
{
	char sql[SQL_BYTES];
	PGresult *result;
	bool locked;
	int rc;

	snprintf(sql, sizeof(sql),
		 "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS %s; "
		 "SET search_path = %s",
		 schema, schema);
	rc = run(database, sql, error);
	if (rc != 0)
		return rc;
	snprintf(sql, sizeof(sql), "SELECT pg_try_advisory_lock(hashtext('doorbuster sink %s'))",
		 schema);
	result = PQexec(database->connection, sql);
	locked = PQresultStatus(result) == PGRES_TUPLES_OK && PQgetvalue(result, 0, 0)[0] == 't';
	if (!locked)
		rc = PQresultStatus(result) == PGRES_TUPLES_OK
			     ? error_say(error, -EBUSY,
					 "another sink fills schema %s: stop that one, or name "
					 "another with --schema",
					 schema)
			     : say(database, -EPROTO, sql, error);
	PQclear(result);
	return rc == 0 ? run(database, tables, error) : rc;
}

static bool parse_lane(PGresult *result, int row, struct cursor *cursor)
{
	struct cursor_lane *lane = &cursor->lane[row];
	uint64_t number = 0;

	return cli_parse_u64(PQgetvalue(result, row, 0), SHARDS_MAX - 1, &number) &&
	       number == (uint64_t)row &&
	       sscanf(PQgetvalue(result, row, 1), "%16" SCNx64, &cursor->journal_id) == 1 &&
	       cli_parse_u64(PQgetvalue(result, row, 2), UINT64_MAX, &lane->mark.next_lsn) &&
	       cli_parse_u64(PQgetvalue(result, row, 3), UINT64_MAX, &lane->mark.place.segment) &&
	       cli_parse_u64(PQgetvalue(result, row, 4), UINT64_MAX, &lane->mark.place.offset) &&
	       sscanf(PQgetvalue(result, row, 5), "%16" SCNx64, &lane->mark.checksum) == 1 &&
	       cli_parse_u64(PQgetvalue(result, row, 6), UINT64_MAX, &lane->extra);
}

static int load_cursor(struct database *database, struct cursor *cursor, struct error *error)
{
	static const char sql[] = "SELECT lane, journal_id, next_lsn, segment, block_offset, "
				  "checksum, extra FROM lanes ORDER BY lane";
	PGresult *result = PQexec(database->connection, sql);
	int rc = 0;

	memset(cursor, 0, sizeof(*cursor));
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		rc = say(database, -EPROTO, sql, error);
	for (int row = 0; rc == 0 && row < PQntuples(result); row++) {
		if (row < SHARDS_MAX && parse_lane(result, row, cursor))
			cursor->lanes++;
		else
			rc = error_say(error, -EPROTO,
				       "table lanes: row %d is not one of ours: name another "
				       "schema",
				       row);
	}
	PQclear(result);
	return rc;
}

int database_open(struct database **out, const char *conninfo, const char *schema,
		  struct cursor *cursor, struct error *error)
{
	struct database *database = calloc(1, sizeof(*database));
	int rc = 0;

	if (database == NULL)
		return error_say(error, -ENOMEM, "no memory");
	database->connection = PQconnectdb(conninfo);
	if (PQstatus(database->connection) != CONNECTION_OK)
		rc = say(database, -ENOTCONN, "cannot connect", error);
	if (rc == 0)
		rc = prepare(database, schema, error);
	if (rc == 0)
		rc = load_cursor(database, cursor, error);
	if (rc != 0)
		database_close(database);
	else
		*out = database;
	return rc;
}

static int begin_copy(struct database *database, struct error *error)
{
	PGresult *result;
	bool good;
	int rc = run(database, "BEGIN", error);

	if (rc != 0)
		return rc;
	result = PQexec(database->connection, "COPY staging FROM STDIN");
	good = PQresultStatus(result) == PGRES_COPY_IN;
	PQclear(result);
	return good ? 0 : say(database, -EPROTO, "COPY", error);
}

static int flush_copy(struct database *database, struct error *error)
{
	if (database->used > 0 &&
	    PQputCopyData(database->connection, database->bytes, (int)database->used) != 1)
		return say(database, -EPROTO, "COPY", error);
	database->used = 0;
	return 0;
}

static void put_order(struct database *database, uint16_t lane, uint64_t lsn,
		      const struct record *record)
{
	char id[33];

	cli_request_id_text(record->order.request_id, id);
	database->used +=
		(size_t)snprintf(database->bytes + database->used, COPY_LINE_BYTES_MAX,
				 "%u\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%s\t%" PRIu64
				 "\t%" PRIu64 "\t%u\t%" PRIu64 "\t%" PRIu64 "\t%u\n",
				 lane, lsn, order_id_of(lane, lsn), record->at_ns, id,
				 record->order.buyer, record->sku, record->quantity,
				 record->unit_price, record->order.max_price, record->channel);
}

int database_add(struct database *database, const struct consumer_batch *batch, struct error *error)
{
	for (uint32_t i = 0; i < batch->record_cnt; i++) {
		int rc = 0;

		if (batch->records[i].kind != RECORD_ORDER)
			continue;
		if (database->staged == 0)
			rc = begin_copy(database, error);
		if (rc == 0 && database->used + COPY_LINE_BYTES_MAX > COPY_BYTES)
			rc = flush_copy(database, error);
		if (rc != 0)
			return rc;
		put_order(database, batch->lane, batch->first_lsn + i, &batch->records[i]);
		database->staged++;
	}
	return 0;
}

uint64_t database_pending(const struct database *database)
{
	return database->staged;
}

static int end_copy(struct database *database, struct error *error)
{
	PGresult *result;
	bool good;
	int rc = flush_copy(database, error);

	if (rc != 0)
		return rc;
	if (PQputCopyEnd(database->connection, NULL) != 1)
		return say(database, -EPROTO, "COPY", error);
	result = PQgetResult(database->connection);
	good = PQresultStatus(result) == PGRES_COMMAND_OK;
	PQclear(result);
	while ((result = PQgetResult(database->connection)) != NULL)
		PQclear(result);
	return good ? 0 : say(database, -EPROTO, "COPY", error);
}

/* Each staged order is inserted, or is there already with the same content. */
static int upsert(struct database *database, struct error *error)
{
	static const char sql[] =
		"INSERT INTO orders SELECT * FROM staging ON CONFLICT (lane, lsn) "
		"DO UPDATE SET lsn = EXCLUDED.lsn WHERE orders.request_id = EXCLUDED.request_id "
		"AND orders.order_id = EXCLUDED.order_id AND orders.buyer = EXCLUDED.buyer "
		"AND orders.sku = EXCLUDED.sku AND orders.quantity = EXCLUDED.quantity";
	PGresult *result = PQexec(database->connection, sql);
	uint64_t rows = 0;
	int rc = 0;

	if (PQresultStatus(result) != PGRES_COMMAND_OK)
		rc = say(database, -EPROTO, "INSERT", error);
	else if (!cli_parse_u64(PQcmdTuples(result), UINT64_MAX, &rows) || rows != database->staged)
		rc = error_say(error, -EPROTO,
			       "table orders has %" PRIu64 " of these LSNs with other orders: "
			       "the lane was cut by `journal repair` and gives them twice; "
			       "settle the orders that the cut lost (DATA/repaired-*), then "
			       "fill another schema",
			       database->staged - rows);
	PQclear(result);
	return rc;
}

static int store_cursor(struct database *database, const struct cursor *cursor, struct error *error)
{
	char sql[SQL_BYTES];
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < cursor->lanes; i++) {
		const struct cursor_lane *lane = &cursor->lane[i];

		snprintf(sql, sizeof(sql),
			 "INSERT INTO lanes VALUES (%u, '%016" PRIx64 "', %" PRIu64 ", %" PRIu64
			 ", %" PRIu64 ", '%016" PRIx64 "', %" PRIu64
			 ") ON CONFLICT (lane) DO UPDATE SET next_lsn = EXCLUDED.next_lsn, "
			 "segment = EXCLUDED.segment, block_offset = EXCLUDED.block_offset, "
			 "checksum = EXCLUDED.checksum, extra = EXCLUDED.extra",
			 i, cursor->journal_id, lane->mark.next_lsn, lane->mark.place.segment,
			 lane->mark.place.offset, lane->mark.checksum, lane->extra);
		rc = run(database, sql, error);
	}
	return rc;
}

int database_commit(struct database *database, const struct cursor *cursor, struct error *error)
{
	int rc = 0;

	if (database->staged == 0)
		rc = run(database, "BEGIN", error);
	else
		rc = end_copy(database, error);
	if (rc == 0 && database->staged > 0)
		rc = upsert(database, error);
	if (rc == 0)
		rc = store_cursor(database, cursor, error);
	if (rc == 0)
		rc = run(database, "COMMIT", error);
	if (rc == 0)
		database->staged = 0;
	return rc;
}

void database_close(struct database *database)
{
	if (database == NULL)
		return;
	PQfinish(database->connection);
	free(database);
}
