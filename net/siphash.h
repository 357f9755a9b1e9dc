/*
 * siphash: SipHash-2-4-128 (Aumasson, Bernstein 2012) of many messages at once, each under its own
 * key: one message a lane of the CPU's vectors, libsodium where the CPU has none. All kernels give
 * the same tags. Time depends on the lengths only, never on content or keys. Any thread; no
 * allocation.
 */
#ifndef DB_NET_SIPHASH_H
#define DB_NET_SIPHASH_H

#include <stdbool.h>
#include <stdint.h>

enum {
	SIPHASH_TAG_BYTES = 16,
	SIPHASH_KEY_BYTES = 16,
	/* Messages of one call: a burst. */
	SIPHASH_CNT_MAX = 64,
	/* Of one message: more than a datagram. */
	SIPHASH_BYTES_MAX = 65535,
};

struct siphash_job {
	const uint8_t *data; /* bytes long, of any alignment; nothing after it is read */
	const uint8_t *key;  /* SIPHASH_KEY_BYTES */
	uint32_t bytes;      /* at most SIPHASH_BYTES_MAX */
};

enum siphash_kernel {
	SIPHASH_SODIUM, /* one by one */
	SIPHASH_AVX2,   /* 8 lanes */
	SIPHASH_AVX512, /* 16 lanes */
	SIPHASH_KERNELS,
};

/* tags[i] of jobs[i]; cnt at most SIPHASH_CNT_MAX. By the best kernel of this CPU. */
void siphash_many(const struct siphash_job *jobs, uint32_t cnt, uint8_t (*tags)[SIPHASH_TAG_BYTES]);

/* The same by one kernel, which this CPU must have: for tests and benchmarks. */
void siphash_many_by(enum siphash_kernel kernel, const struct siphash_job *jobs, uint32_t cnt,
		     uint8_t (*tags)[SIPHASH_TAG_BYTES]);

bool siphash_has(enum siphash_kernel kernel);
enum siphash_kernel siphash_best(void);
const char *siphash_name(enum siphash_kernel kernel);

#endif
