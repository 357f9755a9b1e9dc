/*
 * port_xdp: AF_XDP ports. Our XDP program is embedded and handed to DPDK's driver as a path to
 * memory, so nothing is installed; one doorbuster an interface is kept by an abstract socket, which
 * is per network namespace and vanishes with its process.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/capability.h>
#include <linux/if_link.h>

#include "net/port_kinds.h"

/* As in xdp_take.bpf.c; the kernel keeps 15 characters of a program's name. */
static const char PROGRAM_NAME[] = "doorbuster_take";
static const char PORTS_MAP_NAME[] = "taken_ports";
static const char OVERSIZED_MAP_NAME[] = "oversized";

enum {
	BPF_MAPS_MAX = 16,
};

static uint64_t effective_capabilities(void)
{
	FILE *file = fopen("/proc/self/status", "re");
	char line[256];
	uint64_t caps = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (sscanf(line, "CapEff: %" SCNx64, &caps) == 1)
			break;
	}
	fclose(file);
	return caps;
}

static bool has(uint64_t caps, unsigned capability)
{
	return (caps >> capability & 1) != 0;
}

static int check_privileges(const char *interface, char *error, size_t error_bytes)
{
	const uint64_t caps = effective_capabilities();
	const int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0);
	const int socket_errno = errno;
	const char *missing = NULL;

	if (fd >= 0)
		close(fd);
	if (!has(caps, CAP_NET_ADMIN))
		missing = "CAP_NET_ADMIN";
	else if (!has(caps, CAP_NET_RAW))
		missing = "CAP_NET_RAW";
	else if (!has(caps, CAP_SYS_ADMIN) && !has(caps, CAP_BPF))
		missing = "CAP_BPF";
	else if (!has(caps, CAP_IPC_LOCK))
		missing = "CAP_IPC_LOCK";
	if (missing != NULL) {
		snprintf(error, error_bytes,
			 "AF_XDP on %s needs %s; run as root, or use --port memif:SOCKET, which "
			 "needs no privileges",
			 interface, missing);
		return -EPERM;
	}
	if (fd < 0) {
		snprintf(
			error, error_bytes,
			"AF_XDP on %s: %s; this kernel has no AF_XDP sockets (CONFIG_XDP_SOCKETS): "
			"use --port memif:SOCKET",
			interface, strerror(socket_errno));
		return -socket_errno;
	}
	return 0;
}

/* RX queues of an interface. */
static unsigned queues_of(const char *interface)
{
	char path[sizeof("/sys/class/net//queues") + 108];
	const struct dirent *entry;
	unsigned cnt = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/sys/class/net/%s/queues", interface);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		cnt += strncmp(entry->d_name, "rx-", 3) == 0;
	closedir(dir);
	return cnt;
}

/* The socket whose name says that this interface is ours; -EADDRINUSE if another process has it. */
static int lock_interface(const char *interface)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int bytes;

	if (fd < 0)
		return -errno;
	bytes = snprintf(address.sun_path + 1, sizeof(address.sun_path) - 1, "doorbuster/port/%s",
			 interface);
	if (bind(fd, (struct sockaddr *)&address,
		 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)bytes)) == 0)
		return fd;

	const int rc = -errno;

	close(fd);
	return rc;
}

/* The XDP program attached to an interface: its id (0: none) and name. */
static int attached_program(int ifindex, uint32_t *id, char name[BPF_OBJ_NAME_LEN])
{
	struct bpf_prog_info info = {0};
	uint32_t info_bytes = sizeof(info);
	int rc = bpf_xdp_query_id(ifindex, 0, id);
	int fd;

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
	return rc;
}

static int check_program(const char *interface, char *error, size_t error_bytes)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;
	const int rc = attached_program((int)if_nametoindex(interface), &id, name);

	if (rc != 0) {
		snprintf(error, error_bytes, "%s: cannot ask for its XDP program: %s", interface,
			 strerror(-rc));
		return rc;
	}
	if (id == 0 || strcmp(name, PROGRAM_NAME) == 0)
		return 0;
	snprintf(error, error_bytes,
		 "%s: another XDP program ('%s') is attached; remove it with `ip link set dev %s "
		 "xdp "
		 "off` or name another interface",
		 interface, name, interface);
	return -EBUSY;
}

int port_xdp_check(const struct port_options *options, char *error, size_t error_bytes)
{
	const char *interface = options->spec.where;
	int rc;

	if (if_nametoindex(interface) == 0) {
		snprintf(error, error_bytes, "interface %s isn't there; `ip link` tells which are",
			 interface);
		return -ENODEV;
	}
	rc = check_privileges(interface, error, error_bytes);
	if (rc != 0)
		return rc;

	const unsigned queues = queues_of(interface);

	if (options->queue_cnt > queues) {
		snprintf(error, error_bytes,
			 "%s has %u receive queue(s) for %u workers; name fewer --cores%s",
			 interface, queues, options->queue_cnt,
			 options->spec.kind == PORT_LO ? ", or use --port memif:SOCKET"
						       : ", or raise it with ethtool -L");
		return -EINVAL;
	}
	rc = lock_interface(interface);
	if (rc < 0) {
		snprintf(error, error_bytes,
			 "another doorbuster serves %s; stop that one, or use another interface",
			 interface);
		return rc;
	}
	close(rc);
	return check_program(interface, error, error_bytes);
}

