/*
 * pages: mappings for tables that are read at random. On reserved hugepages where enough are free,
 * else on normal pages with transparent hugepages asked for; on a NUMA node if the caller asks for
 * one; faulted in before they are handed out, so that missing memory shows at the start, not as a
 * pause in the sale. None of them is in a core dump: they hold buyers, keys and orders. Cold calls
 * only.
 */
#ifndef DB_ALLOC_PAGES_H
#define DB_ALLOC_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HUGEPAGE_BYTES = 2 << 20,
	/* No node is better than another. */
	NODE_ANY = -1,
};

struct pages {
	void *start; /* aligned to HUGEPAGE_BYTES */
	size_t bytes;
	/* Of the bytes that are faulted in. The rest is on normal pages. */
	size_t reserved_bytes;    /* on hugepages reserved by the operator */
	size_t transparent_bytes; /* on hugepages that the kernel made of normal ones */
};

/*
 * Address space of at least map_bytes, zeroed; its first use_bytes (rounded up to hugepages) are
 * faulted in, near `node` if that has room. 0 or -ENOMEM. Ends with pages_unmap.
 */
int pages_map(struct pages *out, size_t map_bytes, size_t use_bytes, int node);
void pages_unmap(const struct pages *pages);

/* Address space on normal pages, not faulted in: for small allocations. NULL: none is left. */
void *pages_reserve(size_t bytes, size_t alignment, int node);

/* False if there is no memory for it. On kernels before 5.14, which fault in when touched: true. */
bool pages_populate(void *memory, size_t bytes);

/* The NUMA node of a CPU, NODE_ANY where the machine has none. */
int pages_node_of_cpu(unsigned cpu);

#endif
