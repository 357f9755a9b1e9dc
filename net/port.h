/*
 * port: where packets come from and go to, over DPDK. `lo`, `af_xdp:IFACE`, `memif:SOCKET`.
 *
 * port_check runs before anything on the machine is changed. port_open changes the machine (sysctls
 * of lo, the XDP program). port_close puts all of it back, also what a killed predecessor left.
 *
 * memif: only the socket's owner may connect: it is made with mode 0600. Every peer can end the
 * engine, because DPDK 22.11's listener panics when a peer connects and leaves at once.
 *
 * In a program that links this, four functions replace those of its libraries, for DPDK 22.11's
 * drivers: munmap and sendmsg (port_libc.c), setsockopt and xsk_umem__create (port_xdp_socket.c).
 * For all other callers they do what the replaced functions do.
 */
#ifndef DB_NET_PORT_H
#define DB_NET_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/base/limits.h"
#include "net/eal_dir.h"
#include "net/neighbour.h"

enum port_kind {
	PORT_LO,
	PORT_AF_XDP,
	PORT_MEMIF,
};

/* A parsed --port. `where` is the interface or the socket path. */
struct port_spec {
	enum port_kind kind;
	char where[108];
};

struct port_options {
	struct port_spec spec;
	uint16_t udp_port_first;
	uint16_t udp_port_cnt;
	uint16_t queue_cnt;   /* RX/TX pairs, one a worker; at most WORKERS_MAX */
	bool client;          /* memif: the side that connects (role=client) */
	uint16_t queue_first; /* memif client: of the server's pairs the first to connect to */
	uint32_t mbuf_cnt;    /* per queue; 0: the default */
	bool no_huge;         /* packet buffers on normal pages; else on hugepages if they can be */
};

/* An AF_XDP port's hold on the machine. */
struct port_xdp {
	int ifindex;
	int lock_fd;      /* file in RUN_DIR: one doorbuster an interface; -1 */
	int object_fd;    /* memfd with the XDP program, for DPDK to load; -1 */
	bool lo_prepared; /* we must put back the sysctls of lo */
};

/* Where a worker receives and sends: a DPDK ethdev and its queue. */
struct port_queue {
	uint16_t port_id;
	uint16_t queue_id;
};

/* Filled by port_eal_args and port_open. Read-only afterwards, but for port_reopen. */
struct port {
	struct port_options options;
	/* One a worker. AF_XDP: the queues of one device. memif: a device each, so that a peer
	 * which connects to some of them only reaches just their workers. */
	struct port_queue queues[WORKERS_MAX];
	uint16_t device_cnt; /* ethdevs that exist; the i-th has the name i */
	uint32_t buffer_cnt; /* packet buffers of a queue */
	/* Queues whose re-opening failed, a bit each: no thread may be in a burst of them. */
	uint64_t closed_queues;
	bool abandoned;          /* after port_close: rte_eal_cleanup must not be called */
	bool zero_copy;          /* after port_open */
	bool reopens;            /* port_losses knows what was lost, port_reopen mends it */
	bool answers_neighbours; /* the kernel doesn't see this port: we answer ARP, NDP, ICMP */
	bool hugepages;          /* packet buffers are on hugepages */
	uint8_t mac[6];
	struct port_xdp xdp;
	int memif_lock_fd;      /* SOCKET.lock: one engine a socket; -1 */
	struct eal_dir eal_dir; /* the EAL's run-time files, removed at the end */
};

/* Parses `lo`, `af_xdp:IFACE`, `memif:SOCKET`. A socket's path becomes absolute, from the working
 * directory. 0 or -EINVAL with a line in error. */
int port_parse(const char *text, struct port_spec *out, struct error *error);

/*
 * Whether this machine and user can run the port: interface exists, has queue_cnt queues, addresses
 * and VLAN tags left in the packets, is not served by another doorbuster, privileges, kernel
 * support, lo's sysctls and memif socket path usable. Changes nothing. Waits while the other
 * doorbuster was killed and has not ended yet. 0, or -errno and a line for the operator (what is
 * missing, what to do) in error.
 */
int port_check(const struct port_options *options, struct error *error);

/*
 * AF_XDP: holds our UDP ports with kernel sockets that receive nothing, until the process ends, so
 * that no other program of this machine gets what is sent to them while the XDP program doesn't
 * take it, or with sockets that were passed at the start (LISTEN_FDS), which stay after the end.
 * memif: nothing. Once a process, after port_check. Nothing undoes it. -EADDRINUSE: another program
 * has one of them. 0 or -errno, line in error.
 */
int port_hold(const struct port_options *options, struct error *error);

/*
 * The EAL arguments this port needs (memory: hugepages if enough are free and ours to have, else
 * normal pages):
 * appended to argv[*argc], which has room for argv_max. After port_check, before rte_eal_init. From
 * here on the machine is changed (AF_XDP: sysctls of lo, removal of a stale XDP program of a killed
 * predecessor; memif: the lock beside the socket, removal of a stale socket) and the EAL has a
 * directory of its own (eal_dir.h), so port_close and port_sweep must be called, also if the EAL
 * fails. Whatever the port, lo is put back if an engine that was killed
 * left it changed. 0 or -errno, line in error.
 */
