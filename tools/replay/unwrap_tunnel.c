/*
 * unwrap_tunnel: the half of unwrap.h under IP: IP in IP, Ethernet in IP, GRE and ERSPAN, and the
 * tunnels over UDP.
 */
#include "engine/base/limits.h"
#include "tools/replay/unwrap_step.h"

enum {
	/* IP protocols (IANA). */
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_IPV4 = 4,
	PROTOCOL_UDP = 17,
	PROTOCOL_IPV6 = 41,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_GRE = 47,
	PROTOCOL_AUTHENTICATION = 51,
	PROTOCOL_DESTINATION = 60,
	PROTOCOL_ETHER_IP = 97,
	PROTOCOL_MPLS = 137,

	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_FRAGMENT_OFFSET = 0x1fff,
	IPV6_MORE_FRAGMENTS = 0x0001,
	IPV6_FRAGMENT_OFFSET = 0xfff8,
	/* IPv6 has one of each kind, destination options twice. */
	EXTENSIONS_MAX = 8,
	EXTENSION_UNIT_BYTES = 8,

	ETHER_IP_HEADER_BYTES = 2,
	ETHER_IP_VERSION = 0x30,

	/* RFC 2784, RFC 2890; version 1 is RFC 2637. */
	GRE_HEADER_BYTES = 4,
	GRE_FIELD_BYTES = 4,
	GRE_CHECKSUM = 0x8000,
	GRE_ROUTING = 0x4000,
	GRE_KEY = 0x2000,
	GRE_SEQUENCE = 0x1000,
	GRE_ACKNOWLEDGED = 0x0080,
	GRE_VERSION = 0x0007,

	/* draft-foschiano-erspan-03. */
	GRE_ERSPAN = 0x88be,
	GRE_ERSPAN_III = 0x22eb,
	ERSPAN_II_BYTES = 8,
	ERSPAN_III_BYTES = 12,
	ERSPAN_PLATFORM_BYTES = 8,
	ERSPAN_TRUNCATED = 0x04, /* in the third byte */
	ERSPAN_HAS_PLATFORM = 0x0001,
	ERSPAN_FRAME_IP = 2,

	VXLAN_HEADER_BYTES = 8, /* RFC 7348 */
	VXLAN_HAS_ID = 0x08,
	VXLAN_HAS_NEXT = 0x04, /* draft-ietf-nvo3-vxlan-gpe */

	GENEVE_HEADER_BYTES = 8, /* RFC 8926 */

	TZSP_HEADER_BYTES = 4,
	TZSP_VERSION = 1,
	TZSP_ETHERNET = 1,
	TZSP_TAG_PADDING = 0,
	TZSP_TAG_END = 1,
};

/* An IP packet: what it carries, where. */
struct network {
	const uint8_t *body;
	uint32_t left; /* bytes of the body that were captured */
	uint8_t protocol;
	bool fragment;
	bool first; /* of its fragments, or whole */
};

static bool has_vxlan(const uint8_t *body, uint32_t left)
{
	return left >= VXLAN_HEADER_BYTES && (body[0] & VXLAN_HAS_ID) != 0;
}

static bool has_geneve(const uint8_t *body, uint32_t left)
{
	return left >= GENEVE_HEADER_BYTES && body[0] >> 6 == 0;
}

/* Versions other than 1, and what is no packet (keep-alives, settings), stay as they are. */
static bool has_tzsp(const uint8_t *body, uint32_t left)
{
	return left >= TZSP_HEADER_BYTES && body[0] == TZSP_VERSION && body[1] <= 1;
}

static bool has_any(const uint8_t *body, uint32_t left)
{
	(void)body;
	return left > 0;
}

static const struct udp_tunnel {
	uint16_t port;
	enum layer layer;
	bool (*has)(const uint8_t *body, uint32_t left); /* whether a header of it is there */
} udp_tunnels[] = {
	{UNWRAP_PORT_VXLAN, LAYER_VXLAN, has_vxlan},
	{UNWRAP_PORT_VXLAN_LINUX, LAYER_VXLAN, has_vxlan},
	{UNWRAP_PORT_VXLAN_GPE, LAYER_VXLAN_GPE, has_vxlan},
	{UNWRAP_PORT_GENEVE, LAYER_GENEVE, has_geneve},
	{UNWRAP_PORT_TZSP, LAYER_TZSP, has_tzsp},
	{UNWRAP_PORT_MPLS, LAYER_MPLS, has_any},
	{UNWRAP_PORT_GRE, LAYER_GRE, has_any},
};

