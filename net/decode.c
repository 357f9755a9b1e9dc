#include "net/decode.h"

#include <stdbool.h>
#include <string.h>

enum {
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_QINQ = 0x88a8,

	PROTOCOL_UDP = 17,
	/* IPv6 extension headers (RFC 8200) that may come before UDP. */
	PROTOCOL_HOP_BY_HOP = 0,
	PROTOCOL_ROUTING = 43,
	PROTOCOL_FRAGMENT = 44,
	PROTOCOL_DESTINATION = 60,

	/* A bit for each value of the header's flags: all but what there is (4) without basket (1).
	 */
	FLAGS_THAT_FIT = 1 << 0 | 1 << 1 | 1 << 2 | 1 << 3 | 1 << 5 | 1 << 7,

	IPV4_MORE_FRAGMENTS = 0x2000,
	IPV4_FRAGMENT_OFFSET = 0x1fff,
};

const char *drop_name(enum drop drop)
{
	static const char *const names[] = {
		"none",
#define DROP(name, text) #name,
#include "net/drop.def"
#undef DROP
	};

	return (unsigned)drop < DROP_CNT ? names[drop] : "unknown";
}

const char *drop_text(enum drop drop)
{
	static const char *const texts[] = {
		"not dropped",
#define DROP(name, text) text,
#include "net/drop.def"
#undef DROP
	};

	return (unsigned)drop < DROP_CNT ? texts[drop] : "unknown";
}

static uint16_t read_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Ethernet and VLAN headers: finds where the IP header begins, and its version. */
static enum drop decode_ether(const uint8_t *frame, uint32_t bytes, uint32_t *l3_offset,
			      uint16_t *ethertype)
{
	uint32_t offset = ETHER_HEADER_BYTES;

	if (bytes < offset)
		return DROP_FRAME_TRUNCATED;
	for (unsigned tags = 0;; tags++) {
		*ethertype = read_be16(frame + offset - 2);
		if (*ethertype != ETHERTYPE_VLAN && *ethertype != ETHERTYPE_QINQ)
			break;
		if (tags == VLAN_TAGS_MAX)
			return DROP_NOT_IP;
		offset += VLAN_TAG_BYTES;
		if (bytes < offset)
			return DROP_FRAME_TRUNCATED;
	}
	*l3_offset = offset;
	return DROP_NONE;
}

/* IPv4: where its payload begins and how long it is. */
static enum drop decode_ipv4(const uint8_t *ip, uint32_t bytes, uint32_t *header_bytes,
			     uint32_t *payload_bytes)
{
	if (bytes < IPV4_HEADER_BYTES)
		return DROP_FRAME_TRUNCATED;

	const uint32_t ihl_bytes = (ip[0] & 0x0fU) * 4;
	const uint32_t total_bytes = read_be16(ip + 2);

	if (ip[0] >> 4 != 4 || ihl_bytes < IPV4_HEADER_BYTES || total_bytes < ihl_bytes)
		return DROP_IP_MALFORMED;
	if (bytes < total_bytes)
		return DROP_FRAME_TRUNCATED;
	if (ihl_bytes > IPV4_HEADER_BYTES)
		return DROP_IP_OPTIONS;
	if ((read_be16(ip + 6) & (IPV4_MORE_FRAGMENTS | IPV4_FRAGMENT_OFFSET)) != 0)
		return DROP_FRAGMENT;
	if (ip[9] != PROTOCOL_UDP)
		return DROP_NOT_UDP;
	*header_bytes = IPV4_HEADER_BYTES;
	*payload_bytes = total_bytes - IPV4_HEADER_BYTES;
	return DROP_NONE;
}

static enum drop decode_ipv6(const uint8_t *ip, uint32_t bytes, uint32_t *header_bytes,
			     uint32_t *payload_bytes)
{
	if (bytes < IPV6_HEADER_BYTES)
		return DROP_FRAME_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return DROP_IP_MALFORMED;
	*header_bytes = IPV6_HEADER_BYTES;
	*payload_bytes = read_be16(ip + 4);
	if (bytes - IPV6_HEADER_BYTES < *payload_bytes)
		return DROP_FRAME_TRUNCATED;
	switch (ip[6]) {
	case PROTOCOL_UDP:
		return DROP_NONE;
	case PROTOCOL_FRAGMENT:
		return DROP_FRAGMENT;
	case PROTOCOL_HOP_BY_HOP:
	case PROTOCOL_ROUTING:
	case PROTOCOL_DESTINATION:
		return DROP_IP_OPTIONS;
	default:
		return DROP_NOT_UDP;
	}
}

