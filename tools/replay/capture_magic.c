#include "tools/replay/capture_magic.h"

#include <stdbool.h>
#include <string.h>

static const uint32_t PCAPNG_SECTION = 0x0a0d0d0a;
static const uint32_t PCAPNG_BYTE_ORDER = 0x1a2b3c4d;

/* Of the only version in use. */
static bool is_pcap(uint32_t magic, uint16_t major, uint16_t minor)
{
	return (magic == PCAP_MAGIC_US || magic == PCAP_MAGIC_NS) && major == 2 && minor == 4;
}

enum capture_magic capture_magic(const uint8_t *bytes, size_t cnt)
{
	uint32_t words[3];
	uint16_t version[2];

	if (cnt < CAPTURE_MAGIC_BYTES)
		return CAPTURE_MAGIC_NONE;
	memcpy(words, bytes, sizeof(words));
	memcpy(version, bytes + sizeof(words[0]), sizeof(version));
	if (words[0] == PCAPNG_SECTION &&
	    (words[2] == PCAPNG_BYTE_ORDER || words[2] == __builtin_bswap32(PCAPNG_BYTE_ORDER)))
		return CAPTURE_MAGIC_PCAPNG;
	return is_pcap(words[0], version[0], version[1]) ||
			       is_pcap(__builtin_bswap32(words[0]), __builtin_bswap16(version[0]),
				       __builtin_bswap16(version[1]))
		       ? CAPTURE_MAGIC_PCAP
		       : CAPTURE_MAGIC_NONE;
}
