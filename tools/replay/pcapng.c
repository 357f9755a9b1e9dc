#include "tools/replay/pcapng.h"

#include <stdlib.h>
#include <string.h>

#include <pcap/dlt.h>

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OLD = 2,
	BLOCK_PACKET_SIMPLE = 3,
	BLOCK_PACKET = 6,
	BYTE_ORDER_MAGIC = 0x1a2b3c4d,
	VERSION_MAJOR = 1,
	/* Type and length before a body, length after it. */
	HEAD_BYTES = 8,
	TAIL_BYTES = 4,
	SECTION_BODY_BYTES = 16,
	INTERFACE_BODY_BYTES = 8,
	PACKET_BODY_BYTES = 20,
	SIMPLE_BODY_BYTES = 4,
	BODY_BYTES_MAX = 16 << 20,
	INTERFACES_MAX = 4096,
	OPTION_END = 0,
	OPTION_RESOLUTION = 9,
	OPTION_OFFSET = 14,
	RESOLUTION_DEFAULT = 6,
	RESOLUTION_OF_TWO = 0x80,
	LINKTYPE_RAW = 101, /* on disk; DLT_RAW in memory */
};

static const uint64_t NS_PER_S = 1000000000;

struct interface {
	uint64_t ticks_per_s; /* 0: a clock too fine for us */
	int64_t offset_s;
	uint32_t snaplen; /* 0: none */
	int link_type;
};

struct pcapng {
	FILE *file;
	bool swapped;
	bool inside; /* a section has begun */
	const char *damage;
	uint32_t interface_cnt;
	uint32_t room_bytes;
	uint8_t *body;
	struct interface interfaces[INTERFACES_MAX];
};

static uint16_t get_u16(const struct pcapng *pcapng, const uint8_t *at)
{
	uint16_t value;

	memcpy(&value, at, sizeof(value));
	return pcapng->swapped ? __builtin_bswap16(value) : value;
}

static uint32_t get_u32(const struct pcapng *pcapng, const uint8_t *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return pcapng->swapped ? __builtin_bswap32(value) : value;
}

static int damaged(struct pcapng *pcapng, const char *what)
{
	pcapng->damage = what;
	return -1;
}

/* All of it, or 0 at the file's end, or -1. */
static int read_bytes(struct pcapng *pcapng, void *room, size_t bytes)
{
	const size_t got = fread_unlocked(room, 1, bytes, pcapng->file);

	if (got == bytes)
		return 1;
	if (ferror(pcapng->file) != 0)
		return damaged(pcapng, "cannot be read");
	return got == 0 ? 0 : damaged(pcapng, "cut short within a block");
}

static int read_rest(struct pcapng *pcapng, void *room, size_t bytes)
{
	const int rc = read_bytes(pcapng, room, bytes);

	return rc == 0 && bytes > 0 ? damaged(pcapng, "cut short within a block") : rc;
}

static bool make_room(struct pcapng *pcapng, uint32_t bytes)
{
	uint8_t *body;

	if (bytes <= pcapng->room_bytes)
		return true;
	body = realloc(pcapng->body, bytes);
	if (body == NULL)
		return false;
	pcapng->body = body;
	pcapng->room_bytes = bytes;
	return true;
}

/* The mark of a section's byte order comes after its length. */
static int find_byte_order(struct pcapng *pcapng)
{
	uint32_t magic;
	const int rc = read_rest(pcapng, &magic, sizeof(magic));

	if (rc != 1)
		return rc;
	if (magic != BYTE_ORDER_MAGIC && magic != __builtin_bswap32(BYTE_ORDER_MAGIC))
		return damaged(pcapng, "no byte order at the begin of a section");
	pcapng->swapped = magic != BYTE_ORDER_MAGIC;
	return 1;
}

