#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>
#include <string.h>

#include "engine/sale/hash.h"
#include "net/wire.h"

enum {
	CNT = 20000,
	BINS = 2500,
	KEYS = 20,
};

static struct hash_key key_of(uint64_t seed)
{
	struct hash_key key;

	for (unsigned i = 0; i < HASH_KEY_WORDS; i++)
		key.words[i] = mix64(seed * HASH_KEY_WORDS + i + 1);
	return key;
}

/* Ids as people number things. */
static uint64_t pattern(unsigned which, uint64_t i)
{
	switch (which) {
	case 0:
		return i;
	case 1:
		return i << 32;
	case 2:
		return i * 1000;
	case 3:
		return i << 20;
	case 4:
		return (i & 1023) << 48 | i >> 10;
	default:
		return UINT64_MAX - i * i;
	}
}

enum {
	PATTERNS = 6
};

static uint64_t hash_of(unsigned what, const struct hash_key *key, uint64_t id)
{
	const hash_sum sku = hash_sku(key, what == 0 ? id : 7);

	switch (what) {
	case 0:
		return hash_end(key, sku);
	case 1:
		return hash_end(key, sku + hash_request_id(key, id, 0));
	case 2:
		return hash_end(key, sku + hash_request_id(key, 0, id));
	default:
		return hash_end(key, sku + hash_buyer(key, id));
	}
}

enum {
	HASHES = 4
};

/* Chi-square of CNT hashes over BINS bins; about BINS if they are as good as random. */
static double unevenness(unsigned what, unsigned which, const struct hash_key *key, bool tags)
{
	static uint32_t bins[BINS];
	const double mean = (double)CNT / BINS;
	double sum = 0;

	memset(bins, 0, sizeof(bins));
	for (uint64_t i = 0; i < CNT; i++) {
		const uint64_t hash = hash_of(what, key, pattern(which, i));

		bins[tags ? hash_tag(hash) * (uint64_t)BINS >> 16 : hash_range(hash, BINS)]++;
	}
	for (unsigned i = 0; i < BINS; i++)
		sum += ((double)bins[i] - mean) * ((double)bins[i] - mean) / mean;
	return sum;
}

/* Six standard deviations beyond the mean: not even once in these 960 draws by chance. */
Test(hash, spreads_what_people_number)
{
	for (unsigned what = 0; what < HASHES; what++) {
		for (unsigned which = 0; which < PATTERNS; which++) {
			for (uint64_t seed = 0; seed < KEYS; seed++) {
				const struct hash_key key = key_of(seed);

				for (unsigned tags = 0; tags < 2; tags++)
					cr_assert(unevenness(what, which, &key, tags != 0) <
							  BINS + 6 * sqrt(2.0 * BINS),
						  "hash %u, pattern %u, key %u, tags %u", what,
						  which, (unsigned)seed, tags);
			}
		}
	}
}

/* Who found ids that share a bucket under one key has found nothing about another. */
Test(hash, what_collides_under_one_key_does_not_under_another)
{
	const struct hash_key known = key_of(1);
	const struct hash_key other = key_of(2);
	uint64_t chosen = 0;
	uint64_t again = 0;

	for (uint64_t i = 0; chosen < 1000; i++) {
		const hash_sum sum = hash_request_id(&known, i, mix64(i));

		if (hash_range(hash_end(&known, sum), BINS) != 0)
			continue;
		chosen++;
		again += hash_range(hash_end(&other, hash_request_id(&other, i, mix64(i))), BINS) ==
			 0;
	}
	cr_assert(lt(u64, again, 10), "%lu of 1000, 0.4 expected", (unsigned long)again);
}

/* A product by zero would forget its other factor. */
Test(hash, a_word_that_meets_its_key_is_not_lost)
{
	const struct hash_key key = key_of(3);

	cr_assert(ne(u64, hash_end(&key, hash_sku(&key, 1) + hash_request_id(&key, 1, 2)),
		     hash_end(&key, hash_sku(&key, 2) + hash_request_id(&key, 1, 2))));
	cr_assert(ne(u64, hash_end(&key, hash_sku(&key, 1) + hash_buyer(&key, 1)),
		     hash_end(&key, hash_sku(&key, 1) + hash_buyer(&key, 2))));
}
