/*
 * mixed: a sale in which every request has an answer that it must get: purchases, retries,
 * conflicts, lookups, refusals of every kind, foreign SKUs, one SKU that sells out, datagrams for
 * another shard, stale ones if there are dates, and forged ones that must not be answered.
 *
 * Requests come in blocks of 64 that are all alike; what a retry repeats is earlier in its block or
 * 1,024 blocks before. So an engine that takes datagrams in order knows it, and an engine that
 * forgets too early is noticed. What a reply must be by itself is checked when it comes; what
 * depends on another reply, when all are in.
 */
#ifndef DB_TOOLS_LOAD_MIXED_H
#define DB_TOOLS_LOAD_MIXED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "net/client.h"

struct scenario;

/* How a datagram of these requests is made. */
enum mixed_datagram {
	MIXED_PLAIN,
	MIXED_MISADDRESSED, /* its header names a shard that the port isn't: WRONG_SHARD, all */
	MIXED_FORGED,       /* its tag is wrong: no answer */
	/* Stale: no new order. */
	MIXED_TOO_OLD,
	MIXED_AHEAD, /* dated far ahead of the engine's clock */
	MIXED_OTHER_SALE,
	MIXED_DATAGRAMS,
};

enum {
	MIXED_BLOCK_CNT = 64,
};

enum mixed_datagram mixed_datagram_of(const struct scenario *scenario, uint32_t n);

/* Whether n repeats no other request. */
bool mixed_is_first(uint32_t n);

/* The n-th request. Its id may be all zero, on purpose. */
void mixed_request(const struct scenario *scenario, uint32_t n, struct client_request *out);

/* Lines of the catalog. The scenario's distinct_cnt decides the stock. */
void mixed_catalog(const struct scenario *scenario, FILE *file);

struct mixed_check;

/* Memory for the replies to all requests of a scenario; NULL: no memory. */
struct mixed_check *mixed_check_open(const struct scenario *scenario, uint16_t shards);
void mixed_check_close(struct mixed_check *check);

/* The reply to request n, once. */
void mixed_check_reply(struct mixed_check *check, uint32_t n, const struct wire_reply *reply);

/*
 * After the last reply: checks replies against each other. Returns how many were wrong in all; the
 * first few were printed on stderr. *undetermined: those whose answer depends on one that was lost.
 */
uint64_t mixed_check_finish(struct mixed_check *check, uint64_t *undetermined);

#endif
