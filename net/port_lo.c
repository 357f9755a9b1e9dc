/*
 * port_lo: what the loopback interface needs besides the XDP program. A reply from 127.0.0.1 that
 * enters `lo` from outside the kernel is only let through with route_localnet and accept_local.
 * Their old values are kept in a file under /run, so that the successor of a killed engine can put
 * them back, too.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"
#include "net/run_dir.h"

static const char *const sysctls[] = {
	"/proc/sys/net/ipv4/conf/lo/route_localnet",
	"/proc/sys/net/ipv4/conf/lo/accept_local",
};

enum {
	SYSCTL_CNT = sizeof(sysctls) / sizeof(sysctls[0]),
	SAVED_NAME_BYTES = 64,
};

/*
 * What we have changed, so that it can be put back also when files can't be opened any more and no
 * memory is left: the directory with the note, and the sysctls, open for writing. One port a
 * process is lo.
 */
static struct {
	bool changed;
	int dir_fd;
	int fds[SYSCTL_CNT]; /* -1: was right already */
	int values[SYSCTL_CNT];
	char name[SAVED_NAME_BYTES];
} ours = {.dir_fd = -1, .fds = {-1, -1}};
static_assert(SYSCTL_CNT == 2, "none is open");

/* Of this network namespace: each has an lo of its own. */
static void saved_name(char out[SAVED_NAME_BYTES])
{
	snprintf(out, SAVED_NAME_BYTES, "lo-%" PRIu64 ".sysctl", run_dir_namespace());
}

static int read_sysctl(const char *path, int *value)
{
	FILE *file = fopen(path, "re");
	int got;

	if (file == NULL)
		return -errno;
	got = fscanf(file, "%d", value);
	fclose(file);
	return got == 1 ? 0 : -EIO;
}

static int write_sysctl(const char *path, int value)
{
	FILE *file = fopen(path, "we");
	int rc = 0;

	if (file == NULL)
		return -errno;
	if (fprintf(file, "%d\n", value) < 0)
		rc = -EIO;
	if (fclose(file) != 0)
		rc = -errno;
	return rc;
}

/* A value that is right already is not written: it may be read-only. */
static int set_sysctl(const char *path, int value)
{
	int now = 0;

	return read_sysctl(path, &now) == 0 && now == value ? 0 : write_sysctl(path, value);
}

/* The values to go back to, as a killed engine or we ourselves wrote them down. -ENOENT: there are
 * none. An engine that was killed while writing them had not changed anything yet. */
static int read_saved(int values[SYSCTL_CNT])
{
	char name[SAVED_NAME_BYTES];
	char text[32] = "";
	struct error error;
	const int dir_fd = run_dir_open(RUN_DIR, false, &error);
	ssize_t bytes;
	int fd;

	if (dir_fd < 0)
		return dir_fd;
	saved_name(name);
	fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0) {
		const int rc = -errno;

		close(dir_fd);
		return rc;
	}
	close(dir_fd);
	bytes = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (bytes < 0)
		return -EIO;
	return sscanf(text, "%d %d", &values[0], &values[1]) == SYSCTL_CNT ? 0 : -ENOENT;
}

static int refuse_sysctl(const char *path, int rc, struct error *error)
{
	return error_say(error, rc,
			 "%s: %s; lo needs it to be 1: set it, or use --port memif:SOCKET", path,
			 strerror(-rc));
}

int port_lo_check(struct error *error)
{
	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		int value = 0;
		const int rc = read_sysctl(sysctls[i], &value);

		if (rc != 0)
			return refuse_sysctl(sysctls[i], rc, error);
		/* /proc/sys is read-only in many containers. */
		if (value != 1 && access(sysctls[i], W_OK) != 0)
			return refuse_sysctl(sysctls[i], -errno, error);
	}
	return 0;
}

/* Writes the note whole, or not at all. */
static int write_saved(int dir_fd, const int values[SYSCTL_CNT])
{
	char name[SAVED_NAME_BYTES];
	int fd;

	saved_name(name);
	(void)unlinkat(dir_fd, name, 0);
	fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;

	const int rc = dprintf(fd, "%d %d\n", values[0], values[1]) > 0 ? 0 : -EIO;

	close(fd);
	if (rc != 0)
		(void)unlinkat(dir_fd, name, 0);
	return rc;
}

