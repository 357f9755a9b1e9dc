#include "engine/repair/originals.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"

#define KEEP_PREFIX "repaired-"
#define PART_SUFFIX ".part"

enum {
	COPY_BYTES = 1 << 20,
	PATH_BYTES = 1024,
	/* So many repairs that begin in the same second find a name of their own. */
	NAMES_MAX = 1000,
};

static bool is_part(const char *name)
{
	const size_t bytes = strlen(name);

	return strncmp(name, KEEP_PREFIX, strlen(KEEP_PREFIX)) == 0 &&
	       bytes > strlen(PART_SUFFIX) &&
	       strcmp(name + bytes - strlen(PART_SUFFIX), PART_SUFFIX) == 0;
}

/* Removes what killed repairs left unfinished: the originals are all still in their lanes. */
static int remove_parts(struct originals *keep)
{
	DIR *dir = safe_opendir(keep->data_path);
	const struct dirent *entry;
	char path[PATH_BYTES];
	int rc = 0;

	if (dir == NULL)
		return -errno;
	CHECK(keep->removed == 0);
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_part(entry->d_name))
			continue;
		snprintf(path, sizeof(path), "%s/%s", keep->data_path, entry->d_name);
		rc = safe_remove_tree(path);
		keep->removed += rc == 0;
	}
	closedir(dir);
	return rc;
}

static void name_it(struct originals *keep, uint64_t now_s, unsigned nth)
{
	const time_t second = (time_t)now_s;
	char text[32];
	struct tm parts;

	CHECK(nth < NAMES_MAX);
	gmtime_r(&second, &parts);
	strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts);
	if (nth == 0)
		snprintf(keep->path, sizeof(keep->path), "%s/" KEEP_PREFIX "%s", keep->data_path,
			 text);
	else
		snprintf(keep->path, sizeof(keep->path), "%s/" KEEP_PREFIX "%s-%u", keep->data_path,
			 text, nth + 1);
	snprintf(keep->part_path, sizeof(keep->part_path), "%s" PART_SUFFIX, keep->path);
}

int originals_begin(struct originals *keep, const struct data_dir *dir, uint64_t now_s,
		    struct error *error)
{
	struct stat info;
	unsigned nth = 0;
	int rc;

	CHECK(dir->lock_fd >= 0);
	*keep = (struct originals){0};
	snprintf(keep->data_path, sizeof(keep->data_path), "%s", dir->path);
	rc = remove_parts(keep);
	do {
		name_it(keep, now_s, nth);
	} while (safe_lstat(keep->path, &info) == 0 && ++nth < NAMES_MAX);
	if (rc == 0)
		rc = safe_mkdir(keep->part_path);
	if (rc != 0)
		error_set(error,
			  "%s: the original bytes cannot be kept there: %s; nothing was changed",
			  keep->path, safe_strerror(rc));
	return rc;
}

static int copy_bytes(int from, int to, uint64_t *copied)
{
	uint8_t *buffer = aligned_alloc(4096, COPY_BYTES);
	uint64_t at = 0;
	ssize_t got = 1;
	int rc = 0;

	CHECK(buffer != NULL);
	while (rc == 0 && got > 0) {
		got = read(from, buffer, COPY_BYTES);
		if (got < 0)
			rc = -errno;
		else
			rc = file_write(to, buffer, (size_t)got, at);
		at += got > 0 ? (uint64_t)got : 0;
	}
	*copied += at;
	free(buffer);
	return rc;
}

/* Copies a file, and syncs the copy. `bytes`: what it must have. */
static int copy_file(const char *from_path, const char *to_path, uint64_t bytes, uint64_t *copied)
{
	const uint64_t before = *copied;
	const int from = safe_open_owners(from_path, O_RDONLY);
	int rc = 0;

	CHECK(strcmp(from_path, to_path) != 0);
	if (from < 0)
		return from;

	const int to = safe_make(to_path, O_WRONLY);

	if (to < 0)
		rc = to;
	if (rc == 0)
		rc = copy_bytes(from, to, copied);
	if (rc == 0 && *copied - before != bytes)
		rc = -EIO;
	if (rc == 0 && fsync(to) != 0)
		rc = -errno;
	if (to >= 0 && close(to) != 0 && rc == 0)
		rc = -errno;
	close(from);
	return rc;
}

/* Copies one file of a lane; `bytes`: what it must have. */
static int keep_file(struct originals *keep, const char *lane_path, const char *from,
		     uint64_t bytes, struct error *error)
{
	const char *name = strrchr(from, '/');
	char to[PATH_BYTES];
	int rc;

	CHECK(name != NULL);
	snprintf(to, sizeof(to), "%s%s", lane_path, name);
	rc = copy_file(from, to, bytes, &keep->bytes);
	if (rc != 0)
		error_set(error, "%s cannot be copied to %s: %s; nothing was changed%s", from, to,
			  safe_strerror(rc), rc == -ENOSPC ? ": free some space there" : "");
	return rc;
}

static int keep_checkpoints(struct originals *keep, const char *lane_path, const struct plan *plan,
			    struct error *error)
{
	char from[PATH_BYTES];
	struct stat info;
	int rc = 0;

	for (uint64_t i = 0; i < plan->aside_cnt && rc == 0; i++) {
		snprintf(from, sizeof(from), "%s/ckpt-%015" PRIu64, plan->files->path,
			 plan->aside[i]);
		if (safe_lstat(from, &info) == 0)
			rc = keep_file(keep, lane_path, from, (uint64_t)info.st_size, error);
	}
	return rc;
}

int originals_lane(struct originals *keep, const struct plan *plan, struct error *error)
{
	const struct mended_files *lane = plan->files;
	char from[SEGMENT_PATH_BYTES];
	char lane_path[SEGMENT_PATH_BYTES];
	int made;
	int rc;

	CHECK(keep->part_path[0] != '\0' && plan->files == plan->damage->files);
	snprintf(lane_path, sizeof(lane_path), "%s/lane-%03u", keep->part_path, lane->lane);
	rc = made = safe_mkdir(lane_path);
	for (uint64_t i = 0; i < lane->segment_cnt && rc == 0; i++) {
		const struct mended_segment *segment = &lane->segments[i];

		if (!plan_changes(plan, segment))
			continue;
		segment_path(lane->path, segment->number, from);
		rc = keep_file(keep, lane_path, from, segment->file_bytes, error);
	}
	if (rc == 0)
		rc = keep_checkpoints(keep, lane_path, plan, error);
	if (rc == 0) {
		rc = directory_sync(lane_path);
		if (rc != 0)
			error_set(error, "%s: %s; nothing was changed", lane_path,
				  safe_strerror(rc));
	} else if (made != 0) {
		error_set(error, "%s cannot be made: %s; nothing was changed", lane_path,
			  safe_strerror(rc));
	}
	return rc;
}

int originals_end(struct originals *keep, struct error *error)
{
	int rc = directory_sync(keep->part_path);

	CHECK(keep->part_path[0] != '\0');
	if (rc == 0)
		rc = safe_rename(keep->part_path, keep->path);
	if (rc == 0)
		rc = directory_sync(keep->data_path);
	if (rc != 0)
		error_set(error,
			  "%s: the original bytes cannot be kept there: %s; nothing was changed",
			  keep->path, safe_strerror(rc));
	return rc;
}

void originals_abandon(struct originals *keep)
{
	CHECK(keep->part_path[0] != '\0');
	(void)safe_remove_tree(keep->part_path);
}
