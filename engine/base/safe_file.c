#include "engine/base/safe_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/check.h"

enum {
	/* Others may make and remove the name between two of our calls, a few times. */
	OPEN_TRIES_MAX = 100,
	/* Our trees are two directories deep. */
	TREE_DEPTH_MAX = 8,
};

/* The directory of a path, and the name in it. */
struct place {
	int dir;
	const char *name;
	struct stat owner; /* of the directory */
};

int safe_parent_open(const char *path, const char **name)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	*name = slash == NULL ? path : slash + 1;
	/* These names would be the directory itself, or the one above it. */
	if ((*name)[0] == '\0' || strcmp(*name, ".") == 0 || strcmp(*name, "..") == 0)
		return path[0] == '\0' ? -ENOENT : -EISDIR;
	if (slash == NULL)
		return safe_dir_open(".");
	if (slash == path)
		return safe_dir_open("/");
	if ((size_t)(slash - path) >= sizeof(parent))
		return -ENAMETOOLONG;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = '\0';
	return safe_dir_open(parent);
}

static int place_open(struct place *place, const char *path)
{
	place->dir = safe_parent_open(path, &place->name);
	if (place->dir < 0)
		return place->dir;
	if (fstat(place->dir, &place->owner) == 0)
		return 0;

	const int rc = -errno;

	close(place->dir);
	return rc;
}

/* True: from here on this thread works on files as the owner of the directory. Only root can do
 * this, and only root needs it; where root may not, the result is false. */
static bool become_owner(const struct stat *owner)
{
	if (geteuid() != 0 || owner->st_uid == 0)
		return false;
	(void)setfsgid(owner->st_gid);
	(void)setfsuid(owner->st_uid);
	if ((uid_t)setfsuid((uid_t)-1) == owner->st_uid)
		return true;
	(void)setfsgid(getegid());
	return false;
}

static void become_self(bool became)
{
	const int error = errno;

	if (became) {
		(void)setfsuid(geteuid());
		(void)setfsgid(getegid());
		CHECK((uid_t)setfsuid((uid_t)-1) == geteuid());
	}
	errno = error;
}

static bool others_write(const struct stat *dir)
{
	return (dir->st_mode & (S_IWGRP | S_IWOTH)) != 0;
}

/* Whether this file may be used in a directory of this owner. */
static int check_file(const struct stat *info, const struct stat *owner, bool owners_only)
{
	const uid_t self = geteuid();

	if (S_ISLNK(info->st_mode))
		return -ELOOP;
	if (!S_ISREG(info->st_mode))
		return S_ISDIR(info->st_mode) ? -EISDIR : -EMEDIUMTYPE;
	/* Nobody else can put names there. */
	if (owner->st_uid == self && (self != 0 || !others_write(owner)))
		return 0;
	/* The file is ours, but has a second name, which may be anywhere. */
	if (info->st_uid == self)
		return info->st_nlink > 1 || (owners_only && owner->st_uid != self) ? -EMLINK : 0;
	/* Root may open a file that neither user could have given to the other. */
	return self != 0 || owner->st_uid == 0 || info->st_uid == owner->st_uid ? 0 : -EMLINK;
}