static const struct udp_tunnel *udp_tunnel_of(uint16_t port)
{
	for (size_t i = 0; i < sizeof(udp_tunnels) / sizeof(udp_tunnels[0]); i++) {
		if (udp_tunnels[i].port == port)
			return &udp_tunnels[i];
	}
	return NULL;
}

/* Goes on with a layer inside an IP packet. */
static enum peeled enter(struct peel *peel, const struct network *network, uint32_t header_bytes,
			 enum layer layer)
{
	if (network->fragment)
		return PEELED_FRAGMENT;
	peel->at = network->body;
	peel->left = network->left;
	peel->bare = true;
	return peel_take(peel, header_bytes, layer);
}

static enum peeled enter_udp(struct peel *peel, const struct network *network)
{
	const uint8_t *udp = network->body;
	const struct udp_tunnel *tunnel;

	if (!network->first || network->left < UDP_HEADER_BYTES)
		return PEELED_LAST;
	if (peel_is_ours(peel_be16(udp), peel->base_port) ||
	    peel_is_ours(peel_be16(udp + 2), peel->base_port))
		return PEELED_LAST;
	tunnel = udp_tunnel_of(peel_be16(udp + 2));
	if (tunnel == NULL) {
		peel->foreign = DROP_NOT_OUR_PORT;
		return PEELED_LAST;
	}
	if (!tunnel->has(udp + UDP_HEADER_BYTES, network->left - UDP_HEADER_BYTES))
		return PEELED_LAST;

	const enum peeled peeled = enter(peel, network, UDP_HEADER_BYTES, tunnel->layer);

	if (peeled == PEELED && peel_be16(udp + 4) >= UDP_HEADER_BYTES)
		peel_limit(peel, peel_be16(udp + 4) - (uint32_t)UDP_HEADER_BYTES);
	return peeled;
}

static enum peeled enter_ip(struct peel *peel, const struct network *network, uint16_t ethertype)
{
	const enum peeled peeled = enter(peel, network, 0, LAYER_OTHER);

	if (peeled != PEELED)
		return peeled;
	peel_saw(peel, ENCAPSULATION_IP_IN_IP);
	return peel_take_type(peel, 0, ethertype);
}

static enum peeled look_into(struct peel *peel, const struct network *network)
{
	switch (network->protocol) {
	case PROTOCOL_UDP:
		return enter_udp(peel, network);
	case PROTOCOL_IPV4:
		return enter_ip(peel, network, TYPE_IPV4);
	case PROTOCOL_IPV6:
		return enter_ip(peel, network, TYPE_IPV6);
	case PROTOCOL_GRE:
		return enter(peel, network, 0, LAYER_GRE);
	case PROTOCOL_MPLS:
		return enter(peel, network, 0, LAYER_MPLS);
	case PROTOCOL_ETHER_IP:
		return enter(peel, network, 0, LAYER_ETHER_IP);
	default:
		peel->foreign = DROP_NOT_UDP;
		return PEELED_LAST;
	}
}

enum peeled peel_ipv4(struct peel *peel)
{
	const uint8_t *ip = peel->at;
	struct network network;

	if (peel->left < IPV4_HEADER_BYTES)
		return PEELED_LAST;

	const uint32_t header_bytes = (ip[0] & 0x0fU) * 4;
	const uint32_t total_bytes = peel_be16(ip + 2);
	const uint32_t kept_bytes = total_bytes < peel->left ? total_bytes : peel->left;
	const uint16_t fragment = peel_be16(ip + 6);

	if (ip[0] >> 4 != 4 || header_bytes < IPV4_HEADER_BYTES || kept_bytes < header_bytes)
		return PEELED_LAST;
	network = (struct network){
		.body = ip + header_bytes,
		.left = kept_bytes - header_bytes,
		.protocol = ip[9],
		.fragment = (fragment & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) != 0,
		.first = (fragment & IPV4_FRAGMENT_OFFSET) == 0,
	};
	return look_into(peel, &network);
}

