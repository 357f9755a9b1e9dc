#define _LGPL_SOURCE /* liburcu's fast path inline */
#include "engine/worker.h"

#include <errno.h>
#include <time.h>

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>
#include <urcu-qsbr.h>

#include "alloc/arena.h"
#include "engine/admit.h"
#include "engine/answer.h"
#include "engine/check.h"
#include "engine/outbox.h"
#include "net/decode.h"
#include "net/neighbour.h"
#include "net/reply.h"

enum {
	/* Passes go on when the last of them is so few requests ahead: not for each request. */
	PASS_LOW_CNT = DECIDE_PASS_AHEAD_CNT / 2,
	/* Of a burst, so that neither the port nor the other workers starve. */
	HANDED_OVER_MAX = RX_BURST_MAX / 2,
	SHARD_CHECKS_PER_TURN_CNT = 64,
};

static const uint64_t SEAL_AFTER_IDLE_NS = 1000000;
static const uint64_t STALLED_AFTER_NS = 2000000000;
/* Draining ends when nothing has come for so long, and at the latest after so long. */
static const uint64_t DRAIN_QUIET_NS = 20000000;
static const uint64_t DRAIN_MAX_NS = 300000000;
static const uint64_t FLUSH_MAX_NS = 1000000000;

/* An admitted datagram on its way through decide. */
struct item {
	struct rte_mbuf *mbuf;
	struct lane *lane;
	uint32_t first_request;
	uint16_t request_cnt;
	uint16_t origin_idx; /* worker that received it */
	struct frame_view view;
	uint8_t key[WIRE_KEY_BYTES]; /* a copy: the key file may be read anew meanwhile */
};

/* The datagrams of one burst. */
struct batch {
	uint32_t item_cnt;
	uint32_t item_next;                   /* to be decided */
	uint32_t item_ahead[DECIDE_PASS_CNT]; /* where each pass goes on */
	uint32_t request_cnt;
	struct item items[RX_BURST_MAX];
	struct wire_request requests[RX_BURST_MAX * WIRE_ENTRY_CNT_MAX];
	struct decide_key keys[RX_BURST_MAX * WIRE_ENTRY_CNT_MAX];
};

struct worker {
	struct worker_shared *shared;
	struct disk *disk;
	uint64_t now_ns;       /* wall clock of this turn */
	uint64_t monotonic_ns; /* of this turn: what must not depend on the wall clock */
	uint16_t idx;
	uint16_t worker_cnt;
	uint16_t handover_first; /* whose questions are taken first: everybody's turn comes */
	bool receiving;
	bool busy;            /* the last turn got something done */
	uint64_t done_cnt;    /* frames of other workers and writes that came back */
	uint64_t done_before; /* things done when the turn began */
	uint64_t requests_before;
	const uint64_t *allocated; /* jemalloc's counter of this thread */
	uint64_t allocated_before;
	struct stopwatch watch;
	struct outbox outbox;
	struct worker_counters counters;
	struct batch batch;
	struct arena *arena;
	uint8_t *buffers;
};

static struct lane *next_lane(const struct worker *worker, struct lane *lane)
{
	const uint32_t idx = lane == NULL ? worker->idx : (uint32_t)lane->idx + worker->worker_cnt;

	return idx < worker->shared->shard_cnt ? &worker->shared->lanes[idx] : NULL;
}

#define FOR_EACH_LANE(worker, lane)                                                                \
	for (struct lane *lane = next_lane(worker, NULL); lane != NULL;                            \
	     lane = next_lane(worker, lane))

static void lap(struct worker *worker, enum stage stage)
{
	stopwatch_lap(&worker->watch, stage);
}

static void drop_frame(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason)
{
	worker->counters.drops[reason]++;
	rte_pktmbuf_free(mbuf);
}

static void send_frame(struct worker *worker, struct rte_mbuf *mbuf)
{
	if (!outbox_put(&worker->outbox, mbuf))
		drop_frame(worker, mbuf, DROP_TX_FULL);
}

/* Whether a reply to a question that came to this worker can leave now. */
static bool reply_has_room(struct worker *worker, uint16_t origin_idx)
{
	if (origin_idx == worker->idx)
		return outbox_room(&worker->outbox, worker->monotonic_ns) > 0;
	return handover_has_room(worker->shared->handover, HANDOVER_ANSWER, worker->idx,
				 origin_idx);
}

