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
	 " channel bigint NOT NULL, PRIMARY KEY (lane, lsn))",
	 NULL},
	/* Changing the type computes the column without firing triggers of UPDATE. */
	{"column orders.at", NO_COLUMN("orders", "at"),
	 "ALTER TABLE @.orders ADD COLUMN at timestamptz;"
	 "ALTER TABLE @.orders ALTER COLUMN at TYPE timestamptz"
	 " USING timestamptz 'epoch' + at_ns / 1000 * interval '1 microsecond'",
	 "the schema is of an earlier version: table orders gets the column at; the new table "
	 "offers gets the offers from here on, another schema would get all"},
	INDEX("orders", "buyer"),
	INDEX("orders", "request_id"),
	INDEX("orders", "order_id"),
	{"table offers", NO_TABLE("offers"),
	 "CREATE TABLE IF NOT EXISTS @.offers (lane smallint, lsn bigint, at timestamptz NOT NULL,"
	 " at_ns bigint NOT NULL, sku numeric(20) NOT NULL, stock bigint NOT NULL,"
	 " unit_price numeric(20) NOT NULL, limit_per_buyer bigint NOT NULL,"
	 " opens_at timestamptz, closes_at timestamptz, hold_seconds bigint NOT NULL,"
	 " PRIMARY KEY (lane, lsn))",
	 NULL},
	INDEX("offers", "sku"),
	{"table lanes", NO_TABLE("lanes"),
	 "CREATE TABLE IF NOT EXISTS @.lanes (lane smallint PRIMARY KEY, journal_id text NOT NULL,"
	 " next_lsn bigint NOT NULL, segment bigint NOT NULL, block_offset bigint NOT NULL,"
	 " checksum text NOT NULL, extra bigint NOT NULL)",
	 NULL},
	{NULL, NULL, NULL, NULL},
};

const struct rows_column tables_orders[] = {
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

/* Each order is inserted, or is there already with the same content. */
const char tables_orders_conflict[] =
	"ON CONFLICT (lane, lsn) DO UPDATE SET lsn = EXCLUDED.lsn"
	" WHERE (o.request_id, o.order_id, o.buyer, o.sku, o.quantity) ="
	" (EXCLUDED.request_id, EXCLUDED.order_id, EXCLUDED.buyer, EXCLUDED.sku, "
	"EXCLUDED.quantity)";

const struct rows_column tables_offers[] = {
	{"lane", "smallint"},        {"lsn", "bigint"},
	{"at", "timestamptz"},       {"at_ns", "bigint"},
	{"sku", "numeric"},          {"stock", "bigint"},
	{"unit_price", "numeric"},   {"limit_per_buyer", "bigint"},
	{"opens_at", "timestamptz"}, {"closes_at", "timestamptz"},
	{"hold_seconds", "bigint"},  {NULL, NULL},
};

const char tables_offers_conflict[] =
	"ON CONFLICT (lane, lsn) DO UPDATE SET lsn = EXCLUDED.lsn"
	" WHERE (o.sku, o.stock, o.unit_price, o.limit_per_buyer) ="
	" (EXCLUDED.sku, EXCLUDED.stock, EXCLUDED.unit_price, EXCLUDED.limit_per_buyer)";

const struct rows_column tables_lanes[] = {
	{"lane", "smallint"},       {"journal_id", "text"},
	{"next_lsn", "bigint"},     {"segment", "bigint"},
	{"block_offset", "bigint"}, {"checksum", "text"},
	{"extra", "bigint"},        {NULL, NULL},
};

const char tables_lanes_conflict[] =
	"ON CONFLICT (lane) DO UPDATE SET next_lsn = EXCLUDED.next_lsn,"
	" segment = EXCLUDED.segment, block_offset = EXCLUDED.block_offset,"
	" checksum = EXCLUDED.checksum, extra = EXCLUDED.extra";

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

void tables_print(const char *schema, FILE *out)
{
	static char sql[TABLES_SQL_BYTES];

	for (const struct tables_step *step = tables_steps; step->name != NULL; step++) {
		if (strncmp(step->make, "ALTER", strlen("ALTER")) == 0)
			continue;
		tables_expand(step->make, schema, sql, sizeof(sql));
		fprintf(out, "%s;\n", sql);
	}
}
