#include "engine/serve.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_launch.h>
#include <sodium.h>
#include <urcu-qsbr.h>

#include "alloc/arena.h"
#include "alloc/pages.h"
#include "engine/catalog.h"
#include "engine/check.h"
#include "engine/data_dir.h"
#include "engine/metrics_http.h"
#include "engine/recover.h"
#include "engine/segments.h"
#include "engine/serve_metrics.h"
#include "engine/serve_offers.h"
#include "engine/serve_report.h"
#include "engine/signals.h"
#include "engine/tap.h"
#include "engine/worker.h"

enum {
	ERROR_BYTES = 512,
	EAL_ARGS_MAX = 64,
	/* What the EAL, the packet buffers and the program itself take besides the tables, and what
	 * a lane takes: journal buffers and replies that wait. */
	MEMORY_RESERVE_BYTES = 512 << 20,
	MEMORY_LANE_BYTES = BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX + (int)sizeof(struct waiting),
	/* How often the control thread looks, and how often it says what it waits for. */
	LOOK_MS = 200,
	SAY_AGAIN_MS = 5000,
};

static const uint64_t SEGMENTS_WAIT_NS = 2000000000;

struct server {
	const struct serve_options *options;
	char error[ERROR_BYTES];
	struct catalog *catalog;
	struct data_dir data_dir;
	struct recover_scan *scans; /* [shards] */
	struct segment_preparer *preparer;
	struct segment_source **segments; /* [shards] */
	struct port port;
	struct tap *tap;
	bool port_touched; /* port_close is owed */
	bool eal_running;
	struct disk *disks[WORKERS_MAX];
	struct worker *workers[WORKERS_MAX];
	struct worker_shared shared;
	int metrics_fd; /* bound, not yet answered at; -1 */
	struct serve_metrics *metrics;
	char metrics_address[METRICS_HTTP_ADDRESS_BYTES];
	uint64_t offers_added;
	bool failed;
	bool launched; /* may have sold something */
	/* What was told of each lane. */
	struct {
		bool failed;
		bool stalled;
		int segment_error;
	} told[SHARDS_MAX];
};

/* Fails with an errno and the words for it; the format names the thing and the remedy. */
#define FAIL(server, rc, ...) (snprintf((server)->error, ERROR_BYTES, __VA_ARGS__), (rc))

static uint64_t wall_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct port_options port_options_of(const struct serve_options *options)
{
	return (struct port_options){
		.spec = options->port,
		.udp_port_first = options->base_port,
		.udp_port_cnt = options->shards,
		.queue_cnt = options->core_cnt,
	};
}

static int signals_up(struct server *server)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t waited;

	(void)server;
	/* Nobody reading our lines, or a file that may not grow, is no reason to stop selling. */
	sigaction(SIGPIPE, &ignore, NULL);
	sigaction(SIGXFSZ, &ignore, NULL);
	/* Waited for by the control thread; workers and the preparer inherit the mask. */
	sigemptyset(&waited);
	sigaddset(&waited, SIGTERM);
	sigaddset(&waited, SIGINT);
	sigaddset(&waited, SIGHUP);
	return -pthread_sigmask(SIG_BLOCK, &waited, NULL);
}

/* The signal that came within so many ms; 0: none. */
static int wait_signal(unsigned ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t waited;
	int signal;

	pthread_sigmask(SIG_BLOCK, NULL, &waited);
	signal = sigtimedwait(&waited, NULL, &time);
	return signal > 0 ? signal : 0;
}

static bool is_end(int signal)
{
	return signal == SIGTERM || signal == SIGINT;
}

static int catalog_up(struct server *server)
{
	return catalog_load(server->options->catalog, &server->catalog, server->error, ERROR_BYTES);
}

static void catalog_down(struct server *server)
{
	catalog_free(server->catalog);
}

static int keys_up(struct server *server)
{
	if (sodium_init() < 0)
		return FAIL(server, -EIO, "libsodium does not start");
	return keys_load(server->options->keys, &server->shared.keys, server->error, ERROR_BYTES);
}

static void keys_down(struct server *server)
{
	keys_free(server->shared.keys);
}

static int port_checked(struct server *server)
{
	const struct port_options options = port_options_of(server->options);

	return port_check(&options, server->error, ERROR_BYTES);
}

