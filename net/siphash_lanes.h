/*
 * siphash_lanes: the vector lanes of siphash.h. Included by one .c a kernel, built for its CPU,
 * which defines LANES, the type `lanes` of as many 64-bit words, and the operations on it that
 * differ.
 *
 * Messages of different lengths end together: a shorter one joins when as many words are left as it
 * has. So the rounds need no masks; only a lane that joins has its state set.
 */
#ifndef DB_NET_SIPHASH_LANES_H
#define DB_NET_SIPHASH_LANES_H

#include <stdint.h>
#include <string.h>

#include "net/siphash.h"

/* Messages of a group of vectors at most: two of them hide the latency of each other's rounds. */
enum {
	SIPHASH_GROUPS_MAX = 2,
};

/* Hashes up to SIPHASH_GROUPS_MAX * lanes jobs, whose lengths don't rise. */
typedef void siphash_lanes_fn(const struct siphash_job *const *jobs, uint32_t cnt,
			      uint64_t (*tags)[2]);

siphash_lanes_fn siphash_lanes_avx2;
siphash_lanes_fn siphash_lanes_avx512;

#ifdef LANES

#define INLINE static inline __attribute__((always_inline))

/* The four words of each lane's state, by group. */
struct state {
	lanes v0[SIPHASH_GROUPS_MAX];
	lanes v1[SIPHASH_GROUPS_MAX];
	lanes v2[SIPHASH_GROUPS_MAX];
	lanes v3[SIPHASH_GROUPS_MAX];
};

/* What the lanes read, and where their states begin. */
struct feed {
	const uint8_t *at[SIPHASH_GROUPS_MAX * LANES];
	uint64_t joins_at[SIPHASH_GROUPS_MAX * LANES]; /* words before its message begins */
	uint64_t key0[SIPHASH_GROUPS_MAX * LANES];
	uint64_t key1[SIPHASH_GROUPS_MAX * LANES];
	uint64_t last[SIPHASH_GROUPS_MAX * LANES]; /* last word: length and odd bytes */
} __attribute__((aligned(64)));

INLINE void sip_rounds(struct state *s, const unsigned groups, const unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		for (unsigned g = 0; g < groups; g++) {
			s->v0[g] += s->v1[g];
			s->v2[g] += s->v3[g];
			s->v1[g] = rotate(s->v1[g], 13) ^ s->v0[g];
			s->v3[g] = rotate_16(s->v3[g]) ^ s->v2[g];
			s->v0[g] = rotate_32(s->v0[g]);
		}
		for (unsigned g = 0; g < groups; g++) {
			s->v2[g] += s->v1[g];
			s->v0[g] += s->v3[g];
			s->v1[g] = rotate(s->v1[g], 17) ^ s->v2[g];
			s->v3[g] = rotate(s->v3[g], 21) ^ s->v0[g];
			s->v2[g] = rotate_32(s->v2[g]);
		}
	}
}

/* Absorbs the word_idx-th word of the transposed blocks. */
INLINE void sip_word(struct state *s, lanes words[][LANES], const unsigned groups,
		     const unsigned word_idx)
{
	for (unsigned g = 0; g < groups; g++)
		s->v3[g] ^= words[g][word_idx];
	sip_rounds(s, groups, 2);
	for (unsigned g = 0; g < groups; g++)
		s->v0[g] ^= words[g][word_idx];
}

/* Absorbs word_cnt whole words of every lane. */
INLINE void sip_absorb(struct state *s, struct feed *feed, const unsigned groups, uint64_t word_cnt)
{
	lanes words[SIPHASH_GROUPS_MAX][LANES];
	uint64_t left = word_cnt;

	for (; left >= LANES; left -= LANES) {
		for (unsigned g = 0; g < groups; g++) {
			for (unsigned i = 0; i < LANES; i++) {
				words[g][i] = load(feed->at[g * LANES + i]);
				feed->at[g * LANES + i] += LANES * sizeof(uint64_t);
			}
			transpose(words[g]);
		}
		for (unsigned i = 0; i < LANES; i++)
			sip_word(s, words, groups, i);
	}
	if (left == 0)
		return;
	for (unsigned g = 0; g < groups; g++) {
		for (unsigned i = 0; i < LANES; i++) {
			words[g][i] = load_some(feed->at[g * LANES + i], (unsigned)left);
			feed->at[g * LANES + i] += left * sizeof(uint64_t);
		}
		transpose(words[g]);
	}
	for (unsigned i = 0; i < left; i++)
		sip_word(s, words, groups, i);
}

INLINE lanes sip_row(const uint64_t *words, unsigned group)
{
	return load((const uint8_t *)(words + group * LANES));
}

