/*
 * mailbox: typed messages between workers: what one worker must know of a decision that another one
 * made. Frames are handed over elsewhere (handover.h). Each ordered pair of workers has a ring, so
 * that each ring has one producer and one consumer (spsc_ring.h).
 *
 * Guarantees: the mails of one worker to another arrive once, whole and in order. Never: locks,
 * waits, drops a mail. What its users send has a bound (mail.h), so that there is always room.
 *
 * Mails of different senders have no order among each other.
 */
#ifndef DB_ENGINE_WORKER_MAILBOX_H
#define DB_ENGINE_WORKER_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/limits.h"
#include "engine/lane/mail.h"

struct mailbox;

/* Rings between worker_cnt workers, 1 to WORKERS_MAX. 0 or -ENOMEM. Start-up thread. */
int mailbox_open(struct mailbox **out, uint16_t worker_cnt);

/* After the workers have ended; mails that nobody took are lost. NULL is allowed. */
void mailbox_close(struct mailbox *mailbox);

/* How many mails worker `from` can put for worker `to`. Only `from` asks: none of this room is
 * taken until it puts. */
uint32_t mailbox_room(struct mailbox *mailbox, uint16_t from, uint16_t to);

/* Worker `from` puts a copy for worker `to`, from != to, between lanes of theirs (lane i is worker
 * i % worker_cnt's). False: no room, nothing was put. */
bool mailbox_put(struct mailbox *mailbox, uint16_t from, uint16_t to, const struct mail *mail);

/* Worker `to` takes the oldest mail that worker `from` put. False: there is none. */
bool mailbox_take(struct mailbox *mailbox, uint16_t from, uint16_t to, struct mail *mail);

#endif
