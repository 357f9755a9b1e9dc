/*
 * resolve: the addresses of a server's name, found in a thread of its own, so that a caller that
 * must go on never waits for a name server.
 *
 * Guarantees: resolve_start and resolve_take never wait. A lookup that its owner no longer wants
 * ends by itself and frees what it holds.
 */
#ifndef DB_NET_RESOLVE_H
#define DB_NET_RESOLVE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "engine/base/limits.h"

/* In the order of RFC 6724, as getaddrinfo gives them; those beyond the limit are left out. */
struct resolved {
	uint32_t cnt;
	struct {
		struct sockaddr_storage address;
		socklen_t bytes;
	} at[SERVER_ADDRESSES_MAX];
};

/* Finds the UDP addresses of a host; port is a number. 0, or an error of getaddrinfo. Waits for
 * name servers. Tests put another function here, before any lookup starts. */
extern int (*resolve_lookup)(const char *host, const char *port, struct resolved *out);

struct resolve;

/* Starts a lookup of texts that are copied. NULL: no memory or no thread. */
struct resolve *resolve_start(const char *host, const char *port);

/* Whether the lookup has ended; then *rc is its result, *out the addresses if that is 0, and the
 * handle is gone. */
bool resolve_take(struct resolve *resolve, struct resolved *out, int *rc);

/* Gives the handle up. NULL is allowed. */
void resolve_abandon(struct resolve *resolve);

/* Whether two socket addresses have the same family, address and port. */
bool resolve_same(const struct sockaddr_storage *one, const struct sockaddr_storage *two);

#endif
