#include "alloc/pages.h"

#include <dirent.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <linux/mman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/base/secret.h"

enum {
	NODES_MAX = 1024, /* of the kernel's largest configuration */
	BITS_PER_WORD = 64,
	SMALL_PAGE_BYTES = 4096, /* of x86-64 */
};

/* A wish only: memory of another node works, too, but slower. Kernels without NUMA say ENOSYS. */
static void prefer_node(void *memory, size_t bytes, int node)
{
	uint64_t mask[NODES_MAX / BITS_PER_WORD] = {0};

	if (node < 0 || node >= NODES_MAX)
		return;
	mask[node / BITS_PER_WORD] = UINT64_C(1) << node % BITS_PER_WORD;
	(void)syscall(SYS_mbind, memory, bytes, MPOL_PREFERRED, mask, NODES_MAX, 0);
}

bool pages_populate(void *memory, size_t bytes)
{
	return madvise(memory, bytes, MADV_POPULATE_WRITE) == 0 || errno == EINVAL;
}

void *pages_reserve(size_t bytes, size_t alignment, int node)
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
	if (!secret_exclude(aligned, bytes, SMALL_PAGE_BYTES)) {
		munmap(aligned, bytes);
		return NULL;
	}
	prefer_node(aligned, bytes, node);
	/* Only advice: without it each random read costs a TLB miss, nothing worse. */
	(void)madvise(aligned, bytes, MADV_HUGEPAGE);
	return aligned;
}

/*
 * Without reserving: reserved pages may be on another node, or a cgroup may forbid them, and then
 * touching them kills the process. Instead all pages are populated here, or the call fails. So this
 * needs a kernel that can populate.
 */
static bool map_reserved(struct pages *out, size_t map_bytes, size_t use_bytes, int node)
{
	void *start = mmap(NULL, map_bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_HUGE_2MB | MAP_NORESERVE,
			   -1, 0);

	if (start == MAP_FAILED)
		return false;
	prefer_node(start, map_bytes, node);
	if (!secret_exclude(start, map_bytes, HUGEPAGE_BYTES) ||
	    madvise(start, use_bytes, MADV_POPULATE_WRITE) != 0) {
		munmap(start, map_bytes);
		return false;
	}
	*out = (struct pages){.start = start, .bytes = map_bytes, .reserved_bytes = use_bytes};
	return true;
}

/* Bytes on transparent hugepages of the mappings that touch this range. */
static size_t transparent_bytes(const void *memory, size_t bytes)
{
	const uintptr_t first = (uintptr_t)memory;
	FILE *file = fopen("/proc/self/smaps", "re");
	char line[512];
	size_t sum_kib = 0;
	bool inside = false;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		unsigned long begin;
		unsigned long end;
		size_t kib;

		if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
			if (begin >= first + bytes)
				break;
			inside = end > first;
		} else if (inside && sscanf(line, "AnonHugePages: %zu kB", &kib) == 1) {
			sum_kib += kib;
		}
	}
	if (file != NULL)
		fclose(file);
	return sum_kib << 10;
}

static bool map_normal(struct pages *out, size_t map_bytes, size_t use_bytes, int node)
{
	void *start = pages_reserve(map_bytes, HUGEPAGE_BYTES, node);

	if (start == NULL)
		return false;

	/* The memory beside it may be part of the same mapping. */
	const size_t before = transparent_bytes(start, map_bytes);

	if (!pages_populate(start, use_bytes)) {
		munmap(start, map_bytes);
		return false;
	}
	*out = (struct pages){
		.start = start,
		.bytes = map_bytes,
		.transparent_bytes = transparent_bytes(start, map_bytes) - before,
	};
	return true;
}

int pages_map(struct pages *out, size_t map_bytes, size_t use_bytes, int node)
{
	const size_t mask = HUGEPAGE_BYTES - 1;
	const size_t map_rounded = (map_bytes + mask) & ~mask;
	const size_t use_rounded = (use_bytes + mask) & ~mask;

	if (map_rounded < map_bytes || use_rounded > map_rounded)
		return -ENOMEM;
	if (map_reserved(out, map_rounded, use_rounded, node) ||
	    map_normal(out, map_rounded, use_rounded, node))
		return 0;
	return -ENOMEM;
}

void pages_unmap(const struct pages *pages)
{
	munmap(pages->start, pages->bytes);
}

int pages_node_of_cpu(unsigned cpu)
{
	char path[64];
	DIR *dir;
	const struct dirent *entry;
	int node = NODE_ANY;

	snprintf(path, sizeof(path), "/sys/devices/system/cpu/cpu%u", cpu);
	dir = opendir(path);
	if (dir == NULL)
		return NODE_ANY;
	while (node == NODE_ANY && (entry = readdir(dir)) != NULL) {
		if (sscanf(entry->d_name, "node%d", &node) != 1)
			node = NODE_ANY;
	}
	closedir(dir);
	return node;
}
