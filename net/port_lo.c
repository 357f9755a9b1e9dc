/*
 * port_lo: what the loopback interface needs besides the XDP program. A reply from 127.0.0.1 that
 * enters `lo` from outside the kernel is only let through with route_localnet and accept_local.
 * What they were is kept in a file under /run, so that also the successor of a killed engine can
 * put it back.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "net/port_kinds.h"

#define RUN_PARENT "/run"
#define RUN_DIR    RUN_PARENT "/doorbuster"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static const char *const sysctls[] = {
	"/proc/sys/net/ipv4/conf/lo/route_localnet",
	"/proc/sys/net/ipv4/conf/lo/accept_local",
};

enum {
	SYSCTL_CNT = sizeof(sysctls) / sizeof(sysctls[0]),
};

/* /run is shared by network namespaces, lo is not: the cookie tells them apart and is never reused.
 */
static void saved_path(char *out, size_t out_bytes)
{
	uint64_t cookie = 0;
	socklen_t bytes = sizeof(cookie);
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd >= 0) {
		(void)getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &bytes);
		close(fd);
	}
	snprintf(out, out_bytes, RUN_DIR "/lo-%" PRIu64 ".sysctl", cookie);
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

/* One that is right already is not written: it may be read-only. */
static int set_sysctl(const char *path, int value)
{
	int now = 0;

	return read_sysctl(path, &now) == 0 && now == value ? 0 : write_sysctl(path, value);
}

/* The values to go back to, as a killed engine or we ourselves wrote them down. */
static bool read_saved(const char *path, int values[SYSCTL_CNT])
{
	FILE *file = fopen(path, "re");
	int got;

	if (file == NULL)
		return false;
	got = fscanf(file, "%d %d", &values[0], &values[1]);
	fclose(file);
	return got == SYSCTL_CNT;
}

static int refuse_sysctl(const char *path, int rc, char *error, size_t error_bytes)
{
	snprintf(error, error_bytes,
		 "%s: %s; lo needs it to be 1: set it, or use --port memif:SOCKET", path,
		 strerror(-rc));
	return rc;
}

int port_lo_check(char *error, size_t error_bytes)
{
	const char *dir = access(RUN_DIR, F_OK) == 0 ? RUN_DIR : RUN_PARENT;

	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		int value = 0;
		const int rc = read_sysctl(sysctls[i], &value);

		if (rc != 0)
			return refuse_sysctl(sysctls[i], rc, error, error_bytes);
		/* /proc/sys is read-only in many containers. */
		if (value != 1 && access(sysctls[i], W_OK) != 0)
			return refuse_sysctl(sysctls[i], -errno, error, error_bytes);
	}
	if (access(dir, W_OK | X_OK) != 0) {
		const int rc = -errno;

		snprintf(error, error_bytes,
			 "%s: %s; what lo's sysctls were is noted down there: make it writable, or "
			 "use --port memif:SOCKET",
			 dir, strerror(-rc));
		return rc;
	}
	return 0;
}

static int save(const char *path, char *error, size_t error_bytes)
{
	int values[SYSCTL_CNT] = {0};
	FILE *file;

	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		const int rc = read_sysctl(sysctls[i], &values[i]);

		if (rc != 0) {
			snprintf(error, error_bytes, "%s: %s", sysctls[i], strerror(-rc));
			return rc;
		}
	}
	if (mkdir(RUN_DIR, 0755) != 0 && errno != EEXIST)
		goto fail;
	file = fopen(path, "we");
	if (file == NULL)
		goto fail;
	fprintf(file, "%d %d\n", values[0], values[1]);
	if (fclose(file) == 0)
		return 0;
fail:
	snprintf(error, error_bytes, "%s: cannot note down the sysctls of lo: %s", path,
		 strerror(errno));
	return -errno;
}

int port_lo_prepare(char *error, size_t error_bytes)
{
	int saved[SYSCTL_CNT];
	char path[64];

	saved_path(path, sizeof(path));
	if (!read_saved(path, saved)) {
		const int rc = save(path, error, error_bytes);

		if (rc != 0)
			return rc;
	}
	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		const int rc = set_sysctl(sysctls[i], 1);

		if (rc != 0) {
			port_lo_restore();
			return refuse_sysctl(sysctls[i], rc, error, error_bytes);
		}
	}
	return 0;
}

bool port_lo_is_changed(void)
{
	int saved[SYSCTL_CNT];
	char path[64];

	saved_path(path, sizeof(path));
	return read_saved(path, saved);
}

void port_lo_restore(void)
{
	int saved[SYSCTL_CNT];
	char path[64];

	saved_path(path, sizeof(path));
	if (!read_saved(path, saved))
		return;
	for (unsigned i = 0; i < SYSCTL_CNT; i++) {
		/* Who may not is no reason to forget what they were. */
		if (set_sysctl(sysctls[i], saved[i]) != 0)
			return;
	}
	unlink(path);
	/* Other namespaces may have theirs in there. */
	(void)rmdir(RUN_DIR);
}
