/*
 * ahead: reads a capture ahead of the sender and keeps the next datagrams ready, so that neither
 * the disk nor decompression delays a datagram. A ring of a fixed size, filled by a thread of its
 * own. Where no CPU is left for a thread, the sender fills it, one datagram at a time, between two
 * sends: a thread without a CPU of its own would take the sender's for milliseconds.
 *
 * One producer (the thread, or the caller of ahead_read), one consumer (the caller of ahead_peek
 * and ahead_pop).
 */
#ifndef DB_TOOLS_REPLAY_AHEAD_H
#define DB_TOOLS_REPLAY_AHEAD_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/replay/reader.h"

struct ahead;

/* A datagram that is ready. */
struct ahead_item {
	uint64_t at_ns;
	uint64_t done_bytes; /* of the file, when it was read */
	uint64_t packet;     /* its number in the capture */
	uint32_t bytes;
	uint16_t shard;
	uint8_t kind; /* enum captured_kind */
	_Alignas(16) uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
};

struct ahead_options {
	struct reader *reader;
	uint32_t ring_cnt; /* datagrams; a power of two */
	bool threaded;     /* a thread reads, and owns the reader until ahead_close */
};

/* CPUs that this process may use: whether one is left for a thread. */
unsigned ahead_cpu_cnt(void);

/* 0 or -errno. */
int ahead_open(struct ahead **out, const struct ahead_options *options);

/* Without a thread: reads one more datagram, or passes over many packets. False: there is a thread,
 * the ring is full, or the capture has ended. */
bool ahead_read(struct ahead *ahead);

/* The ring is full, or all of the capture is in it. */
bool ahead_is_ready(const struct ahead *ahead);

/* The next datagram, valid until it is popped; NULL: not read yet, or *ended. */
struct ahead_item *ahead_peek(struct ahead *ahead, bool *ended);

/* Removes the next cnt datagrams, which must be there. */
void ahead_pop(struct ahead *ahead, uint32_t cnt);

/* The idx-th after the next one, if it is there. */
struct ahead_item *ahead_peek_at(struct ahead *ahead, uint32_t idx);

/* Ends its thread, also before the capture's end. NULL is allowed. */
void ahead_close(struct ahead *ahead);

#endif