enum drop decode_frame(const uint8_t *frame, uint32_t bytes, uint16_t port_first, uint16_t port_cnt,
		       struct frame_view *view)
{
	uint32_t l3_offset = 0;
	uint32_t header_bytes = 0;
	uint32_t payload_bytes = 0;
	uint16_t ethertype = 0;
	enum drop reason = decode_ether(frame, bytes, &l3_offset, &ethertype);

	if (reason != DROP_NONE)
		return reason;
	if (ethertype == ETHERTYPE_IPV4)
		reason = decode_ipv4(frame + l3_offset, bytes - l3_offset, &header_bytes,
				     &payload_bytes);
	else if (ethertype == ETHERTYPE_IPV6)
		reason = decode_ipv6(frame + l3_offset, bytes - l3_offset, &header_bytes,
				     &payload_bytes);
	else
		reason = DROP_NOT_IP;
	if (reason != DROP_NONE)
		return reason;
	if (payload_bytes < UDP_HEADER_BYTES)
		return DROP_UDP_MALFORMED;

	const uint8_t *udp = frame + l3_offset + header_bytes;
	const uint16_t dst_port = read_be16(udp + 2);
	const uint32_t udp_bytes = read_be16(udp + 4);

	if (dst_port < port_first || dst_port - port_first >= port_cnt)
		return DROP_NOT_OUR_PORT;
	/* The whole IP payload must be the datagram: bytes after it would not be signed. */
	if (udp_bytes != payload_bytes)
		return DROP_UDP_MALFORMED;
	*view = (struct frame_view){
		.l3_offset = (uint16_t)l3_offset,
		.l4_offset = (uint16_t)(l3_offset + header_bytes),
		.payload_offset = (uint16_t)(l3_offset + header_bytes + UDP_HEADER_BYTES),
		.payload_bytes = (uint16_t)(udp_bytes - UDP_HEADER_BYTES),
		.dst_port = dst_port,
		.ip_version = ethertype == ETHERTYPE_IPV4 ? 4 : 6,
	};
	return DROP_NONE;
}

/* Whether a whole datagram is followed by another: a sender batched them with UDP_SEGMENT, and
 * nothing on the way cut the batch up. */
static bool is_batch(const uint8_t *datagram, uint32_t bytes)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	const struct wire_header *next;

	if (header->magic != WIRE_MAGIC || header->count == 0 ||
	    header->count > WIRE_ENTRY_CNT_MAX || bytes < wire_bytes(datagram) + WIRE_HEADER_BYTES)
		return false;
	next = (const struct wire_header *)(datagram + wire_bytes(datagram));
	return next->magic == WIRE_MAGIC;
}

enum drop decode_datagram(const uint8_t *datagram, uint32_t bytes)
{
	const struct wire_header *header = (const struct wire_header *)datagram;

	if (bytes < WIRE_DATAGRAM_BYTES_MIN)
		return DROP_TOO_SHORT;
	if (bytes > WIRE_DATAGRAM_BYTES_MAX)
		return is_batch(datagram, bytes) ? DROP_BATCHED : DROP_TOO_LONG;
	if (header->magic != WIRE_MAGIC)
		return DROP_BAD_MAGIC;
	if (header->version != WIRE_VERSION)
		return DROP_BAD_VERSION;
	if (header->kind != WIRE_KIND_REQUEST)
		return DROP_BAD_KIND;
	if ((header->flags & ~WIRE_FLAGS_KNOWN) != 0 ||
	    (FLAGS_THAT_FIT >> (header->flags & WIRE_FLAGS_KNOWN) & 1) == 0)
		return DROP_BAD_FLAGS;
	if (header->count == 0 || header->count > WIRE_ENTRY_CNT_MAX ||
	    wire_bytes(datagram) != bytes)
		return is_batch(datagram, bytes) ? DROP_BATCHED : DROP_BAD_COUNT;
	return DROP_NONE;
}
