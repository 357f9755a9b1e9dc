#include "tools/replay/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "engine/limits.h"
#include "net/tag.h"

enum {
	/* 16 ms at 500,000 datagrams a second. */
	RING_CNT = 8192,
	PAUSE_NS = 100000,
};

/* Who turns the pages and who reads them each write a line of their own. */
struct ahead {
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t head; /* consumer's; free-running */
	uint64_t tail_seen;                               /* by the consumer */
	struct reader *reader;
	const struct key_ring *keys;
	pthread_t thread;
	uint32_t fallback;
	_Atomic bool stop;
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail; /* producer's; free-running */
	_Atomic uint64_t requests;
	_Atomic bool ended;
	struct ahead_item items[RING_CNT];
};

static void sign(const struct ahead *ahead, struct ahead_item *item)
{
	struct wire_header *header = (struct wire_header *)item->datagram;
	const struct key *key = keys_find(ahead->keys, header->key_id);

	if (key == NULL)
		key = &ahead->keys->keys[ahead->fallback];
	header->key_id = key->id;
	tag_sign(item->datagram, item->bytes, key->bytes);
}

static void put(struct ahead *ahead, uint64_t tail, const struct captured *captured)
{
	struct ahead_item *item = &ahead->items[tail % RING_CNT];

	item->at_ns = captured->at_ns;
	item->bytes = captured->bytes;
	item->shard = captured->shard;
	item->kind = (uint8_t)captured->kind;
	memcpy(item->datagram, captured->datagram, captured->bytes);
	if (captured->kind == CAPTURED_REQUEST && ahead->keys != NULL)
		sign(ahead, item);
	atomic_store_explicit(&ahead->tail, tail + 1, memory_order_release);
}

static void *read_ahead(void *context)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	struct ahead *ahead = context;
	struct captured captured;
	uint64_t tail = 0;

	while (!atomic_load_explicit(&ahead->stop, memory_order_relaxed)) {
		if (tail - atomic_load_explicit(&ahead->head, memory_order_acquire) == RING_CNT) {
			nanosleep(&pause, NULL);
			continue;
		}
		if (!reader_next(ahead->reader, &captured))
			break;
		put(ahead, tail++, &captured);
		atomic_store_explicit(&ahead->requests, reader_counts(ahead->reader)->requests,
				      memory_order_relaxed);
	}
	atomic_store_explicit(&ahead->ended, true, memory_order_release);
	return NULL;
}

int ahead_open(struct ahead **out, struct reader *reader, const struct key_ring *keys,
	       uint32_t fallback)
{
	struct ahead *ahead =
		aligned_alloc(CACHE_LINE_BYTES, (sizeof(*ahead) + CACHE_LINE_BYTES - 1) /
							CACHE_LINE_BYTES * CACHE_LINE_BYTES);
	int rc;

	if (ahead == NULL)
		return -ENOMEM;
	memset(ahead, 0, sizeof(*ahead));
	ahead->reader = reader;
	ahead->keys = keys;
	ahead->fallback = fallback;
	rc = pthread_create(&ahead->thread, NULL, read_ahead, ahead);
	if (rc != 0) {
		free(ahead);
		return -rc;
	}
	(void)pthread_setname_np(ahead->thread, "db-read-ahead");
	*out = ahead;
	return 0;
}

struct ahead_item *ahead_peek_at(struct ahead *ahead, uint32_t idx)
{
	const uint64_t head = atomic_load_explicit(&ahead->head, memory_order_relaxed);

	if (head + idx >= ahead->tail_seen)
		ahead->tail_seen = atomic_load_explicit(&ahead->tail, memory_order_acquire);
	return head + idx < ahead->tail_seen ? &ahead->items[(head + idx) % RING_CNT] : NULL;
}

struct ahead_item *ahead_peek(struct ahead *ahead, bool *ended)
{
	/* Before the look: what was put before the end is seen. */
	const bool over = atomic_load_explicit(&ahead->ended, memory_order_acquire);
	struct ahead_item *item = ahead_peek_at(ahead, 0);

	*ended = over && item == NULL;
	return item;
}

void ahead_pop(struct ahead *ahead)
{
	const uint64_t head = atomic_load_explicit(&ahead->head, memory_order_relaxed);

	atomic_store_explicit(&ahead->head, head + 1, memory_order_release);
}

uint64_t ahead_requests(const struct ahead *ahead)
{
	return atomic_load_explicit(&ahead->requests, memory_order_relaxed);
}

void ahead_close(struct ahead *ahead)
{
	if (ahead == NULL)
		return;
	atomic_store(&ahead->stop, true);
	pthread_join(ahead->thread, NULL);
	free(ahead);
}
