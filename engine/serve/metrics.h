/*
 * metrics: what the engine answers at --metrics: its counters as metrics.def lists them, and
 * whether every lane sells. Reads the workers' counters at no cost to them (relaxed.h), on the
 * thread of http_server, which has the control thread's CPU. Where every CPU has a worker, that
 * thread runs only while the CPU is idle (SCHED_IDLE).
 */
#ifndef DB_ENGINE_SERVE_METRICS_H
#define DB_ENGINE_SERVE_METRICS_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/segments.h"
#include "engine/serve/options.h"
#include "engine/serve/port_health.h"
#include "engine/worker/worker.h"

struct serve_metrics;

/* What it reads; all of it must outlive serve_metrics_close. */
struct serve_metrics_view {
	const struct serve_options *options;
	const struct worker_shared *shared;
	struct worker *const *workers;          /* [core_cnt] */
	struct segment_source *const *segments; /* [shards] */
	const struct port_watch *port_watch;
	const atomic_bool *draining;
	uint64_t tsc_hz;
};

/* fd: from http_server_bind; takes it over. On the control thread, after the EAL has given it its
 * CPU. 0 or -errno with a line in error. */
int serve_metrics_open(struct serve_metrics **out, const struct serve_metrics_view *view, int fd,
		       struct error *error);

/* NULL is allowed. */
void serve_metrics_close(struct serve_metrics *metrics);

#endif