/* reply: the frame becomes its answer, in place. There is room for it: reply_has_room. */
static void send_reply(struct worker *worker, const struct lane *lane,
		       const struct pending_reply *reply)
{
	uint8_t *frame = rte_pktmbuf_mtod(reply->mbuf, uint8_t *);

	reply_seal(frame + reply->view.payload_offset, reply->view.payload_bytes, lane->idx,
		   WIRE_SHARD_MAP_VERSION, reply->key);
	reply_frame(frame, &reply->view);
	if (reply->origin_idx != worker->idx)
		CHECK(handover_give(worker->shared->handover, HANDOVER_ANSWER, worker->idx,
				    reply->origin_idx, reply->mbuf));
	else if (!outbox_put(&worker->outbox, reply->mbuf)) {
		drop_frame(worker, reply->mbuf, DROP_TX_FULL);
		return;
	}
	worker->counters.replies++;
}

/* What decode refused may still be a neighbour's question. */
static void refuse_frame(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason)
{
	uint32_t bytes = rte_pktmbuf_data_len(mbuf);

	if (worker->shared->port->answers_neighbours &&
	    (reason == DROP_NOT_IP || reason == DROP_NOT_UDP) &&
	    neighbour_answer(&worker->shared->self, rte_pktmbuf_mtod(mbuf, uint8_t *), &bytes)) {
		rte_pktmbuf_trim(mbuf, (uint16_t)(rte_pktmbuf_data_len(mbuf) - bytes));
		worker->counters.neighbours_answered++;
		send_frame(worker, mbuf);
		return;
	}
	drop_frame(worker, mbuf, reason);
}

static void hand_over(struct worker *worker, struct rte_mbuf *mbuf, const struct lane *lane)
{
	if (handover_give(worker->shared->handover, HANDOVER_QUESTION, worker->idx,
			  lane->worker_idx, mbuf))
		worker->counters.handed_over++;
	else
		drop_frame(worker, mbuf, DROP_HANDOVER_FULL);
}

/* decode and admit: one frame becomes an item of the batch, or is dropped under one reason. */
static void admit_frame(struct worker *worker, const struct key_ring *keys, struct rte_mbuf *mbuf,
			uint16_t origin_idx)
{
	const struct worker_shared *shared = worker->shared;
	const struct port_options *options = &shared->port->options;
	struct batch *batch = &worker->batch;
	struct item *item = &batch->items[batch->item_cnt];
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	enum drop reason = DROP_FRAME_SEGMENTED;

	if (mbuf->nb_segs == 1)
		reason = decode_frame(frame, rte_pktmbuf_data_len(mbuf), options->udp_port_first,
				      options->udp_port_cnt, &item->view);
	if (reason == DROP_NONE && shared->port->answers_neighbours &&
	    !neighbour_is_ours(&shared->self, frame + item->view.l3_offset, item->view.ip_version))
		reason = DROP_NOT_OUR_ADDRESS;
	if (reason != DROP_NONE) {
		refuse_frame(worker, mbuf, reason);
		return;
	}
	item->lane = &shared->lanes[item->view.dst_port - options->udp_port_first];
	if (item->lane->worker_idx != worker->idx) {
		hand_over(worker, mbuf, item->lane);
		return;
	}

	const uint8_t *datagram = frame + item->view.payload_offset;
	const struct key *key = NULL;

	reason = decode_datagram(datagram, item->view.payload_bytes);
	if (reason == DROP_NONE)
		reason = admit(keys, datagram, item->view.payload_bytes, &key);
	if (reason != DROP_NONE) {
		drop_frame(worker, mbuf, reason);
		return;
	}
	memcpy(item->key, key->bytes, sizeof(item->key));
	item->mbuf = mbuf;
	item->origin_idx = origin_idx;
	item->first_request = batch->request_cnt;
	item->request_cnt =
		(uint16_t)decode_requests(datagram, &batch->requests[batch->request_cnt]);
	batch->request_cnt += item->request_cnt;
	batch->item_cnt++;
	worker->counters.datagrams++;
	worker->counters.requests += item->request_cnt;
}

