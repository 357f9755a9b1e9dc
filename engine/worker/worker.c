#define _LGPL_SOURCE /* liburcu's fast path inline */
#include "engine/worker/worker.h"

#include <errno.h>
#include <time.h>

#include <urcu-qsbr.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/relaxed.h"
#include "engine/base/secret.h"
#include "engine/lane/baskets.h"
#include "engine/worker/state.h"

enum {
	PAUSE_NAP_NS = 200000,
};

/* Draining ends when nothing has come for so long, and at the latest after so long. */
static const uint64_t DRAIN_QUIET_NS = 20000000;
static const uint64_t DRAIN_MAX_NS = 300000000;
static const uint64_t FLUSH_MAX_NS = 1000000000;

/* Whatever a turn can do changes this. */
static uint64_t things_done(const struct worker *worker)
{
	const struct worker_counters *counters = &worker->counters;

	return counters->frames + counters->datagrams + counters->replies + worker->done_cnt +
	       worker->turn.written_cnt;
}

static void begin_turn(struct worker *worker)
{
	const uint64_t last_ns = worker->turn.monotonic_ns;
	const uint64_t now_ns = clock_now_ns();

	/* All answers of the last turn have left their places, which this one fills again. */
	DCHECK(worker->signing.cnt == 0);
	DCHECK(now_ns >= last_ns);
	stopwatch_begin(&worker->watch);
	lane_turn_begin(&worker->turn, wall_now_ns(&worker->shared->now, now_ns), now_ns);
	worker->counters.turns_ns += worker->turn.monotonic_ns - last_ns;
	if (worker->busy)
		worker->counters.turns_busy_ns += worker->turn.monotonic_ns - last_ns;
	worker->done_before = things_done(worker);
	worker->requests_before = worker->counters.requests;
}