static int metrics_bound(struct server *server)
{
	if (server->options->metrics == NULL)
		return 0;
	server->metrics_fd =
		metrics_http_bind(server->options->metrics, server->error, ERROR_BYTES);
	if (server->metrics_fd < 0)
		return server->metrics_fd;
	metrics_http_address(server->metrics_fd, server->metrics_address);
	return 0;
}

static void metrics_unbound(struct server *server)
{
	if (server->metrics_fd >= 0)
		close(server->metrics_fd);
}

static int data_up(struct server *server)
{
	return data_dir_open_sized(&server->data_dir, server->options->data,
				   server->options->shards, server->options->segment_mib << 20,
				   server->error, ERROR_BYTES);
}

static void data_down(struct server *server)
{
	if (!server->launched)
		data_dir_withdraw(&server->data_dir);
	data_dir_close(&server->data_dir);
}

static int scan_up(struct server *server)
{
	const uint16_t shards = server->options->shards;

	server->scans = calloc(shards, sizeof(*server->scans));
	server->segments = calloc(shards, sizeof(*server->segments));
	server->shared.lanes = lanes_alloc(shards);
	if (server->scans == NULL || server->segments == NULL || server->shared.lanes == NULL)
		return FAIL(server, -ENOMEM, "no memory for %u shards", shards);
	for (uint16_t i = 0; i < shards; i++) {
		const int rc = recover_scan(&server->data_dir, i, &server->scans[i], server->error,
					    ERROR_BYTES);

		if (rc != 0)
			return rc;
	}
	return 0;
}

static void scan_down(struct server *server)
{
	for (uint16_t i = 0; server->scans != NULL && i < server->options->shards; i++)
		recover_scan_free(&server->scans[i]);
	free(server->scans);
	free(server->segments);
	free(server->shared.lanes);
}

/* Sizes the tables, says what they take, and refuses what isn't there. */
static int shards_up(struct server *server)
{
	const struct serve_options *options = server->options;
	const uint64_t available_bytes = arena_available_bytes();
	struct shard_size sizes[SHARDS_MAX];
	uint64_t bytes = (uint64_t)options->shards * MEMORY_LANE_BYTES;
	uint64_t orders = 0;

	for (uint16_t i = 0; i < options->shards; i++) {
		const int rc =
			serve_offers_size(server->catalog, &server->scans[i], i, options->shards,
					  options->order_cnt_max, &sizes[i]);

		if (rc != 0)
			return FAIL(server, rc, "no memory to look through the catalog");
		if (sizes[i].order_cnt > UINT32_MAX)
			return FAIL(server, -ENOMEM,
				    "%s: the stock of shard %u asks for %" PRIu64
				    " remembered orders; more --shards or --max-orders N help",
				    options->catalog, i, sizes[i].order_cnt);
		bytes += shard_bytes(&sizes[i]);
		orders += sizes[i].order_cnt;
	}
	fprintf(stderr,
		"memory: tables for %" PRIu64 " orders take %" PRIu64 " MiB of %" PRIu64
		" MiB available\n",
		orders, bytes >> 20, available_bytes >> 20);
	if (bytes + MEMORY_RESERVE_BYTES > available_bytes)
		return FAIL(server, -ENOMEM,
			    "tables for %" PRIu64 " orders take %" PRIu64 " MiB, %" PRIu64
			    " MiB are available; lower the stock in %s, or set --max-orders N",
			    orders, bytes >> 20, available_bytes >> 20, options->catalog);
	for (uint16_t i = 0; i < options->shards; i++) {
		struct lane *lane = &server->shared.lanes[i];

		lane->idx = i;
		lane->ack_memory = options->ack_memory;
		arena_prefer_node(pages_node_of_cpu(options->cores[i % options->core_cnt]));
		if (shard_open(&lane->shard, i, options->shards, &sizes[i]) != 0)
			return FAIL(server, -ENOMEM, "no memory for the tables of shard %u", i);
	}
	return 0;
}

static void shards_down(struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++)
		shard_close(server->shared.lanes[i].shard);
}

/* loaded_lsn: the sum over the lanes that were loaded from checkpoints. */
static void say_recovered(const struct server *server, uint64_t records, uint64_t loaded_lsn,
			  unsigned loaded_cnt)
{
	const uint16_t shards = server->options->shards;

	if (records == 0)
		return;
	fprintf(stderr, "recovered: %" PRIu64 " records from %s", records, server->options->data);
	if (loaded_cnt > 0 && shards == 1)
		fprintf(stderr, ", from a checkpoint at LSN %" PRIu64, loaded_lsn);
	else if (loaded_cnt > 0)
		fprintf(stderr, ", %u of %u lanes from checkpoints with %" PRIu64 " of them",
			loaded_cnt, shards, loaded_lsn);
	fputc('\n', stderr);
}

