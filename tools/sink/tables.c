#include "tools/sink/tables.h"

#include <string.h>

#include "engine/base/check.h"

#define CLASS(table)                                                                               \
	"SELECT FROM pg_catalog.pg_class c WHERE c.relnamespace = to_regnamespace('@')"            \
	" AND c.relname = '" table "'"
#define NO_TABLE(table) "NOT EXISTS (" CLASS(table) ")"
/* Of a table that is there. */
#define NO_COLUMN(table, column)                                                                   \
	"EXISTS (" CLASS(table) " AND NOT EXISTS (SELECT FROM pg_catalog.pg_attribute a"           \
				" WHERE a.attrelid = c.oid AND a.attname = '" column "'"           \
				" AND NOT a.attisdropped))"
/* Any index that begins with the column is one. Who doesn't own a table can't make any. */
#define NO_INDEX(table, column)                                                                    \
	"NOT EXISTS (" CLASS(table) " AND (NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')"        \
				    " OR EXISTS (SELECT FROM pg_catalog.pg_index i"                \
				    " JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid"   \
				    " AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid"         \
				    " AND a.attname = '" column "')))"
#define INDEX(table, column)                                                                       \
	{                                                                                          \
		"an index on " table "." column, NO_INDEX(table, column),                          \
			"CREATE INDEX IF NOT EXISTS " table "_" column " ON @." table " (" column  \
			")",                                                                       \
			NULL                                                                       \
	}

/* Of the table that UPDATEs of expired holds read. */
#define NO_HELD_INDEX                                                                              \
	"NOT EXISTS (" CLASS("orders") " AND (NOT pg_catalog.pg_has_role(c.relowner, 'USAGE')"     \
				       " OR to_regclass('@.orders_held') IS NOT NULL))"
/*
 * u64 fits no integer of SQL, an order id of lane 128 and above neither. A clock of the kernel
 * does: it ends at 2^63 ns.
 */
const struct tables_step tables_steps[] = {
	{"the schema", "to_regnamespace('@') IS NULL", "CREATE SCHEMA IF NOT EXISTS @", NULL},
	{"table orders", NO_TABLE("orders"),
	 "CREATE TABLE IF NOT EXISTS @.orders (lane smallint, lsn bigint, order_id numeric(20) NOT "
	 "NULL,"
	 " at timestamptz NOT NULL, at_ns bigint NOT NULL, request_id uuid NOT NULL,"
	 " buyer numeric(20) NOT NULL, sku numeric(20) NOT NULL, quantity integer NOT NULL,"
	 " unit_price numeric(20) NOT NULL, max_price numeric(20) NOT NULL,"
	 " channel bigint NOT NULL, state text NOT NULL DEFAULT 'sold',"
	 " held integer NOT NULL DEFAULT 0, sold integer NOT NULL DEFAULT 0,"
	 " returned integer NOT NULL DEFAULT 0, written_off integer NOT NULL DEFAULT 0,"
	 " refunded integer NOT NULL DEFAULT 0, extended boolean NOT NULL DEFAULT false,"
	 " ends_at timestamptz, ends_at_ns bigint, since_lsn bigint, changed_lsn bigint,"
	 " changed_at timestamptz, PRIMARY KEY (lane, lsn))",
	 NULL},
	/* Changing the type computes the column without firing triggers of UPDATE. */
	{"column orders.at", NO_COLUMN("orders", "at"),
	 "ALTER TABLE @.orders ADD COLUMN at timestamptz;"
	 "ALTER TABLE @.orders ALTER COLUMN at TYPE timestamptz"
	 " USING timestamptz 'epoch' + at_ns / 1000 * interval '1 microsecond'",
	 "the schema is of an earlier version: table orders gets the column at; the new table "
	 "offers gets the offers from here on, another schema would get all"},
	{"the columns of holds in orders", NO_COLUMN("orders", "since_lsn"),
	 "ALTER TABLE @.orders ADD COLUMN state text NOT NULL DEFAULT 'sold',"
	 " ADD COLUMN held integer NOT NULL DEFAULT 0, ADD COLUMN sold integer,"
	 " ADD COLUMN returned integer NOT NULL DEFAULT 0,"
	 " ADD COLUMN written_off integer NOT NULL DEFAULT 0,"
	 " ADD COLUMN refunded integer NOT NULL DEFAULT 0,"
	 " ADD COLUMN extended boolean NOT NULL DEFAULT false, ADD COLUMN ends_at timestamptz,"
	 " ADD COLUMN ends_at_ns bigint, ADD COLUMN since_lsn bigint,"
	 " ADD COLUMN changed_lsn bigint, ADD COLUMN changed_at timestamptz;"
	 "ALTER TABLE @.orders ALTER COLUMN sold TYPE integer USING quantity,"
	 " ALTER COLUMN sold SET DEFAULT 0, ALTER COLUMN sold SET NOT NULL",
	 "the schema is of an earlier version: table orders gets the columns of holds, and is "
	 "rewritten once for that"},
	INDEX("orders", "buyer"),
	INDEX("orders", "request_id"),
	INDEX("orders", "order_id"),
	{"an index on the open holds of orders", NO_HELD_INDEX,
	 "CREATE INDEX IF NOT EXISTS orders_held ON @.orders (lane, sku, since_lsn)"
	 " WHERE state = 'held'",
	 NULL},
	{"table offers", NO_TABLE("offers"),
	 "CREATE TABLE IF NOT EXISTS @.offers (lane smallint, lsn bigint, at timestamptz NOT NULL,"
	 " at_ns bigint NOT NULL, sku numeric(20) NOT NULL, stock bigint NOT NULL,"
	 " unit_price numeric(20) NOT NULL, limit_per_buyer bigint NOT NULL,"
	 " opens_at timestamptz, closes_at timestamptz, hold_seconds bigint NOT NULL,"
	 " extensions integer NOT NULL DEFAULT 0, extend_seconds bigint NOT NULL DEFAULT 0,"
	 " sku_group bigint NOT NULL DEFAULT 0, group_limit integer NOT NULL DEFAULT 0,"
	 " PRIMARY KEY (lane, lsn))",
	 NULL},
	{"the columns of holds in offers", NO_COLUMN("offers", "extend_seconds"),
	 "ALTER TABLE @.offers ADD COLUMN extensions integer NOT NULL DEFAULT 0,"
	 " ADD COLUMN extend_seconds bigint NOT NULL DEFAULT 0,"
	 " ADD COLUMN sku_group bigint NOT NULL DEFAULT 0,"
	 " ADD COLUMN group_limit integer NOT NULL DEFAULT 0",
	 NULL},
	INDEX("offers", "sku"),
	{"table lanes", NO_TABLE("lanes"),
	 "CREATE TABLE IF NOT EXISTS @.lanes (lane smallint PRIMARY KEY, journal_id text NOT NULL,"
	 " next_lsn bigint NOT NULL, segment bigint NOT NULL, block_offset bigint NOT NULL,"
	 " checksum text NOT NULL, extra bigint NOT NULL)",
	 NULL},
	{NULL, NULL, NULL, NULL},
};

