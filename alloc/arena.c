#include "alloc/arena.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <jemalloc/jemalloc.h>

#include "alloc/cgroup.h"
#include "alloc/pages.h"
#include "engine/base/check.h"
#include "engine/base/limits.h"

/* Read by jemalloc when it starts. Without `retain` an extent is as big as what was asked for. With
 * it jemalloc would ask for the next size class and keep the rest, on hugepages that nobody uses.
 */
const char *malloc_conf = "retain:false";

enum {
	/* A shard has five tables, a worker three and one a lane. */
	TABLES_MAX = SHARDS_MAX + 8,
};

struct arena {
	extent_hooks_t hooks; /* first: jemalloc hands its address back to the hooks */
	unsigned idx;
	int node;
	size_t table_bytes; /* of the table being allocated; 0: none is */
	unsigned table_cnt;
	struct pages tables[TABLES_MAX];
	struct arena_bytes bytes;
};

static _Thread_local int preferred_node = NODE_ANY;

static struct pages *table_at(struct arena *arena, const void *start)
{
	for (unsigned i = 0; i < arena->table_cnt; i++) {
		if (arena->tables[i].start == start)
			return &arena->tables[i];
	}
	return NULL;
}

/* A table's extent is rounded up to a size class: only what the table has is faulted in. */
static void *extent_alloc(extent_hooks_t *hooks, void *new_addr, size_t bytes, size_t alignment,
			  bool *zero, bool *commit, unsigned arena_idx)
{
	struct arena *arena = (struct arena *)hooks;

	(void)arena_idx;
	if (new_addr != NULL)
		return NULL; /* extending in place is not worth the code */
	*zero = true;
	*commit = true;
	if (arena->table_bytes == 0 || bytes < arena->table_bytes)
		return pages_reserve(bytes,
				     alignment > BLOCK_ALIGN_BYTES ? alignment : BLOCK_ALIGN_BYTES,
				     arena->node);

	struct pages *table = &arena->tables[arena->table_cnt];

	CHECK(arena->table_cnt < TABLES_MAX && alignment <= HUGEPAGE_BYTES);
	if (pages_map(table, bytes, arena->table_bytes, arena->node) != 0)
		return NULL;
	arena->table_cnt++;
	return table->start;
}

/* A table is given back whole. Memory that jemalloc keeps for the arena itself comes through here,
 * too. */
static void give_back(struct arena *arena, void *addr, size_t bytes)
{
	struct pages *table = table_at(arena, addr);

	if (table == NULL) {
		munmap(addr, bytes);
		return;
	}
	pages_unmap(table);
	*table = arena->tables[--arena->table_cnt];
}

static bool extent_dalloc(extent_hooks_t *hooks, void *addr, size_t bytes, bool committed,
			  unsigned arena_idx)
{
	(void)committed;
	(void)arena_idx;
	give_back((struct arena *)hooks, addr, bytes);
	return false;
}

static void extent_destroy(extent_hooks_t *hooks, void *addr, size_t bytes, bool committed,
			   unsigned arena_idx)
{
	(void)committed;
	(void)arena_idx;
	give_back((struct arena *)hooks, addr, bytes);
}

/* Small extents may be given back in parts: without this jemalloc loses an extent with each
 * allocation. */
static bool extent_split(extent_hooks_t *hooks, void *addr, size_t bytes, size_t front_bytes,
			 size_t back_bytes, bool committed, unsigned arena_idx)
{
	(void)bytes;
	(void)front_bytes;
	(void)back_bytes;
	(void)committed;
	(void)arena_idx;
	return table_at((struct arena *)hooks, addr) != NULL;
}

static const extent_hooks_t arena_hooks = {
	.alloc = extent_alloc,
	.dalloc = extent_dalloc,
	.split = extent_split,
	.destroy = extent_destroy,
};

void arena_prefer_node(int node)
{
	preferred_node = node;
}

int arena_open(struct arena **out)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return -ENOMEM;
	arena->hooks = arena_hooks;
	arena->node = preferred_node;

	extent_hooks_t *hooks = &arena->hooks;
	size_t idx_bytes = sizeof(arena->idx);
	const int rc =
		mallctl("arenas.create", &arena->idx, &idx_bytes, (void *)&hooks, sizeof(hooks));

	if (rc != 0) {
		free(arena);
		return -rc;
	}
	*out = arena;
	return 0;
}

