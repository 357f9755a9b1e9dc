/*
 * port_memif: packets through shared memory, for a gateway or generator on the same machine. Needs
 * no privileges. The engine serves the socket; its peer connects.
 *
 * The lock beside the socket, SOCKET.lock, keeps one engine a socket. Nothing here ever connects to
 * find out, because a listener of DPDK 22.11 ends its process when a peer connects and leaves at
 * once, unless it is one of ours (port_libc.c).
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/un.h>
#include <unistd.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "engine/base/backing.h"
#include "engine/base/error.h"
#include "net/lock_file.h"
#include "net/port_kinds.h"

enum {
	/* Descriptors a ring: 2^11. Larger rings were seen to gain nothing. */
	RING_SIZE_LOG2 = 11,
	MBUF_CACHE_CNT = 256,
	LOCK_PATH_BYTES = sizeof(((struct port_spec *)0)->where) + sizeof(".lock"),
};

static void lock_path_of(const char *socket_path, char out[LOCK_PATH_BYTES])
{
	snprintf(out, LOCK_PATH_BYTES, "%s.lock", socket_path);
}

static int lock_socket(const char *socket_path, int open_flags, int operation, struct error *error)
{
	char path[LOCK_PATH_BYTES];
	int rc;

	lock_path_of(socket_path, path);
	rc = lock_file_take(AT_FDCWD, path, open_flags, operation);
	if (rc == -EWOULDBLOCK) {
		return error_say(
			error, -EADDRINUSE,
			"memif:%s: another doorbuster serves it; stop that one or name another "
			"socket",
			socket_path);
	}
	if (rc == -EEXIST)
		error_set(error,
			  "memif:%s: %s exists and is not a lock of ours; name another socket",
			  socket_path, path);
	else if (rc < 0)
		error_set(error,
			  "memif:%s: cannot lock %s: %s; name a socket in a directory of your own",
			  socket_path, path, strerror(-rc));
	return rc;
}

/*
 * Whether a process has the socket open. It connects as a datagram socket: the kernel finds the
 * process that is bound there, in whatever namespace, and refuses us because of our type
 * (EPROTOTYPE) before that process could notice. It is ECONNREFUSED only if no process is bound.
 */
static bool is_bound(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool bound = true;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) != 0)
		bound = errno != ECONNREFUSED;
	if (fd >= 0)
		close(fd);
	return bound;
}

/* 0: nothing has this name, or with *stale a socket that nobody has open. */
static int check_socket(const char *path, bool *stale, struct error *error)
{
	struct stat info;

	*stale = false;
	if (lstat(path, &info) != 0) {
		const int rc = -errno;

		if (rc == -ENOENT)
			return 0;
		return error_say(error, rc, "memif:%s: %s; name another path", path, strerror(-rc));
	}
	if (!S_ISSOCK(info.st_mode)) {
		return error_say(error, -EEXIST,
				 "memif:%s: exists and is not a socket; name another path", path);
	}
	if (is_bound(path)) {
		return error_say(
			error, -EADDRINUSE,
			"memif:%s: another program has this socket open; stop that one or name "
			"another socket",
			path);
	}
	*stale = true;
	return 0;
}

static int check(const struct port_options *options, struct error *error)
{
	const char *path = options->spec.where;
	char copy[sizeof(options->spec.where)];
	const char *dir;
	bool stale;
	int rc;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (options->client) {
		if (access(path, F_OK) == 0)
			return 0;
		return error_say(error, -ENOENT, "memif:%s: %s; start the engine on it first", path,
				 strerror(errno));
	}
	if (access(dir, W_OK | X_OK) != 0) {
		rc = -errno;
		error_set(error,
			  "memif:%s: directory %s: %s; name a socket in one that is writable", path,
			  dir, strerror(-rc));
		if (rc == -EROFS)
			backing_add_read_only(error, dir, "mount it read-write, or use another");
		return rc;
	}
	/* Only looks: makes no lock, and leaves one that is there. */
	rc = lock_socket(path, 0, LOCK_SH, error);
	if (rc < 0 && rc != -ENOENT)
		return rc;
	if (rc >= 0)
		close(rc);
	return check_socket(path, &stale, error);
}

static int prepare(struct port *port, struct error *error)
{
	const char *path = port->options.spec.where;
	bool stale;
	int rc;

	if (port->options.client)
		return 0;
	rc = lock_socket(path, O_CREAT, LOCK_EX, error);
	if (rc < 0)
		return rc;
	port->memif_lock_fd = rc;
	rc = check_socket(path, &stale, error);
	/* What a killed engine left would be in the way. */
	if (rc == 0 && stale && unlink(path) != 0 && errno != ENOENT) {
		rc = -errno;
		error_set(error,
			  "memif:%s: the old socket there can't be removed: %s; name another", path,
			  strerror(-rc));
	}
	return rc;
}

static void device(const struct port *port, uint16_t i, char *args)
{
	const bool client = port->options.client;

	/* Interfaces of one queue each, all on one socket: DPDK's driver does not notice a peer
	 * with fewer queues, and would work on rings that aren't there. */
	snprintf(args, DEVICE_ARGS_BYTES,
		 "id=%u,role=%s,socket-abstract=no,socket=%s,rsize=%d,mac=02:db:05:00:00:%s",
		 (unsigned)port->options.queue_first + i, client ? "client" : "server",
		 port->options.spec.where, RING_SIZE_LOG2, client ? "02" : "01");
}

static void restore(struct port *port)
{
	char path[LOCK_PATH_BYTES];

	/* The socket was removed with its device. The lock's file is removed while the lock is
	 * held: a process that opened it before sees that it is gone. */
	if (port->memif_lock_fd < 0)
		return;
	lock_path_of(port->options.spec.where, path);
	(void)unlink(path);
	close(port->memif_lock_fd);
	port->memif_lock_fd = -1;
}

static struct rte_mempool *make_pool(const char *name, uint32_t buffer_cnt)
{
	return rte_pktmbuf_pool_create(name, buffer_cnt, MBUF_CACHE_CNT, 0,
				       RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
}

static enum port_link link_of(const struct port *port, uint16_t queue, bool thorough)
{
	struct rte_eth_link link = {0};

	(void)thorough;
	if (rte_eth_link_get_nowait(port->queues[queue].port_id, &link) != 0)
		return PORT_LINK_UP;
	return link.link_status == RTE_ETH_LINK_UP ? PORT_LINK_UP : PORT_LINK_NO_PEER;
}

static uint64_t missed(const struct port *port)
{
	uint64_t cnt = 0;

	for (uint16_t i = 0; i < port->device_cnt; i++) {
		struct rte_eth_stats stats;

		if (rte_eth_stats_get(port->queues[i].port_id, &stats) == 0)
			cnt += stats.imissed + stats.rx_nombuf;
	}
	return cnt;
}

/* Only the client may ask for zero-copy: here it is always a copy. */
const struct port_ops port_memif_ops = {
	.driver = "net_memif",
	.device_per_queue = true,
	.check = check,
	.prepare = prepare,
	.device = device,
	.make_pool = make_pool,
	.restore = restore,
	.link = link_of,
	.missed = missed,
};
