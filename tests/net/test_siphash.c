#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/siphash.h"
#include "net/tag.h"
#include "net/wire.h"
#include "tests/support/guard_page.h"

enum {
	MESSAGE_BYTES = 1600,
};

static const uint8_t first_key[SIPHASH_KEY_BYTES] = {0, 1, 2,  3,  4,  5,  6,  7,
						     8, 9, 10, 11, 12, 13, 14, 15};

/* What the authors' reference implementation gives for messages of 0, 1, 2 and 3 bytes. */
static const uint8_t published[][SIPHASH_TAG_BYTES] = {
	{0xa3, 0x81, 0x7f, 0x04, 0xba, 0x25, 0xa8, 0xe6, 0x6d, 0xf6, 0x72, 0x14, 0xc7, 0x55, 0x02,
	 0x93},
	{0xda, 0x87, 0xc1, 0xd8, 0x6b, 0x99, 0xaf, 0x44, 0x34, 0x76, 0x59, 0x11, 0x9b, 0x22, 0xfc,
	 0x45},
	{0x81, 0x77, 0x22, 0x8d, 0xa4, 0xa4, 0x5d, 0xc7, 0xfc, 0xa3, 0x8b, 0xde, 0xf6, 0x0a, 0xff,
	 0xe4},
	{0x9c, 0x70, 0xb6, 0x0c, 0x52, 0x67, 0xa9, 0x4e, 0x5f, 0x33, 0xb6, 0xb0, 0x29, 0x85, 0xed,
	 0x51},
};

static uint64_t random_state;

static uint32_t random_below(uint32_t end)
{
	return (uint32_t)(((unsigned __int128)mix64(++random_state) * end) >> 64);
}

static void fill_random(uint8_t *bytes, size_t cnt)
{
	for (size_t i = 0; i < cnt; i++)
		bytes[i] = (uint8_t)random_below(256);
}

/* A CPU without a kernel can't test it; that the others do is all that can be asked there. */
#define FOR_EACH_KERNEL(kernel)                                                                    \
	for (enum siphash_kernel kernel = 0; kernel < SIPHASH_KERNELS; kernel++)                   \
		if (siphash_has(kernel))

Test(siphash, gives_the_published_tags)
{
	uint8_t message[sizeof(published) / sizeof(published[0])];
	struct siphash_job jobs[SIPHASH_CNT_MAX];
	uint8_t tags[SIPHASH_CNT_MAX][SIPHASH_TAG_BYTES];

	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	/* Many of each, so that every lane has one. */
	for (unsigned i = 0; i < SIPHASH_CNT_MAX; i++)
		jobs[i] = (struct siphash_job){
			.data = message, .key = first_key, .bytes = i % sizeof(message)};
	FOR_EACH_KERNEL(kernel)
	{
		memset(tags, 0, sizeof(tags));
		siphash_many_by(kernel, jobs, SIPHASH_CNT_MAX, tags);
		for (unsigned i = 0; i < SIPHASH_CNT_MAX; i++)
			cr_assert(memcmp(tags[i], published[jobs[i].bytes], sizeof(tags[i])) == 0,
				  "%s, message %u", siphash_name(kernel), i);
	}
}

/* Jobs of lengths up to bytes_max that all end where memory ends, each under its own key. */
static void make_jobs(struct siphash_job *jobs, uint32_t cnt, uint32_t bytes_max, bool same_length)
{
	static uint8_t keys[SIPHASH_CNT_MAX][SIPHASH_KEY_BYTES];
	uint8_t bytes[MESSAGE_BYTES];
	const uint8_t *end;
	const uint32_t length = random_below(bytes_max + 1);

	fill_random(bytes, sizeof(bytes));
	fill_random(keys[0], sizeof(keys));
	end = guarded_copy(bytes, sizeof(bytes)) + sizeof(bytes);
	for (uint32_t i = 0; i < cnt; i++) {
		const uint32_t own = same_length ? length : random_below(bytes_max + 1);

		jobs[i] = (struct siphash_job){.data = end - own, .key = keys[i], .bytes = own};
	}
}

Test(siphash, kernels_agree_on_every_length_and_burst)
{
	struct siphash_job jobs[SIPHASH_CNT_MAX];
	uint8_t want[SIPHASH_CNT_MAX][SIPHASH_TAG_BYTES];
	uint8_t tags[SIPHASH_CNT_MAX][SIPHASH_TAG_BYTES];

	random_state = 7;
	for (unsigned round = 0; round < 2000; round++) {
		const uint32_t cnt = random_below(SIPHASH_CNT_MAX + 1);

		make_jobs(jobs, cnt, round % 4 < 2 ? MESSAGE_BYTES : 100, round % 2 == 0);
		siphash_many_by(SIPHASH_SODIUM, jobs, cnt, want);
		FOR_EACH_KERNEL(kernel)
		{
			memset(tags, 0, sizeof(tags));
			siphash_many_by(kernel, jobs, cnt, tags);
			cr_assert(memcmp(tags, want, cnt * sizeof(tags[0])) == 0,
				  "%s, %u messages, round %u", siphash_name(kernel), cnt, round);
		}
	}
}

Test(siphash, the_best_kernel_is_there)
{
	cr_assert(siphash_has(SIPHASH_SODIUM));
	cr_assert(siphash_has(siphash_best()));
}

Test(tag, a_burst_is_signed_as_one_by_one)
{
	static uint8_t one[TAG_BURST_MAX][WIRE_DATAGRAM_BYTES_MAX];
	static uint8_t many[TAG_BURST_MAX][WIRE_DATAGRAM_BYTES_MAX];
	struct tag_job jobs[TAG_BURST_MAX];

	random_state = 1;
	fill_random(one[0], sizeof(one));
	memcpy(many, one, sizeof(one));
	for (unsigned i = 0; i < TAG_BURST_MAX; i++) {
		jobs[i] = (struct tag_job){
			.datagram = many[i],
			.key = first_key,
			.bytes = wire_datagram_bytes(1 + i % WIRE_ENTRY_CNT_MAX),
		};
		tag_sign(one[i], jobs[i].bytes, first_key);
	}
	tag_sign_burst(jobs, TAG_BURST_MAX);
	cr_assert(memcmp(one, many, sizeof(one)) == 0);
	cr_assert(eq(u64, tag_verify_burst(jobs, TAG_BURST_MAX), UINT64_MAX));
}

Test(tag, a_burst_tells_each_wrong_tag)
{
	static uint8_t datagrams[TAG_BURST_MAX][WIRE_DATAGRAM_BYTES_MAX];
	struct tag_job jobs[TAG_BURST_MAX];

	for (unsigned i = 0; i < TAG_BURST_MAX; i++)
		jobs[i] = (struct tag_job){
			.datagram = datagrams[i],
			.key = first_key,
			.bytes = wire_datagram_bytes(1 + i % 2),
		};
	tag_sign_burst(jobs, TAG_BURST_MAX);
	for (unsigned i = 0; i < TAG_BURST_MAX; i++) {
		const uint32_t at = i * 7 % jobs[i].bytes; /* also in the tag itself */

		datagrams[i][at] ^= 1;
		cr_assert(eq(u64, tag_verify_burst(jobs, TAG_BURST_MAX), ~(UINT64_C(1) << i)));
		cr_assert(eq(u64, tag_verify_burst(jobs, i + 1),
			     ((UINT64_C(2) << i) - 1) & ~(UINT64_C(1) << i)));
		datagrams[i][at] ^= 1;
	}
}
