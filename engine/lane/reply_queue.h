/*
 * waiting: the replies of a lane that rest on records not yet durable, in the order they were
 * decided. A reply leaves when its record and all before it in the queue may; never earlier, never
 * lost. Fixed size: the port is not read while there is no room.
 */
#ifndef DB_ENGINE_LANE_REPLY_QUEUE_H
#define DB_ENGINE_LANE_REPLY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "net/decode.h"

struct rte_mbuf;

/* An admitted frame on its way to its reply: to be decided, waiting for the disk, to be sealed. */
struct pending_reply {
	struct rte_mbuf *mbuf;
	uint8_t *frame; /* where its bytes begin */
	uint64_t lsn;   /* once it is decided: durable before it may leave; 0: at once */
	struct frame_view view;
	uint16_t origin_idx;         /* worker that received it, and sends the answer */
	uint16_t lane_idx;           /* of whose shard it asks */
	uint8_t key[WIRE_KEY_BYTES]; /* a copy: the key file may be read anew meanwhile */
};
static_assert(sizeof(struct pending_reply) <= CACHE_LINE_BYTES, "no more than a line to copy");

static inline uint8_t *pending_datagram(const struct pending_reply *pending)
{
	return pending->frame + pending->view.payload_offset;
}

/* Its entries, by the length that decode found right; a date is less than an entry. */
static inline uint32_t pending_request_cnt(const struct pending_reply *pending)
{
	return (pending->view.payload_bytes - WIRE_HEADER_BYTES - WIRE_TAG_BYTES) /
	       (uint32_t)WIRE_ENTRY_BYTES;
}

static_assert((int)WIRE_DATE_BYTES < (int)WIRE_ENTRY_BYTES, "pending_request_cnt rounds it off");

struct waiting {
	uint32_t head; /* free-running */
	uint32_t tail;
	struct pending_reply replies[REPLIES_WAITING_MAX];
};
static_assert((REPLIES_WAITING_MAX & (REPLIES_WAITING_MAX - 1)) == 0, "indexed by mask");

static inline uint32_t waiting_room(const struct waiting *waiting)
{
	return REPLIES_WAITING_MAX - (waiting->tail - waiting->head);
}

static inline bool waiting_empty(const struct waiting *waiting)
{
	return waiting->tail == waiting->head;
}

static inline void waiting_push(struct waiting *waiting, const struct pending_reply *reply)
{
	DCHECK(waiting_room(waiting) > 0);
	waiting->replies[waiting->tail++ & (REPLIES_WAITING_MAX - 1)] = *reply;
}

/* The oldest reply if it rests on records up to durable_lsn only; else NULL. */
static inline struct pending_reply *waiting_oldest(struct waiting *waiting, uint64_t durable_lsn)
{
	struct pending_reply *oldest = &waiting->replies[waiting->head & (REPLIES_WAITING_MAX - 1)];

	return waiting_empty(waiting) || oldest->lsn > durable_lsn ? NULL : oldest;
}

/* The same, and takes it out. Valid until the next push. */
static inline struct pending_reply *waiting_pop(struct waiting *waiting, uint64_t durable_lsn)
{
	struct pending_reply *oldest = waiting_oldest(waiting, durable_lsn);

	waiting->head += oldest != NULL;
	return oldest;
}

#endif
