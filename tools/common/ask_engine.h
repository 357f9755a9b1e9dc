/*
 * ask_engine: what a program that makes its own datagrams must know of an engine first. Asks by a
 * PING over the program's own transport.
 */
#ifndef DB_TOOLS_COMMON_ASK_ENGINE_H
#define DB_TOOLS_COMMON_ASK_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "net/client.h"
#include "net/engine_clock.h"

struct engine_told {
	uint16_t shards;
	uint32_t sale;             /* 0: it knows no dates */
	struct engine_clock clock; /* of shard 0; local_ns is clock_now_ns() */
};

/* timeout_ms 0: the client's. 0, or -errno and a line in error. The caller keeps the transport. */
int ask_engine(struct client_transport *transport, const char *server, const struct key *key,
	       uint32_t timeout_ms, struct engine_told *told, struct error *error);

#endif
