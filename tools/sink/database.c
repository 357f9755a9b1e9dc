#include "tools/sink/database.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "engine/base/clock.h"
#include "engine/base/signals.h"
#include "tools/common/cli.h"
#include "tools/sink/pending.h"
#include "tools/sink/rows.h"
#include "tools/sink/sqlstate.h"
#include "tools/sink/tables.h"

enum {
	CONNECT_POLL_MS = 100,
};

/* All hosts of a conninfo together. */
#define CONNECT_NS UINT64_C(30000000000)

struct database {
	PGconn *connection;
	const char *schema;
	struct pending pending;
	struct rows lanes;
	char sqlstate[SQLSTATE_BYTES]; /* of the last refusal; empty: it had none */
	bool begun;                    /* a transaction has stored a part of what it stores */
	uint64_t orders;               /* of this transaction, stored so far */
	uint64_t changes;
	struct cursor stored; /* what the table of lanes has, as far as this sink knows */
	struct cursor seen;   /* what it had at the beginning of this transaction */
};

/* Makes one line of libpq's text about a connection, without the server's file and line. */
static void one_line(const char *text, char *out, size_t out_bytes)
{
	size_t used = 0;

	out[0] = '\0';
	while (*(text += strspn(text, "\t\n ")) != '\0' && used < out_bytes) {
		const size_t bytes = strcspn(text, "\n");

		if (strncmp(text, "LOCATION:", strlen("LOCATION:")) != 0)
			used += (size_t)snprintf(out + used, out_bytes - used, "%s%.*s",
						 used > 0 ? "; " : "", (int)bytes, text);
		text += bytes;
	}
}

/* Says what failed, with the server's words. Its details are left out: they show buyers. */
static int say(struct database *database, const PGresult *result, const char *what,
	       struct error *error)
{
	const char *state = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	const bool lost = PQstatus(database->connection) != CONNECTION_OK;
	char text[512];
	char remedy[512];

	snprintf(database->sqlstate, sizeof(database->sqlstate), "%s", state != NULL ? state : "");
	if (state == NULL || message == NULL) {
		one_line(PQerrorMessage(database->connection), text, sizeof(text));
		error_set(error, "PostgreSQL: cannot %s: %s", what, text);
		return lost ? -ENOTCONN : -EPROTO;
	}
	tables_expand(sqlstate_remedy(state), database->schema, remedy, sizeof(remedy));
	error_set(error, "PostgreSQL: cannot %s: %s (SQLSTATE %s)%s%s", what, message, state,
		  remedy[0] != '\0' ? "; " : "", remedy);
	return lost ? -ENOTCONN : sqlstate_passes(state) ? -ECANCELED : -EPROTO;
}

/* A connection that was not made has no result, but a text that may have the server's code. */
static int say_connect(const struct database *database, struct error *error)
{
	char text[512];
	char remedy[512] = "";
	char state[SQLSTATE_BYTES];
	bool refused;

	one_line(PQerrorMessage(database->connection), text, sizeof(text));
	refused = sqlstate_find(text, state) && !sqlstate_passes(state);
	if (refused)
		tables_expand(sqlstate_remedy(state), database->schema, remedy, sizeof(remedy));
	error_set(error, "PostgreSQL: cannot connect: %s%s%s", text, remedy[0] != '\0' ? "; " : "",
		  remedy);
	return refused ? -EACCES : -ENOTCONN;
}

static void drop_notice(void *context, const PGresult *notice)
{
	(void)context;
	(void)notice;
}

/* Waits for the server's next answer. False: it took too long, or the program ends. */
static bool await(PGconn *connection, PostgresPollingStatusType state, uint64_t deadline_ns)
{
	struct pollfd fd = {.fd = PQsocket(connection),
			    .events = state == PGRES_POLLING_READING ? POLLIN : POLLOUT};

	while (poll(&fd, 1, CONNECT_POLL_MS) == 0) {
		if (clock_now_ns() > deadline_ns || signals_end_pending())
			return false;
	}
	return true;
}

/* Asks libpq for the SQLSTATE in its texts, which it gives only if told before the server answers.
 */
