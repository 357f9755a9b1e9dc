/*
 * volley: sends prepared datagrams, each once: open loop at the given instants, whatever comes
 * back, or closed loop with a fixed number out. Checks every reply: tag, echo, ids, and by the
 * tally what it says.
 */
#ifndef DB_TOOLS_LOAD_VOLLEY_H
#define DB_TOOLS_LOAD_VOLLEY_H

#include <stdbool.h>
#include <stdint.h>

#include "net/client.h"
#include "tools/common/histogram.h"
#include "tools/load/prepared.h"
#include "tools/load/tally.h"

enum {
	VOLLEY_WINDOWS_MAX = 4096,
};

/* A run, window by window; later figures count in the last window. */
struct volley_window {
	uint64_t offered;  /* requests that were due in it */
	uint64_t served;   /* requests whose reply came in it */
	uint64_t worst_ns; /* latency of what was due in it */
};

struct volley_options {
	struct client_transport *transport;
	const struct prepared *prepared;
	const struct key *key;  /* NULL: echo, whose replies are the datagrams themselves */
	const uint64_t *due_ns; /* [datagram_cnt], since the start; NULL: closed loop */
	uint32_t in_flight;     /* closed loop: datagrams out */
	uint64_t patience_ns;   /* after so long without a reply, what is out is lost */
	uint64_t window_ns;     /* 0: no windows */
};

struct volley {
	uint64_t datagrams_sent;
	uint64_t datagrams_answered;
	uint64_t requests_offered; /* were due, or closed loop: sent */
	uint64_t requests_sent;
	uint64_t requests_refused; /* open loop: found the port's queue full, and were dropped */
	uint64_t requests_lost;    /* sent, and no reply */
	uint64_t replies_unmatched;
	uint64_t replies_bad_tag;
	uint64_t offered_ns; /* from the start to the last sending */
	uint64_t elapsed_ns; /* from the start to the last reply */
	uint64_t idle_ns;    /* of that, in turns that found nothing to send and no reply */
	bool stopped;
	struct histogram late_ns; /* how long after it was due a datagram left */
	uint32_t window_cnt;
	struct volley_window windows[VOLLEY_WINDOWS_MAX];
};

/* 0 or -errno of the transport, -ENOMEM. The tally gets every reply and latency. */
int volley_run(struct volley *volley, const struct volley_options *options, struct tally *tally);

#endif
