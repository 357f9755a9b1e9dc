/*
 * histogram: counts of 64-bit values, log-linear: 64 steps a power of two, so a quantile is at most
 * 1/64 (1.6 %) above the value it stands for. Fixed size, nothing allocates.
 */
#ifndef DB_TOOLS_COMMON_HISTOGRAM_H
#define DB_TOOLS_COMMON_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_STEP_BITS = 6,
	HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
	HISTOGRAM_CELLS = (64 - HISTOGRAM_STEP_BITS + 1) * HISTOGRAM_STEPS,
};

struct histogram {
	uint64_t cnt;
	uint64_t max;
	uint64_t cells[HISTOGRAM_CELLS];
};

void histogram_add(struct histogram *histogram, uint64_t value);

/* Adds the same value cnt times. */
void histogram_add_many(struct histogram *histogram, uint64_t value, uint64_t cnt);

/* The smallest bound that at least this share (0..1) of the values don't exceed; 0 if there are
 * none. */
uint64_t histogram_quantile(const struct histogram *histogram, double share);

#endif