static int connect_to(struct database *database, const char *conninfo, struct error *error)
{
	/* A server that is gone without a word must be found out; --to may say otherwise. */
	static const char *const names[] = {"keepalives_idle",
					    "keepalives_interval",
					    "keepalives_count",
					    "tcp_user_timeout",
					    "dbname",
					    "fallback_application_name",
					    NULL};
	const char *values[] = {"20", "5", "3", "30000", conninfo, "doorbuster sink", NULL};
	const uint64_t deadline_ns = clock_now_ns() + CONNECT_NS;
	PostgresPollingStatusType state = PGRES_POLLING_WRITING;
	char *wrong = NULL;
	PQconninfoOption *parsed = PQconninfoParse(conninfo, &wrong);

	if (parsed == NULL) {
		error_set(error, "--to: %.*s", wrong != NULL ? (int)strcspn(wrong, "\n") : 9,
			  wrong != NULL ? wrong : "no memory");
		PQfreemem(wrong);
		return -EINVAL;
	}
	PQconninfoFree(parsed);
	database->connection = PQconnectStartParams(names, values, 1);
	if (database->connection == NULL)
		return error_say(error, -ENOMEM, "no memory");
	PQsetNoticeReceiver(database->connection, drop_notice, NULL);
	PQsetErrorVerbosity(database->connection, PQERRORS_VERBOSE);
	while (PQstatus(database->connection) != CONNECTION_BAD && state != PGRES_POLLING_OK &&
	       state != PGRES_POLLING_FAILED) {
		if (!await(database->connection, state, deadline_ns))
			return error_say(error, -ENOTCONN,
					 "PostgreSQL: cannot connect: no answer in time from %s",
					 PQhost(database->connection));
		state = PQconnectPoll(database->connection);
	}
	PQsetErrorVerbosity(database->connection, PQERRORS_DEFAULT);
	return PQstatus(database->connection) == CONNECTION_OK ? 0 : say_connect(database, error);
}

static bool good(const PGresult *result)
{
	const ExecStatusType status = PQresultStatus(result);

	return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;
}

/* Runs statements that hold '@' for the schema. *out gets the last one's result; NULL: drop it. */
static int run(struct database *database, const char *sql, const char *what, PGresult **out,
	       struct error *error)
{
	char text[TABLES_SQL_BYTES];
	PGresult *result;
	int rc = 0;

	tables_expand(sql, database->schema, text, sizeof(text));
	result = PQexec(database->connection, text);
	if (!good(result))
		rc = say(database, result, what, error);
	if (rc == 0 && out != NULL)
		*out = result;
	else
		PQclear(result);
	return rc;
}

static bool is_true(const PGresult *result, int column)
{
	return PQgetvalue(result, 0, column)[0] == 't';
}

static int busy(const struct database *database, struct error *error)
{
	return error_say(error, -EBUSY,
			 "another sink fills schema %s: stop that one, or name another with "
			 "--schema",
			 database->schema);
}

/* Begins a transaction that sees what others committed before it got the lock. */
static int begin(struct database *database, struct error *error)
{
	PGresult *result;
	int rc = run(database, "BEGIN ISOLATION LEVEL READ COMMITTED", "begin", NULL, error);

	if (rc == 0)
		rc = run(database,
			 "SELECT pg_try_advisory_xact_lock(hashtext(replace('doorbuster sink @', "
			 "'\"', '')))",
			 "take the schema's lock", &result, error);
	if (rc != 0)
		return rc;
	rc = is_true(result, 0) ? 0 : busy(database, error);
	PQclear(result);
	return rc;
}

/* A role that owns no table cannot change it: its owner must. */
static int say_owner_must(const struct database *database, const struct tables_step *step,
			  struct error *error)
{
	char sql[ERROR_BYTES];

	tables_expand(step->make, database->schema, sql, sizeof(sql));
	error_set(error,
		  "PostgreSQL: cannot make %s (SQLSTATE 42501); let the table's owner run: %s",
		  step->name, sql);
	return -EPROTO;
}

static int take_step(struct database *database, const struct tables_step *step, struct error *error)
{
	char what[64];
	int rc;

	if (step->note != NULL)
		cli_warn("%s: %s", database->schema, step->note);
	snprintf(what, sizeof(what), "make %s", step->name);
	rc = run(database, step->make, what, NULL, error);
	if (rc == -EPROTO && tables_is_change(step) && strcmp(database->sqlstate, "42501") == 0)
		return say_owner_must(database, step, error);
	return rc;
}

/* Makes what isn't there, in the order of the steps. */
static int prepare(struct database *database, struct error *error)
{
	char sql[TABLES_SQL_BYTES] = "SELECT ";
	size_t used = strlen(sql);
	PGresult *result;
	int rc;

	for (const struct tables_step *step = tables_steps; step->name != NULL; step++)
		used += (size_t)snprintf(sql + used, sizeof(sql) - used, "%s%s",
					 step == tables_steps ? "" : ", ", step->missing);
	CHECK(used < sizeof(sql));
	rc = run(database, sql, "look for the tables", &result, error);
	if (rc != 0)
		return rc;
	for (int i = 0; rc == 0 && tables_steps[i].name != NULL; i++) {
		if (is_true(result, i))
			rc = take_step(database, &tables_steps[i], error);
	}
	PQclear(result);
	return rc;
}