static bool replies_have_room(const struct worker *worker)
{
	FOR_EACH_LANE (worker, lane) {
		if (waiting_room(lane->waiting) < RX_BURST_MAX)
			return false;
	}
	return true;
}

/* A burst that came to worker origin_idx: the batch has room for it. */
static void admit_burst(struct worker *worker, struct rte_mbuf **mbufs, uint16_t cnt,
			uint16_t origin_idx)
{
	const struct key_ring *keys = rcu_dereference(worker->shared->keys);

	for (uint16_t i = 0; i < cnt; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (uint16_t i = 0; i < cnt; i++)
		admit_frame(worker, keys, mbufs[i], origin_idx);
}

/* Questions for our shards that came to other workers. */
static void receive_handed_over(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];
	uint32_t room = HANDED_OVER_MAX;

	for (uint16_t i = 0; i < worker->worker_cnt; i++) {
		uint16_t from = (uint16_t)(worker->handover_first + i);
		uint16_t cnt;

		if (from >= worker->worker_cnt)
			from = (uint16_t)(from - worker->worker_cnt);
		if (from == worker->idx)
			continue;
		cnt = handover_take(worker->shared->handover, HANDOVER_QUESTION, from, worker->idx,
				    mbufs, (uint16_t)room);
		room -= cnt;
		admit_burst(worker, mbufs, cnt, from);
	}
	if (++worker->handover_first == worker->worker_cnt)
		worker->handover_first = 0;
}

/* Answers of other workers to questions that came in here. Never waits for our own shards: two
 * workers could wait for each other. */
static void forward_answers(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];

	for (uint16_t from = 0; from < worker->worker_cnt; from++) {
		const uint32_t room = outbox_room(&worker->outbox, worker->monotonic_ns);
		uint16_t cnt;

		if (from == worker->idx)
			continue;
		cnt = handover_take(worker->shared->handover, HANDOVER_ANSWER, from, worker->idx,
				    mbufs, (uint16_t)(room < RX_BURST_MAX ? room : RX_BURST_MAX));
		worker->done_cnt += cnt;
		for (uint16_t i = 0; i < cnt; i++)
			send_frame(worker, mbufs[i]);
	}
}

/* rx: a burst from the port and from other workers, unless the last one still waits for the disk.
 */
static void receive(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];
	struct batch *batch = &worker->batch;
	uint16_t cnt;

	if (batch->item_next < batch->item_cnt || !replies_have_room(worker)) {
		worker->counters.turns_stalled++;
		return;
	}
	batch->item_cnt = 0;
	batch->item_next = 0;
	memset(batch->item_ahead, 0, sizeof(batch->item_ahead));
	batch->request_cnt = 0;
	if (worker->shared->handover != NULL)
		receive_handed_over(worker);
	lap(worker, STAGE_DECODE);
	if (!worker->receiving)
		return;
	cnt = rte_eth_rx_burst(worker->outbox.queue.port_id, worker->outbox.queue.queue_id, mbufs,
			       (uint16_t)(RX_BURST_MAX - batch->item_cnt));
	worker->counters.frames += cnt;
	lap(worker, STAGE_RX);
	admit_burst(worker, mbufs, cnt, worker->idx);
}

/* The passes ahead of the request that is decided next. */
static void look_ahead(struct batch *batch, uint32_t decided_cnt)
{
	const uint32_t last = batch->item_ahead[DECIDE_PASS_CNT - 1];

	if (last < batch->item_cnt &&
	    batch->items[last].first_request >= decided_cnt + PASS_LOW_CNT)
		return;
	for (unsigned pass = 0; pass < DECIDE_PASS_CNT; pass++) {
		const uint32_t end = decided_cnt + decide_ahead_cnt(pass);
		uint32_t next = batch->item_ahead[pass];

		for (; next < batch->item_cnt && batch->items[next].first_request < end; next++) {
			const struct item *item = &batch->items[next];

			decide_pass(pass, item->lane->shard, &batch->requests[item->first_request],
				    &batch->keys[item->first_request], item->request_cnt);
		}
		batch->item_ahead[pass] = next;
	}
}

