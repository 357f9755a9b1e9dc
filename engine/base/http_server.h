/*
 * metrics_http: answers GET /metrics and GET /healthz to Prometheus, probes and curl, over
 * libmicrohttpd, on a thread of its own that sleeps unless asked.
 *
 * A peer gets a bounded time and a bounded buffer, and there is a bounded number of them: one that
 * is slow, silent or talks no HTTP costs nobody else an answer for longer than that.
 */
#ifndef DB_ENGINE_BASE_HTTP_SERVER_H
#define DB_ENGINE_BASE_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>

#include "engine/base/metrics_text.h"

enum {
	METRICS_HTTP_PEERS_MAX = 32,
	/* From accept to the end of the answer. */
	METRICS_HTTP_PATIENCE_MS = 5000,
	METRICS_HTTP_ADDRESS_BYTES = 64,
};

/* Called on the thread of metrics_http, one call at a time. */
struct metrics_http_source {
	void *context;
	/* Called first, to see to the thread's priority and CPUs; NULL: they stay the opener's. */
	void (*begin)(void *context);
	/* Adds all families. */
	void (*metrics)(void *context, struct metrics_text *text);
	/* Whether all is well (200, else 503), and a line or more that says what isn't. */
	bool (*health)(void *context, struct metrics_text *text);
};

struct metrics_http;

/*
 * Takes the address, so that a start can be refused before anything else: `ADDR:PORT` or
 * `[ADDR6]:PORT`, numeric, port 0 for any that is free. Nobody is answered yet. The socket, or
 * -errno with a line that names the address and the remedy.
 */
int metrics_http_bind(const char *address, char *error, size_t error_bytes);

/* The address a socket got, as metrics_http_bind reads it. */
void metrics_http_address(int fd, char out[METRICS_HTTP_ADDRESS_BYTES]);

/* Begins to answer; the socket is its own from then on, also when it fails. The thread inherits the
 * caller's CPUs and signal mask. 0 or -errno with a line in error. */
int metrics_http_open(struct metrics_http **out, int fd, const struct metrics_http_source *source,
		      char *error, size_t error_bytes);

/* No call into the source is made after it returns. NULL is allowed. */
void metrics_http_close(struct metrics_http *http);

#endif