static bool parse_lane(const PGresult *result, int row, struct cursor *cursor)
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
	PGresult *result;
	int rc = run(database,
		     "SELECT lane, journal_id, next_lsn, segment, block_offset, checksum, extra "
		     "FROM @.lanes ORDER BY lane",
		     "read table lanes", &result, error);

	memset(cursor, 0, sizeof(*cursor));
	if (rc != 0)
		return rc;
	for (int row = 0; rc == 0 && row < PQntuples(result); row++) {
		if (row < SHARDS_MAX && parse_lane(result, row, cursor)) {
			cursor->lanes++;
			continue;
		}
		error_set(error,
			  "%s.lanes: row %d is not one of ours: name another schema with --schema",
			  database->schema, row);
		rc = -EPROTO;
	}
	PQclear(result);
	return rc;
}

static int open_rows(struct database *database, struct error *error)
{
	const uint64_t max = DATABASE_ROWS_FULL + BLOCK_RECORDS_MAX;

	if (pending_open(&database->pending, max, database->schema) == 0 &&
	    tables_open_rows(&database->lanes, SHARDS_MAX, &tables_lanes, database->schema) == 0)
		return 0;
	error_set(error, "no memory");
	return -ENOMEM;
}

int database_open(struct database **out, const char *conninfo, const char *schema,
		  struct cursor *cursor, struct error *error)
{
	struct database *database = calloc(1, sizeof(*database));
	int rc;

	if (database == NULL)
		return error_say(error, -ENOMEM, "no memory");
	database->schema = schema;
	rc = open_rows(database, error);
	if (rc == 0)
		rc = connect_to(database, conninfo, error);
	if (rc == 0)
		rc = begin(database, error);
	if (rc == 0)
		rc = prepare(database, error);
	if (rc == 0)
		rc = load_cursor(database, &database->stored, error);
	if (rc == 0)
		rc = run(database, "COMMIT", "make the tables", NULL, error);
	if (rc != 0) {
		database_close(database);
		return rc;
	}
	*cursor = database->stored;
	*out = database;
	return 0;
}

uint64_t database_pending(const struct database *database)
{
	return pending_rows(&database->pending);
}

static int run_rows(struct database *database, struct rows *rows, const char *sql, const char *what,
		    PGresult **out, struct error *error)
{
	const char *values[ROWS_COLUMNS_MAX];

	rows_values(rows, values);
	*out = PQexecParams(database->connection, sql, (int)rows->column_cnt, NULL, values, NULL,
			    NULL, 0);
	if (good(*out))
		return 0;
	const int rc = say(database, *out, what, error);

	PQclear(*out);
	return rc;
}

/* Some rows were neither inserted nor there with the same content. Are they there at all? */
static int say_others(struct database *database, struct rows *rows, uint64_t lacking,
		      const char *table, struct error *error)
{
	PGresult *result;
	uint64_t there = 0;
	int rc = run_rows(database, rows, rows->count, "count the rows", &result, error);

	if (rc != 0)
		return rc;
	if (cli_parse_u64(PQgetvalue(result, 0, 0), UINT64_MAX, &there) && there < rows->cnt)
		error_set(error,
			  "table %s leaves out %" PRIu64 " of %" PRIu64 " new rows: a trigger or "
			  "rule that is not the sink's does that; drop it",
			  table, rows->cnt - there, rows->cnt);
	else
		error_set(error,
			  "table %s has %" PRIu64 " of these LSNs with other %s: the lane was cut "
			  "by `journal repair` and gives them twice; settle the orders that the "
			  "cut lost (DATA/repaired-*), then fill another schema",
			  table, lacking, table);
	PQclear(result);
	return -EPROTO;
}

static int store_rows(struct database *database, struct rows *rows, const char *table,
		      struct error *error)
{
	PGresult *result;
	char what[64];
	uint64_t stored = 0;
	int rc;

