#include "engine/journal/lane_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/base/log.h"
#include "engine/base/safe_file.h"
#include "engine/base/signals.h"

enum {
	ZERO_CHUNK_BYTES = 1 << 20,
	/* The kernel's own read-ahead of 128 KiB leaves a fast disk idle most of the time. */
	READ_AHEAD_BYTES = 8 << 20,
	/* A killed engine's writes take as long as its disk: 30 s is what the kernel gives a disk.
	 */
	SETTLE_TRIES_MAX = 3000,
	SETTLE_SAY_TRIES = 100,
	SETTLE_PAUSE_NS = 10000000,
};

struct directory {
	struct lane_files files; /* first */
	int fd;                  /* of the segment read last, -1: none */
	bool direct;
	uint64_t segment;
};

static struct directory *of(struct lane_files *files)
{
	return (struct directory *)files;
}

void segment_path(const char *lane_dir, uint64_t segment, char out[SEGMENT_PATH_BYTES])
{
	const int bytes =
		snprintf(out, SEGMENT_PATH_BYTES, "%s/seg-%012" PRIu64, lane_dir, segment);

	/* A path that was cut short could be another file's. */
	CHECK(bytes > 0 && bytes < SEGMENT_PATH_BYTES);
}

int directory_sync(const char *path)
{
	const int fd = safe_dir_open(path);
	int rc = 0;

	if (fd < 0)
		return fd;
	if (fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int file_write(int fd, const void *bytes, size_t cnt, uint64_t offset)
{
	const uint8_t *at = bytes;

	CHECK(fd >= 0);
	while (cnt > 0) {
		const ssize_t got = pwrite(fd, at, cnt, (off_t)offset);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		at += got;
		cnt -= (size_t)got;
		offset += (uint64_t)got;
	}
	return 0;
}

/* True for seg- and twelve digits; false for a temporary name that was left. */
static bool parse_name(const char *name, uint64_t *segment)
{
	*segment = 0;
	if (strncmp(name, "seg-", 4) != 0 || strlen(name) != 16)
		return false;
	for (const char *at = name + 4; *at != '\0'; at++) {
		if (*at < '0' || *at > '9')
			return false;
		*segment = *segment * 10 + (uint64_t)(*at - '0');
	}
	return true;
}

static int ascending(const void *a, const void *b)
{
	const uint64_t one = *(const uint64_t *)a;
	const uint64_t two = *(const uint64_t *)b;

	return one < two ? -1 : one > two;
}

static int64_t directory_list(struct lane_files *files, uint64_t **numbers)
{
	DIR *dir = safe_opendir(files->path);
	const struct dirent *entry;
	uint64_t *found = NULL;
	int64_t cnt = 0;
	uint64_t segment;

	if (dir == NULL)
		return -errno;
	/* An error must not look like the end of the directory. */
	while (errno = 0, (entry = readdir(dir)) != NULL) {
		if (!parse_name(entry->d_name, &segment))
			continue;

		uint64_t *more = reallocarray(found, (size_t)cnt + 1, sizeof(*found));

		if (more == NULL) {
			free(found);
			closedir(dir);
			return -ENOMEM;
		}
		found = more;
		found[cnt++] = segment;
	}
	if (errno != 0)
		cnt = -errno;
	closedir(dir);
	if (cnt < 0) {
		free(found);
		return cnt;
	}
	if (found != NULL)
		qsort(found, (size_t)cnt, sizeof(*found), ascending);
	*numbers = found;
	return cnt;
}

static int open_segment(struct directory *directory, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];

	if (directory->fd >= 0 && directory->segment == segment)
		return directory->fd;
	if (directory->fd >= 0)
		close(directory->fd);
	segment_path(directory->files.path, segment, path);
	directory->fd = -1;
	if (directory->direct)
		directory->fd = safe_open(path, O_RDONLY | O_DIRECT);
	if (directory->fd < 0)
		directory->fd = safe_open(path, O_RDONLY);
	directory->segment = segment;
	return directory->fd;
}

static int64_t directory_size(struct lane_files *files, uint64_t segment)
{
	const int fd = open_segment(of(files), segment);
	struct stat info;

	if (fd < 0)
		return fd;
	return fstat(fd, &info) == 0 ? (int64_t)info.st_size : -errno;
}

static int64_t directory_read(struct lane_files *files, uint64_t segment, void *buffer,
			      size_t bytes, uint64_t offset)
{
	const int fd = open_segment(of(files), segment);
	size_t done = 0;

	/* O_DIRECT requires it. */
	CHECK((uintptr_t)buffer % BLOCK_ALIGN_BYTES == 0);
	if (fd < 0)
		return fd;
	/* Only advice: the disk reads on while the caller looks at these bytes. */
	if (!of(files)->direct)
		(void)posix_fadvise(fd, (off_t)(offset + bytes), READ_AHEAD_BYTES,
				    POSIX_FADV_WILLNEED);
	while (done < bytes) {
		const ssize_t got =
			pread(fd, (uint8_t *)buffer + done, bytes - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return (int64_t)done;
}

/*
 * The kernel ends a killed engine's requests after the engine: the engine's lock is free while a
 * write may still reach the disk. A writer holds a lock on each segment, too, and the request
 * itself keeps that one.
 */
static int directory_settle(struct lane_files *files, uint64_t segment)
{
	static const struct timespec pause = {.tv_nsec = SETTLE_PAUSE_NS};
	char path[SEGMENT_PATH_BYTES];
	int rc = -EBUSY;

	segment_path(files->path, segment, path);

	const int fd = safe_open(path, O_RDONLY);

	if (fd < 0)
		return fd;
	for (unsigned i = 0; i < SETTLE_TRIES_MAX && rc == -EBUSY; i++) {
		if (i == SETTLE_SAY_TRIES)
			fprintf(stderr, "%s%s: waiting for the last writes to it to end\n",
				log_mark(LOG_AS_WARNING), path);
		if (signals_end_pending())
			rc = -EINTR;
		else if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			rc = 0;
		else if (errno != EWOULDBLOCK)
			rc = -errno;
		else
			nanosleep(&pause, NULL);
	}
	close(fd);
	return rc;
}

static int zero_to(int fd, uint64_t offset, uint64_t end)
{
	static const uint8_t zeros[ZERO_CHUNK_BYTES];

	int rc = 0;

	CHECK(fd >= 0);
	while (offset < end && rc == 0) {
		const uint64_t left = end - offset;
		const size_t chunk = left < sizeof(zeros) ? left : sizeof(zeros);

		rc = file_write(fd, zeros, chunk, offset);
		offset += chunk;
	}
	return rc;
}

static int directory_zero(struct lane_files *files, uint64_t segment, uint64_t offset)
{
	char path[SEGMENT_PATH_BYTES];
	struct stat info;
	int rc = 0;

	segment_path(files->path, segment, path);

	const int fd = safe_open(path, O_WRONLY);

	if (fd < 0)
		return fd;
	if (fstat(fd, &info) != 0)
		rc = -errno;
	if (rc == 0)
		rc = zero_to(fd, offset, (uint64_t)info.st_size);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	/* The writer goes past the page cache; pages that stay there would only slow it down. */
	if (rc == 0)
		(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
	close(fd);
	return rc;
}

static int renew_all(int fd, uint8_t *bytes, uint64_t at, uint64_t to)
{
	CHECK(fd >= 0 && at <= to);
	while (at < to) {
		const uint64_t left = to - at;
		const ssize_t got = pread(
			fd, bytes, left < BLOCK_BYTES_MAX ? left : BLOCK_BYTES_MAX, (off_t)at);
		const ssize_t put = got > 0 ? pwrite(fd, bytes, (size_t)got, (off_t)at) : got;

		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return put < 0 ? -errno : -EIO;
		at += (uint64_t)put;
	}
	return 0;
}

static int directory_renew(struct lane_files *files, uint64_t segment, uint64_t from, uint64_t to)
{
	uint8_t *bytes = malloc(BLOCK_BYTES_MAX);
	char path[SEGMENT_PATH_BYTES];
	int fd;
	int rc;

	if (bytes == NULL)
		return -ENOMEM;
	segment_path(files->path, segment, path);
	fd = safe_open(path, O_RDWR);
	rc = fd < 0 ? fd : renew_all(fd, bytes, from, to);
	if (fd >= 0)
		close(fd);
	free(bytes);
	return rc;
}

static int directory_remove(struct lane_files *files, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];

	segment_path(files->path, segment, path);

	const int rc = safe_unlink(path);

	return rc == 0 ? directory_sync(files->path) : rc;
}

static void directory_close(struct lane_files *files)
{
	if (of(files)->fd >= 0)
		close(of(files)->fd);
	free(files);
}

static const struct lane_files_ops directory_ops = {
	.list = directory_list,
	.size = directory_size,
	.read = directory_read,
	.settle = directory_settle,
	.zero = directory_zero,
	.renew = directory_renew,
	.remove = directory_remove,
	.close = directory_close,
};

int lane_files_open(struct lane_files **out, const char *lane_dir)
{
	struct directory *directory = calloc(1, sizeof(*directory));

	if (directory == NULL)
		return -ENOMEM;
	CHECK(strlen(lane_dir) < sizeof(directory->files.path));
	directory->files.ops = &directory_ops;
	snprintf(directory->files.path, sizeof(directory->files.path), "%s", lane_dir);
	directory->fd = -1;
	*out = &directory->files;
	return 0;
}

int lane_files_open_direct(struct lane_files **out, const char *lane_dir)
{
	const int rc = lane_files_open(out, lane_dir);

	if (rc == 0)
		of(*out)->direct = true;
	return rc;
}
