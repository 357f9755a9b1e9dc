/*
 * capture_socket: where `doorbuster capture` finds the engine: the socket DATA/capture, made by the
 * engine that holds the lock of the data directory. It is a name in the file system, not an
 * abstract one: every user of the machine sees those, and may take one before the engine does; and
 * a copy of a data directory has the same journal id. Each side asks the kernel which user the
 * other side is.
 */
#ifndef DB_ENGINE_WORKER_CAPTURE_SOCKET_H
#define DB_ENGINE_WORKER_CAPTURE_SOCKET_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"

#define CAPTURE_SOCKET_NAME "capture"

/*
 * Makes the socket, which only the directory's owner and root may connect to, and listens; one that
 * a killed engine left is replaced. dir_fd: the data directory, locked by the caller; its path may
 * be longer than a socket's. A descriptor (SOCK_SEQPACKET) or -errno; -EEXIST: something is there
 * that is no socket.
 */
int capture_socket_listen(int dir_fd);

/* Whether the process that connected may capture: one of root, the engine's user or the directory's
 * owner. */
bool capture_socket_allows(int fd, int dir_fd);

/* Removes the name. The caller still has the lock. */
void capture_socket_remove(int dir_fd);

/*
 * Connects to the engine that runs on `data`. A descriptor, or -errno with a line in error;
 * -ENOENT: no engine that can be captured runs there. -EPERM: the process that listens belongs to
 * neither root, the caller's user nor the owner of the directory, so nothing is taken from it.
 */
int capture_socket_connect(const char *data, struct error *error);

#endif