static void end_turn(struct worker *worker)
{
	struct worker_counters *counters = &worker->counters;

	DCHECK(things_done(worker) >= worker->done_before);
	DCHECK(counters->requests >= worker->requests_before);
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

/* Carries out what the control thread asks of the worker itself, between two turns, when nothing is
 * being admitted. */
static void obey(struct worker *worker)
{
	const struct command *command;

	for (unsigned i = 0; i < COMMANDS_PER_TURN_MAX; i++) {
		command = commands_first(worker->commands);
		if (command == NULL)
			break;
		CHECK(command->verb == COMMAND_USE_KEYS);
		worker->keys = command->keys;
		commands_done(worker->commands, 0, 0);
	}
	commands_release(worker->commands, 0, 0);
}

/* One turn: the journey of a request. */
static void turn(struct worker *worker)
{
	begin_turn(worker);
	worker_receive(worker); /* rx, decode, admit */
	lane_turn_decide(&worker->turn);
	lane_turn_write(&worker->turn); /* journal */
	worker_lap(worker, STAGE_JOURNAL);
	lane_turn_release(&worker->turn); /* acknowledged: reply */
	worker_lap(worker, STAGE_REPLY);
	if (worker->shared->handover != NULL)
		worker_forward(worker);
	tx_queue_flush(&worker->tx_queue, worker->turn.monotonic_ns); /* tx */
	worker_lap(worker, STAGE_TX);
	lane_turn_tend(&worker->turn);
	if (commands_any(worker->commands))
		obey(worker);
	rcu_quiescent_state();
	worker_lap(worker, STAGE_HOUSE);
	end_turn(worker);
}

static bool handed_over(const struct worker *worker, enum handover_kind kind)
{
	return worker->shared->handover != NULL &&
	       handover_pending(worker->shared->handover, kind, worker->idx);
}

/* Turns until every worker has come here and nothing of this kind waits for us. */
static void end_handover(struct worker *worker, _Atomic uint32_t *ended_cnt,
			 enum handover_kind kind)
{
	const uint32_t before_us = atomic_fetch_add(ended_cnt, 1);

	/* Each worker comes here once, and takes no more questions from the port. */
	CHECK(before_us < worker->worker_cnt);
	CHECK(!worker->receiving);
	while (atomic_load(ended_cnt) < atomic_load(&worker->shared->running_cnt) ||
	       handed_over(worker, kind) || !lane_turn_all_done(&worker->turn))
		turn(worker);
}

/* Sends the last replies; does not wait for a peer that takes none any more. */
static void flush_frames(struct worker *worker)
{
	struct tx_queue *tx_queue = &worker->tx_queue;
	uint64_t now_ns = clock_now_ns();
	const uint64_t end_ns = now_ns + FLUSH_MAX_NS;

	CHECK(worker->signing.cnt == 0);
	do {
		tx_queue_flush(tx_queue, now_ns);
		now_ns = clock_now_ns();
	} while (tx_queue->cnt > 0 && now_ns < end_ns && !tx_queue_is_stuck(tx_queue));
	while (tx_queue->cnt > 0)
		worker_drop(worker, tx_queue->mbufs[--tx_queue->cnt], DROP_TX_FULL);
}

/* Refuses what still comes, sends every reply, closes the lanes. */
static void drain(struct worker *worker)
{
	const uint64_t begin_ns = clock_now_ns();
	uint64_t quiet_ns = begin_ns;

	CHECK(lane_turn_all_drain(&worker->turn));
	do {
		const uint64_t frames = worker->counters.frames;

		turn(worker);
		if (worker->counters.frames != frames)
			quiet_ns = worker->turn.monotonic_ns;
	} while (worker->turn.monotonic_ns < quiet_ns + DRAIN_QUIET_NS &&
		 worker->turn.monotonic_ns < begin_ns + DRAIN_MAX_NS);
	worker->receiving = false;
	while (!lane_turn_all_done(&worker->turn))
		turn(worker);
	end_handover(worker, &worker->shared->questions_ended_cnt, HANDOVER_QUESTION);
	lane_turn_close(&worker->turn);
	/* A write that is refused at once fails its lane: this turn publishes that. */
	turn(worker);
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
	uint32_t paused_cnt;

	/* worker_each_held finds every packet buffer in one of its places. */
	CHECK(worker->signing.cnt == 0);
	rcu_thread_offline();
	atomic_fetch_add(&shared->paused_cnt, 1);
	while (atomic_load(&shared->pause))
		nanosleep(&nap, NULL);
	paused_cnt = atomic_fetch_sub(&shared->paused_cnt, 1);
	CHECK(paused_cnt > 0 && paused_cnt <= worker->worker_cnt);
	rcu_thread_online();
	look_at_port(worker);
}

/* Whether there is another turn; waits while the workers are paused. */
static bool sells(struct worker *worker)
{
	while (atomic_load_explicit(&worker->shared->pause, memory_order_relaxed))
		pause_turns(worker);
	return !lane_turn_all_drain(&worker->turn);
}

int worker_run(void *context)
{
	struct worker *worker = context;

	CHECK(worker->idx < worker->shared->port->options.queue_cnt);
	CHECK(worker->turn.lane_first == worker->idx &&
	      worker->turn.lane_step == worker->worker_cnt);
	/* Keys pass over this stack. The process is protected already: only the stack can fail. */
	(void)secret_keep();
	rcu_register_thread();
	worker->allocated = arena_thread_allocated();
	worker->allocated_before = *worker->allocated;
	lane_turn_take_over(&worker->turn, clock_now_ns());
	worker->tx_queue.queue = worker->shared->port->queues[worker->idx];
	look_at_port(worker);
	while (sells(worker))
		turn(worker);
	drain(worker);
	rcu_unregister_thread();
	return 0;
}

/* What baskets over several shards need: nothing, where there is one. */
static bool open_baskets(struct worker *worker)
{
	const struct worker_shared *shared = worker->shared;

	if (shared->shard_cnt == 1)
		return true;
	worker->turn.post = arena_alloc(worker->arena, sizeof(*worker->turn.post));
	if (worker->turn.post == NULL)
		return false;
	FOR_EACH_LANE (&worker->turn, lane) {
		lane->baskets = arena_alloc(worker->arena, sizeof(*lane->baskets));
		if (lane->baskets == NULL)
			return false;
		lane_baskets_init(lane->baskets);
	}
	return true;
}

static struct commands *new_commands(struct arena *arena)
{
	void *memory = arena_alloc(arena, commands_bytes());

	return memory != NULL ? commands_init(memory) : NULL;
}

int worker_open(struct worker **out, struct worker_shared *shared, uint16_t idx,
		uint16_t worker_cnt, struct disk *disk)
{
	struct arena *arena = NULL;
	int rc = arena_open(&arena);

	CHECK(idx < worker_cnt && worker_cnt <= WORKERS_MAX);
	CHECK(idx < shared->shard_cnt && shared->shard_cnt <= SHARDS_MAX);
	if (rc != 0)
		return rc;

	struct worker *worker = arena_alloc(arena, sizeof(*worker));
	const uint32_t lane_cnt = (shared->shard_cnt - idx + worker_cnt - 1U) / worker_cnt;
	const size_t buffer_bytes = (size_t)lane_cnt * BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;
	uint8_t *buffers = arena_alloc(arena, buffer_bytes);

	rc = -ENOMEM;
	if (worker == NULL || buffers == NULL)
		goto fail;
	worker->commands = new_commands(arena);
	if (worker->commands == NULL)
		goto fail;
	rc = disk->ops->register_buffers(disk, buffers, buffer_bytes);
	if (rc != 0)
		goto fail;
	worker->shared = shared;
	worker->keys = shared->keys;
	worker->turn = (struct lane_turn){
		.ops = &worker_host_ops,
		.host = worker,
		.lanes = shared->lanes,
		.lane_first = idx,
		.lane_step = worker_cnt,
		.lane_cnt = shared->shard_cnt,
		.disk = disk,
		.verdict_cnt = worker->counters.verdicts,
	};
	worker->idx = idx;
	worker->burst_max = RX_BURST_MAX;
	worker->worker_cnt = worker_cnt;
	worker->arena = arena;
	worker->buffers = buffers;
	for (uint32_t i = idx; i < shared->shard_cnt; i += worker_cnt) {
		struct lane *lane = &shared->lanes[i];

		CHECK(lane->idx == i);
		CHECK(lane->reply_queue == NULL && lane->backlog == NULL);
		shared->owners[i] = idx;
		lane->reply_queue = arena_alloc(arena, sizeof(*lane->reply_queue));
		lane->backlog = arena_alloc(arena, sizeof(*lane->backlog));
		rc = -ENOMEM;
		lane->commands = new_commands(arena);
		if (lane->reply_queue == NULL || lane->backlog == NULL || lane->commands == NULL)
			goto fail;
	}
	if (!open_baskets(worker))
		goto fail;
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
	worker->turn.disk->ops->close(worker->turn.disk);
	arena_close(worker->arena);
}

struct commands *worker_commands(const struct worker *worker)
{
	return worker->commands;
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

	CHECK(lane_idx < worker->turn.lane_cnt);
	CHECK(lane_idx % worker->worker_cnt == worker->idx);
	return worker->buffers + lane_idx / worker->worker_cnt * lane_bytes;
}

void worker_each_held(const struct worker *worker, port_visit_fn *visit, void *context)
{
	FOR_EACH_LANE (&worker->turn, lane) {
		const struct reply_queue *waiting = lane->reply_queue;
		const struct backlog *backlog = lane->backlog;

		CHECK(waiting->tail - waiting->head <= REPLIES_WAITING_MAX);
		CHECK(backlog->tail - backlog->head <= BACKLOG_MAX);
		for (uint32_t i = waiting->head; i != waiting->tail; i++)
			visit(context, waiting->replies[i & (REPLIES_WAITING_MAX - 1)].packet);
		for (uint32_t i = backlog->head; i != backlog->tail; i++)
			visit(context, backlog->datagrams[i & (BACKLOG_MAX - 1)].packet);
		for (uint32_t i = 0; lane->baskets != NULL && i < lane->baskets->parked_places.cnt;
		     i++)
			visit(context, lane->baskets->parked[lane->baskets->parked_places.list[i]]
					       .exchange.packet);
	}
	CHECK(worker->tx_queue.cnt <= TX_QUEUE_FRAMES_MAX);
	for (uint32_t i = 0; i < worker->tx_queue.cnt; i++)
		visit(context, worker->tx_queue.mbufs[i]);
	if (worker->shared->handover != NULL)
		handover_each_held(worker->shared->handover, worker->idx, visit, context);
}

uint32_t worker_waiting_cnt(const struct worker *worker)
{
	uint32_t cnt = 0;

	FOR_EACH_LANE (&worker->turn, lane)
		cnt += relaxed_u32(&lane->reply_queue->tail) -
		       relaxed_u32(&lane->reply_queue->head) + relaxed_u32(&lane->backlog->tail) -
		       relaxed_u32(&lane->backlog->head) +
		       (lane->baskets != NULL ? relaxed_u16(&lane->baskets->parked_places.cnt)
					      : 0U);
	return cnt;
}