/* The lanes' records become the state again; then the catalog must agree with it. */
static int recovery_up(struct server *server)
{
	uint64_t records = 0;
	uint64_t loaded_lsn = 0;
	unsigned loaded_cnt = 0;

	for (uint16_t i = 0; i < server->options->shards; i++) {
		struct lane *lane = &server->shared.lanes[i];
		struct recover_scan *scan = &server->scans[i];
		int rc = recover_lane(&server->data_dir, i, scan, lane->shard, server->error,
				      ERROR_BYTES);

		if (rc != 0)
			return rc;
		if (scan->note[0] != '\0')
			fprintf(stderr, "%s\n", scan->note);
		lane->clock_ns = scan->tail.last_at_ns;
		records += scan->tail.next_lsn - 1;
		loaded_lsn += recover_checkpoint_lsn(scan);
		loaded_cnt += recover_checkpoint_lsn(scan) > 0;
	}
	say_recovered(server, records, loaded_lsn, loaded_cnt);
	return serve_offers_check(server->catalog, server->options->catalog, server->shared.lanes,
				  server->options->shards, server->error, ERROR_BYTES);
}

/* The lanes as the arguments of --lcores: the control thread, then the workers, each on its CPU. */
static void lcores_of(const struct serve_options *options, char *out, size_t out_bytes)
{
	size_t used = (size_t)snprintf(out, out_bytes, "0@%u", options->control_core);

	for (uint16_t i = 0; i < options->core_cnt && used < out_bytes; i++)
		used += (size_t)snprintf(out + used, out_bytes - used, ",%u@%u", i + 1U,
					 options->cores[i]);
}

static int eal_up(struct server *server)
{
	static char lcores[WORKERS_MAX * 12];
	const struct serve_options *options = server->options;
	const struct port_options port_options = port_options_of(options);
	const char *argv[EAL_ARGS_MAX + 1] = {
		"doorbuster-serve",
		"--lcores",
		lcores,
		"--log-level=warning",
		"--log-level=lib.telemetry:error",
	};
	int argc = 5;

	lcores_of(options, lcores, sizeof(lcores));
	server->port_touched = true;

	const int rc = port_eal_args(&server->port, &port_options, argv, &argc, EAL_ARGS_MAX,
				     server->error, ERROR_BYTES);

	if (rc != 0)
		return rc;
	for (int i = 0; i < options->eal_arg_cnt; i++) {
		if (argc == EAL_ARGS_MAX)
			return FAIL(server, -E2BIG, "too many EAL arguments behind --");
		argv[argc++] = options->eal_args[i];
	}
	argv[argc] = NULL;
	if (rte_eal_init(argc, (char **)argv) < 0)
		return FAIL(server, -EIO,
			    "the DPDK environment does not start (its own lines above say why); "
			    "check the arguments behind --");
	server->eal_running = true;
	return 0;
}

static void eal_down(struct server *server)
{
	if (server->port_touched)
		port_close(&server->port);
	if (server->eal_running)
		rte_eal_cleanup();
	port_sweep(&server->port);
}

static int workers_up(struct server *server)
{
	const struct serve_options *options = server->options;
	struct worker_shared *shared = &server->shared;

	shared->port = &server->port;
	shared->shard_cnt = options->shards;
	memcpy(shared->self.ipv4, options->ipv4, sizeof(shared->self.ipv4));
	memcpy(shared->self.ipv6, options->ipv6, sizeof(shared->self.ipv6));
	if (options->core_cnt > 1 && handover_open(&shared->handover, options->core_cnt) != 0)
		return FAIL(server, -ENOMEM, "no memory for the hand-over between workers");
	for (uint16_t i = 0; i < options->core_cnt; i++) {
		const unsigned lanes = options->shards / options->core_cnt + 1U;
		int rc = disk_uring_open(&server->disks[i], lanes * WRITES_IN_FLIGHT_MAX,
					 server->error, ERROR_BYTES);

		if (rc != 0)
			return rc;
		arena_prefer_node(pages_node_of_cpu(options->cores[i]));
		rc = worker_open(&server->workers[i], shared, i, options->core_cnt,
				 server->disks[i]);
		if (rc != 0)
			return FAIL(server, rc,
				    "no memory for worker %u: %s; without privileges `ulimit -l` "
				    "must allow 1 MiB of locked memory a shard",
				    i, strerror(-rc));
	}
	return 0;
}