/* The next block: its type, and its body of *bytes in pcapng->body. As pcapng_next. */
static int read_block(struct pcapng *pcapng, uint32_t *type, uint32_t *bytes)
{
	uint8_t head[HEAD_BYTES];
	uint8_t tail[TAIL_BYTES];
	uint32_t before = 0; /* of the body, read already */
	uint32_t length;
	int rc = read_bytes(pcapng, head, sizeof(head));

	if (rc != 1)
		return rc;
	*type = get_u32(pcapng, head);
	if (*type == BLOCK_SECTION) {
		rc = find_byte_order(pcapng);
		before = sizeof(uint32_t);
	} else if (!pcapng->inside) {
		return damaged(pcapng, "does not begin with a section");
	}
	if (rc != 1)
		return rc;
	length = get_u32(pcapng, head + 4);
	if (length % 4 != 0 || length < HEAD_BYTES + TAIL_BYTES + before || length > BODY_BYTES_MAX)
		return damaged(pcapng, "a block of impossible length");
	*bytes = length - HEAD_BYTES - TAIL_BYTES;
	if (!make_room(pcapng, *bytes))
		return damaged(pcapng, "no memory for a block");
	rc = read_rest(pcapng, pcapng->body + before, *bytes - before);
	if (rc == 1)
		rc = read_rest(pcapng, tail, sizeof(tail));
	if (rc == 1 && get_u32(pcapng, tail) != length)
		return damaged(pcapng, "a block whose lengths differ");
	return rc;
}

static int begin_section(struct pcapng *pcapng, uint32_t bytes)
{
	if (bytes < SECTION_BODY_BYTES)
		return damaged(pcapng, "a section's header is too short");
	if (get_u16(pcapng, pcapng->body + 4) != VERSION_MAJOR)
		return damaged(pcapng, "a section of an unknown version");
	pcapng->inside = true;
	pcapng->interface_cnt = 0;
	return 1;
}

static uint64_t ticks_of(uint8_t resolution)
{
	uint64_t ticks = 1;

	if ((resolution & RESOLUTION_OF_TWO) != 0) {
		resolution &= RESOLUTION_OF_TWO - 1;
		return resolution < 64 ? UINT64_C(1) << resolution : 0;
	}
	if (resolution > 19)
		return 0;
	while (resolution-- > 0)
		ticks *= 10;
	return ticks;
}

static void take_option(const struct pcapng *pcapng, struct interface *interface, uint16_t code,
			const uint8_t *value, uint16_t bytes)
{
	if (code == OPTION_RESOLUTION && bytes == 1) {
		interface->ticks_per_s = ticks_of(value[0]);
	} else if (code == OPTION_OFFSET && bytes == sizeof(uint64_t)) {
		uint64_t offset_s;

		memcpy(&offset_s, value, sizeof(offset_s));
		interface->offset_s =
			(int64_t)(pcapng->swapped ? __builtin_bswap64(offset_s) : offset_s);
	}
}

static int add_interface(struct pcapng *pcapng, uint32_t bytes)
{
	struct interface *interface = &pcapng->interfaces[pcapng->interface_cnt];
	uint32_t at = INTERFACE_BODY_BYTES;

	if (bytes < INTERFACE_BODY_BYTES)
		return damaged(pcapng, "an interface's description is too short");
	if (pcapng->interface_cnt == INTERFACES_MAX)
		return damaged(pcapng, "too many interfaces");
	*interface = (struct interface){
		.ticks_per_s = ticks_of(RESOLUTION_DEFAULT),
		.link_type = get_u16(pcapng, pcapng->body),
		.snaplen = get_u32(pcapng, pcapng->body + 4),
	};
	if (interface->link_type == LINKTYPE_RAW)
		interface->link_type = DLT_RAW;
	while (bytes - at >= 4) {
		const uint16_t code = get_u16(pcapng, pcapng->body + at);
		const uint16_t option_bytes = get_u16(pcapng, pcapng->body + at + 2);
		const uint32_t padded = (option_bytes + 3U) / 4 * 4;

		at += 4;
		if (code == OPTION_END || padded > bytes - at)
			break;
		take_option(pcapng, interface, code, pcapng->body + at, option_bytes);
		at += padded;
	}
	pcapng->interface_cnt++;
	return 1;
}

static void tell_instant(const struct interface *interface, uint64_t ticks,
			 struct pcapng_packet *out)
{
	__int128 at_ns;

