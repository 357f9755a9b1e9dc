#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/decode.h"
#include "tests/support/frames.h"
#include "tests/support/guard_page.h"

static uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
static uint8_t frame[FRAME_ROOM_BYTES];
static struct frame_view view;

/* Decodes a copy that ends at an unreadable page, with ports 7700 and 7701 being ours. */
static enum drop decode(uint32_t bytes)
{
	return decode_frame(guarded_copy(frame, bytes), bytes, FRAME_PORT, 2, &view);
}

/* A frame of one entry; IPv4 at 14, UDP at 34, datagram at 42. */
static uint32_t plain_frame(void)
{
	const uint32_t bytes = frame_datagram(datagram, 1);

	return frame_build(frame, 4, 0, datagram, bytes);
}

Test(decode, accepts_both_ips_with_and_without_vlans)
{
	for (uint8_t cnt = 1; cnt <= WIRE_ENTRY_CNT_MAX; cnt += 28) {
		const uint32_t payload = frame_datagram(datagram, cnt);

		for (unsigned vlans = 0; vlans <= VLAN_TAGS_MAX; vlans++) {
			for (uint8_t ip = 4; ip <= 6; ip += 2) {
				const uint32_t bytes =
					frame_build(frame, ip, vlans, datagram, payload);

				cr_assert(eq(int, decode(bytes), DROP_NONE));
				cr_assert(eq(u16, view.payload_bytes, payload));
				cr_assert(eq(u16, view.payload_offset, bytes - payload));
				cr_assert(eq(u16, view.l3_offset, 14 + 4 * vlans));
				cr_assert(eq(u8, view.ip_version, ip));
				cr_assert(eq(u16, view.dst_port, FRAME_PORT));
			}
		}
	}
}

Test(decode, every_truncation_is_dropped)
{
	const uint32_t payload = frame_datagram(datagram, 2);

	for (unsigned vlans = 0; vlans <= VLAN_TAGS_MAX; vlans++) {
		for (uint8_t ip = 4; ip <= 6; ip += 2) {
			const uint32_t bytes = frame_build(frame, ip, vlans, datagram, payload);

			for (uint32_t cut = 0; cut < bytes; cut++)
				cr_assert(eq(int, decode(cut), DROP_FRAME_TRUNCATED));
		}
	}
}

Test(decode, ethernet_padding_is_not_payload)
{
	const uint32_t bytes = plain_frame();

	memset(frame + bytes, 0xee, 18);
	cr_assert(eq(int, decode(bytes + 18), DROP_NONE));
	cr_assert(eq(u16, view.payload_bytes, WIRE_DATAGRAM_BYTES_MIN));
}

Test(decode, names_what_is_wrong_with_a_frame)
{
	static const struct {
		uint32_t at;
		uint8_t value;
		enum drop want;
	} cases[] = {
		{13, 0x06, DROP_NOT_IP},        /* ARP */
		{14, 0x55, DROP_IP_MALFORMED},  /* version 5 */
		{14, 0x44, DROP_IP_MALFORMED},  /* IHL 16 */
		{14, 0x46, DROP_IP_OPTIONS},    /* IHL 24 */
		{20, 0x20, DROP_FRAGMENT},      /* more fragments */
		{21, 0x01, DROP_FRAGMENT},      /* offset 8 */
		{23, 0x06, DROP_NOT_UDP},       /* TCP */
		{36, 0x00, DROP_NOT_OUR_PORT},  /* 20 */
		{37, 0x16, DROP_NOT_OUR_PORT},  /* 7702 */
		{37, 0x13, DROP_NOT_OUR_PORT},  /* 7699 */
		{39, 0x5f, DROP_UDP_MALFORMED}, /* shorter than the IP payload */
		{38, 0xff, DROP_UDP_MALFORMED}, /* longer */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t bytes = plain_frame();

		frame[cases[i].at] = cases[i].value;
		cr_assert(eq(int, decode(bytes), cases[i].want), "case %zu", i);
	}
}

Test(decode, names_what_is_wrong_with_an_ipv6_frame)
{
	static const struct {
		uint32_t at;
		uint8_t value;
		enum drop want;
	} cases[] = {
		{14, 0x40, DROP_IP_MALFORMED}, {20, 44, DROP_FRAGMENT},   {20, 0, DROP_IP_OPTIONS},
		{20, 43, DROP_IP_OPTIONS},     {20, 60, DROP_IP_OPTIONS}, {20, 6, DROP_NOT_UDP},
		{20, 58, DROP_NOT_UDP},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t payload = frame_datagram(datagram, 1);
		const uint32_t bytes = frame_build(frame, 6, 0, datagram, payload);

		frame[cases[i].at] = cases[i].value;
		cr_assert(eq(int, decode(bytes), cases[i].want), "case %zu", i);
	}
}

Test(decode, ip_payload_too_short_for_udp)
{
	const uint32_t bytes = plain_frame();

	frame[16] = 0;
	frame[17] = 27;
	cr_assert(eq(int, decode(bytes), DROP_UDP_MALFORMED));
}

Test(decode, third_vlan_tag_is_not_ours)
{
	const uint32_t payload = frame_datagram(datagram, 1);

	cr_assert(eq(int, decode(frame_build(frame, 4, 3, datagram, payload)), DROP_NOT_IP));
}

