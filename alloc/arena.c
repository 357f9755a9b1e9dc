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
};

struct arena {
	extent_hooks_t hooks; /* first: jemalloc hands its address back to the hooks */
	unsigned idx;
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
	struct arena *arena = (struct arena *)hooks;
	void *extent = MAP_FAILED;

	(void)arena_idx;
	if (new_addr != NULL)
		return NULL; /* extending in place is not worth the code: tables never grow */
	if (bytes % HUGEPAGE_BYTES == 0 && alignment <= HUGEPAGE_BYTES)
		extent = mmap(NULL, bytes, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (extent != MAP_FAILED) {
		atomic_fetch_add(&arena->huge_bytes, bytes);
	} else {
		extent = map_normal(bytes, alignment > HUGEPAGE_BYTES ? alignment : HUGEPAGE_BYTES);
		if (extent == NULL)
			return NULL;
		atomic_fetch_add(&arena->normal_bytes, bytes);
	}
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

static const extent_hooks_t arena_hooks = {
	.alloc = extent_alloc,
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

void *arena_alloc(struct arena *arena, size_t bytes)
{
	const size_t alignment = bytes >= HUGEPAGE_BYTES      ? HUGEPAGE_BYTES
				 : bytes >= BLOCK_ALIGN_BYTES ? BLOCK_ALIGN_BYTES
							      : CACHE_LINE_BYTES;
	const int flags = MALLOCX_ARENA(arena->idx) | MALLOCX_TCACHE_NONE | MALLOCX_ZERO |
			  MALLOCX_ALIGN(alignment);
	void *memory = mallocx(bytes > 0 ? bytes : 1, flags);

	/* Faulted in now: a page that isn't there must show at start, not as a pause in the sale.
	 * Kernels before 5.14 don't know how (EINVAL); they fault pages in when touched. */
	if (memory != NULL && bytes >= BLOCK_ALIGN_BYTES &&
	    madvise(memory, bytes / BLOCK_ALIGN_BYTES * BLOCK_ALIGN_BYTES, MADV_POPULATE_WRITE) !=
		    0 &&
	    errno != EINVAL) {
		dallocx(memory, flags);
		return NULL;
	}
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

uint64_t arena_available_bytes(void)
{
	const uint64_t normal = proc_number("/proc/meminfo", "MemAvailable:") << 10;
	const uint64_t huge = proc_number("/proc/meminfo", "HugePages_Free:") * HUGEPAGE_BYTES;
	const uint64_t limit = proc_number("/sys/fs/cgroup/memory.max", "");
	const uint64_t used = proc_number("/sys/fs/cgroup/memory.current", "");

	/* "max" reads as 0: no limit. */
	if (limit > used && limit - used < normal + huge)
		return limit - used;
	return normal + huge;
}
