/*
 * port_xdp: AF_XDP ports. Our XDP program is embedded and handed to DPDK's driver as a path to
 * memory, so nothing is installed. port_xdp_lock.c keeps one doorbuster an interface,
 * port_xdp_check.c has the checks before, port_xdp_maps.c talks to the program, port_xdp_socket.c
 * has the sockets.
 */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"
#include "net/run_dir.h"

/* As in xdp_take.bpf.c; the kernel keeps 15 characters of a program's name. */
static const char PROGRAM_NAME[] = "doorbuster_take";

int port_xdp_attached(int ifindex, uint32_t *id, bool *ours, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = {0};
	uint32_t info_bytes = sizeof(info);
	int rc = bpf_xdp_query_id(ifindex, 0, id);
	int fd;

	*ours = false;
	name[0] = '\0';
	if (rc != 0 || *id == 0)
		return rc;
	fd = bpf_prog_get_fd_by_id(*id);
	if (fd < 0)
		return -errno;
	rc = bpf_obj_get_info_by_fd(fd, &info, &info_bytes);
	close(fd);
	if (rc == 0)
		snprintf(name, BPF_OBJ_NAME_LEN, "%s", info.name);
	*ours = strcmp(name, PROGRAM_NAME) == 0;
	return rc;
}

/* DPDK opens a path; ours names a file in memory. */
static int object_in_memory(void)
{
	const size_t bytes = port_xdp_object_bytes;
	const int fd = memfd_create("doorbuster-xdp", MFD_CLOEXEC);

	if (fd < 0)
		return -errno;
	if (write(fd, port_xdp_object, bytes) != (ssize_t)bytes) {
		close(fd);
		return -EIO;
	}
	return fd;
}

enum {
	/* A killed engine's sockets end soon after it. */
	SERVED_WAIT_MS = 2000,
	SERVED_LOOK_MS = 10,
};

/* Whether an engine with another /run, and so without our lock, has the interface. */
static bool is_served_elsewhere(int ifindex)
{
	const struct timespec pause = {.tv_nsec = SERVED_LOOK_MS * 1000000L};
	bool ours = false;
	uint32_t id = 0;
	char name[BPF_OBJ_NAME_LEN];

	if (port_xdp_attached(ifindex, &id, &ours, name) != 0 || !ours)
		return false;
	for (unsigned ms = 0; port_xdp_is_served(ifindex); ms += SERVED_LOOK_MS) {
		if (ms >= SERVED_WAIT_MS)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Detaches the program of a killed predecessor: nobody receives through it any more. */
static int detach_ours(int ifindex)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;
	bool ours;
	const int rc = port_xdp_attached(ifindex, &id, &ours, name);

	return rc != 0 || !ours ? rc : bpf_xdp_detach(ifindex, 0, NULL);
}

void port_xdp_put_lo_back(void)
{
	struct error error;
	int lock_fd;

	if (!port_lo_is_changed())
		return;
	lock_fd = port_xdp_lock("lo", true, &error);
	if (lock_fd < 0)
		return;
	if (!is_served_elsewhere((int)if_nametoindex("lo"))) {
		(void)detach_ours((int)if_nametoindex("lo"));
		port_lo_restore();
	}
	port_xdp_unlock((int)if_nametoindex("lo"), lock_fd);
}

static int prepare(struct port *port, struct error *error)
{
	const char *interface = port->options.spec.where;
	struct port_xdp *xdp = &port->xdp;
	int rc;

	xdp->ifindex = (int)if_nametoindex(interface);
	xdp->lock_fd = port_xdp_lock(interface, true, error);
	if (xdp->lock_fd < 0)
		return xdp->lock_fd;
	if (is_served_elsewhere(xdp->ifindex)) {
		port_xdp_unlock(xdp->ifindex, xdp->lock_fd);
		xdp->lock_fd = -1;
		return error_say(
			error, -EADDRINUSE,
			"another doorbuster serves %s from a container or mount namespace with a "
			"/run of its own; stop that one, or use another interface. Engines of one "
			"network namespace should share " RUN_DIR,
			interface);
	}
	rc = detach_ours(xdp->ifindex);
	if (rc != 0) {
		return error_say(
			error, rc,
			"%s: the XDP program of a killed doorbuster can't be removed: %s; try `ip "
			"link set dev %s xdp off`",
			interface, strerror(-rc), interface);
	}
	xdp->object_fd = object_in_memory();
	if (xdp->object_fd < 0) {
		error_set(error, "no memory for the XDP program: %s", strerror(-xdp->object_fd));
		return xdp->object_fd;
	}
	if (port->options.spec.kind == PORT_LO) {
		rc = port_lo_prepare(error);
		if (rc != 0)
			return rc;
		xdp->lo_prepared = true;
	}
	return 0;
}

static void device(const struct port *port, uint16_t i, char *args)
{
	(void)i;
	/* No busy polling: it would make a system call of every receive. */
	snprintf(args, DEVICE_ARGS_BYTES,
		 "iface=%s,start_queue=0,queue_count=%u,busy_budget=0,xdp_prog=/proc/self/fd/%d",
		 port->options.spec.where, port->options.queue_cnt, port->xdp.object_fd);
}

static void restore(struct port *port)
{
	struct port_xdp *xdp = &port->xdp;

	/* DPDK's driver detaches it when it closes, but not when its start failed half-way. */
	if (xdp->lock_fd >= 0)
		(void)detach_ours(xdp->ifindex);
	if (xdp->lo_prepared)
		port_lo_restore();
	xdp->lo_prepared = false;
	if (xdp->object_fd >= 0)
		close(xdp->object_fd);
	if (xdp->lock_fd >= 0)
		port_xdp_unlock(xdp->ifindex, xdp->lock_fd);
	xdp->object_fd = -1;
	xdp->lock_fd = -1;
}

static int rx_prove(uint16_t i, struct rte_mempool *pool, struct error *error)
{
	struct port_umem umem;
	const int rc = port_xdp_note_socket(i, &umem, error);

	return rc != 0 ? rc : port_pool_prove(pool, &umem, error);
}

static uint64_t missed(const struct port *port)
{
	uint64_t cnt = 0;

	for (uint16_t i = 0; i < port->options.queue_cnt; i++)
		cnt += port_xdp_losses(i).lost;
	return cnt;
}

const struct port_ops port_xdp_ops = {
	.driver = "net_af_xdp",
	.kernel_beside = true,
	.check = port_xdp_check,
	.prepare = prepare,
	.device = device,
	.make_pool = port_pool_create,
	.rx_begin = port_xdp_watch_umem,
	.rx_prove = rx_prove,
	.zero_copy = port_xdp_zero_copy,
	.take = port_xdp_take,
	.restore = restore,
	.link = port_xdp_link,
	.missed = missed,
	.losses = port_xdp_losses,
	.nic_missed = port_xdp_nic_missed,
	.oversized = port_xdp_oversized,
	.unserved = port_xdp_unserved,
};
