/*
 * socket_owner: the process that has a socket open, found by its inode, for a line that names who
 * is in the way. Needs the right to look at that process's descriptors, and to see it: one in
 * another container is not found. Cold, any thread.
 */
#ifndef DB_NET_SOCKET_OWNER_H
#define DB_NET_SOCKET_OWNER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct socket_owner {
	pid_t pid;
	char name[32];
};

/* False: none was found. */
bool socket_owner_find(uint64_t inode, struct socket_owner *out);

#endif