int port_eal_args(struct port *port, const struct port_options *options, const char **argv,
		  int *argc, int argv_max, struct error *error);

/*
 * Makes, configures and starts the devices. After rte_eal_init. On AF_XDP ports no traffic reaches
 * us yet, and it is proved that the kernel takes every packet buffer. 0 or -errno, line in error.
 */
int port_open(struct port *port, struct error *error);

/*
 * AF_XDP: from now on the XDP program takes / leaves our UDP ports, on af_xdp: at the addresses the
 * interface has now. Others: nothing. Control thread. 0 or -errno, line in error.
 */
int port_take_traffic(struct port *port, bool take, struct error *error);

/*
 * Sets what DPDK's interrupt thread calls when a memif peer has left, before the peer's memory is
 * unmapped. It must return only when no thread is in a burst that began before. Without it that
 * thread waits for a long fixed time. Before port_open.
 */
void port_on_peer_left(void (*wait)(void));

/* Which packet buffers of a queue others than the port hold. `each` must call visit with every one
 * of them, and may call it with others. */
struct rte_mbuf;
typedef void port_visit_fn(void *context, struct rte_mbuf *mbuf);
struct port_holders {
	void (*each)(void *context, port_visit_fn *visit, void *visit_context);
	void *context;
};

/*
 * AF_XDP: gives each queue in `queues` (a bit each) a new socket; frames that wait in the old one
 * are lost. Buffers that are held stay valid, can be sent, and belong to the same pool. *lost_cnt:
 * buffers that were neither in the pool nor held; they are in the pool again. Control thread, while
 * no other thread is in a burst or uses a packet buffer. Takes a second at most. 0, or -errno with
 * a line ("" where DPDK's own lines say why): then the queues in closed_queues are closed, and no
 * thread may be in a burst of them until another call has opened them.
 */
int port_reopen(struct port *port, uint64_t queues, const struct port_holders *holders,
		uint32_t *lost_cnt, struct error *error);

/* Stops the device and puts the machine back as it was. Safe after a failed or missing port_open.
 */
void port_close(struct port *port);

/* Removes the runtime files that the EAL leaves, also those of killed predecessors. After
 * rte_eal_cleanup, and after port_eal_args whatever that returned. */
void port_sweep(struct port *port);

/*
 * Puts the machine back after a signal ended an engine on this port: XDP program, lo, memif socket
 * and lock, the EAL's runtime directory ("": none). For a process without an EAL. Does not touch
 * what another engine holds.
 */
void port_put_back(const struct port_spec *spec, const char *runtime_dir);

/* What connects a port with the world. */
enum port_link {
	PORT_LINK_UP,
	PORT_LINK_DOWN,       /* the interface was set down */
	PORT_LINK_NO_CARRIER, /* it is up, but nothing is at its other end */
	PORT_LINK_GONE,       /* it was deleted, or moved to another network namespace: for good */
	PORT_LINK_REPLACED,   /* the same, and another interface has its name now */
	PORT_LINK_NO_PROGRAM, /* somebody took our XDP program off it */
	PORT_LINK_NO_PEER,    /* memif: no peer is connected */
};

/*
 * The link of a worker's queue, after port_take_traffic; all queues of an interface have the same.
 * thorough: asks for the XDP program, too, which takes some tens of microseconds. Control thread.
 */
enum port_link port_link(const struct port *port, uint16_t queue, bool thorough);

/* Frames the device itself lost (RX ring or pool full) since start. Any thread. */
uint64_t port_missed(const struct port *port);

/* What a queue of an AF_XDP port did not get since the start. Other ports: 0. Any thread. */
struct port_losses {
	uint64_t lost;    /* frames for us without a buffer, or without room in the ring */
	uint64_t starved; /* zero-copy: how often the card asked for buffers and found none */
};
struct port_losses port_losses(const struct port *port, uint16_t queue);

/* Zero-copy: frames that the card had no buffer for, also those not for us. Others: 0. */
uint64_t port_nic_missed(const struct port *port);

/*
 * Whether the port's interface is known to hand a batch that a client made with UDP_SEGMENT on as
 * one packet, which gets no answer: `lo` with its tx-udp-segmentation on. False also where the
 * kernel does not say it, and on other ports: there the sender's interface decides. Needs no
 * privileges. Any thread.
 */
bool port_hands_batches_on(const struct port_spec *spec);

/* AF_XDP: frames to our ports too long for any packet buffer, dropped before us. Others: 0. */
uint64_t port_oversized(const struct port *port);

/* AF_XDP: frames to our ports on a receive queue without a worker, dropped before us. Others: 0. */
uint64_t port_unserved(const struct port *port);

#endif
