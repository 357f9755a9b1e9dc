/*
 * asked: which op each request of a datagram was, until its answer comes: a reply does not say it.
 * Memory of a fixed size: what is too old is overwritten, and its answer then counts under no op.
 *
 * One thread.
 */
#ifndef DB_TOOLS_REPLAY_ASKED_H
#define DB_TOOLS_REPLAY_ASKED_H

#include <stdint.h>

enum {
	/* Datagrams: a tenth of a second at 500,000 a second. */
	ASKED_MAX = 1 << 16,
};

struct asked;

/* NULL: no memory. */
struct asked *asked_open(void);

/* Remembers a request datagram to this shard's port. */
void asked_put(struct asked *asked, uint16_t shard, const uint8_t *request);

/* The op of each entry of a reply datagram; NULL: not remembered. Valid until the next call. */
const uint8_t *asked_find(const struct asked *asked, uint16_t shard, const uint8_t *reply);

/* NULL is allowed. */
void asked_close(struct asked *asked);

#endif
