#include "net/reply.h"

#include <string.h>

#include "net/checksum.h"

enum {
	TTL = 64,
	MAC_BYTES = 6,
	IPV4_ADDRESS_BYTES = 4,
	IPV6_ADDRESS_BYTES = 16,
	IPV4_TTL_OFFSET = 8,
	IPV6_HOPS_OFFSET = 7,
	UDP_CHECKSUM_OFFSET = 6,
	PROTOCOL_UDP = 17,
};

void reply_header(uint8_t *datagram, uint16_t shard, uint32_t shard_map_version)
{
	struct wire_header *header = (struct wire_header *)datagram;

	header->kind = WIRE_KIND_REPLY;
	header->shard = shard;
	header->shard_map_version = shard_map_version;
}

static void swap(uint8_t *one, uint8_t *two, size_t bytes)
{
	uint8_t held[IPV6_ADDRESS_BYTES];

	memcpy(held, one, bytes);
	memcpy(one, two, bytes);
	memcpy(two, held, bytes);
}

/* All sums come first: they read bytes that were stored long ago, and swapping changes none of the
 * sums. */
void reply_frame(uint8_t *frame, const struct frame_view *view)
{
	uint8_t *ip = frame + view->l3_offset;
	uint8_t *udp = frame + view->l4_offset;
	const uint16_t udp_bytes = (uint16_t)(UDP_HEADER_BYTES + view->payload_bytes);
	uint64_t sum = checksum_add(0, udp, UDP_CHECKSUM_OFFSET); /* ports and length */

	sum = checksum_add_be16(checksum_add_be16(sum, PROTOCOL_UDP), udp_bytes);
	sum = checksum_add(sum, udp + UDP_HEADER_BYTES, view->payload_bytes);
	if (view->ip_version == 4) {
		const uint64_t addresses = checksum_add(0, ip + 12, 2 * IPV4_ADDRESS_BYTES);
		const uint64_t front = checksum_add(addresses, ip, IPV4_TTL_OFFSET);

		sum += addresses;
		swap(ip + 12, ip + 16, IPV4_ADDRESS_BYTES);
		ip[IPV4_TTL_OFFSET] = TTL;
		checksum_store(ip + 10, checksum_add_be16(front, TTL << 8 | PROTOCOL_UDP));
	} else {
		sum = checksum_add(sum, ip + 8, 2 * IPV6_ADDRESS_BYTES);
		swap(ip + 8, ip + 24, IPV6_ADDRESS_BYTES);
		ip[IPV6_HOPS_OFFSET] = TTL;
	}
	checksum_store_udp(udp + UDP_CHECKSUM_OFFSET, sum);
	swap(frame, frame + MAC_BYTES, MAC_BYTES);
	swap(udp, udp + 2, 2);
}
