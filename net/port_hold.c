/*
 * port_hold: the UDP ports of an AF_XDP port, held by kernel sockets (udp_hold.h). `lo` takes them
 * at every address that is reached through it, an interface at its own.
 */
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/base/log.h"
#include "net/port_kinds.h"
#include "net/udp_hold.h"

enum {
	/* Addresses of an interface among which duplicates are found. */
	SEEN_MAX = 64,
};

struct hold {
	const struct port_options *options;
	struct udp_passed passed;
	struct sockaddr_storage seen[SEEN_MAX];
	unsigned address_cnt;
	struct error *error;
};

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
		       ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
		      &((const struct sockaddr_in6 *)b)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

/* An interface may have an address twice, with networks of two lengths. */
static bool was_seen(struct hold *hold, const struct sockaddr *address)
{
	for (unsigned i = 0; i < hold->address_cnt; i++) {
		if (same_address((const struct sockaddr *)&hold->seen[i], address))
			return true;
	}
	if (hold->address_cnt < SEEN_MAX)
		memcpy(&hold->seen[hold->address_cnt++], address,
		       address->sa_family == AF_INET ? sizeof(struct sockaddr_in)
						     : sizeof(struct sockaddr_in6));
	return false;
}

static int hold_address(void *context, const struct sockaddr *address)
{
	struct hold *hold = context;
	const struct port_options *options = hold->options;
	int rc = 0;

	if (was_seen(hold, address))
		return 0;
	udp_hold_expect(options->udp_port_cnt);
	for (uint16_t i = 0; i < options->udp_port_cnt && rc == 0; i++)
		rc = udp_hold(&hold->passed, address, options->spec.where,
			      (uint16_t)(options->udp_port_first + i), hold->error);
	return rc;
}

/* A unit that names other ports than the engine's leaves some of the engine's free. */
static void warn_of_strangers(const struct hold *hold)
{
	const struct port_options *options = hold->options;

	for (unsigned i = 0; i < hold->passed.cnt; i++) {
		const uint16_t port = udp_passed_port(&hold->passed, i);

		if (port_ops_of(options->spec.kind)->kernel_beside &&
		    port >= options->udp_port_first &&
		    port - options->udp_port_first < options->udp_port_cnt)
			continue;
		fprintf(stderr,
			"%sa socket that was passed (number %u, UDP port %u) holds no port of this "
			"engine: look at the socket unit\n",
			log_mark(LOG_AS_WARNING), i, port);
	}
}

int port_hold(const struct port_options *options, struct error *error)
{
	static const struct sockaddr_in any_ipv4 = {.sin_family = AF_INET};
	static const struct sockaddr_in6 any_ipv6 = {.sin6_family = AF_INET6};
	struct hold hold = {.options = options, .error = error};
	struct error listing;
	int rc;

	udp_passed_adopt(&hold.passed);
	warn_of_strangers(&hold);
	if (!port_ops_of(options->spec.kind)->kernel_beside)
		return 0;
	if (options->spec.kind == PORT_LO) {
		rc = hold_address(&hold, (const struct sockaddr *)&any_ipv4);
		return rc != 0 ? rc : hold_address(&hold, (const struct sockaddr *)&any_ipv6);
	}
	error_clear(error);
	rc = port_xdp_addresses(options->spec.where, hold_address, &hold, &listing);
	/* udp_hold has said what is wrong with a port. */
	if (rc != 0 && !error_is_set(error))
		error_set(error, "%s", listing.text);
	return rc;
}
