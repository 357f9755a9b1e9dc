#include "net/tag.h"

#include <sodium.h>

static_assert(crypto_shorthash_siphashx24_BYTES == WIRE_TAG_BYTES, "tag size");
static_assert(crypto_shorthash_siphashx24_KEYBYTES == WIRE_KEY_BYTES, "key size");

void tag_sign(uint8_t *datagram, uint32_t bytes, const uint8_t key[WIRE_KEY_BYTES])
{
	const uint32_t signed_bytes = bytes - WIRE_TAG_BYTES;

	crypto_shorthash_siphashx24(datagram + signed_bytes, datagram, signed_bytes, key);
}

bool tag_verify(const uint8_t *datagram, uint32_t bytes, const uint8_t key[WIRE_KEY_BYTES])
{
	const uint32_t signed_bytes = bytes - WIRE_TAG_BYTES;
	uint8_t want[WIRE_TAG_BYTES];

	crypto_shorthash_siphashx24(want, datagram, signed_bytes, key);
	return sodium_memcmp(want, datagram + signed_bytes, WIRE_TAG_BYTES) == 0;
}
