/*
 * link: the link layers of captures, as Ethernet frames; a part of captured.h.
 */
#include <string.h>

#include <pcap/dlt.h>

#include "engine/base/check.h"
#include "tools/replay/captured.h"

enum {
	/* In files; libpcap has other numbers for the first on some systems, and OpenBSD's own. */
	LINKTYPE_RAW = 101,
	LINKTYPE_RAW_OPENBSD = 14,
	/* What Apple calls it, beside DLT_PKTAP. */
	LINKTYPE_PKTAP_APPLE = 149,

	SLL_HEADER_BYTES = 16,
	SLL2_HEADER_BYTES = 20,
	SLL_802_2 = 4,
	ETHER_LENGTH_MAX = 1500, /* of an 802.3 frame; more is a type */
	SLL2_INDEX_OFFSET = 4,
	SLL2_TYPE_OFFSET = 10,
	LOOPBACK_HEADER_BYTES = 4,
	DIRECTION_BYTES = 1,
	CHDLC_HEADER_BYTES = 4, /* address, control, type */
	MAC_BYTES = 12,
	TYPE_BYTES = 2,
	BRCM_TAG_BYTES = 4,
	DSA_TAG_BYTES = 4,
	EDSA_TAG_BYTES = 8,

	NFLOG_HEADER_BYTES = 4,
	NFLOG_FIELD_BYTES = 4, /* length and type of a field */
	NFLOG_PAYLOAD = 9,

	PKTAP_HEADER_BYTES = 12, /* of it what we read: length, next, link type */

	ERF_HEADER_BYTES = 16,
	ERF_TYPE_OFFSET = 8,
	ERF_EXTENSION_BYTES = 8,
	ERF_EXTENSION_FOLLOWS = 0x80,
	ERF_ETHER_PAD_BYTES = 2,
	ERF_CHANNEL_BYTES = 4,
};

