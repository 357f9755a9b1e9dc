#include "tools/capture/source.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "engine/worker/capture_socket.h"

enum {
	/* An engine on a busy machine may take its time: first in silence. */
	ANSWER_QUIET_MS = 2000,
	ANSWER_WAIT_MS = 120000,
};

struct source {
	int fd; /* -1: closed by us */
	struct tap_header *memory;
	uint64_t bytes;
	uint32_t ring_cnt;
	uint32_t slot_cnt;
	uint32_t at;                 /* ring of the frame peeked */
	uint64_t tails[WORKERS_MAX]; /* as seen last */
};

/* The engine's answer and the memory's file, or -errno. */
static int receive_answer(int fd, struct tap_answer *answer)
{
	struct iovec part = {.iov_base = answer, .iov_len = sizeof(*answer)};
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct msghdr message = {.msg_iov = &part,
				 .msg_iovlen = 1,
				 .msg_control = control.room,
				 .msg_controllen = sizeof(control.room)};
	struct pollfd waited = {.fd = fd, .events = POLLIN};
	int memory_fd = -1;
	ssize_t got;

	if (poll(&waited, 1, ANSWER_QUIET_MS) == 0) {
		fprintf(stderr, "waiting for the engine's answer\n");
		if (poll(&waited, 1, ANSWER_WAIT_MS) == 0)
			return -ETIMEDOUT;
	}
	got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	/* An engine that refuses doesn't read our request: that error comes before its answer. */
	if (got < 0 && errno == ECONNRESET)
		got = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
	if (got != sizeof(*answer) || answer->magic != TAP_MAGIC)
		return -EPROTO;
	if (answer->rc != 0)
		return answer->rc < 0 ? answer->rc : -EPROTO;
	if (CMSG_FIRSTHDR(&message) == NULL)
		return -EPROTO;
	memcpy(&memory_fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(memory_fd));
	/* The file must be sealed against shrinking: a shrink would be a SIGBUS here. */
	if ((fcntl(memory_fd, F_GET_SEALS) & F_SEAL_SHRINK) != 0)
		return memory_fd;
	close(memory_fd);
	return -EPROTO;
}

static int map(struct source *source, const struct tap_request *request, struct error *error)
{
	struct tap_answer answer = {0};
	void *memory;
	int memory_fd;
	int rc;

	/* If it fails, the answer says why. */
	(void)send(source->fd, request, sizeof(*request), MSG_NOSIGNAL);
	memory_fd = receive_answer(source->fd, &answer);
	if (memory_fd < 0) {
		error_set(error, "%s",
			  memory_fd == -EBUSY ? "another program captures the engine: end that one"
			  : memory_fd == -EPERM  ? "only root, the engine's own user and the owner "
						   "of its data directory may capture"
			  : memory_fd == -EPROTO ? "the engine is of another version"
			  : memory_fd == -ETIMEDOUT
				  ? "the engine does not answer; is its machine too busy?"
				  : strerror(-memory_fd));
		return memory_fd;
	}
	memory = mmap(NULL, answer.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
	rc = memory == MAP_FAILED ? -errno : 0;
	close(memory_fd);
	if (rc != 0)
		return error_say(error, rc, "the engine's memory: %s", strerror(-rc));
	source->memory = memory;
	source->bytes = answer.bytes;
	source->ring_cnt = source->memory->ring_cnt;
	source->slot_cnt = request->slot_cnt;
	if (source->ring_cnt <= WORKERS_MAX &&
	    tap_bytes(source->ring_cnt, source->slot_cnt) == answer.bytes)
		return 0;
	return error_say(error, -EPROTO, "the engine is of another version");
}

int source_open(struct source **out, const char *data, const struct tap_request *request,
		struct error *error)
{
	struct source *source = calloc(1, sizeof(*source));
	int rc;

	if (source == NULL)
		return error_say(error, -ENOMEM, "no memory");
	source->fd = capture_socket_connect(data, error);
	rc = source->fd < 0 ? source->fd : map(source, request, error);
	if (rc != 0) {
		source_close(source);
		return rc;
	}
	*out = source;
	return 0;
}

/* The next frame of a ring, or NULL. */
static const struct tap_slot *peek_ring(struct source *source, uint32_t ring)
{
	struct tap_ring *one = &source->memory->rings[ring];
	const uint64_t head = atomic_load_explicit(&one->head, memory_order_relaxed);

	if (head == source->tails[ring])
		source->tails[ring] = atomic_load_explicit(&one->tail, memory_order_acquire);
	if (head == source->tails[ring])
		return NULL;
	return &tap_slots(source->memory, ring, source->slot_cnt)[head & (source->slot_cnt - 1)];
}

const struct tap_slot *source_peek(struct source *source)
{
	const struct tap_slot *oldest = NULL;

	for (uint32_t i = 0; i < source->ring_cnt; i++) {
		const struct tap_slot *slot = peek_ring(source, i);

		if (slot == NULL || (oldest != NULL && slot->at_ns >= oldest->at_ns))
			continue;
		oldest = slot;
		source->at = i;
	}
	return oldest;
}

void source_pop(struct source *source)
{
	struct tap_ring *ring = &source->memory->rings[source->at];
	const uint64_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

bool source_ended(const struct source *source)
{
	struct pollfd waited = {.fd = source->fd, .events = POLLIN};

	return source->fd < 0 || poll(&waited, 1, 0) > 0;
}

void source_stop(struct source *source)
{
	if (source->fd >= 0)
		close(source->fd);
	source->fd = -1;
}

void source_lost(const struct source *source, uint64_t lost[TAP_DIRECTIONS])
{
	for (unsigned i = 0; i < TAP_DIRECTIONS; i++) {
		lost[i] = 0;
		for (uint32_t ring = 0; ring < source->ring_cnt; ring++)
			lost[i] += atomic_load(&source->memory->rings[ring].lost[i]);
	}
}

void source_close(struct source *source)
{
	if (source == NULL)
		return;
	source_stop(source);
	if (source->memory != NULL)
		munmap(source->memory, source->bytes);
	free(source);
}
