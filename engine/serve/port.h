/*
 * serve_port: what the control thread found out of an AF_XDP port while the workers sell. A queue
 * is deaf when the kernel loses what comes for it while its worker, which reads it, gets nothing
 * and holds no more buffers than it may: the buffers that the kernel should have are lost. A worker
 * that waits for the disk and therefore doesn't read is not deaf.
 */
#ifndef DB_ENGINE_SERVE_PORT_H
#define DB_ENGINE_SERVE_PORT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "net/port.h"

/* Of a queue, for the control thread alone but for `deaf`. */
struct queue_watch {
	_Atomic bool deaf; /* and since then nothing has proved the contrary */
	/* As they were when the worker last got something. */
	uint64_t frames;
	struct port_losses losses;
	uint64_t nic_missed;
	/* The first look since then at which something was lost; 0: none. */
	uint64_t since_ns;
	uint64_t reads;
	uint64_t lost_by_then;
	uint64_t lost;
	uint64_t reopened_ns; /* the last try */
};

struct port_watch {
	_Atomic uint64_t reopened_cnt;
	_Atomic uint64_t buffers_lost_cnt; /* that re-opening found lost, and gave back */
	bool failing;                      /* the last try failed, and it was said */
	struct queue_watch queues[WORKERS_MAX];
};

#endif
