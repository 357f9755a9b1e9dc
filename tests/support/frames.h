/*
 * frames: Ethernet frames with a signed request in them, for tests of code that reads frames.
 */
#ifndef DB_TESTS_SUPPORT_FRAMES_H
#define DB_TESTS_SUPPORT_FRAMES_H

#include <stdint.h>

#include "net/wire.h"

enum {
	FRAME_ROOM_BYTES = 2048,
	FRAME_PORT = 7700,
	FRAME_SOURCE_PORT = 40000,
};

extern const uint8_t frame_key[WIRE_KEY_BYTES];

/* A request datagram of cnt BUY entries under key 1, signed. Returns its bytes. */
uint32_t frame_datagram(uint8_t out[WIRE_DATAGRAM_BYTES_MAX], uint8_t cnt);

/* The same with a date. */
uint32_t frame_dated(uint8_t out[WIRE_DATAGRAM_BYTES_MAX], uint8_t cnt, uint64_t issued_at_ns,
		     uint32_t valid_ms, uint32_t sale);

/* Ethernet, vlans tags, IPv4 or IPv6 (ip_version), UDP to FRAME_PORT, payload. Returns its bytes.
 */
uint32_t frame_build(uint8_t out[FRAME_ROOM_BYTES], uint8_t ip_version, unsigned vlans,
		     const uint8_t *payload, uint32_t payload_bytes);

/* The ones' complement sum of bytes, as RFC 1071 defines it, byte by byte: 0 over a part with a
 * good checksum. `sum` continues. */
uint32_t frame_sum(uint32_t sum, const uint8_t *data, uint32_t bytes);
uint16_t frame_fold(uint32_t sum);

#endif
