/*
 * metrics: what the engine answers at --metrics: its counters as metrics.def tells them, and
 * whether every lane sells. Reads what workers own without their noticing (relaxed.h), on the
 * thread of http_server, which has the control thread's CPU. Where every CPU has a worker it runs
 * there only while nothing else wants to (SCHED_IDLE).
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

/* What is looked at; all of it outlives serve_metrics_close. */
struct serve_metrics_view {
	const struct serve_options *options;
	const struct worker_shared *shared;
	struct worker *const *workers;          /* [core_cnt] */
	struct segment_source *const *segments; /* [shards] */
	const struct port_watch *port_watch;
	uint64_t tsc_hz;
};

/* fd: of http_server_bind, its own from then on. On the control thread, after the EAL has given it
 * its CPU. 0 or -errno with a line in error. */
int serve_metrics_open(struct serve_metrics **out, const struct serve_metrics_view *view, int fd,
		       struct error *error);

/* NULL is allowed. */
void serve_metrics_close(struct serve_metrics *metrics);

#endif
