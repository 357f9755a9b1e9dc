#include "tools/replay/copies.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "engine/base/check.h"

enum {
	/* A datagram is in one bucket, by its hash; the oldest of a full bucket is forgotten. */
	WAYS = 8,
	BUCKETS = COPIES_REMEMBERED / WAYS,
	/* Interfaces and ways through them on one host; more of them are forgotten. */
	POINTS = 4,
};
static_assert((BUCKETS & (BUCKETS - 1)) == 0, "picked by bits of the hash");

struct sighting {
	uint64_t hash[2];
	uint64_t at_ns;          /* of the first */
	uint16_t points[POINTS]; /* where it was seen; 0: nowhere that is known */
	uint16_t ip_id;          /* 0: none */
	uint8_t point_cnt;       /* 0 to POINTS */
	bool used;
};

struct bucket {
	struct sighting sightings[WAYS];
	uint32_t next; /* to be overwritten */
};

struct copies {
	uint64_t window_ns;
	struct bucket buckets[BUCKETS];
};

struct copies *copies_open(uint64_t window_ns)
{
	struct copies *copies = calloc(1, sizeof(*copies));

	if (copies != NULL)
		copies->window_ns = window_ns;
	return copies;
}

static bool was_at(const struct sighting *sighting, uint16_t point)
{
	for (unsigned i = 0; i < sighting->point_cnt && point != 0; i++) {
		if (sighting->points[i] == point)
			return true;
	}
	return false;
}

static bool is_copy(const struct copies *copies, const struct sighting *first,
		    const struct sighting *now)
{
	const uint64_t apart_ns =
		now->at_ns > first->at_ns ? now->at_ns - first->at_ns : first->at_ns - now->at_ns;

	if (!first->used || first->hash[0] != now->hash[0] || first->hash[1] != now->hash[1] ||
	    apart_ns > copies->window_ns)
		return false;
	if (first->ip_id != 0 && now->ip_id != 0)
		return first->ip_id == now->ip_id;
	return !was_at(first, now->points[0]);
}

bool copies_is_one(struct copies *copies, const struct captured *captured)
{
	const uint64_t seed = (uint64_t)captured->shard << 8 | captured->kind;
	const XXH128_hash_t hash = XXH3_128bits_withSeed(captured->datagram, captured->bytes, seed);
	const struct sighting now = {
		.hash = {hash.low64, hash.high64},
		.at_ns = captured->at_ns,
		.points = {captured->point},
		.ip_id = captured->ip_id,
		.point_cnt = captured->point != 0,
		.used = true,
	};
	struct bucket *bucket = &copies->buckets[hash.low64 & (BUCKETS - 1)];

	for (unsigned i = 0; i < WAYS; i++) {
		struct sighting *first = &bucket->sightings[i];

		if (!is_copy(copies, first, &now))
			continue;
		if (captured->point != 0 && first->point_cnt < POINTS)
			first->points[first->point_cnt++] = captured->point;
		return true;
	}
	bucket->sightings[bucket->next++ % WAYS] = now;
	return false;
}

void copies_close(struct copies *copies)
{
	free(copies);
}
