#include "alloc/arena.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include <jemalloc/jemalloc.h>

#include "engine/check.h"
#include "engine/limits.h"

enum {
	HUGEPAGE_BYTES = 2 << 20,
	/* A shard has five tables, a worker three. */
	TABLES_MAX = 16,
};

/* A mapping of its own. */
struct table {
	void *start;
	size_t bytes;
};

struct arena {
	extent_hooks_t hooks; /* first: jemalloc hands its address back to the hooks */
	unsigned idx;
	unsigned table_cnt;
	struct table tables[TABLES_MAX];
	_Atomic uint64_t huge_bytes;
	_Atomic uint64_t normal_bytes;
};

static void *map_normal(size_t bytes, size_t alignment)
{
	const size_t mapped = bytes + alignment;
	uint8_t *start = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (start == MAP_FAILED)
		return NULL;

	uint8_t *aligned = (uint8_t *)(((uintptr_t)start + alignment - 1) & ~(alignment - 1));
	const size_t before = (size_t)(aligned - start);

	if (before > 0)
		munmap(start, before);
	if (mapped - before > bytes)
		munmap(aligned + bytes, mapped - before - bytes);
	/* Only advice: without it random reads cost a TLB miss each, nothing else. */
	(void)madvise(aligned, bytes, MADV_HUGEPAGE);
	return aligned;
}

static void *extent_alloc(extent_hooks_t *hooks, void *new_addr, size_t bytes, size_t alignment,
			  bool *zero, bool *commit, unsigned arena_idx)
{
	void *extent;

	(void)hooks;
	(void)arena_idx;
	if (new_addr != NULL)
		return NULL; /* extending in place is not worth the code */
	extent = map_normal(bytes, alignment > BLOCK_ALIGN_BYTES ? alignment : BLOCK_ALIGN_BYTES);
	*zero = true;
	*commit = true;
	return extent;
}

static void extent_destroy(extent_hooks_t *hooks, void *addr, size_t bytes, bool committed,
			   unsigned arena_idx)
{
	(void)hooks;
	(void)committed;
	(void)arena_idx;
	munmap(addr, bytes);
}

/* Also what jemalloc keeps of an arena itself goes through here: nothing else gives it back. */
static bool extent_dalloc(extent_hooks_t *hooks, void *addr, size_t bytes, bool committed,
			  unsigned arena_idx)
{
	(void)hooks;
	(void)committed;
	(void)arena_idx;
	return munmap(addr, bytes) != 0;
}

/* A mapping may be given back in parts. Without this jemalloc loses one of 2 MiB an allocation. */
static bool extent_split(extent_hooks_t *hooks, void *addr, size_t bytes, size_t front_bytes,
			 size_t back_bytes, bool committed, unsigned arena_idx)
{
	(void)hooks;
	(void)addr;
	(void)bytes;
	(void)front_bytes;
	(void)back_bytes;
	(void)committed;
	(void)arena_idx;
	return false;
}

static const extent_hooks_t arena_hooks = {
	.alloc = extent_alloc,
	.dalloc = extent_dalloc,
	.split = extent_split,
	.destroy = extent_destroy,
};