/* A packet of some link, and where its frame goes. */
struct link {
	const uint8_t *packet;
	uint32_t bytes;
	uint8_t *room;
	const uint8_t *frame;
	uint32_t frame_bytes;
};

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static uint32_t read_le32(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

void link_put_ether(uint16_t ethertype, const uint8_t *network, uint32_t bytes, uint8_t *room,
		    uint32_t *frame_bytes)
{
	const uint32_t most = LINK_FRAME_BYTES_MAX - ETHER_HEADER_BYTES;
	const uint32_t kept = bytes < most ? bytes : most;

	memmove(room + ETHER_HEADER_BYTES, network, kept);
	memset(room, 0, MAC_BYTES);
	room[MAC_BYTES] = (uint8_t)(ethertype >> 8);
	room[MAC_BYTES + 1] = (uint8_t)ethertype;
	*frame_bytes = ETHER_HEADER_BYTES + kept;
}

/* The network packet after `header` bytes, under its type. */
static enum skip put(struct link *link, uint32_t header, uint16_t ethertype)
{
	link_put_ether(ethertype, link->packet + header, link->bytes - header, link->room,
		       &link->frame_bytes);
	link->frame = link->room;
	return SKIP_CNT;
}

/* Takes off a header that has nothing for us. False: it is not all there. */
static bool take(struct link *link, uint32_t bytes)
{
	if (link->bytes < bytes)
		return false;
	link->packet += bytes;
	link->bytes -= bytes;
	return true;
}

static enum skip ether(struct link *link)
{
	link->frame = link->packet;
	link->frame_bytes = link->bytes;
	return SKIP_CNT;
}

/* Linux cooked: an Ethernet type, or that an 802.2 header comes first. */
static enum skip cooked(struct link *link, uint32_t header, uint32_t type_at)
{
	uint32_t type;

	if (link->bytes < header)
		return SKIP_LINK_HEADER;
	type = read_be16(link->packet + type_at);
	if (type == SLL_802_2) {
		type = link->bytes - header;
		if (type > ETHER_LENGTH_MAX)
			type = ETHER_LENGTH_MAX;
	}
	return put(link, header, (uint16_t)type);
}

static enum skip sll(struct link *link)
{
	/* Mostly its last 14 bytes serve as an Ethernet header: they end with the type. */
	if (link->bytes < SLL_HEADER_BYTES ||
	    read_be16(link->packet + SLL_HEADER_BYTES - 2) == SLL_802_2)
		return cooked(link, SLL_HEADER_BYTES, SLL_HEADER_BYTES - 2);
	(void)take(link, SLL_HEADER_BYTES - ETHER_HEADER_BYTES);
	return ether(link);
}

static enum skip sll2(struct link *link)
{
	return cooked(link, SLL2_HEADER_BYTES, 0);
}

/* A packet of a link that says nothing but "IP": its version is in its first half byte. */
static enum skip raw(struct link *link)
{
	if (link->bytes == 0)
		return SKIP_LINK_HEADER;
	if (link->packet[0] >> 4 != 4 && link->packet[0] >> 4 != 6)
		return SKIP_LINK_PROTOCOL;
	return put(link, 0, link->packet[0] >> 4 == 4 ? 0x0800 : 0x86dd);
}

static enum skip loopback(struct link *link)
{
	return take(link, LOOPBACK_HEADER_BYTES) ? raw(link) : SKIP_LINK_HEADER;
}

static enum skip mpls(struct link *link)
{
	return put(link, 0, 0x8847);
}

/* PPPoE without the Ethernet header. */
static enum skip ppp_ether(struct link *link)
{
	return put(link, 0, 0x8864);
}

static enum skip cisco_hdlc(struct link *link)
{
	if (link->bytes < CHDLC_HEADER_BYTES)
		return SKIP_LINK_HEADER;
	return put(link, CHDLC_HEADER_BYTES, read_be16(link->packet + 2));
}

/* PPP, with or without HDLC's address and control bytes; Cisco HDLC has other addresses. */
static enum skip ppp(struct link *link)
{
	if (link->bytes >= 2 && (link->packet[0] == 0x0f || link->packet[0] == 0x8f) &&
	    link->packet[1] == 0)
		return cisco_hdlc(link);
	if (link->bytes >= 2 && link->packet[0] == 0xff && link->packet[1] == 0x03)
		(void)take(link, 2);
	if (link->bytes < 2)
		return SKIP_LINK_HEADER;

	const bool is_short = (link->packet[0] & 1) != 0;
	const uint16_t protocol = is_short ? link->packet[0] : read_be16(link->packet);
	const uint32_t header = is_short ? 1 : 2;

	switch (protocol) {
	case 0x0021:
		return put(link, header, 0x0800);
	case 0x0057:
		return put(link, header, 0x86dd);
	case 0x0281:
	case 0x0283:
		return put(link, header, 0x8847);
	default:
		return SKIP_LINK_PROTOCOL;
	}
}

/* The direction where HDLC has its address. */
static enum skip ppp_pppd(struct link *link)
{
	if (link->bytes >= 2 && link->packet[0] <= 1 && link->packet[1] == 0x03)
		(void)take(link, 2);
	return ppp(link);
}

static enum skip ppp_direction(struct link *link)
{
	return take(link, DIRECTION_BYTES) ? ppp(link) : SKIP_LINK_HEADER;
}

static enum skip cisco_hdlc_direction(struct link *link)
{
	return take(link, DIRECTION_BYTES) ? cisco_hdlc(link) : SKIP_LINK_HEADER;
}

/* A switch's tag between the addresses and the type. */
static enum skip after_addresses(struct link *link, uint32_t tag_bytes)
{
	const uint32_t header = MAC_BYTES + tag_bytes + TYPE_BYTES;

	if (link->bytes < header)
		return SKIP_LINK_HEADER;
	return put(link, header, read_be16(link->packet + header - TYPE_BYTES));
}

static enum skip dsa(struct link *link)
{
	return after_addresses(link, DSA_TAG_BYTES);
}

static enum skip edsa(struct link *link)
{
	return after_addresses(link, EDSA_TAG_BYTES);
}

static enum skip brcm(struct link *link)
{
	return after_addresses(link, BRCM_TAG_BYTES);
}

static enum skip brcm_before(struct link *link)
{
	return take(link, BRCM_TAG_BYTES) ? ether(link) : SKIP_LINK_HEADER;
}

/* Fields of a length and a type, in the byte order of the machine that captured; types are small.
 */
static enum skip nflog(struct link *link)
{
	if (!take(link, NFLOG_HEADER_BYTES))
		return SKIP_LINK_HEADER;
	while (link->bytes >= NFLOG_FIELD_BYTES) {
		const uint8_t *at = link->packet;
		const bool little = (at[3] & 0x7f) == 0;
		const uint32_t bytes = little ? (uint32_t)(at[1] << 8 | at[0]) : read_be16(at);
		const uint32_t type = little ? at[2] : at[3];
		const uint32_t rounded = (bytes + 3) & ~UINT32_C(3);

		if (bytes < NFLOG_FIELD_BYTES)
			return SKIP_LINK_HEADER;
		if (type == NFLOG_PAYLOAD) {
			if (bytes < link->bytes)
				link->bytes = bytes;
			(void)take(link, NFLOG_FIELD_BYTES);
			return raw(link);
		}
		if (!take(link, rounded))
			return SKIP_LINK_HEADER;
	}
	return SKIP_LINK_HEADER;
}

/* After Linux's PPP, Endace's cards: Cisco HDLC or PPP, by the address. */
static enum skip erf_record(struct link *link, uint8_t type)
{
	switch (type) {
	case 2: /* ETH; coloured, steered, hashed */
	case 11:
	case 16:
	case 20:
		return take(link, ERF_ETHER_PAD_BYTES) ? ether(link) : SKIP_LINK_HEADER;
	case 1: /* HDLC_POS; the same */
	case 10:
	case 15:
	case 19:
		return ppp(link);
	case 5: /* MC_HDLC */
	case 17:
		return take(link, ERF_CHANNEL_BYTES) ? ppp(link) : SKIP_LINK_HEADER;
	case 22: /* IPV4, IPV6 */
	case 23:
		return raw(link);
	default:
		return SKIP_LINK_PROTOCOL;
	}
}

static enum skip endace(struct link *link)
{
	uint8_t type;
	bool more;

	if (link->bytes < ERF_HEADER_BYTES)
		return SKIP_LINK_HEADER;
	type = link->packet[ERF_TYPE_OFFSET];
	more = (type & ERF_EXTENSION_FOLLOWS) != 0;
	(void)take(link, ERF_HEADER_BYTES);
	while (more) {
		if (link->bytes < ERF_EXTENSION_BYTES)
			return SKIP_LINK_HEADER;
		more = (link->packet[0] & ERF_EXTENSION_FOLLOWS) != 0;
		(void)take(link, ERF_EXTENSION_BYTES);
	}
	return erf_record(link, type & ~ERF_EXTENSION_FOLLOWS);
}

static enum skip pktap(struct link *link);

/* The links that can be read, by libpcap's number (DLT_...), which is that of files but for raw IP.
 */
static const struct link_kind {
	int type;
	enum skip (*frame)(struct link *link);
} kinds[] = {
	{DLT_EN10MB, ether},
	{DLT_LINUX_SLL, sll},
	{DLT_LINUX_SLL2, sll2},
	{DLT_RAW, raw},
	{LINKTYPE_RAW, raw},
	{LINKTYPE_RAW_OPENBSD, raw},
	{DLT_IPV4, raw},
	{DLT_IPV6, raw},
	{DLT_NULL, loopback},
	{DLT_LOOP, loopback},
	{DLT_NFLOG, nflog},
	{DLT_PKTAP, pktap},
	{LINKTYPE_PKTAP_APPLE, pktap},
	{DLT_PPP, ppp},
	{DLT_PPP_SERIAL, ppp},
	{DLT_PPP_ETHER, ppp_ether},
	{DLT_PPP_PPPD, ppp_pppd},
	{DLT_PPP_WITH_DIR, ppp_direction},
	{DLT_C_HDLC, cisco_hdlc},
	{DLT_C_HDLC_WITH_DIR, cisco_hdlc_direction},
	{DLT_ERF, endace},
	{DLT_ERF_ETH, endace},
	{DLT_ERF_POS, endace},
	{DLT_MPLS, mpls},
	{DLT_DSA_TAG_DSA, dsa},
	{DLT_DSA_TAG_EDSA, edsa},
	{DLT_DSA_TAG_BRCM, brcm},
	{DLT_DSA_TAG_BRCM_PREPEND, brcm_before},
};

static const struct link_kind *kind_of(int link_type)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].type == link_type)
			return &kinds[i];
	}
	return NULL;
}

