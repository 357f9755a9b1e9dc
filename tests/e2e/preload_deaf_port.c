/*
 * preload_deaf_port: preloaded into an engine, makes its AF_XDP port deaf whenever the file of
 * DEAF_WHEN comes to be (and takes that away): every buffer that the kernel has to receive into
 * becomes one that it throws away, as if it lay outside of what was registered. While the file of
 * DEAF_NO_BIND exists no AF_XDP socket can be bound. With DEAF_SHORT_UMEM set, the kernel is given
 * half of the packet buffers' memory. A veth that has several receive queues tells them to DPDK's
 * driver, which looks at what other cards call their combined ones.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* mmap64 */
#endif
#include <dlfcn.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_xdp.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Of the newest fill ring; one queue is what the test has. */
static _Atomic(uint64_t *) descriptors;

enum {
	DESCRIPTOR_CNT = 4096, /* as DPDK's driver makes it */
	ROUNDS_CNT = 20,
};

/* libxdp's own. */
struct xsk_umem;
struct xsk_ring_prod;
struct xsk_ring_cons;
struct xsk_umem_config;
int xsk_umem__create(struct xsk_umem **umem, void *area, uint64_t bytes, struct xsk_ring_prod *fill,
		     struct xsk_ring_cons *comp, const struct xsk_umem_config *config);

static void *spoil(void *context)
{
	static const struct timespec pause = {.tv_nsec = 10000000};
	const char *path = context;

	for (unsigned rounds = 0;; nanosleep(&pause, NULL)) {
		uint64_t *ring = descriptors;

		if (access(path, F_OK) != 0 || ring == NULL)
			continue;
		for (unsigned i = 0; i < DESCRIPTOR_CNT; i++)
			__atomic_store_n(&ring[i], UINT64_MAX, __ATOMIC_RELAXED);
		/* Also what is given to the kernel for the last that were on their way. */
		if (++rounds % ROUNDS_CNT == 0)
			unlink(path);
	}
	return NULL;
}

void *mmap64(void *address, size_t bytes, int protection, int flags, int fd, off_t offset)
{
	uint8_t *memory =
		(uint8_t *)syscall(SYS_mmap, address, bytes, protection, flags, fd, offset);
	struct xdp_mmap_offsets offsets;
	socklen_t offsets_bytes = sizeof(offsets);
	static pthread_t thread;
	char *path = getenv("DEAF_WHEN");

	if (memory == MAP_FAILED || fd < 0 || (uint64_t)offset != XDP_UMEM_PGOFF_FILL_RING ||
	    getsockopt(fd, SOL_XDP, XDP_MMAP_OFFSETS, &offsets, &offsets_bytes) != 0)
		return memory;
	descriptors = (uint64_t *)(memory + offsets.fr.desc);
	if (path != NULL && thread == 0)
		(void)pthread_create(&thread, NULL, spoil, path);
	return memory;
}

int ioctl(int fd, unsigned long request, ...)
{
	struct ethtool_channels *channels;
	va_list rest;
	void *argument;
	int rc;

	va_start(rest, request);
	argument = va_arg(rest, void *);
	va_end(rest);
	rc = (int)syscall(SYS_ioctl, fd, request, argument);
	if (rc != 0 || request != SIOCETHTOOL)
		return rc;
	channels = (void *)((struct ifreq *)argument)->ifr_data;
	if (channels->cmd == ETHTOOL_GCHANNELS && channels->max_combined == 0) {
		channels->max_combined = channels->max_rx;
		channels->combined_count = channels->rx_count;
	}
	return 0;
}

int bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	const char *path = getenv("DEAF_NO_BIND");

	if (address->sa_family == AF_XDP && path != NULL && access(path, F_OK) == 0) {
		errno = EBUSY;
		return -1;
	}
	return (int)syscall(SYS_bind, fd, address, bytes);
}

int xsk_umem__create(struct xsk_umem **umem, void *area, uint64_t bytes, struct xsk_ring_prod *fill,
		     struct xsk_ring_cons *comp, const struct xsk_umem_config *config)
{
	void *library = dlopen("libxdp.so.1", RTLD_NOW);
	int (*create)(struct xsk_umem **, void *, uint64_t, struct xsk_ring_prod *,
		      struct xsk_ring_cons *, const struct xsk_umem_config *) =
		library != NULL ? dlsym(library, "xsk_umem__create") : NULL;

	if (create == NULL)
		return -ENOSYS;
	return create(umem, area, getenv("DEAF_SHORT_UMEM") != NULL ? bytes / 2 : bytes, fill, comp,
		      config);
}