int arena_open(struct arena **out)
{
	struct arena *arena = calloc(1, sizeof(*arena));

	if (arena == NULL)
		return -ENOMEM;
	arena->hooks = arena_hooks;

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

/* Faulted in now: a page that isn't there must show at start, not as a pause in the sale. Kernels
 * before 5.14 don't know how (EINVAL); they fault pages in when touched. */
static bool populate(void *memory, size_t bytes)
{
	return madvise(memory, bytes, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
}

/* jemalloc would round a table's extent up to a size class and keep the rest: a table gets a
 * mapping of its own, whole on hugepages or whole on normal pages. */
static void *map_table(struct arena *arena, size_t wanted_bytes)
{
	const size_t bytes = (wanted_bytes + HUGEPAGE_BYTES - 1) & ~((size_t)HUGEPAGE_BYTES - 1);
	void *memory = MAP_FAILED;
	bool huge;

	CHECK(arena->table_cnt < TABLES_MAX);
	if (bytes < wanted_bytes)
		return NULL;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	huge = memory != MAP_FAILED;
	/* Reserved is not populated: another NUMA node's or a cgroup's limit may still say no. */
	if (huge && !populate(memory, bytes)) {
		munmap(memory, bytes);
		huge = false;
	}
	if (!huge) {
		memory = map_normal(bytes, HUGEPAGE_BYTES);
		if (memory == NULL)
			return NULL;
		if (!populate(memory, bytes)) {
			munmap(memory, bytes);
			return NULL;
		}
	}
	arena->tables[arena->table_cnt++] = (struct table){memory, bytes};
	atomic_fetch_add(huge ? &arena->huge_bytes : &arena->normal_bytes, bytes);
	return memory;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
	const int flags =
		MALLOCX_ARENA(arena->idx) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO |
		MALLOCX_ALIGN(bytes >= BLOCK_ALIGN_BYTES ? BLOCK_ALIGN_BYTES : CACHE_LINE_BYTES);
	void *memory;

	if (bytes >= HUGEPAGE_BYTES)
		return map_table(arena, bytes);
	memory = mallocx(bytes > 0 ? bytes : 1, flags);
	if (memory == NULL)
		return NULL;
	if (bytes >= BLOCK_ALIGN_BYTES &&
	    !populate(memory, bytes / BLOCK_ALIGN_BYTES * BLOCK_ALIGN_BYTES)) {
		dallocx(memory, flags);
		return NULL;
	}
	atomic_fetch_add(&arena->normal_bytes, bytes);
	return memory;
}

void arena_bytes(const struct arena *arena, uint64_t *huge, uint64_t *normal)
{
	*huge = atomic_load(&arena->huge_bytes);
	*normal = atomic_load(&arena->normal_bytes);
}

void arena_close(struct arena *arena)
{
	char name[64];

	if (arena == NULL)
		return;
	snprintf(name, sizeof(name), "arena.%u.destroy", arena->idx);
	CHECK(mallctl(name, NULL, NULL, NULL, 0) == 0);
	for (unsigned i = 0; i < arena->table_cnt; i++)
		munmap(arena->tables[i].start, arena->tables[i].bytes);
	free(arena);
}

/* The number behind `key` in a file of `key: number unit` lines, 0 if it isn't there. */
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

/* What a cgroup of version 2 and those above it still allow; UINT64_MAX without a limit. */
static uint64_t cgroup_left_bytes(void)
{
	static const char ROOT[] = "/sys/fs/cgroup";
	FILE *file = fopen("/proc/self/cgroup", "re");
	char path[1024] = "";
	char line[768];
	uint64_t left = UINT64_MAX;
	char *slash;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::", 3) == 0)
			snprintf(path, sizeof(path), "%s%s", ROOT, line + 3);
	}
	if (file != NULL)
		fclose(file);
	while (strlen(path) >= strlen(ROOT)) {
		char name[sizeof(path) + 16];
		uint64_t limit;
		uint64_t used;

		/* "max" reads as 0: no limit. */
		snprintf(name, sizeof(name), "%s/memory.max", path);
		limit = proc_number(name, "");
		snprintf(name, sizeof(name), "%s/memory.current", path);
		used = proc_number(name, "");
		if (limit > 0 && (limit > used ? limit - used : 0) < left)
			left = limit > used ? limit - used : 0;
		slash = strrchr(path, '/');
		*slash = '\0';
	}
	return left;
}

uint64_t arena_available_bytes(void)
{
	const uint64_t normal = proc_number("/proc/meminfo", "MemAvailable:") << 10;
	const uint64_t huge = proc_number("/proc/meminfo", "HugePages_Free:");
	const uint64_t promised = proc_number("/proc/meminfo", "HugePages_Rsvd:");
	const uint64_t available =
		normal + (huge > promised ? huge - promised : 0) * HUGEPAGE_BYTES;
	const uint64_t left = cgroup_left_bytes();

	return left < available ? left : available;
}
