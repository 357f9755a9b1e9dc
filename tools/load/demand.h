/*
 * demand: which of many SKUs a random number asks for, by their weights, in constant time: Vose's
 * alias method (1991). And the weights of Zipf's law. One thread.
 */
#ifndef DB_TOOLS_LOAD_DEMAND_H
#define DB_TOOLS_LOAD_DEMAND_H

#include <stdint.h>

/* A column: itself with `share` of 2^32, else the other. */
struct alias {
	uint32_t share;
	uint32_t other;
};

/* Columns for cnt SKUs, cnt > 0, owned by the caller (free); NULL: no memory. weight: of the SKU
 * with this index, not below 0; sum: of all weights, above 0. */
struct alias *demand_make(uint32_t cnt, double (*weight)(const void *context, uint32_t idx),
			  const void *context, double sum);

/* The index of the SKU that a random number of 64 bits asks for. */
uint32_t demand_draw(const struct alias *aliases, uint32_t cnt, uint64_t random);

/* By Zipf's law with exponent 0.99: the weight of the SKU with this index, and of the first cnt. */
double demand_zipf_weight(uint32_t idx);
double demand_zipf_sum(uint32_t cnt);

#endif
