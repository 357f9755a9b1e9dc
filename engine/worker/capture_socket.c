#include "engine/worker/capture_socket.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"

/* By the directory's descriptor, because a data directory's path may be longer than a socket's. */
static void address_in(int dir_fd, struct sockaddr_un *out)
{
	static_assert(sizeof("/proc/self/fd/2147483647/" CAPTURE_SOCKET_NAME) <=
			      sizeof(out->sun_path),
		      "no name is cut short");
	CHECK(dir_fd >= 0);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	snprintf(out->sun_path, sizeof(out->sun_path), "/proc/self/fd/%d/" CAPTURE_SOCKET_NAME,
		 dir_fd);
}

/* The caller has the directory's lock: the engine that made the socket has ended. */
static int remove_stale(int dir_fd)
{
	struct stat info;

	CHECK(dir_fd >= 0);
	if (fstatat(dir_fd, CAPTURE_SOCKET_NAME, &info, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(info.st_mode))
		return -EEXIST;
	return unlinkat(dir_fd, CAPTURE_SOCKET_NAME, 0) == 0 ? 0 : -errno;
}

int capture_socket_listen(int dir_fd)
{
	int rc = remove_stale(dir_fd);
	int fd;

	if (rc != 0)
		return rc;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	rc = safe_bind(fd, dir_fd, CAPTURE_SOCKET_NAME);
	if (rc == 0 && listen(fd, 1) != 0)
		rc = -errno;
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

bool capture_socket_allows(int fd, int dir_fd)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	struct stat dir;

	CHECK(fd >= 0 && dir_fd >= 0);
	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) == 0 &&
	       fstat(dir_fd, &dir) == 0 &&
	       (peer.uid == 0 || peer.uid == geteuid() || peer.uid == dir.st_uid);
}

void capture_socket_remove(int dir_fd)
{
	(void)remove_stale(dir_fd);
}

/* Whether the process that listens may be our engine. */
static int check_peer(int fd, int dir_fd, const char *data, struct error *error)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	struct stat dir;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0 ||
	    fstat(dir_fd, &dir) != 0) {
		const int rc = -errno;

		return error_say(error, rc, "%s: cannot find out whose engine runs there: %s", data,
				 strerror(-rc));
	}
	if (peer.uid == 0 || peer.uid == geteuid() || peer.uid == dir.st_uid)
		return 0;
	return error_say(
		error, -EPERM,
		"%s/" CAPTURE_SOCKET_NAME ": a process of user %u listens there. That user is "
		"neither root nor the owner of the directory, so it is no engine to be trusted; "
		"find out what it is",
		data, peer.uid);
}

static int try_connect(int fd, int dir_fd)
{
	struct sockaddr_un address;

	address_in(dir_fd, &address);
	return connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0 ? 0 : -errno;
}

int capture_socket_connect(const char *data, struct error *error)
{
	const int dir_fd = open(data, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int rc = dir_fd < 0 || fd < 0 ? -errno : try_connect(fd, dir_fd);

	if (rc == -ENOENT || rc == -ECONNREFUSED) {
		rc = error_say(error, -ENOENT,
			       "no engine runs on %s, or it said when it started that it can't be "
			       "captured",
			       data);
	} else if (rc == -EACCES) {
		error_set(error,
			  "%s/" CAPTURE_SOCKET_NAME ": only root, the engine's own user and the "
			  "owner of that directory may capture",
			  data);
	} else if (rc != 0) {
		error_set(error, "%s: cannot ask the engine: %s", data, strerror(-rc));
	} else {
		rc = check_peer(fd, dir_fd, data, error);
	}
	if (dir_fd >= 0)
		close(dir_fd);
	CHECK(rc <= 0 && (rc < 0 || fd >= 0));
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return rc;
}
