#include "engine/journal_format.h"

#include <string.h>

/* Inlined: the library's own build knows nothing of our target's instructions. */
#define XXH_INLINE_ALL
#include <xxhash.h>

#include "net/wire.h"

uint64_t block_seed(uint64_t journal_id, uint16_t lane, uint64_t segment, uint64_t offset,
		    uint64_t first_lsn)
{
	uint64_t seed = mix64(journal_id + lane);

	seed = mix64(seed ^ segment);
	seed = mix64(seed ^ offset);
	return mix64(seed ^ first_lsn);
}

/*
 * XXH3 over what follows the checksum field; the 8 bytes before it go into the seed, so that
 * nothing has to be copied or zeroed to leave the field out.
 */
static uint64_t checksum_of(const void *data, size_t bytes, uint64_t seed)
{
	uint64_t front;

	memcpy(&front, data, sizeof(front));
	return XXH3_64bits_withSeed((const uint8_t *)data + 2 * sizeof(front),
				    bytes - 2 * sizeof(front), mix64(seed ^ front));
}

uint64_t block_checksum(const struct block_header *block, uint64_t seed)
{
	static_assert(offsetof(struct block_header, checksum) == 8, "left out by checksum_of");
	return checksum_of(block, block->block_bytes, seed);
}

uint64_t segment_checksum(const struct segment_header *header)
{
	static_assert(offsetof(struct segment_header, checksum) == 8, "left out by checksum_of");
	return checksum_of(header, sizeof(*header), 0);
}
