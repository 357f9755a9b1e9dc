/*
 * link: the link layers of captures, as Ethernet frames; and what those frames are to us. The pure
 * half of reader.h: no file, no libpcap, no allocation.
 */
#include <string.h>

#include <pcap/dlt.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "tools/replay/reader.h"

enum {
	SLL_HEADER_BYTES = 16,
	SLL2_HEADER_BYTES = 20,
	LOOPBACK_HEADER_BYTES = 4,
	ETHERTYPE_BYTES = 2,
};

const char *skip_name(enum skip skip)
{
	static const char *const names[] = {
#define SKIP(name, text) #name,
#include "tools/replay/skip.def"
#undef SKIP
	};

	return (unsigned)skip < SKIP_CNT ? names[skip] : "unknown";
}

const char *skip_text(enum skip skip)
{
	static const char *const texts[] = {
#define SKIP(name, text) text,
#include "tools/replay/skip.def"
#undef SKIP
	};

	return (unsigned)skip < SKIP_CNT ? texts[skip] : "unknown";
}

bool link_known(int link_type)
{
	switch (link_type) {
	case DLT_EN10MB:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_NULL:
	case DLT_LOOP:
		return true;
	default:
		return false;
	}
}

/* An Ethernet header before a network packet. */
static void put_ether(const uint8_t ethertype[ETHERTYPE_BYTES], const uint8_t *network,
		      uint32_t bytes, uint8_t *room, uint32_t *frame_bytes)
{
	const uint32_t most = LINK_FRAME_BYTES_MAX - ETHER_HEADER_BYTES;
	const uint32_t kept = bytes < most ? bytes : most;

	memset(room, 0, ETHER_HEADER_BYTES - ETHERTYPE_BYTES);
	memcpy(room + ETHER_HEADER_BYTES - ETHERTYPE_BYTES, ethertype, ETHERTYPE_BYTES);
	memcpy(room + ETHER_HEADER_BYTES, network, kept);
	*frame_bytes = ETHER_HEADER_BYTES + kept;
}

/* A packet of a link that says nothing but "IP": its version is in its first half byte. */
static enum skip raw_frame(const uint8_t *network, uint32_t bytes, uint8_t *room,
			   uint32_t *frame_bytes)
{
	static const uint8_t ipv4[] = {0x08, 0x00};
	static const uint8_t ipv6[] = {0x86, 0xdd};

	if (bytes == 0)
		return SKIP_LINK_HEADER;
	if (network[0] >> 4 != 4 && network[0] >> 4 != 6)
		return SKIP_LINK_PROTOCOL;
	put_ether(network[0] >> 4 == 4 ? ipv4 : ipv6, network, bytes, room, frame_bytes);
	return SKIP_CNT;
}

enum skip link_frame(int link_type, const uint8_t *packet, uint32_t bytes, uint8_t *room,
		     const uint8_t **frame, uint32_t *frame_bytes)
{
	*frame = room;
	switch (link_type) {
	case DLT_EN10MB:
		*frame = packet;
		*frame_bytes = bytes;
		return SKIP_CNT;
	case DLT_LINUX_SLL:
		/* Its last 14 bytes end with the protocol, as an Ethernet header does. */
		if (bytes < SLL_HEADER_BYTES)
			return SKIP_LINK_HEADER;
		*frame = packet + SLL_HEADER_BYTES - ETHER_HEADER_BYTES;
		*frame_bytes = bytes - (SLL_HEADER_BYTES - ETHER_HEADER_BYTES);
		return SKIP_CNT;
	case DLT_LINUX_SLL2:
		if (bytes < SLL2_HEADER_BYTES)
			return SKIP_LINK_HEADER;
		put_ether(packet, packet + SLL2_HEADER_BYTES, bytes - SLL2_HEADER_BYTES, room,
			  frame_bytes);
		return SKIP_CNT;
	case DLT_NULL:
	case DLT_LOOP:
		if (bytes < LOOPBACK_HEADER_BYTES)
			return SKIP_LINK_HEADER;
		return raw_frame(packet + LOOPBACK_HEADER_BYTES, bytes - LOOPBACK_HEADER_BYTES,
				 room, frame_bytes);
	default:
		return raw_frame(packet, bytes, room, frame_bytes);
	}
}

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool is_ours(uint16_t port, uint16_t base_port)
{
	return port >= base_port && port - base_port < SHARDS_MAX;
}

/* A reply has the header of a request but for its kind. */
static bool is_reply(const uint8_t *datagram, uint32_t bytes)
{
	struct wire_header header;

	if (bytes < sizeof(header))
		return false;
	memcpy(&header, datagram, sizeof(header));
	if (header.kind != WIRE_KIND_REPLY)
		return false;
	header.kind = WIRE_KIND_REQUEST;
	return decode_datagram((const uint8_t *)&header, bytes) == DROP_NONE;
}

bool captured_find(const uint8_t *frame, uint32_t bytes, bool cut, uint16_t base_port,
		   struct captured *out, enum drop *drop, enum skip *skip)
{
	struct frame_view view;
	const uint8_t *datagram;
	uint16_t src_port;

	*skip = SKIP_CNT;
	*drop = decode_frame(frame, bytes, 1, UINT16_MAX, &view);
	if (*drop == DROP_FRAME_TRUNCATED && cut)
		*skip = SKIP_SNAPLEN_CUT;
	if (*drop != DROP_NONE)
		return false;
	datagram = frame + view.payload_offset;
	src_port = read_be16(frame + view.l4_offset);
	*out = (struct captured){.datagram = datagram, .bytes = view.payload_bytes};
	if (is_ours(src_port, base_port) && is_reply(datagram, view.payload_bytes)) {
		out->kind = CAPTURED_REPLY;
		out->shard = (uint16_t)(src_port - base_port);
		return true;
	}
	if (is_ours(view.dst_port, base_port)) {
		out->kind = CAPTURED_REQUEST;
		out->shard = (uint16_t)(view.dst_port - base_port);
		*drop = decode_datagram(datagram, view.payload_bytes);
		return *drop == DROP_NONE;
	}
	if (is_ours(src_port, base_port))
		*skip = SKIP_REPLY_MALFORMED;
	else
		*drop = DROP_NOT_OUR_PORT;
	return false;
}
