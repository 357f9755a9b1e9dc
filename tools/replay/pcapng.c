#include "tools/replay/pcapng.h"

#include <stdlib.h>
#include <string.h>

#include <pcap/dlt.h>

#include "tools/replay/capture_magic.h"

enum {
	BLOCK_SECTION = 0x0a0d0d0a,
	BLOCK_INTERFACE = 1,
	BLOCK_PACKET_OLD = 2,
	BLOCK_PACKET_SIMPLE = 3,
	BLOCK_STATISTICS = 5,
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
	STATISTICS_BODY_BYTES = 12,
	BODY_BYTES_MAX = 16 << 20,
	INTERFACES_MAX = 4096,
	OPTION_END = 0,
	OPTION_RESOLUTION = 9,
	OPTION_OFFSET = 14,
	OPTION_INTERFACE_DROPS = 5,
	OPTION_SYSTEM_DROPS = 7,
	OPTION_PACKET_DROPS = 4,
	DROPS_UNKNOWN = UINT16_MAX,
	RESOLUTION_DEFAULT = 6,
	RESOLUTION_NS = 9,
	RESOLUTION_OF_TWO = 0x80,
	LINKTYPE_RAW = 101, /* on disk; DLT_RAW in memory */
};

static const uint64_t NS_PER_S = 1000000000;
/* Microseconds: the year 5138; nanoseconds: March 1973. */
static const uint64_t NS_TICKS_MIN = UINT64_C(100000000000000000);

struct interface {
	uint64_t ticks_per_s; /* 0: a clock too fine for us */
	bool told;            /* the file gives the resolution */
	int64_t offset_s;
	int link_type;
	struct pcapng_lost lost;
};

