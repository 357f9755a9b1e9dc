/*
 * fault_start: runs an engine's start while one of its system calls fails. It stands between the
 * engine and the kernel as a seccomp supervisor: what is to fail comes here and is answered, all
 * else runs untouched, and threads and the time of day are as always.
 *
 *   fault_start --record FILE -- ENGINE ARGS...
 *   fault_start --fail NR:ERRNO:FIRST:LAST [--at-ready COMMAND] -- ENGINE ARGS...
 *
 * The start begins when the engine forbids itself new privileges, the first that it does, and ends
 * with its ready line: then nothing fails any more, COMMAND is run by a shell, and the engine is
 * told to drain. --record writes a line `NR COUNT` for each system call of the start. --fail makes
 * the FIRST-th to the LAST-th use of the system call NR fail; LAST 0: all from FIRST on.
 *
 * Prints one line, `failed=N ready=yes|no end=exit:CODE|signal:N|hung|spins at-ready=CODE`. Waits
 * as long as the engine makes progress: hung is one that used no CPU for long, spins one that used
 * a lot and has not come to an end. Either is killed. Exit code 0 unless the run itself went wrong.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	CALLS_MAX = 512,
	POLL_MS = 500,
	/* In which the control thread did nothing, and no thread waited for the disk. */
	HUNG_POLLS = 60,
	/* A start takes less than a second of CPU. */
	SPINS_TICKS = 6000,
	/* Looks for ever at what does not come. */
	POLLS_MAX = 600,
};

struct run {
	const char *record;
	long fail_nr; /* -1: none */
	int fail_errno;
	uint64_t fail_first;
	uint64_t fail_last;
	const char *at_ready;
	pid_t child;
	int listener;
	int output;
	bool started;
	bool ready;
	uint64_t failed;
	int at_ready_code;
	uint64_t counts[CALLS_MAX];
	char line[256]; /* of the engine's, so far */
	size_t line_bytes;
};

/* Shared with the child, so that it can say which descriptor its listener is without a call. */
static struct {
	atomic_int listener; /* -1 - errno: there is none; INT32_MAX: not yet */
	atomic_bool taken;   /* our parent has a copy: ours is closed by exec */
} * shared;

static _Noreturn void die(const char *what)
{
	fprintf(stderr, "fault_start: %s: %s\n", what, strerror(errno));
	exit(2);
}

/* Everything, or what is to fail and what marks the start. */
static int install_filter(const struct run *run)
{
	const uint32_t notify = SECCOMP_RET_USER_NOTIF;
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)run->fail_nr, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, notify),
		BPF_STMT(BPF_RET | BPF_K, run->record != NULL ? notify : SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {
		.len = sizeof(code) / sizeof(code[0]),
		.filter = code,
	};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
			    &program);
}

static _Noreturn void be_engine(const struct run *run, int output, char **argv)
{
	int listener;

	if (dup2(output, STDOUT_FILENO) < 0)
		_exit(126);
	listener = install_filter(run);
	/* From here on a call may wait until our parent has the listener. */
	atomic_store(&shared->listener, listener >= 0 ? listener : -1 - errno);
	while (listener >= 0 && !atomic_load(&shared->taken))
		;
	if (listener >= 0)
		execv(argv[0], argv);
	_exit(126);
}

static void start(struct run *run, char **argv)
{
	int output[2];
	int pidfd;
	int theirs;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		      0);
	if (shared == MAP_FAILED || pipe2(output, O_CLOEXEC) != 0)
		die("pipe");
	atomic_store(&shared->listener, INT32_MAX);
	run->child = fork();
	if (run->child < 0)
		die("fork");
	if (run->child == 0)
		be_engine(run, output[1], argv);
	close(output[1]);
	run->output = output[0];
	while ((theirs = atomic_load(&shared->listener)) == INT32_MAX)
		sched_yield();
	if (theirs < 0) {
		errno = -1 - theirs;
		die("seccomp");
	}
	pidfd = (int)syscall(SYS_pidfd_open, run->child, 0);
	run->listener = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	if (pidfd < 0 || run->listener < 0)
		die("pidfd_getfd");
	atomic_store(&shared->taken, true);
	close(pidfd);
}