/* DPDK opens a path; ours leads to memory. */
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

/* What a killed predecessor left attached. The interface's lock is ours: it is dead. */
static int detach_ours(int ifindex)
{
	char name[BPF_OBJ_NAME_LEN];
	uint32_t id = 0;
	const int rc = attached_program(ifindex, &id, name);

	if (rc != 0 || id == 0 || strcmp(name, PROGRAM_NAME) != 0)
		return rc;
	return bpf_xdp_detach(ifindex, 0, NULL);
}

int port_xdp_prepare(struct port *port, char *error, size_t error_bytes)
{
	const char *interface = port->options.spec.where;
	struct port_xdp *xdp = &port->xdp;
	int rc;

	xdp->ifindex = (int)if_nametoindex(interface);
	xdp->lock_fd = lock_interface(interface);
	if (xdp->lock_fd < 0) {
		snprintf(error, error_bytes, "another doorbuster serves %s; stop that one",
			 interface);
		return xdp->lock_fd;
	}
	rc = detach_ours(xdp->ifindex);
	if (rc != 0) {
		snprintf(error, error_bytes,
			 "%s: the XDP program of a killed doorbuster can't be removed: %s; try `ip "
			 "link set dev %s xdp off`",
			 interface, strerror(-rc), interface);
		return rc;
	}
	xdp->object_fd = object_in_memory();
	if (xdp->object_fd < 0) {
		snprintf(error, error_bytes, "no memory for the XDP program: %s",
			 strerror(-xdp->object_fd));
		return xdp->object_fd;
	}
	if (port->options.spec.kind == PORT_LO) {
		rc = port_lo_prepare(error, error_bytes);
		if (rc != 0)
			return rc;
		xdp->lo_prepared = true;
	}
	return 0;
}

void port_xdp_device(const struct port *port, char *args)
{
	/* No busy polling: it would make a system call of every receive. */
	snprintf(args, DEVICE_ARGS_BYTES,
		 "iface=%s,start_queue=0,queue_count=%u,busy_budget=0,xdp_prog=/proc/self/fd/%d",
		 port->options.spec.where, port->options.queue_cnt, port->xdp.object_fd);
}

/* The map of this name that the attached program uses, as a descriptor. */
static int map_of_program(int ifindex, const char *map_name)
{
	uint32_t map_ids[BPF_MAPS_MAX];
	struct bpf_prog_info program = {
		.nr_map_ids = BPF_MAPS_MAX,
		.map_ids = (uintptr_t)map_ids,
	};
	uint32_t bytes = sizeof(program);
	uint32_t id = 0;
	int rc = bpf_xdp_query_id(ifindex, 0, &id);
	int fd;

	if (rc != 0 || id == 0)
		return rc != 0 ? rc : -ENOENT;
	fd = bpf_prog_get_fd_by_id(id);
	if (fd < 0)
		return -errno;
	rc = bpf_obj_get_info_by_fd(fd, &program, &bytes);
	close(fd);
	for (uint32_t i = 0; rc == 0 && i < program.nr_map_ids; i++) {
		struct bpf_map_info map = {0};

		bytes = sizeof(map);
		fd = bpf_map_get_fd_by_id(map_ids[i]);
		if (fd < 0)
			return -errno;
		if (bpf_obj_get_info_by_fd(fd, &map, &bytes) == 0 &&
		    strcmp(map.name, map_name) == 0)
			return fd;
		close(fd);
	}
	return rc != 0 ? rc : -ENOENT;
}

int port_xdp_take(const struct port *port, uint32_t first, uint32_t cnt)
{
	const uint32_t key = 0;
	const uint32_t taken[2] = {first, cnt};
	const int fd = map_of_program(port->xdp.ifindex, PORTS_MAP_NAME);
	int rc;

	if (fd < 0)
		return fd;
	rc = bpf_map_update_elem(fd, &key, taken, BPF_ANY);
	close(fd);
	return rc;
}

uint64_t port_xdp_oversized(const struct port *port)
{
	const uint32_t key = 0;
	const int fd = map_of_program(port->xdp.ifindex, OVERSIZED_MAP_NAME);
	uint64_t cnt = 0;

	if (fd < 0)
		return 0;
	if (bpf_map_lookup_elem(fd, &key, &cnt) != 0)
		cnt = 0;
	close(fd);
	return cnt;
}

void port_xdp_restore(struct port *port)
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
		close(xdp->lock_fd);
	xdp->object_fd = -1;
	xdp->lock_fd = -1;
}
