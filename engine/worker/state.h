/*
 * state: what the stages of a worker work on; for engine/worker/ alone. The loop is worker.c; the
 * stages are receive.c (rx, decode, admit), engine/lane/lane_turn.c (decide, journal, release) and
 * reply.c (reply). Everything here belongs to one worker and is in an arena of its own, as are its
 * lanes' shards, backlogs and reply queues: no page that it writes is another worker's. Of the
 * rest, each lane and each journal has cache lines of its own (lane.h, journal.c), and the two ends
 * of a hand-over ring are on lines of their own (rte_ring).
 */
#ifndef DB_ENGINE_WORKER_STATE_H
#define DB_ENGINE_WORKER_STATE_H

#include "alloc/arena.h"
#include "engine/lane/lane_turn.h"
#include "engine/worker/tx_queue.h"
#include "engine/worker/worker.h"
#include "net/tag.h"

/* Replies that may leave, to be signed together, where they are: in batch, backlog or reply queue.
 */
struct signing {
	uint32_t cnt;
	const struct exchange *replies[TAG_BURST_MAX];
};

struct worker {
	struct worker_shared *shared;
	const struct key_ring *keys; /* by which it admits */
	struct commands *commands;   /* from the control thread, to the worker itself */
	uint16_t idx;
	uint16_t worker_cnt;
	uint16_t handover_first; /* the worker whose questions are taken first; the next one each
				    turn */
	uint16_t mail_from;      /* the worker whose mails are taken next */
	uint16_t burst_max;      /* how many datagrams the next burst may have */
	bool receiving;
	bool busy;            /* the last turn did something */
	uint64_t done_cnt;    /* answers that other workers gave us */
	uint64_t done_before; /* things done when the turn began */
	uint64_t requests_before;
	const uint64_t *allocated; /* jemalloc's counter of this thread */
	uint64_t allocated_before;
	struct stopwatch watch;
	struct worker_counters counters;
	struct signing signing;
	struct tx_queue tx_queue;
	struct lane_turn turn; /* its lanes, and the burst that they are to decide */
	struct arena *arena;
	uint8_t *buffers;
};
static_assert((int)TAG_BURST_MAX >= (int)RX_BURST_MAX, "a burst is checked at once");
static_assert((int)TX_QUEUE_FRAMES_MAX > (int)TAG_BURST_MAX, "what is signed at once has room");

static inline void worker_lap(struct worker *worker, enum stage stage)
{
	stopwatch_lap(&worker->watch, stage);
}

/* rx, decode, admit: a burst from the port and from other workers becomes the batch. */
void worker_receive(struct worker *worker);

/* What lane_turn asks of its host: room for replies, and sending them (reply.c). */
extern const struct lane_host_ops worker_host_ops;

/* Sends the answers of other workers to questions that this one received. */
void worker_forward(struct worker *worker);

/* Sends a frame of ours that is no reply. */
void worker_send(struct worker *worker, struct rte_mbuf *mbuf);

/* Frees a frame and counts it under its reason. */
void worker_drop(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason);

#endif