/* Whether this use of a call fails. */
static bool is_to_fail(struct run *run, const struct seccomp_data *call)
{
	uint64_t count;

	if (call->nr == SYS_prctl && call->args[0] == PR_SET_NO_NEW_PRIVS)
		run->started = true;
	if (!run->started || run->ready || call->nr < 0 || call->nr >= CALLS_MAX)
		return false;
	count = ++run->counts[call->nr];
	return call->nr == run->fail_nr && count >= run->fail_first &&
	       (run->fail_last == 0 || count <= run->fail_last);
}

static void answer(struct run *run)
{
	struct seccomp_notif asked = {0};
	struct seccomp_notif_resp response = {0};

	/* It may have been killed meanwhile. */
	if (ioctl(run->listener, SECCOMP_IOCTL_NOTIF_RECV, &asked) != 0)
		return;
	response.id = asked.id;
	if (is_to_fail(run, &asked.data)) {
		response.error = -run->fail_errno;
		run->failed++;
	} else {
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	}
	(void)ioctl(run->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/* Beside the loop: COMMAND talks to the engine, whose calls we answer. */
static void on_ready(struct run *run)
{
	pid_t pid;

	run->ready = true;
	pid = fork();
	if (pid == 0) {
		int status = 0;
		pid_t command = run->at_ready != NULL ? fork() : -1;

		if (command == 0) {
			execl("/bin/bash", "bash", "-c", run->at_ready, (char *)NULL);
			_exit(126);
		}
		if (command > 0)
			waitpid(command, &status, 0);
		kill(run->child, SIGTERM);
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 126);
	}
	if (pid < 0)
		die("fork");
}

/* Passes on what the engine prints, and looks for the ready line. False: it has closed it. */
static bool pass_output(struct run *run)
{
	char bytes[4096];
	const ssize_t got = read(run->output, bytes, sizeof(bytes));

	if (got <= 0)
		return false;
	fwrite(bytes, 1, (size_t)got, stderr);
	for (ssize_t i = 0; i < got; i++) {
		if (bytes[i] != '\n') {
			if (run->line_bytes + 1 < sizeof(run->line))
				run->line[run->line_bytes++] = bytes[i];
			continue;
		}
		run->line[run->line_bytes] = '\0';
		run->line_bytes = 0;
		if (!run->ready && strncmp(run->line, "ready ", 6) == 0)
			on_ready(run);
	}
	return true;
}

/* CPU time of the engine, all threads, in ticks. */
static unsigned long ticks_of(pid_t pid)
{
	char path[64];
	char line[1024] = "";
	unsigned long user = 0;
	unsigned long system = 0;
	const char *name_end;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	name_end = strrchr(line, ')');
	if (name_end != NULL)
		(void)sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			     &user, &system);
	return user + system;
}

/* Whether a thread waits for the disk: one that others keep busy may take a minute at times. */
static bool waits_for_disk(pid_t pid)
{
	char path[320];
	const struct dirent *entry;
	bool waits = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	while (dir != NULL && !waits && (entry = readdir(dir)) != NULL) {
		char state = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", pid, entry->d_name);
		file = fopen(path, "re");
		if (file == NULL)
			continue;
		waits = fscanf(file, "%*d (%*[^)]) %c", &state) == 1 && state == 'D';
		fclose(file);
	}
	if (dir != NULL)
		closedir(dir);
	return waits;
}

/* How often the engine's control thread went to sleep or was put off: it changes with all it does.
 */
static unsigned long switches_of(pid_t pid)
{
	char path[64];
	char line[256];
	unsigned long sum = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "re");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		unsigned long cnt;

		if (sscanf(line, "voluntary_ctxt_switches: %lu", &cnt) == 1 ||
		    sscanf(line, "nonvoluntary_ctxt_switches: %lu", &cnt) == 1)
			sum += cnt;
	}
	if (file != NULL)
		fclose(file);
	return sum;
}

