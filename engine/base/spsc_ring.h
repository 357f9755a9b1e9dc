/*
 * spsc_ring: a bounded queue of fixed-size messages from one thread to one other. No lock, no wait,
 * no allocation after spsc_ring_init.
 *
 * Guarantees: a message that was put is taken once, whole, in the order of the puts; what the
 * producer wrote before the put is seen by the consumer after the take. Never: overwrites a message
 * that was not taken, lets either side wait for the other.
 *
 * Each end owns a cache line: it writes its own position there and keeps a copy of the other end's
 * position. It reads that position again only when the copy says that the ring is full (or empty).
 * So a ring that nobody uses costs its consumer one load of a line that stays in its cache.
 */
#ifndef DB_ENGINE_BASE_SPSC_RING_H
#define DB_ENGINE_BASE_SPSC_RING_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"

struct spsc_ring {
	/* The producer's line. */
	_Atomic uint32_t tail; /* free-running: messages ever put */
	uint32_t head_seen;    /* the head as the producer last read it */
	uint32_t mask;         /* slots - 1 */
	uint32_t slot_bytes;
	/* The consumer's line. */
	_Atomic uint32_t head __attribute__((aligned(CACHE_LINE_BYTES))); /* ever taken */
	uint32_t tail_seen;
	uint8_t slots[] __attribute__((aligned(CACHE_LINE_BYTES)));
};
static_assert(offsetof(struct spsc_ring, head) == CACHE_LINE_BYTES, "two ends, two lines");

/* Bytes of a ring; its memory must be aligned to CACHE_LINE_BYTES. slots: a power of two. */
static inline size_t spsc_ring_bytes(uint32_t slots, uint32_t slot_bytes)
{
	const size_t bytes = sizeof(struct spsc_ring) + (size_t)slots * slot_bytes;

	return (bytes + CACHE_LINE_BYTES - 1) / CACHE_LINE_BYTES * CACHE_LINE_BYTES;
}

/* Lays out an empty ring in memory of spsc_ring_bytes. Before either thread uses it. */
static inline void spsc_ring_init(struct spsc_ring *ring, uint32_t slots, uint32_t slot_bytes)
{
	CHECK(slots > 0 && (slots & (slots - 1)) == 0 && slot_bytes > 0);
	CHECK((uintptr_t)ring % CACHE_LINE_BYTES == 0);
	memset(ring, 0, sizeof(*ring));
	ring->mask = slots - 1;
	ring->slot_bytes = slot_bytes;
}

static inline void *spsc_ring_slot(struct spsc_ring *ring, uint32_t position)
{
	return ring->slots + (size_t)(position & ring->mask) * ring->slot_bytes;
}

/* How many messages can be put now. Only the producer's puts reduce it. Producer. */
static inline uint32_t spsc_ring_room(struct spsc_ring *ring)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	ring->head_seen = atomic_load_explicit(&ring->head, memory_order_acquire);
	DCHECK(tail - ring->head_seen <= ring->mask + 1);
	return ring->mask + 1 - (tail - ring->head_seen);
}

/* Puts a copy of a message of slot_bytes. False: the ring is full, nothing was put. Producer. */
static inline bool spsc_ring_put(struct spsc_ring *ring, const void *message)
{
	const uint32_t tail = atomic_load_explicit(&ring->tail, memory_order_relaxed);

	if (tail - ring->head_seen > ring->mask && spsc_ring_room(ring) == 0)
		return false;
	memcpy(spsc_ring_slot(ring, tail), message, ring->slot_bytes);
	atomic_store_explicit(&ring->tail, tail + 1, memory_order_release);
	return true;
}

/* The oldest message, in its slot, which the consumer may use until spsc_ring_drop. NULL: none.
 * Consumer. */
static inline void *spsc_ring_first(struct spsc_ring *ring)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	if (head == ring->tail_seen) {
		ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
		if (head == ring->tail_seen)
			return NULL;
	}
	return spsc_ring_slot(ring, head);
}

/* How many messages wait. Consumer. */
static inline uint32_t spsc_ring_waiting(struct spsc_ring *ring)
{
	ring->tail_seen = atomic_load_explicit(&ring->tail, memory_order_acquire);
	return ring->tail_seen - atomic_load_explicit(&ring->head, memory_order_relaxed);
}

/* The message after nth others, where it lies, nth < spsc_ring_waiting. Consumer. */
static inline const void *spsc_ring_at(struct spsc_ring *ring, uint32_t nth)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	DCHECK(nth < ring->tail_seen - head);
	return spsc_ring_slot(ring, head + nth);
}

/* Gives back the slot of the message that spsc_ring_first returned. Consumer. */
static inline void spsc_ring_drop(struct spsc_ring *ring)
{
	const uint32_t head = atomic_load_explicit(&ring->head, memory_order_relaxed);

	DCHECK(head != ring->tail_seen);
	atomic_store_explicit(&ring->head, head + 1, memory_order_release);
}

/* Copies the oldest message out. False: there is none. Consumer. */
static inline bool spsc_ring_take(struct spsc_ring *ring, void *message)
{
	const void *first = spsc_ring_first(ring);

	if (first == NULL)
		return false;
	memcpy(message, first, ring->slot_bytes);
	spsc_ring_drop(ring);
	return true;
}

/* Whether all that was put has been taken. Producer; for any other thread a hint. */
static inline bool spsc_ring_all_taken(struct spsc_ring *ring)
{
	return atomic_load_explicit(&ring->head, memory_order_acquire) ==
	       atomic_load_explicit(&ring->tail, memory_order_relaxed);
}

#endif
