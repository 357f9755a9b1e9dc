#define _LGPL_SOURCE /* as the worker: one flavour of liburcu in a program */
#include "engine/worker/tap.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>
#include <rte_mbuf_dyn.h>
#include <urcu-qsbr.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/safe_file.h"
#include "engine/worker/capture_socket.h"
#include "engine/worker/tap_format.h"

/* What a worker's callbacks need. */
struct tap_worker {
	struct tap_ring *ring;
	struct tap_slot *slots;
	uint32_t slot_cnt;
	uint64_t seen_flag;
	const struct wall_now *now;
	const struct rte_eth_rxtx_callback *on_received;
	const struct rte_eth_rxtx_callback *on_sent;
};

struct tap {
	const struct port *port;
	const struct wall_now *now;
	pthread_t thread;
	int listen_fd;
	int dir_fd;         /* the data directory, which the socket is in */
	int end_fd;         /* eventfd: written to end the thread */
	uint64_t seen_flag; /* of an mbuf: the capture has it */
	/* While a capture runs. */
	struct tap_header *memory;
	uint64_t memory_bytes;
	struct tap_worker workers[WORKERS_MAX];
};

/* Worker: copies a burst as far as there is room. */
static void put_burst(const struct tap_worker *worker, struct rte_mbuf **mbufs, uint16_t cnt,
		      enum tap_direction direction)
{
	struct tap_ring *ring = worker->ring;
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_acquire);
	uint64_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);
	/* The time by which the lanes decide: a replay sets its clock by these instants. */
	const uint64_t at_ns = wall_now_ns(worker->now, clock_now_ns());
	uint16_t done = 0;

	DCHECK(direction < TAP_DIRECTIONS);
	DCHECK((worker->slot_cnt & (worker->slot_cnt - 1)) == 0);
	for (; done < cnt && tail - head < worker->slot_cnt; done++, tail++) {
		const struct rte_mbuf *mbuf = mbufs[done];
		struct tap_slot *slot = &worker->slots[tail & (worker->slot_cnt - 1)];
		const uint32_t bytes = rte_pktmbuf_data_len(mbuf);

		slot->at_ns = at_ns;
		slot->bytes = rte_pktmbuf_pkt_len(mbuf);
		slot->direction = direction;
		memcpy(slot->frame, rte_pktmbuf_mtod(mbuf, const uint8_t *),
		       bytes < TAP_FRAME_BYTES_MAX ? bytes : TAP_FRAME_BYTES_MAX);
	}
	atomic_store_explicit(&ring->tail, tail, memory_order_release);
	if (done < cnt)
		atomic_fetch_add_explicit(&ring->lost[direction], (uint64_t)(cnt - done),
					  memory_order_relaxed);
}

static uint16_t on_received(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t cnt,
			    uint16_t max, void *context)
{
	(void)port;
	(void)queue;
	DCHECK(cnt <= max);
	(void)max;
	if (cnt > 0)
		put_burst(context, mbufs, cnt, TAP_RECEIVED);
	return cnt;
}

/* Called with all frames that the port is offered. What it did not take is offered again, first,
 * and was seen already. A fresh mbuf has no flags. */
static uint16_t on_sent(uint16_t port, uint16_t queue, struct rte_mbuf **mbufs, uint16_t cnt,
			void *context)
{
	const struct tap_worker *worker = context;
	uint16_t seen = 0;

	(void)port;
	(void)queue;
	while (seen < cnt && (mbufs[seen]->ol_flags & worker->seen_flag) != 0)
		seen++;
	for (uint16_t i = seen; i < cnt; i++)
		mbufs[i]->ol_flags |= worker->seen_flag;
	if (seen < cnt)
		put_burst(worker, mbufs + seen, (uint16_t)(cnt - seen), TAP_SENT);
	return cnt;
}

/* Takes the callbacks off, waits until no worker can be in one, gives the memory back. */
static void stop(struct tap *tap)
{
	const struct rte_eth_rxtx_callback *taken[2 * WORKERS_MAX];
	unsigned cnt = 0;

	CHECK(tap->port->options.queue_cnt <= WORKERS_MAX);
	for (uint16_t i = 0; i < tap->port->options.queue_cnt; i++) {
		struct tap_worker *worker = &tap->workers[i];
		const struct port_queue queue = tap->port->queues[i];

		if (worker->on_received != NULL &&
		    rte_eth_remove_rx_callback(queue.port_id, queue.queue_id,
					       worker->on_received) == 0)
			taken[cnt++] = worker->on_received;
		if (worker->on_sent != NULL &&
		    rte_eth_remove_tx_callback(queue.port_id, queue.queue_id, worker->on_sent) == 0)
			taken[cnt++] = worker->on_sent;
	}
	synchronize_rcu();
	for (unsigned i = 0; i < cnt; i++)
		rte_free((void *)(uintptr_t)taken[i]);
	memset(tap->workers, 0, sizeof(tap->workers));
	if (tap->memory != NULL)
		munmap(tap->memory, tap->memory_bytes);
	tap->memory = NULL;
}

