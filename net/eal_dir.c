#include "net/eal_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/run_dir.h"

#define NAME_BEGIN "doorbuster-eal-"
#define NAME       NAME_BEGIN "XXXXXX"
/* All that the EAL makes is in there, as dpdk/PREFIX/FILE. */
#define EAL_PART "dpdk"

enum {
	/* A socket of the EAL's in it has a path of at most 107 bytes: /dpdk/doorbuster/ and its
	 * name, with some to spare. */
	PARENT_BYTES_MAX = 107 - sizeof(NAME) - 50,
	TREE_DEPTH_MAX = 4,
	TRIES_MAX = 100,
};

static const char TEMPORARY[] = "/tmp";

/* Removes what is in an open directory, and closes its descriptor. Follows no link. */
static void remove_tree(int dir_fd, unsigned depth)
{
	DIR *dir = fdopendir(dir_fd);
	const struct dirent *entry;

	if (dir == NULL) {
		close(dir_fd);
		return;
	}
	while ((entry = readdir(dir)) != NULL) {
		const char *name = entry->d_name;
		int inner;

		if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 ||
		    unlinkat(dirfd(dir), name, 0) == 0 || depth == TREE_DEPTH_MAX)
			continue;
		inner = openat(dirfd(dir), name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (inner < 0)
			continue;
		remove_tree(inner, depth + 1);
		(void)unlinkat(dirfd(dir), name, AT_REMOVEDIR);
	}
	closedir(dir);
}

/* Removes a directory of ours with what the EAL made. If there is anything else in it, it stays. */
static void remove_one(int parent_fd, const char *name, int fd)
{
	const int inner = openat(fd, EAL_PART, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (inner >= 0)
		remove_tree(inner, 0);
	(void)unlinkat(fd, EAL_PART, AT_REMOVEDIR);
	(void)unlinkat(parent_fd, name, AT_REMOVEDIR);
}

static bool is_ours(int fd)
{
	struct stat info;

	return fstat(fd, &info) == 0 && info.st_uid == geteuid() && (info.st_mode & 07777) == 0700;
}

/* Removes what processes of this user left when they were killed. */
static void sweep(const char *parent)
{
	DIR *dir = opendir(parent);
	const struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		int fd;

		if (strncmp(entry->d_name, NAME_BEGIN, sizeof(NAME_BEGIN) - 1) != 0 ||
		    strlen(entry->d_name) != sizeof(NAME) - 1)
			continue;
		fd = openat(dirfd(dir), entry->d_name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (is_ours(fd) && flock(fd, LOCK_EX | LOCK_NB) == 0)
			remove_one(dirfd(dir), entry->d_name, fd);
		close(fd);
	}
	closedir(dir);
}

/* -EAGAIN: another process thought it was left by a killed one, and removed it. */
static int try_make(struct eal_dir *dir, const char *parent)
{
	struct stat info;
	int rc;
	int fd;

	snprintf(dir->path, sizeof(dir->path), "%s/" NAME, parent);
	if (mkdtemp(dir->path) == NULL)
		return -errno;
	fd = open(dir->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		rc = errno == ENOENT ? -EAGAIN : -errno;
		if (rc != -EAGAIN)
			(void)rmdir(dir->path);
		return rc;
	}
	if (flock(fd, LOCK_EX | LOCK_NB) == 0 && is_ours(fd) && fstat(fd, &info) == 0 &&
	    info.st_nlink > 0) {
		dir->lock_fd = fd;
		return 0;
	}
	close(fd);
	return -EAGAIN;
}

int eal_dir_make_in(struct eal_dir *dir, const char *parent, struct error *error)
{
	int rc = -ENAMETOOLONG;

	sweep(parent);
	for (unsigned i = 0; i < TRIES_MAX && strlen(parent) <= PARENT_BYTES_MAX; i++) {
		rc = try_make(dir, parent);
		if (rc != -EAGAIN)
			break;
	}
	if (rc == 0 && setenv("RUNTIME_DIRECTORY", dir->path, 1) != 0) {
		rc = -errno;
		close(dir->lock_fd);
		(void)rmdir(dir->path);
	}
	if (rc == 0)
		return 0;
	dir->path[0] = '\0';
	return error_say(error, rc,
			 "%s: cannot make a directory for DPDK's run-time files there: %s", parent,
			 strerror(-rc));
}

/* Whether a path from the environment is a directory of this user alone. */
static bool is_usable(const char *path)
{
	struct error error;
	int fd;

	/* If systemd made several, this is a list, not the name of a directory. */
	if (path == NULL || path[0] != '/')
		return false;
	fd = run_dir_open(path, false, &error);
	if (fd < 0)
		return false;
	close(fd);
	return strlen(path) <= PARENT_BYTES_MAX && run_dir_is_safe_parent(path);
}

/* In RUN_DIR. */
static int make_for_root(struct eal_dir *dir, struct error *error)
{
	int rc = -ENOENT;

	/* An engine that ends may remove RUN_DIR between the two, a few times. */
	for (unsigned i = 0; i < TRIES_MAX && rc == -ENOENT; i++) {
		rc = run_dir_open(RUN_DIR, true, error);
		if (rc < 0)
			continue;
		close(rc);
		rc = eal_dir_make_in(dir, RUN_DIR, error);
	}
	return rc;
}

static int make_for_user(struct eal_dir *dir, struct error *error)
{
	const char *const named[] = {getenv("RUNTIME_DIRECTORY"), getenv("XDG_RUNTIME_DIR")};

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		if (is_usable(named[i]) && eal_dir_make_in(dir, named[i], error) == 0)
			return 0;
	}
	return error_say(
		error, -EPERM,
		"no safe place for DPDK's run-time files: others may rename what is in %s; set "
		"XDG_RUNTIME_DIR to a directory of your own, mode 0700",
		TEMPORARY);
}

int eal_dir_make(struct eal_dir *dir, struct error *error)
{
	int rc;

	*dir = (struct eal_dir){.lock_fd = -1};
	rc = geteuid() == 0 ? make_for_root(dir, error) : make_for_user(dir, error);
	if (rc == 0 || !run_dir_is_safe_parent(TEMPORARY))
		return rc;
	return eal_dir_make_in(dir, TEMPORARY, error);
}

void eal_dir_remove(struct eal_dir *dir)
{
	char parent[EAL_DIR_BYTES];
	int parent_fd;

	if (dir->path[0] == '\0')
		return;
	snprintf(parent, sizeof(parent), "%s", dir->path);
	/* dirname cuts it in place. */
	parent_fd = open(dirname(parent), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (parent_fd >= 0) {
		remove_one(parent_fd, strrchr(dir->path, '/') + 1, dir->lock_fd);
		close(parent_fd);
	}
	close(dir->lock_fd);
	*dir = (struct eal_dir){.lock_fd = -1};
	sweep(parent);
	/* Other engines may have their directories in there. */
	run_dir_leave(RUN_DIR);
}

void eal_dir_remove_of(const char *path)
{
	struct eal_dir dir = {.lock_fd = -1};

	if (path[0] == '\0' || strlen(path) >= sizeof(dir.path))
		return;
	snprintf(dir.path, sizeof(dir.path), "%s", path);
	dir.lock_fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (dir.lock_fd >= 0 && is_ours(dir.lock_fd))
		eal_dir_remove(&dir);
	else if (dir.lock_fd >= 0)
		close(dir.lock_fd);
}
