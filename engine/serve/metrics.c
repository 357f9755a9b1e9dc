#include "engine/serve/metrics.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/http_server.h"
#include "engine/base/relaxed.h"
#include "engine/serve/metrics_holds.h"
#include "engine/serve/privileges.h"
#include "engine/serve/report.h"
#include "net/wire.h"

/* The Makefile defines it. */
#ifndef DB_REVISION
#define DB_REVISION "unknown"
#define DB_MODE     "unknown"
#endif

enum {
	NUMBER_BYTES = 16,
};

static const double NS_IN_S = 1e9;

struct serve_metrics {
	const struct serve_options *options;
	const struct progress *progress;
	struct serve_metrics_view view;
	atomic_bool shown; /* the view is there */
	struct http_server *http;
	double started_s;                /* since the epoch */
	uint64_t started_ns;             /* CLOCK_MONOTONIC */
	struct lane_figures *lanes;      /* [shards]; of the answer being made */
	struct hold_census *holds;       /* [shards]; of the answer being made */
	struct worker_counters *workers; /* [core_cnt]; of the answer being made */
};

/* A lane's figures: a field for each row of metrics.def. */
struct lane_figures {
#define LANE(field, type, name, help) uint64_t field;
#define WORKER(field, type, name, help)
#define WORKER_NS(field, name, help)
#include "engine/serve/metrics.def"
#undef LANE
#undef WORKER
#undef WORKER_NS
	struct arena_bytes memory;
	struct journal_stats journal;
	int64_t ahead_ns; /* how far its clock is ahead of the machine's */
};

/* Also while a port is opened again: that is reported as the port's fault. */
static bool is_selling(const struct serve_metrics *metrics)
{
	return atomic_load(&metrics->view.shared->running_cnt) == metrics->options->core_cnt &&
	       !atomic_load(metrics->view.draining);
}

bool serve_table_is_full(const struct shard *shard)
{
	struct shard_sums sums;

	shard_sums(shard, &sums);
	return sums.orders >= sums.orders_max && sums.units_free > 0;
}

bool serve_holds_are_full(const struct shard *shard)
{
	struct shard_sums sums;

	shard_sums(shard, &sums);
	/* A shard that sells nothing has no room, and needs none. */
	return sums.holds_max > 0 &&
	       (sums.holds >= sums.holds_max || sums.changes >= sums.changes_max);
}

bool serve_links_are_full(const struct shard *shard)
{
	struct shard_sums sums;

	shard_sums(shard, &sums);
	return sums.links_max > 0 && sums.links >= sums.links_max;
}

static void look_at_journal(const struct lane *lane, const struct segment_source *segments,
			    struct lane_figures *out)
{
	const enum lane_condition condition = lane_condition(lane);

	journal_stats(lane->journal, &out->journal);
	out->committed_lsn = out->journal.committed_lsn;
	out->written_lsn = out->journal.written_lsn;
	out->durable_lsn = out->journal.durable_lsn;
	out->segment = out->journal.segment;
	out->blocks = out->journal.blocks;
	out->bytes = out->journal.bytes;
	out->records = out->journal.records;
	for (uint64_t ahead = 1; ahead <= SEGMENTS_AHEAD_CNT; ahead++)
		out->segments_ready += segment_ready(segments, out->segment + ahead);
	out->segment_error = (uint64_t)-segment_source_error(segments);
	out->stalled = condition == LANE_STALLED;
	out->full = condition == LANE_FULL;
	out->error = (uint64_t)atomic_load_explicit(&lane->error, memory_order_relaxed);
	out->replies_waiting =
		relaxed_u32(&lane->reply_queue->tail) - relaxed_u32(&lane->reply_queue->head);
}

