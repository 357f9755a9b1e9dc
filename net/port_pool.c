/*
 * port_pool: the packet buffers of an AF_XDP queue, one a page.
 *
 * DPDK 22.11's driver registers with the kernel, from the page of the pool's first buffer on, as
 * many bytes as all buffers take without a gap. The kernel silently throws away buffers that the
 * driver offers it outside of that range, and in zero-copy mode also a buffer that crosses a page.
 * The pool of rte_pktmbuf_pool_create has gaps: without hugepages there is one buffer on each page
 * and takes 0.6 of it, so that the driver registers 0.6 of the pool. Here a buffer with its headers
 * is as big as a page and begins with it: no gap, no crossing, one chunk. It takes no more memory
 * than that pool did.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <rte_mbuf.h>
#include <rte_mbuf_pool_ops.h>
#include <rte_mempool.h>
#include <rte_memzone.h>
#include <rte_version.h>

#include "engine/base/error.h"
#include "net/port_kinds.h"

enum {
	POOL_CACHE_CNT = 256,
};

static size_t page_bytes(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static void free_memory(struct rte_mempool_memhdr *chunk, void *memory)
{
	(void)chunk;
	(void)rte_memzone_free(memory);
}

/* The pool's memory: one chunk that begins with a page. */
static int populate(struct rte_mempool *pool)
{
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *memory;
	int rc;

	/* Cut if it is too long: the pool's own name is short. */
	(void)snprintf(name, sizeof(name), "%.20s_pages", pool->name);
	memory = rte_memzone_reserve_aligned(name, pool->size * page_bytes(), SOCKET_ID_ANY, 0,
					     (unsigned)page_bytes());
	if (memory == NULL)
		return -ENOMEM;
	rc = rte_mempool_populate_iova(pool, memory->addr, RTE_BAD_IOVA, memory->len, free_memory,
				       (void *)(uintptr_t)memory);
	if (rc == (int)pool->size)
		return 0;
	/* Once it has buffers the pool frees it. */
	if (rc <= 0)
		(void)rte_memzone_free(memory);
	return -ENOMEM;
}

struct rte_mempool *port_pool_create(const char *name, uint32_t buffer_cnt)
{
	const size_t header_bytes =
		RTE_ALIGN_CEIL(sizeof(struct rte_mempool_objhdr), RTE_MEMPOOL_ALIGN);
	const size_t element_bytes = page_bytes() - header_bytes;
	struct rte_pktmbuf_pool_private layout = {
		.mbuf_data_room_size = (uint16_t)(element_bytes - sizeof(struct rte_mbuf)),
	};
	struct rte_mempool *pool = rte_mempool_create_empty(
		name, buffer_cnt, (unsigned)element_bytes, POOL_CACHE_CNT, sizeof(layout),
		SOCKET_ID_ANY, RTE_MEMPOOL_F_NO_IOVA_CONTIG | RTE_MEMPOOL_F_NO_SPREAD);

	if (pool == NULL)
		return NULL;
	if (rte_mempool_set_ops_byname(pool, rte_mbuf_best_mempool_ops(), NULL) != 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_pktmbuf_pool_init(pool, &layout);
	if (populate(pool) != 0) {
		rte_mempool_free(pool);
		return NULL;
	}
	rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
	return pool;
}

struct proof {
	const struct port_umem *umem;
	size_t buffer_bytes; /* with its headers, as the driver offers it to the kernel */
	uint32_t outside_cnt;
	uint32_t crossing_cnt;
};

static void prove_buffer(struct rte_mempool *pool, void *context, void *buffer, unsigned idx)
{
	struct proof *proof = context;
	const uintptr_t begin = (uintptr_t)buffer - pool->header_size;
	const uintptr_t last = begin + proof->buffer_bytes - 1;

	(void)idx;
	proof->outside_cnt +=
		begin < proof->umem->begin || last - proof->umem->begin >= proof->umem->bytes;
	proof->crossing_cnt += begin / page_bytes() != last / page_bytes();
}

int port_pool_prove(struct rte_mempool *pool, const struct port_umem *umem, struct error *error)
{
	struct proof proof = {
		.umem = umem,
		.buffer_bytes = pool->header_size + pool->elt_size + pool->trailer_size,
	};

	rte_mempool_obj_iter(pool, prove_buffer, &proof);
	if (proof.outside_cnt == 0 && proof.crossing_cnt == 0)
		return 0;
	return error_say(
		error, -EFAULT,
		"of its %u packet buffers %u are outside of the %" PRIu64
		" bytes that DPDK registered with the kernel, and %u cross a page: it would go "
		"deaf. This DPDK (%s) does not fit: use that of Debian 12, or --port memif:SOCKET",
		pool->populated_size, proof.outside_cnt, umem->bytes, proof.crossing_cnt,
		rte_version());
}

/* Which buffers somebody holds: a bit each. */
struct sweep {
	struct rte_mempool *pool;
	uintptr_t first; /* the first buffer's address */
	size_t step_bytes;
	uint32_t held_cnt;
	uint64_t *held;
};

enum {
	SWEEP_WORD_BITS = 64,
};

static void mark_held(void *context, struct rte_mbuf *mbuf)
{
	struct sweep *sweep = context;
	size_t idx;

	if (mbuf->pool != sweep->pool)
		return;
	idx = ((uintptr_t)mbuf - sweep->first) / sweep->step_bytes;
	sweep->held[idx / SWEEP_WORD_BITS] |= UINT64_C(1) << idx % SWEEP_WORD_BITS;
	sweep->held_cnt++;
}

static void give_back(struct rte_mempool *pool, void *context, void *buffer, unsigned idx)
{
	const struct sweep *sweep = context;
	const size_t at = ((uintptr_t)buffer - sweep->first) / sweep->step_bytes;

	if ((sweep->held[at / SWEEP_WORD_BITS] >> at % SWEEP_WORD_BITS & 1) != 0)
		return;
	rte_pktmbuf_init(pool, NULL, buffer, idx);
	rte_mempool_generic_put(pool, &buffer, 1, NULL);
}

/* Takes all buffers out of the pool. Returns how many there were. */
static uint32_t empty_pool(struct rte_mempool *pool)
{
	uint32_t cnt = 0;
	void *buffer;

	for (unsigned lcore = 0; lcore < RTE_MAX_LCORE; lcore++)
		rte_mempool_cache_flush(rte_mempool_default_cache(pool, lcore), pool);
	while (rte_mempool_generic_get(pool, &buffer, 1, NULL) == 0)
		cnt++;
	return cnt;
}

int port_pool_sweep(struct rte_mempool *pool, const struct port_holders *holders,
		    uint32_t *lost_cnt)
{
	const uintptr_t memory = (uintptr_t)STAILQ_FIRST(&pool->mem_list)->addr;
	struct sweep sweep = {
		.pool = pool,
		.first = memory + pool->header_size,
		.step_bytes = page_bytes(),
		.held = calloc(pool->size / SWEEP_WORD_BITS + 1, sizeof(*sweep.held)),
	};

	if (sweep.held == NULL)
		return -ENOMEM;
	*lost_cnt = pool->populated_size - empty_pool(pool);
	holders->each(holders->context, mark_held, &sweep);
	*lost_cnt -= sweep.held_cnt;
	rte_mempool_obj_iter(pool, give_back, &sweep);
	free(sweep.held);
	return 0;
}
