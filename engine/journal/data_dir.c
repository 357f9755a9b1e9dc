#include "engine/journal/data_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/backing.h"
#include "engine/base/check.h"
#include "engine/base/predecessor.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"

#define IDENTITY_NAME     "journal"
#define IDENTITY_NEW_NAME "journal.new"
#define LOCK_NAME         "lock"

enum {
	FILE_PATH_BYTES = 800,
	/* Another start may make the lock's file and remove it again meanwhile, a few times. */
	LOCK_TRIES_MAX = 100,
	IDENTITY_BYTES_MAX = 256,
};

/* How a refusal is reported: the beginning of the line, and where the line goes. */
struct teller {
	const char *flag; /* "--data ", or "" for the tools */
	const char *path;
	struct error *error;
};

__attribute__((format(printf, 3, 4))) static int tell(const struct teller *teller, int rc,
						      const char *format, ...)
{
	va_list args;

	/* A refusal returns an error, also where it comes from errno. */
	CHECK(rc < 0);
	error_set(teller->error, "%s%s", teller->flag, teller->path);
	va_start(args, format);
	error_vadd(teller->error, format, args);
	va_end(args);
	if (rc == -EROFS)
		backing_add_read_only(teller->error, teller->path,
				      "mount it read-write, or name a directory on another; in a "
				      "container, on a volume that may be written");
	return rc;
}

void data_dir_lane_path(const struct data_dir *dir, uint16_t lane, char *out, size_t out_bytes)
{
	const int bytes = snprintf(out, out_bytes, "%s/lane-%03u", dir->path, lane);

	CHECK(lane < SHARDS_MAX);
	CHECK(bytes > 0 && (size_t)bytes < out_bytes);
}

int data_dir_open_lane(const struct data_dir *dir, uint16_t lane, struct lane_files **out,
		       struct error *error)
{
	char path[sizeof((*out)->path)];
	int rc;

	CHECK(lane < dir->shards);
	data_dir_lane_path(dir, lane, path, sizeof(path));
	rc = lane_files_open(out, path);
	if (rc != 0)
		error_set(error, "%s: %s", path, safe_strerror(rc));
	return rc;
}

static void path_in(const char *dir, const char *name, char out[FILE_PATH_BYTES])
{
	const int bytes = snprintf(out, FILE_PATH_BYTES, "%s/%s", dir, name);

	CHECK(bytes > 0 && bytes < FILE_PATH_BYTES);
}

/* Reads at most room - 1 bytes and ends them with a 0. Returns how many, or -errno. */
static ssize_t read_file(const char *path, char *out, size_t room)
{
	const int fd = safe_open(path, O_RDONLY);
	ssize_t got;

	CHECK(room > 1);
	if (fd < 0)
		return fd;
	got = read(fd, out, room - 1);
	if (got < 0)
		got = -errno;
	else
		out[got] = '\0';
	close(fd);
	return got;
}

/* 0 and the identity; -ENOENT without a line if there is none; else -errno and a line. */
static int read_identity(struct data_dir *dir, const struct teller *teller)
{
	char path[FILE_PATH_BYTES];
	char text[IDENTITY_BYTES_MAX];
	unsigned format = 0;
	unsigned shards = 0;
	int end = 0;
	ssize_t bytes;

	CHECK(dir->path[0] != '\0');
	path_in(dir->path, IDENTITY_NAME, path);
	bytes = read_file(path, text, sizeof(text));
	if (bytes == -ENOENT)
		return -ENOENT;
	if (bytes < 0)
		return tell(teller, (int)bytes, ": its identity file %s cannot be read: %s", path,
			    safe_strerror((int)bytes));
	if (sscanf(text, "doorbuster-journal %9u", &format) != 1)
		return tell(teller, -EINVAL,
			    " is no journal: %s does not begin with doorbuster-journal; name "
			    "another directory",
			    path);
	if (format > JOURNAL_FORMAT_MAX)
		return tell(teller, -ENOTSUP,
			    " has journal format %u, this doorbuster knows up to %d: use the "
			    "newer one that wrote it",
			    format, JOURNAL_FORMAT_MAX);
	if (sscanf(text, "doorbuster-journal %*u id %16" SCNx64 " shards %9u %n", &dir->journal_id,
		   &shards, &end) != 2 ||
	    end != bytes || format == 0 || dir->journal_id == 0 || shards == 0 ||
	    shards > SHARDS_MAX)
		return tell(teller, -EINVAL,
			    ": its identity file %s is damaged: put it back from "
			    "a copy",
			    path);
	dir->shards = (uint16_t)shards;
	dir->format = (uint16_t)format;
	return 0;
}

