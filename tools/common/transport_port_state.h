/*
 * transport_port_state: what transport_port*.c work on; for these files only. One thread.
 */
#ifndef DB_TOOLS_COMMON_TRANSPORT_PORT_STATE_H
#define DB_TOOLS_COMMON_TRANSPORT_PORT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_mempool.h>
#include <rte_udp.h>

#include "engine/base/error.h"
#include "net/client.h"
#include "net/decode.h"
#include "net/port.h"
#include "net/port_watch.h"
#include "tools/common/transport_port.h"

enum {
	BURST_CNT = 64,
};

/* The queues' counters while they are read, and what follows from them. */
struct transport_port_watch {
	struct transport_port_queue {
		uint64_t frames;
		uint64_t reads;
		struct queue_watch watch;
		bool deaf; /* and nothing has disproved it since */
	} queues[WORKERS_MAX];
	uint32_t polls;
	uint64_t look_next_ns;
	uint64_t reopened_cnt;
	bool failing; /* the last try failed, and that was reported */
};

struct transport_port {
	struct client_transport transport; /* first */
	struct port port;
	const char *name; /* the port, as the user wrote it */
	struct rte_mempool *pool;
	struct rte_ether_addr server_mac;
	rte_be32_t address;
	rte_be32_t server_address;
	uint16_t server_port;
	bool eal_running;
	bool shares_core;
	uint16_t receive_first; /* the queue that is read first; it changes, so that none waits */
	struct transport_port_watch watch;
	uint64_t ip_sum;
	uint8_t headers[ETHER_HEADER_BYTES + IPV4_HEADER_BYTES + UDP_HEADER_BYTES];
};

static inline bool transport_port_is_closed(const struct transport_port *self, uint16_t queue)
{
	return (self->port.closed_queues >> queue & 1) != 0;
}

/* Waits for the link and finds server_mac. 0 or -errno with a line in error. */
int transport_port_find_server(struct transport_port *self,
			       const struct transport_port_options *options, struct error *error);

/* Called now and then between two bursts, while no buffer of the receive pool is held. Opens deaf
 * queues anew, and says so on stderr. That takes a second at most, and hardly any time if no queue
 * is deaf. */
void transport_port_look(struct transport_port *self);

#endif
