#define _LGPL_SOURCE /* liburcu's fast path inline */
#include "engine/worker/worker.h"

#include <errno.h>
#include <time.h>

#include <urcu-qsbr.h>

#include "engine/base/check.h"
#include "engine/base/relaxed.h"
#include "engine/base/secret.h"
#include "engine/worker/state.h"

enum {
	SHARD_CHECKS_PER_TURN_CNT = 64,
	PAUSE_NAP_NS = 200000,
};

static const uint64_t CLOSE_AFTER_IDLE_NS = 1000000;
static const uint64_t STALLED_AFTER_NS = 2000000000;
/* Draining ends when nothing has come for so long, and at the latest after so long. */
static const uint64_t DRAIN_QUIET_NS = 20000000;
static const uint64_t DRAIN_MAX_NS = 300000000;
static const uint64_t FLUSH_MAX_NS = 1000000000;

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
		lane_pump(lane, worker->monotonic_ns);
	worker->disk->ops->submit(worker->disk);
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
static void close_idle(struct lane *lane, uint64_t monotonic_ns)
{
	if (!journal_wants_closing_block(lane->journal))
		lane->unclosed_since_ns = 0;
	else if (lane->unclosed_since_ns == 0)
		lane->unclosed_since_ns = monotonic_ns;
	else if (monotonic_ns > lane->unclosed_since_ns + CLOSE_AFTER_IDLE_NS)
		journal_put_closing_block(lane->journal, lane->clock_ns);
}

/* Bounded work each turn that is nobody's request. */
static void keep_house(struct worker *worker)
{
	FOR_EACH_LANE (worker, lane) {
		lane_tick(lane, worker->now_ns);
		close_idle(lane, worker->monotonic_ns);
		watch_progress(lane, worker->monotonic_ns);
		DCHECK(shard_check(lane->shard, &lane->check_cursor, SHARD_CHECKS_PER_TURN_CNT));
	}
	rcu_quiescent_state();
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
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
	worker->monotonic_ns = monotonic_ns();
	worker->now_ns = wall_now_ns(&worker->shared->now, worker->monotonic_ns);
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
	worker_receive(worker); /* rx, decode, admit */
	worker_decide(worker);
	write_journals(worker);
	worker_lap(worker, STAGE_JOURNAL);
	worker_release(worker); /* reply */
	if (worker->shared->handover != NULL)
		worker_forward(worker);
	tx_queue_flush(&worker->tx_queue, worker->monotonic_ns); /* tx */
	worker_lap(worker, STAGE_TX);
	keep_house(worker);
	worker_lap(worker, STAGE_HOUSE);
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
	       handed_over(worker, kind) || !worker_all_decided(worker))
		drain_turn(worker);
}

/* The last replies; a peer that takes none any more is not waited for. */
static void flush_frames(struct worker *worker)
{
	struct tx_queue *tx_queue = &worker->tx_queue;

	const uint64_t end_ns = monotonic_ns() + FLUSH_MAX_NS;

	do {
		worker->monotonic_ns = monotonic_ns();
		tx_queue_flush(tx_queue, worker->monotonic_ns);
	} while (tx_queue->cnt > 0 && worker->monotonic_ns < end_ns &&
		 !tx_queue_is_stuck(tx_queue));
	while (tx_queue->cnt > 0)
		worker_drop(worker, tx_queue->mbufs[--tx_queue->cnt], DROP_TX_FULL);
}

/* Refuses what still comes, gets every reply out, seals the lanes. */
static void drain(struct worker *worker)
{
	const uint64_t begin_ns = monotonic_ns();
	uint64_t quiet_ns = begin_ns;

	DCHECK(atomic_load(&worker->shared->command) == WORKER_DRAIN ||
	       atomic_load(&worker->shared->command) == WORKER_ABANDON);
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
	while (!worker_all_decided(worker))
		drain_turn(worker);
	end_handover(worker, &worker->shared->questions_ended_cnt, HANDOVER_QUESTION);
	FOR_EACH_LANE (worker, lane) {
		if (journal_wants_closing_block(lane->journal))
			journal_put_closing_block(lane->journal, lane->clock_ns);
	}
	end_handover(worker, &worker->shared->answers_ended_cnt, HANDOVER_ANSWER);
	flush_frames(worker);
}

