/*
 * handover: frames that reached a worker that doesn't own their shard. Where the port cannot steer
 * by UDP port they are passed on in software: SPSC rings for each pair of workers, never a lock. A
 * question that does not fit is dropped and counted by the worker that received it. An answer that
 * does not fit waits in its lane, at the worker that owns it.
 */
#ifndef DB_ENGINE_WORKER_HANDOVER_H
#define DB_ENGINE_WORKER_HANDOVER_H

#include <stdbool.h>
#include <stdint.h>

#include "net/port.h"

struct rte_mbuf;
struct handover;

/* Rings between worker_cnt workers; after rte_eal_init. 0 or -errno. */
int handover_open(struct handover **out, uint16_t worker_cnt);
void handover_close(struct handover *handover);

/* Frames for a shard of another worker, and the answers to them. The worker that received a
 * question sends its answer, on the queue that the question came from. */
enum handover_kind {
	HANDOVER_QUESTION,
	HANDOVER_ANSWER,
	HANDOVER_KINDS,
};

/* Worker `from` gives a frame to worker `to`. False: ring full, the frame stays the caller's. */
bool handover_give(struct handover *handover, enum handover_kind kind, uint16_t from, uint16_t to,
		   struct rte_mbuf *mbuf);

/* How many frames worker `from` can give worker `to`. Only `from` asks: none of this room is taken
 * until it gives. */
uint32_t handover_room(const struct handover *handover, enum handover_kind kind, uint16_t from,
		       uint16_t to);

/* Whether a frame of a kind waits for worker `to`. */
bool handover_pending(const struct handover *handover, enum handover_kind kind, uint16_t to);

/* Worker `to` takes up to cnt frames of a kind that worker `from` gave it. Returns how many. */
uint16_t handover_take(struct handover *handover, enum handover_kind kind, uint16_t from,
		       uint16_t to, struct rte_mbuf **mbufs, uint16_t cnt);

/* Calls visit with each frame that waits for worker `to`, and leaves it there. While nobody gives
 * or takes. */
void handover_each_held(const struct handover *handover, uint16_t to, port_visit_fn *visit,
			void *context);

#endif
