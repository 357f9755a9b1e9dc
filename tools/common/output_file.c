#include "tools/common/output_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/safe_file.h"

enum {
	PRIVATE_MODE = 0600,
	PUBLIC_MODE = 0666,
	/* Others may make and remove the name between two of our calls, a few times. */
	TRIES_MAX = 100,
};

/* The number of a stream that a path names, or -1. */
static int stream_of(const char *path)
{
	static const char *const prefixes[] = {"/dev/fd/", "/proc/self/fd/"};
	char *end;

	if (strcmp(path, "/dev/stdout") == 0)
		return STDOUT_FILENO;
	if (strcmp(path, "/dev/stderr") == 0)
		return STDERR_FILENO;
	for (unsigned i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		const size_t bytes = strlen(prefixes[i]);
		unsigned long number;

		if (strncmp(path, prefixes[i], bytes) != 0 || path[bytes] < '0' ||
		    path[bytes] > '9')
			continue;
		number = strtoul(path + bytes, &end, 10);
		if (*end == '\0' && number <= 1 << 20)
			return (int)number;
	}
	return -1;
}

/* 0, or why the file of this name must not be written. */
static int check(const struct stat *info)
{
	if (S_ISLNK(info->st_mode))
		return -ELOOP;
	if (S_ISDIR(info->st_mode))
		return -EISDIR;
	if (S_ISREG(info->st_mode))
		return info->st_uid == geteuid() && info->st_nlink == 1 ? 0 : -EMLINK;
	return info->st_uid == geteuid() || info->st_uid == 0 ? 0 : -EMLINK;
}

/* Checks an opened file, and sets its mode and size. 0 or -errno. */
static int prepare(int fd, unsigned flags)
{
	struct stat info;
	int rc;

	if (fstat(fd, &info) != 0)
		return -errno;
	rc = check(&info);
	if (rc != 0 || !S_ISREG(info.st_mode))
		return rc;
	if ((flags & OUTPUT_PUBLIC) == 0 && (info.st_mode & 077) != 0 &&
	    fchmod(fd, PRIVATE_MODE) != 0)
		return -errno;
	return (flags & OUTPUT_KEEP) != 0 || ftruncate(fd, 0) == 0 ? 0 : -errno;
}

static int open_present(int dir, const char *name, unsigned flags)
{
	struct stat info;
	int rc;
	int fd;

	/* Checked before it is opened, because opening a device has effects. */
	if (fstatat(dir, name, &info, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	rc = check(&info);
	if (rc == 0 && (flags & OUTPUT_NEW) != 0 && S_ISREG(info.st_mode))
		rc = -EEXIST;
	if (rc != 0)
		return rc;
	fd = openat(dir, name, O_WRONLY | O_NOFOLLOW | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Checked again: it may be another file by now. */
	rc = prepare(fd, flags);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

static int open_in(int dir, const char *name, unsigned flags)
{
	const mode_t mode = (flags & OUTPUT_PUBLIC) != 0 ? PUBLIC_MODE : PRIVATE_MODE;
	int rc = -ENOENT;

	for (unsigned i = 0; i < TRIES_MAX && rc == -ENOENT; i++) {
		rc = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (rc >= 0 || errno != EEXIST)
			return rc >= 0 ? rc : -errno;
		rc = open_present(dir, name, flags);
	}
	return rc;
}

bool output_file_is_stream(const char *path)
{
	return stream_of(path) >= 0;
}

int output_file_open(const char *path, unsigned flags)
{
	const int stream = stream_of(path);
	const char *name;
	int dir;
	int rc;

	if (stream >= 0) {
		rc = fcntl(stream, F_DUPFD_CLOEXEC, 3);
		return rc >= 0 ? rc : -errno;
	}
	dir = safe_parent_open(path, &name);
	if (dir < 0)
		return dir;
	rc = open_in(dir, name, flags);
	close(dir);
	return rc;
}

FILE *output_file_stream(const char *path, unsigned flags)
{
	return safe_stream(output_file_open(path, flags), "w");
}
