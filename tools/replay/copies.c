#include "tools/replay/copies.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "engine/base/limits.h"

enum {
	/* A datagram is in one bucket, by its hash; the oldest of a full bucket is forgotten. That
	 * is one of a thousand: the buckets have room for three times as many as are remembered. */
	WAYS = 7,
	BUCKETS = COPIES_REMEMBERED / 2,
	/* Interfaces and ways through them on one host; more of them are forgotten. */
	POINTS = 4,
};
static_assert((BUCKETS & (BUCKETS - 1)) == 0, "picked by bits of the hash");
static_assert((COPIES_REMEMBERED & (COPIES_REMEMBERED - 1)) == 0, "a ring of sightings");
static_assert(COPIES_REMEMBERED <= 1 << 16, "a sighting's number and a part of its hash: 32 bits");

struct sighting {
	uint64_t hash[2];
	uint64_t at_ns;          /* of the first */
	uint16_t points[POINTS]; /* where it was seen; 0: nowhere that is known */
	uint16_t ip_id;          /* 0: none */
	uint8_t point_cnt;       /* 0 to POINTS */
};

/* Half a cache line. Each way has a sighting's number, and bits of its hash above, never 0. */
struct bucket {
	uint32_t next; /* to be overwritten */
	uint32_t ways[WAYS];
};
static_assert(sizeof(struct bucket) * 2 == CACHE_LINE_BYTES, "as it says");

/* The sightings are a ring: what is new is written beside what was new before, and only the small
 * buckets are all over memory. */
struct copies {
	_Alignas(CACHE_LINE_BYTES) uint64_t window_ns;
	uint32_t next; /* sighting, to be overwritten */
	_Alignas(CACHE_LINE_BYTES) struct bucket buckets[BUCKETS];
	struct sighting sightings[COPIES_REMEMBERED];
};

struct copies *copies_open(uint64_t window_ns)
{
	struct copies *copies = aligned_alloc(CACHE_LINE_BYTES, sizeof(*copies));

	if (copies == NULL)
		return NULL;
	memset(copies->buckets, 0, sizeof(copies->buckets));
	copies->window_ns = window_ns;
	copies->next = 0;
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

	if (first->hash[0] != now->hash[0] || first->hash[1] != now->hash[1] ||
	    apart_ns > copies->window_ns)
		return false;
	if (first->ip_id != 0 && now->ip_id != 0)
		return first->ip_id == now->ip_id;
	return !was_at(first, now->points[0]);
}

bool copies_is_one(struct copies *copies, const struct captured *captured)
{
	const XXH128_hash_t hash = XXH3_128bits(captured->datagram, captured->bytes);
	const struct sighting now = {
		.hash = {hash.low64,
			 hash.high64 ^ ((uint64_t)captured->shard << 8 | captured->kind)},
		.at_ns = captured->at_ns,
		.points = {captured->point},
		.ip_id = captured->ip_id,
		.point_cnt = captured->point != 0,
	};
	const uint32_t bits = (uint32_t)(hash.high64 >> 32 | 1 << 16) & 0xffff0000;
	struct bucket *bucket = &copies->buckets[hash.low64 & (BUCKETS - 1)];

	for (unsigned i = 0; i < WAYS; i++) {
		struct sighting *first = &copies->sightings[bucket->ways[i] & 0xffff];

		if ((bucket->ways[i] & 0xffff0000) != bits || !is_copy(copies, first, &now))
			continue;
		if (captured->point != 0 && first->point_cnt < POINTS)
			first->points[first->point_cnt++] = captured->point;
		return true;
	}
	bucket->ways[bucket->next] = bits | copies->next;
	bucket->next = (bucket->next + 1) % WAYS;
	copies->sightings[copies->next] = now;
	copies->next = (copies->next + 1) % COPIES_REMEMBERED;
	return false;
}

void copies_close(struct copies *copies)
{
	free(copies);
}
