#include "engine/worker/handover.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <rte_mbuf.h>
#include <rte_ring.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"

/* The giver and the taker each write a cache line of their own. */
static_assert(offsetof(struct rte_ring, prod) % CACHE_LINE_BYTES == 0 &&
		      offsetof(struct rte_ring, cons) % CACHE_LINE_BYTES == 0 &&
		      offsetof(struct rte_ring, cons) >=
			      offsetof(struct rte_ring, prod) + CACHE_LINE_BYTES,
	      "two ends, two lines");

static_assert((HANDOVER_RING_CNT & (HANDOVER_RING_CNT - 1)) == 0, "as rte_ring wants it");
static_assert(HANDOVER_RING_CNT > RX_BURST_MAX, "a burst finds room in a ring that is empty");

struct handover {
	uint16_t worker_cnt;
	struct rte_ring *rings[]; /* [ring_of] */
};

static uint32_t ring_of(const struct handover *handover, enum handover_kind kind, uint16_t from,
			uint16_t to)
{
	DCHECK(kind < HANDOVER_KINDS && from < handover->worker_cnt && to < handover->worker_cnt);
	/* No worker hands over to itself: there is no such ring. */
	DCHECK(from != to);
	return ((uint32_t)kind * handover->worker_cnt + from) * handover->worker_cnt + to;
}

static uint32_t rings_of(uint16_t worker_cnt)
{
	return (uint32_t)HANDOVER_KINDS * worker_cnt * worker_cnt;
}

int handover_open(struct handover **out, uint16_t worker_cnt)
{
	const uint32_t ring_cnt = rings_of(worker_cnt);
	struct handover *handover =
		calloc(1, sizeof(*handover) + ring_cnt * sizeof(handover->rings[0]));

	CHECK(worker_cnt > 1 && worker_cnt <= WORKERS_MAX);
	if (handover == NULL)
		return -ENOMEM;
	handover->worker_cnt = worker_cnt;
	for (uint32_t i = 0; i < ring_cnt; i++) {
		char name[32];

		/* No worker hands over to itself. */
		if (i / worker_cnt % worker_cnt == i % worker_cnt)
			continue;
		snprintf(name, sizeof(name), "handover_%u", i);
		handover->rings[i] = rte_ring_create(name, HANDOVER_RING_CNT, SOCKET_ID_ANY,
						     RING_F_SP_ENQ | RING_F_SC_DEQ);
		if (handover->rings[i] == NULL) {
			handover_close(handover);
			return -ENOMEM;
		}
	}
	*out = handover;
	return 0;
}

void handover_close(struct handover *handover)
{
	if (handover == NULL)
		return;
	for (uint32_t i = 0; i < rings_of(handover->worker_cnt); i++)
		rte_ring_free(handover->rings[i]);
	free(handover);
}

bool handover_give(struct handover *handover, enum handover_kind kind, uint16_t from, uint16_t to,
		   struct rte_mbuf *mbuf)
{
	/* The frame goes whole: the giver keeps no reference to it. */
	DCHECK(rte_mbuf_refcnt_read(mbuf) == 1 && mbuf->nb_segs == 1);
	return rte_ring_sp_enqueue(handover->rings[ring_of(handover, kind, from, to)], mbuf) == 0;
}

uint32_t handover_room(const struct handover *handover, enum handover_kind kind, uint16_t from,
		       uint16_t to)
{
	return rte_ring_free_count(handover->rings[ring_of(handover, kind, from, to)]);
}

bool handover_pending(const struct handover *handover, enum handover_kind kind, uint16_t to)
{
	DCHECK(to < handover->worker_cnt);
	for (uint16_t from = 0; from < handover->worker_cnt; from++) {
		if (from != to &&
		    rte_ring_empty(handover->rings[ring_of(handover, kind, from, to)]) == 0)
			return true;
	}
	return false;
}

uint16_t handover_take(struct handover *handover, enum handover_kind kind, uint16_t from,
		       uint16_t to, struct rte_mbuf **mbufs, uint16_t cnt)
{
	DCHECK(cnt <= RX_BURST_MAX);
	return (uint16_t)rte_ring_sc_dequeue_burst(
		handover->rings[ring_of(handover, kind, from, to)], (void **)mbufs, cnt, NULL);
}

static void each_of_ring(struct rte_ring *ring, port_visit_fn *visit, void *context)
{
	for (unsigned left = rte_ring_count(ring); left > 0; left--) {
		void *mbuf;
		int rc;

		if (rte_ring_sc_dequeue(ring, &mbuf) != 0)
			return;
		visit(context, mbuf);
		/* Taking it made room, and after a full round the order is as it was. */
		rc = rte_ring_sp_enqueue(ring, mbuf);
		CHECK(rc == 0);
	}
}

void handover_each_held(const struct handover *handover, uint16_t to, port_visit_fn *visit,
			void *context)
{
	CHECK(to < handover->worker_cnt);
	for (unsigned kind = 0; kind < HANDOVER_KINDS; kind++) {
		for (uint16_t from = 0; from < handover->worker_cnt; from++) {
			if (from != to)
				each_of_ring(handover->rings[ring_of(handover, kind, from, to)],
					     visit, context);
		}
	}
}
