/*
 * relaxed: how another thread reads a plain counter of a worker. Each value is one that the counter
 * had; two values may be from different moments. Costs the worker nothing.
 */
#ifndef DB_ENGINE_BASE_RELAXED_H
#define DB_ENGINE_BASE_RELAXED_H

#include <stdint.h>

static inline uint64_t relaxed_u64(const uint64_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline uint32_t relaxed_u32(const uint32_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static inline uint16_t relaxed_u16(const uint16_t *counter)
{
	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

#endif
