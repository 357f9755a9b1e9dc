#include "tools/journal/positions.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/safe_file.h"
#include "tools/common/cursor.h"

static const char PREFIX[] = "downstream-";

/* The relay's name, or NULL: a lock, or a file that is being replaced. */
static const char *relay_of(const char *file)
{
	const char *name = file + strlen(PREFIX);

	if (strncmp(file, PREFIX, strlen(PREFIX)) != 0 || strchr(name, '.') != NULL ||
	    name[0] == '\0' || strlen(name) >= POSITION_NAME_BYTES)
		return NULL;
	return name;
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

		if (positions->cnt > 0 && position->lsn <= lsn)
			continue;
		position->lsn = lsn;
		position->budget_bytes = cursor.budget_bytes;
		snprintf(position->name, sizeof(position->name), "%s", name);
	}
	positions->cnt++;
	return 0;
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
		const char *name = relay_of(entry->d_name);

		if (name != NULL)
			rc = add(positions, dir, name, error);
	}
	closedir(entries);
	return rc;
}
