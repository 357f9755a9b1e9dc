/*
 * mix64: the finaliser of SplitMix64 (Steele, Lea, Flood, "Fast Splittable Pseudorandom Number
 * Generators", 2014): a bijection on 64 bits. The wire format and the journal's checksums depend on
 * it, so it never changes. Pure; any thread.
 */
#ifndef DB_ENGINE_BASE_MIX64_H
#define DB_ENGINE_BASE_MIX64_H

#include <stdint.h>

static inline uint64_t mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= UINT64_C(0xbf58476d1ce4e5b9);
	x ^= x >> 27;
	x *= UINT64_C(0x94d049bb133111eb);
	x ^= x >> 31;
	return x;
}

#endif
