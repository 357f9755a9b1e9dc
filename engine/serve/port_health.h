/*
 * port_health: what the control thread found out of an AF_XDP port while the workers sell. When a
 * queue is deaf, port_watch.h says.
 */
#ifndef DB_ENGINE_SERVE_PORT_HEALTH_H
#define DB_ENGINE_SERVE_PORT_HEALTH_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "net/port.h"
#include "net/port_watch.h"

/* Of a queue, for the control thread alone but for `deaf`. */
struct watched_queue {
	_Atomic bool deaf; /* and since then nothing has proved the contrary */
	struct queue_watch watch;
};

struct port_watch {
	_Atomic uint64_t reopened_cnt;
	_Atomic uint64_t buffers_lost_cnt; /* that re-opening found lost, and gave back */
	bool failing;                      /* the last try failed, and it was said */
	struct watched_queue queues[WORKERS_MAX];
};

#endif
