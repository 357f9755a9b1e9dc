/*
 * cgroup: how much the control groups of this process still allow, version 1 and version 2. A
 * container's limit shows nowhere else: the machine's own figures do not know it, and whoever goes
 * beyond it is killed. Cold calls, any thread.
 */
#ifndef DB_ALLOC_CGROUP_H
#define DB_ALLOC_CGROUP_H

#include <stdint.h>

enum cgroup_what {
	CGROUP_MEMORY,    /* bytes; the page cache that can go at once does not count as used */
	CGROUP_HUGEPAGES, /* bytes of hugepages of 2 MiB */
	CGROUP_THREADS,   /* and processes */
};

#define CGROUP_NO_LIMIT UINT64_MAX

/*
 * The least that the group and those above it leave, as far as they can be seen from here; 0 if a
 * group is full. root: stands before /proc and before the mount points that it names; "" but in
 * tests.
 */
uint64_t cgroup_left(const char *root, enum cgroup_what what);

#endif
