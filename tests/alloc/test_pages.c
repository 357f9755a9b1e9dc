#include <linux/mempolicy.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "alloc/pages.h"
#include "tests/support/smaps.h"

static void all_zero(const struct pages *pages, size_t bytes)
{
	const uint8_t *memory = pages->start;

	for (size_t i = 0; i < bytes; i++) {
		if (memory[i] != 0)
			cr_fatal("byte %zu is not zero", i);
	}
}

Test(pages, what_is_used_is_there_and_the_rest_is_not)
{
	const uint64_t before_kib = smaps_kib(NULL, "Rss");
	struct pages pages;
	uint64_t kib;

	cr_assert(eq(int, pages_map(&pages, 80 << 20, (64 << 20) - 1, NODE_ANY), 0));
	cr_assert(eq(sz, (uintptr_t)pages.start % HUGEPAGE_BYTES, 0));
	cr_assert(ge(sz, pages.bytes, 80 << 20));
	kib = smaps_kib(NULL, "Rss") + (pages.reserved_bytes >> 10) - before_kib;
	cr_assert(ge(u64, kib, 64 << 10));
	cr_assert(lt(u64, kib, 70 << 10));
	all_zero(&pages, 64 << 20);
	pages_unmap(&pages);
}

/* The system's switch: always, madvise or never. */
static bool transparent_allowed(void)
{
	FILE *file = fopen("/sys/kernel/mm/transparent_hugepage/enabled", "r");
	char line[128] = "[never]";

	if (file == NULL)
		return false;
	if (fgets(line, sizeof(line), file) == NULL)
		line[0] = '\0';
	fclose(file);
	return strstr(line, "[never]") == NULL;
}

Test(pages, tells_transparent_hugepages_from_normal_pages)
{
	struct pages first;
	struct pages second;

	cr_assert(eq(int, pages_map(&first, 64 << 20, 64 << 20, NODE_ANY), 0));
	if (first.reserved_bytes > 0)
		cr_skip_test("reserved hugepages are free here");
	/* May lie beside the first, as one mapping. */
	cr_assert(eq(int, pages_map(&second, 32 << 20, 32 << 20, NODE_ANY), 0));
	cr_assert(le(sz, second.transparent_bytes, 32 << 20));
	if (transparent_allowed())
		cr_assert(gt(sz, first.transparent_bytes + second.transparent_bytes, 0));
	cr_assert(eq(u64, first.transparent_bytes + second.transparent_bytes,
		     smaps_kib(NULL, "AnonHugePages") << 10));
	pages_unmap(&first);
	pages_unmap(&second);

	cr_assert(eq(int, prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0), 0));
	cr_assert(eq(int, pages_map(&first, 64 << 20, 64 << 20, NODE_ANY), 0));
	cr_assert(eq(sz, first.transparent_bytes, 0));
	pages_unmap(&first);
}

/* The policy of the memory, and where it lies. */
static int policy_of(void *memory, uint64_t *nodes)
{
	int policy = -1;

	*nodes = 0;
	return syscall(SYS_get_mempolicy, &policy, nodes, 64, memory, MPOL_F_ADDR) == 0 ? policy
											: -1;
}

Test(pages, lies_near_the_node_that_is_preferred)
{
	const int node = pages_node_of_cpu(0);
	struct pages pages;
	uint64_t nodes;
	int lies_on = -1;

	if (node == NODE_ANY)
		cr_skip_test("a machine without NUMA nodes");
	cr_assert(lt(int, node, 64));
	cr_assert(eq(int, pages_map(&pages, 4 << 20, 4 << 20, node), 0));
	if (policy_of(pages.start, &nodes) < 0)
		cr_skip_test("the kernel has no memory policies, or a sandbox forbids asking");
	cr_assert(eq(int, policy_of(pages.start, &nodes), MPOL_PREFERRED));
	cr_assert(eq(u64, nodes, UINT64_C(1) << node));
	cr_assert(eq(long,
		     syscall(SYS_get_mempolicy, &lies_on, NULL, 0, pages.start,
			     MPOL_F_NODE | MPOL_F_ADDR),
		     0));
	cr_assert(eq(int, lies_on, node));
	pages_unmap(&pages);

	cr_assert(eq(int, pages_map(&pages, 4 << 20, 4 << 20, NODE_ANY), 0));
	cr_assert(eq(int, policy_of(pages.start, &nodes), MPOL_DEFAULT));
	pages_unmap(&pages);
}

Test(pages, a_cpu_that_is_not_there_has_no_node)
{
	cr_assert(eq(int, pages_node_of_cpu(100000), NODE_ANY));
}

Test(pages, says_no_where_there_is_no_memory)
{
	struct pages pages;

	cr_assert(ne(int, pages_map(&pages, (size_t)1 << 50, (size_t)1 << 50, NODE_ANY), 0));
	cr_assert(ne(int, pages_map(&pages, SIZE_MAX - 5, SIZE_MAX - 5, NODE_ANY), 0));
	cr_assert(ne(int, pages_map(&pages, 2 << 20, 4 << 20, NODE_ANY), 0));
}
