#include "engine/serve/serve.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
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
#include "engine/base/log.h"
#include "engine/base/secret.h"
#include "engine/base/signals.h"
#include "engine/serve/guard.h"
#include "engine/serve/privileges.h"
#include "engine/serve/report.h"
#include "engine/serve/state.h"
#include "engine/worker/mailbox.h"

enum {
	EAL_ARGS_MAX = 64,
	/* How often the control thread looks, and how often it says what it waits for. */
	LOOK_MS = 200,
	SAY_AGAIN_MS = 5000,
};

static bool wants_no_huge(const struct serve_options *options)
{
	for (int i = 0; i < options->eal_arg_cnt; i++) {
		if (strcmp(options->eal_args[i], "--no-huge") == 0)
			return true;
	}
	return false;
}

static struct port_options port_options_of(const struct serve_options *options)
{
	return (struct port_options){
		.spec = options->port,
		.udp_port_first = options->base_port,
		.udp_port_cnt = options->shards,
		.queue_cnt = options->core_cnt,
		.no_huge = wants_no_huge(options),
	};
}

static int privileges_up(struct server *server)
{
	const int rc = secret_forgo_privileges();

	return rc == 0 ? 0
		       : FAIL(server, rc,
			      "prctl(PR_SET_NO_NEW_PRIVS): %s; a seccomp profile forbids it: run "
			      "the container with one that allows prctl",
			      strerror(-rc));
}

/* What the control thread waits for. Makes no system call: it must work where those fail. */
static void waited_signals(sigset_t *out)
{
	sigemptyset(out);
	sigaddset(out, SIGTERM);
	sigaddset(out, SIGINT);
	sigaddset(out, SIGHUP);
}

static int signals_up(struct server *server)
{
	const struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigset_t waited;
	int rc = 0;

	/* Nobody reading our lines, or a file that may not grow, is no reason to stop selling. */
	if (sigaction(SIGPIPE, &ignore, NULL) != 0 || sigaction(SIGXFSZ, &ignore, NULL) != 0)
		rc = -errno;
	if (rc == 0)
		rc = serve_guard_arm(server);
	/* The control thread waits for them; all other threads inherit the mask. */
	waited_signals(&waited);
	if (rc == 0)
		rc = -pthread_sigmask(SIG_BLOCK, &waited, NULL);
	return rc == 0 ? 0
		       : FAIL(server, rc,
			      "signals can't be handled: %s; a seccomp profile forbids it: allow "
			      "rt_sigaction and rt_sigprocmask",
			      strerror(-rc));
}

/* The signal that came within so many ms; 0: none. */
static int wait_signal(unsigned ms)
{
	const struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
	sigset_t waited;
	int signal;

	waited_signals(&waited);
	signal = sigtimedwait(&waited, NULL, &time);
	return signal > 0 ? signal : 0;
}

static bool is_end(int signal)
{
	return signal == SIGTERM || signal == SIGINT;
}

static int catalog_up(struct server *server)
{
	return catalog_load_saying(server->options->catalog, stderr, &server->catalog,
				   &server->error);
}

static void catalog_down(struct server *server)
{
	catalog_free(server->catalog);
}

static int keys_up(struct server *server)
{
	if (sodium_init() < 0)
		return FAIL(server, -EIO, "libsodium does not start");
	return keys_load(server->options->keys, &server->keys, &server->error);
}

static void keys_down(struct server *server)
{
	keys_free(server->keys);
	keys_free(server->old_keys);
}

static int port_checked(struct server *server)
{
	const struct port_options options = port_options_of(server->options);

	return port_check(&options, &server->error);
}

/* They are held until the process ends: there is nothing to undo. */
static int ports_held(struct server *server)
{
	const struct port_options options = port_options_of(server->options);

	return port_hold(&options, &server->error);
}

static int progress_up(struct server *server)
{
	progress_open(&server->progress);
	return 0;
}

static void progress_down(struct server *server)
{
	progress_end(&server->progress);
}

/* From here on /healthz says how far the start is. */
static int metrics_bound(struct server *server)
{
	int fd;

	if (server->options->metrics == NULL)
		return 0;
	fd = http_server_bind(server->options->metrics, &server->error);
	if (fd < 0)
		return fd;
	http_server_address(fd, server->metrics_address);
	return serve_metrics_open(&server->metrics, server->options, &server->progress, fd,
				  &server->error);
}

static void metrics_down(struct server *server)
{
	serve_metrics_close(server->metrics);
	server->metrics = NULL;
}

/* The argument of --lcores: the control thread, then the workers, each on its CPU. */
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
				     &server->error);

	if (rc != 0)
		return rc;
	for (int i = 0; i < options->eal_arg_cnt; i++) {
		if (argc == EAL_ARGS_MAX)
			return FAIL(server, -E2BIG, "too many EAL arguments behind --");
		argv[argc++] = options->eal_args[i];
	}
	argv[argc] = NULL;
	serve_eal_log();
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
	if (server->eal_running && !server->port.abandoned)
		rte_eal_cleanup();
	port_sweep(&server->port);
}