static bool is_empty_directory(const char *path)
{
	DIR *dir = safe_opendir(path);
	const struct dirent *entry;
	bool empty = true;

	if (dir == NULL)
		return false;
	while (empty && (entry = readdir(dir)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	closedir(dir);
	return empty;
}

/* Whether a name in a directory without identity is one that a start of ours leaves when it is
 * killed. */
static bool is_our_beginning(const char *path, const char *name)
{
	char inner[FILE_PATH_BYTES];

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, LOCK_NAME) == 0 ||
	    strcmp(name, IDENTITY_NEW_NAME) == 0 || strcmp(name, "lost+found") == 0)
		return true;
	path_in(path, name, inner);
	return strncmp(name, "lane-", 5) == 0 && is_empty_directory(inner);
}

/* 0 if the directory may become a journal; else -errno and a line. */
static int check_unused(const char *path, const struct teller *teller)
{
	DIR *dir = safe_opendir(path);
	const struct dirent *entry;
	int rc = 0;

	if (dir == NULL)
		return tell(teller, -errno, " cannot be read: %s", safe_strerror(-errno));
	while (rc == 0 && (entry = readdir(dir)) != NULL) {
		if (!is_our_beginning(path, entry->d_name))
			rc = tell(teller, -EINVAL,
				  " is neither empty nor a journal: it holds %s; name another "
				  "directory",
				  entry->d_name);
	}
	closedir(dir);
	return rc;
}

/* The directory itself if it is there, else the one that it would be made in. */
static int existing_path(const char *path, char out[PATH_MAX], const struct teller *teller)
{
	char *slash;

	snprintf(out, PATH_MAX, "%s", path);
	if (access(out, F_OK) == 0)
		return 0;
	for (size_t len = strlen(out); len > 1 && out[len - 1] == '/'; len--)
		out[len - 1] = '\0';
	slash = strrchr(out, '/');
	if (slash == NULL)
		snprintf(out, PATH_MAX, ".");
	else
		slash[slash == out ? 1 : 0] = '\0';
	if (access(out, W_OK | X_OK) == 0)
		return 0;
	return tell(teller, -errno, " cannot be made: %s: %s", out, strerror(errno));
}

/* Refuses what does not keep what is written. `what` is the data directory, or a lane in it. */
static int check_backing(const char *path, const char *what, bool *unseen,
			 const struct teller *teller)
{
	struct backing backing;

	/* What it is called is the end of it. */
	CHECK(strlen(what) <= strlen(path));
	backing_of_path(path, &backing);
	*unseen |= backing.kind == BACKING_UNSEEN;
	switch (backing.kind) {
	case BACKING_DISK:
	case BACKING_UNSEEN:
		return 0;
	case BACKING_MEMORY:
		return tell(teller, -ENOTSUP,
			    "%s lies in memory (%s), and a power cut would lose it: name a "
			    "directory on ext4 or XFS; in a container, on a volume",
			    what, backing.what);
	case BACKING_VOLATILE:
		return tell(teller, -ENOTSUP,
			    "%s lies on an overlay that is mounted volatile (%s): it never writes "
			    "to a disk when it is told to. Mount it without `volatile`, or name a "
			    "directory on ext4 or XFS; in a container, on a volume",
			    what, backing.point);
	case BACKING_NO_BARRIER:
		break;
	}
	return tell(
		teller, -ENOTSUP,
		"%s: %s is mounted so that its disk is never told to write what it holds in "
		"its own memory (%s without barriers), and a power cut would lose what is sold: "
		"`mount -o remount,barrier=1 %s`",
		what, backing.point, backing.what, backing.point);
}

