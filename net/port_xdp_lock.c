/*
 * port_xdp_lock: keeps one doorbuster an interface, by the lock of a file in RUN_DIR. An abstract
 * socket name would not do: any user of the machine could take it before us. The file's name has
 * the interface's index, which stays when the interface is renamed, and the network namespace,
 * because several may share /run.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "net/lock_file.h"
#include "net/port_kinds.h"
#include "net/run_dir.h"

enum {
	NAME_BYTES = 64,
	/* Another engine that ends may remove the directory meanwhile, a few times. */
	TRIES_MAX = 100,
};

static void name_of(int ifindex, char out[NAME_BYTES])
{
	snprintf(out, NAME_BYTES, "xdp-%" PRIu64 "-%d.lock", run_dir_namespace(), ifindex);
}

/* -ENOENT: with `take` again, the directory is gone. */
static int try_lock(const char *name, bool take, struct error *error)
{
	const int dir_fd = run_dir_open(RUN_DIR, take, error);
	int rc;

	if (dir_fd < 0)
		return dir_fd;
	rc = lock_file_take(dir_fd, name, take ? O_CREAT : 0, take ? LOCK_EX : LOCK_SH);
	close(dir_fd);
	return rc;
}

int port_xdp_lock(const char *interface, bool take, struct error *error)
{
	char name[NAME_BYTES];
	int rc = take ? 0 : run_dir_check(RUN_DIR, error);

	if (rc != 0)
		return rc;
	error_clear(error);
	name_of((int)if_nametoindex(interface), name);
	rc = try_lock(name, take, error);
	for (unsigned i = 0; i < TRIES_MAX && take && rc == -ENOENT; i++)
		rc = try_lock(name, take, error);
	if (!take && rc >= 0)
		close(rc);
	if (!take && (rc >= 0 || rc == -ENOENT))
		return 0;
	if (rc == -EWOULDBLOCK) {
		return error_say(
			error, -EADDRINUSE,
			"another doorbuster serves %s; stop that one, or use another interface",
			interface);
	}
	if (rc < 0 && !error_is_set(error))
		error_set(error, "%s: its lock " RUN_DIR "/%s can't be made: %s", interface, name,
			  strerror(-rc));
	return rc;
}

void port_xdp_unlock(int ifindex, int lock_fd)
{
	char path[sizeof(RUN_DIR) + NAME_BYTES];
	char name[NAME_BYTES];

	/* Removed while the lock is held: a process that opened it before sees that it is gone. */
	name_of(ifindex, name);
	snprintf(path, sizeof(path), RUN_DIR "/%s", name);
	(void)unlink(path);
	close(lock_fd);
	/* Other engines may have their locks in there. */
	run_dir_leave(RUN_DIR);
}