/* A queue that could not be opened again is left alone. */
static void look_at_port(struct worker *worker)
{
	const bool closed = (worker->shared->port->closed_queues >> worker->idx & 1) != 0;

	worker->receiving = !closed;
	worker->tx_queue.closed = closed;
}

/* Stands still between two turns, so that the control thread may change what a turn relies on. */
static void pause_turns(struct worker *worker)
{
	struct worker_shared *shared = worker->shared;
	const struct timespec nap = {.tv_nsec = PAUSE_NAP_NS};

	rcu_thread_offline();
	atomic_fetch_add(&shared->paused_cnt, 1);
	while (atomic_load(&shared->command) == WORKER_PAUSE)
		nanosleep(&nap, NULL);
	atomic_fetch_sub(&shared->paused_cnt, 1);
	rcu_thread_online();
	look_at_port(worker);
}

/* Whether there is another turn. The command is looked at once: it may change any moment. */
static bool sells(struct worker *worker)
{
	for (;;) {
		const int command =
			atomic_load_explicit(&worker->shared->command, memory_order_relaxed);

		if (command != WORKER_PAUSE)
			return command == WORKER_SELL;
		pause_turns(worker);
	}
}

int worker_run(void *context)
{
	struct worker *worker = context;

	/* Keys pass over this stack. The process is kept already: only the stack can fail. */
	(void)secret_keep();
	rcu_register_thread();
	worker->allocated = arena_thread_allocated();
	worker->allocated_before = *worker->allocated;
	worker->monotonic_ns = monotonic_ns();
	worker->tx_queue.queue = worker->shared->port->queues[worker->idx];
	look_at_port(worker);
	while (sells(worker))
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
	worker->burst_max = RX_BURST_MAX;
	worker->worker_cnt = worker_cnt;
	worker->arena = arena;
	worker->buffers = buffers;
	for (uint32_t i = idx; i < shared->shard_cnt; i += worker_cnt) {
		struct lane *lane = &shared->lanes[i];

		shared->owners[i] = idx;
		lane->reply_queue = arena_alloc(arena, sizeof(*lane->reply_queue));
		lane->backlog = arena_alloc(arena, sizeof(*lane->backlog));
		rc = -ENOMEM;
		if (lane->reply_queue == NULL || lane->backlog == NULL)
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

struct arena *worker_arena(const struct worker *worker)
{
	return worker->arena;
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

void worker_each_held(const struct worker *worker, port_visit_fn *visit, void *context)
{
	FOR_EACH_LANE (worker, lane) {
		const struct reply_queue *waiting = lane->reply_queue;
		const struct backlog *backlog = lane->backlog;

		for (uint32_t i = waiting->head; i != waiting->tail; i++)
			visit(context, waiting->replies[i & (REPLIES_WAITING_MAX - 1)].mbuf);
		for (uint32_t i = backlog->head; i != backlog->tail; i++)
			visit(context, backlog->datagrams[i & (BACKLOG_MAX - 1)].mbuf);
	}
	for (uint32_t i = 0; i < worker->tx_queue.cnt; i++)
		visit(context, worker->tx_queue.mbufs[i]);
	if (worker->shared->handover != NULL)
		handover_each_held(worker->shared->handover, worker->idx, visit, context);
}

uint32_t worker_waiting_cnt(const struct worker *worker)
{
	uint32_t cnt = 0;

	FOR_EACH_LANE (worker, lane)
		cnt += relaxed_u32(&lane->reply_queue->tail) -
		       relaxed_u32(&lane->reply_queue->head) + relaxed_u32(&lane->backlog->tail) -
		       relaxed_u32(&lane->backlog->head);
	return cnt;
}