/* Says which link follows its own header, in the byte order of the machine: Apple's are little. */
static enum skip pktap(struct link *link)
{
	const struct link_kind *kind;
	uint32_t header;

	if (link->bytes < PKTAP_HEADER_BYTES)
		return SKIP_LINK_HEADER;
	header = read_le32(link->packet);
	kind = kind_of((int)read_le32(link->packet + 8));
	if (header < PKTAP_HEADER_BYTES || !take(link, header))
		return SKIP_LINK_HEADER;
	return kind == NULL || kind->frame == pktap ? SKIP_LINK_TYPE : kind->frame(link);
}

bool link_known(int link_type)
{
	return kind_of(link_type) != NULL;
}

enum skip link_frame(int link_type, const uint8_t *packet, uint32_t bytes, uint8_t *room,
		     const uint8_t **frame, uint32_t *frame_bytes)
{
	const struct link_kind *kind = kind_of(link_type);
	struct link link = {.packet = packet, .bytes = bytes, .room = room};
	enum skip skip;

	CHECK(kind != NULL);
	skip = kind->frame(&link);
	*frame = link.frame;
	*frame_bytes = link.frame_bytes;
	return skip;
}

uint16_t link_point(int link_type, const uint8_t *packet, uint32_t bytes)
{
	if (link_type != DLT_LINUX_SLL2 || bytes < SLL2_HEADER_BYTES)
		return 0;
	/* Interfaces are numbered from 1 on; a packet is seen once a way through each. */
	return (uint16_t)(read_be16(packet + SLL2_INDEX_OFFSET + 2) << 3 |
			  (packet[SLL2_TYPE_OFFSET] & 7));
}
