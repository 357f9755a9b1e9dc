/*
 * http_server: answers GET /metrics and GET /healthz to Prometheus, probes and curl, over
 * libmicrohttpd, on a thread of its own that sleeps unless asked.
 *
 * A peer gets a bounded time and a bounded buffer, and there is a bounded number of them: one that
 * is slow, silent or talks no HTTP costs nobody else an answer for longer than that.
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
	/* Called first, to see to the thread's priority and CPUs; NULL: they stay the opener's. */
	void (*begin)(void *context);
	/* Adds all families. */
	void (*metrics)(void *context, struct metrics_text *text);
	/* Whether all is well (200, else 503), and a line or more that says what isn't. */
	bool (*health)(void *context, struct metrics_text *text);
};

struct http_server;

/*
 * Takes the address, so that a start can be refused before anything else: `ADDR:PORT` or
 * `[ADDR6]:PORT`, numeric, port 0 for any that is free. Nobody is answered yet. The socket, or
 * -errno with a line that names the address and the remedy.
 */
int http_server_bind(const char *address, struct error *error);

/* The address a socket got, as http_server_bind reads it. */
void http_server_address(int fd, char out[HTTP_SERVER_ADDRESS_BYTES]);

/* Begins to answer; the socket is its own from then on, also when it fails. The thread inherits the
 * caller's CPUs and signal mask. 0 or -errno with a line in error. */
int http_server_open(struct http_server **out, int fd, const struct http_server_source *source,
		     struct error *error);

/* No call into the source is made after it returns. NULL is allowed. */
void http_server_close(struct http_server *http);

#endif
