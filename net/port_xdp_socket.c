/*
 * port_xdp_socket: the AF_XDP sockets, which DPDK's driver makes and hides: what it registered with
 * the kernel, what the kernel lost, and how to close one. The driver (22.11) can't close them: it
 * leaves sockets open when it closes. There is one port a process, so all sockets are in one table.
 */
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/if_xdp.h>
#include <xdp/xsk.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"

enum {
	/* A socket's rings: receive, send, fill, completion. */
	RINGS_MAX = 4,
};

struct xdp_socket {
	bool open;
	int fd;               /* owned by the driver */
	uint64_t lost_before; /* by the queue's earlier sockets */
	uint64_t starved_before;
};

static struct {
	pthread_mutex_t lock;
	struct xdp_socket queues[WORKERS_MAX];
} sockets = {.lock = PTHREAD_MUTEX_INITIALIZER};

typedef int umem_create_fn(struct xsk_umem **umem, void *area, __u64 bytes,
			   struct xsk_ring_prod *fill, struct xsk_ring_cons *completion,
			   const struct xsk_umem_config *config);

/* What this thread last registered with the kernel, and the result of the driver's last call. */
static _Thread_local struct port_umem registered;
static _Thread_local struct port_umem seen;

/* libxdp's own function. libxdp is loaded with the driver, not with us, and another library may be
 * preloaded. */
static umem_create_fn *umem_create_next(void)
{
	void *next = dlsym(RTLD_NEXT, "xsk_umem__create");
	void *library;

	if (next != NULL)
		return (umem_create_fn *)next;
	library = dlopen("libxdp.so.1", RTLD_NOW | RTLD_NOLOAD);
	if (library == NULL)
		return NULL;
	next = dlsym(library, "xsk_umem__create");
	dlclose(library);
	return (umem_create_fn *)next;
}

/*
 * Replaces libxdp's, for DPDK's driver. libxdp continues from the counters in the rings that it is
 * given, and when a queue is opened anew the driver gives it the old rings.
 */
int xsk_umem__create(struct xsk_umem **umem, void *area, __u64 bytes, struct xsk_ring_prod *fill,
		     struct xsk_ring_cons *completion, const struct xsk_umem_config *config)
{
	umem_create_fn *next = umem_create_next();
	int rc;

	if (next == NULL)
		return -ENOSYS;
	memset(fill, 0, sizeof(*fill));
	memset(completion, 0, sizeof(*completion));
	rc = next(umem, area, bytes, fill, completion, config);
	if (rc == 0)
		seen = registered;
	return rc;
}

/*
 * Replaces libc's: libxdp registers packet buffers by it, so here we see what the kernel was really
 * given.
 */
int setsockopt(int fd, int level, int name, const void *value, socklen_t bytes)
{
	const int rc = (int)syscall(SYS_setsockopt, fd, level, name, value, bytes);

	if (rc == 0 && level == SOL_XDP && name == XDP_UMEM_REG) {
		const struct xdp_umem_reg *umem = value;

		registered = (struct port_umem){
			.fd = fd, .begin = (uintptr_t)umem->addr, .bytes = umem->len};
	}
	return rc;
}

void port_xdp_watch_umem(void)
{
	registered = seen = (struct port_umem){.fd = -1};
}

int port_xdp_note_socket(uint16_t queue, struct port_umem *umem, struct error *error)
{
	*umem = seen;
	if (umem->fd < 0 || umem->bytes == 0) {
		return error_say(
			error, -ENOTSUP,
			"what DPDK (another one than Debian 12's?) registered with the kernel "
			"can't be seen: use --port memif:SOCKET");
	}
	pthread_mutex_lock(&sockets.lock);
	sockets.queues[queue].fd = umem->fd;
	sockets.queues[queue].open = true;
	pthread_mutex_unlock(&sockets.lock);
	return 0;
}

static bool statistics_of(int fd, struct xdp_statistics *out)
{
	socklen_t bytes = sizeof(*out);

	memset(out, 0, sizeof(*out));
	return getsockopt(fd, SOL_XDP, XDP_STATISTICS, out, &bytes) == 0;
}

static struct port_losses losses_of(const struct xdp_socket *socket)
{
	struct port_losses losses = {socket->lost_before, socket->starved_before};
	struct xdp_statistics now;

	if (socket->open && statistics_of(socket->fd, &now)) {
		losses.lost += now.rx_dropped + now.rx_ring_full;
		losses.starved += now.rx_fill_ring_empty_descs;
	}
	return losses;
}

struct port_losses port_xdp_losses(uint16_t queue)
{
	struct port_losses losses;

	pthread_mutex_lock(&sockets.lock);
	losses = losses_of(&sockets.queues[queue]);
	pthread_mutex_unlock(&sockets.lock);
	return losses;
}

bool port_xdp_zero_copy(const struct port *port)
{
	for (uint16_t i = 0; i < port->options.queue_cnt; i++) {
		struct xdp_options options = {0};
		socklen_t bytes = sizeof(options);

		if (getsockopt(sockets.queues[i].fd, SOL_XDP, XDP_OPTIONS, &options, &bytes) != 0 ||
		    (options.flags & XDP_OPTIONS_ZEROCOPY) == 0)
			return false;
	}
	return true;
}

/* Unmaps every ring of a socket: it lives as long as one is mapped. */
static int unmap_rings(int fd)
{
	struct {
		uintptr_t begin;
		uintptr_t end;
	} rings[RINGS_MAX];
	struct stat info;
	char line[512];
	unsigned cnt = 0;
	FILE *maps;

	if (fstat(fd, &info) != 0)
		return -errno;
	maps = fopen("/proc/self/maps", "re");
	if (maps == NULL)
		return -errno;
	while (cnt < RINGS_MAX && fgets(line, sizeof(line), maps) != NULL) {
		uint64_t inode = 0;

		if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %*s %*s %*s %" SCNu64,
			   &rings[cnt].begin, &rings[cnt].end, &inode) == 3 &&
		    inode == info.st_ino && strstr(line, "socket:") != NULL)
			cnt++;
	}
	fclose(maps);
	for (unsigned i = 0; i < cnt; i++) {
		if (munmap((void *)rings[i].begin, rings[i].end - rings[i].begin) != 0)
			return -errno;
	}
	return 0;
}

int port_xdp_close_socket(uint16_t queue)
{
	struct xdp_socket *socket = &sockets.queues[queue];
	int rc = 0;

	pthread_mutex_lock(&sockets.lock);
	if (socket->open) {
		const struct port_losses losses = losses_of(socket);

		rc = unmap_rings(socket->fd);
		close(socket->fd);
		*socket = (struct xdp_socket){
			.fd = -1,
			.lost_before = losses.lost,
			.starved_before = losses.starved,
		};
	}
	pthread_mutex_unlock(&sockets.lock);
	return rc;
}

uint64_t port_xdp_nic_missed(const struct port *port)
{
	char path[sizeof("/sys/class/net//statistics/rx_missed_errors") + 108];
	uint64_t cnt = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/sys/class/net/%s/statistics/rx_missed_errors",
		 port->options.spec.where);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%" SCNu64, &cnt) != 1)
		cnt = 0;
	fclose(file);
	return cnt;
}