static enum drop check(uint32_t bytes)
{
	return decode_datagram(guarded_copy(datagram, bytes), bytes);
}

Test(decode, names_what_is_wrong_with_a_datagram)
{
	static const struct {
		uint32_t at;
		uint8_t value;
		enum drop want;
	} cases[] = {
		{0, 0x06, DROP_BAD_MAGIC}, {1, 0xda, DROP_BAD_MAGIC}, {2, 2, DROP_BAD_VERSION},
		{2, 0, DROP_BAD_VERSION},  {3, 2, DROP_BAD_KIND},     {3, 0, DROP_BAD_KIND},
		{4, 0, DROP_BAD_COUNT},    {4, 1, DROP_BAD_COUNT},    {4, 3, DROP_BAD_COUNT},
		{4, 30, DROP_BAD_COUNT},   {4, 255, DROP_BAD_COUNT},  {5, 4, DROP_BAD_FLAGS},
		{5, 0x80, DROP_BAD_FLAGS}, {5, 1, DROP_NONE},         {5, 2, DROP_BAD_COUNT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t bytes = frame_datagram(datagram, 2);

		datagram[cases[i].at] = cases[i].value;
		cr_assert(eq(int, check(bytes), cases[i].want), "case %zu", i);
	}
}

Test(decode, every_wrong_length_is_dropped)
{
	static uint8_t long_one[2000];

	for (uint8_t cnt = 1; cnt <= WIRE_ENTRY_CNT_MAX; cnt += 28) {
		for (unsigned dated = 0; dated < 2; dated++) {
			const uint32_t right = dated != 0 ? frame_dated(datagram, cnt, 5, 6, 7)
							  : frame_datagram(datagram, cnt);

			cr_assert(eq(u32, right, 40 + 48U * cnt + 16 * dated));
			memcpy(long_one, datagram, sizeof(datagram));
			for (uint32_t bytes = 0; bytes < sizeof(long_one); bytes++) {
				const enum drop want =
					bytes < WIRE_DATAGRAM_BYTES_MIN   ? DROP_TOO_SHORT
					: bytes > WIRE_DATAGRAM_BYTES_MAX ? DROP_TOO_LONG
					: bytes == right                  ? DROP_NONE
									  : DROP_BAD_COUNT;

				cr_assert(eq(int,
					     decode_datagram(guarded_copy(long_one, bytes), bytes),
					     want));
			}
		}
	}
}

/* A date stands where only the flag can say that there is one. */
Test(decode, the_date_lies_before_the_tag)
{
	const uint32_t bytes = frame_dated(datagram, 3, UINT64_C(0x1122334455667788), 9000, 77);

	cr_assert(eq(int, check(bytes), DROP_NONE));
	cr_assert(eq(u32, bytes, wire_bytes(datagram)));
	cr_assert(eq(sz, (size_t)((uint8_t *)wire_date(datagram) - datagram),
		     bytes - WIRE_TAG_BYTES - WIRE_DATE_BYTES));
	cr_assert(eq(u64, wire_date_of(datagram).issued_at_ns, UINT64_C(0x1122334455667788)));
	cr_assert(eq(u32, wire_date_of(datagram).valid_ms, 9000));
	cr_assert(eq(u32, wire_date_of(datagram).sale, 77));
	datagram[5] = 0;
	cr_assert(eq(int, check(bytes), DROP_BAD_COUNT));
}

/* Several datagrams in one packet, as UDP_SEGMENT leaves them where nobody cuts them up. */
Test(decode, a_batch_is_named)
{
	uint8_t *batch = calloc(1, 65536);
	const struct wire_header header = {.magic = WIRE_MAGIC,
					   .version = WIRE_VERSION,
					   .kind = WIRE_KIND_REQUEST,
					   .count = 1};
	const uint32_t one_bytes = wire_datagram_bytes(1);

	for (uint32_t i = 0; i < 40; i++)
		memcpy(batch + i * one_bytes, &header, sizeof(header));
	cr_assert(eq(int, decode_datagram(batch, one_bytes), DROP_NONE));
	cr_assert(eq(int, decode_datagram(batch, 2 * one_bytes), DROP_BATCHED));
	cr_assert(eq(int, decode_datagram(batch, 40 * one_bytes), DROP_BATCHED));
	/* The second must be there, and one of ours. */
	cr_assert(
		eq(int, decode_datagram(batch, one_bytes + WIRE_HEADER_BYTES - 1), DROP_BAD_COUNT));
	batch[one_bytes] ^= 1;
	cr_assert(eq(int, decode_datagram(batch, 2 * one_bytes), DROP_BAD_COUNT));
	cr_assert(eq(int, decode_datagram(batch, 40 * one_bytes), DROP_TOO_LONG));
	free(batch);
}

Test(decode, every_reason_has_a_name_and_a_text)
{
	for (int reason = 1; reason < DROP_CNT; reason++) {
		cr_assert(gt(sz, strlen(drop_name((enum drop)reason)), 3));
		cr_assert(gt(sz, strlen(drop_text((enum drop)reason)), 3));
	}
}
