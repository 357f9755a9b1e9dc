#include "net/run_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/backing.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static const mode_t OTHERS_WRITE = S_IWGRP | S_IWOTH;

/* Whether an open directory is ours alone. With `mend`, a mode that lets others read is corrected.
 */
static int check_owner(int fd, const char *path, bool mend, struct error *error)
{
	struct stat info;

	if (fstat(fd, &info) != 0) {
		const int rc = -errno;

		return error_say(error, rc, "%s: %s", path, strerror(-rc));
	}
	if (info.st_uid != geteuid()) {
		return error_say(error, -EPERM,
				 "%s belongs to user %u, but user %u runs this: remove it, or "
				 "start as its owner",
				 path, info.st_uid, geteuid());
	}
	if ((info.st_mode & OTHERS_WRITE) != 0) {
		return error_say(
			error, -EPERM,
			"%s: other users may write in it (mode %04o), so nothing there can be "
			"trusted: remove it, the start makes it again",
			path, info.st_mode & 07777);
	}
	if (mend && (info.st_mode & 07777) != 0700 && fchmod(fd, 0700) != 0) {
		const int rc = -errno;

		return error_say(error, rc, "%s: its mode can't be made 0700: %s", path,
				 strerror(-rc));
	}
	return 0;
}

static int refuse_open(const char *path, int rc, struct error *error)
{
	/* What O_NOFOLLOW with O_DIRECTORY returns for a link. */
	if (rc == -ELOOP || rc == -ENOTDIR) {
		return error_say(
			error, -EPERM,
			"%s is a link or not a directory: remove it, the start makes it again",
			path);
	}
	if (rc == -EROFS) {
		error_set(error, "%s: %s", path, strerror(-rc));
		backing_add_read_only(error, path,
				      "mount a tmpfs at /run (docker run --tmpfs /run, an emptyDir "
				      "in Kubernetes)");
		return rc;
	}
	return error_say(
		error, rc,
		"%s: %s; make it with `install -d -m 0700 -o %u %s`, or use --port memif:SOCKET",
		path, strerror(-rc), geteuid(), path);
}

int run_dir_open(const char *path, bool make, struct error *error)
{
	int fd;
	int rc;

	/* If something has this name already, it is checked below. */
	if (make && mkdir(path, 0700) != 0 && errno != EEXIST)
		return refuse_open(path, -errno, error);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		rc = -errno;
		/* None is no failure for callers that only look. */
		return rc == -ENOENT && !make ? rc : refuse_open(path, rc, error);
	}
	rc = check_owner(fd, path, make, error);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

int run_dir_check(const char *path, struct error *error)
{
	char parent[PATH_MAX];
	int rc = run_dir_open(path, false, error);

	if (rc >= 0) {
		close(rc);
		/* For instance on a file system that became read-only. */
		return access(path, W_OK | X_OK) == 0 ? 0 : refuse_open(path, -errno, error);
	}
	if (rc != -ENOENT)
		return rc;
	snprintf(parent, sizeof(parent), "%s", path);
	if (access(dirname(parent), W_OK | X_OK) == 0)
		return 0;
	return refuse_open(path, -errno, error);
}

void run_dir_leave(const char *path)
{
	struct error error;
	const int fd = run_dir_open(path, false, &error);

	if (fd < 0)
		return;
	close(fd);
	(void)rmdir(path);
}

bool run_dir_is_safe_parent(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISDIR(info.st_mode) &&
	       (info.st_uid == 0 || info.st_uid == geteuid()) &&
	       ((info.st_mode & OTHERS_WRITE) == 0 || (info.st_mode & S_ISVTX) != 0) &&
	       access(path, W_OK | X_OK) == 0;
}

uint64_t run_dir_namespace(void)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return 0;
	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &bytes) != 0)
		cookie = 0;
	close(fd);
	return cookie;
}
