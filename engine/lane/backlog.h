/*
 * backlog: datagrams of a lane that wait to be decided, in the order they came, while its journal,
 * its reply queue or the port has no room. Other lanes of the worker don't wait with them. Fixed
 * size: while there is no room for a burst, the port is not read. A lane that has made no progress
 * for BACKLOG_PATIENCE_NS does not hold up the others any longer: the port is read, and what comes
 * for the full lane is dropped and counted.
 */
#ifndef DB_ENGINE_LANE_BACKLOG_H
#define DB_ENGINE_LANE_BACKLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/limits.h"
#include "engine/lane/reply_queue.h"

enum {
	/* Long for a disk that writes, short for a buyer whose datagram is not read. */
	BACKLOG_PATIENCE_NS = 10000000,
};

struct backlog {
	uint32_t head; /* free-running */
	uint32_t tail;
	uint64_t moved_ns; /* CLOCK_MONOTONIC: when the first began to wait or one was taken out */
	struct exchange datagrams[BACKLOG_MAX];
};
static_assert((BACKLOG_MAX & (BACKLOG_MAX - 1)) == 0, "indexed by mask");

static inline uint32_t backlog_room(const struct backlog *backlog)
{
	DCHECK(backlog->tail - backlog->head <= BACKLOG_MAX);
	return BACKLOG_MAX - (backlog->tail - backlog->head);
}

static inline bool backlog_empty(const struct backlog *backlog)
{
	return backlog->tail == backlog->head;
}

static inline void backlog_push(struct backlog *backlog, const struct exchange *datagram,
				uint64_t now_ns)
{
	DCHECK(backlog_room(backlog) > 0);
	if (backlog_empty(backlog))
		backlog->moved_ns = now_ns;
	backlog->datagrams[backlog->tail++ & (BACKLOG_MAX - 1)] = *datagram;
}

/* The datagram that came first, which stays until backlog_pop; NULL: there is none. */
static inline struct exchange *backlog_first(struct backlog *backlog)
{
	return backlog_empty(backlog) ? NULL
				      : &backlog->datagrams[backlog->head & (BACKLOG_MAX - 1)];
}

static inline void backlog_pop(struct backlog *backlog, uint64_t now_ns)
{
	DCHECK(!backlog_empty(backlog));
	DCHECK(now_ns >= backlog->moved_ns);
	backlog->head++;
	backlog->moved_ns = now_ns;
}

static inline bool backlog_is_stuck(const struct backlog *backlog, uint64_t now_ns)
{
	return !backlog_empty(backlog) && now_ns >= backlog->moved_ns + BACKLOG_PATIENCE_NS;
}

#endif
