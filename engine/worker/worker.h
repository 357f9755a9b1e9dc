/*
 * worker: the pinned thread that runs one or more shards. Its loop is the journey of a request; it
 * shares nothing with another worker but the hand-over rings, takes no lock, allocates nothing and
 * makes no system call but the journal's submit, a yield while the disk works, and the port
 * driver's own kick on AF_XDP. Replies wait for room: while they can't leave, nothing more is read,
 * until the port has taken nothing for long (tx_queue.h). A lane whose journal has no room holds up
 * the worker's other lanes only while its backlog is full, and not for long (backlog.h).
 */
#ifndef DB_ENGINE_WORKER_WORKER_H
#define DB_ENGINE_WORKER_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/base/wall_clock.h"
#include "engine/journal/disk.h"
#include "engine/lane/lane.h"
#include "engine/worker/handover.h"
#include "engine/worker/stopwatch.h"
#include "net/keys.h"
#include "net/port.h"

/* Written by the worker only, by plain stores; other threads read them one by one (relaxed.h). */
struct worker_counters {
	uint64_t frames;    /* from the port */
	uint64_t datagrams; /* admitted */
	uint64_t requests;
	uint64_t replies; /* datagrams sent to the port or, for another worker's queue, to it */
	uint64_t neighbours_answered;
	uint64_t handed_over;
	uint64_t turns;
	uint64_t turns_busy;    /* turns that took, decided, wrote or sent something */
	uint64_t turns_stalled; /* the port was not read: a lane's backlog had no room */
	uint64_t turns_ns; /* time since it began to sell, and how much of it busy turns took */
	uint64_t turns_busy_ns;
	uint64_t allocated_bytes; /* from the heap, by this thread, since it began to sell: 0 */
	/* Of busy turns that the stopwatch timed. */
	uint64_t timed_turns;
	uint64_t timed_requests;
	uint64_t timed_cycles[STAGE_CNT];
	uint64_t drops[DROP_CNT];
	uint64_t verdicts[VERDICT_END];
};

/*
 * What all workers look at; filled by the control thread before they start. While they sell, the
 * control thread writes `now` and `pause`, and running_cnt until the last worker is started; the
 * workers write paused_cnt. While they drain, the workers write the two counts at the end.
 */
struct worker_shared {
	const struct port *port;
	struct neighbour_address self; /* for ports that bypass the kernel whole */
	const struct key_ring *keys;   /* that a worker begins with; then COMMAND_USE_KEYS */
	struct lane *lanes;            /* [shard_cnt] */
	struct handover *handover;     /* NULL with one worker */
	struct mailbox *mailbox;       /* NULL with one worker */
	uint16_t shard_cnt;
	uint16_t owners[SHARDS_MAX]; /* the worker of each shard */
	struct wall_now now;         /* the time of all lanes: a step reaches all of them */
	_Atomic bool pause;          /* while it is set, workers stand still between two turns */
	_Atomic uint32_t paused_cnt; /* workers that stand still */
	/* How many workers were started; while draining, how many of them hand over no more
	 * questions, and how many no more answers. */
	_Atomic uint32_t running_cnt;
	_Atomic uint32_t questions_ended_cnt;
	_Atomic uint32_t answers_ended_cnt;
};

static_assert(WORKERS_MAX <= 8 * sizeof(((struct port *)0)->closed_queues), "a bit a worker");

struct worker;

/* 0 or -errno. Lane i belongs to worker i % worker_cnt. The disk is the worker's from then on. */
int worker_open(struct worker **out, struct worker_shared *shared, uint16_t idx,
		uint16_t worker_cnt, struct disk *disk);
void worker_close(struct worker *worker);

/*
 * Turns the worker's lanes until each of them has got a COMMAND_DRAIN and is done:
 * nothing new is decided, all replies are out, the lanes are closed. On the worker's own lcore;
 * signature of rte_eal_remote_launch.
 */
int worker_run(void *worker);

/* Commands to the worker itself: COMMAND_USE_KEYS, whose answer says that the worker no longer
 * looks at its old keys. Control thread. */
struct commands *worker_commands(const struct worker *worker);

/* For what lives as long as the worker, on its NUMA node. */
struct arena *worker_arena(const struct worker *worker);

const struct worker_counters *worker_counters(const struct worker *worker);

/* Calls visit with each packet buffer that this worker, or a hand-over to it, holds. While every
 * worker is paused. */
void worker_each_held(const struct worker *worker, port_visit_fn *visit, void *context);

/* How many packet buffers its lanes hold that wait for the disk or for room. Any thread; a rough
 * figure. */
uint32_t worker_waiting_cnt(const struct worker *worker);

/* Memory for the journal buffers of a lane, which must be one of the worker's. */
void *worker_buffers(const struct worker *worker, uint16_t lane_idx);

#endif