static void workers_down(struct server *server)
{
	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		if (server->workers[i] != NULL)
			worker_close(server->workers[i]);
		else if (server->disks[i] != NULL)
			server->disks[i]->ops->close(server->disks[i]);
	}
	handover_close(server->shared.handover);
}

static int journal_up_one(struct server *server, uint16_t idx)
{
	struct lane *lane = &server->shared.lanes[idx];
	const struct recover_scan *scan = &server->scans[idx];
	char lane_path[600];
	int rc = recover_cut(&server->data_dir, idx, &scan->tail, server->error, ERROR_BYTES);

	if (rc != 0)
		return rc;
	if (scan->torn)
		fprintf(stderr,
			"lane %u: cut a torn tail behind LSN %" PRIu64
			": no block says that any of it was on disk\n",
			idx, scan->tail.next_lsn - 1);
	data_dir_lane_path(&server->data_dir, idx, lane_path, sizeof(lane_path));
	rc = segment_source_open(&server->segments[idx], server->preparer, lane_path,
				 server->data_dir.journal_id, idx, scan->tail.segment,
				 server->error, ERROR_BYTES);
	if (rc != 0)
		return rc;

	const struct journal_options options = {
		.journal_id = server->data_dir.journal_id,
		.lane = idx,
		.tail = scan->tail,
		.disk = server->disks[lane->worker_idx],
		.segments = server->segments[idx],
		.buffers = worker_buffers(server->workers[lane->worker_idx], idx),
	};

	return journal_open(&lane->journal, &options, server->error, ERROR_BYTES);
}

/*
 * Selling begins when segments wait ahead: making them would share the disk with the first orders.
 * Only for a while: a lane can go on without, too.
 */
static void wait_for_segments(const struct server *server)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	const uint64_t until_ns = wall_ns() + SEGMENTS_WAIT_NS;

	for (uint16_t i = 0; i < server->options->shards; i++) {
		const struct segment_source *source = server->segments[i];
		const uint64_t next = server->scans[i].tail.segment + 1;

		while (!segment_ready(source, next) && segment_source_error(source) == 0 &&
		       wall_ns() < until_ns)
			nanosleep(&pause, NULL);
	}
}

static int journals_up(struct server *server)
{
	const uint16_t shards = server->options->shards;
	int rc = segment_preparer_open(&server->preparer, server->error, ERROR_BYTES);

	if (rc == 0)
		segment_preparer_size(server->preparer, server->options->segment_mib << 20);
	for (uint16_t i = 0; rc == 0 && i < shards; i++)
		rc = journal_up_one(server, i);
	if (rc == 0)
		wait_for_segments(server);
	return rc;
}

/* New lines of the catalog are for good: the last that can be refused comes before them. */
static int offers_up(struct server *server)
{
	const uint16_t shards = server->options->shards;
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < shards; i++) {
		struct lane *lane = &server->shared.lanes[i];

		rc = serve_offers_add(server->catalog, lane, shards,
				      server->disks[lane->worker_idx], wall_ns(),
				      &server->offers_added, server->error, ERROR_BYTES);
	}
	return rc;
}

static void journals_down(struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++)
		journal_close(server->shared.lanes[i].journal);
	/* A thread that is stuck in the disk keeps what it works on. */
	if (server->preparer != NULL && !segment_preparer_close(server->preparer))
		return;
	for (uint16_t i = 0; i < server->options->shards; i++) {
		if (server->segments[i] != NULL)
			segment_source_close(server->segments[i]);
	}
}

/* Every worker has begun a new turn since. */
static void wait_for_turns(void)
{
	synchronize_rcu();
}

static int port_up(struct server *server)
{
	port_on_peer_left(wait_for_turns);

	int rc = port_open(&server->port, server->error, ERROR_BYTES);

	memcpy(server->shared.self.mac, server->port.mac, sizeof(server->shared.self.mac));
	if (rc == 0)
		rc = tap_open(&server->tap, &server->port, server->data_dir.journal_id,
			      server->error, ERROR_BYTES);
	return rc;
}

/* The rest of it outlives the workers: eal_down. */
static void port_down(struct server *server)
{
	tap_close(server->tap);
}

