/*
 * http_server: answers GET and HEAD of /metrics, /healthz (also called /readyz) and /livez to
 * Prometheus, probes and curl, over libmicrohttpd, on a thread of its own that sleeps while nobody
 * asks. /livez answers 200 as long as that thread runs.
 *
 * The number of peers, the time of each and its buffer are bounded: a peer that is slow, silent or
 * does not speak HTTP delays the others no longer than that.
 */
#ifndef DB_ENGINE_BASE_HTTP_SERVER_H
#define DB_ENGINE_BASE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/error.h"
#include "engine/base/metrics_text.h"

enum {
	HTTP_SERVER_PEERS_MAX = 32,
	/* From accept to the end of the answer. */
	HTTP_SERVER_PATIENCE_MS = 5000,
	HTTP_SERVER_ADDRESS_BYTES = 64,
};

/* Called on the thread of http_server, one call at a time. */
struct http_server_source {
	void *context;
	/* Called first, to set the thread's priority and CPUs. NULL: the thread keeps those of its
	 * opener. */
	void (*begin)(void *context);
	/* Adds all families. */
	void (*metrics)(void *context, struct metrics_text *text);
	/* For /healthz and /readyz, which are the same. Whether all is well (200, else 503). Adds
	 * one or more lines that say what isn't. */
	bool (*health)(void *context, struct metrics_text *text);
};

struct http_server;

/*
 * Takes the address, so that a start can be refused before anything else: `ADDR:PORT` or
 * `[ADDR6]:PORT`, numeric, port 0 for any that is free. Nobody is answered yet. Waits while a
 * killed engine still has it. Returns the socket, or -errno with a line that names the address and
 * the remedy.
 */
int http_server_bind(const char *address, struct error *error);

/* The address that a socket got, in the form that http_server_bind reads. */
void http_server_address(int fd, char out[HTTP_SERVER_ADDRESS_BYTES]);

/* Begins to answer. Takes over the socket, also when it fails. The thread inherits the caller's
 * CPUs and signal mask. 0 or -errno with a line in error. */
int http_server_open(struct http_server **out, int fd, const struct http_server_source *source,
		     struct error *error);

/* After it returns, the source is not called any more. NULL is allowed. */
void http_server_close(struct http_server *http);

#endif
