#include "net/lock_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/predecessor.h"

enum {
	/* Another start may be looking at the lock just now. */
	GLANCES_MAX = 5,
	GLANCE_NS = 10000000,
};

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int try_lock(int dir_fd, const char *path, int open_flags, int operation)
{
	for (;;) {
		const int fd =
			openat(dir_fd, path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | open_flags, 0600);
		struct stat held;
		struct stat there;
		int rc = 0;

		if (fd < 0)
			return -errno;
		if (fstat(fd, &held) != 0 || flock(fd, operation | LOCK_NB) != 0)
			rc = -errno;
		else if (!S_ISREG(held.st_mode) || held.st_size != 0)
			rc = -EEXIST;
		else if (fstatat(dir_fd, path, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
			 same_file(&held, &there))
			return fd;
		close(fd);
		if (rc != 0)
			return rc;
		/* Its holder removed the file before we had the lock: this lock is worth nothing
		 * now. */
	}
}

int lock_file_take(int dir_fd, const char *path, int open_flags, int operation)
{
	static const struct timespec glance = {.tv_nsec = GLANCE_NS};
	unsigned tries = 0;
	int rc;

	while ((rc = try_lock(dir_fd, path, open_flags, operation)) == -EWOULDBLOCK) {
		if (predecessor_is_ending(&tries))
			continue;
		if (tries > GLANCES_MAX)
			break;
		nanosleep(&glance, NULL);
	}
	return rc;
}
