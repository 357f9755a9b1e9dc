#include "engine/admit.h"

#include "net/tag.h"

enum drop admit(const struct key_ring *ring, const uint8_t *datagram, uint32_t bytes,
		const struct key **key)
{
	const struct wire_header *header = (const struct wire_header *)datagram;
	const struct key *named = keys_find(ring, header->key_id);

	if (named == NULL)
		return DROP_UNKNOWN_KEY;
	if (!tag_verify(datagram, bytes, named->bytes))
		return DROP_BAD_TAG;
	*key = named;
	return DROP_NONE;
}
