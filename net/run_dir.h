/*
 * run_dir: the engine's own directory under /run, for what the engine's processes share and no
 * other user may touch: the locks of interfaces, what lo's sysctls were, the EAL's run-time files.
 * Mode 0700, of the user that runs the engine. /run may be shared by network namespaces while
 * interfaces are not: names in it carry run_dir_namespace.
 */
#ifndef DB_NET_RUN_DIR_H
#define DB_NET_RUN_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

#define RUN_PARENT "/run"
#define RUN_DIR    RUN_PARENT "/doorbuster"

/*
 * Opens a directory of our own, as a descriptor that the caller closes. With `make` it is made if
 * it isn't there. -ENOENT without a line: it isn't there. -EPERM and a line: it belongs to another
 * user, is a link, or others may write in it, so that nothing in it can be trusted. Else -errno and
 * a line. Any thread.
 */
int run_dir_open(const char *path, bool make, struct error *error);

/* Whether run_dir_open would get it, without making it. 0, or -errno and a line. */
int run_dir_check(const char *path, struct error *error);

/* Removes a directory of our own if nothing is in it. */
void run_dir_leave(const char *path);

/* Whether a directory that others have too can hold one of our own: it belongs to root or to us,
 * and who else may write in it may not rename or remove ours (the sticky bit). */
bool run_dir_is_safe_parent(const char *path);

/* This network namespace, never used again for another; 0: the kernel doesn't say (before 5.14). */
uint64_t run_dir_namespace(void);

#endif