static void *alloc_table(struct arena *arena, size_t bytes)
{
	void *memory;
	const struct pages *table;

	arena->table_bytes = bytes;
	memory = mallocx(bytes, MALLOCX_ARENA(arena->idx) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO |
					MALLOCX_ALIGN(HUGEPAGE_BYTES));
	arena->table_bytes = 0;
	if (memory == NULL)
		return NULL;
	table = table_at(arena, memory);
	CHECK(table != NULL);
	bytes = (bytes + HUGEPAGE_BYTES - 1) & ~((size_t)HUGEPAGE_BYTES - 1);
	arena->bytes.reserved += table->reserved_bytes;
	arena->bytes.transparent += table->transparent_bytes;
	arena->bytes.normal += bytes - table->reserved_bytes - table->transparent_bytes;
	return memory;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	const int flags =
		MALLOCX_ARENA(arena->idx) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO |
		MALLOCX_ALIGN(bytes >= BLOCK_ALIGN_BYTES ? BLOCK_ALIGN_BYTES : CACHE_LINE_BYTES);
	void *memory;

	if (bytes >= HUGEPAGE_BYTES)
		return alloc_table(arena, bytes);
	memory = mallocx(bytes > 0 ? bytes : 1, flags);
	if (memory == NULL)
		return NULL;
	if (bytes >= BLOCK_ALIGN_BYTES &&
	    !pages_populate(memory, bytes / BLOCK_ALIGN_BYTES * BLOCK_ALIGN_BYTES)) {
		dallocx(memory, flags);
		return NULL;
	}
	arena->bytes.normal += bytes;
	return memory;
}

struct arena_bytes arena_bytes(const struct arena *arena)
{
	return arena->bytes;
}

void arena_stats_refresh(void)
{
	uint64_t epoch = 1;

	CHECK(mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch)) == 0);
}

static size_t stat_of(const struct arena *arena, const char *name)
{
	char path[64];
	size_t value = 0;
	size_t bytes = sizeof(value);

	snprintf(path, sizeof(path), "stats.arenas.%u.%s", arena->idx, name);
	CHECK(mallctl(path, &value, &bytes, NULL, 0) == 0);
	return value;
}

struct arena_stats arena_stats(const struct arena *arena)
{
	return (struct arena_stats){
		.allocated_bytes =
			stat_of(arena, "small.allocated") + stat_of(arena, "large.allocated"),
		.mapped_bytes = stat_of(arena, "mapped"),
		.metadata_bytes = stat_of(arena, "base") + stat_of(arena, "internal"),
	};
}

void arena_close(struct arena *arena)
{
	char name[64];

	if (arena == NULL)
		return;
	snprintf(name, sizeof(name), "arena.%u.destroy", arena->idx);
	CHECK(mallctl(name, NULL, NULL, NULL, 0) == 0);
	CHECK(arena->table_cnt == 0);
	free(arena);
}

const uint64_t *arena_thread_allocated(void)
{
	const uint64_t *allocated = NULL;
	size_t bytes = sizeof(allocated);

	CHECK(mallctl("thread.allocatedp", (void *)&allocated, &bytes, NULL, 0) == 0);
	return allocated;
}

/* The number after `key` in a file of `key: number unit` lines, 0 if the key isn't there. */
static uint64_t proc_number(const char *path, const char *key)
{
	FILE *file = fopen(path, "re");
	char line[256];
	uint64_t value = 0;

	if (file == NULL)
		return 0;
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, key, strlen(key)) == 0) {
			value = strtoull(line + strlen(key), NULL, 10);
			break;
		}
	}
	fclose(file);
	return value;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Hugepages are not a part of MemAvailable, nor of a cgroup's memory. */
uint64_t arena_available_bytes(void)
{
	const uint64_t normal = proc_number("/proc/meminfo", "MemAvailable:") << 10;
	const uint64_t free_cnt = proc_number("/proc/meminfo", "HugePages_Free:");
	const uint64_t promised_cnt = proc_number("/proc/meminfo", "HugePages_Rsvd:");
	const uint64_t huge =
		(free_cnt > promised_cnt ? free_cnt - promised_cnt : 0) * HUGEPAGE_BYTES;

	return least(normal, cgroup_left("", CGROUP_MEMORY)) +
	       least(huge, cgroup_left("", CGROUP_HUGEPAGES));
}
