/*
 * link: reports when a port loses its connection with the world, and when it has it again: the
 * interface is set down, without carrier or deleted, its XDP program was removed, a memif peer has
 * left. Workers notice none of that: they find nothing to read.
 */
#include <string.h>

#include "engine/base/log.h"
#include "engine/base/relaxed.h"
#include "engine/serve/state.h"

enum {
	/* Looks from one that also asks for the XDP program to the next: a second. */
	THOROUGH_EVERY = 5,
};

static const struct {
	const char *what;
	const char *remedy;
} texts[] = {
	[PORT_LINK_UP] = {"is up", ""},
	[PORT_LINK_DOWN] = {"the interface is down",
			    "it was set down; `ip link set dev IFACE up` brings it back, and the "
			    "engine goes on by itself"},
	[PORT_LINK_NO_CARRIER] = {"the interface has no carrier",
				  "look at cable, switch, or the other end of the veth pair; the "
				  "engine goes on by itself"},
	[PORT_LINK_GONE] = {"the interface is gone",
			    "it was deleted, or moved to another network namespace. Make it again "
			    "and restart the engine: nothing acknowledged is lost"},
	[PORT_LINK_REPLACED] = {"the interface is gone, and another has its name",
				"the engine is bound to the one that was deleted. Restart the "
				"engine: nothing acknowledged is lost"},
	[PORT_LINK_NO_PROGRAM] = {"the interface has lost its XDP program",
				  "somebody removed or replaced it (`ip link show dev IFACE`). "
				  "Restart the engine: nothing acknowledged is lost"},
	[PORT_LINK_NO_PEER] = {"the peer has left",
			       "start the peer again; the engine goes on by itself"},
};

const char *serve_link_text(enum port_link link)
{
	return texts[link].what;
}

static void say(const struct server *server, uint16_t idx, enum port_link link)
{
	const bool memif = server->options->port.kind == PORT_MEMIF;

	if (link != PORT_LINK_UP && memif)
		fprintf(stderr,
			LOG_AS_WARNING
			"port %s: the peer of worker %u has left: no request arrives there and no "
			"answer leaves; %s\n",
			server->options->port_text, idx, texts[link].remedy);
	else if (link != PORT_LINK_UP)
		fprintf(stderr,
			LOG_AS_WARNING "port %s: %s: no request arrives and no answer leaves; %s\n",
			server->options->port_text, texts[link].what, texts[link].remedy);
	else if (memif)
		fprintf(stderr, "port %s: worker %u has a peer again\n", server->options->port_text,
			idx);
	else
		fprintf(stderr, "port %s: the interface is up again\n", server->options->port_text);
}

/* A memif port waits for its first peer: only one that has left is a fault. */
static void look(struct server *server, uint16_t idx, bool thorough)
{
	struct watched_link *watched = &server->port_watch.links[idx];
	const enum port_link link = port_link(&server->port, idx, thorough);
	const enum port_link before = (enum port_link)atomic_load(&watched->link);

	/* A peer may have come, sent and left between two looks. */
	watched->was_up |= link == PORT_LINK_UP ||
			   relaxed_u64(&worker_counters(server->workers[idx])->frames) > 0;
	if (link == before || (link == PORT_LINK_NO_PEER && !watched->was_up))
		return;
	/* Only a thorough look sees that it is back. */
	if (before == PORT_LINK_NO_PROGRAM && link == PORT_LINK_UP && !thorough)
		return;
	atomic_store(&watched->link, (int)link);
	if (before == PORT_LINK_UP)
		atomic_fetch_add(&server->port_watch.link_lost_cnt, 1);
	say(server, idx, link);
}

void serve_watch_link(struct server *server)
{
	struct port_watch *watch = &server->port_watch;
	const bool thorough = watch->link_looks++ % THOROUGH_EVERY == 0;
	const bool each = server->options->port.kind == PORT_MEMIF;

	for (uint16_t i = 0; i < (each ? server->options->core_cnt : 1); i++)
		look(server, i, thorough);
}
