/*
 * state: what the stages of a worker work on; for engine/worker*.c alone. The loop is
 * worker.c, the stages are receive.c (rx, decode, admit), decide.c (decide) and
 * reply.c (reply). Everything here is the one worker's, in an arena of
 * its own, as are its lanes' shards, backlogs and waiting replies: no page of what it writes is
 * another worker's. Of the rest, each lane and each journal has cache lines of its own (lane.h,
 * journal.c), and a hand-over ring is written at its two ends, a line each (rte_ring).
 */
#ifndef DB_ENGINE_WORKER_STATE_H
#define DB_ENGINE_WORKER_STATE_H

#include "alloc/arena.h"
#include "engine/sale/decide.h"
#include "engine/worker/tx_queue.h"
#include "engine/worker/worker.h"
#include "net/tag.h"

/* The datagrams of one burst, admitted; decided in the same turn, or put into their backlogs. */
struct batch {
	uint32_t cnt;
	uint32_t ahead[LOOKUP_PASS_CNT]; /* where each pass goes on */
	uint32_t request_cnt;
	/* Of each datagram, in keys; and behind the last. */
	uint16_t first_request[RX_BURST_MAX + 1];
	struct exchange datagrams[RX_BURST_MAX];
	struct lookup keys[RX_BURST_MAX * WIRE_ENTRY_CNT_MAX];
};

/* Replies that may leave, to be signed together, where they are: in batch, backlog or waiting. */
struct signing {
	uint32_t cnt;
	const struct exchange *replies[TAG_BURST_MAX];
};

struct worker {
	struct worker_shared *shared;
	struct disk *disk;
	uint64_t now_ns;       /* the lanes' time of this turn, since the epoch: wall_clock.h */
	uint64_t monotonic_ns; /* of this turn: what must not depend on the wall clock */
	uint16_t idx;
	uint16_t worker_cnt;
	uint16_t handover_first; /* whose questions are taken first: everybody's turn comes */
	uint16_t burst_max;      /* datagrams of a turn, as full as they are */
	bool receiving;
	bool busy;            /* the last turn got something done */
	uint64_t done_cnt;    /* frames of other workers and writes that came back */
	uint64_t done_before; /* things done when the turn began */
	uint64_t requests_before;
	const uint64_t *allocated; /* jemalloc's counter of this thread */
	uint64_t allocated_before;
	struct stopwatch watch;
	struct worker_counters counters;
	struct signing signing;
	struct tx_queue tx_queue;
	struct batch batch;
	struct arena *arena;
	uint8_t *buffers;
};
static_assert((int)TAG_BURST_MAX >= (int)RX_BURST_MAX, "a burst is checked at once");
static_assert(RX_BURST_MAX * WIRE_ENTRY_CNT_MAX <= UINT16_MAX, "batch.first_request");

static inline struct lane *worker_next_lane(const struct worker *worker, const struct lane *lane)
{
	const uint32_t idx = lane == NULL ? worker->idx : (uint32_t)lane->idx + worker->worker_cnt;

	return idx < worker->shared->shard_cnt ? &worker->shared->lanes[idx] : NULL;
}

#define FOR_EACH_LANE(worker, lane)                                                                \
	for (struct lane *lane = worker_next_lane(worker, NULL); lane != NULL;                     \
	     lane = worker_next_lane(worker, lane))

static inline void worker_lap(struct worker *worker, enum stage stage)
{
	stopwatch_lap(&worker->watch, stage);
}

/* rx, decode, admit: a burst from the port and from other workers becomes the batch. */
void worker_receive(struct worker *worker);

/* decide: the batch, each datagram in its lane's order; what a journal has no room for waits. */
void worker_decide(struct worker *worker);

/* Nothing is left to decide, to write or to wait for; only the port may still have to take frames.
 */
bool worker_all_decided(const struct worker *worker);

/* Whether one more reply to a question that came in at worker origin_idx can leave. */
bool worker_reply_has_room(struct worker *worker, uint16_t origin_idx);

/* reply: it may leave, with the next seal; there is room for it, also in signing. Stays where it is
 * until then. */
void worker_reply(struct worker *worker, const struct exchange *reply);

/* Signs and sends what may leave. */
void worker_sign(struct worker *worker);

/* Replies whose records are durable, as far as they can leave; on a failed lane the rest learns
 * that nobody knows. */
void worker_release(struct worker *worker);

/* Answers of other workers to questions that came in here. */
void worker_forward(struct worker *worker);

/* A frame of ours that is no reply. */
void worker_send(struct worker *worker, struct rte_mbuf *mbuf);

/* Counted under its reason. */
void worker_drop(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason);

#endif
