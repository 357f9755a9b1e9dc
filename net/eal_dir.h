/*
 * eal_dir: a fresh directory of our own for the EAL's run-time files (its configuration, the socket
 * of its telemetry). Left alone it would put them where another user can be first: for root under
 * /var/run/dpdk, else under $XDG_RUNTIME_DIR or /tmp/dpdk, names known beforehand, files opened as
 * they lie there.
 *
 * The directory lies in RUN_DIR for root; for others in the first of $RUNTIME_DIRECTORY (systemd's
 * RuntimeDirectory=) and $XDG_RUNTIME_DIR that is theirs alone; else in /tmp. Its lock (flock) says
 * that its process lives; what killed processes left is removed by the next, only what belongs to
 * the same user, never through a link.
 */
#ifndef DB_NET_EAL_DIR_H
#define DB_NET_EAL_DIR_H

#include <stddef.h>

#include "engine/base/error.h"

enum {
	EAL_DIR_BYTES = 108,
};

struct eal_dir {
	char path[EAL_DIR_BYTES]; /* "": there is none */
	int lock_fd;
};

/*
 * Makes it, mode 0700, and leads the EAL of this process to it (through the environment, so before
 * other threads read that). 0 or -errno with a line in error. Start-up thread, before rte_eal_init.
 */
int eal_dir_make(struct eal_dir *dir, struct error *error);

/* Removes it, and what killed processes left beside it. After rte_eal_cleanup. */
void eal_dir_remove(struct eal_dir *dir);

/* The same for a directory that an engine of this user had which ended by a signal; "": none. What
 * is no such directory stays. */
void eal_dir_remove_of(const char *path);

/* As eal_dir_make, in a directory of the caller's choice, for tests. */
int eal_dir_make_in(struct eal_dir *dir, const char *parent, struct error *error);

#endif
