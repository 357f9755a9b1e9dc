/*
 * report: what the server prints for its operator when it begins to sell and at the end, on stdout:
 * one line a fact, words and numbers, easy to read and to parse.
 */
#ifndef DB_ENGINE_SERVE_REPORT_H
#define DB_ENGINE_SERVE_REPORT_H

#include <stdint.h>

#include "engine/lane/lane.h"
#include "engine/serve/options.h"
#include "engine/worker/worker.h"

/* `ready ...`: what it runs on; metrics: the address at which it answers them, NULL: none. If a
 * part of the tables is not on reserved hugepages, stderr says so. */
void serve_report_ready(const struct serve_options *options, const struct lane *lanes,
			const char *metrics, bool zero_copy, uint64_t offers_added);

/* Adds a worker's counters to the sum. */
void serve_report_add(struct worker_counters *sum, const struct worker_counters *counters);

/* `traffic ...`, `drops REASON N`, `verdicts NAME N`: every reason and verdict that occurred. */
void serve_report_traffic(const struct worker_counters *sum, uint64_t missed);

/*
 * `worker ...` for each: its turns, and what its thread allocated while it sold. Then `stage
 * NAME ...`: cycles and ns a request, over all workers, of the turns that were timed. Time in which
 * a worker sleeps in the kernel to let the disk work counts as journal. tsc_hz: cycles a second.
 */
void serve_report_work(struct worker *const *workers, const struct serve_options *options,
		       uint64_t tsc_hz);

/* `lane ...` for each, and as the last line `drained orders=N units=N state_hash=...`; if a lane
 * failed, `failed orders=N units=N state_hash=unknown`. */
void serve_report_lanes(const struct lane *lanes, uint16_t shard_cnt);

#endif
