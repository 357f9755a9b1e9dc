/* Four lanes a vector. Built with AVX2; called only where the CPU has it. */
#include <immintrin.h>

#include "net/siphash.h"

#define LANES 4
typedef uint64_t lanes __attribute__((vector_size(32)));

static inline lanes rotate(lanes x, const int n)
{
	return x << n | x >> (64 - n);
}

/* For whole bytes one shuffle does what takes three shifts. */
static inline lanes rotate_16(lanes x)
{
	const __m256i bytes =
		_mm256_setr_epi8(6, 7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13, 6, 7, 0, 1,
				 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13);

	return (lanes)_mm256_shuffle_epi8((__m256i)x, bytes);
}

static inline lanes rotate_32(lanes x)
{
	return (lanes)_mm256_shuffle_epi32((__m256i)x, 0xb1);
}

static inline lanes load(const uint8_t *at)
{
	return (lanes)_mm256_loadu_si256((const __m256i *)at);
}

/* Loads the first cnt words; the bytes after them aren't read. */
static inline lanes load_some(const uint8_t *at, unsigned cnt)
{
	const __m256i idx = _mm256_setr_epi64x(0, 1, 2, 3);
	const __m256i mask = _mm256_cmpgt_epi64(_mm256_set1_epi64x(cnt), idx);

	return (lanes)_mm256_maskload_epi64((const long long *)at, mask);
}

/* Four words of four lanes become four vectors of one word each. */
static inline void transpose(lanes rows[4])
{
	const __m256i even01 = _mm256_unpacklo_epi64((__m256i)rows[0], (__m256i)rows[1]);
	const __m256i odd01 = _mm256_unpackhi_epi64((__m256i)rows[0], (__m256i)rows[1]);
	const __m256i even23 = _mm256_unpacklo_epi64((__m256i)rows[2], (__m256i)rows[3]);
	const __m256i odd23 = _mm256_unpackhi_epi64((__m256i)rows[2], (__m256i)rows[3]);

	rows[0] = (lanes)_mm256_permute2x128_si256(even01, even23, 0x20);
	rows[1] = (lanes)_mm256_permute2x128_si256(odd01, odd23, 0x20);
	rows[2] = (lanes)_mm256_permute2x128_si256(even01, even23, 0x31);
	rows[3] = (lanes)_mm256_permute2x128_si256(odd01, odd23, 0x31);
}

#include "net/siphash_lanes.h"

void siphash_lanes_avx2(const struct siphash_job *const *jobs, uint32_t cnt, uint64_t (*tags)[2])
{
	sip_lanes(jobs, cnt, tags);
}