	if (rows->cnt == 0)
		return 0;
	snprintf(what, sizeof(what), "store %s", table);
	rc = run_rows(database, rows, rows->sql, what, &result, error);
	if (rc != 0)
		return rc;
	/* Of an order that is not there nothing changes: it was pruned before this began. */
	if (rows->count[0] != '\0' &&
	    (!cli_parse_u64(PQcmdTuples(result), UINT64_MAX, &stored) || stored != rows->cnt))
		rc = say_others(database, rows, rows->cnt - stored, table, error);
	PQclear(result);
	return rc;
}

static bool same_lane(const struct cursor_lane *a, const struct cursor_lane *b)
{
	return a->mark.next_lsn == b->mark.next_lsn && a->mark.checksum == b->mark.checksum &&
	       a->mark.place.segment == b->mark.place.segment &&
	       a->mark.place.offset == b->mark.place.offset && a->extra == b->extra;
}

/* Another sink that stored something since has its cursor there. */
static int check_cursor(struct database *database, struct error *error)
{
	const struct cursor *seen = &database->seen;
	const struct cursor *stored = &database->stored;
	int rc = load_cursor(database, &database->seen, error);

	if (rc != 0)
		return rc;
	if (seen->lanes != stored->lanes || seen->journal_id != stored->journal_id)
		return busy(database, error);
	for (uint16_t i = 0; i < seen->lanes; i++) {
		if (!same_lane(&seen->lane[i], &stored->lane[i]))
			return busy(database, error);
	}
	return 0;
}

static int store_cursor(struct database *database, const struct cursor *cursor, struct error *error)
{
	struct rows *rows = &database->lanes;
	char hex[17];

	for (uint16_t i = 0; i < cursor->lanes; i++) {
		const struct cursor_lane *lane = &cursor->lane[i];

		if (i < database->stored.lanes && same_lane(lane, &database->stored.lane[i]))
			continue;
		rows_put_u64(rows, i);
		snprintf(hex, sizeof(hex), "%016" PRIx64, cursor->journal_id);
		rows_put_text(rows, hex);
		rows_put_u64(rows, lane->mark.next_lsn);
		rows_put_u64(rows, lane->mark.place.segment);
		rows_put_u64(rows, lane->mark.place.offset);
		snprintf(hex, sizeof(hex), "%016" PRIx64, lane->mark.checksum);
		rows_put_text(rows, hex);
		rows_put_u64(rows, lane->extra);
	}
	return store_rows(database, rows, "lanes", error);
}

/* Stores what is pending, in a transaction that stays open. */
static int store_pending(struct database *database, struct error *error)
{
	struct pending *pending = &database->pending;
	int rc = 0;

	if (!database->begun) {
		rc = begin(database, error);
		if (rc == 0)
			rc = check_cursor(database, error);
	}
	database->begun = true;
	for (unsigned i = 0; rc == 0 && i < PENDING_PARTS; i++)
		rc = store_rows(database, &pending->parts[i], pending_name(i), error);
	database->orders += pending_orders(pending);
	database->changes += pending_changes(pending);
	pending_clear(pending);
	return rc;
}

int database_add(struct database *database, const struct consumer_batch *batch, struct error *error)
{
	DCHECK(database_pending(database) < DATABASE_ROWS_FULL);
	for (uint32_t i = 0; i < batch->record_cnt; i++) {
		const struct record *record = &batch->records[i];
		/* It moves the ends of the holds before it, and of no other. */
		const bool alone = record->kind == RECORD_CLOCK;
		int rc = 0;

		if (alone && database_pending(database) > 0)
			rc = store_pending(database, error);
		if (rc != 0)
			return rc;
		pending_add(&database->pending, batch->lane, batch->first_lsn + i, record);
		if (alone)
			rc = store_pending(database, error);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int database_commit(struct database *database, const struct cursor *cursor,
		    struct database_counts *counts, struct error *error)
{
	const uint16_t lanes = database->stored.lanes;
	int rc = store_pending(database, error);

	if (rc == 0)
		rc = store_cursor(database, cursor, error);
	if (rc == 0)
		rc = run(database, "COMMIT", "commit", NULL, error);
	if (rc != 0)
		return rc;
	database->begun = false;
	counts->orders += database->orders;
	counts->changes += database->changes;
	counts->commits++;
	database->orders = 0;
	database->changes = 0;
	database->stored = *cursor;
	/* A broker may lack lanes of which nothing was read yet; the table has their rows. */
	if (database->stored.lanes < lanes)
		database->stored.lanes = lanes;
	rows_clear(&database->lanes);
	return 0;
}

void database_close(struct database *database)
{
	if (database == NULL)
		return;
	PQfinish(database->connection);
	pending_close(&database->pending);
	rows_close(&database->lanes);
	free(database);
}