/* decide: the batch's datagrams in the order they came, as far as the journals have room. */
static void decide_batch(struct worker *worker)
{
	struct batch *batch = &worker->batch;

	for (; batch->item_next < batch->item_cnt; batch->item_next++) {
		const struct item *item = &batch->items[batch->item_next];
		struct lane *lane = item->lane;
		struct pending_reply reply = {
			.mbuf = item->mbuf,
			.view = item->view,
			.origin_idx = item->origin_idx,
		};

		if (!answer_possible(lane, item->request_cnt) ||
		    !reply_has_room(worker, item->origin_idx))
			break;
		look_ahead(batch, item->first_request);
		lane_tick(lane, worker->now_ns);
		reply.lsn = answer_datagram(
			lane, rte_pktmbuf_mtod(item->mbuf, uint8_t *) + item->view.payload_offset,
			&batch->requests[item->first_request], &batch->keys[item->first_request],
			worker->counters.verdicts);
		memcpy(reply.key, item->key, sizeof(reply.key));
		if (reply.lsn > 0) {
			waiting_push(lane->waiting, &reply);
			continue;
		}
		lap(worker, STAGE_DECIDE);
		send_reply(worker, lane, &reply);
		lap(worker, STAGE_REPLY);
	}
}

static void on_written(void *context, uint64_t token, int64_t result)
{
	const struct worker *worker = context;

	journal_written(worker->shared->lanes[journal_token_lane(token)].journal, token, result);
}

/* journal: what is down comes back, what was committed goes out; one system call at the most. */
static void write_journals(struct worker *worker)
{
	worker->done_cnt += (uint64_t)worker->disk->ops->reap(worker->disk, on_written, worker);
	FOR_EACH_LANE (worker, lane)
		journal_pump(lane->journal, lane->clock_ns);
	worker->disk->ops->submit(worker->disk);
}

/* reply: everything whose records are durable, as far as it can leave; on a failed lane the rest
 * learns that nobody knows. */
static void release_replies(struct worker *worker)
{
	FOR_EACH_LANE (worker, lane) {
		const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
		const int error = journal_error(lane->journal);
		const uint64_t up_to_lsn = error != 0 ? LSN_MAX : durable_lsn;
		struct pending_reply *reply;

		while ((reply = waiting_oldest(lane->waiting, up_to_lsn)) != NULL &&
		       reply_has_room(worker, reply->origin_idx)) {
			waiting_pop(lane->waiting, up_to_lsn);
			if (reply->lsn > durable_lsn)
				answer_unavailable(rte_pktmbuf_mtod(reply->mbuf, uint8_t *) +
							   reply->view.payload_offset,
						   durable_lsn, worker->counters.verdicts);
			send_reply(worker, lane, reply);
		}
		if (error != 0)
			atomic_store_explicit(&lane->error, error, memory_order_relaxed);
	}
}

static void tell(_Atomic bool *told, bool now)
{
	if (now != atomic_load_explicit(told, memory_order_relaxed))
		atomic_store_explicit(told, now, memory_order_relaxed);
}

/* Whether the disk goes on, for the control thread to tell. */
static void watch_progress(struct lane *lane, uint64_t monotonic_ns)
{
	const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
	const bool full = journal_room(lane->journal) == 0 && journal_is_full(lane->journal);
	/* Idle without room: the next segment is long in coming. */
	const bool moves =
		durable_lsn != lane->progress_lsn ||
		(journal_idle(lane->journal) && (journal_room(lane->journal) > 0 || full));

	if (moves) {
		lane->progress_lsn = durable_lsn;
		lane->progress_ns = monotonic_ns;
	}
	tell(&lane->stalled, monotonic_ns >= lane->progress_ns + STALLED_AFTER_NS);
	tell(&lane->full, full);
}

/* Seals a lane that has been idle for a while; by a clock that nobody sets back. */
static void seal_idle(struct lane *lane, uint64_t monotonic_ns)
{
	if (!journal_wants_seal(lane->journal))
		lane->unsealed_since_ns = 0;
	else if (lane->unsealed_since_ns == 0)
		lane->unsealed_since_ns = monotonic_ns;
	else if (monotonic_ns > lane->unsealed_since_ns + SEAL_AFTER_IDLE_NS)
		journal_seal(lane->journal, lane->clock_ns);
}

