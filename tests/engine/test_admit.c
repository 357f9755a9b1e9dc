#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/admit.h"
#include "tests/support/frames.h"

Test(admit, knows_keys_and_checks_tags)
{
	struct key_ring *ring = calloc(1, sizeof(*ring) + 2 * sizeof(struct key));
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = frame_datagram(datagram, 2);
	struct wire_header *header = (struct wire_header *)datagram;
	const struct key *key = NULL;

	ring->cnt = 2;
	ring->keys[0].id = 1;
	memcpy(ring->keys[0].bytes, frame_key, sizeof(frame_key));
	ring->keys[1].id = 9; /* all zero: another key */
	cr_assert(eq(int, admit(ring, datagram, bytes, &key), DROP_NONE));
	cr_assert(key == &ring->keys[0]);
	header->key_id = 2;
	cr_assert(eq(int, admit(ring, datagram, bytes, &key), DROP_UNKNOWN_KEY));
	header->key_id = 9;
	cr_assert(eq(int, admit(ring, datagram, bytes, &key), DROP_BAD_TAG));
	header->key_id = 1;
	datagram[bytes - 1] ^= 1;
	cr_assert(eq(int, admit(ring, datagram, bytes, &key), DROP_BAD_TAG));
	free(ring);
}
