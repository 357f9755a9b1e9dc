#include "engine/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/journal_format.h"
#include "engine/segment_file.h"

#define IDENTITY "journal"
#define LOCK     "lock"

void data_dir_lane_path(const struct data_dir *dir, uint16_t lane, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s/lane-%03u", dir->path, lane);
}

static void path_in(const struct data_dir *dir, const char *name, char *out, size_t out_bytes)
{
	snprintf(out, out_bytes, "%s/%s", dir->path, name);
}

/* True if there is nothing in the directory but perhaps our lock and a half-made identity. */
static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		return false;
	while ((entry = readdir(dir)) != NULL && empty)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
			strcmp(entry->d_name, LOCK) == 0 ||
			strcmp(entry->d_name, "lost+found") == 0 ||
			strcmp(entry->d_name, IDENTITY ".new") == 0;
	closedir(dir);
	return empty;
}

/* 0, -ENOENT if there is no identity, others with a line in error. */
static int read_identity(struct data_dir *dir, char *error, size_t error_bytes)
{
	char path[600];
	unsigned format = 0;
	unsigned shards = 0;
	FILE *file;

	path_in(dir, IDENTITY, path, sizeof(path));
	file = fopen(path, "re");
	if (file == NULL) {
		const int rc = -errno;

		snprintf(error, error_bytes, "%s: %s", path, strerror(-rc));
		return rc;
	}

	const int got = fscanf(file, "doorbuster-journal %u id %" SCNx64 " shards %u", &format,
			       &dir->journal_id, &shards);

	fclose(file);
	if (got >= 1 && format > JOURNAL_FORMAT) {
		snprintf(error, error_bytes,
			 "%s: journal format %u is newer than this doorbuster's %d; use the newer "
			 "doorbuster that wrote it",
			 path, format, JOURNAL_FORMAT);
		return -ENOTSUP;
	}
	if (got != 3 || format != JOURNAL_FORMAT || dir->journal_id == 0 || shards == 0 ||
	    shards > SHARDS_MAX) {
		snprintf(error, error_bytes,
			 "%s: not the identity of a doorbuster journal; name another directory",
			 path);
		return -EINVAL;
	}
	dir->shards = (uint16_t)shards;
	return 0;
}

static int write_identity(struct data_dir *dir, uint16_t shards)
{
	char path[600];
	char temporary[600];
	FILE *file;
	int rc = 0;

	while (dir->journal_id == 0)
		CHECK(getrandom(&dir->journal_id, sizeof(dir->journal_id), 0) ==
		      sizeof(dir->journal_id));
	dir->shards = shards;
	path_in(dir, IDENTITY, path, sizeof(path));
	path_in(dir, IDENTITY ".new", temporary, sizeof(temporary));
	file = fopen(temporary, "we");
	if (file == NULL)
		return -errno;
	fprintf(file, "doorbuster-journal %d\nid %016" PRIx64 "\nshards %u\n", JOURNAL_FORMAT,
		dir->journal_id, shards);
	if (fflush(file) != 0 || fsync(fileno(file)) != 0)
		rc = -errno;
	if (fclose(file) != 0 && rc == 0)
		rc = -errno;
	if (rc == 0 && rename(temporary, path) != 0)
		rc = -errno;
	return rc != 0 ? rc : directory_sync(dir->path);
}

/* Room for what start-up makes: each lane's first segment and those kept ready ahead. */
static int check_space(const char *path, uint16_t shards, char *error, size_t error_bytes)
{
	const uint64_t needed_bytes = shards * (1 + SEGMENTS_AHEAD_CNT) * SEGMENT_BYTES;
	struct statvfs info;

	if (statvfs(path, &info) != 0) {
		const int rc = -errno;

		snprintf(error, error_bytes, "--data %s: %s", path, strerror(-rc));
		return rc;
	}

	const uint64_t free_bytes = (uint64_t)info.f_bavail * info.f_frsize;

	if (free_bytes >= needed_bytes)
		return 0;
	snprintf(error, error_bytes,
		 "--data %s: %" PRIu64 " MiB are free, %u shards need %" PRIu64
		 " MiB to begin; free some space or name a directory on another disk",
		 path, free_bytes >> 20, shards, needed_bytes >> 20);
	return -ENOSPC;
}

