#include "tools/replay/unwrap.h"

#include <assert.h>
#include <string.h>

#include "engine/base/limits.h"
#include "tools/replay/unwrap_step.h"

enum {
	MPLS_LABEL_BYTES = 4,
	MPLS_BOTTOM = 0x01, /* in a label's third byte */
	CONTROL_WORD_BYTES = 4,
	PPPOE_HEADER_BYTES = 6,
	PPPOE_VERSION_TYPE = 0x11,
	PPP_IPV4 = 0x0021,
	PPP_IPV6 = 0x0057,
	PPP_MPLS = 0x0281,
	PPP_MPLS_UPSTREAM = 0x0283,
	LLC_BYTES = 3,
	SNAP_BYTES = 8, /* with LLC */
	PBB_TAG_BYTES = 4,
	PADDING_MAX = 46, /* of Ethernet's shortest frame */
};
static_assert(ENCAPSULATION_CNT <= 32, "each has a bit");

const char *encapsulation_name(enum encapsulation encapsulation)
{
	static const char *const names[] = {
#define ENCAPSULATION(name, text) #name,
#include "tools/replay/encapsulation.def"
#undef ENCAPSULATION
	};

	return (unsigned)encapsulation < ENCAPSULATION_CNT ? names[encapsulation] : "unknown";
}

const char *encapsulation_text(enum encapsulation encapsulation)
{
	static const char *const texts[] = {
#define ENCAPSULATION(name, text) text,
#include "tools/replay/encapsulation.def"
#undef ENCAPSULATION
	};

	return (unsigned)encapsulation < ENCAPSULATION_CNT ? texts[encapsulation] : "unknown";
}

/* Tags between the MAC addresses and the type; their bytes, with the type that follows. */
static const struct tag {
	uint16_t ethertype;
	uint8_t bytes;
	enum encapsulation encapsulation;
} tags[] = {
	{0x8100, 4, ENCAPSULATION_VLAN},   {0x88a8, 4, ENCAPSULATION_VLAN},
	{0x9100, 4, ENCAPSULATION_VLAN},   {0x9200, 4, ENCAPSULATION_VLAN},
	{0x8926, 6, ENCAPSULATION_VN_TAG}, {0x893f, 8, ENCAPSULATION_E_TAG},
	{0x8909, 8, ENCAPSULATION_SGT},
};

static const struct tag *tag_of(uint16_t ethertype)
{
	for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (tags[i].ethertype == ethertype)
			return &tags[i];
	}
	return NULL;
}

static enum layer layer_of(uint16_t ethertype)
{
	switch (ethertype) {
	case TYPE_IPV4:
		return LAYER_IPV4;
	case TYPE_IPV6:
		return LAYER_IPV6;
	case TYPE_MPLS:
	case TYPE_MPLS_UPSTREAM:
		return LAYER_MPLS;
	case TYPE_PPPOE:
		return LAYER_PPPOE;
	case TYPE_PPP:
		return LAYER_PPP;
	case TYPE_BRIDGED:
		return LAYER_ETHER;
	default:
		if (ethertype <= LENGTH_MAX)
			return LAYER_LLC;
		return tag_of(ethertype) != NULL || ethertype == TYPE_PBB ? LAYER_TAG : LAYER_OTHER;
	}
}

enum peeled peel_take_type(struct peel *peel, uint32_t bytes, uint16_t ethertype)
{
	peel->ethertype = ethertype;
	return peel_take(peel, bytes, layer_of(ethertype));
}

enum peeled peel_take_ip(struct peel *peel, uint32_t bytes)
{
	if (peel->left <= bytes)
		return PEELED_SHORT;

	const uint8_t version = peel->at[bytes] >> 4;

	if (version != 4 && version != 6)
		return PEELED_OTHER;
	peel->bare = true;
	return peel_take_type(peel, bytes, version == 4 ? TYPE_IPV4 : TYPE_IPV6);
}

static enum peeled peel_ether(struct peel *peel)
{
	if (peel->left < ETHER_HEADER_BYTES)
		return PEELED_SHORT;
	peel->bare = false;
	return peel_take_type(peel, ETHER_HEADER_BYTES,
			      peel_be16(peel->at + ETHER_HEADER_BYTES - 2));
}

static enum peeled peel_tag(struct peel *peel)
{
	const struct tag *tag = tag_of(peel->ethertype);

