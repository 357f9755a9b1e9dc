/*
 * transport_port: the client's datagrams over a DPDK port instead of a kernel socket. IPv4; one
 * queue pair a worker of the engine, shard n on queue n % queues.
 *
 * On AF_XDP ports receive also checks whether a queue is deaf (port_watch.h). Then it says so on
 * stderr and opens the queue anew, which takes a second at most. Lost frames are not sent again.
 */
#ifndef DB_TOOLS_COMMON_TRANSPORT_PORT_H
#define DB_TOOLS_COMMON_TRANSPORT_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/client.h"

struct transport_port_options {
	const char *port;    /* as port_parse reads it; must live as long as the transport */
	const char *address; /* our IPv4 address; af_xdp: one of the interface's */
	const char *server;  /* ADDRESS:PORT of shard 0 */
	uint16_t queue_cnt;
	uint16_t queue_first; /* memif: the server's first worker to connect to */
	uint16_t core;
	bool shares_core; /* gives the core away when there is nothing to receive, and time to wait
			   */
	bool broadcast; /* don't ask for the server's MAC: send to all (echo servers answer no ARP)
			 */
	char **eal_args;
	int eal_arg_cnt;
};

/* Starts the EAL and the port, waits for the link, asks for the server's MAC: over memif by ARP,
 * for af_xdp the kernel, so the server must be on the same link and the address the interface's. 0
 * or -errno with a line in error. Once a process. */
int transport_port_open(struct client_transport **out, const struct transport_port_options *options,
			struct error *error);

/* Times that a deaf port was opened anew. The transport is one of transport_port_open. */
uint64_t transport_port_reopened_cnt(const struct client_transport *transport);

#endif
