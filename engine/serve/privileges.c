#include "engine/serve/privileges.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <linux/capability.h>

#define BIT(capability) (UINT64_C(1) << (capability))

/* The first two are for detaching the XDP program, finding it by its id, and lo's sysctls; a port
 * that is opened again needs the next two as well. The rest are for the key file, the data
 * directory and the sockets of another user. */
static const uint64_t CONTROL_KEEPS = BIT(CAP_NET_ADMIN) | BIT(CAP_SYS_ADMIN) | BIT(CAP_NET_RAW) |
				      BIT(CAP_IPC_LOCK) | BIT(CAP_NET_BIND_SERVICE) |
				      BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |
				      BIT(CAP_CHOWN) | BIT(CAP_FOWNER);
/* A segment in the data directory of another user must belong to that user. */
static const uint64_t SEGMENTS_KEEPS =
	BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_CHOWN);

enum {
	DROP_SIGNAL = SIGUSR1,
	PAUSE_NS = 200000,
	/* 2 s. A thread that can't be interrupted gets the signal before it runs any more code: no
	 * need to wait for it. */
	PAUSES_MAX = 10000,
};

static _Atomic unsigned dropped_cnt;
static _Atomic int drop_error;

/* For the calling thread. Async-signal-safe. */
static int keep_only(uint64_t kept)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, sets) != 0)
		return -errno;
	for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
		sets[i].permitted &= (uint32_t)(kept >> 32 * i);
		sets[i].effective &= sets[i].permitted;
		sets[i].inheritable = 0;
	}
	return syscall(SYS_capset, &header, sets) == 0 ? 0 : -errno;
}

int privileges_forgo(void)
{
	return keep_only(0);
}

static void on_drop(int signal, siginfo_t *info, void *context)
{
	const int saved_errno = errno;
	int rc;

	(void)signal;
	(void)context;
	/* A signal from elsewhere is ignored. */
	if (info->si_code != SI_QUEUE || info->si_pid != getpid())
		return;
	rc = keep_only((uintptr_t)info->si_value.sival_ptr);
	if (rc != 0)
		atomic_store(&drop_error, rc);
	atomic_fetch_add(&dropped_cnt, 1);
	errno = saved_errno;
}

/* Kernel threads that io_uring keeps for a while take no signals, and run no code of ours. */
static void name_of(pid_t thread, char out[16])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/comm", thread);
	file = fopen(path, "re");
	out[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(out, 16, file) != NULL)
		out[strcspn(out, "\n")] = '\0';
	fclose(file);
}

static int tell(pid_t thread, unsigned *told_cnt)
{
	char name[16];
	siginfo_t info = {
		.si_code = SI_QUEUE,
		.si_pid = getpid(),
		.si_uid = getuid(),
	};

	name_of(thread, name);
	if (strncmp(name, "iou-", 4) == 0)
		return 0;
	if (strcmp(name, "db-segments") == 0)
		info.si_value.sival_ptr = (void *)(uintptr_t)SEGMENTS_KEEPS;
	if (syscall(SYS_rt_tgsigqueueinfo, getpid(), thread, DROP_SIGNAL, &info) != 0)
		return errno == ESRCH ? 0 : -errno;
	(*told_cnt)++;
	return 0;
}

static int tell_all(unsigned *told_cnt)
{
	const pid_t self = (pid_t)syscall(SYS_gettid);
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	int rc = 0;

	if (dir == NULL)
		return -errno;
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		const pid_t thread = (pid_t)strtol(entry->d_name, NULL, 10);

		if (thread > 0 && thread != self)
			rc = tell(thread, told_cnt);
	}
	closedir(dir);
	return rc;
}

int privileges_drop(struct error *error)
{
	const struct timespec pause = {.tv_nsec = PAUSE_NS};
	const struct sigaction action = {.sa_sigaction = on_drop,
					 .sa_flags = SA_SIGINFO | SA_RESTART};
	unsigned told_cnt = 0;
	int rc = sigaction(DROP_SIGNAL, &action, NULL) == 0 ? 0 : -errno;

	if (rc == 0)
		rc = tell_all(&told_cnt);
	for (unsigned i = 0; i < PAUSES_MAX && atomic_load(&dropped_cnt) < told_cnt; i++)
		nanosleep(&pause, NULL);
	if (rc == 0)
		rc = atomic_load(&drop_error);
	if (rc == 0)
		rc = keep_only(CONTROL_KEEPS);
	if (rc != 0)
		error_set(error,
			  "the threads can't drop their privileges: %s; allow capget, capset and "
			  "rt_tgsigqueueinfo",
			  strerror(-rc));
	return rc;
}