static int metrics_up(struct server *server)
{
	const struct serve_metrics_view view = {
		.options = server->options,
		.shared = &server->shared,
		.workers = server->workers,
		.segments = server->segments,
		.tsc_hz = rte_get_tsc_hz(),
	};
	const int fd = server->metrics_fd;

	if (fd < 0)
		return 0;
	server->metrics_fd = -1;
	return serve_metrics_open(&server->metrics, &view, fd, server->error, ERROR_BYTES);
}

static void metrics_down(struct server *server)
{
	serve_metrics_close(server->metrics);
}

static void watch_failure(struct server *server, uint16_t idx)
{
	const int error =
		atomic_load_explicit(&server->shared.lanes[idx].error, memory_order_relaxed);

	if (error == 0 || server->told[idx].failed)
		return;
	server->told[idx].failed = true;
	server->failed = true;
	if (atomic_load(&server->shared.command) == WORKER_ABANDON && error == ETIMEDOUT) {
		fprintf(stderr,
			"lane %u: ended without what its disk had not finished; recovery finds out "
			"what was written\n",
			idx);
		return;
	}
	fprintf(stderr,
		"lane %u: a journal write failed: %s; the lane answers UNAVAILABLE from now on. "
		"Check the disk of %s, then restart: recovery finds out what was written\n",
		idx, strerror(error), server->options->data);
}

static void watch_stall(struct server *server, uint16_t idx)
{
	const bool stalled =
		atomic_load_explicit(&server->shared.lanes[idx].stalled, memory_order_relaxed);

	if (stalled == server->told[idx].stalled)
		return;
	server->told[idx].stalled = stalled;
	fprintf(stderr,
		stalled ? "lane %u: the disk of %s has not got on for 2 s; until it does, "
			  "nothing sold is acknowledged\n"
			: "lane %u: the disk of %s goes on\n",
		idx, server->options->data);
}

static void watch_space(struct server *server, uint16_t idx)
{
	const int error = segment_source_error(server->segments[idx]);

	if (error == server->told[idx].segment_error)
		return;
	server->told[idx].segment_error = error;
	if (error == 0)
		fprintf(stderr, "lane %u: segments are made again\n", idx);
	else
		fprintf(stderr,
			"lane %u: no further segment can be made in %s: %s; when those that are "
			"ready are full, the lane answers JOURNAL_FULL. It goes on by itself when "
			"there is space\n",
			idx, server->options->data, strerror(-error));
}

/* Tells of each lane what has changed. */
static void watch_lanes(struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++) {
		watch_failure(server, i);
		watch_stall(server, i);
		watch_space(server, i);
	}
}

static int launch_up(struct server *server)
{
	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		const int rc = rte_eal_remote_launch(worker_run, server->workers[i], i + 1U);

		if (rc != 0)
			return FAIL(server, rc, "worker %u does not start: %s", i, strerror(-rc));
		server->launched = true;
		atomic_fetch_add(&server->shared.running_cnt, 1);
	}
	return port_take_traffic(&server->port, true, server->error, ERROR_BYTES);
}

static bool workers_run(const struct server *server)
{
	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		if (rte_eal_get_lcore_state(i + 1U) == RUNNING)
			return true;
	}
	return false;
}

static bool any_stalled(const struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++) {
		if (atomic_load_explicit(&server->shared.lanes[i].stalled, memory_order_relaxed))
			return true;
	}
	return false;
}

/*
 * Waits for the workers to drain: as long as it takes, unless told again to end while the disk does
 * not get on. On a disk that does, a second signal is only somebody's second key stroke.
 */
static void launch_down(struct server *server)
{
	unsigned waited_ms = 0;
	bool told_again = false;

	port_take_traffic(&server->port, false, server->error, ERROR_BYTES);
	atomic_store(&server->shared.command, WORKER_DRAIN);
	while (workers_run(server)) {
		/* Most are done within a few ms. */
		const unsigned look_ms = waited_ms < LOOK_MS ? 5 : LOOK_MS;

		told_again |= is_end(wait_signal(look_ms));
		waited_ms += look_ms;
		if (told_again && any_stalled(server) &&
		    atomic_exchange(&server->shared.command, WORKER_ABANDON) != WORKER_ABANDON)
			fprintf(stderr, "giving up on what the disk has not finished\n");
		watch_lanes(server);
		if (waited_ms / SAY_AGAIN_MS != (waited_ms - look_ms) / SAY_AGAIN_MS)
			fprintf(stderr, "still draining%s\n",
				any_stalled(server)
					? ": waiting for the disk; another SIGTERM gives up: what "
					  "is on its way to it is then answered UNAVAILABLE"
					: "");
	}
	rte_eal_mp_wait_lcore();
}

