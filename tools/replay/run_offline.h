/*
 * run_offline: a capture through one or more sales on paper, in one reading.
 */
#ifndef DB_TOOLS_REPLAY_RUN_OFFLINE_H
#define DB_TOOLS_REPLAY_RUN_OFFLINE_H

#include "engine/catalog/catalog.h"
#include "tools/replay/compare.h"
#include "tools/replay/offline.h"
#include "tools/replay/options.h"
#include "tools/replay/reader.h"

/* One of the sales side by side. */
struct sale {
	const char *name; /* of the command line */
	struct catalog *catalog;
	struct offline *engine;
	struct compare *compare;
};

struct offline_run {
	const struct replay_options *options;
	struct reader *reader;
	struct sale sales[VARIANTS_MAX];
	uint32_t sale_cnt;
	uint64_t took_ns;
	bool begun;        /* there was a request that was admitted: */
	uint64_t first_ns; /* its instant */
	bool interrupted;
	bool finished; /* the sales' journals are closed, their shards can be asked */
};

/* An exit code. */
int run_offline(const struct replay_options *options);

#endif