/* Notes the present values. */
static int save(int values[SYSCTL_CNT], struct error *error)
{
	int dir_fd;
	int rc;

	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		rc = read_sysctl(sysctls[i], &values[i]);
		if (rc != 0)
			return error_say(error, rc, "%s: %s", sysctls[i], strerror(-rc));
	}
	dir_fd = run_dir_open(RUN_DIR, true, error);
	if (dir_fd < 0)
		return dir_fd;
	rc = write_saved(dir_fd, values);
	close(dir_fd);
	if (rc != 0)
		error_set(error, RUN_DIR ": cannot note there what the sysctls of lo were: %s",
			  strerror(-rc));
	return rc;
}

/* Opens all before the first is changed. A sysctl that is right already is not opened: it may be
 * read-only. */
static int open_sysctls(unsigned *at)
{
	for (*at = 0; *at < SYSCTL_CNT; (*at)++) {
		int now = 0;
		const int rc = read_sysctl(sysctls[*at], &now);

		if (rc != 0)
			return rc;
		if (now == 1 && ours.values[*at] == 1)
			continue;
		ours.fds[*at] = open(sysctls[*at], O_WRONLY | O_CLOEXEC);
		if (ours.fds[*at] < 0)
			return -errno;
	}
	return 0;
}

/* Only by system calls. */
static int write_value(int fd, int value)
{
	const char text[2] = {(char)('0' + value), '\n'};

	if (fd < 0)
		return 0;
	if (pwrite(fd, text, sizeof(text), 0) == (ssize_t)sizeof(text))
		return 0;
	/* A seccomp profile may forbid the one and not the other. */
	return lseek(fd, 0, SEEK_SET) == 0 && write(fd, text, sizeof(text)) == (ssize_t)sizeof(text)
		       ? 0
		       : -errno;
}

static int change_sysctls(unsigned *at)
{
	int rc = open_sysctls(at);

	for (unsigned i = 0; rc == 0 && i < SYSCTL_CNT; i++) {
		*at = i;
		rc = write_value(ours.fds[i], 1);
	}
	return rc;
}

static void close_ours(void)
{
	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		if (ours.fds[i] >= 0)
			close(ours.fds[i]);
		ours.fds[i] = -1;
	}
	if (ours.dir_fd >= 0)
		close(ours.dir_fd);
	ours.dir_fd = -1;
	ours.changed = false;
}

/* Puts back what this process changed. Where that fails, the note stays, and the next start does
 * it. */
static void restore_ours(void)
{
	bool restored = true;

	for (unsigned i = 0; i < SYSCTL_CNT; i++)
		restored = write_value(ours.fds[i], ours.values[i]) == 0 && restored;
	if (restored)
		(void)unlinkat(ours.dir_fd, ours.name, 0);
	close_ours();
}

int port_lo_prepare(struct error *error)
{
	unsigned at = 0;
	int rc = read_saved(ours.values);

	if (rc == -ENOENT)
		rc = save(ours.values, error);
	else if (rc != 0)
		error_set(error, RUN_DIR ": what a killed doorbuster noted: %s", strerror(-rc));
	if (rc == 0) {
		ours.dir_fd = run_dir_open(RUN_DIR, false, error);
		rc = ours.dir_fd < 0 ? ours.dir_fd : 0;
	}
	if (rc != 0) {
		/* Nothing was changed yet: no note is needed. */
		port_lo_restore();
		return rc;
	}
	saved_name(ours.name);
	ours.changed = true;
	rc = change_sysctls(&at);
	if (rc != 0) {
		restore_ours();
		return refuse_sysctl(sysctls[at], rc, error);
	}
	return 0;
}

bool port_lo_is_changed(void)
{
	int saved[SYSCTL_CNT];

	return read_saved(saved) == 0;
}

void port_lo_restore(void)
{
	int saved[SYSCTL_CNT] = {0};
	char name[SAVED_NAME_BYTES];
	struct error error;
	int dir_fd;

	if (ours.changed) {
		restore_ours();
		return;
	}
	if (read_saved(saved) != 0)
		return;
	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		/* If this process may not write them, the note must stay. */
		if (set_sysctl(sysctls[i], saved[i]) != 0)
			return;
	}
	dir_fd = run_dir_open(RUN_DIR, false, &error);
	if (dir_fd < 0)
		return;
	saved_name(name);
	(void)unlinkat(dir_fd, name, 0);
	close(dir_fd);
}
