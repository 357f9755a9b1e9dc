/*
 * report: what a run looks like while it goes and when it is over.
 */
#ifndef DB_TOOLS_LOAD_REPORT_H
#define DB_TOOLS_LOAD_REPORT_H

#include <stdint.h>

#include "net/client.h"
#include "tools/load/drive.h"
#include "tools/load/options.h"
#include "tools/load/run_prepared.h"
#include "tools/load/tally.h"

/* A bar on stderr, if that is a terminal; redrawn a few times a second. */
void report_progress_begin(void);
void report_progress(const struct tally *tally, uint64_t submitted, uint64_t total,
		     uint64_t elapsed_ns);
void report_progress_end(void);

struct report {
	const struct load_options *options;
	const struct scenario *scenario;
	const struct tally *tally;
	const struct drive_result *result;
	const struct client_stats *stats;    /* NULL: prepared */
	const struct prepared_run *prepared; /* NULL: not */
	uint64_t port_reopened_cnt;          /* times that it went deaf, and was opened anew */
};

void report_table(const struct report *report);
void report_json(const struct report *report);

#endif
