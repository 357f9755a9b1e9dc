#include "net/siphash.h"

#include <assert.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/check.h"
#include "net/siphash_lanes.h"

static const struct kernel {
	const char *name;
	siphash_lanes_fn *hash; /* NULL: one by one */
	uint32_t lane_cnt;
	/* The lanes take as long for their longest message as libsodium for so many like it, or
	 * less (bench/bench_tag.c). */
	uint32_t worth_cnt;
} kernels[SIPHASH_KERNELS] = {
	[SIPHASH_SODIUM] = {.name = "sodium"},
	[SIPHASH_AVX2] = {"avx2", siphash_lanes_avx2, .lane_cnt = 8, .worth_cnt = 4},
	[SIPHASH_AVX512] = {"avx512", siphash_lanes_avx512, .lane_cnt = 16, .worth_cnt = 3},
};

static_assert(crypto_shorthash_siphashx24_BYTES == SIPHASH_TAG_BYTES, "tag size");
static_assert(crypto_shorthash_siphashx24_KEYBYTES == SIPHASH_KEY_BYTES, "key size");

bool siphash_has(enum siphash_kernel kernel)
{
	switch (kernel) {
	case SIPHASH_AVX2:
		return __builtin_cpu_supports("avx2");
	case SIPHASH_AVX512:
		return __builtin_cpu_supports("avx512f");
	default:
		return true;
	}
}

enum siphash_kernel siphash_best(void)
{
	if (siphash_has(SIPHASH_AVX512))
		return SIPHASH_AVX512;
	return siphash_has(SIPHASH_AVX2) ? SIPHASH_AVX2 : SIPHASH_SODIUM;
}

const char *siphash_name(enum siphash_kernel kernel)
{
	return kernels[kernel].name;
}

/* Longest first, by insertion: a burst is short, and mostly of one length. */
static void sort_by_length(const struct siphash_job **sorted, const struct siphash_job *jobs,
			   uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		uint32_t at = i;

		for (; at > 0 && sorted[at - 1]->bytes < jobs[i].bytes; at--)
			sorted[at] = sorted[at - 1];
		sorted[at] = &jobs[i];
	}
}

static void hash_one(const struct siphash_job *job, uint8_t tag[SIPHASH_TAG_BYTES])
{
	crypto_shorthash_siphashx24(tag, job->data, job->bytes, job->key);
}

/* How many of the messages, longest first, go into the lanes together; 0: the longest alone is done
 * sooner. */
static uint32_t lanes_worth(const struct kernel *by, const struct siphash_job *const *sorted,
			    uint32_t cnt)
{
	uint64_t bytes = 0;

	if (cnt > by->lane_cnt)
		cnt = by->lane_cnt;
	for (uint32_t i = 0; i < cnt; i++)
		bytes += sorted[i]->bytes;
	return bytes >= (uint64_t)by->worth_cnt * sorted[0]->bytes ? cnt : 0;
}

static void hash_in_lanes(const struct kernel *by, const struct siphash_job *jobs, uint32_t cnt,
			  uint8_t (*tags)[SIPHASH_TAG_BYTES])
{
	const struct siphash_job *sorted[SIPHASH_CNT_MAX];
	uint64_t hashed[SIPHASH_CNT_MAX][2];
	uint32_t done = 0;

	sort_by_length(sorted, jobs, cnt);
	while (done < cnt) {
		const uint32_t now = lanes_worth(by, sorted + done, cnt - done);

		if (now == 0) {
			hash_one(sorted[done], tags[sorted[done] - jobs]);
			done++;
			continue;
		}
		by->hash(sorted + done, now, hashed);
		for (uint32_t i = 0; i < now; i++)
			memcpy(tags[sorted[done + i] - jobs], hashed[i], sizeof(hashed[i]));
		done += now;
	}
}

void siphash_many_by(enum siphash_kernel kernel, const struct siphash_job *jobs, uint32_t cnt,
		     uint8_t (*tags)[SIPHASH_TAG_BYTES])
{
	CHECK(cnt <= SIPHASH_CNT_MAX);
	if (kernels[kernel].hash != NULL) {
		hash_in_lanes(&kernels[kernel], jobs, cnt, tags);
		return;
	}
	for (uint32_t i = 0; i < cnt; i++)
		hash_one(&jobs[i], tags[i]);
}

void siphash_many(const struct siphash_job *jobs, uint32_t cnt, uint8_t (*tags)[SIPHASH_TAG_BYTES])
{
	siphash_many_by(siphash_best(), jobs, cnt, tags);
}