/* Of the offer that was on sale when this lane had that LSN. */
#define OFFER_THEN(column, row, lsn)                                                               \
	"(SELECT f." #column " FROM @.offers f WHERE f.lane = " #row ".lane AND f.sku = " #row     \
	".sku AND f.lsn < " #lsn " ORDER BY f.lsn DESC LIMIT 1)"

static const struct rows_column order_columns[] = {
	{"lane", "smallint"},
	{"lsn", "bigint"},
	{"order_id", "numeric"},
	{"at", "timestamptz"},
	{"at_ns", "bigint"},
	{"request_id", "uuid"},
	{"buyer", "numeric"},
	{"sku", "numeric"},
	{"quantity", "integer"},
	{"unit_price", "numeric"},
	{"max_price", "numeric"},
	{"channel", "bigint"},
	{NULL, NULL},
};

#define INSERT_ORDER                                                                               \
	"INSERT INTO @.orders AS o (lane, lsn, order_id, at, at_ns, request_id, buyer, sku,"       \
	" quantity, unit_price, max_price, channel, "
#define SAME_ORDER                                                                                 \
	" ON CONFLICT (lane, lsn) DO UPDATE SET lsn = EXCLUDED.lsn"                                \
	" WHERE (o.request_id, o.order_id, o.buyer, o.sku, o.quantity) ="                          \
	" (EXCLUDED.request_id, EXCLUDED.order_id, EXCLUDED.buyer, EXCLUDED.sku,"                  \
	" EXCLUDED.quantity)"

const struct tables_store tables_orders = {
	.table = "orders",
	.columns = order_columns,
	.sql = INSERT_ORDER "sold) SELECT t.*, t.quantity FROM #" SAME_ORDER,
};

/* To the microsecond, cut. */
#define ENDS_AT "timestamptz 'epoch' + e.ns / 1000 * interval '1 microsecond'"
#define HELD_NS "t.at_ns + 1000000000 * " OFFER_THEN(hold_seconds, t, t.lsn)

const struct tables_store tables_holds = {
	.table = "orders",
	.columns = order_columns,
	.sql = INSERT_ORDER "state, held, since_lsn, ends_at_ns, ends_at)"
			    " SELECT t.*, 'held', t.quantity, t.lsn, e.ns, " ENDS_AT
			    " FROM # CROSS JOIN LATERAL (SELECT " HELD_NS " AS ns) AS e" SAME_ORDER,
};

