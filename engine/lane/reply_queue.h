/*
 * reply_queue: the replies of a lane that rest on records not yet durable, in the order they were
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

/* An admitted frame on its way to its reply: to be decided, queue for the disk, to be sealed. */
struct exchange {
	struct rte_mbuf *mbuf;
	uint8_t *frame; /* where its bytes begin */
	uint64_t lsn;   /* once it is decided: durable before it may leave; 0: at once */
	struct frame_view view;
	uint16_t origin_idx;         /* worker that received it, and sends the answer */
	uint16_t lane_idx;           /* of whose shard it asks */
	uint8_t key[WIRE_KEY_BYTES]; /* a copy: the key file may be read anew meanwhile */
};
static_assert(sizeof(struct exchange) <= CACHE_LINE_BYTES, "no more than a line to copy");

static inline uint8_t *exchange_datagram(const struct exchange *pending)
{
	return pending->frame + pending->view.payload_offset;
}

/* Its entries, by the length that decode found right; a date is less than an entry. */
static inline uint32_t exchange_request_cnt(const struct exchange *pending)
{
	return (pending->view.payload_bytes - WIRE_HEADER_BYTES - WIRE_TAG_BYTES) /
	       (uint32_t)WIRE_ENTRY_BYTES;
}

static_assert((int)WIRE_DATE_BYTES < (int)WIRE_ENTRY_BYTES, "exchange_request_cnt rounds it off");

struct reply_queue {
	uint32_t head; /* free-running */
	uint32_t tail;
	struct exchange replies[REPLIES_WAITING_MAX];
};
static_assert((REPLIES_WAITING_MAX & (REPLIES_WAITING_MAX - 1)) == 0, "indexed by mask");

static inline uint32_t reply_queue_room(const struct reply_queue *queue)
{
	return REPLIES_WAITING_MAX - (queue->tail - queue->head);
}

static inline bool reply_queue_empty(const struct reply_queue *queue)
{
	return queue->tail == queue->head;
}

static inline void reply_queue_push(struct reply_queue *queue, const struct exchange *reply)
{
	DCHECK(reply_queue_room(queue) > 0);
	queue->replies[queue->tail++ & (REPLIES_WAITING_MAX - 1)] = *reply;
}

/* The oldest reply if it rests on records up to durable_lsn only; else NULL. */
static inline struct exchange *reply_queue_oldest(struct reply_queue *queue, uint64_t durable_lsn)
{
	struct exchange *oldest = &queue->replies[queue->head & (REPLIES_WAITING_MAX - 1)];

	return reply_queue_empty(queue) || oldest->lsn > durable_lsn ? NULL : oldest;
}

/* The same, and takes it out. Valid until the next push. */
static inline struct exchange *reply_queue_pop(struct reply_queue *queue, uint64_t durable_lsn)
{
	struct exchange *oldest = reply_queue_oldest(queue, durable_lsn);

	queue->head += oldest != NULL;
	return oldest;
}

#endif
