#include "net/socket_owner.h"

#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool has_socket(const char *pid, const char *link)
{
	char path[64];
	char text[64];
	const struct dirent *entry;
	bool found = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%.20s/fd", pid);
	dir = opendir(path);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		const ssize_t bytes = readlinkat(dirfd(dir), entry->d_name, text, sizeof(text) - 1);

		text[bytes > 0 ? bytes : 0] = '\0';
		found = strcmp(text, link) == 0;
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}

static void name_of(const char *pid, char out[32])
{
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/comm", pid);
	file = fopen(path, "re");
	if (file == NULL || fgets(out, 32, file) == NULL)
		snprintf(out, 32, "?");
	out[strcspn(out, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
}

bool socket_owner_find(uint64_t inode, struct socket_owner *out)
{
	char link[48];
	const struct dirent *entry;
	DIR *dir = opendir("/proc");
	bool found = false;

	snprintf(link, sizeof(link), "socket:[%" PRIu64 "]", inode);
	while (dir != NULL && !found && (entry = readdir(dir)) != NULL) {
		const char *pid = entry->d_name;

		if (pid[0] < '1' || pid[0] > '9' || !has_socket(pid, link))
			continue;
		found = true;
		out->pid = (pid_t)strtol(pid, NULL, 10);
		name_of(pid, out->name);
	}
	if (dir != NULL)
		closedir(dir);
	return found;
}
