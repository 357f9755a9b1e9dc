/*
 * port_memory: the EAL's memory, packet buffers above all, is in no core dump.
 */
#include <errno.h>

#include <rte_errno.h>
#include <rte_memory.h>

#include "engine/base/secret.h"
#include "net/port_kinds.h"

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