/* A lane may be on another disk than its directory, by a mount of its own. */
static int check_lane_backings(const struct data_dir *dir, bool *unseen,
			       const struct teller *teller)
{
	const unsigned mount_id = backing_mount_id(dir->path);
	char path[FILE_PATH_BYTES];
	int rc = 0;

	CHECK(dir->shards > 0 && dir->shards <= SHARDS_MAX);
	for (uint16_t lane = 0; rc == 0 && lane < dir->shards; lane++) {
		unsigned id;

		data_dir_lane_path(dir, lane, path, sizeof(path));
		id = backing_mount_id(path);
		if (id != 0 && id != mount_id)
			rc = check_backing(path, path + strlen(dir->path), unseen, teller);
	}
	return rc;
}

/* Whether the disk is fit for a journal: it is durable, and has room for what the start makes. */
static int check_disk(struct data_dir *dir, const char *path, uint16_t shards,
		      uint64_t segment_bytes, bool is_new, const struct teller *teller)
{
	const uint64_t need_bytes = shards * (1 + SEGMENTS_AHEAD_CNT) * segment_bytes;
	char existing[PATH_MAX];
	struct statfs info;
	int rc = existing_path(path, existing, teller);

	if (rc != 0)
		return rc;
	if (statfs(existing, &info) != 0)
		return tell(teller, -errno, ": %s", strerror(errno));
	rc = check_backing(existing, "", &dir->disk_unseen, teller);
	if (rc == 0 && !is_new)
		rc = check_lane_backings(dir, &dir->disk_unseen, teller);
	if (rc != 0)
		return rc;

	const uint64_t free_bytes = (uint64_t)info.f_bavail * (uint64_t)info.f_bsize;

	/* A journal that is there has most of its segments, and the engine reports a full disk. */
	if (is_new && free_bytes < need_bytes)
		return tell(teller, -ENOSPC,
			    ": %" PRIu64 " MiB are free, --shards %u takes %" PRIu64
			    " MiB to begin, in segments of %" PRIu64
			    " MiB: free some space, or name a directory on another disk",
			    free_bytes >> 20, shards, need_bytes >> 20, segment_bytes >> 20);
	return 0;
}

/* 0 if an open file is the one that has this name now, -EAGAIN if not; other -errno if that can't
 * be found out. */
static int is_named(int fd, const char *path)
{
	struct stat open_file;
	struct stat named;

	int rc;

	CHECK(fd >= 0);
	if (fstat(fd, &open_file) != 0)
		return -errno;
	rc = safe_lstat(path, &named);
	if (rc != 0)
		return rc == -ENOENT || rc == -ELOOP ? -EAGAIN : rc;
	return open_file.st_dev == named.st_dev && open_file.st_ino == named.st_ino ? 0 : -EAGAIN;
}

/* Opens DATA/lock and locks it. -EAGAIN: another process removed the file meanwhile, try again. */
static int try_lock(struct data_dir *dir, const char *path)
{
	unsigned tries = 0;
	int rc = 0;

	/* Else the file that was opened before would stay locked. */
	CHECK(dir->lock_fd < 0);
	rc = safe_open_or_make(path, O_RDWR, &dir->made_lock);
	if (rc < 0)
		return rc == -ENOENT ? -EAGAIN : rc;
	dir->lock_fd = rc;
	/* A killed predecessor holds the lock until its process is gone. */
	do {
		rc = flock(dir->lock_fd, LOCK_EX | LOCK_NB) == 0 ? 0 : -errno;
	} while (rc == -EWOULDBLOCK && predecessor_is_ending(&tries));
	if (rc == -EWOULDBLOCK)
		return -EBUSY;
	return rc == 0 ? is_named(dir->lock_fd, path) : rc;
}

