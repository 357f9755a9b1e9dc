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
#include <stdint.h>
#include <stdio.h>

enum {
	PCAPNG_FIRST_BYTE = 0x0a, /* of a file; no pcap begins with it */
};

struct pcapng_packet {
	const uint8_t *bytes; /* until the next call */
	uint32_t kept;
	uint32_t sent;    /* before a snaplen cut it */
	int link_type;    /* as libpcap's DLT_... */
	bool has_instant; /* one that fits 64 bits of nanoseconds */
	uint64_t at_ns;
};

struct pcapng;

/* Reads the first section's header. The caller keeps the file, which must outlive this. NULL with
 * *damage (static text): it is not a pcapng file, or there is no memory. */
struct pcapng *pcapng_open(FILE *file, const char **damage);

/* 1 and *out, 0 at the end, -1 where the file is damaged. */
int pcapng_next(struct pcapng *pcapng, struct pcapng_packet *out);

/* What is wrong with it, once pcapng_next returned -1. Static text. */
const char *pcapng_damage(const struct pcapng *pcapng);

/* NULL is allowed. */
void pcapng_close(struct pcapng *pcapng);

#endif
