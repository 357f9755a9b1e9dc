#include "tools/sink/sqlstate.h"

#include <stddef.h>
#include <string.h>

#define OWN_TABLES "; the statements are those of `doorbuster sink --schema @ --print-sql`"

struct meaning {
	const char *prefix; /* the longer one of two comes first */
	const char *remedy;
};

/* Classes and codes that pass. */
static const char *const passing[] = {
	"08",    /* the connection was lost, or a pooler has none */
	"25006", /* read-only: after a failover, or while the disk is full */
	"25P03", /* the transaction was idle for too long */
	"25P04", /* the transaction took too long */
	"40",    /* deadlock, serialization, and others that ask for the same again */
	"53",    /* disk, memory, connections */
	"55P03", /* a lock was not there in time */
	"57014", /* cancelled, by a timeout or by somebody */
	"57P0",  /* the server stops, starts, or recovers from a crash */
};

static const struct meaning meanings[] = {
	{"22003", "the table is of an earlier version, whose order_id ends at 2^63: run ALTER "
		  "TABLE @.orders ALTER order_id TYPE numeric(20)"},
	{"23502", "a column that is not the sink's has no default: give it one, or let it be NULL"},
	{"23", "a constraint that is not the sink's refuses orders that are sold: drop it, or make "
	       "it a report"},
	{"28", "check user and password of --to, and the server's pg_hba.conf"},
	{"3D000", "make the database, or name another in --to"},
	{"42501",
	 "let this role have USAGE and CREATE on schema @ and SELECT, INSERT and UPDATE on "
	 "its tables, or make the tables as their owner" OWN_TABLES},
	{"42701", "a column that is not the sink's has the name of one of its: rename yours"},
	{"42703", "the tables of schema @ lack a column of the sink's: add it, or name another "
		  "schema" OWN_TABLES},
	{"42804", "a column of schema @ has another type than the sink's: change it, or name "
		  "another schema" OWN_TABLES},
	{"42P01", "a table of schema @ was removed: start the sink again to make it"},
	{"42P10", "the table lacks its PRIMARY KEY (lane, lsn): add it" OWN_TABLES},
	{"P0001", "a trigger that is not the sink's refuses orders that are sold: drop it, or let "
		  "it pass them"},
};

bool sqlstate_passes(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
		if (strncmp(sqlstate, passing[i], strlen(passing[i])) == 0)
			return true;
	}
	return false;
}

const char *sqlstate_remedy(const char *sqlstate)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (strncmp(sqlstate, meanings[i].prefix, strlen(meanings[i].prefix)) == 0)
			return meanings[i].remedy;
	}
	return "";
}

bool sqlstate_find(const char *text, char out[SQLSTATE_BYTES])
{
	static const char allowed[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

	for (const char *at = strstr(text, ":  "); at != NULL; at = strstr(at + 1, ":  ")) {
		const char *code = at + 3;

		if (strspn(code, allowed) == SQLSTATE_BYTES - 1 &&
		    strncmp(code + SQLSTATE_BYTES - 1, ": ", 2) == 0) {
			memcpy(out, code, SQLSTATE_BYTES - 1);
			out[SQLSTATE_BYTES - 1] = '\0';
			return true;
		}
	}
	return false;
}
