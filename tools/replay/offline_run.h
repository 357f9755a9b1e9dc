/*
 * offline_run: one reading of a capture through offline sales, and its figures. run_offline.c fills
 * it, report.c reports it.
 */
#ifndef DB_TOOLS_REPLAY_OFFLINE_RUN_H
#define DB_TOOLS_REPLAY_OFFLINE_RUN_H

#include <stdbool.h>
#include <stdint.h>

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

#endif
