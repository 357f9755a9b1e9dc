/*
 * hash: keyed hashes of the tables. Without the key nobody can choose ids that collide. The key is
 * random for each shard and process; nothing that is stored or answered depends on it.
 *
 * First a sum of products, NH of UMAC (Black et al. 1999): two different messages have the same sum
 * under 2^-64 of the keys. Then two odd factors, the second by multiply-shift (Dietzfelbinger et
 * al. 1997), make 64 bits of it: hash_range uses the upper bits, hash_tag those below. A product is
 * made once for all tables whose hashes contain its words.
 */
#ifndef DB_ENGINE_SALE_HASH_H
#define DB_ENGINE_SALE_HASH_H

#include <assert.h>
#include <stdint.h>

#include "engine/base/check.h"

enum {
	HASH_KEY_WORDS = 8,
};

/* Random bits. */
struct hash_key {
	uint64_t words[HASH_KEY_WORDS];
};

typedef unsigned __int128 hash_sum;
static_assert(sizeof(hash_sum) == 2 * sizeof(uint64_t), "a product without loss");

static inline hash_sum hash_sku(const struct hash_key *key, uint64_t sku)
{
	/* Without a random key all SKUs would have one hash. */
	DCHECK(key->words[1] != 0);
	return (hash_sum)(sku + key->words[0]) * key->words[1];
}

static inline hash_sum hash_request_id(const struct hash_key *key, uint64_t id0, uint64_t id1)
{
	return (hash_sum)(id0 + key->words[2]) * (id1 + key->words[3]);
}

static inline hash_sum hash_buyer(const struct hash_key *key, uint64_t buyer)
{
	DCHECK(key->words[5] != 0);
	return (hash_sum)(buyer + key->words[4]) * key->words[5];
}

static inline uint64_t hash_end(const struct hash_key *key, hash_sum sum)
{
	uint64_t hash = (uint64_t)sum + (uint64_t)(sum >> 64) * (key->words[6] | 1);

	hash ^= hash >> 32;
	return hash * (key->words[7] | 1);
}

/* Maps the upper half of a hash to [0, cnt), cnt at most 2^32. */
static inline uint64_t hash_range(uint64_t hash, uint64_t cnt)
{
	DCHECK(cnt > 0 && cnt <= UINT64_C(1) << 32);
	return (uint64_t)(((unsigned __int128)hash * cnt) >> 64);
}

/* 16 bits that hash_range does not use. */
static inline uint16_t hash_tag(uint64_t hash)
{
	return (uint16_t)(hash >> 16);
}

#endif
