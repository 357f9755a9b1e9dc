#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/decode.h"
#include "net/reply.h"
#include "net/tag.h"
#include "tests/support/frames.h"
#include "tests/support/guard_page.h"

/* Pseudo-header and UDP of a frame add up to all ones. */
static void check_udp_sum(const uint8_t *frame, const struct frame_view *view)
{
	const uint32_t udp_bytes = UDP_HEADER_BYTES + view->payload_bytes;
	const uint8_t *ip = frame + view->l3_offset;
	uint32_t sum = 17 + udp_bytes;

	sum = view->ip_version == 4 ? frame_sum(sum, ip + 12, 8) : frame_sum(sum, ip + 8, 32);
	sum = frame_sum(sum, frame + view->l4_offset, udp_bytes);
	cr_assert(eq(u16, frame_fold(sum), 0xffff));
	if (view->ip_version == 4)
		cr_assert(eq(u16, frame_fold(frame_sum(0, ip, IPV4_HEADER_BYTES)), 0xffff));
}

Test(reply, goes_back_where_the_request_came_from)
{
	static uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	static uint8_t built[FRAME_ROOM_BYTES];

	for (unsigned vlans = 0; vlans <= VLAN_TAGS_MAX; vlans++) {
		for (uint8_t ip = 4; ip <= 6; ip += 2) {
			const uint32_t payload = frame_datagram(datagram, 3);
			const uint32_t bytes = frame_build(built, ip, vlans, datagram, payload);
			uint8_t *frame = guarded_copy(built, bytes);
			struct frame_view view;
			struct frame_view back;

			cr_assert(eq(int, decode_frame(frame, bytes, FRAME_PORT, 1, &view),
				     DROP_NONE));
			reply_header(frame + view.payload_offset, 5, 1);
			reply_frame(frame, &view);
			cr_assert(eq(int, decode_frame(frame, bytes, FRAME_SOURCE_PORT, 1, &back),
				     DROP_NONE));
			cr_assert(eq(u16, back.payload_bytes, payload));
			cr_assert(memcmp(frame, built + 6, 6) == 0);
			cr_assert(memcmp(frame + 6, built, 6) == 0);
			cr_assert(eq(u8, frame[view.l4_offset], FRAME_PORT >> 8));
			cr_assert(eq(u8, frame[view.l4_offset + 1], FRAME_PORT & 0xff));
			check_udp_sum(frame, &back);
		}
	}
}

Test(reply, has_the_header_of_a_reply)
{
	static uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	const uint32_t bytes = frame_datagram(datagram, 2);
	const struct wire_header *header = (const struct wire_header *)datagram;

	reply_header(datagram, 9, 3);
	cr_assert(eq(u8, header->kind, WIRE_KIND_REPLY));
	cr_assert(eq(u16, header->shard, 9));
	cr_assert(eq(u32, header->shard_map_version, 3));
	cr_assert(eq(u64, header->echo, 42));
	/* An engine drops it: no reply is ever answered. */
	cr_assert(eq(int, decode_datagram(datagram, bytes), DROP_BAD_KIND));
}

/* All lengths, also odd ones: the sum must be that of the definition. */
Test(reply, checksums_follow_the_definition)
{
	static uint8_t payload[300];
	static uint8_t frame[FRAME_ROOM_BYTES];

	for (uint32_t bytes = 0; bytes < sizeof(payload); bytes++) {
		struct frame_view view;
		uint32_t frame_bytes;

		payload[bytes] = (uint8_t)(bytes * 37);
		frame_bytes = frame_build(frame, 4, 0, payload, bytes);
		cr_assert(
			eq(int, decode_frame(frame, frame_bytes, FRAME_PORT, 1, &view), DROP_NONE));
		reply_frame(frame, &view);
		check_udp_sum(frame, &view);
	}
}

Test(reply, zero_checksum_is_sent_as_all_ones)
{
	static uint8_t payload[2];
	static uint8_t frame[FRAME_ROOM_BYTES];
	bool seen = false;

	/* One of all values of two bytes makes the sum all ones. */
	for (uint32_t value = 0; value <= UINT16_MAX; value++) {
		struct frame_view view;
		uint32_t bytes;

		payload[0] = (uint8_t)(value >> 8);
		payload[1] = (uint8_t)value;
		bytes = frame_build(frame, 4, 0, payload, sizeof(payload));
		cr_assert(eq(int, decode_frame(frame, bytes, FRAME_PORT, 1, &view), DROP_NONE));
		reply_frame(frame, &view);
		cr_assert(frame[view.l4_offset + 6] != 0 || frame[view.l4_offset + 7] != 0);
		seen |= frame[view.l4_offset + 6] == 0xff && frame[view.l4_offset + 7] == 0xff;
	}
	cr_assert(seen);
}
