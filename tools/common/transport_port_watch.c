/*
 * transport_port_watch: when the port of a load or replay is deaf, it says so and opens the port
 * anew, in the thread that reads and sends, between two bursts. Frames that were lost until then
 * stay lost, and count as not answered.
 */
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "tools/common/cli.h"
#include "tools/common/transport_port_state.h"

static const uint64_t NS_PER_MS = 1000000;
/* Often, compared with the time after which a queue counts as deaf; seldom, compared with bursts.
 */
static const uint64_t LOOK_EVERY_NS = 200000000;

static struct queue_counters counters_of(const struct transport_port *self, uint16_t idx)
{
	const struct transport_port_queue *queue = &self->watch.queues[idx];
	const struct port_losses losses = port_losses(&self->port, idx);

	return (struct queue_counters){
		.frames = queue->frames,
		.reads = queue->reads,
		.lost = losses.lost,
		.starved = losses.starved,
		.nic_missed = port_nic_missed(&self->port),
		.closed = transport_port_is_closed(self, idx),
	};
}

/* There may be a progress bar in the line. */
static void begin_line(void)
{
	if (isatty(STDERR_FILENO) == 1)
		fputs("\r\033[K", stderr);
}

static void say_deaf(const struct transport_port *self, uint16_t idx, uint64_t now_ns)
{
	const struct queue_watch *watch = &self->watch.queues[idx].watch;

	begin_line();
	cli_wrong("port %s: queue %u is deaf: for %" PRIu64
		  " ms it was read and gave nothing, while the kernel dropped %" PRIu64
		  " datagrams for want of a buffer: replies that are lost. The port is opened anew",
		  self->name, idx, (now_ns - watch->since_ns) / NS_PER_MS, watch->lost);
}

static void say_reopened(struct transport_port *self, int rc, const char *error, uint32_t lost_cnt,
			 uint64_t took_ns)
{
	struct transport_port_watch *watch = &self->watch;

	if (rc != 0 && watch->failing)
		return;
	watch->failing = rc != 0;
	begin_line();
	if (rc == 0)
		cli_wrong("port %s: opened anew within %" PRIu64
			  " ms; %u of its packet buffers had been lost and are back",
			  self->name, took_ns / NS_PER_MS, lost_cnt);
	else
		cli_wrong("port %s: can't be opened anew: %s. It is tried again every %u s; until "
			  "then nothing is sent there and every reply is lost",
			  self->name, error[0] != '\0' ? error : "DPDK refuses its set-up",
			  (unsigned)(QUEUE_TRY_AGAIN_NS / NS_PER_MS / 1000));
}

/* Every frame is copied and given back in the burst that got it. */
static void each_held(void *context, port_visit_fn *visit, void *visit_context)
{
	(void)context;
	(void)visit;
	(void)visit_context;
}

static void reopen(struct transport_port *self, uint64_t queues)
{
	const struct port_holders holders = {each_held, NULL};
	const uint64_t begin_ns = clock_now_ns();
	struct error error;
	uint32_t lost_cnt;
	const int rc = port_reopen(&self->port, queues, &holders, &lost_cnt, &error);
	const uint64_t end_ns = clock_now_ns();

	for (uint16_t i = 0; i < self->port.options.queue_cnt; i++) {
		const struct queue_counters now = counters_of(self, i);

		if ((queues >> i & 1) != 0)
			queue_watch_reopened(&self->watch.queues[i].watch, &now, end_ns);
	}
	self->watch.reopened_cnt += rc == 0;
	say_reopened(self, rc, error.text, lost_cnt, end_ns - begin_ns);
}

void transport_port_look(struct transport_port *self)
{
	const uint64_t now_ns = clock_now_ns();
	uint64_t queues = 0;

	if (!self->port.reopens || now_ns < self->watch.look_next_ns)
		return;
	self->watch.look_next_ns = now_ns + LOOK_EVERY_NS;
	for (uint16_t i = 0; i < self->port.options.queue_cnt; i++) {
		struct transport_port_queue *queue = &self->watch.queues[i];
		const struct queue_counters now = counters_of(self, i);
		const enum queue_verdict verdict = queue_watch_look(&queue->watch, &now, now_ns);

		if (verdict == QUEUE_HEARS && queue->deaf) {
			queue->deaf = false;
			begin_line();
			cli_wrong("port %s: queue %u hears again", self->name, i);
		}
		if (verdict != QUEUE_DEAF)
			continue;
		if (!queue->deaf)
			say_deaf(self, i, now_ns);
		queue->deaf = true;
		queues |= UINT64_C(1) << i;
	}
	if (queues != 0)
		reopen(self, queues);
}

uint64_t transport_port_reopened_cnt(const struct client_transport *transport)
{
	return ((const struct transport_port *)transport)->watch.reopened_cnt;
}