/* Runs when the workers have ended: what happened, and the state that the journal must give again.
 */
static void report_down(struct server *server)
{
	struct worker_counters sum = {0};

	if (!server->launched)
		return;
	watch_lanes(server);
	for (uint16_t i = 0; i < server->options->core_cnt; i++)
		serve_report_add(&sum, worker_counters(server->workers[i]));
	sum.drops[DROP_TOO_LONG] += port_oversized(&server->port);
	sum.drops[DROP_NO_WORKER] += port_unserved(&server->port);
	serve_report_traffic(&sum, port_missed(&server->port));
	serve_report_work(server->workers, server->options, rte_get_tsc_hz());
	serve_report_lanes(server->shared.lanes, server->options->shards);
	fflush(stdout);
}

static const struct step {
	const char *name;
	int (*up)(struct server *server);
	void (*down)(struct server *server);
} steps[] = {
	{"catalog", catalog_up, catalog_down},
	{"keys", keys_up, keys_down},
	{"signals", signals_up, NULL},
	{"port check", port_checked, NULL},
	{"metrics address", metrics_bound, metrics_unbound},
	{"data directory", data_up, data_down},
	{"lane scan", scan_up, scan_down},
	{"tables", shards_up, shards_down},
	{"recovery", recovery_up, NULL},
	{"DPDK", eal_up, eal_down},
	{"workers", workers_up, workers_down},
	{"journals", journals_up, journals_down},
	{"port", port_up, port_down},
	{"metrics", metrics_up, metrics_down},
	{"offers", offers_up, NULL},
	{"report", NULL, report_down},
	{"selling", launch_up, launch_down},
};

enum {
	STEP_CNT = sizeof(steps) / sizeof(steps[0]),
};

/* New keys for the workers; the old ring is freed when no worker can still look at it. */
static void reload_keys(struct server *server)
{
	struct key_ring *fresh = NULL;
	struct key_ring *old = server->shared.keys;

	if (keys_load(server->options->keys, &fresh, server->error, ERROR_BYTES) != 0) {
		fprintf(stderr, "keys: not reloaded, the old ones stay: %s\n", server->error);
		return;
	}
	rcu_assign_pointer(server->shared.keys, fresh);
	synchronize_rcu();
	keys_free(old);
	fprintf(stderr, "keys: %u loaded from %s\n", fresh->cnt, server->options->keys);
}

/* The control thread while the workers sell: sleeps, and does what signals ask for. */
static void control(struct server *server)
{
	for (;;) {
		const int signal = wait_signal(LOOK_MS);

		if (is_end(signal))
			return;
		if (signal == SIGHUP)
			reload_keys(server);
		watch_lanes(server);
	}
}

/* Runs the steps; *step is the one that stopped, or STEP_CNT. */
static enum serve_exit start(struct server *server, int *step)
{
	for (*step = 0; *step < STEP_CNT; (*step)++) {
		const struct step *this = &steps[*step];

		/* A recovery can take long. */
		if (signals_end_pending()) {
			fprintf(stderr, "doorbuster-serve: told to end before it sold anything\n");
			return SERVE_EXIT_REFUSED;
		}
		server->error[0] = '\0';
		if (this->up != NULL && this->up(server) != 0) {
			fprintf(stderr, "doorbuster-serve: %s: %s\n", this->name, server->error);
			return SERVE_EXIT_REFUSED;
		}
	}
	return SERVE_EXIT_DRAINED;
}

enum serve_exit serve(const struct serve_options *options)
{
	static struct server server;
	enum serve_exit result;
	int step;

	server = (struct server){.options = options, .data_dir = {.lock_fd = -1}, .metrics_fd = -1};
	result = start(&server, &step);
	if (result == SERVE_EXIT_DRAINED) {
		serve_report_ready(options, server.shared.lanes,
				   options->metrics != NULL ? server.metrics_address : NULL,
				   server.port.zero_copy, server.offers_added);
		control(&server);
		fprintf(stderr, "draining\n");
		step--;
	}
	/* Backwards, also over a step that stopped half-way: every `down` copes with that. */
	for (; step >= 0; step--) {
		if (steps[step].down != NULL)
			steps[step].down(&server);
	}
	if (server.failed)
		result = SERVE_EXIT_FAILED;
	return result;
}