	if (interface->ticks_per_s == 0)
		return;
	at_ns = (__int128)(ticks / interface->ticks_per_s) + interface->offset_s;
	at_ns = at_ns * NS_PER_S +
		(__int128)(ticks % interface->ticks_per_s) * NS_PER_S / interface->ticks_per_s;
	out->has_instant = at_ns >= 0 && at_ns <= UINT64_MAX;
	out->at_ns = out->has_instant ? (uint64_t)at_ns : 0;
}

/* An enhanced packet, or one of the block that it replaced. */
static int take_packet(struct pcapng *pcapng, uint32_t type, uint32_t bytes,
		       struct pcapng_packet *out)
{
	const uint8_t *body = pcapng->body;
	const struct interface *interface;
	uint32_t number;

	if (bytes < PACKET_BODY_BYTES)
		return damaged(pcapng, "a packet's block is too short");
	number = type == BLOCK_PACKET ? get_u32(pcapng, body) : get_u16(pcapng, body);
	if (number >= pcapng->interface_cnt)
		return damaged(pcapng, "a packet of an interface that was not described");
	interface = &pcapng->interfaces[number];
	*out = (struct pcapng_packet){
		.bytes = body + PACKET_BODY_BYTES,
		.kept = get_u32(pcapng, body + 12),
		.sent = get_u32(pcapng, body + 16),
		.link_type = interface->link_type,
	};
	if (out->kept > bytes - PACKET_BODY_BYTES)
		return damaged(pcapng, "a packet that is longer than its block");
	tell_instant(interface,
		     (uint64_t)get_u32(pcapng, body + 4) << 32 | get_u32(pcapng, body + 8), out);
	return 1;
}

/* A packet without an instant, of the first interface. */
static int take_simple(struct pcapng *pcapng, uint32_t bytes, struct pcapng_packet *out)
{
	const struct interface *interface = &pcapng->interfaces[0];
	uint32_t kept;

	if (bytes < SIMPLE_BODY_BYTES || pcapng->interface_cnt == 0)
		return damaged(pcapng, "a packet's block is too short");
	kept = get_u32(pcapng, pcapng->body);
	*out = (struct pcapng_packet){
		.bytes = pcapng->body + SIMPLE_BODY_BYTES,
		.sent = kept,
		.link_type = interface->link_type,
	};
	if (interface->snaplen > 0 && kept > interface->snaplen)
		kept = interface->snaplen;
	if (kept > bytes - SIMPLE_BODY_BYTES)
		return damaged(pcapng, "a packet that is longer than its block");
	out->kept = kept;
	return 1;
}

int pcapng_next(struct pcapng *pcapng, struct pcapng_packet *out)
{
	uint32_t type;
	uint32_t bytes;

	while (pcapng->damage == NULL) {
		int rc = read_block(pcapng, &type, &bytes);

		if (rc != 1)
			return rc;
		switch (type) {
		case BLOCK_SECTION:
			rc = begin_section(pcapng, bytes);
			break;
		case BLOCK_INTERFACE:
			rc = add_interface(pcapng, bytes);
			break;
		case BLOCK_PACKET:
		case BLOCK_PACKET_OLD:
			return take_packet(pcapng, type, bytes, out);
		case BLOCK_PACKET_SIMPLE:
			return take_simple(pcapng, bytes, out);
		default: /* names, statistics, comments */
			break;
		}
		if (rc != 1)
			return rc;
	}
	return -1;
}

struct pcapng *pcapng_open(FILE *file, const char **damage)
{
	struct pcapng *pcapng = calloc(1, sizeof(*pcapng));
	uint32_t type = 0;
	uint32_t bytes = 0;
	int rc;

	*damage = "no memory to read it";
	if (pcapng == NULL)
		return NULL;
	pcapng->file = file;
	rc = read_block(pcapng, &type, &bytes);
	if (rc == 1)
		rc = begin_section(pcapng, bytes);
	if (rc == 1)
		return pcapng;
	*damage = pcapng->damage != NULL ? pcapng->damage : "empty";
	pcapng_close(pcapng);
	return NULL;
}

const char *pcapng_damage(const struct pcapng *pcapng)
{
	return pcapng->damage;
}

void pcapng_close(struct pcapng *pcapng)
{
	if (pcapng == NULL)
		return;
	free(pcapng->body);
	free(pcapng);
}
