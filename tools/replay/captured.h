/*
 * captured: what a packet of a capture is to us. Its link layer as an Ethernet frame (link.c), and
 * the requests and replies in such a frame (captured.c), which the engine's own decoder
 * (net/decode.h) finds. Tags and tunnels around it are unwrap.h's.
 *
 * Pure: no file, no allocation. Any thread. Nothing here trusts its input.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURED_H
#define DB_TOOLS_REPLAY_CAPTURED_H

#include <stdbool.h>
#include <stdint.h>

#include "net/decode.h"

enum skip {
#define SKIP(name, text) SKIP_##name,
#include "tools/replay/skip.def"
#undef SKIP
	SKIP_CNT,
};

/* "SNAPLEN_CUT" and its text. */
const char *skip_name(enum skip skip);
const char *skip_text(enum skip skip);

enum encapsulation {
#define ENCAPSULATION(name, text) ENCAPSULATION_##name,
#include "tools/replay/encapsulation.def"
#undef ENCAPSULATION
	ENCAPSULATION_CNT,
};

enum captured_kind {
	CAPTURED_REQUEST,
	CAPTURED_REPLY,
	CAPTURED_KINDS,
};

/* A datagram; what it points to is valid until the next call. */
struct captured {
	uint64_t at_ns; /* since the epoch, as captured */
	const uint8_t *datagram;
	uint32_t bytes;  /* as its header's count and flags say */
	uint16_t shard;  /* of the UDP port: the request's destination, the reply's source */
	uint64_t packet; /* its number, from 1 */
	enum captured_kind kind;
	/* For reader and copies alone. */
	uint32_t rest_bytes; /* of the packet after it: more datagrams, joined to it */
	uint16_t ip_id;      /* identification of IPv4; 0: not known */
	uint16_t other_port; /* a request of ours goes there, to none of our ports; 0: it is not so
			      */
	uint16_t point;      /* which interface it passed which way; 0: not known */
};

/* Room for the largest frame of a link without an Ethernet header, with one in front. */
enum {
	LINK_FRAME_BYTES_MAX = ETHER_HEADER_BYTES + UINT16_MAX + 1,
};

/* Whether packets of this link type of libpcap (DLT_...) can be read. Any thread. */
bool link_known(int link_type);

/* An Ethernet header in room, with what follows it; the bytes may be in room already. */
void link_put_ether(uint16_t ethertype, const uint8_t *network, uint32_t bytes, uint8_t *room,
		    uint32_t *frame_bytes);

/* Which interface a packet passed which way, as a number; 0: its link does not say. Pure. */
uint16_t link_point(int link_type, const uint8_t *packet, uint32_t bytes);

/*
 * A packet of that link as an Ethernet frame: the packet itself where it is one, else the part of
 * it after its link header, with an Ethernet header before it (in room, of LINK_FRAME_BYTES_MAX).
 * SKIP_CNT, or the reason. Pure.
 */
enum skip link_frame(int link_type, const uint8_t *packet, uint32_t bytes, uint8_t *room,
		     const uint8_t **frame, uint32_t *frame_bytes);

/* What a frame is, for the shards from base_port on: its datagram, or the first of several. True
 * and *out, except its instant and point; else false and *drop, or *skip if that is not SKIP_CNT.
 * cut: not all of the packet was captured. Pure. */
bool captured_find(const uint8_t *frame, uint32_t bytes, bool cut, uint16_t base_port,
		   struct captured *out, enum drop *drop, enum skip *skip);

/* Goes on to the next datagram of the packet, if rest_bytes is not 0. False: the rest is none. */
bool captured_rest(struct captured *captured);

#endif
