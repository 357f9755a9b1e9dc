/*
 * port: reports a deaf port, and opens it again between two turns. Meanwhile no worker runs, lanes
 * and journals stay as they are, and replies that wait for the disk keep their packet buffers.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/relaxed.h"
#include "engine/serve/state.h"

enum {
	/* The most buffers that a queue's rings hold. If the worker holds more than the rest,
	 * buffers are not lost: they wait. */
	RING_BUFFERS = 3 * 2048,
	/* A worker pauses after its turn; it ends none while a system call holds it up. */
	PAUSE_WAIT_MS = 2000,
	NAP_NS = 200000,
};

/* Every worker's lanes may hold buffers of any queue, because of the hand-over. */
static bool buffers_wait(const struct server *server)
{
	uint64_t waiting = 0;

	for (uint16_t i = 0; i < server->options->core_cnt; i++)
		waiting += worker_waiting_cnt(server->workers[i]);
	return waiting + RING_BUFFERS > server->port.buffer_cnt;
}

static struct queue_counters counters_of(const struct server *server, uint16_t idx)
{
	const struct worker_counters *counters = worker_counters(server->workers[idx]);
	const struct port_losses losses = port_losses(&server->port, idx);

	return (struct queue_counters){
		.frames = relaxed_u64(&counters->frames),
		.reads = relaxed_u64(&counters->turns) - relaxed_u64(&counters->turns_stalled),
		.lost = losses.lost,
		.starved = losses.starved,
		.nic_missed = port_nic_missed(&server->port),
		.buffers_wait = buffers_wait(server),
		.closed = (server->port.closed_queues >> idx & 1) != 0,
	};
}

static void say_deaf(const struct server *server, uint16_t idx, uint64_t now_ns)
{
	const struct queue_watch *watch = &server->port_watch.queues[idx].watch;

	fprintf(stderr,
		LOG_AS_WARNING
		"port %s: worker %u is deaf: for %" PRIu64
		" ms it has read its queue and got nothing, while the kernel dropped %" PRIu64
		" datagrams for want of a buffer; their buyers get no answer. The port is opened "
		"anew\n",
		server->options->port_text, idx, (now_ns - watch->since_ns) / 1000000, watch->lost);
}

/* False: one of them does not stand still in time. */
static bool pause_workers(struct server *server)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	const uint64_t end_ns = clock_now_ns() + (uint64_t)PAUSE_WAIT_MS * 1000000;
	struct worker_shared *shared = &server->shared;

	atomic_store(&shared->pause, true);
	while (atomic_load(&shared->paused_cnt) < atomic_load(&shared->running_cnt)) {
		if (clock_now_ns() > end_ns)
			return false;
		nanosleep(&nap, NULL);
	}
	return true;
}

/* Waits until all of them run again: the next pause must not count a worker that is still in this
 * one. */
static void resume_workers(struct server *server)
{
	const struct timespec nap = {.tv_nsec = NAP_NS};
	struct worker_shared *shared = &server->shared;

	atomic_store(&shared->pause, false);
	while (atomic_load(&shared->paused_cnt) > 0)
		nanosleep(&nap, NULL);
}

static void each_held(void *context, port_visit_fn *visit, void *visit_context)
{
	const struct server *server = context;

	for (uint16_t i = 0; i < server->options->core_cnt; i++)
		worker_each_held(server->workers[i], visit, visit_context);
}

static void say_reopened(struct server *server, int rc, uint32_t lost_cnt, uint64_t took_ns)
{
	struct port_watch *watch = &server->port_watch;

	if (rc == 0)
		fprintf(stderr,
			"port %s: opened anew within %" PRIu64 " ms; %u of its packet buffers had "
			"been lost and are back\n",
			server->options->port_text, took_ns / 1000000, lost_cnt);
	else if (!watch->failing)
		fprintf(stderr,
			LOG_AS_WARNING
			"port %s: can't be opened anew: %s. It is tried again every %u s; if that "
			"does not help, restart the engine: nothing acknowledged is lost\n",
			server->options->port_text,
			error_is_set(&server->error) ? server->error.text
						     : "DPDK refuses its set-up",
			(unsigned)(QUEUE_TRY_AGAIN_NS / 1000000000));
	watch->failing = rc != 0;
}

/* No worker runs meanwhile. */
static void reopen(struct server *server, uint64_t queues)
{
	const struct port_holders holders = {each_held, server};
	struct port_watch *watch = &server->port_watch;
	const uint64_t begin_ns = clock_now_ns();
	uint32_t lost_cnt = 0;
	uint64_t end_ns;
	int rc;

	if (pause_workers(server))
		rc = port_reopen(&server->port, queues, &holders, &lost_cnt, &server->error);
	else
		rc = error_say(
			&server->error, -EBUSY,
			"a worker has not ended its turn within %d s: a system call holds it "
			"up",
			PAUSE_WAIT_MS / 1000);
	resume_workers(server);
	end_ns = clock_now_ns();
	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		const struct queue_counters now = counters_of(server, i);

		if ((queues >> i & 1) != 0)
			queue_watch_reopened(&watch->queues[i].watch, &now, end_ns);
	}
	say_reopened(server, rc, lost_cnt, end_ns - begin_ns);
	if (rc == 0)
		atomic_fetch_add(&watch->reopened_cnt, 1);
	atomic_fetch_add(&watch->buffers_lost_cnt, lost_cnt);
}

void serve_watch_port(struct server *server)
{
	const uint64_t now_ns = clock_now_ns();
	uint64_t queues = 0;

	/* Nothing can be lost by an interface that is down, and one that is gone can't be opened.
	 */
	if (!server->port.reopens || atomic_load(&server->port_watch.links[0].link) != PORT_LINK_UP)
		return;
	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		struct watched_queue *queue = &server->port_watch.queues[i];
		const struct queue_counters now = counters_of(server, i);
		const enum queue_verdict verdict = queue_watch_look(&queue->watch, &now, now_ns);

		if (verdict == QUEUE_HEARS && atomic_exchange(&queue->deaf, false))
			fprintf(stderr, "port %s: worker %u hears again\n",
				server->options->port_text, i);
		if (verdict != QUEUE_DEAF)
			continue;
		if (!atomic_exchange(&queue->deaf, true))
			say_deaf(server, i, now_ns);
		queues |= UINT64_C(1) << i;
	}
	if (queues != 0)
		reopen(server, queues);
}
