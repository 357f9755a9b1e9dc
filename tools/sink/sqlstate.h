/*
 * sqlstate: what the five characters of a server's error mean to the sink. The codes are those of
 * PostgreSQL's manual, appendix "PostgreSQL Error Codes".
 *
 * Pure functions, any thread.
 */
#ifndef DB_TOOLS_SINK_SQLSTATE_H
#define DB_TOOLS_SINK_SQLSTATE_H

#include <stdbool.h>

enum {
	SQLSTATE_BYTES = 6, /* with the 0 at the end */
};

/* Whether the same transaction may succeed later, although nobody changes anything: true of a
 * failover, a deadlock, a timeout, a full disk, too many connections. */
bool sqlstate_passes(const char *sqlstate);

/* What to do, with an '@' where the schema's name belongs; "" if the server's own text says it. */
const char *sqlstate_remedy(const char *sqlstate);

/* Finds the code in a text of libpq's verbosity "verbose", as in "FATAL:  28P01: ..."; for errors
 * that come without a result. False: there is none. */
bool sqlstate_find(const char *text, char out[SQLSTATE_BYTES]);

#endif