/* Takes DATA/lock. */
static int take_lock(struct data_dir *dir, const struct teller *teller)
{
	char path[FILE_PATH_BYTES];
	int rc = -EAGAIN;

	path_in(dir->path, LOCK_NAME, path);
	for (unsigned i = 0; i < LOCK_TRIES_MAX && rc == -EAGAIN; i++) {
		data_dir_close(dir);
		rc = try_lock(dir, path);
	}
	CHECK(rc != 0 || dir->lock_fd >= 0);
	if (rc == 0)
		return 0;
	if (rc == -EBUSY) {
		dir->made_lock = false;
		return tell(teller, rc,
			    " is in use by another doorbuster: stop that one, or name another "
			    "directory");
	}
	if (rc == -EAGAIN)
		return tell(
			teller, rc,
			": %s appears and disappears, or is a link to nothing: start again when "
			"no other doorbuster starts on it, and look where its links lead",
			path);
	if (rc == -EROFS)
		return tell(teller, rc, ": %s cannot be locked: %s", path, safe_strerror(rc));
	return tell(teller, rc, ": %s cannot be locked: %s; %s", path, safe_strerror(rc),
		    rc == -EMFILE || rc == -ENFILE
			    ? "raise the limit of open files (ulimit -n)"
			    : "the directory and all in it must belong to the user who runs "
			      "doorbuster");
}

/* Writes the identity under a temporary name and renames it, so that it is there whole or not at
 * all. */
static int write_identity(const struct data_dir *dir)
{
	char path[FILE_PATH_BYTES];
	char temporary[FILE_PATH_BYTES];
	char text[IDENTITY_BYTES_MAX];
	const int bytes = snprintf(text, sizeof(text),
				   "doorbuster-journal %d\nid %016" PRIx64 "\nshards %u\n",
				   dir->format, dir->journal_id, dir->shards);
	int rc = 0;

	/* Of two processes that write it at once either may win. */
	CHECK(dir->lock_fd >= 0);
	/* read_identity accepts what is written here. */
	CHECK(bytes > 0 && bytes < IDENTITY_BYTES_MAX - 1);
	CHECK(dir->format >= JOURNAL_FORMAT && dir->format <= JOURNAL_FORMAT_MAX);
	CHECK(dir->journal_id != 0 && dir->shards > 0 && dir->shards <= SHARDS_MAX);
	path_in(dir->path, IDENTITY_NAME, path);
	path_in(dir->path, IDENTITY_NEW_NAME, temporary);

	const int fd = safe_make_anew(temporary, O_WRONLY);

	if (fd < 0)
		return fd;
	errno = EIO; /* for a short write */
	if (write(fd, text, (size_t)bytes) != bytes || fsync(fd) != 0)
		rc = -errno;
	close(fd);
	if (rc == 0)
		rc = safe_rename(temporary, path);
	if (rc != 0)
		(void)safe_unlink(temporary);
	return rc == 0 ? directory_sync(dir->path) : rc;
}

int data_dir_raise_format(struct data_dir *dir, uint16_t format, struct error *error)
{
	const uint16_t was = dir->format;
	int rc;

	CHECK(dir->lock_fd >= 0);
	CHECK(format >= JOURNAL_FORMAT && format <= JOURNAL_FORMAT_MAX);
	if (was >= format)
		return 0;
	dir->format = format;
	rc = write_identity(dir);
	if (rc == 0)
		return 0;
	dir->format = was;
	return error_say(error, rc, "%s: its identity cannot be written anew: %s", dir->path,
			 strerror(-rc));
}