/* The end of the engine, in words. The command of at-ready may end before or after it. */
static bool has_ended(struct run *run, char *end, size_t end_bytes)
{
	bool ended = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (pid != run->child) {
			run->at_ready_code = WIFEXITED(status) ? WEXITSTATUS(status) : 126;
			continue;
		}
		ended = true;
		if (WIFSIGNALED(status))
			snprintf(end, end_bytes, "signal:%d", WTERMSIG(status));
		else
			snprintf(end, end_bytes, "exit:%d", WEXITSTATUS(status));
	}
	return ended;
}

static void supervise(struct run *run, char *end, size_t end_bytes)
{
	unsigned long switches = 0;
	unsigned idle_polls = 0;
	unsigned polls = 0;
	struct pollfd polled[] = {
		{.fd = run->listener, .events = POLLIN},
		{.fd = run->output, .events = POLLIN},
	};

	while (!has_ended(run, end, end_bytes)) {
		const int cnt = poll(polled, 2, POLL_MS);
		const unsigned long now = switches_of(run->child);
		const bool spins = ticks_of(run->child) >= SPINS_TICKS;

		if ((polled[0].revents & POLLIN) != 0)
			answer(run);
		else if (polled[0].revents != 0)
			polled[0].fd = -1;
		if (polled[1].revents != 0 && !pass_output(run))
			polled[1].fd = -1;
		if (polled[0].fd < 0 && polled[1].fd < 0)
			usleep(1000);
		idle_polls = now == switches && cnt == 0 ? idle_polls + 1 : 0;
		if (cnt == 0 && waits_for_disk(run->child))
			idle_polls = 0;
		else
			polls += cnt == 0;
		switches = now;
		if (idle_polls < HUNG_POLLS && polls < POLLS_MAX && !spins)
			continue;
		kill(run->child, SIGKILL);
		waitpid(run->child, NULL, 0);
		snprintf(end, end_bytes, spins ? "spins" : "hung");
		return;
	}
}

static void parse(struct run *run, int argc, char **argv, char ***engine)
{
	int i = 1;

	run->fail_nr = -1;
	for (; i + 1 < argc && strcmp(argv[i], "--") != 0; i += 2) {
		if (strcmp(argv[i], "--record") == 0)
			run->record = argv[i + 1];
		else if (strcmp(argv[i], "--at-ready") == 0)
			run->at_ready = argv[i + 1];
		else if (strcmp(argv[i], "--fail") != 0 ||
			 sscanf(argv[i + 1], "%ld:%d:%lu:%lu", &run->fail_nr, &run->fail_errno,
				&run->fail_first, &run->fail_last) != 4)
			break;
	}
	if (i + 1 >= argc || strcmp(argv[i], "--") != 0) {
		fprintf(stderr, "usage: see the head of tests/e2e/fault_start.c\n");
		exit(2);
	}
	*engine = argv + i + 1;
}

int main(int argc, char **argv)
{
	static struct run run;
	char end[32] = "";
	char **engine;

	parse(&run, argc, argv, &engine);
	start(&run, engine);
	supervise(&run, end, sizeof(end));
	/* The rest of what it said, and the command's exit code. */
	while (pass_output(&run))
		;
	while (run.ready && run.at_ready_code == 0) {
		int status;

		if (waitpid(-1, &status, 0) < 0)
			break;
		run.at_ready_code = WIFEXITED(status) ? WEXITSTATUS(status) : 126;
	}
	if (run.record != NULL) {
		FILE *file = fopen(run.record, "we");

		if (file == NULL)
			die(run.record);
		for (unsigned i = 0; i < CALLS_MAX; i++) {
			if (run.counts[i] > 0)
				fprintf(file, "%u %lu\n", i, run.counts[i]);
		}
		if (fclose(file) != 0)
			die(run.record);
	}
	printf("failed=%lu ready=%s end=%s at-ready=%d\n", run.failed, run.ready ? "yes" : "no",
	       end, run.at_ready_code);
	return 0;
}