	if (tag == NULL) { /* the backbone's: a frame with addresses of its own follows */
		if (peel->left < PBB_TAG_BYTES)
			return PEELED_SHORT;
		peel_saw(peel, ENCAPSULATION_PBB);
		return peel_take(peel, PBB_TAG_BYTES, LAYER_ETHER);
	}
	if (peel->left < tag->bytes)
		return PEELED_SHORT;
	peel_saw(peel, tag->encapsulation);
	return peel_take_type(peel, tag->bytes, peel_be16(peel->at + tag->bytes - 2));
}

static bool is_snap(const uint8_t *llc)
{
	/* 0x0000f8: a type as with 0x000000, for bridges of old (802.1H). */
	return llc[0] == 0xaa && llc[1] == 0xaa && llc[2] == 0x03 && llc[3] == 0 && llc[4] == 0 &&
	       (llc[5] == 0 || llc[5] == 0xf8);
}

/* The frame of 802.3: its length is where the type was. */
static enum peeled peel_llc(struct peel *peel)
{
	static const uint8_t ip_sap[LLC_BYTES] = {0x06, 0x06, 0x03};

	peel_limit(peel, peel->ethertype);
	if (peel->left >= SNAP_BYTES && is_snap(peel->at)) {
		peel_saw(peel, ENCAPSULATION_LLC_SNAP);
		return peel_take_type(peel, SNAP_BYTES, peel_be16(peel->at + SNAP_BYTES - 2));
	}
	if (peel->left >= LLC_BYTES && memcmp(peel->at, ip_sap, LLC_BYTES) == 0) {
		peel_saw(peel, ENCAPSULATION_LLC_SNAP);
		return peel_take_type(peel, LLC_BYTES, TYPE_IPV4);
	}
	return PEELED_LAST;
}

/* Whether what IPv6 says comes next is something that does (IANA). */
static bool is_protocol(uint8_t next)
{
	static const uint8_t known[] = {0, 4, 6, 17, 41, 43, 44, 47, 50, 51, 58, 59, 60, 132};

	return memchr(known, next, sizeof(known)) != NULL;
}

/* Whether an IP packet begins there that ends where the packet does, but for padding. */
static bool looks_like_ip(const uint8_t *at, uint32_t left)
{
	uint32_t bytes = 0;

	if (left >= IPV4_HEADER_BYTES && at[0] >> 4 == 4 && (at[0] & 0x0f) >= 5)
		bytes = peel_be16(at + 2);
	else if (left >= IPV6_HEADER_BYTES && at[0] >> 4 == 6 && is_protocol(at[6]))
		bytes = IPV6_HEADER_BYTES + peel_be16(at + 4);
	return bytes >= IPV4_HEADER_BYTES && bytes <= left && left - bytes <= PADDING_MAX;
}

bool peel_looks_like_ether(const uint8_t *at, uint32_t left)
{
	if (left < ETHER_HEADER_BYTES + SNAP_BYTES)
		return false;

	const uint16_t ethertype = peel_be16(at + ETHER_HEADER_BYTES - 2);
	const uint8_t *inside = at + ETHER_HEADER_BYTES;

	switch (layer_of(ethertype)) {
	case LAYER_IPV4:
		return inside[0] >> 4 == 4;
	case LAYER_IPV6:
		return inside[0] >> 4 == 6;
	case LAYER_LLC:
		return ethertype <= left - ETHER_HEADER_BYTES && is_snap(inside);
	case LAYER_OTHER:
	case LAYER_ETHER:
		return false;
	default:
		return true;
	}
}

/* Labels do not say what follows the last one: RFC 4928 has the first bits be those of IP, or 0 in
 * the control word of a pseudowire, which may be missing. */
static enum peeled peel_mpls(struct peel *peel)
{
	if (peel->left < MPLS_LABEL_BYTES)
		return PEELED_SHORT;

	const bool bottom = (peel->at[2] & MPLS_BOTTOM) != 0;

	peel_saw(peel, ENCAPSULATION_MPLS);
	(void)peel_take(peel, MPLS_LABEL_BYTES, LAYER_MPLS);
	if (!bottom)
		return PEELED;
	if (looks_like_ip(peel->at, peel->left))
		return peel_take_ip(peel, 0);
	if (peel->left > CONTROL_WORD_BYTES && peel->at[0] >> 4 == 0 &&
	    peel_looks_like_ether(peel->at + CONTROL_WORD_BYTES, peel->left - CONTROL_WORD_BYTES)) {
		peel_saw(peel, ENCAPSULATION_MPLS_ETHERNET);
		return peel_take(peel, CONTROL_WORD_BYTES, LAYER_ETHER);
	}
	if (peel_looks_like_ether(peel->at, peel->left)) {
		peel_saw(peel, ENCAPSULATION_MPLS_ETHERNET);
		return peel_take(peel, 0, LAYER_ETHER);
	}
	return peel_take_ip(peel, 0);
}