static void look_at_shard(const struct shard *shard, struct lane_figures *out)
{
	const struct arena_stats arena = shard_arena_stats(shard);
	struct shard_sums sums;

	shard_sums(shard, &sums);
	out->orders = sums.orders;
	out->orders_max = sums.orders_max;
	out->holds_open = sums.open_holds;
	out->holds = sums.holds;
	out->holds_max = sums.holds_max;
	out->changes = sums.changes;
	out->changes_max = sums.changes_max;
	out->links = sums.links;
	out->links_max = sums.links_max;
	out->prepared = sums.prepared;
	out->offers = sums.offers;
	out->units_stocked = sums.units_stocked;
	out->units_free = sums.units_free;
	out->units_held = sums.units_held;
	out->units_sold = sums.units_sold;
	out->units_written_off = sums.units_written_off;
	out->table_full = serve_table_is_full(shard);
	out->holds_full = serve_holds_are_full(shard);
	out->links_full = serve_links_are_full(shard);
	out->memory = shard_memory(shard);
	out->arena_allocated_bytes = arena.allocated_bytes;
	out->arena_mapped_bytes = arena.mapped_bytes;
	out->arena_metadata_bytes = arena.metadata_bytes;
}

/*
 * How far the lane's clock is ahead of the machine's. The machine's is read before and after: time
 * that this thread was kept from running must not count.
 */
static int64_t clock_ahead_ns(const struct lane *lane)
{
	const uint64_t before_ns = clock_wall_ns();
	const uint64_t lane_ns = relaxed_u64(&lane->clock_ns);
	const uint64_t after_ns = clock_wall_ns();

	if (lane_ns > after_ns)
		return (int64_t)(lane_ns - after_ns);
	return lane_ns < before_ns ? -(int64_t)(before_ns - lane_ns) : 0;
}

static bool clock_is_off(const struct lane_figures *lane)
{
	return lane->ahead_ns > LANE_AHEAD_MAX_NS || lane->ahead_ns < -LANE_AHEAD_MAX_NS;
}

static void look_at_lanes(struct serve_metrics *metrics)
{
	const struct serve_metrics_view *view = &metrics->view;
	const bool selling = is_selling(metrics);

	arena_stats_refresh();
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		struct lane_figures *figures = &metrics->lanes[i];

		*figures = (struct lane_figures){0};
		look_at_journal(&view->shared->lanes[i], view->segments[i], figures);
		look_at_shard(view->shared->lanes[i].shard, figures);
		figures->ahead_ns = clock_ahead_ns(&view->shared->lanes[i]);
		figures->sells = selling && lane_condition(&view->shared->lanes[i]) == LANE_SELLING;
	}
}

static void look_at_workers(struct serve_metrics *metrics)
{
	for (uint16_t i = 0; i < metrics->options->core_cnt; i++) {
		/* The struct has only counters. */
		const uint64_t *from = (const uint64_t *)worker_counters(metrics->view.workers[i]);
		uint64_t *to = (uint64_t *)&metrics->workers[i];

		static_assert(sizeof(struct worker_counters) % sizeof(*to) == 0, "64-bit counters");
		for (size_t k = 0; k < sizeof(struct worker_counters) / sizeof(*to); k++)
			to[k] = relaxed_u64(&from[k]);
	}
}

static const char *number_of(char text[NUMBER_BYTES], uint16_t number)
{
	snprintf(text, NUMBER_BYTES, "%u", number);
	return text;
}

/* A family of a counter of each worker. */
static void add_worker_row(const struct serve_metrics *metrics, struct metrics_text *text,
			   size_t offset, enum metrics_type type, const char *name,
			   const char *help, double divisor)
{
	metrics_text_family(text, name, type, help);
	for (uint16_t i = 0; i < metrics->options->core_cnt; i++) {
		char number[NUMBER_BYTES];
		const struct metrics_label labels[] = {{"worker", number_of(number, i)}, {0}};
		const uint64_t value =
			*(const uint64_t *)((const char *)&metrics->workers[i] + offset);

		if (divisor == 1)
			metrics_text_u64(text, labels, value);
		else
			metrics_text_f64(text, labels, (double)value / divisor);
	}
}

