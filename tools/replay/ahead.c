#include "tools/replay/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/secret.h"

enum {
	PAUSE_NS = 100000,
};

/* Producer and consumer each write a cache line of their own. */
struct ahead {
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t head; /* consumer's; free-running */
	uint64_t tail_seen;                               /* by the consumer */
	struct ahead_options options;
	uint32_t mask;
	pthread_t thread;
	_Atomic bool stop;
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail; /* producer's; free-running */
	_Atomic bool ended;
	struct ahead_item items[];
};

static void put(struct ahead *ahead, uint64_t tail, const struct captured *captured)
{
	struct ahead_item *item = &ahead->items[tail & ahead->mask];
	uint64_t total_bytes;

	item->at_ns = captured->at_ns;
	reader_progress(ahead->options.reader, &item->done_bytes, &total_bytes);
	item->packet = captured->packet;
	item->bytes = captured->bytes;
	item->shard = captured->shard;
	item->kind = (uint8_t)captured->kind;
	memcpy(item->datagram, captured->datagram, captured->bytes);
	atomic_store_explicit(&ahead->tail, tail + 1, memory_order_release);
}

static bool has_room(const struct ahead *ahead)
{
	return atomic_load_explicit(&ahead->tail, memory_order_relaxed) -
		       atomic_load_explicit(&ahead->head, memory_order_acquire) <
	       ahead->options.ring_cnt;
}

/* Into the room that there is. False: the capture's end. */
static bool read_one(struct ahead *ahead)
{
	struct captured captured;
	const enum reader_step step = reader_step(ahead->options.reader, &captured);

	if (step == READER_END) {
		atomic_store_explicit(&ahead->ended, true, memory_order_release);
		return false;
	}
	if (step == READER_FOUND)
		put(ahead, atomic_load_explicit(&ahead->tail, memory_order_relaxed), &captured);
	return true;
}

static void *read_ahead(void *context)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct ahead *ahead = context;

	/* Keys pass over this stack. The process is not dumpable already: only the stack's part can
	 * fail. */
	(void)secret_keep();
	while (!atomic_load_explicit(&ahead->stop, memory_order_relaxed)) {
		if (!has_room(ahead))
			nanosleep(&pause, NULL);
		else if (!read_one(ahead))
			break;
	}
	return NULL;
}

bool ahead_read(struct ahead *ahead)
{
	return !ahead->options.threaded &&
	       !atomic_load_explicit(&ahead->ended, memory_order_relaxed) && has_room(ahead) &&
	       read_one(ahead);
}

bool ahead_is_ready(const struct ahead *ahead)
{
	return atomic_load_explicit(&ahead->ended, memory_order_relaxed) || !has_room(ahead);
}

unsigned ahead_cpu_cnt(void)
{
	cpu_set_t cpus;

	return sched_getaffinity(0, sizeof(cpus), &cpus) == 0 ? (unsigned)CPU_COUNT(&cpus) : 1;
}

int ahead_open(struct ahead **out, const struct ahead_options *options)
{
	const size_t bytes = sizeof(struct ahead) + options->ring_cnt * sizeof(struct ahead_item);
	struct ahead *ahead =
		aligned_alloc(CACHE_LINE_BYTES,
			      (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES);
	int rc;

	CHECK(options->ring_cnt > 0 && (options->ring_cnt & (options->ring_cnt - 1)) == 0);
	if (ahead == NULL)
		return -ENOMEM;
	memset(ahead, 0, sizeof(*ahead));
	ahead->options = *options;
	ahead->mask = options->ring_cnt - 1;
	if (options->threaded) {
		rc = pthread_create(&ahead->thread, NULL, read_ahead, ahead);
		if (rc != 0) {
			free(ahead);
			return -rc;
		}
		(void)pthread_setname_np(ahead->thread, "db-read-ahead");
	}
	*out = ahead;
	return 0;
}

struct ahead_item *ahead_peek_at(struct ahead *ahead, uint32_t idx)
{
	const uint64_t head = atomic_load_explicit(&ahead->head, memory_order_relaxed);

	if (head + idx >= ahead->tail_seen)
		ahead->tail_seen = atomic_load_explicit(&ahead->tail, memory_order_acquire);
	return head + idx < ahead->tail_seen ? &ahead->items[(head + idx) & ahead->mask] : NULL;
}

struct ahead_item *ahead_peek(struct ahead *ahead, bool *ended)
{
	/* Read before the ring: so what was put before the end is seen. */
	const bool over = atomic_load_explicit(&ahead->ended, memory_order_acquire);
	struct ahead_item *item = ahead_peek_at(ahead, 0);

	*ended = over && item == NULL;
	return item;
}

void ahead_pop(struct ahead *ahead, uint32_t cnt)
{
	const uint64_t head = atomic_load_explicit(&ahead->head, memory_order_relaxed);

	DCHECK(head + cnt <= ahead->tail_seen);
	atomic_store_explicit(&ahead->head, head + cnt, memory_order_release);
}

void ahead_close(struct ahead *ahead)
{
	if (ahead == NULL)
		return;
	atomic_store(&ahead->stop, true);
	if (ahead->options.threaded)
		pthread_join(ahead->thread, NULL);
	free(ahead);
}
