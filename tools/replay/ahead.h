/*
 * ahead: reads a capture in a thread of its own and keeps the next datagrams ready, so that neither
 * the disk nor decompression is felt by who sends them on time. A ring of a fixed size.
 *
 * One producer (the thread), one consumer (who calls ahead_peek and ahead_pop).
 */
#ifndef DB_TOOLS_REPLAY_AHEAD_H
#define DB_TOOLS_REPLAY_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "net/keys.h"
#include "tools/replay/reader.h"

struct ahead;

/* A datagram that is ready. */
struct ahead_item {
	uint64_t at_ns;
	uint32_t bytes;
	uint16_t shard;
	uint8_t kind; /* enum captured_kind */
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
};

/*
 * Starts the thread; the reader is its until ahead_close. keys NULL: requests stay as they were
 * captured; else they are signed again, with the key of their id or, if there is none, with
 * keys->keys[fallback]. 0 or -errno.
 */
int ahead_open(struct ahead **out, struct reader *reader, const struct key_ring *keys,
	       uint32_t fallback);

/* The next datagram, valid until ahead_pop; NULL: not read yet, or *ended. */
struct ahead_item *ahead_peek(struct ahead *ahead, bool *ended);
void ahead_pop(struct ahead *ahead);

/* The idx-th behind the next one, if it is there. */
struct ahead_item *ahead_peek_at(struct ahead *ahead, uint32_t idx);

/* Requests read so far. */
uint64_t ahead_requests(const struct ahead *ahead);

/* Ends the thread, also before the capture's end. NULL is allowed. */
void ahead_close(struct ahead *ahead);

#endif
