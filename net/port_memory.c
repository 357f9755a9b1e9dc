/*
 * port_memory: the EAL's memory, packet buffers above all: on hugepages where this process can have
 * them, and in no core dump.
 */
#include <errno.h>
#include <linux/memfd.h>
#include <linux/mman.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include "engine/base/log.h"
#include "engine/base/secret.h"
#include "net/port_kinds.h"

enum {
	HUGEPAGE_MIB = 2,
};

static unsigned hugepages(const char *which)
{
	char path[96];
	FILE *file;
	unsigned cnt = 0;

	snprintf(path, sizeof(path), "/sys/kernel/mm/hugepages/hugepages-2048kB/%s", which);
	file = fopen(path, "re");
	if (file == NULL)
		return 0;
	if (fscanf(file, "%u", &cnt) != 1)
		cnt = 0;
	fclose(file);
	return cnt;
}

/*
 * Takes them as the EAL will, and gives them back. A control group may forbid them, and then the
 * EAL, which does not ask before it touches them, is ended by SIGBUS. 0 or -errno. Kernels before
 * 5.14 can't answer: then what is free counts.
 */
static int try_hugepages(size_t bytes)
{
	const int fd = memfd_create("doorbuster-probe", MFD_CLOEXEC | MFD_HUGETLB | MFD_HUGE_2MB);
	void *memory = MAP_FAILED;
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (ftruncate(fd, (off_t)bytes) == 0)
		memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED || (madvise(memory, bytes, MADV_POPULATE_WRITE) != 0 &&
				     errno != EINVAL && errno != ENOSYS))
		rc = -errno;
	if (memory != MAP_FAILED)
		munmap(memory, bytes);
	close(fd);
	return rc;
}

bool port_memory_huge(unsigned mib)
{
	const unsigned free_cnt = hugepages("free_hugepages");
	const unsigned promised_cnt = hugepages("resv_hugepages");
	int rc;

	if (free_cnt * HUGEPAGE_MIB < mib || (free_cnt - promised_cnt) * HUGEPAGE_MIB < mib)
		return false;
	rc = try_hugepages((size_t)(mib + HUGEPAGE_MIB - 1) / HUGEPAGE_MIB * HUGEPAGE_MIB << 20);
	if (rc != 0)
		fprintf(stderr,
			"%shugepages: the machine has %u MiB free, but this process can't have %u "
			"MiB of them: %s (a container's hugetlb limit, or another NUMA node's). "
			"Packet buffers go on normal pages\n",
			log_mark(LOG_AS_WARNING), free_cnt * HUGEPAGE_MIB, mib, strerror(-rc));
	return rc == 0;
}

static int exclude_list(const struct rte_memseg_list *list, void *failed)
{
	if (!secret_exclude(list->base_va, list->len, list->page_sz))
		*(int *)failed = -errno;
	return 0;
}

/* Hugepages that are mapped when they are needed are new to the kernel. */
static void on_memory(enum rte_mem_event event, const void *address, size_t bytes, void *context)
{
	const struct rte_memseg_list *list = rte_mem_virt2memseg_list(address);

	(void)context;
	if (event == RTE_MEM_EVENT_ALLOC && list != NULL)
		(void)secret_exclude((void *)(uintptr_t)address, bytes, list->page_sz);
}

int port_memory_keep_secret(void)
{
	int failed = 0;

	/* If all memory is mapped at the start there are no events. EEXIST: registered already. */
	if (rte_mem_event_callback_register("doorbuster-secret", on_memory, NULL) != 0 &&
	    rte_errno != ENOTSUP && rte_errno != EEXIST)
		return -rte_errno;
	(void)rte_memseg_list_walk(exclude_list, &failed);
	return failed;
}
