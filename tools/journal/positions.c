#include "tools/journal/positions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/safe_file.h"
#include "tools/common/cursor.h"

static const char PREFIX[] = "downstream-";

/* The relay's name, from the name of its position (suffix "") or of its lock (".lock"). */
static bool relay_of(const char *file, const char *suffix, char name[POSITION_NAME_BYTES])
{
	const char *begin = file + strlen(PREFIX);
	size_t bytes;

	if (strncmp(file, PREFIX, strlen(PREFIX)) != 0)
		return false;
	bytes = strcspn(begin, ".");
	if (bytes == 0 || bytes >= POSITION_NAME_BYTES || strcmp(begin + bytes, suffix) != 0)
		return false;
	snprintf(name, POSITION_NAME_BYTES, "%.*s", (int)bytes, begin);
	return true;
}

static int add(struct positions *positions, const struct data_dir *dir, const char *name,
	       struct error *error)
{
	static struct cursor cursor; /* big */
	char path[PATH_MAX];
	int rc;

	snprintf(path, sizeof(path), "%s/%s%s", dir->path, PREFIX, name);
	rc = cursor_load(&cursor, path, error);
	/* Removed meanwhile by --forget. */
	if (rc == -ENOENT)
		return 0;
	if (rc != 0)
		return rc;
	if (cursor.journal_id != dir->journal_id || cursor.lanes != dir->shards)
		return error_say(error, -EINVAL, "%s is of another journal: remove it", path);
	for (uint16_t lane = 0; lane < dir->shards; lane++) {
		struct position *position = &positions->lane[lane];
		const uint64_t next_lsn = cursor.lane[lane].mark.next_lsn;
		const uint64_t lsn = next_lsn > 0 ? next_lsn - 1 : 0;

		if (positions->cnt > 0 && (position->waiting || position->lsn <= lsn))
			continue;
		position->lsn = lsn;
		position->budget_bytes = cursor.budget_bytes;
		position->waiting = false;
		snprintf(position->name, sizeof(position->name), "%s", name);
		snprintf(position->address, sizeof(position->address), "%s", cursor.address);
	}
	positions->cnt++;
	return 0;
}

/* A relay that runs has its lock. Without a position nobody knows what its downstream has. */
static void add_waiting(struct positions *positions, const struct data_dir *dir, const char *name)
{
	struct stat info;
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof(path), "%s/%s%s", dir->path, PREFIX, name);
	if (safe_lstat(path, &info) == 0)
		return;
	snprintf(path, sizeof(path), "%s/%s%s.lock", dir->path, PREFIX, name);
	fd = safe_open(path, O_RDONLY);
	if (fd < 0)
		return;
	if (flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		for (uint16_t lane = 0; lane < dir->shards; lane++) {
			positions->lane[lane] = (struct position){.waiting = true};
			snprintf(positions->lane[lane].name, POSITION_NAME_BYTES, "%s", name);
		}
		positions->cnt++;
	}
	close(fd);
}

int positions_load(struct positions *positions, const struct data_dir *dir, struct error *error)
{
	DIR *entries = safe_opendir(dir->path);
	const struct dirent *entry;
	int rc = 0;

	memset(positions, 0, sizeof(*positions));
	if (entries == NULL)
		return error_say(error, -errno, "%s: %s", dir->path, safe_strerror(-errno));
	while (rc == 0 && (entry = readdir(entries)) != NULL) {
		char name[POSITION_NAME_BYTES];

		if (relay_of(entry->d_name, "", name))
			rc = add(positions, dir, name, error);
		else if (relay_of(entry->d_name, ".lock", name))
			add_waiting(positions, dir, name);
	}
	closedir(entries);
	return rc;
}
