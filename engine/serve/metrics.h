/*
 * metrics: what the engine answers at --metrics: its counters as metrics.def lists them, and
 * whether every lane sells. It answers from the start's first moment on. Reads the workers'
 * counters at no cost to them (relaxed.h), on the thread of http_server, which has the control
 * thread's CPU. Where every CPU has a worker, that thread runs only while the CPU is idle
 * (SCHED_IDLE).
 */
#ifndef DB_ENGINE_SERVE_METRICS_H
#define DB_ENGINE_SERVE_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/segments.h"
#include "engine/serve/options.h"
#include "engine/serve/port_health.h"
#include "engine/serve/progress.h"
#include "engine/worker/worker.h"

struct serve_metrics;

/* What it reads; all of it must outlive serve_metrics_close. */
struct serve_metrics_view {
	const struct worker_shared *shared;
	struct worker *const *workers;          /* [core_cnt] */
	struct segment_source *const *segments; /* [shards] */
	const struct port_watch *port_watch;
	const atomic_bool *draining;
	uint64_t tsc_hz;
};

/*
 * Begins to answer: /healthz with 503 and how far the start is, /metrics with what there is of the
 * process. fd: from http_server_bind; takes it over. options and progress must outlive
 * serve_metrics_close. 0 or -errno with a line in error.
 */
int serve_metrics_open(struct serve_metrics **out, const struct serve_options *options,
		       const struct progress *progress, int fd, struct error *error);

/* From now on /metrics has everything; as soon as the start is over, /healthz says what is wrong.
 * Control thread, once. */
void serve_metrics_show(struct serve_metrics *metrics, const struct serve_metrics_view *view);

/* Whether a lane remembers all the orders it can, and has units left that nobody can buy. Any
 * thread. */
bool serve_table_is_full(const struct shard *shard);

/* Whether it has no room for further holds, or for changes of those that there are. Any thread. */
bool serve_holds_are_full(const struct shard *shard);

/* Whether it has no room for further lines that its baskets have in other shards; false where there
 * are none. Any thread. */
bool serve_links_are_full(const struct shard *shard);

/* What a link that is not up is called. */
const char *serve_link_text(enum port_link link);

/* NULL is allowed. */
void serve_metrics_close(struct serve_metrics *metrics);

#endif
