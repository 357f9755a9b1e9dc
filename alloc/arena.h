/*
 * arena: memory of a shard or a worker. Tables, from 2 MiB on, are mappings of their own on
 * hugepages where enough are free, else on normal pages with transparent hugepages asked for; what
 * is smaller comes from a jemalloc arena. Cold calls only.
 */
#ifndef DB_ALLOC_ARENA_H
#define DB_ALLOC_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

int arena_open(struct arena **out);

/* Zeroed, aligned to 64 bytes (4 KiB from 4 KiB on, 2 MiB from 2 MiB on). NULL when there is no
 * memory. Lives until arena_close. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* Bytes of this arena on reserved hugepages, and on normal pages. */
void arena_bytes(const struct arena *arena, uint64_t *huge, uint64_t *normal);

void arena_close(struct arena *arena);

/* Memory this process may still take: MemAvailable and cgroup limit, bytes; free hugepages counted.
 */
uint64_t arena_available_bytes(void);

#endif
