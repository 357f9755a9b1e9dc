/*
 * report: what a run looks like when it is over, in words or as one JSON object.
 */
#ifndef DB_TOOLS_LOAD_REPORT_H
#define DB_TOOLS_LOAD_REPORT_H

#include <stdint.h>

#include "net/client.h"
#include "tools/load/baskets.h"
#include "tools/load/drive.h"
#include "tools/load/holds.h"
#include "tools/load/options.h"
#include "tools/load/run_prepared.h"
#include "tools/load/tally.h"

struct report {
	const struct load_options *options;
	const struct scenario *scenario;
	const struct tally *tally;
	const struct drive_result *result;
	const struct client_stats *stats;    /* NULL: prepared */
	const struct prepared_run *prepared; /* NULL: not */
	uint64_t port_reopened_cnt;          /* times that it went deaf, and was opened anew */
	const struct holds_figures *holds;   /* NULL: another scenario */
	const struct baskets_figures *baskets;
	const struct stock *stock; /* of these two */
};

void report_table(const struct report *report);
void report_json(const struct report *report);

#endif