/* Passes over one extension header. False: it is none, or not all there. */
static bool pass_extension(struct network *network)
{
	const uint8_t *body = network->body;
	uint32_t bytes;

	if (network->left < EXTENSION_UNIT_BYTES)
		return false;
	switch (network->protocol) {
	case PROTOCOL_HOP_BY_HOP:
	case PROTOCOL_ROUTING:
	case PROTOCOL_DESTINATION:
		bytes = (body[1] + 1U) * EXTENSION_UNIT_BYTES;
		break;
	case PROTOCOL_AUTHENTICATION:
		bytes = (body[1] + 2U) * 4;
		break;
	case PROTOCOL_FRAGMENT:
		bytes = EXTENSION_UNIT_BYTES;
		network->first = (peel_be16(body + 2) & IPV6_FRAGMENT_OFFSET) == 0;
		network->fragment =
			!network->first || (peel_be16(body + 2) & IPV6_MORE_FRAGMENTS) != 0;
		break;
	default:
		return false;
	}
	if (bytes > network->left)
		return false;
	network->protocol = body[0];
	network->body += bytes;
	network->left -= bytes;
	return true;
}

enum peeled peel_ipv6(struct peel *peel)
{
	const uint8_t *ip = peel->at;
	struct network network;

	if (peel->left < IPV6_HEADER_BYTES || ip[0] >> 4 != 6)
		return PEELED_LAST;
	network = (struct network){
		.body = ip + IPV6_HEADER_BYTES,
		.left = peel->left - IPV6_HEADER_BYTES,
		.protocol = ip[6],
		.first = true,
	};
	if (peel_be16(ip + 4) < network.left)
		network.left = peel_be16(ip + 4);
	for (unsigned i = 0; i < EXTENSIONS_MAX && network.first; i++) {
		if (!pass_extension(&network))
			break;
	}
	return look_into(peel, &network);
}

enum peeled peel_ether_ip(struct peel *peel)
{
	if (peel->left < ETHER_IP_HEADER_BYTES)
		return PEELED_SHORT;
	if (peel->at[0] != ETHER_IP_VERSION)
		return PEELED_BAD;
	peel_saw(peel, ENCAPSULATION_ETHER_IP);
	return peel_take(peel, ETHER_IP_HEADER_BYTES, LAYER_ETHER);
}

static uint32_t gre_bytes(uint16_t flags)
{
	uint32_t fields = ((flags & GRE_CHECKSUM) != 0) + ((flags & GRE_KEY) != 0) +
			  ((flags & GRE_SEQUENCE) != 0);

	if ((flags & GRE_VERSION) == 1 && (flags & GRE_ACKNOWLEDGED) != 0)
		fields++;
	return GRE_HEADER_BYTES + fields * GRE_FIELD_BYTES;
}

enum peeled peel_gre(struct peel *peel)
{
	if (peel->left < GRE_HEADER_BYTES)
		return PEELED_SHORT;

	const uint16_t flags = peel_be16(peel->at);
	const uint16_t protocol = peel_be16(peel->at + 2);
	const uint32_t bytes = gre_bytes(flags);

	if ((flags & GRE_ROUTING) != 0 || (flags & GRE_VERSION) > 1)
		return PEELED_BAD;
	if (peel->left < bytes)
		return PEELED_SHORT;
	peel->bare = true;
	if (protocol == GRE_ERSPAN && (flags & GRE_SEQUENCE) == 0) {
		peel_saw(peel, ENCAPSULATION_ERSPAN_I);
		return peel_take(peel, bytes, LAYER_ETHER);
	}
	if (protocol == GRE_ERSPAN || protocol == GRE_ERSPAN_III)
		return peel_take(peel, bytes, LAYER_ERSPAN);
	peel_saw(peel, ENCAPSULATION_GRE);
	if (protocol <= LENGTH_MAX)
		return PEELED_OTHER;
	return peel_take_type(peel, bytes, protocol);
}

static enum peeled peel_erspan_iii(struct peel *peel)
{
	if (peel->left < ERSPAN_III_BYTES)
		return PEELED_SHORT;

	const uint16_t last = peel_be16(peel->at + ERSPAN_III_BYTES - 2);
	const uint32_t bytes =
		ERSPAN_III_BYTES + ((last & ERSPAN_HAS_PLATFORM) != 0 ? ERSPAN_PLATFORM_BYTES : 0);