/* The lanes' directories are made before the identity: so one that is missing later was lost. */
static int make_lanes(const struct data_dir *dir)
{
	char path[FILE_PATH_BYTES];

	for (uint16_t lane = 0; lane < dir->shards; lane++) {
		data_dir_lane_path(dir, lane, path, sizeof(path));

		const int rc = safe_mkdir(path);

		if (rc != 0 && rc != -EEXIST)
			return rc;
	}
	return directory_sync(dir->path);
}

static void remove_lanes(const struct data_dir *dir)
{
	char path[FILE_PATH_BYTES];

	CHECK(dir->lock_fd >= 0);
	for (uint16_t lane = 0; lane < SHARDS_MAX; lane++) {
		data_dir_lane_path(dir, lane, path, sizeof(path));
		(void)safe_rmdir(path);
	}
}

static void remove_identity(const struct data_dir *dir)
{
	char path[FILE_PATH_BYTES];

	CHECK(dir->lock_fd >= 0);
	path_in(dir->path, IDENTITY_NAME, path);
	(void)safe_unlink(path);
}

/* Makes a journal in a locked directory that has none. journal_id 0: a random one. */
static int make_journal(struct data_dir *dir, uint16_t shards, uint64_t journal_id,
			const struct teller *teller)
{
	int rc;

	CHECK(dir->lock_fd >= 0);
	CHECK(!dir->made_journal);
	/* A killed start with other --shards may have left some. */
	remove_lanes(dir);
	dir->shards = shards;
	dir->format = JOURNAL_FORMAT_MAX;
	dir->journal_id = journal_id;
	while (dir->journal_id == 0) {
		errno = 0;
		if (getrandom(&dir->journal_id, sizeof(dir->journal_id), 0) !=
		    sizeof(dir->journal_id))
			return tell(teller, errno != 0 ? -errno : -EIO,
				    ": no random id for it: %s; allow getrandom",
				    strerror(errno != 0 ? errno : EIO));
	}
	rc = make_lanes(dir);
	if (rc == 0)
		rc = write_identity(dir);
	CHECK(dir->journal_id != 0 && (journal_id == 0 || dir->journal_id == journal_id));
	if (rc == 0)
		return 0;
	/* The identity may have its name, but nothing proves that the disk keeps it. */
	remove_identity(dir);
	remove_lanes(dir);
	return tell(teller, rc, ": cannot be written: %s", safe_strerror(rc));
}

/* 0, -ENOENT without a line, or a refusal. */
static int check_directory(const char *path, const struct teller *teller)
{
	const int fd = safe_dir_open(path);

	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == -ENOENT)
		return fd >= 0 ? 0 : fd;
	if (fd == -ENOTDIR)
		return tell(teller, fd, " is no directory: name another");
	return tell(teller, fd, ": %s", safe_strerror(fd));
}

/* A lane must be a directory in the data directory itself: a link could lead a tool of root
 * anywhere. */
static int check_lanes(const struct data_dir *dir, const struct teller *teller)
{
	char path[FILE_PATH_BYTES];
	struct stat info;

	for (uint16_t lane = 0; lane < dir->shards; lane++) {
		data_dir_lane_path(dir, lane, path, sizeof(path));
		if (safe_lstat(path, &info) == 0 && S_ISLNK(info.st_mode))
			return tell(teller, -ELOOP,
				    ": %s is a symbolic link, and none is followed in a data "
				    "directory: put the lane itself there, or mount (--bind) it",
				    path);
	}
	return 0;
}

/* Looks at what is there, and changes nothing. 0; -ENOENT if there is no journal yet; or a refusal.
 */
