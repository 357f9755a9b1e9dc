/*
 * capture_magic: what kind of capture begins with some bytes. No packet's header looks like one: in
 * a pcap it would be of one microsecond of 2055, or of 1975 with a length that no packet has.
 *
 * Pure.
 */
#ifndef DB_TOOLS_REPLAY_CAPTURE_MAGIC_H
#define DB_TOOLS_REPLAY_CAPTURE_MAGIC_H

#include <stddef.h>
#include <stdint.h>

enum capture_magic {
	CAPTURE_MAGIC_NONE,
	CAPTURE_MAGIC_PCAP,   /* version 2.4, either byte order, micro- or nanoseconds */
	CAPTURE_MAGIC_PCAPNG, /* a section of either byte order */
};

enum {
	/* Bytes it takes to know. */
	CAPTURE_MAGIC_BYTES = 12,
};

/* The first bytes of a pcap, in its byte order. */
static const uint32_t PCAP_MAGIC_US = 0xa1b2c3d4;
static const uint32_t PCAP_MAGIC_NS = 0xa1b23c4d;

enum capture_magic capture_magic(const uint8_t *bytes, size_t cnt);

#endif
