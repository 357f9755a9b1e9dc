#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/neighbour.h"
#include "tests/support/frames.h"
#include "tests/support/guard_page.h"

static const struct neighbour_address self = {
	.mac = {2, 0xdb, 5, 0, 0, 1},
	.ipv4 = {198, 18, 0, 1},
	.ipv6 = {0x20, 0x01, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34, 0x56},
};
static const uint8_t asker_mac[] = {2, 0, 0, 0, 0, 2};
static const uint8_t asker_ipv4[] = {198, 18, 0, 2};
static const uint8_t asker_ipv6[16] = {0x20, 0x01, 0, 2, [15] = 2};

enum {
	ARP_FRAME_BYTES = 14 + 28,
	PING_FRAME_BYTES = 14 + 20 + 8 + 5,
	NDP_FRAME_BYTES = 14 + 40 + 32,
};

static void put_arp(uint8_t *frame)
{
	static const uint8_t fixed[] = {0, 1, 8, 0, 6, 4, 0, 1};

	memset(frame, 0xff, 6);
	memcpy(frame + 6, asker_mac, 6);
	frame[12] = 0x08;
	frame[13] = 0x06;
	memcpy(frame + 14, fixed, sizeof(fixed));
	memcpy(frame + 22, asker_mac, 6);
	memcpy(frame + 28, asker_ipv4, 4);
	memset(frame + 32, 0, 6);
	memcpy(frame + 38, self.ipv4, 4);
}

static void put_ping(uint8_t *frame)
{
	memset(frame, 0, PING_FRAME_BYTES);
	memcpy(frame, self.mac, 6);
	memcpy(frame + 6, asker_mac, 6);
	frame[12] = 0x08;
	frame[14] = 0x45;
	frame[17] = PING_FRAME_BYTES - 14;
	frame[22] = 1;
	frame[23] = 1;
	memcpy(frame + 26, asker_ipv4, 4);
	memcpy(frame + 30, self.ipv4, 4);
	frame[34] = 8;
	memcpy(frame + 38, "\x12\x34\x00\x01hello", 9);
}

/* A solicitation to the multicast group of our address, with the asker's link-layer option. */
static void put_solicitation(uint8_t *frame)
{
	static const uint8_t group[] = {0xff, 2, 0, 0, 0,    0,    0,    0,
					0,    0, 0, 1, 0xff, 0x12, 0x34, 0x56};

	memset(frame, 0, NDP_FRAME_BYTES);
	memcpy(frame, "\x33\x33\xff\x12\x34\x56", 6);
	memcpy(frame + 6, asker_mac, 6);
	frame[12] = 0x86;
	frame[13] = 0xdd;
	frame[14] = 0x60;
	frame[19] = 32;
	frame[20] = 58;
	frame[21] = 255;
	memcpy(frame + 22, asker_ipv6, 16);
	memcpy(frame + 38, group, 16);
	frame[54] = 135;
	memcpy(frame + 62, self.ipv6, 16);
	frame[78] = 1;
	frame[79] = 1;
	memcpy(frame + 80, asker_mac, 6);
}

static void check_icmpv6_sum(const uint8_t *frame, uint32_t icmp_bytes)
{
	uint32_t sum = frame_sum(58 + icmp_bytes, frame + 22, 32);

	sum = frame_sum(sum, frame + 54, icmp_bytes);
	cr_assert(eq(u16, frame_fold(sum), 0xffff));
}

Test(neighbour, answers_arp)
{
	uint8_t built[ARP_FRAME_BYTES];
	uint32_t bytes = sizeof(built);
	uint8_t *frame;

	put_arp(built);
	frame = guarded_copy(built, bytes);
	cr_assert(neighbour_answer(&self, frame, &bytes));
	cr_assert(eq(u32, bytes, ARP_FRAME_BYTES));
	cr_assert(memcmp(frame, asker_mac, 6) == 0);
	cr_assert(memcmp(frame + 6, self.mac, 6) == 0);
	cr_assert(eq(u8, frame[21], 2));
	cr_assert(memcmp(frame + 22, self.mac, 6) == 0);
	cr_assert(memcmp(frame + 28, self.ipv4, 4) == 0);
	cr_assert(memcmp(frame + 32, asker_mac, 6) == 0);
	cr_assert(memcmp(frame + 38, asker_ipv4, 4) == 0);
}

