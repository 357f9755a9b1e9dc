#include "tools/capture/old_rotation.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/safe_file.h"

enum {
	DIGITS_MIN = 5,
};

/* As libpcap writes it for nanoseconds. */
static const uint32_t PCAP_MAGIC_NS = 0xa1b23c4d;

/* What is done with each file of the rotation: 0 to go on. */
typedef int visit_fn(int dir, const char *name, void *context);

static bool is_of_rotation(const char *name, const char *base)
{
	const size_t bytes = strlen(base);
	const char *digits = name + bytes + 1;

	return strncmp(name, base, bytes) == 0 && name[bytes] == '.' &&
	       strlen(digits) >= DIGITS_MIN && strspn(digits, "0123456789") == strlen(digits);
}

/* A capture, or one that was ended before its header. Others' files may have such names. */
static bool may_be_capture(int dir, const char *name)
{
	const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	uint32_t magic = 0;
	ssize_t bytes;

	if (fd < 0)
		return true;
	bytes = read(fd, &magic, sizeof(magic));
	close(fd);
	return bytes == 0 || (bytes == sizeof(magic) && magic == PCAP_MAGIC_NS);
}

static int visit_all(int dir, const char *base, visit_fn *visit, void *context)
{
	/* Of its own, as closedir closes it. */
	const int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int rc = 0;

	if (directory == NULL) {
		rc = -errno;
		if (fd >= 0)
			close(fd);
		return rc;
	}
	while (rc == 0 && (entry = readdir(directory)) != NULL) {
		if (is_of_rotation(entry->d_name, base))
			rc = visit(dir, entry->d_name, context);
	}
	closedir(directory);
	return rc;
}

static int count(int dir, const char *name, void *context)
{
	(void)dir;
	(void)name;
	(*(uint64_t *)context)++;
	return 0;
}

/* -EBUSY, if a capture has it locked. */
static int check_unused(int dir, const char *name, void *context)
{
	const int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int rc = 0;

	(void)context;
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
		rc = -EBUSY;
	close(fd);
	return rc;
}

/* -ENOTUNIQ, if a file of such a name is no capture: its own name is left in context. */
static int check_ours(int dir, const char *name, void *context)
{
	if (may_be_capture(dir, name))
		return 0;
	snprintf(context, NAME_MAX + 1, "%s", name);
	return -ENOTUNIQ;
}

static int remove_one(int dir, const char *name, void *context)
{
	(void)context;
	return unlinkat(dir, name, 0) == 0 || errno == ENOENT ? 0 : -errno;
}

static int complain(const char *path, int rc, uint64_t cnt, struct error *error)
{
	if (rc == -EBUSY)
		error_set(error, "--write %s: another capture writes such files; name another",
			  path);
	else if (rc == -EEXIST)
		error_set(error,
			  "--write %s: %" PRIu64 " files of an earlier rotation are there "
			  "(%s.00001 ...), which would be mixed with the new ones; name another, "
			  "or --force removes them",
			  path, cnt, path);
	else
		error_set(error, "--write %s: %s", path, safe_strerror(rc));
	return rc;
}

static int clear(const char *path, bool force, bool remove, struct error *error)
{
	const char *base;
	const int dir = safe_parent_open(path, &base);
	char foreign[NAME_MAX + 1];
	uint64_t cnt = 0;
	int rc;

	if (dir < 0)
		return complain(path, dir, 0, error);
	rc = visit_all(dir, base, count, &cnt);
	if (rc == 0 && cnt > 0 && !force)
		rc = -EEXIST;
	if (rc == 0 && cnt > 0)
		rc = visit_all(dir, base, check_unused, NULL);
	if (rc == 0 && cnt > 0)
		rc = visit_all(dir, base, check_ours, foreign);
	if (rc == 0 && cnt > 0 && remove)
		rc = visit_all(dir, base, remove_one, NULL);
	close(dir);
	if (rc == -ENOTUNIQ) {
		error_set(error,
			  "--write %s: %s beside it is no capture, which a rotation would take it "
			  "for; name another, or move it away",
			  path, foreign);
		return rc;
	}
	return rc == 0 ? 0 : complain(path, rc, cnt, error);
}

int old_rotation_check(const char *path, bool force, struct error *error)
{
	return clear(path, force, false, error);
}

int old_rotation_clear(const char *path, bool force, struct error *error)
{
	return clear(path, force, true, error);
}
