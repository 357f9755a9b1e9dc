/*
 * pcapng: the packets of a pcapng file (IETF draft-ietf-opsawg-pcapng), of all its interfaces, each
 * with a link type, snaplen and clock of its own. libpcap reads only files where these are the same
 * for all interfaces. Sections of either byte order may follow each other. Memory of a fixed size.
 *
 * One thread. The bytes are not trusted.
 */
#ifndef DB_TOOLS_REPLAY_PCAPNG_H
#define DB_TOOLS_REPLAY_PCAPNG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/replay/stream.h"

struct pcapng_packet {
	const uint8_t *bytes; /* until the next call */
	uint32_t kept;
	uint32_t sent;    /* before a snaplen cut it */
	int link_type;    /* as libpcap's DLT_... */
	bool has_instant; /* one that fits 64 bits of nanoseconds */
	bool timeless;    /* a Simple Packet Block: it has no instant at all */
	uint64_t at_ns;
};

struct pcapng;

/* What the file says was lost when it was captured: options of its statistics and packets. */
struct pcapng_lost {
	uint64_t interface; /* isb_ifdrop */
	uint64_t system;    /* isb_osdrop */
	uint64_t between;   /* epb_dropcount, and the drops of the old packet block */
};

/* Reads the first section's header. nanoseconds: clocks whose resolution is not given have that,
 * not microseconds. The caller keeps the stream, which must outlive this. NULL with *damage (static
 * text): it is not a pcapng file, or there is no memory. */
struct pcapng *pcapng_open(struct stream *stream, bool nanoseconds, const char **damage);

/* 1 and *out; 0 at the end, or where the header of a pcap stands in place of a block; -1 where the
 * file is damaged. */
int pcapng_next(struct pcapng *pcapng, struct pcapng_packet *out);

/* What is wrong with it, once pcapng_next returned -1. Static text. */
const char *pcapng_damage(const struct pcapng *pcapng);

/* Packets so far that were read as nanoseconds although their file, which gives no resolution, has
 * microseconds: these would be of the year 5138 and later. */
uint64_t pcapng_read_as_ns(const struct pcapng *pcapng);

/* So far. Of an interface's statistics the highest counts. */
void pcapng_lost(const struct pcapng *pcapng, struct pcapng_lost *out);

/* NULL is allowed. */
void pcapng_close(struct pcapng *pcapng);

#endif
