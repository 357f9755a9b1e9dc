/*
 * tap: lets `doorbuster capture` see every frame that the workers receive and send, on any port.
 * While nobody captures, a worker does nothing for it: the tap uses the port's own callbacks
 * (rte_eth_add_rx_callback), which DPDK looks for anyway. During a capture every frame is copied.
 * If the capture is too slow, frames are lost to it and counted; no worker waits.
 *
 * The thread db-tap waits for the capture at a socket in the data directory (capture_socket.h).
 * Only root, the engine's own user and the data directory's owner may connect.
 */
#ifndef DB_ENGINE_WORKER_TAP_H
#define DB_ENGINE_WORKER_TAP_H

#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/wall_clock.h"
#include "net/port.h"

struct tap;

/* After port_open, with the data directory `data` locked. Port and time must outlive the tap. 0, or
 * -errno with a line in error: the engine can't be captured, but sells. */
int tap_open(struct tap **out, const struct port *port, const struct wall_now *now,
	     const char *data, struct error *error);

/* Ends a capture that runs. Before port_close. The workers may run or have ended. NULL is allowed.
 */
void tap_close(struct tap *tap);

#endif
