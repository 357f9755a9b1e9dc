/*
 * eal_dir: a fresh directory of our own for the EAL's run-time files (its configuration, the socket
 * of its telemetry). By itself the EAL puts them where another user can make them first: for root
 * under /var/run/dpdk, else under $XDG_RUNTIME_DIR or /tmp/dpdk. Those names are known beforehand,
 * and it opens the files that it finds.
 *
 * For root the directory is in RUN_DIR; for others in the first of $RUNTIME_DIRECTORY (systemd's
 * RuntimeDirectory=) and $XDG_RUNTIME_DIR that is theirs alone; else in /tmp. Its lock (flock) says
 * that its process lives. The next process of the same user removes what killed ones left, never
 * through a link.
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
 * Makes it, mode 0700, and makes the EAL of this process use it (through the environment, so before
 * other threads read that). 0 or -errno with a line in error. Start-up thread, before rte_eal_init.
 */
int eal_dir_make(struct eal_dir *dir, struct error *error);

/* Removes it, and what killed processes left beside it. After rte_eal_cleanup. */
void eal_dir_remove(struct eal_dir *dir);

/* The same for the directory of an engine of this user that a signal ended; "": none. A path that
 * is not such a directory stays. */
void eal_dir_remove_of(const char *path);

/* As eal_dir_make, in a directory that the caller chooses, for tests. */
int eal_dir_make_in(struct eal_dir *dir, const char *parent, struct error *error);

#endif