static int check_existing(struct data_dir *dir, uint16_t shards, const struct teller *teller)
{
	int rc = check_directory(dir->path, teller);

	if (rc != 0)
		return rc;
	rc = read_identity(dir, teller);
	if (rc == -ENOENT) {
		rc = check_unused(dir->path, teller);
		return rc == 0 ? -ENOENT : rc;
	}
	if (rc == 0)
		rc = check_lanes(dir, teller);
	if (rc == 0 && dir->shards != shards)
		return tell(teller, -EINVAL,
			    " was written with %u shards, --shards says %u: start with --shards "
			    "%u, or name another directory",
			    dir->shards, shards, dir->shards);
	return rc;
}

static int set_path(struct data_dir *dir, const char *path, const struct teller *teller)
{
	*dir = (struct data_dir){.lock_fd = -1};
	if (path[0] == '\0')
		return tell(teller, -EINVAL, "the empty path names no directory");
	if (strlen(path) >= sizeof(dir->path))
		return tell(teller, -ENAMETOOLONG, ": path longer than %zu bytes",
			    sizeof(dir->path) - 1);
	snprintf(dir->path, sizeof(dir->path), "%s", path);
	for (size_t bytes = strlen(path); bytes > 1 && dir->path[bytes - 1] == '/'; bytes--)
		dir->path[bytes - 1] = '\0';
	return 0;
}

/* Removes the segments of a lane of ours. Uses system calls alone, as there may be no memory left.
 * False: the lane can't be read. */
