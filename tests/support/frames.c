#include "tests/support/frames.h"

#include <string.h>

#include "net/decode.h"
#include "net/tag.h"

const uint8_t frame_key[WIRE_KEY_BYTES] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

uint32_t frame_datagram(uint8_t out[WIRE_DATAGRAM_BYTES_MAX], uint8_t cnt)
{
	const uint32_t bytes = wire_datagram_bytes(cnt);
	struct wire_request *requests = (struct wire_request *)(out + WIRE_HEADER_BYTES);

	*(struct wire_header *)out = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = cnt,
		.key_id = 1,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = 42,
	};
	for (uint8_t i = 0; i < cnt; i++)
		requests[i] = (struct wire_request){
			.id = {i + 1U, 7}, .buyer = i, .sku = 1, .quantity = 1, .op = WIRE_OP_BUY};
	tag_sign(out, bytes, frame_key);
	return bytes;
}

uint32_t frame_dated(uint8_t out[WIRE_DATAGRAM_BYTES_MAX], uint8_t cnt, uint64_t issued_at_ns,
		     uint32_t valid_ms, uint32_t sale)
{
	(void)frame_datagram(out, cnt);
	((struct wire_header *)out)->flags = WIRE_FLAG_DATED;
	*wire_date(out) = (struct wire_date){issued_at_ns, valid_ms, sale};
	tag_sign(out, wire_bytes(out), frame_key);
	return wire_bytes(out);
}

static void put_be16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static uint32_t put_ip(uint8_t *ip, uint8_t ip_version, uint32_t payload_bytes)
{
	if (ip_version == 4) {
		static const uint8_t addresses[] = {198, 18, 0, 2, 198, 18, 0, 1};

		memset(ip, 0, IPV4_HEADER_BYTES);
		ip[0] = 0x45;
		put_be16(ip + 2, IPV4_HEADER_BYTES + payload_bytes);
		ip[8] = 64;
		ip[9] = 17;
		memcpy(ip + 12, addresses, sizeof(addresses));
		put_be16(ip + 10, (uint16_t)~frame_fold(frame_sum(0, ip, IPV4_HEADER_BYTES)));
		return IPV4_HEADER_BYTES;
	}
	memset(ip, 0, IPV6_HEADER_BYTES);
	ip[0] = 0x60;
	put_be16(ip + 4, payload_bytes);
	ip[6] = 17;
	ip[7] = 64;
	ip[8] = ip[24] = 0x20;
	ip[23] = 2;
	ip[39] = 1;
	return IPV6_HEADER_BYTES;
}

uint32_t frame_build(uint8_t out[FRAME_ROOM_BYTES], uint8_t ip_version, unsigned vlans,
		     const uint8_t *payload, uint32_t payload_bytes)
{
	static const uint8_t macs[] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2};
	uint32_t at = sizeof(macs);

	memcpy(out, macs, sizeof(macs));
	for (unsigned i = 0; i < vlans; i++) {
		put_be16(out + at, i + 1 < vlans ? 0x88a8 : 0x8100);
		put_be16(out + at + 2, 100 + i);
		at += VLAN_TAG_BYTES;
	}
	put_be16(out + at, ip_version == 4 ? 0x0800 : 0x86dd);
	at += 2;
	at += put_ip(out + at, ip_version, UDP_HEADER_BYTES + payload_bytes);
	put_be16(out + at, FRAME_SOURCE_PORT);
	put_be16(out + at + 2, FRAME_PORT);
	put_be16(out + at + 4, UDP_HEADER_BYTES + payload_bytes);
	put_be16(out + at + 6, 0xdead); /* only partial on lo and veth: must not matter */
	at += UDP_HEADER_BYTES;
	memcpy(out + at, payload, payload_bytes);
	return at + payload_bytes;
}

uint32_t frame_sum(uint32_t sum, const uint8_t *data, uint32_t bytes)
{
	for (uint32_t i = 0; i < bytes; i++)
		sum += i % 2 == 0 ? (uint32_t)data[i] << 8 : data[i];
	return sum;
}

uint16_t frame_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}