/* Sets the states of the lanes that join before the word_idx-th word. */
INLINE void sip_join(struct state *s, const struct feed *feed, const unsigned groups,
		     uint64_t word_idx)
{
	for (unsigned g = 0; g < groups; g++) {
		const lanes key0 = sip_row(feed->key0, g);
		const lanes key1 = sip_row(feed->key1, g);
		const lanes joins = (lanes)(sip_row(feed->joins_at, g) == word_idx);

		s->v0[g] = (s->v0[g] & ~joins) | ((key0 ^ UINT64_C(0x736f6d6570736575)) & joins);
		s->v1[g] = (s->v1[g] & ~joins) |
			   ((key1 ^ UINT64_C(0x646f72616e646f6d) ^ 0xee) & joins);
		s->v2[g] = (s->v2[g] & ~joins) | ((key0 ^ UINT64_C(0x6c7967656e657261)) & joins);
		s->v3[g] = (s->v3[g] & ~joins) | ((key1 ^ UINT64_C(0x7465646279746573)) & joins);
	}
}

INLINE void sip_end(struct state *s, const struct feed *feed, const unsigned groups, uint32_t cnt,
		    uint64_t (*tags)[2])
{
	uint64_t half[SIPHASH_GROUPS_MAX * LANES] __attribute__((aligned(64)));

	for (unsigned g = 0; g < groups; g++)
		s->v3[g] ^= sip_row(feed->last, g);
	sip_rounds(s, groups, 2);
	for (unsigned g = 0; g < groups; g++) {
		s->v0[g] ^= sip_row(feed->last, g);
		s->v2[g] ^= 0xee;
	}
	for (unsigned part = 0; part < 2; part++) {
		sip_rounds(s, groups, 4);
		for (unsigned g = 0; g < groups; g++) {
			const lanes all = s->v0[g] ^ s->v1[g] ^ s->v2[g] ^ s->v3[g];

			memcpy(half + g * LANES, &all, sizeof(all));
			s->v1[g] ^= 0xdd;
		}
		for (uint32_t i = 0; i < cnt; i++)
			tags[i][part] = half[i];
	}
}

/* The end of a message as SipHash defines it: its odd bytes, and its length in the top byte. */
INLINE uint64_t sip_last_word(const struct siphash_job *job)
{
	uint64_t word = 0;

	/* Datagrams have none, and a copy of an unknown length is a call. */
	if ((job->bytes & 7U) != 0)
		memcpy(&word, job->data + (job->bytes & ~7U), job->bytes & 7U);
	return word | (uint64_t)job->bytes << 56;
}

INLINE void sip_fill(struct feed *feed, const struct siphash_job *const *jobs, uint32_t cnt,
		     const unsigned groups)
{
	const uint32_t word_cnt = jobs[0]->bytes / sizeof(uint64_t);

	for (uint32_t i = 0; i < groups * LANES; i++) {
		/* A lane without a message repeats the longest; nobody asks for its tag. */
		const struct siphash_job *job = jobs[i < cnt ? i : 0];

		feed->at[i] = jobs[0]->data;
		feed->joins_at[i] = word_cnt - job->bytes / sizeof(uint64_t);
		memcpy(&feed->key0[i], job->key, sizeof(uint64_t));
		memcpy(&feed->key1[i], job->key + sizeof(uint64_t), sizeof(uint64_t));
		feed->last[i] = sip_last_word(job);
	}
}

INLINE void sip_groups(const struct siphash_job *const *jobs, uint32_t cnt, const unsigned groups,
		       uint64_t (*tags)[2])
{
	const uint64_t word_cnt = jobs[0]->bytes / sizeof(uint64_t);
	struct state s = {0};
	struct feed feed;
	uint64_t word_idx = 0;
	uint32_t joined = 0;

	sip_fill(&feed, jobs, cnt, groups);
	for (;;) {
		for (; joined < cnt && feed.joins_at[joined] == word_idx; joined++)
			feed.at[joined] = jobs[joined]->data;
		sip_join(&s, &feed, groups, word_idx);
		if (word_idx == word_cnt)
			break;

		const uint64_t next = joined < cnt ? feed.joins_at[joined] : word_cnt;

		sip_absorb(&s, &feed, groups, next - word_idx);
		word_idx = next;
	}
	sip_end(&s, &feed, groups, cnt, tags);
}

INLINE void sip_lanes(const struct siphash_job *const *jobs, uint32_t cnt, uint64_t (*tags)[2])
{
	if (cnt > LANES)
		sip_groups(jobs, cnt, 2, tags);
	else
		sip_groups(jobs, cnt, 1, tags);
}

#endif
#endif