static bool remove_segments(const char *lane_path)
{
	uint64_t buffer[1024];
	const int fd = safe_dir_open(lane_path);
	char path[FILE_PATH_BYTES + NAME_MAX + 2];
	long bytes;

	if (fd < 0)
		return fd == -ENOENT;
	while ((bytes = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
		for (long at = 0; at < bytes;) {
			const struct dirent64 *entry = (void *)((uint8_t *)buffer + at);

			snprintf(path, sizeof(path), "%s/%s", lane_path, entry->d_name);
			if (strncmp(entry->d_name, "seg-", 4) == 0)
				(void)safe_unlink(path);
			at += entry->d_reclen;
		}
	}
	close(fd);
	return bytes == 0;
}

/* The order of the steps leaves, wherever they are interrupted, an empty journal or the beginning
 * of one. */
void data_dir_withdraw(struct data_dir *dir)
{
	char path[FILE_PATH_BYTES];

	/* Without the lock the directory may be another engine's. */
	CHECK(!dir->made_journal || dir->lock_fd >= 0);
	/* A lane that stayed in a directory without identity would make the next start fail. So if
	 * one must stay, all stays, and the next start goes on with it. */
	for (uint16_t lane = 0; dir->made_journal && lane < dir->shards; lane++) {
		data_dir_lane_path(dir, lane, path, sizeof(path));
		if (!remove_segments(path)) {
			data_dir_close(dir);
			return;
		}
	}
	if (dir->made_journal) {
		remove_identity(dir);
		remove_lanes(dir);
	}
	if (dir->made_lock) {
		path_in(dir->path, LOCK_NAME, path);
		(void)safe_unlink(path);
	}
	data_dir_close(dir);
	if (dir->made_dir)
		(void)safe_rmdir(dir->path);
	dir->made_journal = dir->made_lock = dir->made_dir = false;
}

static int open_dir(struct data_dir *dir, const char *path, uint16_t shards, uint64_t segment_bytes,
		    uint64_t journal_id, const struct teller *teller)
{
	int found;
	int rc = set_path(dir, path, teller);

	CHECK(shards > 0 && shards <= SHARDS_MAX);
	CHECK(segment_bytes >= SEGMENT_BYTES_MIN && segment_bytes % BLOCK_ALIGN_BYTES == 0);
	if (rc != 0)
		return rc;
	found = check_existing(dir, shards, teller);
	if (found != 0 && found != -ENOENT)
		return found;
	/* A given id means that a replay writes the journal: it may lie in memory, and no segment
	 * is made before it is needed. */
	rc = journal_id != 0
		     ? 0
		     : check_disk(dir, path, shards, segment_bytes, found == -ENOENT, teller);
	if (rc != 0)
		return rc;
	rc = safe_mkdir_own(dir->path);
	if (rc != 0 && rc != -EEXIST)
		return tell(teller, rc, " cannot be made: %s", safe_strerror(rc));
	dir->made_dir = rc == 0;
	rc = take_lock(dir, teller);
	/* Look again under the lock: another engine may have been quicker. */
	if (rc == 0) {
		found = check_existing(dir, shards, teller);
		rc = found == -ENOENT ? make_journal(dir, shards, journal_id, teller) : found;
		dir->made_journal = found == -ENOENT && rc == 0;
	}
	if (rc != 0)
		data_dir_withdraw(dir);
	CHECK((rc == 0) == (dir->lock_fd >= 0));
	CHECK(rc != 0 || (dir->shards == shards && dir->journal_id != 0));
	CHECK(!dir->made_journal || rc == 0);
	return rc;
}

int data_dir_open_sized(struct data_dir *dir, const char *path, uint16_t shards,
			uint64_t segment_bytes, struct error *error)
{
	const struct teller teller = {"--data ", path, error};

	return open_dir(dir, path, shards, segment_bytes, 0, &teller);
}

int data_dir_open(struct data_dir *dir, const char *path, uint16_t shards, struct error *error)
{
	return data_dir_open_sized(dir, path, shards, SEGMENT_BYTES, error);
}

int data_dir_open_as(struct data_dir *dir, const char *path, uint16_t shards, uint64_t journal_id,
		     struct error *error)
{
	const struct teller teller = {"--journal ", path, error};

	CHECK(journal_id != 0);
	return open_dir(dir, path, shards, SEGMENT_BYTES, journal_id, &teller);
}

/* Whether two paths lead to the same directory. */
static bool is_same_dir(const char *one, const char *two)
{
	struct stat a;
	struct stat b;

	return stat(one, &a) == 0 && stat(two, &b) == 0 && a.st_dev == b.st_dev &&
	       a.st_ino == b.st_ino;
}

int data_dir_open_copy(struct data_dir *dir, const char *path, const struct data_dir *original,
		       struct error *error)
{
	const struct teller teller = {"", path, error};
	int rc;

	CHECK(original->journal_id != 0);
	if (is_same_dir(path, original->path))
		return tell(&teller, -EINVAL,
			    " is the journal itself: name another directory for its copy");
	rc = open_dir(dir, path, original->shards, SEGMENT_BYTES, original->journal_id, &teller);
	if (rc == 0 && dir->journal_id != original->journal_id) {
		rc = tell(&teller, -EINVAL,
			  " holds journal %016" PRIx64 ", not %016" PRIx64
			  ": name another directory",
			  dir->journal_id, original->journal_id);
		data_dir_withdraw(dir);
	}
	return rc;
}

int data_dir_read(struct data_dir *dir, const char *path, struct error *error)
{
	const struct teller teller = {"", path, error};
	int rc = set_path(dir, path, &teller);

	if (rc == 0)
		rc = read_identity(dir, &teller);
	CHECK(dir->lock_fd < 0);
	if (rc == 0)
		return check_lanes(dir, &teller);
	if (rc == -ENOENT)
		return tell(&teller, -ENOENT,
			    access(path, F_OK) == 0
				    ? " is no journal: there is no file " IDENTITY_NAME " in it"
				    : " does not exist");
	return rc;
}

int data_dir_lock(struct data_dir *dir, struct error *error)
{
	const struct teller teller = {"", dir->path, error};
	const int rc = take_lock(dir, &teller);

	CHECK(!dir->made_journal && !dir->made_dir);
	if (rc != 0)
		data_dir_close(dir);
	return rc;
}

void data_dir_close(struct data_dir *dir)
{
	if (dir->lock_fd >= 0)
		close(dir->lock_fd);
	dir->lock_fd = -1;
}