static const struct rows_column offer_columns[] = {
	{"lane", "smallint"},         {"lsn", "bigint"},
	{"at", "timestamptz"},        {"at_ns", "bigint"},
	{"sku", "numeric"},           {"stock", "bigint"},
	{"unit_price", "numeric"},    {"limit_per_buyer", "bigint"},
	{"opens_at", "timestamptz"},  {"closes_at", "timestamptz"},
	{"hold_seconds", "bigint"},   {"extensions", "integer"},
	{"extend_seconds", "bigint"}, {"sku_group", "bigint"},
	{"group_limit", "integer"},   {NULL, NULL},
};

const struct tables_store tables_offers = {
	.table = "offers",
	.columns = offer_columns,
	.sql = "INSERT INTO @.offers AS o (lane, lsn, at, at_ns, sku, stock, unit_price,"
	       " limit_per_buyer, opens_at, closes_at, hold_seconds, extensions, extend_seconds,"
	       " sku_group, group_limit) SELECT * FROM #"
	       " ON CONFLICT (lane, lsn) DO UPDATE SET lsn = EXCLUDED.lsn"
	       " WHERE (o.sku, o.stock, o.unit_price, o.limit_per_buyer) ="
	       " (EXCLUDED.sku, EXCLUDED.stock, EXCLUDED.unit_price, EXCLUDED.limit_per_buyer)",
};

static const struct rows_column lane_columns[] = {
	{"lane", "smallint"},       {"journal_id", "text"},
	{"next_lsn", "bigint"},     {"segment", "bigint"},
	{"block_offset", "bigint"}, {"checksum", "text"},
	{"extra", "bigint"},        {NULL, NULL},
};

const struct tables_store tables_lanes = {
	.table = "lanes",
	.columns = lane_columns,
	.sql = "INSERT INTO @.lanes AS o (lane, journal_id, next_lsn, segment, block_offset,"
	       " checksum, extra) SELECT * FROM #"
	       " ON CONFLICT (lane) DO UPDATE SET next_lsn = EXCLUDED.next_lsn,"
	       " segment = EXCLUDED.segment, block_offset = EXCLUDED.block_offset,"
	       " checksum = EXCLUDED.checksum, extra = EXCLUDED.extra",
};

static const struct rows_column change_columns[] = {
	{"lane", "smallint"},    {"order_lsn", "bigint"},
	{"lsn", "bigint"},       {"at", "timestamptz"},
	{"at_ns", "bigint"},     {"what", "text"},
	{"quantity", "integer"}, {NULL, NULL},
};

/* The units of one kind of change, together. */
#define UNITS(kind)                                                                                \
	"coalesce(sum(t.quantity) FILTER (WHERE t.what = '" #kind "'), 0)::integer AS " #kind ", "
#define ALL_UNITS UNITS(confirm) UNITS(refund) UNITS(release) UNITS(return ) UNITS(write_off)
/* The changes of each order together, of those that came after what the table has of it. */
#define CHANGES_OF_ORDERS                                                                          \
	"(SELECT t.lane, t.order_lsn, " ALL_UNITS "max(t.lsn) AS lsn,"                             \
	" (array_agg(t.at ORDER BY t.lsn DESC))[1] AS at,"                                         \
	" max(t.lsn) FILTER (WHERE t.what = 'extend') AS extend_lsn,"                              \
	" (array_agg(t.at_ns ORDER BY t.lsn DESC) FILTER (WHERE t.what = 'extend'))[1]"            \
	" AS extend_ns FROM # JOIN @.orders p ON p.lane = t.lane AND p.lsn = t.order_lsn"          \
	" WHERE p.changed_lsn IS NULL OR p.changed_lsn < t.lsn GROUP BY t.lane, t.order_lsn)"
#define EXTENDED_NS "c.extend_ns + 1000000000 * " OFFER_THEN(extend_seconds, p, c.extend_lsn)

