/*
 * report: what a replay says at its end, on stdout, in words or as one JSON object.
 */
#ifndef DB_TOOLS_REPLAY_REPORT_H
#define DB_TOOLS_REPLAY_REPORT_H

#include <stdio.h>

#include "tools/replay/compare.h"
#include "tools/replay/live_counts.h"
#include "tools/replay/offline_run.h"
#include "tools/replay/reader.h"

/* Which packets of a capture were used and which not, in words. */
void report_reading(const struct reader *reader, FILE *out);

void report_offline(const struct offline_run *run);
void report_offline_json(const struct offline_run *run);

void report_live(const struct reader *reader, const struct live_counts *counts,
		 const struct compare *compare);
void report_live_json(const struct reader *reader, const struct live_counts *counts,
		      const struct compare *compare);

#endif
