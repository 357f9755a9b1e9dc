/*
 * reply_queue: the replies of a lane that rest on records not yet acknowledged (acknowledged.h), in
 * the order they were decided. A reply leaves when its record is acknowledged and all replies
 * before it have left, never earlier; none is lost. Fixed size: while there is no room, the lane's
 * datagrams wait in its backlog.
 */
#ifndef DB_ENGINE_LANE_REPLY_QUEUE_H
#define DB_ENGINE_LANE_REPLY_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/lane/exchange.h"

struct reply_queue {
	uint32_t head; /* free-running */
	uint32_t tail;
	struct exchange replies[REPLIES_WAITING_MAX];
};
static_assert((REPLIES_WAITING_MAX & (REPLIES_WAITING_MAX - 1)) == 0, "indexed by mask");

static inline uint32_t reply_queue_room(const struct reply_queue *queue)
{
	DCHECK(queue->tail - queue->head <= REPLIES_WAITING_MAX);
	return REPLIES_WAITING_MAX - (queue->tail - queue->head);
}

static inline bool reply_queue_empty(const struct reply_queue *queue)
{
	return queue->tail == queue->head;
}

static inline void reply_queue_push(struct reply_queue *queue, const struct exchange *reply)
{
	DCHECK(reply_queue_room(queue) > 0);
	DCHECK(reply->lsn > 0 && reply->lsn <= LSN_MAX);
	queue->replies[queue->tail++ & (REPLIES_WAITING_MAX - 1)] = *reply;
}

/* The oldest reply if it rests on records up to acknowledged_lsn only; else NULL. */
static inline struct exchange *reply_queue_oldest(struct reply_queue *queue,
						  uint64_t acknowledged_lsn)
{
	struct exchange *oldest = &queue->replies[queue->head & (REPLIES_WAITING_MAX - 1)];

	return reply_queue_empty(queue) || oldest->lsn > acknowledged_lsn ? NULL : oldest;
}

/* The same, and takes it out. Valid until the next push. */
static inline struct exchange *reply_queue_pop(struct reply_queue *queue, uint64_t acknowledged_lsn)
{
	struct exchange *oldest = reply_queue_oldest(queue, acknowledged_lsn);

	queue->head += oldest != NULL;
	return oldest;
}

#endif
