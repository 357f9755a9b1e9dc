/* Eight lanes a vector. Built with AVX-512F; called only where the CPU has it. */
#include <immintrin.h>

#include "net/siphash.h"

#define LANES 8
typedef uint64_t lanes __attribute__((vector_size(64)));

static inline lanes rotate(lanes x, const int n)
{
	return x << n | x >> (64 - n);
}

static inline lanes rotate_16(lanes x)
{
	return rotate(x, 16);
}

static inline lanes rotate_32(lanes x)
{
	return rotate(x, 32);
}

static inline lanes load(const uint8_t *at)
{
	return (lanes)_mm512_loadu_si512(at);
}

/* Loads the first cnt words; the bytes after them aren't read. */
static inline lanes load_some(const uint8_t *at, unsigned cnt)
{
	return (lanes)_mm512_maskz_loadu_epi64((__mmask8)((1U << cnt) - 1), at);
}

/* Eight words of eight lanes become eight vectors of one word each, in three steps of halves. */
static inline void transpose(lanes rows[8])
{
	__m512i pairs[8];
	__m512i quads[8];

	for (unsigned i = 0; i < 8; i += 2) {
		pairs[i] = _mm512_unpacklo_epi64((__m512i)rows[i], (__m512i)rows[i + 1]);
		pairs[i + 1] = _mm512_unpackhi_epi64((__m512i)rows[i], (__m512i)rows[i + 1]);
	}
	for (unsigned i = 0; i < 8; i += 4) {
		for (unsigned odd = 0; odd < 2; odd++) {
			quads[i + odd] =
				_mm512_shuffle_i64x2(pairs[i + odd], pairs[i + 2 + odd], 0x44);
			quads[i + 2 + odd] =
				_mm512_shuffle_i64x2(pairs[i + odd], pairs[i + 2 + odd], 0xee);
		}
	}
	for (unsigned i = 0; i < 4; i++) {
		const unsigned word = (i & 1) + 4 * (i >> 1);

		rows[word] = (lanes)_mm512_shuffle_i64x2(quads[i], quads[i + 4], 0x88);
		rows[word + 2] = (lanes)_mm512_shuffle_i64x2(quads[i], quads[i + 4], 0xdd);
	}
}

#include "net/siphash_lanes.h"

void siphash_lanes_avx512(const struct siphash_job *const *jobs, uint32_t cnt, uint64_t (*tags)[2])
{
	sip_lanes(jobs, cnt, tags);
}
