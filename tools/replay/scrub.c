#include "tools/replay/scrub.h"

#include <string.h>

#include <sodium.h>

#include "engine/base/check.h"

enum {
	ROUNDS = 8,
	/* Every hashed text begins with its kind, so that one key never gives the same value for
	 * two kinds. */
	DOMAIN_BUYER = 'b',
	DOMAIN_ECHO = 'e',
	DOMAIN_REQUEST_ID = 'r',
};

static_assert(crypto_shorthash_siphash24_KEYBYTES == WIRE_KEY_BYTES, "one key for both");
static_assert(crypto_shorthash_siphashx24_BYTES == 16, "a request id");

static uint64_t hash_64(const struct scrub *scrub, uint8_t domain, uint8_t round, uint64_t value)
{
	uint8_t input[2 + sizeof(value)] = {domain, round};
	uint64_t out;

	memcpy(input + 2, &value, sizeof(value));
	crypto_shorthash_siphash24((unsigned char *)&out, input, sizeof(input), scrub->key);
	return out;
}

uint64_t scrub_buyer(const struct scrub *scrub, uint64_t buyer)
{
	uint32_t left = (uint32_t)(buyer >> 32);
	uint32_t right = (uint32_t)buyer;

	for (uint8_t round = 0; round < ROUNDS; round++) {
		const uint32_t mixed = left ^ (uint32_t)hash_64(scrub, DOMAIN_BUYER, round, right);

		left = right;
		right = mixed;
	}
	return (uint64_t)left << 32 | right;
}

void scrub_request_id(const struct scrub *scrub, uint64_t id[2])
{
	uint8_t input[1 + 16] = {DOMAIN_REQUEST_ID};

	if ((id[0] | id[1]) == 0)
		return;
	memcpy(input + 1, id, 16);
	crypto_shorthash_siphashx24((unsigned char *)id, input, sizeof(input), scrub->key);
}

void scrub_datagram(const struct scrub *scrub, uint8_t *datagram)
{
	struct wire_header *header = (struct wire_header *)datagram;
	struct wire_request *entries = (struct wire_request *)(datagram + WIRE_HEADER_BYTES);

	DCHECK(header->count <= WIRE_ENTRY_CNT_MAX);
	header->echo = hash_64(scrub, DOMAIN_ECHO, 0, header->echo);
	for (uint32_t i = 0; i < header->count; i++) {
		uint64_t id[2] = {entries[i].id[0], entries[i].id[1]};

		scrub_request_id(scrub, id);
		entries[i].id[0] = id[0];
		entries[i].id[1] = id[1];
		if (header->kind == WIRE_KIND_REQUEST)
			entries[i].buyer = scrub_buyer(scrub, entries[i].buyer);
	}
}
