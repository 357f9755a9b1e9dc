/*
 * unwrap: what is inside the tags, labels and tunnels of a captured frame. Mirrored traffic comes
 * in them: a switch or a cloud sends each packet on inside another.
 *
 * Headers are taken off one after the other, in whatever order they come, until one is neither tag
 * nor label nor tunnel. That is the innermost packet. A packet from or to one of our own UDP ports
 * is never looked into: it is ours, whatever else that port is used for elsewhere.
 *
 * Pure: no file, no allocation. Nothing here trusts its input.
 */
#ifndef DB_TOOLS_REPLAY_UNWRAP_H
#define DB_TOOLS_REPLAY_UNWRAP_H

#include <stdbool.h>
#include <stdint.h>

#include "net/decode.h"
#include "tools/replay/captured.h"

enum {
	/*
	 * Headers that are taken off one packet; each tag and each label is one. Two tags in VXLAN
	 * in two tags are 8. Three times that is no capture that anybody makes.
	 */
	UNWRAP_HEADERS_MAX = 24,
	/* UDP ports of tunnels (IANA; 8472 is what Linux used for VXLAN before). */
	UNWRAP_PORT_VXLAN = 4789,
	UNWRAP_PORT_VXLAN_LINUX = 8472,
	UNWRAP_PORT_VXLAN_GPE = 4790,
	UNWRAP_PORT_GENEVE = 6081,
	UNWRAP_PORT_TZSP = 37008,
	UNWRAP_PORT_MPLS = 6635,
	UNWRAP_PORT_GRE = 4754,
};

struct unwrapped {
	const uint8_t *network; /* the innermost packet, inside the frame */
	uint32_t bytes;         /* of it that were captured */
	uint16_t ethertype;     /* what it is; at most 1500: an 802.3 length */
	bool cut;               /* the mirror says that it cut the packet */
	enum drop foreign;      /* its headers show that it is not ours; DROP_NONE: they do not */
	uint32_t seen;          /* 1 << enum encapsulation, of each that was taken off */
};

/* "VXLAN" and its text. */
const char *encapsulation_name(enum encapsulation encapsulation);
const char *encapsulation_text(enum encapsulation encapsulation);

/* Takes an Ethernet frame apart, for the shards from base_port on. SKIP_CNT and all of *out; or why
 * its inside cannot be read, and out->seen. */
enum skip unwrap(const uint8_t *frame, uint32_t bytes, uint16_t base_port, struct unwrapped *out);

#endif
