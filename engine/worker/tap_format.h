/*
 * What the engine's tap and `doorbuster capture` share: a handshake on a socket, and memory that
 * both map, with a ring for each worker.
 *
 * The capture connects to the engine (capture_socket.h), sends a tap_request and gets a tap_answer
 * with a memory file: a tap_header, ring_cnt rings, ring_cnt * slot_cnt slots. The capture ends
 * when its connection ends. The engine reads nothing that the capture writes except `head`, and
 * makes no address of that.
 */
#ifndef DB_ENGINE_WORKER_TAP_FORMAT_H
#define DB_ENGINE_WORKER_TAP_FORMAT_H

#include <assert.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"

enum {
	TAP_MAGIC = 0x50544244, /* "DBTP" */
	TAP_FORMAT = 1,
	/* The largest frame of ours, 1,518 bytes, and what is said of it. */
	TAP_SLOT_BYTES = 1600,
	TAP_FRAME_BYTES_MAX = TAP_SLOT_BYTES - 16,
	TAP_SLOTS_MIN = 1 << 10,
	TAP_SLOTS_MAX = 1 << 20, /* 1.6 GiB a worker */
};
static_assert((TAP_SLOTS_MIN & (TAP_SLOTS_MIN - 1)) == 0 &&
		      (TAP_SLOTS_MAX & (TAP_SLOTS_MAX - 1)) == 0,
	      "a position's slot is found by its low bits");
static_assert(TAP_SLOT_BYTES % CACHE_LINE_BYTES == 0, "slots lie on lines of their own");
static_assert((int)TAP_SLOTS_MIN > (int)RX_BURST_MAX, "a burst finds room in an empty ring");

enum tap_direction {
	TAP_RECEIVED,
	TAP_SENT,
	TAP_DIRECTIONS,
};

struct tap_request {
	uint32_t magic;
	uint32_t format;
	uint32_t slot_cnt;   /* a power of two */
	uint32_t directions; /* bits, 1 << enum tap_direction */
};

struct tap_answer {
	uint32_t magic;
	int32_t rc; /* 0 and the memory file, or -errno */
	uint64_t bytes;
};

/* A frame, as it was received or is about to be sent. */
struct tap_slot {
	uint64_t at_ns; /* wall clock of its burst */
	uint32_t bytes; /* of the frame; more than TAP_FRAME_BYTES_MAX: cut */
	uint32_t direction;
	uint8_t frame[TAP_FRAME_BYTES_MAX];
};
static_assert(sizeof(struct tap_slot) == TAP_SLOT_BYTES, "no padding");

/* Free-running, each side on lines of its own. */
struct tap_ring {
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t tail; /* the engine's */
	_Atomic uint64_t lost[TAP_DIRECTIONS];            /* frames there was no slot for */
	_Alignas(CACHE_LINE_BYTES) _Atomic uint64_t head; /* the capture's */
};
static_assert(offsetof(struct tap_ring, head) == CACHE_LINE_BYTES, "two ends, two lines");

struct tap_header {
	_Alignas(CACHE_LINE_BYTES) uint32_t ring_cnt;
	uint32_t slot_cnt;
	struct tap_ring rings[WORKERS_MAX];
};
static_assert(sizeof(struct tap_header) % CACHE_LINE_BYTES == 0, "the slots follow it");

static inline uint64_t tap_bytes(uint32_t ring_cnt, uint32_t slot_cnt)
{
	CHECK(ring_cnt <= WORKERS_MAX && slot_cnt <= TAP_SLOTS_MAX);
	return sizeof(struct tap_header) + (uint64_t)ring_cnt * slot_cnt * TAP_SLOT_BYTES;
}

/* The slots of a ring. */
static inline struct tap_slot *tap_slots(struct tap_header *header, uint32_t ring,
					 uint32_t slot_cnt)
{
	CHECK(ring < WORKERS_MAX && slot_cnt <= TAP_SLOTS_MAX);
	return (struct tap_slot *)(header + 1) + (uint64_t)ring * slot_cnt;
}

#endif
