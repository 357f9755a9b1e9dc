/*
 * fresh: makes captured requests new for a running engine: dated by its clock, for its sale, and
 * signed with our keys. A recorded date would be worth nothing there, on purpose.
 *
 * What the capture says of dates stays true: a request is as old when it leaves as it was when it
 * was captured. One of another sale than the capture's gets another sale than the engine's. One
 * without a date gets the newest possible date.
 *
 * Also finds which sale a capture is of. Pure; one thread.
 */
#ifndef DB_TOOLS_REPLAY_FRESH_H
#define DB_TOOLS_REPLAY_FRESH_H

#include <stdint.h>

#include "net/keys.h"
#include "tools/replay/ahead.h"

enum {
	/* Life of a request that was captured without a date: a client's usual patience. */
	FRESH_VALID_MS = 10000,
};

struct fresh {
	const struct key_ring *keys;
	uint32_t fallback;      /* the key in keys for requests whose key is not there */
	uint32_t sale;          /* the engine's; 0: it knows no dates, captured dates stay */
	uint32_t captured_sale; /* 0: the first dated request says it */
};

/* Makes a request that leaves at engine_ns, by the engine's clock, out of a captured one. */
void fresh_request(struct fresh *fresh, struct ahead_item *item, uint64_t engine_ns);

/* The sale that a captured datagram names: a dated reply, a PONG, or a dated request; 0: none. */
uint32_t fresh_sale_of(enum captured_kind kind, const uint8_t *datagram);

/* The sale that the datagrams that are ready name: the first reply that names one, else the first
 * request; 0: none does. Requests count only if believe_requests is true, because anybody may have
 * sent them. */
uint32_t fresh_captured_sale(struct ahead *ahead, bool believe_requests);

#endif
