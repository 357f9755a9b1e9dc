/*
 * port_health: what the control thread knows of a port while the workers sell: whether it is
 * connected (link.c), and whether it hears. port_watch.h says when a queue is deaf.
 */
#ifndef DB_ENGINE_SERVE_PORT_HEALTH_H
#define DB_ENGINE_SERVE_PORT_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "net/port.h"
#include "net/port_watch.h"

/* A queue. Only the control thread uses it, except `deaf`. */
struct watched_queue {
	_Atomic bool deaf; /* until it hears again */
	struct queue_watch watch;
};

/* What connects the port with the world: an interface, or a memif peer for each worker. */
struct watched_link {
	_Atomic int link; /* enum port_link */
	bool was_up;
};

struct port_watch {
	_Atomic uint64_t link_lost_cnt;
	unsigned link_looks;
	/* AF_XDP: only the first. */
	struct watched_link links[WORKERS_MAX];
	_Atomic uint64_t reopened_cnt;
	_Atomic uint64_t buffers_lost_cnt; /* found lost, and given back, at these openings */
	bool failing;                      /* the last try failed, and that was reported */
	struct watched_queue queues[WORKERS_MAX];
};

#endif
