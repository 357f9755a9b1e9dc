#include "net/reply.h"

#include <string.h>

#include "net/checksum.h"

enum {
	TTL = 64,
	MAC_BYTES = 6,
	IPV4_ADDRESS_BYTES = 4,
	IPV6_ADDRESS_BYTES = 16,
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

void reply_frame(uint8_t *frame, const struct frame_view *view)
{
	uint8_t *ip = frame + view->l3_offset;
	uint8_t *udp = frame + view->l4_offset;
	const uint32_t udp_bytes = UDP_HEADER_BYTES + view->payload_bytes;
	uint64_t sum = checksum_add_be16(checksum_add_be16(0, PROTOCOL_UDP), (uint16_t)udp_bytes);

	swap(frame, frame + MAC_BYTES, MAC_BYTES);
	swap(udp, udp + 2, 2);
	if (view->ip_version == 4) {
		swap(ip + 12, ip + 16, IPV4_ADDRESS_BYTES);
		ip[8] = TTL;
		memset(ip + 10, 0, 2);
		checksum_store(ip + 10, checksum_add(0, ip, IPV4_HEADER_BYTES));
		sum = checksum_add(sum, ip + 12, 2 * IPV4_ADDRESS_BYTES);
	} else {
		swap(ip + 8, ip + 24, IPV6_ADDRESS_BYTES);
		ip[7] = TTL;
		sum = checksum_add(sum, ip + 8, 2 * IPV6_ADDRESS_BYTES);
	}
	memset(udp + 6, 0, 2);
	checksum_store_udp(udp + 6, checksum_add(sum, udp, udp_bytes));
}
