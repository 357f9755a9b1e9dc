/*
 * The tag of a datagram: SipHash-2-4-128 (Aumasson, Bernstein 2012; libsodium's siphashx24) over
 * all bytes before it. Any thread; no allocation.
 */
#ifndef DB_NET_TAG_H
#define DB_NET_TAG_H

#include <stdbool.h>
#include <stdint.h>

#include "net/wire.h"

/* Writes the tag of the datagram[0 .. bytes - 16) after it; `bytes` counts the tag. */
void tag_sign(uint8_t *datagram, uint32_t bytes, const uint8_t key[WIRE_KEY_BYTES]);

/* True if the datagram's last 16 bytes are its tag. Constant time in the content. */
bool tag_verify(const uint8_t *datagram, uint32_t bytes, const uint8_t key[WIRE_KEY_BYTES]);

/* A datagram of a burst; `bytes` counts the tag. */
struct tag_job {
	uint8_t *datagram;
	const uint8_t *key; /* WIRE_KEY_BYTES */
	uint32_t bytes;
};

enum {
	TAG_BURST_MAX = 64,
};

/* The same for up to TAG_BURST_MAX datagrams at once, which is faster (net/siphash.h). */
void tag_sign_burst(const struct tag_job *jobs, uint32_t cnt);

/* Bit i is set if the tag of jobs[i] is right. Changes nothing. */
uint64_t tag_verify_burst(const struct tag_job *jobs, uint32_t cnt);

#endif