Test(neighbour, answers_ping)
{
	uint8_t built[PING_FRAME_BYTES];
	uint32_t bytes = sizeof(built);
	uint8_t *frame;

	put_ping(built);
	frame = guarded_copy(built, bytes);
	cr_assert(neighbour_answer(&self, frame, &bytes));
	cr_assert(eq(u32, bytes, PING_FRAME_BYTES));
	cr_assert(eq(u8, frame[34], 0));
	cr_assert(memcmp(frame + 26, self.ipv4, 4) == 0);
	cr_assert(memcmp(frame + 30, asker_ipv4, 4) == 0);
	cr_assert(memcmp(frame + 38, "\x12\x34\x00\x01hello", 9) == 0);
	cr_assert(eq(u16, frame_fold(frame_sum(0, frame + 14, 20)), 0xffff));
	cr_assert(eq(u16, frame_fold(frame_sum(0, frame + 34, 13)), 0xffff));
}

Test(neighbour, answers_solicitation)
{
	uint8_t built[NDP_FRAME_BYTES];
	uint32_t bytes = sizeof(built);
	uint8_t *frame;

	put_solicitation(built);
	frame = guarded_copy(built, bytes);
	cr_assert(neighbour_answer(&self, frame, &bytes));
	cr_assert(eq(u32, bytes, NDP_FRAME_BYTES));
	cr_assert(eq(u8, frame[54], 136));
	cr_assert(eq(u8, frame[58], 0x60));
	cr_assert(memcmp(frame + 22, self.ipv6, 16) == 0);
	cr_assert(memcmp(frame + 38, asker_ipv6, 16) == 0);
	cr_assert(eq(u8, frame[78], 2));
	cr_assert(memcmp(frame + 80, self.mac, 6) == 0);
	check_icmpv6_sum(frame, 32);
}

Test(neighbour, answers_ping_over_ipv6)
{
	uint8_t built[NDP_FRAME_BYTES];
	uint32_t bytes = sizeof(built);
	uint8_t *frame;

	put_solicitation(built);
	built[54] = 128;
	memcpy(built + 38, self.ipv6, 16);
	frame = guarded_copy(built, bytes);
	cr_assert(neighbour_answer(&self, frame, &bytes));
	cr_assert(eq(u8, frame[54], 129));
	check_icmpv6_sum(frame, 32);
}

/* Byte by byte: what asks for somebody else, or is something else, stays untouched. */
Test(neighbour, leaves_everything_else_alone)
{
	static const struct {
		void (*put)(uint8_t *frame);
		uint32_t bytes;
		uint32_t at;
	} cases[] = {
		{put_arp, ARP_FRAME_BYTES, 41},          /* another address */
		{put_arp, ARP_FRAME_BYTES, 21},          /* not a request */
		{put_arp, ARP_FRAME_BYTES, 15},          /* not Ethernet */
		{put_arp, ARP_FRAME_BYTES, 13},          /* not ARP */
		{put_ping, PING_FRAME_BYTES, 33},        /* another address */
		{put_ping, PING_FRAME_BYTES, 34},        /* not an echo request */
		{put_ping, PING_FRAME_BYTES, 21},        /* a fragment */
		{put_ping, PING_FRAME_BYTES, 14},        /* IP options */
		{put_ping, PING_FRAME_BYTES, 16},        /* longer than the frame */
		{put_solicitation, NDP_FRAME_BYTES, 77}, /* another target */
		{put_solicitation, NDP_FRAME_BYTES, 53}, /* another group */
		{put_solicitation, NDP_FRAME_BYTES, 21}, /* came through a router */
		{put_solicitation, NDP_FRAME_BYTES, 54}, /* not a solicitation */
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint8_t built[NDP_FRAME_BYTES];
		uint32_t bytes = cases[i].bytes;
		uint8_t *frame;

		cases[i].put(built);
		built[cases[i].at] ^= 0x09;
		frame = guarded_copy(built, bytes);
		cr_assert(not(neighbour_answer(&self, frame, &bytes)), "case %zu", i);
		cr_assert(memcmp(frame, built, bytes) == 0, "case %zu was touched", i);
	}
}

Test(neighbour, survives_every_truncation)
{
	static void (*const puts[])(uint8_t *) = {put_arp, put_ping, put_solicitation};
	static const uint32_t sizes[] = {ARP_FRAME_BYTES, PING_FRAME_BYTES, NDP_FRAME_BYTES};

	for (unsigned i = 0; i < 3; i++) {
		uint8_t built[NDP_FRAME_BYTES];

		puts[i](built);
		for (uint32_t cut = 0; cut < sizes[i]; cut++) {
			uint32_t bytes = cut;

			cr_assert(not(neighbour_answer(&self, guarded_copy(built, cut), &bytes)));
		}
	}
}