/* Bounded work each turn that is nobody's request. */
static void keep_house(struct worker *worker)
{
	FOR_EACH_LANE (worker, lane) {
		lane_tick(lane, worker->now_ns);
		seal_idle(lane, worker->monotonic_ns);
		watch_progress(lane, worker->monotonic_ns);
		DCHECK(shard_check(lane->shard, &lane->check_cursor, SHARD_CHECKS_PER_TURN_CNT));
	}
	rcu_quiescent_state();
}

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* Whatever a turn can get done changes this. */
static uint64_t things_done(const struct worker *worker)
{
	const struct worker_counters *counters = &worker->counters;

	return counters->frames + counters->datagrams + counters->replies + worker->done_cnt;
}

static void begin_turn(struct worker *worker)
{
	const uint64_t last_ns = worker->monotonic_ns;

	stopwatch_begin(&worker->watch);
	worker->now_ns = clock_ns(CLOCK_REALTIME);
	worker->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	worker->counters.turns_ns += worker->monotonic_ns - last_ns;
	if (worker->busy)
		worker->counters.turns_busy_ns += worker->monotonic_ns - last_ns;
	worker->done_before = things_done(worker);
	worker->requests_before = worker->counters.requests;
}

static void end_turn(struct worker *worker)
{
	struct worker_counters *counters = &worker->counters;

	worker->busy = things_done(worker) != worker->done_before;
	counters->turns++;
	counters->turns_busy += worker->busy;
	counters->allocated_bytes = *worker->allocated - worker->allocated_before;
	if (!stopwatch_end(&worker->watch, worker->busy))
		return;
	counters->timed_turns++;
	counters->timed_requests += counters->requests - worker->requests_before;
	for (unsigned stage = 0; stage < STAGE_CNT; stage++)
		counters->timed_cycles[stage] += worker->watch.cycles[stage];
}

/* One turn: the journey of a request. */
static void turn(struct worker *worker)
{
	begin_turn(worker);
	receive(worker); /* rx, decode, admit */
	lap(worker, STAGE_DECODE);
	decide_batch(worker);
	lap(worker, STAGE_DECIDE);
	write_journals(worker);
	lap(worker, STAGE_JOURNAL);
	release_replies(worker);
	lap(worker, STAGE_REPLY);
	if (worker->shared->handover != NULL)
		forward_answers(worker);
	outbox_flush(&worker->outbox, worker->monotonic_ns); /* tx */
	lap(worker, STAGE_TX);
	keep_house(worker);
	lap(worker, STAGE_HOUSE);
	end_turn(worker);
}

/* A turn while draining: who was told not to wait for the disk doesn't. */
static void drain_turn(struct worker *worker)
{
	if (atomic_load_explicit(&worker->shared->command, memory_order_relaxed) ==
	    WORKER_ABANDON) {
		FOR_EACH_LANE (worker, lane) {
			if (!journal_idle(lane->journal))
				journal_abandon(lane->journal, ETIMEDOUT);
		}
	}
	turn(worker);
}

/* Nothing is left to decide, to write or to wait for; only the port may still have to take frames.
 */
static bool all_decided(const struct worker *worker)
{
	if (worker->batch.item_next < worker->batch.item_cnt)
		return false;
	FOR_EACH_LANE (worker, lane) {
		if (!waiting_empty(lane->waiting))
			return false;
		if (journal_error(lane->journal) == 0 && !journal_idle(lane->journal))
			return false;
	}
	return true;
}

static bool handed_over(const struct worker *worker, enum handover_kind kind)
{
	return worker->shared->handover != NULL &&
	       handover_pending(worker->shared->handover, kind, worker->idx);
}

/* Turns until every worker has got here and nothing of a kind is left that was handed to us. */
static void end_handover(struct worker *worker, _Atomic uint32_t *ended_cnt,
			 enum handover_kind kind)
{
	atomic_fetch_add(ended_cnt, 1);
	while (atomic_load(ended_cnt) < atomic_load(&worker->shared->running_cnt) ||
	       handed_over(worker, kind) || !all_decided(worker))
		drain_turn(worker);
}