static int open_at(const struct place *place, int flags, bool owners_only)
{
	struct stat info;
	int mode;
	int rc;
	int fd;

	/* The file is checked before it is opened, to report what it is, and because opening a
	 * device has effects. It is checked again afterwards, because it may be another file by
	 * then. O_NONBLOCK: opening a pipe must not wait. */
	if (fstatat(place->dir, place->name, &info, AT_SYMLINK_NOFOLLOW) != 0)
		return -errno;
	rc = check_file(&info, &place->owner, owners_only);
	if (rc != 0)
		return rc;
	fd = openat(place->dir, place->name, flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	rc = fstat(fd, &info) == 0 ? check_file(&info, &place->owner, owners_only) : -errno;
	/* With O_NONBLOCK io_uring would fail where it has to wait. */
	mode = rc == 0 ? fcntl(fd, F_GETFL) : 0;
	if (rc == 0 && (mode < 0 || fcntl(fd, F_SETFL, mode & ~O_NONBLOCK) != 0))
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* Gives away a file that root made in a directory of another user, where root may not act as that
 * user. If root may not give it away either, only root can read it. */
static void give(int fd, const struct stat *owner)
{
	if (geteuid() == 0 && owner->st_uid != 0)
		(void)!fchown(fd, owner->st_uid, owner->st_gid);
}

static int make_at(const struct place *place, int flags)
{
	const bool became = become_owner(&place->owner);
	const int fd = openat(place->dir, place->name,
			      flags | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	const int rc = fd < 0 ? -errno : fd;

	become_self(became);
	if (fd >= 0 && !became)
		give(fd, &place->owner);
	return rc;
}

static int remove_at(const struct place *place, int flags)
{
	const bool became = become_owner(&place->owner);
	const int rc = unlinkat(place->dir, place->name, flags) == 0 ? 0 : -errno;

	become_self(became);
	return rc;
}

static int open_path(const char *path, int flags, bool owners_only)
{
	struct place place;
	int rc = place_open(&place, path);

	if (rc != 0)
		return rc;
	rc = open_at(&place, flags, owners_only);
	close(place.dir);
	return rc;
}

int safe_open(const char *path, int flags)
{
	return open_path(path, flags, false);
}

int safe_open_owners(const char *path, int flags)
{
	return open_path(path, flags, true);
}

int safe_make(const char *path, int flags)
{
	struct place place;
	int rc = place_open(&place, path);

	if (rc != 0)
		return rc;
	rc = make_at(&place, flags);
	close(place.dir);
	return rc;
}

int safe_make_anew(const char *path, int flags)
{
	struct place place;
	int rc = place_open(&place, path);

	if (rc != 0)
		return rc;
	rc = remove_at(&place, 0);
	if (rc == 0 || rc == -ENOENT)
		rc = make_at(&place, flags);
	close(place.dir);
	return rc;
}

int safe_open_or_make(const char *path, int flags, bool *made)
{
	struct place place;
	int rc = place_open(&place, path);

	if (made != NULL)
		*made = false;
	if (rc != 0)
		return rc;
	rc = -EEXIST;
	for (unsigned i = 0; i < OPEN_TRIES_MAX && rc == -EEXIST; i++) {
		rc = open_at(&place, flags, false);
		if (rc != -ENOENT)
			break;
		rc = make_at(&place, flags);
		if (made != NULL)
			*made = rc >= 0;
	}
	close(place.dir);
	return rc;
}

int safe_make_private(const char *path)
{
	const int fd = safe_open(path, O_RDONLY);
	struct stat info;
	int rc = 0;

	if (fd < 0)
		return fd;
	if (fstat(fd, &info) != 0 ||
	    ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0 && fchmod(fd, info.st_mode & S_IRWXU) != 0))
		rc = -errno;
	close(fd);
	return rc;
}

FILE *safe_stream(int fd, const char *mode)
{
	FILE *file = fd >= 0 ? fdopen(fd, mode) : NULL;

	if (file != NULL)
		return file;
	if (fd >= 0)
		close(fd);
	errno = fd < 0 ? -fd : ENOMEM;
	return NULL;
}

FILE *safe_fopen(const char *path)
{
	return safe_stream(safe_open(path, O_RDONLY), "r");
}

FILE *safe_fmake_anew(const char *path)
{
	return safe_stream(safe_make_anew(path, O_WRONLY), "w");
}

int safe_rename(const char *from, const char *to)
{
	const char *to_slash = strrchr(to, '/');
	const char *to_name = to_slash == NULL ? to : to_slash + 1;
	struct place place;
	bool became;
	int rc = place_open(&place, from);

	if (rc != 0)
		return rc;
	CHECK(to_name - to == place.name - from && strncmp(from, to, (size_t)(to_name - to)) == 0);
	became = become_owner(&place.owner);
	rc = renameat(place.dir, place.name, place.dir, to_name) == 0 ? 0 : -errno;
	become_self(became);
	close(place.dir);
	return rc;
}

static int remove_path(const char *path, int flags)
{
	struct place place;
	int rc = place_open(&place, path);

	if (rc != 0)
		return rc;
	rc = remove_at(&place, flags);
	close(place.dir);
	return rc;
}

int safe_unlink(const char *path)
{
	return remove_path(path, 0);
}

int safe_bind(int socket_fd, int dir_fd, const char *name)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const int bytes = snprintf(address.sun_path, sizeof(address.sun_path),
				   "/proc/self/fd/%d/%s", dir_fd, name);
	struct stat owner;

	if (bytes < 0 || (size_t)bytes >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	/* bind takes the mode of the name from here, so it is right from the first moment. */
	if (fstat(dir_fd, &owner) != 0 || fchmod(socket_fd, 0600) != 0)
		return -errno;

	const bool became = become_owner(&owner);
	const int rc = bind(socket_fd, (const struct sockaddr *)&address, sizeof(address)) == 0
			       ? 0
			       : -errno;

	become_self(became);
	return rc;
}

int safe_rmdir(const char *path)
{
	return remove_path(path, AT_REMOVEDIR);
}

static int make_dir(const char *path, bool own)
{
	struct place place;
	bool became;
	int rc = place_open(&place, path);

	/* "." and "/" exist. */
	if (rc != 0)
		return rc == -EISDIR ? -EEXIST : rc;
	became = !own && become_owner(&place.owner);
	rc = mkdirat(place.dir, place.name, 0700) == 0 ? 0 : -errno;
	become_self(became);
	close(place.dir);
	return rc;
}

int safe_mkdir(const char *path)
{
	return make_dir(path, false);
}

int safe_mkdir_own(const char *path)
{
	return make_dir(path, true);
}

static int remove_names(DIR *names, unsigned depth);

/* Removes what is in the directory of this name. */
static int remove_inner(int parent, const char *name, unsigned depth)
{
	DIR *names;
	int rc;
	int fd;

	if (depth > TREE_DEPTH_MAX)
		return -ENOTEMPTY;
	fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	names = fdopendir(fd);
	if (names == NULL) {
		close(fd);
		return -ENOMEM;
	}
	rc = remove_names(names, depth);
	closedir(names);
	return rc;
}

/* Removes a file, a link, or a directory and all in it. */
static int remove_any(const struct place *place, unsigned depth)
{
	int rc = remove_at(place, 0);

	if (rc != -EISDIR)
		return rc;
	rc = remove_inner(place->dir, place->name, depth + 1);
	return rc == 0 ? remove_at(place, AT_REMOVEDIR) : rc;
}

static int remove_names(DIR *names, unsigned depth)
{
	struct place place = {.dir = dirfd(names)};
	const struct dirent *entry;
	int rc = fstat(place.dir, &place.owner) == 0 ? 0 : -errno;

	while (rc == 0 && (entry = readdir(names)) != NULL) {
		place.name = entry->d_name;
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			rc = remove_any(&place, depth);
	}
	return rc;
}

int safe_remove_tree(const char *path)
{
	struct place place;
	int rc = place_open(&place, path);

	if (rc != 0)
		return rc;
	rc = remove_any(&place, 0);
	close(place.dir);
	return rc;
}

int safe_lstat(const char *path, struct stat *out)
{
	struct place place;
	int rc = place_open(&place, path);

	if (rc != 0)
		return rc;
	rc = fstatat(place.dir, place.name, out, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : -errno;
	close(place.dir);
	return rc;
}

DIR *safe_opendir(const char *path)
{
	const int fd = safe_dir_open(path);
	DIR *names = fd >= 0 ? fdopendir(fd) : NULL;

	if (names == NULL && fd >= 0)
		close(fd);
	if (fd < 0)
		errno = -fd;
	return names;
}

const char *safe_strerror(int rc)
{
	switch (rc) {
	case -ELOOP:
		return "it is a symbolic link, or its path has one of another user, and such links "
		       "are not followed: look who made it, then remove it or put what it leads to "
		       "in its place";
	case -EMEDIUMTYPE:
		return "it is not a regular file: look who made it, then remove it";
	case -EMLINK:
		return "it belongs to somebody else, or has a second name elsewhere (a hard "
		       "link), and is not touched: look who made it, then remove it";
	default:
		return strerror(-rc);
	}
}
