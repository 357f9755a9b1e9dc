/*
 * copies: which datagrams of a capture were captured more than once. A capture on all interfaces of
 * a host with a bridge or containers, of both directions of a mirrored port, or before and after a
 * router has each packet several times, with other MAC addresses, TTLs, tunnels, after address
 * translation also with other addresses.
 *
 * A datagram is a copy of another if it has the same bytes, tag included, to or from the same
 * shard, was captured at most the window before or after it, and is not sent anew. A client that
 * retries sends the same bytes again. Such a retry is told apart by one of these:
 *
 *  - time: our client waits half of retry_first_ms before it retries, 10 ms unless set otherwise,
 *    and the default window is half of that;
 *  - the identification of IPv4, where both have one: a sender gives each packet its own, and no
 *    router changes it (Linux gives none, 0, on sockets that are not connected);
 *  - where the capture says which interface a packet passed which way (Linux cooked v2, not in a
 *    tunnel): a packet passes there once.
 *
 * Memory of a fixed size: the last COPIES_REMEMBERED datagrams.
 *
 * One thread.
 */
#ifndef DB_TOOLS_REPLAY_COPIES_H
#define DB_TOOLS_REPLAY_COPIES_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/replay/captured.h"

enum {
	/* What a window of 5 ms has at 6.5 M datagrams a second. */
	COPIES_REMEMBERED = 1 << 15,
};

/* A mirror or a bridge takes microseconds, a router and a network of mirrors less than this. */
#define COPIES_WINDOW_NS UINT64_C(5000000)

struct copies;

/* NULL: no memory. */
struct copies *copies_open(uint64_t window_ns);

/* True: it is a copy of one that came before. False: it is new, and remembered. */
bool copies_is_one(struct copies *copies, const struct captured *captured);

/* NULL is allowed. */
void copies_close(struct copies *copies);

#endif
