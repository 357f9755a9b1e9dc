#include "net/tag.h"

#include <string.h>

#include <sodium.h>

#include "net/siphash.h"

static_assert((int)SIPHASH_TAG_BYTES == (int)WIRE_TAG_BYTES, "tag size");
static_assert((int)SIPHASH_KEY_BYTES == (int)WIRE_KEY_BYTES, "key size");
static_assert((int)TAG_BURST_MAX <= (int)SIPHASH_CNT_MAX, "a burst is one call");

void tag_sign(uint8_t *datagram, uint32_t bytes, const uint8_t key[WIRE_KEY_BYTES])
{
	const uint32_t signed_bytes = bytes - WIRE_TAG_BYTES;

	crypto_shorthash_siphashx24(datagram + signed_bytes, datagram, signed_bytes, key);
}

/* Whether two tags are the same. The time it takes does not depend on where they differ. */
static bool same(const uint8_t *one, const uint8_t *two)
{
	uint64_t a[2];
	uint64_t b[2];

	memcpy(a, one, sizeof(a));
	memcpy(b, two, sizeof(b));
	return ((a[0] ^ b[0]) | (a[1] ^ b[1])) == 0;
}

bool tag_verify(const uint8_t *datagram, uint32_t bytes, const uint8_t key[WIRE_KEY_BYTES])
{
	const uint32_t signed_bytes = bytes - WIRE_TAG_BYTES;
	uint8_t want[WIRE_TAG_BYTES];

	crypto_shorthash_siphashx24(want, datagram, signed_bytes, key);
	return same(want, datagram + signed_bytes);
}

static void tags_of(const struct tag_job *jobs, uint32_t cnt, uint8_t (*tags)[WIRE_TAG_BYTES])
{
	if (cnt == 0)
		return;

	struct siphash_job hashed[TAG_BURST_MAX];

	for (uint32_t i = 0; i < cnt; i++)
		hashed[i] = (struct siphash_job){
			.data = jobs[i].datagram,
			.key = jobs[i].key,
			.bytes = jobs[i].bytes - WIRE_TAG_BYTES,
		};
	siphash_many(hashed, cnt, tags);
}

void tag_sign_burst(const struct tag_job *jobs, uint32_t cnt)
{
	uint8_t tags[TAG_BURST_MAX][WIRE_TAG_BYTES];

	tags_of(jobs, cnt, tags);
	for (uint32_t i = 0; i < cnt; i++)
		memcpy(jobs[i].datagram + jobs[i].bytes - WIRE_TAG_BYTES, tags[i], WIRE_TAG_BYTES);
}

uint64_t tag_verify_burst(const struct tag_job *jobs, uint32_t cnt)
{
	uint8_t tags[TAG_BURST_MAX][WIRE_TAG_BYTES];
	uint64_t right = 0;

	tags_of(jobs, cnt, tags);
	for (uint32_t i = 0; i < cnt; i++)
		right |= (uint64_t)same(tags[i], jobs[i].datagram + jobs[i].bytes - WIRE_TAG_BYTES)
			 << i;
	return right;
}
