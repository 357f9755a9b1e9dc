/*
 * unwrap_step: the parts of unwrap; for tools/replay/unwrap*.c alone. unwrap.c has what Ethernet
 * carries, unwrap_tunnel.c what IP carries.
 */
#ifndef DB_TOOLS_REPLAY_UNWRAP_STEP_H
#define DB_TOOLS_REPLAY_UNWRAP_STEP_H

#include "tools/replay/unwrap.h"

enum layer {
	LAYER_ETHER,
	LAYER_TAG, /* `ethertype` says which */
	LAYER_LLC,
	LAYER_MPLS,
	LAYER_PPPOE,
	LAYER_PPP,
	LAYER_IPV4,
	LAYER_IPV6,
	LAYER_ETHER_IP,
	LAYER_GRE,
	LAYER_ERSPAN,
	LAYER_VXLAN,
	LAYER_VXLAN_GPE,
	LAYER_GENEVE,
	LAYER_TZSP,
	LAYER_OTHER, /* nothing that can be taken off */
	LAYERS,
};

/* A packet that is being taken apart. */
struct peel {
	const uint8_t *at; /* where the current layer begins */
	uint32_t left;     /* bytes from there on */
	enum layer layer;
	uint16_t ethertype; /* of the current layer, where it has one */
	uint16_t base_port;
	bool bare; /* the last header was not Ethernet, a tag or LLC */
	bool cut;
	enum drop foreign;
	uint32_t seen;
};

/* What a step did. */
enum peeled {
	PEELED,       /* took the layer off; `at` is the next one */
	PEELED_LAST,  /* nothing: the packet is not in anything else */
	PEELED_SHORT, /* the packet ends inside the layer's header */
	PEELED_BAD,   /* the header is of no kind we know */
	PEELED_FRAGMENT,
	PEELED_OTHER, /* what is inside is neither Ethernet nor IP */
};

enum {
	TYPE_IPV4 = 0x0800,
	TYPE_IPV6 = 0x86dd,
	TYPE_BRIDGED = 0x6558,
	TYPE_MPLS = 0x8847,
	TYPE_MPLS_UPSTREAM = 0x8848,
	TYPE_PPP = 0x880b,
	TYPE_PPPOE = 0x8864,
	TYPE_PBB = 0x88e7,
	LENGTH_MAX = 1500, /* a type up to here is the length of an 802.3 frame */
};

static inline uint16_t peel_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline bool peel_is_ours(uint16_t port, uint16_t base_port)
{
	return port >= base_port && port - base_port < SHARDS_MAX;
}

/* Goes on after `bytes` of headers, which must be there, with a layer. */
static inline enum peeled peel_take(struct peel *peel, uint32_t bytes, enum layer next)
{
	peel->at += bytes;
	peel->left -= bytes;
	peel->layer = next;
	return PEELED;
}

static inline void peel_saw(struct peel *peel, enum encapsulation encapsulation)
{
	peel->seen |= UINT32_C(1) << encapsulation;
}

static inline void peel_limit(struct peel *peel, uint32_t bytes)
{
	if (bytes < peel->left)
		peel->left = bytes;
}

/* The same, with what a type or an 802.3 length says. */
enum peeled peel_take_type(struct peel *peel, uint32_t bytes, uint16_t ethertype);

/* The same, with an IP packet of the version that its first bits have. */
enum peeled peel_take_ip(struct peel *peel, uint32_t bytes);

/* Whether an Ethernet frame begins there, as far as its type and what follows say. */
bool peel_looks_like_ether(const uint8_t *at, uint32_t left);

enum peeled peel_ipv4(struct peel *peel);
enum peeled peel_ipv6(struct peel *peel);
enum peeled peel_ether_ip(struct peel *peel);
enum peeled peel_gre(struct peel *peel);
enum peeled peel_erspan(struct peel *peel);
enum peeled peel_vxlan(struct peel *peel);
enum peeled peel_vxlan_gpe(struct peel *peel);
enum peeled peel_geneve(struct peel *peel);
enum peeled peel_tzsp(struct peel *peel);

#endif