const struct tables_store tables_changes = {
	.columns = change_columns,
	.sql = "UPDATE @.orders AS o SET state = CASE WHEN c.refund > 0 THEN 'refunded'"
	       " WHEN c.confirm > 0 OR o.state = 'sold' THEN CASE"
	       " WHEN o.sold + c.confirm > c.return + c.write_off THEN 'sold' ELSE 'returned' END"
	       " WHEN o.state = 'held' AND o.held <= c.release THEN 'released' ELSE o.state END,"
	       " held = CASE WHEN c.refund + c.confirm > 0 THEN 0 ELSE o.held - c.release END,"
	       " sold = o.sold + c.confirm - c.return - c.write_off,"
	       " returned = o.returned + c.return, written_off = o.written_off + c.write_off,"
	       " refunded = o.refunded + c.refund, extended = o.extended OR"
	       " c.extend_lsn IS NOT NULL,"
	       " since_lsn = coalesce(c.extend_lsn, o.since_lsn),"
	       " ends_at_ns = CASE WHEN c.extend_lsn > 0 THEN e.ns ELSE o.ends_at_ns END,"
	       " ends_at = CASE WHEN c.extend_lsn > 0 THEN " ENDS_AT " ELSE o.ends_at END,"
	       " changed_lsn = c.lsn, changed_at = c.at FROM " CHANGES_OF_ORDERS " AS c"
	       " JOIN @.orders p ON p.lane = c.lane AND p.lsn = c.order_lsn"
	       " CROSS JOIN LATERAL (SELECT CASE WHEN c.extend_lsn > 0 THEN " EXTENDED_NS
	       " END AS ns) AS e WHERE o.lane = c.lane AND o.lsn = c.order_lsn",
};

static const struct rows_column run_columns[] = {
	{"lane", "smallint"},    {"lsn", "bigint"},       {"at", "timestamptz"}, {"sku", "numeric"},
	{"extended", "boolean"}, {"up_to_lsn", "bigint"}, {NULL, NULL},
};

#define EXPIRED                                                                                    \
	"UPDATE @.orders AS o SET state = 'expired', held = 0, changed_lsn = t.lsn,"               \
	" changed_at = t.at FROM "

/* Each run takes what those before it left. */
const struct tables_store tables_runs = {
	.columns = run_columns,
	.sql = EXPIRED "(SELECT t.*, coalesce(lag(t.up_to_lsn) OVER (PARTITION BY t.lane, t.sku,"
		       " t.extended ORDER BY t.lsn), 0) AS after_lsn FROM #) AS t"
		       " WHERE o.lane = t.lane AND o.sku = t.sku AND o.state = 'held'"
		       " AND o.extended = t.extended AND o.since_lsn > t.after_lsn"
		       " AND o.since_lsn <= t.up_to_lsn",
};

static const struct rows_column one_columns[] = {
	{"lane", "smallint"}, {"order_lsn", "bigint"}, {"lsn", "bigint"}, {"at", "timestamptz"},
	{NULL, NULL},
};

const struct tables_store tables_ones = {
	.columns = one_columns,
	.sql = EXPIRED "# WHERE o.lane = t.lane AND o.lsn = t.order_lsn AND o.state = 'held'",
};

static const struct rows_column clock_columns[] = {
	{"lane", "smallint"}, {"lsn", "bigint"}, {"at_ns", "bigint"},
	{"was_ns", "bigint"}, {NULL, NULL},
};

const struct tables_store tables_clocks = {
	.columns = clock_columns,
	.sql = "UPDATE @.orders AS o SET ends_at_ns = e.ns, ends_at = " ENDS_AT ","
	       " changed_lsn = t.lsn FROM # JOIN @.orders p ON p.lane = t.lane"
	       " CROSS JOIN LATERAL (SELECT p.ends_at_ns - t.was_ns + t.at_ns AS ns) AS e"
	       " WHERE o.lane = p.lane AND o.lsn = p.lsn AND p.state = 'held'"
	       " AND p.since_lsn < t.lsn AND (p.changed_lsn IS NULL OR p.changed_lsn < t.lsn)",
};

void tables_expand(const char *sql, const char *schema, char *out, size_t out_bytes)
{
	size_t used = 0;

	out[0] = '\0';
	for (; *sql != '\0'; sql++) {
		const size_t room = out_bytes - used;

		used += (size_t)(*sql == '@' ? snprintf(out + used, room, "\"%s\"", schema)
					     : snprintf(out + used, room, "%c", *sql));
		CHECK(used < out_bytes);
	}
}

int tables_open_rows(struct rows *rows, uint64_t max, const struct tables_store *store,
		     const char *schema)
{
	char sql[ROWS_SQL_BYTES];
	char table[128];

	tables_expand(store->sql, schema, sql, sizeof(sql));
	if (store->table == NULL)
		return rows_open(rows, max, NULL, store->columns, sql);
	snprintf(table, sizeof(table), "\"%s\".%s", schema, store->table);
	return rows_open(rows, max, table, store->columns, sql);
}

bool tables_is_change(const struct tables_step *step)
{
	return strncmp(step->make, "ALTER", strlen("ALTER")) == 0;
}

void tables_print(const char *schema, FILE *out)
{
	static char sql[TABLES_SQL_BYTES];

	for (const struct tables_step *step = tables_steps; step->name != NULL; step++) {
		if (tables_is_change(step))
			continue;
		tables_expand(step->make, schema, sql, sizeof(sql));
		fprintf(out, "%s;\n", sql);
	}
}