static void add_lane_row(const struct serve_metrics *metrics, struct metrics_text *text,
			 size_t offset, enum metrics_type type, const char *name, const char *help)
{
	metrics_text_family(text, name, type, help);
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		char number[NUMBER_BYTES];
		const struct metrics_label labels[] = {{"lane", number_of(number, i)}, {0}};

		metrics_text_u64(text, labels,
				 *(const uint64_t *)((const char *)&metrics->lanes[i] + offset));
	}
}

static void add_rows(const struct serve_metrics *metrics, struct metrics_text *text)
{
#define WORKER(field, type, name, help)                                                            \
	add_worker_row(metrics, text, offsetof(struct worker_counters, field), METRICS_##type,     \
		       name, help, 1);
#define WORKER_NS(field, name, help)                                                               \
	add_worker_row(metrics, text, offsetof(struct worker_counters, field), METRICS_COUNTER,    \
		       name, help, NS_IN_S);
#define LANE(field, type, name, help)                                                              \
	add_lane_row(metrics, text, offsetof(struct lane_figures, field), METRICS_##type, name,    \
		     help);
#include "engine/serve/metrics.def"
#undef LANE
#undef WORKER
#undef WORKER_NS
}

/* Figures of all workers together: a row for each reason and verdict. */
static void add_sums(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const struct port *port = metrics->view.shared->port;
	struct worker_counters sum = {0};

	for (uint16_t i = 0; i < metrics->options->core_cnt; i++)
		serve_report_add(&sum, &metrics->workers[i]);
	sum.drops[DROP_TOO_LONG] += port_oversized(port);
	sum.drops[DROP_NO_WORKER] += port_unserved(port);
	metrics_text_family(text, "doorbuster_drops_total", METRICS_COUNTER,
			    "Frames dropped, by reason.");
	for (unsigned reason = DROP_NONE + 1; reason < DROP_CNT; reason++) {
		const struct metrics_label labels[] = {{"reason", drop_name(reason)}, {0}};

		metrics_text_u64(text, labels, sum.drops[reason]);
	}
	metrics_text_family(text, "doorbuster_verdicts_total", METRICS_COUNTER,
			    "Requests answered, by verdict.");
#define VERDICT(name, value, text_of)                                                              \
	metrics_text_u64(text, (const struct metrics_label[]){{"verdict", #name}, {0}},            \
			 sum.verdicts[VERDICT_##name]);
#include "net/verdict.def"
#undef VERDICT
	metrics_text_family(text, "doorbuster_port_missed_total", METRICS_COUNTER,
			    "Frames that the port lost before any worker saw them.");
	metrics_text_u64(text, NULL, port_missed(port));
}

/* The workers of an interface share one link. */
static enum port_link link_of(const struct serve_metrics *metrics, uint16_t worker)
{
	const bool each = metrics->options->port.kind == PORT_MEMIF;

	return (enum port_link)atomic_load(
		&metrics->view.port_watch->links[each ? worker : 0].link);
}

static void add_link(const struct serve_metrics *metrics, struct metrics_text *text)
{
	metrics_text_family(text, "doorbuster_port_link_up", METRICS_GAUGE,
			    "0 while the worker's interface is down, without carrier, deleted or "
			    "without our XDP program, or its memif peer has left; else 1.");
	for (uint16_t i = 0; i < metrics->options->core_cnt; i++) {
		char number[NUMBER_BYTES];
		const struct metrics_label labels[] = {{"worker", number_of(number, i)}, {0}};

		metrics_text_u64(text, labels, link_of(metrics, i) == PORT_LINK_UP);
	}
	metrics_text_family(text, "doorbuster_port_link_lost_total", METRICS_COUNTER,
			    "How often a link was lost.");
	metrics_text_u64(text, NULL, atomic_load(&metrics->view.port_watch->link_lost_cnt));
}

static void add_port(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const struct port_watch *watch = metrics->view.port_watch;

	add_link(metrics, text);
	metrics_text_family(text, "doorbuster_port_deaf", METRICS_GAUGE,
			    "1 while the kernel drops the worker's frames because their packet "
			    "buffers are lost; the port is then opened anew.");
	for (uint16_t i = 0; i < metrics->options->core_cnt; i++) {
		char number[NUMBER_BYTES];
		const struct metrics_label labels[] = {{"worker", number_of(number, i)}, {0}};

		metrics_text_u64(text, labels, atomic_load(&watch->queues[i].deaf));
	}
	metrics_text_family(text, "doorbuster_port_reopened_total", METRICS_COUNTER,
			    "How often a deaf port was opened anew.");
	metrics_text_u64(text, NULL, atomic_load(&watch->reopened_cnt));
	metrics_text_family(text, "doorbuster_port_buffers_lost_total", METRICS_COUNTER,
			    "Packet buffers that were lost, and were given back by opening it.");
	metrics_text_u64(text, NULL, atomic_load(&watch->buffers_lost_cnt));
}

static void add_stages(const struct serve_metrics *metrics, struct metrics_text *text)
{
	metrics_text_family(text, "doorbuster_worker_stage_cycles_total", METRICS_COUNTER,
			    "TSC cycles by stage, of the turns that were timed.");
	for (uint16_t i = 0; i < metrics->options->core_cnt; i++) {
		for (unsigned stage = 0; stage < STAGE_CNT; stage++) {
			char number[NUMBER_BYTES];
			const struct metrics_label labels[] = {{"worker", number_of(number, i)},
							       {"stage", stage_name(stage)},
							       {0}};

			metrics_text_u64(text, labels, metrics->workers[i].timed_cycles[stage]);
		}
	}
	metrics_text_family(text, "doorbuster_tsc_hertz", METRICS_GAUGE, "TSC cycles a second.");
	metrics_text_u64(text, NULL, metrics->view.tsc_hz);
}

static void add_histograms(const struct serve_metrics *metrics, struct metrics_text *text)
{
	double latency_s[JOURNAL_LATENCY_BOUND_CNT];
	double fill[JOURNAL_FILL_BOUND_CNT];
	char number[NUMBER_BYTES];

	for (unsigned i = 0; i < JOURNAL_LATENCY_BOUND_CNT; i++)
		latency_s[i] = (double)journal_latency_bounds_ns[i] / NS_IN_S;
	for (unsigned i = 0; i < JOURNAL_FILL_BOUND_CNT; i++)
		fill[i] = journal_fill_bounds[i];
	metrics_text_family(text, "doorbuster_lane_write_seconds", METRICS_HISTOGRAM,
			    "From when a block was given to the disk until it and all before it "
			    "were durable.");
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		const struct journal_stats *stats = &metrics->lanes[i].journal;

		metrics_text_histogram(
			text, (struct metrics_label[]){{"lane", number_of(number, i)}, {0}},
			latency_s, stats->latency_cells, JOURNAL_LATENCY_BOUND_CNT,
			(double)stats->latency_ns / NS_IN_S);
	}
	metrics_text_family(text, "doorbuster_lane_block_records", METRICS_HISTOGRAM,
			    "Records in blocks given to the disk; closing blocks have none, full "
			    "ones 1023.");
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		const struct journal_stats *stats = &metrics->lanes[i].journal;

		metrics_text_histogram(
			text, (struct metrics_label[]){{"lane", number_of(number, i)}, {0}}, fill,
			stats->fill_cells, JOURNAL_FILL_BOUND_CNT, (double)stats->records);
	}
}

static void add_clocks(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const int64_t step_ns = atomic_load(&metrics->view.shared->now.step_ns);

	metrics_text_family(
		text, "doorbuster_lane_clock_ahead_seconds", METRICS_GAUGE,
		"How far the lane's clock is ahead of the machine's; negative: behind.");
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		char number[NUMBER_BYTES];

		metrics_text_f64(
			text, (const struct metrics_label[]){{"lane", number_of(number, i)}, {0}},
			(double)metrics->lanes[i].ahead_ns / NS_IN_S);
	}
	metrics_text_family(
		text, "doorbuster_clock_step_pending", METRICS_GAUGE,
		"1 while the machine's clock has jumped and the lanes have not followed.");
	metrics_text_u64(text, NULL, step_ns != 0);
	metrics_text_family(text, "doorbuster_clock_step_seconds", METRICS_GAUGE,
			    "How far it has jumped; negative: back; 0: it has not.");
	metrics_text_f64(text, NULL, (double)step_ns / NS_IN_S);
}

static void add_holds(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const uint64_t now_ns = clock_wall_ns();

	for (uint16_t i = 0; i < metrics->options->shards; i++)
		hold_census_take(metrics->view.shared->lanes[i].shard, now_ns, CENSUS_HOLDS_MAX,
				 &metrics->holds[i]);
	metrics_add_holds(text, metrics->holds, metrics->options->shards, now_ns);
}

static void add_memory(const struct serve_metrics *metrics, struct metrics_text *text)
{
	metrics_text_family(text, "doorbuster_lane_memory_bytes", METRICS_GAUGE,
			    "Memory of the shard's tables by kind of page: hugepages reserved by "
			    "the operator, transparent ones, normal pages.");
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		const struct arena_bytes *memory = &metrics->lanes[i].memory;
		const struct {
			const char *pages;
			uint64_t bytes;
		} rows[] = {{"reserved", memory->reserved},
			    {"transparent", memory->transparent},
			    {"normal", memory->normal}};

		for (unsigned k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
			char number[NUMBER_BYTES];
			const struct metrics_label labels[] = {
				{"lane", number_of(number, i)}, {"pages", rows[k].pages}, {0}};

			metrics_text_u64(text, labels, rows[k].bytes);
		}
	}
}