static int workers_up(struct server *server)
{
	const struct serve_options *options = server->options;
	struct worker_shared *shared = &server->shared;

	shared->port = &server->port;
	shared->keys = server->keys;
	shared->shard_cnt = options->shards;
	memcpy(shared->self.ipv4, options->ipv4, sizeof(shared->self.ipv4));
	memcpy(shared->self.ipv6, options->ipv6, sizeof(shared->self.ipv6));
	if (options->core_cnt > 1 && handover_open(&shared->handover, options->core_cnt) != 0)
		return FAIL(server, -ENOMEM, "no memory for the hand-over between workers");
	if (options->core_cnt > 1 && options->shards > 1 &&
	    mailbox_open(&shared->mailbox, options->core_cnt) != 0)
		return FAIL(server, -ENOMEM, "no memory for the mails between workers");
	for (uint16_t i = 0; i < options->core_cnt; i++) {
		const unsigned lanes = options->shards / options->core_cnt + 1U;
		int rc = disk_uring_open(&server->disks[i], lanes * WRITES_IN_FLIGHT_MAX,
					 &server->error);

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
		server->worker_posts[i].commands = worker_commands(server->workers[i]);
	}
	for (uint16_t i = 0; i < options->shards; i++)
		server->lane_posts[i].commands = shared->lanes[i].commands;
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
	mailbox_close(server->shared.mailbox);
}

/* Returns when every worker has begun a new turn. */
static void wait_for_turns(void)
{
	synchronize_rcu();
}

static int port_up(struct server *server)
{
	port_on_peer_left(wait_for_turns);

	int rc = port_open(&server->port, &server->error);

	if (rc == 0 && port_hands_batches_on(&server->options->port))
		fprintf(stderr,
			"port lo: tx-udp-segmentation is on, so clients of this machine that batch "
			"with UDP_SEGMENT get no answer. If there are any: `ethtool -K lo "
			"tx-udp-segmentation off`, which takes effect at once\n");
	memcpy(server->shared.self.mac, server->port.mac, sizeof(server->shared.self.mac));
	/* An engine that can't be captured still sells. */
	if (rc == 0 && tap_open(&server->tap, &server->port, &server->shared.now,
				server->data_dir.path, &server->error) != 0)
		fprintf(stderr,
			LOG_AS_WARNING
			"capture: %s; the engine sells, but `doorbuster capture` can't record it "
			"before another start\n",
			server->error.text);
	return rc;
}

/* The port itself outlives the workers: eal_down closes it. */
static void port_down(struct server *server)
{
	tap_close(server->tap);
}

static int metrics_up(struct server *server)
{
	const struct serve_metrics_view view = {
		.shared = &server->shared,
		.workers = server->workers,
		.segments = server->segments,
		.port_watch = &server->port_watch,
		.draining = &server->draining,
		.tsc_hz = rte_get_tsc_hz(),
	};

	if (server->metrics != NULL)
		serve_metrics_show(server->metrics, &view);
	return 0;
}

static int threads_up(struct server *server)
{
	/* It has nothing left to say. */
	progress_hush(&server->progress);
	return privileges_drop(&server->error);
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
	return port_take_traffic(&server->port, true, &server->error);
}

static bool workers_run(const struct server *server)
{
	for (uint16_t i = 0; i < server->options->core_cnt; i++) {
		if (rte_eal_get_lcore_state(i + 1U) == RUNNING)
			return true;
	}
	return false;
}

static void say_draining(struct server *server)
{
	const int silent = serve_silent_lane(server);

	if (serve_any_stalled(server) && !server->gave_up)
		fprintf(stderr, LOG_AS_WARNING
			"still draining: waiting for the disk; another SIGTERM gives up: what is "
			"on its way to it is then answered UNAVAILABLE\n");
	else if (silent >= 0)
		fprintf(stderr,
			LOG_AS_WARNING
			"still draining: lane %d has not answered: a system call holds its worker "
			"up. If that does not end, end the engine with SIGKILL: nothing "
			"acknowledged is lost\n",
			silent);
	else
		fprintf(stderr, "still draining\n");
}

/*
 * Waits for the workers to drain, as long as it takes. A second SIGTERM or SIGINT is remembered: as
 * soon as the disk of a lane makes no progress, then or later, the engine gives up on it. While the
 * disks make progress, the second signal changes nothing.
 */
