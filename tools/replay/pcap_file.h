/*
 * pcap_file: the packets of a classic pcap (draft-ietf-opsawg-pcap), version 2.4, of either byte
 * order, with micro- or nanoseconds. libpcap does not do this job: it cuts packets to the snaplen
 * of the header, takes the header of a capture appended with cat for a packet, and does not say
 * what fraction of a second stood there. Rare kinds of pcap are left to it.
 *
 * Fractions of a second that are a second or more, as some programs write them, are carried into
 * the seconds. Nanoseconds where the header says microseconds are recognised: fractions are then
 * far above any carry.
 *
 * One thread. The bytes are not trusted.
 */
#ifndef DB_TOOLS_REPLAY_PCAP_FILE_H
#define DB_TOOLS_REPLAY_PCAP_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/replay/stream.h"

enum {
	PCAP_FILE_HEADER_BYTES = 24,
	PCAP_FILE_RECORD_BYTES = 16,
};

struct pcap_file {
	struct stream *stream;
	bool swapped;
	bool in_ns; /* as its magic says, or the caller */
	int link_type;
	const char *damage; /* static text; NULL: none */
	/* Of packets, with microseconds: those given, those seen, some of them ahead, and those
	 * with a fraction that is nanoseconds beyond doubt. */
	uint64_t given;
	uint64_t seen;
	uint64_t fine;
	/* What was done about the fractions. */
	uint64_t carried;    /* packets whose fraction was a second or more */
	uint64_t read_as_ns; /* packets */
	uint64_t read_as_us; /* with a fraction, before nanoseconds were recognised */
};

/* A packet of a file. */
struct pcap_file_packet {
	const uint8_t *bytes; /* until the next call */
	uint32_t kept;
	uint32_t sent; /* before a snaplen cut it */
	uint64_t at_ns;
};

/* Reads the header, which must be the stream's next bytes. nanoseconds: fractions are that,
 * whatever the header says. False with damage. */
bool pcap_file_open(struct pcap_file *file, struct stream *stream, bool nanoseconds);

/* 1 and *out; 0 at the end, or where another capture's header stands in place of a packet; -1 where
 * the file is damaged. */
int pcap_file_next(struct pcap_file *file, struct pcap_file_packet *out);

#endif
