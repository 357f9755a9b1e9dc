/*
 * hash: keyed hashes of the tables. NH of UMAC (Black et al. 1999): an almost-universal family, so
 * that who doesn't know the key cannot choose ids that collide. The key is random for each shard
 * and process; nothing that is stored or answered depends on it.
 */
#ifndef DB_ENGINE_HASH_H
#define DB_ENGINE_HASH_H

#include <stdint.h>

#include "net/wire.h"

struct hash_key {
	uint64_t words[5];
};

static inline uint64_t hash_fold(unsigned __int128 sum, uint64_t odd)
{
	return mix64((uint64_t)sum + (uint64_t)(sum >> 64) * (odd | 1));
}

static inline uint64_t hash_2(const struct hash_key *key, uint64_t a, uint64_t b)
{
	const uint64_t *k = key->words;

	return hash_fold((unsigned __int128)(a + k[0]) * (b + k[1]), k[4]);
}

static inline uint64_t hash_3(const struct hash_key *key, uint64_t a, uint64_t b, uint64_t c)
{
	const uint64_t *k = key->words;
	const unsigned __int128 sum =
		(unsigned __int128)(a + k[0]) * (b + k[1]) + (unsigned __int128)(c + k[2]) * k[3];

	return hash_fold(sum, k[4]);
}

/* Maps the upper half of a hash to [0, cnt); the lower half stays free for tags. */
static inline uint64_t hash_range(uint64_t hash, uint64_t cnt)
{
	return (uint64_t)(((unsigned __int128)hash * cnt) >> 64);
}

#endif