struct pcapng {
	struct stream *stream;
	bool nanoseconds; /* where no resolution is given */
	bool swapped;
	bool inside; /* a section has begun */
	const char *damage;
	uint32_t interface_cnt;
	const uint8_t *body;     /* of the block */
	struct pcapng_lost lost; /* in earlier sections */
	uint64_t read_as_ns;
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

/*
 * The length of a block that says `length`, or -1. Some programs do not round it up to a multiple
 * of four and pad the block all the same, some do not pad it either: where the length stands once
 * more, it ends.
 */
static int64_t find_end(struct pcapng *pcapng, uint32_t length, const uint8_t **block)
{
	const uint32_t rounded = (length + 3) / 4 * 4;
	const size_t cnt = stream_peek(pcapng->stream, rounded, block);

	for (uint32_t bytes = rounded; bytes >= length; bytes--) {
		const uint8_t *tail = *block + bytes - TAIL_BYTES;

		if (bytes <= cnt && (bytes == length || bytes == rounded) &&
		    (get_u32(pcapng, tail) == length || get_u32(pcapng, tail) == rounded))
			return bytes;
	}
	return damaged(pcapng,
		       cnt < length ? "cut short within a block" : "a block whose lengths differ");
}

/* The next block: its type, and its body of *bytes at pcapng->body. As pcapng_next. */
static int read_block(struct pcapng *pcapng, uint32_t *type, uint32_t *bytes)
{
	const uint8_t *block;
	const size_t cnt = stream_peek(pcapng->stream, HEAD_BYTES + TAIL_BYTES, &block);
	uint32_t length_min = HEAD_BYTES + TAIL_BYTES;
	uint32_t length;
	int64_t end;

	if (cnt == 0 || (pcapng->inside && capture_magic(block, cnt) == CAPTURE_MAGIC_PCAP))
		return 0;
	if (cnt < HEAD_BYTES + TAIL_BYTES)
		return damaged(pcapng, "cut short within a block");
	*type = get_u32(pcapng, block);
	if (*type == BLOCK_SECTION) {
		if (capture_magic(block, cnt) != CAPTURE_MAGIC_PCAPNG)
			return damaged(pcapng, "no byte order at the begin of a section");
		memcpy(&length, block + HEAD_BYTES, sizeof(length));
		pcapng->swapped = length != BYTE_ORDER_MAGIC;
		length_min += sizeof(uint32_t);
	} else if (!pcapng->inside) {
		return damaged(pcapng, "does not begin with a section");
	}
	length = get_u32(pcapng, block + 4);
	if (length < length_min || length > BODY_BYTES_MAX)
		return damaged(pcapng, "a block of impossible length");
	end = find_end(pcapng, length, &block);
	if (end < 0)
		return -1;
	pcapng->body = block + HEAD_BYTES;
	*bytes = (uint32_t)end - HEAD_BYTES - TAIL_BYTES;
	/* The bytes stay where they are until the next peek. */
	stream_take(pcapng->stream, (size_t)end);
	return 1;
}

static int begin_section(struct pcapng *pcapng, uint32_t bytes)
{
	if (bytes < SECTION_BODY_BYTES)
		return damaged(pcapng, "a section's header is too short");
	if (get_u16(pcapng, pcapng->body + 4) != VERSION_MAJOR)
		return damaged(pcapng, "a section of an unknown version");
	pcapng_lost(pcapng, &pcapng->lost);
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

static uint64_t get_u64(const struct pcapng *pcapng, const uint8_t *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return pcapng->swapped ? __builtin_bswap64(value) : value;
}

/* Of an interface's description, its statistics, or a packet. */
typedef void option_fn(const struct pcapng *pcapng, struct interface *interface, uint16_t code,
		       const uint8_t *value, uint16_t bytes);

/* Calls take with the options from body + at on. */
static void take_options(const struct pcapng *pcapng, uint32_t at, uint32_t bytes, option_fn *take,
			 struct interface *interface)
{
	while (at <= bytes && bytes - at >= 4) {
		const uint16_t code = get_u16(pcapng, pcapng->body + at);
		const uint16_t option_bytes = get_u16(pcapng, pcapng->body + at + 2);
		const uint32_t padded = (option_bytes + 3U) / 4 * 4;

		at += 4;
		if (code == OPTION_END || padded > bytes - at)
			break;
		take(pcapng, interface, code, pcapng->body + at, option_bytes);
		at += padded;
	}
}

static void of_description(const struct pcapng *pcapng, struct interface *interface, uint16_t code,
			   const uint8_t *value, uint16_t bytes)
{
	if (code == OPTION_RESOLUTION && bytes == 1) {
		interface->ticks_per_s = ticks_of(value[0]);
		interface->told = true;
	} else if (code == OPTION_OFFSET && bytes == sizeof(uint64_t)) {
		interface->offset_s = (int64_t)get_u64(pcapng, value);
	}
}

static uint64_t higher(uint64_t one, uint64_t other)
{
	return one > other ? one : other;
}

/* Each block counts from the beginning of the capture. */
static void of_statistics(const struct pcapng *pcapng, struct interface *interface, uint16_t code,
			  const uint8_t *value, uint16_t bytes)
{
	struct pcapng_lost *lost = &interface->lost;

	if (bytes != sizeof(uint64_t))
		return;
	if (code == OPTION_INTERFACE_DROPS)
		lost->interface = higher(lost->interface, get_u64(pcapng, value));
	else if (code == OPTION_SYSTEM_DROPS)
		lost->system = higher(lost->system, get_u64(pcapng, value));
}

static void of_packet(const struct pcapng *pcapng, struct interface *interface, uint16_t code,
		      const uint8_t *value, uint16_t bytes)
{
	if (code == OPTION_PACKET_DROPS && bytes == sizeof(uint64_t))
		interface->lost.between += get_u64(pcapng, value);
}

static int add_interface(struct pcapng *pcapng, uint32_t bytes)
{
	struct interface *interface = &pcapng->interfaces[pcapng->interface_cnt];

	if (bytes < INTERFACE_BODY_BYTES)
		return damaged(pcapng, "an interface's description is too short");
	if (pcapng->interface_cnt == INTERFACES_MAX)
		return damaged(pcapng, "too many interfaces");
	*interface = (struct interface){
		.ticks_per_s = ticks_of(pcapng->nanoseconds ? RESOLUTION_NS : RESOLUTION_DEFAULT),
		.link_type = get_u16(pcapng, pcapng->body),
	};
	if (interface->link_type == LINKTYPE_RAW)
		interface->link_type = DLT_RAW;
	take_options(pcapng, INTERFACE_BODY_BYTES, bytes, of_description, interface);
	pcapng->interface_cnt++;
	return 1;
}

static void tell_instant(struct pcapng *pcapng, struct interface *interface, uint64_t ticks,
			 struct pcapng_packet *out)
{
	const bool fine = !interface->told && !pcapng->nanoseconds && ticks >= NS_TICKS_MIN;
	const uint64_t ticks_per_s = fine ? NS_PER_S : interface->ticks_per_s;
	__int128 at_ns;

	if (ticks_per_s == 0)
		return;
	pcapng->read_as_ns += fine;
	at_ns = (__int128)(ticks / ticks_per_s) + interface->offset_s;
	at_ns = at_ns * NS_PER_S + (__int128)(ticks % ticks_per_s) * NS_PER_S / ticks_per_s;
	out->has_instant = at_ns >= 0 && at_ns <= UINT64_MAX;
	out->at_ns = out->has_instant ? (uint64_t)at_ns : 0;
}

/* An enhanced packet, or one of the block that it replaced. */
static int take_packet(struct pcapng *pcapng, uint32_t type, uint32_t bytes,
		       struct pcapng_packet *out)
{
	const uint8_t *body = pcapng->body;
	struct interface *interface;
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
	if (type == BLOCK_PACKET)
		take_options(pcapng, PACKET_BODY_BYTES + (out->kept + 3) / 4 * 4, bytes, of_packet,
			     interface);
	else if (get_u16(pcapng, body + 2) != DROPS_UNKNOWN)
		interface->lost.between += get_u16(pcapng, body + 2);
	tell_instant(pcapng, interface,
		     (uint64_t)get_u32(pcapng, body + 4) << 32 | get_u32(pcapng, body + 8), out);
	return 1;
}

/* A packet without an instant, of the first interface. Its block says how much was sent, and is as
 * long as what was kept, whatever snaplen the interface gives. */
static int take_simple(struct pcapng *pcapng, uint32_t bytes, struct pcapng_packet *out)
{
	uint32_t sent;

	if (bytes < SIMPLE_BODY_BYTES)
		return damaged(pcapng, "a packet's block is too short");
	if (pcapng->interface_cnt == 0)
		return damaged(pcapng, "a simple packet block, but no interface was described: "
				       "nobody knows what link it is of");
	sent = get_u32(pcapng, pcapng->body);
	bytes -= SIMPLE_BODY_BYTES;
	*out = (struct pcapng_packet){
		.bytes = pcapng->body + SIMPLE_BODY_BYTES,
		.kept = sent < bytes ? sent : bytes,
		.sent = sent,
		.link_type = pcapng->interfaces[0].link_type,
		.timeless = true,
	};
	return 1;
}

static int take_statistics(struct pcapng *pcapng, uint32_t bytes)
{
	uint32_t number;

	if (bytes < STATISTICS_BODY_BYTES)
		return damaged(pcapng, "statistics that are too short");
	number = get_u32(pcapng, pcapng->body);
	if (number < pcapng->interface_cnt)
		take_options(pcapng, STATISTICS_BODY_BYTES, bytes, of_statistics,
			     &pcapng->interfaces[number]);
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
		case BLOCK_STATISTICS:
			rc = take_statistics(pcapng, bytes);
			break;
		default: /* names, comments */
			break;
		}
		if (rc != 1)
			return rc;
	}
	return -1;
}

struct pcapng *pcapng_open(struct stream *stream, bool nanoseconds, const char **damage)
{
	struct pcapng *pcapng = calloc(1, sizeof(*pcapng));
	uint32_t type = 0;
	uint32_t bytes = 0;
	int rc;

	*damage = "no memory to read it";
	if (pcapng == NULL)
		return NULL;
	pcapng->stream = stream;
	pcapng->nanoseconds = nanoseconds;
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

uint64_t pcapng_read_as_ns(const struct pcapng *pcapng)
{
	return pcapng->read_as_ns;
}

void pcapng_lost(const struct pcapng *pcapng, struct pcapng_lost *out)
{
	*out = pcapng->lost;
	for (uint32_t i = 0; i < pcapng->interface_cnt; i++) {
		out->interface += pcapng->interfaces[i].lost.interface;
		out->system += pcapng->interfaces[i].lost.system;
		out->between += pcapng->interfaces[i].lost.between;
	}
}

void pcapng_close(struct pcapng *pcapng)
{
	if (pcapng == NULL)
		return;
	free(pcapng);
}