static int take_lock(struct data_dir *dir, char *error, size_t error_bytes)
{
	char path[600];

	path_in(dir, LOCK, path, sizeof(path));
	dir->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (dir->lock_fd < 0) {
		const int rc = -errno;

		snprintf(error, error_bytes, "--data %s: cannot be locked: %s", dir->path,
			 strerror(-rc));
		return rc;
	}
	if (flock(dir->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		snprintf(error, error_bytes,
			 "--data %s: another doorbuster works on it; stop that one or name "
			 "another directory",
			 dir->path);
		return -EBUSY;
	}
	return 0;
}

/* What is in a directory that was there already. -ENOENT: nothing, it can become a journal. */
static int check_existing(struct data_dir *dir, uint16_t shards, char *error, size_t error_bytes)
{
	const int rc = read_identity(dir, error, error_bytes);

	if (rc == -ENOENT && !is_empty(dir->path)) {
		snprintf(error, error_bytes,
			 "--data %s: neither empty nor a doorbuster journal; name another "
			 "directory",
			 dir->path);
		return -EINVAL;
	}
	if (rc == 0 && dir->shards != shards) {
		snprintf(error, error_bytes,
			 "--data %s: written with %u shards, --shards says %u; start with --shards "
			 "%u, or name another directory",
			 dir->path, dir->shards, shards, dir->shards);
		return -EINVAL;
	}
	return rc;
}

int data_dir_open(struct data_dir *dir, const char *path, uint16_t shards, char *error,
		  size_t error_bytes)
{
	bool made = false;
	int rc = 0;

	*dir = (struct data_dir){.lock_fd = -1};
	if (strlen(path) >= sizeof(dir->path)) {
		snprintf(error, error_bytes, "--data %s: path too long", path);
		return -ENAMETOOLONG;
	}
	snprintf(dir->path, sizeof(dir->path), "%s", path);
	if (mkdir(path, 0700) == 0) {
		made = true;
	} else if (errno != EEXIST) {
		rc = -errno;
		snprintf(error, error_bytes, "--data %s: cannot be made: %s", path, strerror(-rc));
		return rc;
	}
	rc = check_existing(dir, shards, error, error_bytes);
	if (rc == -ENOENT)
		rc = check_space(path, shards, error, error_bytes);
	if (rc == 0)
		rc = take_lock(dir, error, error_bytes);
	/* Once more under the lock: another engine may have been quicker. */
	if (rc == 0)
		rc = check_existing(dir, shards, error, error_bytes);
	if (rc == -ENOENT) {
		rc = write_identity(dir, shards);
		if (rc != 0)
			snprintf(error, error_bytes, "--data %s: cannot be written: %s", path,
				 strerror(-rc));
	}
	if (rc != 0) {
		char lock[600];

		data_dir_close(dir);
		path_in(dir, LOCK, lock, sizeof(lock));
		if (made && unlink(lock) == 0)
			rmdir(path);
	}
	return rc;
}

int data_dir_read(struct data_dir *dir, const char *path, char *error, size_t error_bytes)
{
	*dir = (struct data_dir){.lock_fd = -1};
	if (strlen(path) >= sizeof(dir->path)) {
		snprintf(error, error_bytes, "%s: path too long", path);
		return -ENAMETOOLONG;
	}
	snprintf(dir->path, sizeof(dir->path), "%s", path);
	return read_identity(dir, error, error_bytes);
}

void data_dir_close(struct data_dir *dir)
{
	if (dir->lock_fd >= 0)
		close(dir->lock_fd);
	dir->lock_fd = -1;
}