static enum peeled peel_pppoe(struct peel *peel)
{
	if (peel->left < PPPOE_HEADER_BYTES)
		return PEELED_SHORT;
	if (peel->at[0] != PPPOE_VERSION_TYPE || peel->at[1] != 0)
		return PEELED_BAD;

	const uint32_t bytes = peel_be16(peel->at + 4);

	peel_saw(peel, ENCAPSULATION_PPPOE);
	(void)peel_take(peel, PPPOE_HEADER_BYTES, LAYER_PPP);
	peel_limit(peel, bytes);
	return PEELED;
}

/* Address and control bytes, and the first of the protocol, may have been left out. */
static enum peeled peel_ppp(struct peel *peel)
{
	uint32_t at = peel->left >= 2 && peel->at[0] == 0xff && peel->at[1] == 0x03 ? 2 : 0;
	uint16_t protocol;

	if (peel->left < at + 2)
		return PEELED_SHORT;
	protocol = (peel->at[at] & 1) != 0 ? peel->at[at] : peel_be16(peel->at + at);
	at += (peel->at[at] & 1) != 0 ? 1 : 2;
	peel->bare = true;
	switch (protocol) {
	case PPP_IPV4:
		return peel_take_type(peel, at, TYPE_IPV4);
	case PPP_IPV6:
		return peel_take_type(peel, at, TYPE_IPV6);
	case PPP_MPLS:
	case PPP_MPLS_UPSTREAM:
		return peel_take_type(peel, at, TYPE_MPLS);
	default:
		return PEELED_OTHER;
	}
}

static enum peeled peel_other(struct peel *peel)
{
	return peel->bare ? PEELED_OTHER : PEELED_LAST;
}

/* How each layer is taken off. */
static enum peeled (*const steps[LAYERS])(struct peel *) = {
	[LAYER_ETHER] = peel_ether,
	[LAYER_TAG] = peel_tag,
	[LAYER_LLC] = peel_llc,
	[LAYER_MPLS] = peel_mpls,
	[LAYER_PPPOE] = peel_pppoe,
	[LAYER_PPP] = peel_ppp,
	[LAYER_IPV4] = peel_ipv4,
	[LAYER_IPV6] = peel_ipv6,
	[LAYER_ETHER_IP] = peel_ether_ip,
	[LAYER_GRE] = peel_gre,
	[LAYER_ERSPAN] = peel_erspan,
	[LAYER_VXLAN] = peel_vxlan,
	[LAYER_VXLAN_GPE] = peel_vxlan_gpe,
	[LAYER_GENEVE] = peel_geneve,
	[LAYER_TZSP] = peel_tzsp,
	[LAYER_OTHER] = peel_other,
};

static enum skip skip_of(enum peeled peeled)
{
	switch (peeled) {
	case PEELED_LAST:
		return SKIP_CNT;
	case PEELED_SHORT:
		return SKIP_TUNNEL_SHORT;
	case PEELED_BAD:
		return SKIP_TUNNEL_MALFORMED;
	case PEELED_FRAGMENT:
		return SKIP_TUNNEL_FRAGMENT;
	case PEELED_OTHER:
		return SKIP_TUNNEL_PROTOCOL;
	case PEELED:
	default:
		return SKIP_TOO_DEEP;
	}
}

enum skip unwrap(const uint8_t *frame, uint32_t bytes, uint16_t base_port, struct unwrapped *out)
{
	struct peel peel = {.at = frame, .left = bytes, .base_port = base_port};
	enum peeled peeled = PEELED;

	/* One step more: the innermost packet itself. */
	for (unsigned i = 0; i <= UNWRAP_HEADERS_MAX + 1 && peeled == PEELED; i++)
		peeled = steps[peel.layer](&peel);
	*out = (struct unwrapped){
		.network = peel.at,
		.bytes = peel.left,
		.ethertype = peel.ethertype,
		.cut = peel.cut,
		.foreign = peel.foreign,
		.seen = peel.seen,
	};
	return skip_of(peeled);
}
