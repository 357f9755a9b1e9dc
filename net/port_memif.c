/*
 * port_memif: packets through shared memory, for a gateway or generator on the same machine. Needs
 * no privileges. The engine serves the socket; its peer connects.
 */
#include <errno.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "net/port_kinds.h"

enum {
	/* Descriptors a ring: 2^11. Larger rings were seen to gain nothing. */
	RING_SIZE_LOG2 = 11,
};

/* Whether somebody accepts connections on the socket. */
static bool is_served(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	bool served;

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	served = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
	if (fd >= 0)
		close(fd);
	return served;
}

int port_memif_check(const struct port_options *options, char *error, size_t error_bytes)
{
	const char *path = options->spec.where;
	char copy[sizeof(options->spec.where)];
	struct stat info;
	const char *dir;

	snprintf(copy, sizeof(copy), "%s", path);
	dir = dirname(copy);
	if (options->client) {
		if (access(path, F_OK) == 0)
			return 0;
		snprintf(error, error_bytes, "memif:%s: %s; start the engine on it first", path,
			 strerror(errno));
		return -ENOENT;
	}
	if (access(dir, W_OK | X_OK) != 0) {
		const int rc = -errno;

		snprintf(error, error_bytes,
			 "memif:%s: directory %s: %s; name a socket in one that is writable", path,
			 dir, strerror(-rc));
		return rc;
	}
	if (lstat(path, &info) == 0 && !S_ISSOCK(info.st_mode)) {
		snprintf(error, error_bytes,
			 "memif:%s: is there and not a socket; name another path", path);
		return -EEXIST;
	}
	if (access(path, F_OK) == 0 && is_served(path)) {
		snprintf(
			error, error_bytes,
			"memif:%s: another program serves it; stop that one or name another socket",
			path);
		return -EADDRINUSE;
	}
	return 0;
}

int port_memif_prepare(struct port *port, char vdevs[][VDEV_TEXT_BYTES], char *error,
		       size_t error_bytes)
{
	const struct port_options *options = &port->options;

	(void)error;
	(void)error_bytes;
	/* Nobody serves it (port_memif_check): what a killed engine left would be in the way. */
	if (!options->client)
		(void)unlink(options->spec.where);
	/* Interfaces of one queue each, all on one socket: DPDK's driver does not notice a peer
	 * with fewer queues, and would work on rings that aren't there. */
	for (uint16_t i = 0; i < options->queue_cnt; i++)
		snprintf(vdevs[i], VDEV_TEXT_BYTES,
			 "--vdev=net_memif%u,id=%u,role=%s,socket-abstract=no,socket=%s,rsize=%d,"
			 "mac=02:db:05:00:00:%s",
			 i, i, options->client ? "client" : "server", options->spec.where,
			 RING_SIZE_LOG2, options->client ? "02" : "01");
	return 0;
}

void port_memif_restore(struct port *port)
{
	if (!port->options.client)
		(void)unlink(port->options.spec.where);
}
