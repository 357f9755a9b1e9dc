/*
 * run_prepared: a run whose datagrams are all built before it begins (volley.h): asks the engine
 * how many shards it has, prepares, fixes the instants, sends.
 */
#ifndef DB_TOOLS_LOAD_RUN_PREPARED_H
#define DB_TOOLS_LOAD_RUN_PREPARED_H

#include <stddef.h>

#include "engine/base/error.h"
#include "net/client.h"
#include "tools/load/options.h"
#include "tools/load/scenario.h"
#include "tools/load/tally.h"
#include "tools/load/volley.h"

struct prepared_run {
	struct volley volley;
	uint64_t datagrams;
	uint64_t undetermined; /* mixed: rested on a reply that was lost */
};

/* key: NULL for echo. The tally must be open. scenario->dated becomes what the engine knows. 0, or
 * -errno with a line in error. */
int run_prepared(const struct load_options *options, struct scenario *scenario,
		 struct client_transport *transport, const struct key *key, struct tally *tally,
		 struct prepared_run *run, struct error *error);

#endif
