#include "engine/serve/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/safe_file.h"
#include "engine/serve/exit.h"
#include "engine/serve/state.h"
#include "engine/worker/capture_socket.h"

/* In the order of the arguments. */
enum {
	ARG_SIGNAL = 2,
	ARG_STEP,
	ARG_PORT,    /* "": not touched */
	ARG_RUNTIME, /* the EAL's directory; "": none */
	ARG_DATA,
	ARG_LOCK, /* its lock's descriptor */
	ARG_SHARDS,
	ARG_MADE, /* what the start has made: "d" for the directory, "l" lock, "j" journal */
};

enum {
	NUMBER_CHARS = 12,
	/* Time for the control thread to put back what only it may. */
	CONTROL_WAITS_MAX = 500,
	CONTROL_WAIT_NS = 10000000,
};

/* A sanitizer reports the other signals itself, with more details. */
static const int guarded[] = {
	SIGABRT,
#ifndef __SANITIZE_ADDRESS__
	SIGSEGV, SIGBUS, SIGILL, SIGFPE,
#endif
};

static const struct server *guarded_server;
static const char *_Atomic guarded_step = "";
static pid_t guarded_pid;

/* Everything from here to on_signal is async-signal-safe. */
static char *number_text(unsigned number, char out[NUMBER_CHARS])
{
	char *digit = out + NUMBER_CHARS - 1;

	*digit = '\0';
	do {
		*--digit = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	return digit;
}

static void execute(int signal)
{
	const struct server *server = guarded_server;
	const struct data_dir *dir = &server->data_dir;
	char numbers[3][NUMBER_CHARS];
	char made[4] = "";
	unsigned made_cnt = 0;
	char *argv[SERVE_GUARD_ARGS + 1] = {"doorbuster-serve", "--put-back"};

	/* What the start has made must stay as soon as the engine may have sold something. */
	if (dir->made_dir && !server->launched)
		made[made_cnt++] = 'd';
	if (dir->made_lock && !server->launched)
		made[made_cnt++] = 'l';
	if (dir->made_journal && !server->launched)
		made[made_cnt++] = 'j';
	argv[ARG_SIGNAL] = number_text((unsigned)signal, numbers[0]);
	argv[ARG_STEP] = server->launched ? "" : (char *)(uintptr_t)guarded_step;
	argv[ARG_PORT] = server->port_touched ? (char *)(uintptr_t)server->options->port_text : "";
	argv[ARG_RUNTIME] = (char *)(uintptr_t)server->port.eal_dir.path;
	argv[ARG_DATA] = (char *)(uintptr_t)dir->path;
	argv[ARG_LOCK] = number_text(dir->lock_fd >= 0 ? (unsigned)dir->lock_fd : 0, numbers[1]);
	argv[ARG_SHARDS] = number_text(server->options->shards, numbers[2]);
	argv[ARG_MADE] = made;
	/* The new program keeps the lock until the directory is removed. */
	if (dir->lock_fd >= 0)
		(void)fcntl(dir->lock_fd, F_SETFD, 0);
	(void)execv("/proc/self/exe", argv);
}

/* Other threads have dropped the privileges that this needs. */
static void leave_to_control_thread(int signal)
{
	const struct timespec pause = {.tv_nsec = CONTROL_WAIT_NS};

	if (syscall(SYS_tgkill, guarded_pid, guarded_pid, signal) != 0)
		return;
	for (unsigned i = 0; i < CONTROL_WAITS_MAX; i++)
		(void)nanosleep(&pause, NULL);
}

static void on_signal(int signal)
{
	const struct sigaction as_always = {.sa_handler = SIG_DFL};

	if (syscall(SYS_gettid) != guarded_pid)
		leave_to_control_thread(signal);
	execute(signal);
	/* If that failed, the signal ends the process as usual; the next start puts the machine
	 * back. */
	(void)sigaction(signal, &as_always, NULL);
	(void)syscall(SYS_tgkill, guarded_pid, syscall(SYS_gettid), signal);
}

int serve_guard_arm(const struct server *server)
{
	const struct sigaction action = {.sa_handler = on_signal};

	guarded_server = server;
	guarded_pid = getpid();
	for (unsigned i = 0; i < sizeof(guarded) / sizeof(guarded[0]); i++) {
		if (sigaction(guarded[i], &action, NULL) != 0)
			return -errno;
	}
	return 0;
}

void serve_guard_step(const char *name)
{
	guarded_step = name;
}

/* Only a data directory that we have locked is removed again. */
static bool is_locked(const char *data, int lock_fd)
{
	char path[600];
	struct stat held;
	struct stat there;

	snprintf(path, sizeof(path), "%s/lock", data);
	return fstat(lock_fd, &held) == 0 && stat(path, &there) == 0 &&
	       held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

static void withdraw(char **argv, int lock_fd)
{
	struct data_dir dir = {
		.shards = (uint16_t)strtoul(argv[ARG_SHARDS], NULL, 10),
		.lock_fd = lock_fd,
		.made_dir = strchr(argv[ARG_MADE], 'd') != NULL,
		.made_lock = strchr(argv[ARG_MADE], 'l') != NULL,
		.made_journal = strchr(argv[ARG_MADE], 'j') != NULL,
	};
	int dir_fd;

	snprintf(dir.path, sizeof(dir.path), "%s", argv[ARG_DATA]);
	if (lock_fd <= STDERR_FILENO || !is_locked(dir.path, lock_fd))
		return;
	dir_fd = safe_dir_open(dir.path);
	if (dir_fd >= 0) {
		capture_socket_remove(dir_fd);
		close(dir_fd);
	}
	if (argv[ARG_MADE][0] != '\0')
		data_dir_withdraw(&dir);
}

int serve_guard_put_back(char **argv)
{
	const int signal = (int)strtol(argv[ARG_SIGNAL], NULL, 10);
	const int lock_fd = (int)strtol(argv[ARG_LOCK], NULL, 10);
	const unsigned first = STDERR_FILENO + 1;
	struct port_spec spec;
	struct error error;
	sigset_t blocked;

	/* DPDK's sockets are still open: others would think that an engine runs here. */
	if (lock_fd > STDERR_FILENO) {
		if ((unsigned)lock_fd > first)
			(void)close_range(first, (unsigned)lock_fd - 1, 0);
		(void)close_range((unsigned)lock_fd + 1, ~0U, 0);
	} else {
		(void)close_range(first, ~0U, 0);
	}
	if (argv[ARG_PORT][0] != '\0' && port_parse(argv[ARG_PORT], &spec, &error) == 0)
		port_put_back(&spec, argv[ARG_RUNTIME]);
	withdraw(argv, lock_fd);
	if (argv[ARG_STEP][0] != '\0') {
		fprintf(stderr,
			LOG_AS_ERROR
			"doorbuster-serve: %s: ended by signal %d (%s): the lines above say why; "
			"what the start had changed was put back\n",
			argv[ARG_STEP], signal, strsignal(signal));
		return SERVE_EXIT_REFUSED;
	}
	fprintf(stderr,
		LOG_AS_ERROR
		"doorbuster-serve: ended by signal %d (%s): the lines above say why; the machine "
		"was put back. Start it again: it recovers what was acknowledged\n",
		signal, strsignal(signal));
	sigemptyset(&blocked);
	sigaddset(&blocked, signal);
	sigprocmask(SIG_UNBLOCK, &blocked, NULL);
	raise(signal);
	return SERVE_EXIT_FAILED;
}
