/*
 * handover: frames that reached a worker who doesn't own their shard. Where the port cannot steer
 * by UDP port they are passed on in software: SPSC rings for each pair of workers, never a lock.
 * What does not fit is dropped and counted by the sender.
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

/* Frames for a shard of another worker, and the answers on their way back: who received the
 * question sends the answer, on the queue it came from. */
enum handover_kind {
	HANDOVER_QUESTION,
	HANDOVER_ANSWER,
	HANDOVER_KINDS,
};

/* Worker `from` gives a frame to worker `to`. False: ring full, the frame stays the caller's. */
bool handover_give(struct handover *handover, enum handover_kind kind, uint16_t from, uint16_t to,
		   struct rte_mbuf *mbuf);

/* How many worker `from` can give worker `to`. Only `from` asks: none of it goes until he gives. */
uint32_t handover_room(const struct handover *handover, enum handover_kind kind, uint16_t from,
		       uint16_t to);

/* Whether anything of a kind lies ready for worker `to`. */
bool handover_pending(const struct handover *handover, enum handover_kind kind, uint16_t to);

/* Worker `to` takes up to cnt frames of a kind that worker `from` gave it. Returns how many. */
uint16_t handover_take(struct handover *handover, enum handover_kind kind, uint16_t from,
		       uint16_t to, struct rte_mbuf **mbufs, uint16_t cnt);

/* Calls visit with each frame that lies ready for worker `to`; leaves it there. While nobody gives
 * or takes. */
void handover_each_held(const struct handover *handover, uint16_t to, port_visit_fn *visit,
			void *context);

#endif