/* Makes the memory, which nobody can make smaller while we use it. Its file, or -errno. */
static int make_memory(struct tap *tap, const struct tap_request *request)
{
	const uint32_t ring_cnt = tap->port->options.queue_cnt;
	const int fd = memfd_create("doorbuster-capture", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	void *memory;

	/* One capture at a time. */
	CHECK(tap->memory == NULL);
	if (fd < 0)
		return -errno;
	tap->memory_bytes = tap_bytes(ring_cnt, request->slot_cnt);
	if (ftruncate(fd, (off_t)tap->memory_bytes) != 0 ||
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
		goto fail;
	/* Populated, so that no worker waits for the kernel to zero a page. */
	memory = mmap(NULL, tap->memory_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE,
		      fd, 0);
	if (memory == MAP_FAILED)
		goto fail;
	tap->memory = memory;
	tap->memory->ring_cnt = ring_cnt;
	tap->memory->slot_cnt = request->slot_cnt;
	return fd;
fail:;
	const int rc = -errno;

	close(fd);
	return rc;
}

static int begin(struct tap *tap, const struct tap_request *request)
{
	for (uint16_t i = 0; i < tap->port->options.queue_cnt; i++) {
		struct tap_worker *worker = &tap->workers[i];
		const struct port_queue queue = tap->port->queues[i];

		/* All slots of a worker lie in the memory, whatever a request says. */
		CHECK((uint8_t *)(tap_slots(tap->memory, i, request->slot_cnt) +
				  request->slot_cnt) <= (uint8_t *)tap->memory + tap->memory_bytes);
		CHECK(worker->on_received == NULL && worker->on_sent == NULL);
		*worker = (struct tap_worker){
			.ring = &tap->memory->rings[i],
			.slots = tap_slots(tap->memory, i, request->slot_cnt),
			.slot_cnt = request->slot_cnt,
			.seen_flag = tap->seen_flag,
			.now = tap->now,
		};
		if ((request->directions & 1U << TAP_RECEIVED) != 0) {
			worker->on_received = rte_eth_add_rx_callback(queue.port_id, queue.queue_id,
								      on_received, worker);
			if (worker->on_received == NULL)
				return -rte_errno;
		}
		if ((request->directions & 1U << TAP_SENT) != 0) {
			worker->on_sent = rte_eth_add_tx_callback(queue.port_id, queue.queue_id,
								  on_sent, worker);
			if (worker->on_sent == NULL)
				return -rte_errno;
		}
	}
	return 0;
}

static bool is_good(const struct tap_request *request)
{
	return request->magic == TAP_MAGIC && request->format == TAP_FORMAT &&
	       request->slot_cnt >= TAP_SLOTS_MIN && request->slot_cnt <= TAP_SLOTS_MAX &&
	       (request->slot_cnt & (request->slot_cnt - 1)) == 0;
}

static void answer(int fd, int rc, uint64_t bytes, int memory_fd)
{
	struct tap_answer told = {.magic = TAP_MAGIC, .rc = rc, .bytes = bytes};
	struct iovec part = {.iov_base = &told, .iov_len = sizeof(told)};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

	CHECK(rc <= 0);
	/* A capture that may begin gets the memory. */
	CHECK(rc != 0 || (memory_fd >= 0 && bytes > 0));
	if (rc == 0) {
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
						  .cmsg_level = SOL_SOCKET,
						  .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), &memory_fd, sizeof(memory_fd));
		message.msg_control = control.room;
		message.msg_controllen = sizeof(control.room);
	}
	(void)sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Waits for something on fd, or for the end. False: the end, or a poll that the kernel refuses. */
static bool wait_for(const struct tap *tap, int fd)
{
	struct pollfd waited[] = {{.fd = fd, .events = POLLIN},
				  {.fd = tap->end_fd, .events = POLLIN}};

	CHECK(fd >= 0 && tap->end_fd >= 0);
	while (poll(waited, 2, -1) < 0) {
		if (errno != EINTR)
			return false;
	}
	return waited[1].revents == 0;
}

/* Refuses another capture while one runs. */
static void refuse_other(const struct tap *tap)
{
	const int fd = accept4(tap->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	answer(fd, -EBUSY, 0, -1);
	close(fd);
}

/* Returns when the capture or the engine ends. */
static void hold(const struct tap *tap, int fd)
{
	struct pollfd waited[] = {{.fd = fd, .events = POLLIN},
				  {.fd = tap->end_fd, .events = POLLIN},
				  {.fd = tap->listen_fd, .events = POLLIN}};
	char nothing;

	for (;;) {
		if (poll(waited, 3, -1) < 0) {
			if (errno != EINTR)
				return;
			continue;
		}
		/* The capture sends nothing more: what comes is its end. */
		if (waited[1].revents != 0 ||
		    (waited[0].revents != 0 && recv(fd, &nothing, 1, MSG_DONTWAIT) <= 0))
			return;
		if (waited[2].revents != 0)
			refuse_other(tap);
	}
}

/* One capture. */
static void serve_capture(struct tap *tap, int fd)
{
	struct tap_request request = {0};
	int memory_fd;
	int rc;

	if (!capture_socket_allows(fd, tap->dir_fd)) {
		answer(fd, -EPERM, 0, -1);
		return;
	}
	if (!wait_for(tap, fd))
		return;
	if (recv(fd, &request, sizeof(request), MSG_DONTWAIT) != sizeof(request) ||
	    !is_good(&request)) {
		answer(fd, -EPROTO, 0, -1);
		return;
	}
	memory_fd = make_memory(tap, &request);
	rc = memory_fd < 0 ? memory_fd : begin(tap, &request);
	answer(fd, rc, tap->memory_bytes, memory_fd);
	if (memory_fd >= 0)
		close(memory_fd);
	if (rc == 0)
		hold(tap, fd);
	stop(tap);
}

static void *run(void *context)
{
	struct tap *tap = context;

	while (wait_for(tap, tap->listen_fd)) {
		const int fd = accept4(tap->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		serve_capture(tap, fd);
		close(fd);
	}
	return NULL;
}

static int find_flag(struct tap *tap)
{
	static const struct rte_mbuf_dynflag flag = {.name = "doorbuster_tap_seen"};
	const int bit = rte_mbuf_dynflag_register(&flag);

	if (bit < 0)
		return -rte_errno;
	CHECK(bit < 64);
	tap->seen_flag = UINT64_C(1) << bit;
	return 0;
}

/* The socket in the data directory, and the thread that waits at it. */
static int start(struct tap *tap, const char *data)
{
	tap->end_fd = eventfd(0, EFD_CLOEXEC);
	if (tap->end_fd < 0)
		return -errno;
	tap->dir_fd = safe_dir_open(data);
	if (tap->dir_fd < 0)
		return tap->dir_fd;
	tap->listen_fd = capture_socket_listen(tap->dir_fd);
	if (tap->listen_fd < 0)
		return tap->listen_fd;

	const int rc = find_flag(tap);

	return rc != 0 ? rc : -pthread_create(&tap->thread, NULL, run, tap);
}

static void release(struct tap *tap)
{
	if (tap->listen_fd >= 0) {
		capture_socket_remove(tap->dir_fd);
		close(tap->listen_fd);
	}
	if (tap->dir_fd >= 0)
		close(tap->dir_fd);
	if (tap->end_fd >= 0)
		close(tap->end_fd);
	free(tap);
}

int tap_open(struct tap **out, const struct port *port, const struct wall_now *now,
	     const char *data, struct error *error)
{
	struct tap *tap = calloc(1, sizeof(*tap));
	int rc;

	CHECK(port->options.queue_cnt > 0 && port->options.queue_cnt <= WORKERS_MAX);
	if (tap == NULL)
		return error_say(error, -ENOMEM, "no memory");
	*tap = (struct tap){.port = port, .now = now, .listen_fd = -1, .dir_fd = -1, .end_fd = -1};
	rc = start(tap, data);
	if (rc != 0) {
		error_set(error, "%s/" CAPTURE_SOCKET_NAME "%s: %s", data,
			  rc == -EEXIST ? " is there and not a socket of ours" : "", strerror(-rc));
		release(tap);
		return rc;
	}
	CHECK(tap->seen_flag != 0 && tap->listen_fd >= 0);
	(void)pthread_setname_np(tap->thread, "db-tap");
	*out = tap;
	return 0;
}

void tap_close(struct tap *tap)
{
	if (tap == NULL)
		return;
	(void)eventfd_write(tap->end_fd, 1);
	pthread_join(tap->thread, NULL);
	/* No worker writes into the memory any more. */
	CHECK(tap->memory == NULL);
	release(tap);
}
