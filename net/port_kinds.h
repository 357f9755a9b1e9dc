/*
 * port_kinds: what differs between ports, for port*.c only. The contracts are those of the port_
 * functions of the same names in port.h.
 */
#ifndef DB_NET_PORT_KINDS_H
#define DB_NET_PORT_KINDS_H

#include <linux/bpf.h>

#include "engine/base/error.h"
#include "net/port.h"

enum {
	DEVICE_ARGS_BYTES = 256,
};

struct rte_mempool;

/*
 * A kind of port. Each is a table in a file of its own (port_xdp.c for lo and af_xdp,
 * port_memif.c). These functions may be NULL: rx_begin, rx_prove and take, which then do nothing;
 * zero_copy, losses, oversized and unserved, which then return false or 0; and nic_missed if
 * zero_copy never returns true. All others are called without a check.
 */
struct port_ops {
	const char *driver;    /* DPDK's: its devices have this name and a number */
	bool device_per_queue; /* else one device has all queues */
	bool kernel_beside; /* the kernel sees the interface, too: answers neighbours, has its UDP
			       ports */

	int (*check)(const struct port_options *options, struct error *error);
	int (*prepare)(struct port *port, struct error *error);
	/* The arguments of device i, of DEVICE_ARGS_BYTES. */
	void (*device)(const struct port *port, uint16_t i, char *args);
	struct rte_mempool *(*make_pool)(const char *name, uint32_t buffer_cnt);
	/* Before and after the driver sets up the receiving side of queue i. */
	void (*rx_begin)(void);
	int (*rx_prove)(uint16_t i, struct rte_mempool *pool, struct error *error);
	/* After port_open: whether every socket is in zero-copy mode. */
	bool (*zero_copy)(const struct port *port);
	int (*take)(const struct port *port, bool take, struct error *error);
	void (*restore)(struct port *port);

	enum port_link (*link)(const struct port *port, uint16_t queue, bool thorough);
	uint64_t (*missed)(const struct port *port);
	/* NULL: losses are unknown, and no queue can be reopened. */
	struct port_losses (*losses)(uint16_t queue);
	uint64_t (*nic_missed)(const struct port *port);
	uint64_t (*oversized)(const struct port *port);
	uint64_t (*unserved)(const struct port *port);
};

extern const struct port_ops port_xdp_ops;
extern const struct port_ops port_memif_ops;

static inline const struct port_ops *port_ops_of(enum port_kind kind)
{
	return kind == PORT_MEMIF ? &port_memif_ops : &port_xdp_ops;
}

int port_xdp_check(const struct port_options *options, struct error *error);
int port_xdp_take(const struct port *port, bool take, struct error *error);
uint64_t port_xdp_oversized(const struct port *port);
uint64_t port_xdp_unserved(const struct port *port);
bool port_xdp_zero_copy(const struct port *port);
enum port_link port_xdp_link(const struct port *port, uint16_t queue, bool thorough);

/* Memory that was registered with the kernel for an AF_XDP socket. */
struct port_umem {
	int fd;
	uintptr_t begin;
	uint64_t bytes;
};

/*
 * What the driver registers between the first and the second call belongs to this queue. It is
 * noted in umem, the socket in the table from which losses are read. -ENOTSUP and a line if no
 * registration was seen.
 */
void port_xdp_watch_umem(void);
int port_xdp_note_socket(uint16_t queue, struct port_umem *umem, struct error *error);

/* Losses since the start, of all sockets that the queue had. Any thread. */
struct port_losses port_xdp_losses(uint16_t queue);
/* Frames that the interface itself had no buffer for. */
uint64_t port_xdp_nic_missed(const struct port *port);

/* Closes the queue's socket. The driver must not use the queue until it is set up again. No thread
 * may be in a burst. 0 or -errno. */
int port_xdp_close_socket(uint16_t queue);

/* A pool of buffers for an AF_XDP queue, whole in one chunk, one a page; NULL: no memory. */
struct rte_mempool *port_pool_create(const char *name, uint32_t buffer_cnt);

/* Proves that the kernel takes every buffer of the pool. 0, or -EFAULT and a line. */
int port_pool_prove(struct rte_mempool *pool, const struct port_umem *umem, struct error *error);

/* Gives back to a pool of port_pool_create the buffers that nobody holds. *lost_cnt: how many of
 * them the pool lacked. No thread may use the pool. 0 or -ENOMEM. */
int port_pool_sweep(struct rte_mempool *pool, const struct port_holders *holders,
		    uint32_t *lost_cnt);

/* The pool of queue pair i. */
struct rte_mempool *port_queue_pool(uint16_t i);
/* Sets up the receiving side of queue pair i, and proves it; the device is stopped. 0 or -errno
 * with a line ("" where DPDK's own lines say why). */
int port_set_up_rx(struct port *port, uint16_t i, struct error *error);

/*
 * One doorbuster an interface: a lock in RUN_DIR, which only the engine's own user can reach.
 * Returns its descriptor. With take false it changes nothing and returns 0 if the lock is free.
 * Waits while the holder is an engine that was killed. -errno and a line if another engine has it,
 * or it fails.
 */
int port_xdp_lock(const char *interface, bool take, struct error *error);
/* Gives it back, and removes RUN_DIR if nothing else is in it. */
void port_xdp_unlock(int ifindex, int lock_fd);

/*
 * Whether a socket receives through our attached program. A killed engine's program has no socket,
 * because sockets end with their process. So engines with another /run are noticed, too.
 */
bool port_xdp_is_served(int ifindex);

/* The XDP program attached to an interface: its id (0: none), whether it is ours, and its name. */
int port_xdp_attached(int ifindex, uint32_t *id, bool *ours, char name[BPF_OBJ_NAME_LEN]);

/*
 * Calls visit (if not NULL) with each IPv4 and IPv6 address of the interface until it returns other
 * than 0. 0, or -errno and a line; no address at all is -EADDRNOTAVAIL.
 */
struct sockaddr;
typedef int port_xdp_address_fn(void *context, const struct sockaddr *address);
int port_xdp_addresses(const char *interface, port_xdp_address_fn *visit, void *context,
		       struct error *error);

/* Puts lo back if a killed engine left it changed and no engine serves it. */
void port_xdp_put_lo_back(void);

/* Whether this process can have so many MiB of hugepages now: the machine may have them for others
 * only. False: says so if the machine's figures say otherwise. */
bool port_memory_huge(unsigned mib);

/* Leaves the EAL's memory, also what it maps later, out of core dumps: packets hold buyers. After
 * rte_eal_init. 0 or -errno. */
int port_memory_keep_secret(void);

/* Our XDP program, an ELF object (port_xdp_object.S). */
extern const uint8_t port_xdp_object[];
extern const uint32_t port_xdp_object_bytes;

/* Sysctls of lo: set for us, and put back. After the interface's lock is ours. */
int port_lo_check(struct error *error);
int port_lo_prepare(struct error *error);
bool port_lo_is_changed(void);
void port_lo_restore(void);

#endif
