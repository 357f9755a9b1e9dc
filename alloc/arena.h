/*
 * arena: memory of a shard or a worker, a jemalloc arena of its own. Allocations of 2 MiB or more,
 * the tables, are on hugepages: reserved ones where enough are free, else transparent ones as far
 * as the kernel has some. Cold calls only, and from one thread at a time.
 */
#ifndef DB_ALLOC_ARENA_H
#define DB_ALLOC_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/* Arenas that this thread opens from now on have their memory near this NUMA node
 * (pages_node_of_cpu), if there is room; NODE_ANY, as at first: anywhere. */
void arena_prefer_node(int node);

int arena_open(struct arena **out);

/* Zeroed, faulted in, aligned to 64 bytes (4 KiB from 4 KiB on, 2 MiB from 2 MiB on). NULL when
 * there is no memory. Lives until arena_close. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* Which kinds of pages hold an arena's memory, as of its allocation: the kernel may find more
 * transparent hugepages later. */
struct arena_bytes {
	uint64_t reserved; /* hugepages reserved by the operator (vm.nr_hugepages) */
	uint64_t transparent;
	uint64_t normal;
};
struct arena_bytes arena_bytes(const struct arena *arena);

/* What jemalloc reports of an arena. Size classes are counted whole, touched or not. */
struct arena_stats {
	uint64_t allocated_bytes; /* given out */
	uint64_t mapped_bytes;    /* address space, with what jemalloc keeps of the arena itself */
	uint64_t metadata_bytes;
};

/* Brings jemalloc's figures up to date, for the arena_stats that follow. Any thread. It holds
 * locks, which only threads that allocate wait for. */
void arena_stats_refresh(void);
struct arena_stats arena_stats(const struct arena *arena);

void arena_close(struct arena *arena);

/* Bytes that the calling thread has allocated from the heap so far, ever growing; for its lifetime.
 */
const uint64_t *arena_thread_allocated(void);

/* Bytes that this process may still allocate, by MemAvailable and the limits of its cgroups (of
 * either version); free hugepages are counted as far as it may have them. */
uint64_t arena_available_bytes(void);

#endif
