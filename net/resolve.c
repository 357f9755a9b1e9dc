#include "net/resolve.h"

#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	HOST_BYTES = 300,
	PORT_BYTES = 16,
};

/* Owner and thread each leave once; who leaves last frees. */
struct resolve {
	char host[HOST_BYTES];
	char port[PORT_BYTES];
	struct resolved found;
	int rc;
	atomic_bool done;
	atomic_uint users;
};

static int lookup(const char *host, const char *port, struct resolved *out)
{
	const struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
	struct addrinfo *found = NULL;
	const int rc = getaddrinfo(host, port, &hints, &found);

	out->cnt = 0;
	if (rc != 0)
		return rc;
	for (const struct addrinfo *at = found; at != NULL; at = at->ai_next) {
		if (out->cnt == SERVER_ADDRESSES_MAX)
			break;
		if ((at->ai_family != AF_INET && at->ai_family != AF_INET6) ||
		    at->ai_addrlen > sizeof(out->at[0].address))
			continue;
		memset(&out->at[out->cnt].address, 0, sizeof(out->at[0].address));
		memcpy(&out->at[out->cnt].address, at->ai_addr, at->ai_addrlen);
		out->at[out->cnt++].bytes = at->ai_addrlen;
	}
	freeaddrinfo(found);
	return out->cnt > 0 ? 0 : EAI_NONAME;
}

int (*resolve_lookup)(const char *host, const char *port, struct resolved *out) = lookup;

static void leave(struct resolve *resolve)
{
	if (atomic_fetch_sub(&resolve->users, 1) == 1)
		free(resolve);
}

static void *run(void *of)
{
	struct resolve *resolve = of;

	resolve->rc = resolve_lookup(resolve->host, resolve->port, &resolve->found);
	atomic_store(&resolve->done, true);
	leave(resolve);
	return NULL;
}

struct resolve *resolve_start(const char *host, const char *port)
{
	struct resolve *resolve = calloc(1, sizeof(*resolve));
	sigset_t all;
	sigset_t before;
	pthread_t thread;
	int rc;

	if (resolve == NULL)
		return NULL;
	snprintf(resolve->host, sizeof(resolve->host), "%s", host);
	snprintf(resolve->port, sizeof(resolve->port), "%s", port);
	atomic_init(&resolve->done, false);
	atomic_init(&resolve->users, 2);
	/* Signals are for the threads that the program knows of. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&thread, NULL, run, resolve);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		free(resolve);
		return NULL;
	}
	pthread_detach(thread);
	return resolve;
}

bool resolve_take(struct resolve *resolve, struct resolved *out, int *rc)
{
	if (!atomic_load(&resolve->done))
		return false;
	*rc = resolve->rc;
	*out = resolve->found;
	leave(resolve);
	return true;
}

void resolve_abandon(struct resolve *resolve)
{
	if (resolve != NULL)
		leave(resolve);
}

bool resolve_same(const struct sockaddr_storage *one, const struct sockaddr_storage *two)
{
	if (one->ss_family != two->ss_family)
		return false;
	if (one->ss_family == AF_INET6) {
		const struct sockaddr_in6 *first = (const struct sockaddr_in6 *)one;
		const struct sockaddr_in6 *second = (const struct sockaddr_in6 *)two;

		return first->sin6_port == second->sin6_port &&
		       first->sin6_scope_id == second->sin6_scope_id &&
		       memcmp(&first->sin6_addr, &second->sin6_addr, sizeof(first->sin6_addr)) == 0;
	}

	const struct sockaddr_in *first = (const struct sockaddr_in *)one;
	const struct sockaddr_in *second = (const struct sockaddr_in *)two;

	return first->sin_port == second->sin_port &&
	       first->sin_addr.s_addr == second->sin_addr.s_addr;
}