static uint64_t resident_bytes(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	uint64_t pages = 0;

	if (file == NULL)
		return 0;
	if (fscanf(file, "%*u %" SCNu64, &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void add_process(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const struct serve_options *options = metrics->options;
	const struct metrics_label build[] = {
		{"revision", DB_REVISION}, {"compiler", __VERSION__}, {"mode", DB_MODE}, {0}};
	const struct metrics_label engine[] = {{"ack", options->ack_memory ? "memory" : "durable"},
					       {"port", options->port_text},
					       {"data", options->data},
					       {0}};

	metrics_text_family(text, "doorbuster_build_info", METRICS_GAUGE, "1; see the labels.");
	metrics_text_u64(text, build, 1);
	metrics_text_family(text, "doorbuster_engine_info", METRICS_GAUGE, "1; see the labels.");
	metrics_text_u64(text, engine, 1);
	metrics_text_family(text, "doorbuster_shards", METRICS_GAUGE, "Shards, a lane each.");
	metrics_text_u64(text, NULL, options->shards);
	metrics_text_family(text, "doorbuster_workers", METRICS_GAUGE, "Workers, a core each.");
	metrics_text_u64(text, NULL, options->core_cnt);
	metrics_text_family(text, "doorbuster_uptime_seconds", METRICS_GAUGE,
			    "Time since the engine began to answer for metrics.");
	metrics_text_f64(text, NULL, (double)(clock_now_ns() - metrics->started_ns) / NS_IN_S);
	metrics_text_family(text, "process_start_time_seconds", METRICS_GAUGE,
			    "When it began to, since the epoch.");
	metrics_text_f64(text, NULL, metrics->started_s);
	metrics_text_family(text, "process_cpu_seconds_total", METRICS_COUNTER,
			    "CPU time of all threads; workers never sleep.");
	metrics_text_f64(text, NULL, (double)clock_read_ns(CLOCK_PROCESS_CPUTIME_ID) / NS_IN_S);
	metrics_text_family(text, "process_resident_memory_bytes", METRICS_GAUGE,
			    "Memory in RAM, without reserved hugepages.");
	metrics_text_u64(text, NULL, resident_bytes());
}

static void add_metrics(void *context, struct metrics_text *text)
{
	struct serve_metrics *metrics = context;
	char progress[PROGRESS_BYTES];

	metrics_text_family(text, "doorbuster_starting", METRICS_GAUGE,
			    "1 while the engine starts; /healthz says how far it is.");
	metrics_text_u64(text, NULL, progress_text(metrics->progress, progress));
	if (!atomic_load(&metrics->shown)) {
		add_process(metrics, text);
		return;
	}
	look_at_workers(metrics);
	look_at_lanes(metrics);
	add_process(metrics, text);
	add_rows(metrics, text);
	add_sums(metrics, text);
	add_port(metrics, text);
	add_stages(metrics, text);
	add_histograms(metrics, text);
	add_holds(metrics, text);
	add_memory(metrics, text);
	add_clocks(metrics, text);
}

/*
 * Whether the clocks are right, as far as an engine can know. A small step is only logged and
 * counted: a 503 may make somebody restart the engine, for a difference that nobody notices.
 */
static bool add_clock_health(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const int64_t step_ns = atomic_load(&metrics->view.shared->now.step_ns);
	bool well = step_ns <= LANE_AHEAD_MAX_NS && step_ns >= -LANE_AHEAD_MAX_NS;

	if (!well)
		metrics_text_add(
			text,
			"the machine's clock has jumped %+.3f s; the lanes keep their time "
			"until it has stayed so for %" PRIu64 " s\n",
			(double)step_ns / NS_IN_S, metrics->options->clock_step_s);
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		const struct lane_figures *lane = &metrics->lanes[i];

		if (!clock_is_off(lane))
			continue;
		well = false;
		metrics_text_add(text, "lane %u: its clock is %.3f s %s the machine's\n", i,
				 (double)llabs(lane->ahead_ns) / NS_IN_S,
				 lane->ahead_ns > 0 ? "ahead of" : "behind");
	}
	return well;
}

static bool add_port_health(const struct serve_metrics *metrics, struct metrics_text *text)
{
	const struct serve_options *options = metrics->options;
	const bool each = options->port.kind == PORT_MEMIF;
	bool well = true;

	for (uint16_t i = 0; i < options->core_cnt; i++) {
		const enum port_link link = link_of(metrics, i);

		if (link != PORT_LINK_UP && each)
			metrics_text_add(text, "port %s: worker %u: %s\n", options->port_text, i,
					 serve_link_text(link));
		else if (link != PORT_LINK_UP && i == 0)
			metrics_text_add(text, "port %s: %s\n", options->port_text,
					 serve_link_text(link));
		well &= link == PORT_LINK_UP;
		if (!atomic_load(&metrics->view.port_watch->queues[i].deaf))
			continue;
		metrics_text_add(text, "port %s: worker %u is deaf: it is opened anew\n",
				 options->port_text, i);
		well = false;
	}
	return well;
}

static bool add_lane_health(struct serve_metrics *metrics, struct metrics_text *text)
{
	bool well = true;

	look_at_lanes(metrics);
	for (uint16_t i = 0; i < metrics->options->shards; i++) {
		const struct lane_figures *lane = &metrics->lanes[i];

		if (lane->error != 0)
			metrics_text_add(text, "lane %u: a journal write failed: %s\n", i,
					 strerror((int)lane->error));
		else if (lane->full != 0)
			metrics_text_add(text, "lane %u: the journal is full: %s\n", i,
					 lane->segment_error != 0
						 ? strerror((int)lane->segment_error)
						 : "the disk makes segments too slowly");
		else if (lane->stalled != 0)
			metrics_text_add(text, "lane %u: the disk has made no progress for 2 s\n",
					 i);
		if (lane->table_full != 0)
			metrics_text_add(text, "lane %u: no room for more orders (--max-orders)\n",
					 i);
		if (lane->holds_full != 0)
			metrics_text_add(text, "lane %u: no room for more holds (--max-holds)\n",
					 i);
		if (lane->links_full != 0)
			metrics_text_add(
				text, "lane %u: no room for more baskets over several shards\n", i);
		well = well && lane->sells && lane->table_full == 0 && lane->holds_full == 0 &&
		       lane->links_full == 0;
	}
	return well;
}

static bool add_health(void *context, struct metrics_text *text)
{
	struct serve_metrics *metrics = context;
	char progress[PROGRESS_BYTES] = "";
	bool well;

	if (progress_text(metrics->progress, progress) || !atomic_load(&metrics->shown)) {
		metrics_text_add(text, "starting: %s\n", progress);
		return false;
	}
	well = is_selling(metrics);
	if (!well)
		metrics_text_add(text, "the engine does not sell%s\n",
				 atomic_load(metrics->view.draining) ? " any more: it drains"
								     : " yet");
	well &= add_port_health(metrics, text);
	well &= add_lane_health(metrics, text);
	/* Before the workers turn the lanes, their clocks stand still. */
	if (is_selling(metrics))
		well &= add_clock_health(metrics, text);
	if (well)
		metrics_text_add(text, "every lane sells\n");
	return well;
}

/* This thread must not delay a worker, and reads what strangers send: it goes to the control
 * thread's CPU, and has no privileges. Where every CPU has a worker it runs only while that is
 * idle.
 */
static void step_back(void *context)
{
	const struct serve_metrics *metrics = context;
	const struct serve_options *options = metrics->options;
	const struct sched_param none = {0};
	cpu_set_t control;

	CPU_ZERO(&control);
	CPU_SET(options->control_core, &control);
	(void)pthread_setaffinity_np(pthread_self(), sizeof(control), &control);
	(void)privileges_forgo();
	for (uint16_t i = 0; i < options->core_cnt; i++) {
		if (options->cores[i] == options->control_core)
			(void)sched_setscheduler(0, SCHED_IDLE, &none);
	}
}

int serve_metrics_open(struct serve_metrics **out, const struct serve_options *options,
		       const struct progress *progress, int fd, struct error *error)
{
	struct serve_metrics *metrics = calloc(1, sizeof(*metrics));
	int rc;

	if (metrics != NULL) {
		metrics->lanes = calloc(options->shards, sizeof(*metrics->lanes));
		metrics->holds = calloc(options->shards, sizeof(*metrics->holds));
		metrics->workers = calloc(options->core_cnt, sizeof(*metrics->workers));
	}
	if (metrics == NULL || metrics->lanes == NULL || metrics->holds == NULL ||
	    metrics->workers == NULL) {
		error_set(error, "no memory to answer for metrics");
		close(fd);
		serve_metrics_close(metrics);
		return -ENOMEM;
	}
	metrics->options = options;
	metrics->progress = progress;
	metrics->started_s = (double)clock_wall_ns() / NS_IN_S;
	metrics->started_ns = clock_now_ns();

	const struct http_server_source source = {
		.context = metrics,
		.begin = step_back,
		.metrics = add_metrics,
		.health = add_health,
	};

	rc = http_server_open(&metrics->http, fd, &source, error);
	if (rc != 0) {
		serve_metrics_close(metrics);
		return rc;
	}
	*out = metrics;
	return 0;
}

void serve_metrics_show(struct serve_metrics *metrics, const struct serve_metrics_view *view)
{
	CHECK(!atomic_load(&metrics->shown));
	metrics->view = *view;
	atomic_store(&metrics->shown, true);
}

void serve_metrics_close(struct serve_metrics *metrics)
{
	if (metrics == NULL)
		return;
	http_server_close(metrics->http);
	free(metrics->lanes);
	free(metrics->holds);
	free(metrics->workers);
	free(metrics);
}
