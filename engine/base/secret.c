#include "engine/base/secret.h"

#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <sodium.h>

enum {
	/* Bits of /proc/PID/coredump_filter: memory shared with others, hugepages or not. */
	DUMP_SHARED = 1U << 1 | 1U << 3 | 1U << 6,
};

static size_t page_bytes_of_system(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

/* Only for dumps that are made all the same. A kernel without core dumps has no such file. */
static void leave_shared_out(void)
{
	static const char PATH[] = "/proc/self/coredump_filter";
	FILE *file = fopen(PATH, "re");
	unsigned filter = 0;

	if (file == NULL)
		return;
	if (fscanf(file, "%x", &filter) != 1)
		filter = 0;
	fclose(file);
	if ((filter & DUMP_SHARED) == 0)
		return;
	file = fopen(PATH, "we");
	if (file == NULL)
		return;
	fprintf(file, "%#x\n", filter & ~(unsigned)DUMP_SHARED);
	(void)fclose(file);
}

/* The main thread's stack is mapped as far as it has grown. As it is one mapping, what it grows by
 * later is excluded, too. */
static int exclude_stack(void)
{
	pthread_attr_t attributes;
	void *start = NULL;
	size_t bytes = 0;
	int rc = pthread_getattr_np(pthread_self(), &attributes);

	if (rc != 0)
		return -rc;
	rc = pthread_attr_getstack(&attributes, &start, &bytes);
	pthread_attr_destroy(&attributes);
	if (rc != 0)
		return -rc;
	return secret_exclude(start, bytes, page_bytes_of_system()) || errno == ENOMEM ? 0 : -errno;
}

int secret_keep(void)
{
	/* This comes first: afterwards the file belongs to root. */
	if (prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 1)
		leave_shared_out();
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
		return -errno;
	return exclude_stack();
}

int secret_forgo_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? 0 : -errno;
}

bool secret_exclude(void *memory, size_t bytes, size_t page_bytes)
{
	const uintptr_t mask = page_bytes - 1;
	const uintptr_t first = (uintptr_t)memory & ~mask;
	const uintptr_t end = ((uintptr_t)memory + bytes + mask) & ~mask;

	return madvise((void *)first, end - first, MADV_DONTDUMP) == 0;
}

void *secret_alloc(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (secret_exclude(memory, bytes, page_bytes_of_system()))
		return memory;
	munmap(memory, bytes);
	return NULL;
}

void secret_free(void *memory, size_t bytes)
{
	if (memory == NULL)
		return;
	sodium_memzero(memory, bytes);
	munmap(memory, bytes);
}
