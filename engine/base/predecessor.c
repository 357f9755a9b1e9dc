#include "engine/base/predecessor.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/log.h"
#include "engine/base/signals.h"

/* The kernel cuts a process's name at 15 characters. */
static const char NAME[] = "doorbuster-serv";

enum {
	/* From include/linux/sched.h, as /proc/PID/stat shows it: the task is in do_exit. */
	PF_EXITING = 0x4,
	PAUSE_NS = 10000000,
	TRIES_MAX = 3000,
};

static unsigned thread_cnt(const char *pid)
{
	const struct dirent *entry;
	char path[64];
	unsigned cnt = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/task", pid);
	dir = opendir(path);
	if (dir == NULL)
		return 0;
	while ((entry = readdir(dir)) != NULL)
		cnt += entry->d_name[0] != '.';
	closedir(dir);
	return cnt;
}

/* /proc/PID/stat: pid (name) state ppid pgrp session tty tpgid flags ... */
static bool is_exiting(const char *pid)
{
	char path[64];
	char line[512];
	char state = 0;
	unsigned flags = 0;
	const char *name_end;
	FILE *file;
	bool ours;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	name_end = strrchr(line, ')');
	ours = strstr(line, NAME) != NULL && name_end != NULL &&
	       sscanf(name_end + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) == 2;
	if (!ours)
		return false;
	/* A zombie that only waits for its parent holds no lock any more. */
	if (state == 'Z')
		return thread_cnt(pid) > 1;
	return state == 'X' || (flags & PF_EXITING) != 0;
}

/* SIGKILL was sent, and the task has not noticed it yet. */
static bool is_killed(const char *pid)
{
	char path[64];
	char line[128];
	uint64_t pending = 0;
	bool ours = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/status", pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL) {
		uint64_t mask;

		if (strncmp(line, "Name:\t", 6) == 0)
			ours = strncmp(line + 6, NAME, sizeof(NAME) - 1) == 0;
		else if (sscanf(line, "SigPnd: %" SCNx64, &mask) == 1 ||
			 sscanf(line, "ShdPnd: %" SCNx64, &mask) == 1)
			pending |= mask;
	}
	fclose(file);
	return ours && (pending >> (SIGKILL - 1) & 1) != 0;
}

bool predecessor_is_ending(unsigned *tries)
{
	static const struct timespec pause = {.tv_nsec = PAUSE_NS};
	static bool said;
	const struct dirent *entry;
	bool ending = false;
	DIR *dir = ++*tries < TRIES_MAX ? opendir("/proc") : NULL;

	if (dir == NULL)
		return false;
	while (!ending && (entry = readdir(dir)) != NULL) {
		const char *pid = entry->d_name;

		ending = pid[0] >= '1' && pid[0] <= '9' && (is_exiting(pid) || is_killed(pid));
	}
	closedir(dir);
	if (!ending || signals_end_pending())
		return false;
	if (!said)
		fprintf(stderr, "%swaiting for a killed doorbuster to end\n",
			log_mark(LOG_AS_WARNING));
	said = true;
	nanosleep(&pause, NULL);
	return true;
}
