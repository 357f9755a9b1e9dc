/*
 * watch_drops: the reasons for dropped datagrams of which an operator should hear while the sale
 * goes on, because buyers get no answer and the remedy is at the clients. One line, the first time.
 */
#include <inttypes.h>

#include "engine/base/log.h"
#include "engine/base/relaxed.h"
#include "engine/serve/state.h"

static const struct {
	enum drop reason;
	const char *line;
} hints[] = {
	{DROP_BATCHED,
	 "a client batches its datagrams with UDP_SEGMENT, and the interface hands the batch on "
	 "uncut, so it gets no answer. Let the kernel cut it: `ethtool -K lo "
	 "tx-udp-segmentation off` (or the sender's interface), or let the client use sendmmsg"},
	{DROP_TOO_LONG,
	 "packets longer than any datagram come to our ports and get no answer. On lo these are "
	 "batches of a client that uses UDP_SEGMENT: `ethtool -K lo tx-udp-segmentation off` lets "
	 "the kernel cut them, or let the client use sendmmsg"},
	{DROP_FRAGMENT,
	 "a client sends datagrams in fragments, which get no answer: its path carries less than "
	 "its datagrams. Clients that use net/client.h split them; others put fewer requests in "
	 "each (net/WIRE.md has the sizes), or raise the MTU of the path"},
};

enum {
	HINT_CNT = sizeof(hints) / sizeof(hints[0])
};

void serve_watch_drops(struct server *server)
{
	for (unsigned i = 0; i < HINT_CNT; i++) {
		uint64_t cnt = 0;

		for (uint16_t k = 0; k < server->options->core_cnt; k++)
			cnt += relaxed_u64(
				&worker_counters(server->workers[k])->drops[hints[i].reason]);
		if (hints[i].reason == DROP_TOO_LONG)
			cnt += port_oversized(&server->port);
		if (cnt == 0 || (server->drops_told >> i & 1) != 0)
			continue;
		server->drops_told |= UINT32_C(1) << i;
		fprintf(stderr, LOG_AS_WARNING "drops %s: %s\n", drop_name(hints[i].reason),
			hints[i].line);
	}
}
