#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/admission/admit.h"
#include "tests/support/frames.h"

enum {
	CNT = TAG_BURST_MAX,
};

static uint8_t datagrams[CNT][WIRE_DATAGRAM_BYTES_MAX];
static struct admission admissions[CNT];
static struct key_ring *ring;

static void make_burst(void)
{
	ring = calloc(1, sizeof(*ring) + 2 * sizeof(struct key));
	ring->cnt = 2;
	ring->keys[0].id = 1;
	memcpy(ring->keys[0].bytes, frame_key, sizeof(frame_key));
	ring->keys[1].id = 9; /* all zero: another key */
	for (unsigned i = 0; i < CNT; i++)
		admissions[i] = (struct admission){
			.datagram = datagrams[i],
			.bytes = frame_datagram(datagrams[i], (uint8_t)(1 + i % 5)),
			.reason = DROP_CNT,
		};
}

static void free_burst(void)
{
	free(ring);
}

TestSuite(admit, .init = make_burst, .fini = free_burst);

static struct wire_header *header_of(unsigned i)
{
	return (struct wire_header *)datagrams[i];
}

Test(admit, lets_in_whoever_signed)
{
	admit(ring, admissions, CNT);
	for (unsigned i = 0; i < CNT; i++) {
		cr_assert(eq(int, admissions[i].reason, DROP_NONE));
		cr_assert(admissions[i].key == &ring->keys[0]);
	}
}

Test(admit, knows_keys_and_checks_tags_one_by_one)
{
	header_of(3)->key_id = 2;
	header_of(4)->key_id = 9;
	datagrams[7][admissions[7].bytes - 1] ^= 1;
	datagrams[CNT - 1][40] ^= 0x80;
	admit(ring, admissions, CNT);
	for (unsigned i = 0; i < CNT; i++) {
		const enum drop want = i == 3                             ? DROP_UNKNOWN_KEY
				       : i == 4 || i == 7 || i == CNT - 1 ? DROP_BAD_TAG
									  : DROP_NONE;

		cr_assert(eq(int, admissions[i].reason, want), "datagram %u", i);
	}
}

Test(admit, a_burst_may_be_small_or_all_unknown)
{
	admit(ring, admissions, 0);
	cr_assert(eq(int, admissions[0].reason, DROP_CNT));
	admit(ring, admissions, 1);
	cr_assert(eq(int, admissions[0].reason, DROP_NONE));
	ring->cnt = 0;
	admit(ring, admissions, 2);
	cr_assert(eq(int, admissions[0].reason, DROP_UNKNOWN_KEY));
	cr_assert(eq(int, admissions[1].reason, DROP_UNKNOWN_KEY));
}
