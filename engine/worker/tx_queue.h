/*
 * tx_queue: the stage tx. Frames that one worker sends wait here until its port queue takes them.
 * While it is full, further replies wait, too: none is thrown away because many are due at once.
 * Only a port that has taken nothing for TX_QUEUE_PATIENCE_NS is given up on, so that a peer that
 * doesn't read cannot hold up the shards; it is tried again with every turn.
 *
 * Worker thread only.
 */
#ifndef DB_ENGINE_WORKER_TX_QUEUE_H
#define DB_ENGINE_WORKER_TX_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "net/port.h"

struct rte_mbuf;

enum {
	TX_QUEUE_FRAMES_MAX = 512,
	TX_QUEUE_PATIENCE_NS = 100000000,
};

/* Zeroed is empty; `queue` is set before the first call. */
struct tx_queue {
	struct port_queue queue;
	bool closed; /* the port's queue must not be touched: as if it took nothing */
	uint32_t cnt;
	/* CLOCK_MONOTONIC of the first and the last try since the port took something; 0: none.
	 * Only tries count: time in which nobody tried is no fault of the port. */
	uint64_t refused_first_ns;
	uint64_t refused_last_ns;
	struct rte_mbuf *mbufs[TX_QUEUE_FRAMES_MAX];
};

/* Gives the port what it takes. now_ns: CLOCK_MONOTONIC of the turn. */
void tx_queue_flush(struct tx_queue *tx_queue, uint64_t now_ns);

/* The port has taken nothing for too long. */
bool tx_queue_is_stuck(const struct tx_queue *tx_queue);

/* tx_queue_room() of one that is full. */
uint32_t tx_queue_room_full(struct tx_queue *tx_queue, uint64_t now_ns);

/* Frames that may be put, also into a port given up on, which then drops them. */
static inline uint32_t tx_queue_room(struct tx_queue *tx_queue, uint64_t now_ns)
{
	DCHECK(tx_queue->cnt <= TX_QUEUE_FRAMES_MAX);
	if (tx_queue->cnt < TX_QUEUE_FRAMES_MAX)
		return TX_QUEUE_FRAMES_MAX - tx_queue->cnt;
	return tx_queue_room_full(tx_queue, now_ns);
}

/* False when full: the frame stays the caller's, to drop and count. */
bool tx_queue_put(struct tx_queue *tx_queue, struct rte_mbuf *mbuf);

#endif
