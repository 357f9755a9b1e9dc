/*
 * bench_tag: SipHash-2-4-128 over bursts of datagrams, one by one by libsodium beside the kernels
 * for many at once; in alternating rounds, medians. usage: bench_tag
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "net/siphash.h"
#include "net/wire.h"

enum {
	ROUNDS = 15,
	ROUND_BYTES = 1 << 23,
};

static uint8_t datagrams[SIPHASH_CNT_MAX][WIRE_DATAGRAM_BYTES_MAX];
static uint8_t tags[SIPHASH_CNT_MAX][SIPHASH_TAG_BYTES];
static const uint8_t key[SIPHASH_KEY_BYTES] = {1, 2, 3};

static int ascending(const void *a, const void *b)
{
	const double one = *(const double *)a;
	const double two = *(const double *)b;

	return one < two ? -1 : one > two;
}

/* Entries of the i-th datagram; 0: all lengths in one burst. */
static uint32_t entries_of(uint32_t entries, uint32_t i)
{
	return entries > 0 ? entries : 1 + i * 7 % WIRE_ENTRY_CNT_MAX;
}

/* ns a datagram. */
static double measure(enum siphash_kernel kernel, uint32_t entries, uint32_t burst)
{
	struct siphash_job jobs[SIPHASH_CNT_MAX];
	uint64_t burst_bytes = 1; /* never none */
	uint64_t bursts;
	uint64_t begin_ns;

	for (uint32_t i = 0; i < burst; i++) {
		jobs[i] = (struct siphash_job){
			.data = datagrams[i],
			.key = key,
			.bytes = wire_datagram_bytes(entries_of(entries, i)) - WIRE_TAG_BYTES,
		};
		burst_bytes += jobs[i].bytes;
	}
	bursts = ROUND_BYTES / burst_bytes + 1;
	begin_ns = clock_now_ns();
	for (uint64_t i = 0; i < bursts; i++) {
		siphash_many_by(kernel, jobs, burst, tags);
		datagrams[i % SIPHASH_CNT_MAX][0] ^= tags[0][0];
	}
	return (double)(clock_now_ns() - begin_ns) / (double)(bursts * burst);
}

int main(void)
{
	static const uint32_t bursts[] = {1, 2, 3, 4, 8, 16, 64};
	static const uint32_t sizes[] = {1, 4, WIRE_ENTRY_CNT_MAX, 0};

	printf("%-10s %6s", "entries", "burst");
	for (unsigned kernel = 0; kernel < SIPHASH_KERNELS; kernel++)
		printf(" %10s", siphash_name(kernel));
	printf("   ns a datagram\n");
	for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		for (unsigned b = 0; b < sizeof(bursts) / sizeof(bursts[0]); b++) {
			double ns[SIPHASH_KERNELS][ROUNDS];
			char text[16] = "mixed";

			for (unsigned r = 0; r < ROUNDS; r++) {
				for (unsigned k = 0; k < SIPHASH_KERNELS; k++)
					ns[k][r] = siphash_has(k) ? measure(k, sizes[s], bursts[b])
								  : 0;
			}
			if (sizes[s] > 0)
				snprintf(text, sizeof(text), "%u", sizes[s]);
			printf("%-10s %6u", text, bursts[b]);
			for (unsigned k = 0; k < SIPHASH_KERNELS; k++) {
				qsort(ns[k], ROUNDS, sizeof(double), ascending);
				printf(" %10.1f", ns[k][ROUNDS / 2]);
			}
			printf("\n");
		}
	}
	return 0;
}
