/*
 * decode: the only parser of untrusted bytes. Frame -> frame_view -> requests. Pure: no DPDK, no
 * allocation, never reads outside [frame, frame + bytes).
 */
#ifndef DB_NET_DECODE_H
#define DB_NET_DECODE_H

#include <stdint.h>

#include "net/wire.h"

enum drop {
	DROP_NONE = 0,
#define DROP(name, text) DROP_##name,
#include "net/drop.def"
#undef DROP
	DROP_CNT,
};

/* "bad_tag" and "wrong tag" of DROP_BAD_TAG. */
const char *drop_name(enum drop drop);
const char *drop_text(enum drop drop);

enum {
	ETHER_HEADER_BYTES = 14,
	VLAN_TAG_BYTES = 4,
	VLAN_TAGS_MAX = 2,
	IPV4_HEADER_BYTES = 20,
	IPV6_HEADER_BYTES = 40,
	UDP_HEADER_BYTES = 8,
	/* The bytes of IP in an MTU of 1,500; and the frame with an Ethernet header and room for a
	 * checksum, which one VLAN tag, or two, may take on a memif. */
	IP_BYTES_MAX = 1500,
	ETHER_FRAME_BYTES_MAX = 1518,
};
static_assert(IPV6_HEADER_BYTES + UDP_HEADER_BYTES + WIRE_DATAGRAM_BYTES_MAX <= IP_BYTES_MAX,
	      "the largest datagram is never fragmented");
static_assert(ETHER_HEADER_BYTES + VLAN_TAGS_MAX * VLAN_TAG_BYTES + IPV6_HEADER_BYTES +
			      UDP_HEADER_BYTES + WIRE_DATAGRAM_BYTES_MAX <=
		      ETHER_FRAME_BYTES_MAX,
	      "nor too long with two VLAN tags");

/* Where the parts of an accepted Ethernet frame lie; offsets in bytes from its start. */
struct frame_view {
	uint16_t l3_offset;      /* IP header */
	uint16_t l4_offset;      /* UDP header */
	uint16_t payload_offset; /* datagram */
	uint16_t payload_bytes;  /* by the UDP length; Ethernet padding is left out */
	uint16_t dst_port;       /* host order */
	uint8_t ip_version;      /* 4 or 6 */
};

/*
 * Accepts Ethernet II, up to two VLAN tags (0x8100, 0x88a8), IPv4 without options or IPv6 without
 * extension headers, not fragmented, UDP to a port in [port_first, port_first + port_cnt).
 * DROP_NONE and *view, or the reason. Checksums are not verified: on loopback and veth they are
 * only partial, and the tag covers more.
 */
enum drop decode_frame(const uint8_t *frame, uint32_t bytes, uint16_t port_first, uint16_t port_cnt,
		       struct frame_view *view);

/*
 * Checks size, magic, version, kind, flags and count of a request datagram. DROP_NONE, or the
 * reason. After DROP_NONE the datagram is exactly wire_bytes() long. Its entries and its date may
 * still be nonsense: decide refuses those.
 */
enum drop decode_datagram(const uint8_t *datagram, uint32_t bytes);

#endif