static void launch_down(struct server *server)
{
	unsigned waited_ms = 0;
	bool told_again = false;

	port_take_traffic(&server->port, false, &server->error);
	serve_drain_lanes(server);
	while (workers_run(server)) {
		/* Most are done within a few ms. */
		const unsigned look_ms = waited_ms < LOOK_MS ? 5 : LOOK_MS;

		told_again |= is_end(wait_signal(look_ms));
		waited_ms += look_ms;
		if (told_again && serve_any_stalled(server))
			serve_give_up(server);
		serve_watch_lanes(server);
		if (waited_ms / SAY_AGAIN_MS != (waited_ms - look_ms) / SAY_AGAIN_MS)
			say_draining(server);
	}
	rte_eal_mp_wait_lcore();
}

/* Runs when the workers have ended. Reports what happened, and the state that the journal must give
 * again. */
static void report_down(struct server *server)
{
	struct worker_counters sum = {0};

	if (!server->launched)
		return;
	serve_watch_lanes(server);
	for (uint16_t i = 0; i < server->options->core_cnt; i++)
		serve_report_add(&sum, worker_counters(server->workers[i]));
	sum.drops[DROP_TOO_LONG] += port_oversized(&server->port);
	sum.drops[DROP_NO_WORKER] += port_unserved(&server->port);
	serve_report_traffic(&sum, port_missed(&server->port));
	serve_report_work(server->workers, server->options, rte_get_tsc_hz());
	serve_report_lanes(server->shared.lanes, server->options->shards);
	fflush(stdout);
	/* The last step was refused, and nobody had asked anything: what was made is removed. */
	if (!server->ready && sum.datagrams == 0)
		server->launched = false;
}

static const struct step {
	const char *name;
	int (*up)(struct server *server);
	void (*down)(struct server *server);
} steps[] = {
	{"privileges", privileges_up, NULL},
	{"signals", signals_up, NULL},
	{"limits", serve_limits_up, NULL},
	{"progress", progress_up, progress_down},
	{"metrics address", metrics_bound, metrics_down},
	{"clock", serve_clock_up, NULL},
	{"catalog", catalog_up, catalog_down},
	{"keys", keys_up, keys_down},
	{"port check", port_checked, NULL},
	{"UDP ports", ports_held, NULL},
	{"data directory", serve_data_up, serve_data_down},
	{"lane scan", serve_scan_up, serve_scan_down},
	{"catalog and lanes", serve_offers_checked, NULL},
	{"tables", serve_shards_up, serve_shards_down},
	{"recovery", serve_recovery_up, NULL},
	{"DPDK", eal_up, eal_down},
	{"workers", workers_up, workers_down},
	{"journals", serve_journals_up, serve_journals_down},
	{"port", port_up, port_down},
	{"metrics", metrics_up, metrics_down},
	{"journal format", serve_format_up, NULL},
	{"baskets", serve_baskets_up, NULL},
	{"settled clock", serve_clock_settled_up, NULL},
	{"offers", serve_offers_up, NULL},
	{"threads", threads_up, NULL},
	{"report", NULL, report_down},
	{"selling", launch_up, launch_down},
};

enum {
	STEP_CNT = sizeof(steps) / sizeof(steps[0]),
};

/* The control thread while the workers sell: sleeps, and does what signals ask for. */
static void control(struct server *server)
{
	for (;;) {
		const int signal = wait_signal(LOOK_MS);

		if (is_end(signal))
			return;
		if (signal == SIGHUP)
			serve_reload_keys(server);
		serve_watch_keys(server);
		serve_watch_lanes(server);
		serve_watch_link(server);
		serve_watch_port(server);
	}
}

/* Runs the steps; *step is the one that stopped, or STEP_CNT. */
static enum serve_exit start(struct server *server, int *step)
{
	for (*step = 0; *step < STEP_CNT; (*step)++) {
		const struct step *this = &steps[*step];

		/* A recovery can take long. */
		if (signals_end_pending()) {
			progress_hush(&server->progress);
			fprintf(stderr, LOG_AS_WARNING
				"doorbuster-serve: told to end before it sold anything\n");
			return SERVE_EXIT_REFUSED;
		}
		error_clear(&server->error);
		serve_guard_step(this->name);
		progress_step(&server->progress, this->name);
		if (this->up != NULL && this->up(server) != 0) {
			/* What is put back now is no start any more. */
			progress_hush(&server->progress);
			fprintf(stderr, LOG_AS_ERROR "doorbuster-serve: %s: %s\n", this->name,
				server->error.text);
			return SERVE_EXIT_REFUSED;
		}
	}
	progress_end(&server->progress);
	return SERVE_EXIT_DRAINED;
}

enum serve_exit serve(const struct serve_options *options)
{
	static struct server server;
	enum serve_exit result;
	int step;

	server = (struct server){.options = options, .data_dir = {.lock_fd = -1}};
	result = start(&server, &step);
	server.ready = result == SERVE_EXIT_DRAINED;
	if (server.ready) {
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