/* The last replies; a peer that takes none any more is not waited for. */
static void flush_frames(struct worker *worker)
{
	struct outbox *outbox = &worker->outbox;

	const uint64_t end_ns = clock_ns(CLOCK_MONOTONIC) + FLUSH_MAX_NS;

	do {
		worker->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
		outbox_flush(outbox, worker->monotonic_ns);
	} while (outbox->cnt > 0 && worker->monotonic_ns < end_ns && !outbox_is_stuck(outbox));
	while (outbox->cnt > 0)
		drop_frame(worker, outbox->mbufs[--outbox->cnt], DROP_TX_FULL);
}

/* Refuses what still comes, gets every reply out, seals the lanes. */
static void drain(struct worker *worker)
{
	const uint64_t begin_ns = clock_ns(CLOCK_MONOTONIC);
	uint64_t quiet_ns = begin_ns;

	FOR_EACH_LANE (worker, lane)
		lane->draining = true;
	do {
		const uint64_t frames = worker->counters.frames;

		drain_turn(worker);
		if (worker->counters.frames != frames)
			quiet_ns = worker->monotonic_ns;
	} while (worker->monotonic_ns < quiet_ns + DRAIN_QUIET_NS &&
		 worker->monotonic_ns < begin_ns + DRAIN_MAX_NS);
	worker->receiving = false;
	while (!all_decided(worker))
		drain_turn(worker);
	end_handover(worker, &worker->shared->questions_ended_cnt, HANDOVER_QUESTION);
	FOR_EACH_LANE (worker, lane) {
		if (journal_wants_seal(lane->journal))
			journal_seal(lane->journal, lane->clock_ns);
	}
	end_handover(worker, &worker->shared->answers_ended_cnt, HANDOVER_ANSWER);
	flush_frames(worker);
}

int worker_run(void *context)
{
	struct worker *worker = context;

	rcu_register_thread();
	worker->allocated = arena_thread_allocated();
	worker->allocated_before = *worker->allocated;
	worker->monotonic_ns = clock_ns(CLOCK_MONOTONIC);
	worker->outbox.queue = worker->shared->port->queues[worker->idx];
	worker->receiving = true;
	while (atomic_load_explicit(&worker->shared->command, memory_order_relaxed) == WORKER_SELL)
		turn(worker);
	drain(worker);
	rcu_unregister_thread();
	return 0;
}

int worker_open(struct worker **out, struct worker_shared *shared, uint16_t idx,
		uint16_t worker_cnt, struct disk *disk)
{
	struct arena *arena = NULL;
	int rc = arena_open(&arena);

	if (rc != 0)
		return rc;

	struct worker *worker = arena_alloc(arena, sizeof(*worker));
	const uint32_t lane_cnt = (shared->shard_cnt - idx + worker_cnt - 1U) / worker_cnt;
	const size_t buffer_bytes = (size_t)lane_cnt * BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;
	uint8_t *buffers = arena_alloc(arena, buffer_bytes);

	rc = -ENOMEM;
	if (worker == NULL || buffers == NULL)
		goto fail;
	rc = disk->ops->register_buffers(disk, buffers, buffer_bytes);
	if (rc != 0)
		goto fail;
	worker->shared = shared;
	worker->disk = disk;
	worker->idx = idx;
	worker->worker_cnt = worker_cnt;
	worker->arena = arena;
	worker->buffers = buffers;
	for (uint32_t i = idx; i < shared->shard_cnt; i += worker_cnt) {
		struct lane *lane = &shared->lanes[i];

		lane->worker_idx = idx;
		lane->waiting = arena_alloc(arena, sizeof(*lane->waiting));
		rc = -ENOMEM;
		if (lane->waiting == NULL)
			goto fail;
	}
	*out = worker;
	return 0;
fail:
	arena_close(arena);
	return rc;
}

void worker_close(struct worker *worker)
{
	if (worker == NULL)
		return;
	worker->disk->ops->close(worker->disk);
	arena_close(worker->arena);
}

const struct worker_counters *worker_counters(const struct worker *worker)
{
	return &worker->counters;
}

void *worker_buffers(const struct worker *worker, uint16_t lane_idx)
{
	const size_t lane_bytes = (size_t)BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;

	return worker->buffers + lane_idx / worker->worker_cnt * lane_bytes;
}
