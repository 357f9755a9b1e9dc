/*
 * How a path to a directory is walked. The kernel is asked first for a path without any link
 * (openat2, RESOLVE_NO_SYMLINKS). Where the path has links, or the kernel can't do this, each part
 * is opened by itself, and each link is checked before it is followed.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/openat2.h>

#include "engine/base/safe_file.h"

enum {
	/* As many as the kernel follows. */
	LINKS_MAX = 40,
};

struct walk {
	int at; /* the directory reached so far */
	unsigned link_cnt;
	/* After a link that neither root nor we made: the user who must own what it leads to. */
	bool owned;
	uid_t owner;
	char rest[2 * PATH_MAX];
};

/* Continues in this directory. */
static void enter(struct walk *walk, int fd)
{
	if (walk->at >= 0)
		close(walk->at);
	walk->at = fd;
}

static int enter_start(struct walk *walk)
{
	const int fd = open(walk->rest[0] == '/' ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	enter(walk, fd);
	return 0;
}

/* Another user can give root's link a second name in any directory where that user may make files.
 */
static bool may_be_moved_here(const struct walk *walk, const struct stat *link)
{
	struct stat dir;

	return link->st_nlink > 1 && (fstat(walk->at, &dir) != 0 || (dir.st_mode & S_IWOTH) != 0 ||
				      (dir.st_uid != 0 && dir.st_uid != geteuid()));
}

/* Puts what a link says before the rest of the path. fd: the link itself, opened by O_PATH, so that
 * its owner and what it says belong together. */
static int follow(struct walk *walk, int fd, const struct stat *link)
{
	char text[2 * PATH_MAX];
	const ssize_t bytes = readlinkat(fd, "", text, PATH_MAX);
	int more;

	if (bytes < 0)
		return -errno;
	if (bytes == 0 || bytes >= PATH_MAX)
		return -ENAMETOOLONG;
	if (++walk->link_cnt > LINKS_MAX || may_be_moved_here(walk, link))
		return -ELOOP;
	if (link->st_uid != 0 && link->st_uid != geteuid()) {
		if (walk->owned && walk->owner != link->st_uid)
			return -ELOOP;
		walk->owned = true;
		walk->owner = link->st_uid;
	}
	text[bytes] = '\0';
	more = snprintf(text + bytes, sizeof(text) - (size_t)bytes, "/%s", walk->rest);
	if (more < 0 || (size_t)more >= sizeof(text) - (size_t)bytes)
		return -ENAMETOOLONG;
	memcpy(walk->rest, text, strlen(text) + 1);
	return walk->rest[0] == '/' ? enter_start(walk) : 0;
}

/* Takes the next part of the path. 1: there was none. */
static int step(struct walk *walk)
{
	const size_t slashes = strspn(walk->rest, "/");
	const size_t bytes = strcspn(walk->rest + slashes, "/");
	char name[PATH_MAX];
	struct stat info;
	int rc = 0;
	int fd;

	if (bytes == 0)
		return 1;
	if (bytes >= sizeof(name))
		return -ENAMETOOLONG;
	memcpy(name, walk->rest + slashes, bytes);
	name[bytes] = '\0';
	memmove(walk->rest, walk->rest + slashes + bytes, strlen(walk->rest + slashes + bytes) + 1);
	fd = openat(walk->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &info) != 0)
		rc = -errno;
	else if (S_ISLNK(info.st_mode))
		rc = follow(walk, fd, &info);
	else {
		enter(walk, fd);
		return 0;
	}
	close(fd);
	return rc;
}

/* The directory that was reached, as one that can be read. */
static int end(const struct walk *walk)
{
	const int fd = openat(walk->at, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat info;

	if (fd < 0)
		return -errno;
	if (!walk->owned || (fstat(fd, &info) == 0 && info.st_uid == walk->owner))
		return fd;
	close(fd);
	return -ELOOP;
}

static int walk_to(const char *path)
{
	struct walk walk = {.at = -1};
	int rc;

	if (path[0] == '\0')
		return -ENOENT;
	if (strlen(path) >= PATH_MAX)
		return -ENAMETOOLONG;
	snprintf(walk.rest, sizeof(walk.rest), "%s", path);
	rc = enter_start(&walk);
	while (rc == 0)
		rc = step(&walk);
	if (rc == 1)
		rc = end(&walk);
	if (walk.at >= 0)
		close(walk.at);
	return rc;
}

int safe_dir_open(const char *path)
{
	static const struct open_how how = {
		.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	const long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof(how));

	/* ENOSYS: Linux before 5.6; EPERM: a container's filter that does not know the call;
	 * EAGAIN: somebody renames above. */
	if (fd >= 0 || (errno != ELOOP && errno != ENOSYS && errno != EPERM && errno != EAGAIN))
		return fd >= 0 ? (int)fd : -errno;
	return walk_to(path);
}
