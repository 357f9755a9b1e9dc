/*
 * limits: what the process may have of descriptors and threads, looked at before anything is
 * changed. DPDK ends the process by a panic where it gets none, in the middle of its start.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>

#include "alloc/cgroup.h"
#include "engine/serve/state.h"

/* Counted at running engines, with some to spare for those who look at the metrics, captures,
 * segments that change, and memif's peers. */
enum {
	FILES_BASE = 64,
	FILES_A_CORE = 12,
	FILES_A_SHARD = 3,    /* of its lane */
	FILES_A_UDP_PORT = 2, /* IPv4 and IPv6: kernel sockets that hold it */
	/* DPDK's three, those of segments, captures, metrics and the start, and some of io_uring's.
	 */
	THREADS_BASE = 10,
	/* A thread that only waits. */
	STACK_BYTES = 64 << 10,
};

/* Descriptors that are open already; 0: not even that can be found out. */
static unsigned open_files(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned cnt = 0;

	if (dir == NULL)
		return 0;
	while (readdir(dir) != NULL)
		cnt++;
	closedir(dir);
	return cnt;
}

static rlim_t files_needed(const struct serve_options *options)
{
	const bool holds_ports = options->port.kind != PORT_MEMIF;

	return (rlim_t)FILES_BASE + (rlim_t)options->core_cnt * FILES_A_CORE +
	       (rlim_t)options->shards * (FILES_A_SHARD + (holds_ports ? FILES_A_UDP_PORT : 0));
}

/* Raises the limit as far as that is allowed. */
static int check_files(struct server *server)
{
	const rlim_t need = files_needed(server->options) + open_files();
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return 0;
	if (limit.rlim_cur < need && limit.rlim_max >= need) {
		limit.rlim_cur = need;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= need)
		return 0;
	return FAIL(server, -EMFILE,
		    "this process may open %ju files, and %ju are needed for --shards %u: raise "
		    "the limit (`ulimit -n %ju`, LimitNOFILE= of a systemd unit, --ulimit "
		    "nofile=%ju of docker)",
		    (uintmax_t)limit.rlim_cur, (uintmax_t)need, server->options->shards,
		    (uintmax_t)need, (uintmax_t)need);
}

static void *wait_for_end(void *context)
{
	pthread_mutex_t *end = context;

	pthread_mutex_lock(end);
	pthread_mutex_unlock(end);
	return NULL;
}

/* Starts as many threads as the engine will have, all at once, and ends them. Returns how many
 * there were. No limit tells as much: pids.max, RLIMIT_NPROC, threads-max, and what else uses them
 * up. */
static unsigned try_threads(unsigned cnt, int *error)
{
	pthread_mutex_t end = PTHREAD_MUTEX_INITIALIZER;
	pthread_t threads[WORKERS_MAX + THREADS_BASE];
	pthread_attr_t attr;
	unsigned made = 0;

	pthread_attr_init(&attr);
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	pthread_mutex_lock(&end);
	*error = 0;
	while (made < cnt && *error == 0) {
		*error = pthread_create(&threads[made], &attr, wait_for_end, &end);
		made += *error == 0;
	}
	pthread_mutex_unlock(&end);
	for (unsigned i = 0; i < made; i++)
		pthread_join(threads[i], NULL);
	pthread_attr_destroy(&attr);
	return made;
}

static int check_threads(struct server *server)
{
	const unsigned need = THREADS_BASE + server->options->core_cnt;
	int error;
	const unsigned got = try_threads(need, &error);
	const uint64_t left = cgroup_left("", CGROUP_THREADS);
	struct rlimit limit = {.rlim_cur = RLIM_INFINITY};

	if (got == need)
		return 0;
	(void)getrlimit(RLIMIT_NPROC, &limit);
	error_set(&server->error, "this process can have %u more threads, and %u are needed: ", got,
		  need);
	if (error != EAGAIN)
		error_add(&server->error,
			  "%s; a seccomp profile forbids it: allow clone and clone3",
			  strerror(error));
	else if (left <= need)
		error_add(&server->error,
			  "raise pids.max of its cgroup (TasksMax= of a systemd unit, --pids-limit "
			  "of docker, podPidsLimit of Kubernetes)");
	else if (limit.rlim_cur != RLIM_INFINITY)
		error_add(&server->error,
			  "its user may have %ju with all programs together: raise that (`ulimit "
			  "-u`, LimitNPROC= of a systemd unit)",
			  (uintmax_t)limit.rlim_cur);
	else
		error_add(&server->error, "raise the machine's (sysctl kernel.threads-max, "
					  "kernel.pid_max)");
	return -EAGAIN;
}

int serve_limits_up(struct server *server)
{
	const int rc = check_files(server);

	return rc != 0 ? rc : check_threads(server);
}
