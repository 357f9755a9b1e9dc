/* Limits of control groups, in made-up /proc and /sys as kernels and container runtimes show them.
 */
#include "alloc/cgroup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/temp_dir.h"

#define NONE_V1 "9223372036854771712\n"

static const char MIB[] = "1048576\n";

/* Makes a file and the directories that it is in. */
static void put(const char *file, const char *text)
{
	char path[512];

	for (size_t i = 1; i < strlen(file); i++) {
		if (file[i] != '/')
			continue;
		snprintf(path, sizeof(path), "%s/%.*s", temp_path("root"), (int)i, file);
		(void)mkdir(path, 0700);
	}
	snprintf(path, sizeof(path), "%s/%s", temp_path("root"), file);
	write_text(path, text);
}

static void make_root(void)
{
	temp_dir_make();
	cr_assert(eq(int, mkdir(temp_path("root"), 0700), 0));
}

static uint64_t left(enum cgroup_what what)
{
	return cgroup_left(temp_path("root"), what);
}

TestSuite(cgroup, .init = make_root, .fini = temp_dir_remove);

Test(cgroup, knows_no_limit_where_there_is_none)
{
	cr_expect(eq(u64, left(CGROUP_MEMORY), CGROUP_NO_LIMIT));
	put("proc/self/cgroup", "0::/\n");
	put("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put("sys/fs/cgroup/memory.max", "max\n");
	put("sys/fs/cgroup/memory.current", MIB);
	cr_expect(eq(u64, left(CGROUP_MEMORY), CGROUP_NO_LIMIT));
	cr_expect(eq(u64, left(CGROUP_HUGEPAGES), CGROUP_NO_LIMIT));
	cr_expect(eq(u64, left(CGROUP_THREADS), CGROUP_NO_LIMIT));
}

/* The group above may be stricter. */
Test(cgroup, sees_version_2)
{
	put("proc/self/cgroup", "0::/shop.slice/engine.service\n");
	put("proc/self/mountinfo",
	    "24 1 0:22 / /sys rw - sysfs sysfs rw\n"
	    "30 24 0:26 / /sys/fs/cgroup rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n");
	put("sys/fs/cgroup/shop.slice/memory.max", "3145728\n");
	put("sys/fs/cgroup/shop.slice/memory.current", MIB);
	put("sys/fs/cgroup/shop.slice/engine.service/memory.max", "8388608\n");
	put("sys/fs/cgroup/shop.slice/engine.service/memory.current", MIB);
	put("sys/fs/cgroup/shop.slice/engine.service/pids.max", "10\n");
	put("sys/fs/cgroup/shop.slice/engine.service/pids.current", "12\n");
	put("sys/fs/cgroup/shop.slice/engine.service/hugetlb.2MB.max", "0\n");
	put("sys/fs/cgroup/shop.slice/engine.service/hugetlb.2MB.current", "0\n");
	cr_expect(eq(u64, left(CGROUP_MEMORY), 2 << 20));
	cr_expect(eq(u64, left(CGROUP_THREADS), 0));
	cr_expect(eq(u64, left(CGROUP_HUGEPAGES), 0));
}

/* A hierarchy for each controller; names may be longer than the controller's. */
Test(cgroup, sees_version_1)
{
	put("proc/self/cgroup", "9:name=systemd:/\n5:cpu,cpuacct:/x\n4:memory:/a/b\n8:pids:/p\n"
				"7:hugetlb:/\n0::/\n");
	put("proc/self/mountinfo",
	    "31 30 0:27 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n"
	    "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
	    "33 30 0:29 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n"
	    "34 30 0:30 / /sys/fs/cgroup/hugetlb rw - cgroup cgroup rw,hugetlb\n"
	    "35 30 0:31 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", NONE_V1);
	put("sys/fs/cgroup/memory/memory.usage_in_bytes", MIB);
	put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "4194304\n");
	put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", MIB);
	put("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", NONE_V1);
	put("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", MIB);
	put("sys/fs/cgroup/pids/p/pids.max", "30\n");
	put("sys/fs/cgroup/pids/p/pids.current", "5\n");
	put("sys/fs/cgroup/hugetlb/hugetlb.2MB.limit_in_bytes", "4194304\n");
	put("sys/fs/cgroup/hugetlb/hugetlb.2MB.usage_in_bytes", "2097152\n");
	cr_expect(eq(u64, left(CGROUP_MEMORY), 3 << 20));
	cr_expect(eq(u64, left(CGROUP_THREADS), 25));
	cr_expect(eq(u64, left(CGROUP_HUGEPAGES), 2 << 20));
}

/* Docker with version 1: the process has its path on the host, the mount shows its own group. */
Test(cgroup, sees_the_part_that_a_container_has)
{
	put("proc/self/cgroup", "4:memory:/docker/1f2e\n0::/\n");
	put("proc/self/mountinfo",
	    "32 30 0:28 /docker/1f2e /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
	put("sys/fs/cgroup/memory/memory.limit_in_bytes", "2097152\n");
	put("sys/fs/cgroup/memory/memory.usage_in_bytes", MIB);
	cr_expect(eq(u64, left(CGROUP_MEMORY), 1 << 20));
	/* Another's part: the group at the mount is the best guess. */
	put("proc/self/cgroup", "4:memory:/../other\n");
	cr_expect(eq(u64, left(CGROUP_MEMORY), 1 << 20));
}

/* Recovery has just read the journal: its page cache is no reason to refuse a start. */
Test(cgroup, does_not_count_cache_that_can_go)
{
	put("proc/self/cgroup", "0::/\n");
	put("proc/self/mountinfo", "30 24 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
	put("sys/fs/cgroup/memory.max", "4194304\n");
	put("sys/fs/cgroup/memory.current", "4194304\n");
	put("sys/fs/cgroup/memory.stat", "anon 1048576\ninactive_file 3145728\nactive_file 0\n");
	cr_expect(eq(u64, left(CGROUP_MEMORY), 3 << 20));
}
