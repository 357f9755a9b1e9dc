/*
 * checksum: the Internet checksum (RFC 1071), summed in host order over unaligned bytes. A sum can
 * be made in parts: every part but the last must have an even number of bytes.
 */
#ifndef DB_NET_CHECKSUM_H
#define DB_NET_CHECKSUM_H

#include <stdint.h>
#include <string.h>

/* Adds bytes to a sum. 32-bit words into 64 bits: 2^32 of them fit before a carry is lost. */
static inline uint64_t checksum_add(uint64_t sum, const uint8_t *data, uint32_t bytes)
{
	uint64_t high = 0;
	uint32_t at = 0;

	for (; at + 8 <= bytes; at += 8) {
		uint64_t words;

		memcpy(&words, data + at, sizeof(words));
		sum += words & UINT32_MAX;
		high += words >> 32;
	}
	sum += high;
	if (at + 4 <= bytes) {
		uint32_t word;

		memcpy(&word, data + at, sizeof(word));
		sum += word;
		at += 4;
	}
	if (at + 2 <= bytes) {
		uint16_t half;

		memcpy(&half, data + at, sizeof(half));
		sum += half;
		at += 2;
	}
	if (at < bytes)
		sum += data[at]; /* little-endian: the missing byte counts as zero */
	return sum;
}

/* Adds a value as if it were stored in network order. */
static inline uint64_t checksum_add_be16(uint64_t sum, uint16_t value)
{
	return sum + __builtin_bswap16(value);
}

/* The sum, complemented, as it is stored. */
static inline uint16_t checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static inline void checksum_store(uint8_t *at, uint64_t sum)
{
	const uint16_t folded = checksum_fold(sum);

	memcpy(at, &folded, sizeof(folded));
}

/* UDP: zero means that there is none, so zero is sent as all ones (RFC 768). */
static inline void checksum_store_udp(uint8_t *at, uint64_t sum)
{
	const uint16_t folded = checksum_fold(sum);
	const uint16_t stored = folded == 0 ? 0xffff : folded;

	memcpy(at, &stored, sizeof(stored));
}

#endif