	if (peel->left < bytes)
		return PEELED_SHORT;
	peel->cut |= (peel->at[2] & ERSPAN_TRUNCATED) != 0;
	peel_saw(peel, ENCAPSULATION_ERSPAN_III);
	return (last >> 10 & 0x1f) == ERSPAN_FRAME_IP ? peel_take_ip(peel, bytes)
						      : peel_take(peel, bytes, LAYER_ETHER);
}

/* The first four bits are the version: 1 is type II, 2 is type III. Some programs leave it 0 in
 * type II, and type I has no header at all, then also with a sequence number before it. */
enum peeled peel_erspan(struct peel *peel)
{
	if (peel->left < ERSPAN_II_BYTES)
		return PEELED_SHORT;
	if (peel->at[0] >> 4 == 2)
		return peel_erspan_iii(peel);
	if (!peel_looks_like_ether(peel->at + ERSPAN_II_BYTES, peel->left - ERSPAN_II_BYTES)) {
		if (peel_looks_like_ether(peel->at, peel->left)) {
			peel_saw(peel, ENCAPSULATION_ERSPAN_I);
			return peel_take(peel, 0, LAYER_ETHER);
		}
		if (peel->at[0] >> 4 != 1)
			return PEELED_BAD;
	}
	peel->cut |= (peel->at[2] & ERSPAN_TRUNCATED) != 0;
	peel_saw(peel, ENCAPSULATION_ERSPAN_II);
	return peel_take(peel, ERSPAN_II_BYTES, LAYER_ETHER);
}

enum peeled peel_vxlan(struct peel *peel)
{
	if (peel->left < VXLAN_HEADER_BYTES)
		return PEELED_SHORT;
	peel_saw(peel, ENCAPSULATION_VXLAN);
	return peel_take(peel, VXLAN_HEADER_BYTES, LAYER_ETHER);
}

enum peeled peel_vxlan_gpe(struct peel *peel)
{
	if (peel->left < VXLAN_HEADER_BYTES)
		return PEELED_SHORT;
	peel_saw(peel, ENCAPSULATION_VXLAN);
	if ((peel->at[0] & VXLAN_HAS_NEXT) == 0)
		return peel_take(peel, VXLAN_HEADER_BYTES, LAYER_ETHER);
	switch (peel->at[3]) {
	case 1:
	case 2:
		return peel_take_ip(peel, VXLAN_HEADER_BYTES);
	case 3:
		return peel_take(peel, VXLAN_HEADER_BYTES, LAYER_ETHER);
	case 5:
		return peel_take_type(peel, VXLAN_HEADER_BYTES, TYPE_MPLS);
	default:
		return PEELED_OTHER;
	}
}

enum peeled peel_geneve(struct peel *peel)
{
	if (peel->left < GENEVE_HEADER_BYTES)
		return PEELED_SHORT;

	const uint32_t bytes = GENEVE_HEADER_BYTES + (peel->at[0] & 0x3fU) * 4;
	const uint16_t protocol = peel_be16(peel->at + 2);

	if (peel->left < bytes)
		return PEELED_SHORT;
	peel_saw(peel, ENCAPSULATION_GENEVE);
	if (protocol <= LENGTH_MAX)
		return PEELED_OTHER;
	return peel_take_type(peel, bytes, protocol);
}

/* Its tagged fields are of any number; their end is a tag of its own. */
enum peeled peel_tzsp(struct peel *peel)
{
	uint32_t at = TZSP_HEADER_BYTES;

	if (peel->left < TZSP_HEADER_BYTES)
		return PEELED_SHORT;
	peel_saw(peel, ENCAPSULATION_TZSP);
	if (peel_be16(peel->at + 2) != TZSP_ETHERNET)
		return PEELED_OTHER;
	while (at < peel->left && peel->at[at] != TZSP_TAG_END) {
		if (peel->at[at] == TZSP_TAG_PADDING)
			at++;
		else if (at + 1 < peel->left)
			at += 2U + peel->at[at + 1];
		else
			return PEELED_SHORT;
	}
	if (at >= peel->left)
		return PEELED_SHORT;
	return peel_take(peel, at + 1, LAYER_ETHER);
}
