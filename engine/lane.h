/*
 * lane: a shard at work: its state, its journal, its clock, its replies that wait for the disk.
 * Owned by one worker; the control thread looks at it only before the worker starts and after it
 * ended.
 */
#ifndef DB_ENGINE_LANE_H
#define DB_ENGINE_LANE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "engine/backlog.h"
#include "engine/journal.h"
#include "engine/shard.h"
#include "engine/waiting.h"

struct lane {
	struct shard *shard;
	struct journal *journal;
	uint64_t clock_ns;     /* never falls, also not across restarts */
	uint64_t check_cursor; /* shard_check */
	/* CLOCK_MONOTONIC: the lane's clock may stand still. */
	uint64_t unsealed_since_ns; /* since when a closing block is due; 0: none is */
	uint64_t progress_ns;       /* when the disk last finished something, or nothing was out */
	uint64_t progress_lsn;
	uint16_t idx;
	uint16_t worker_idx;
	bool ack_memory;
	bool draining; /* decides nothing new */
	/* For the control thread. */
	_Atomic int error;    /* errno of the write that failed */
	_Atomic bool stalled; /* the disk has not finished a write for long */
	_Atomic bool full;    /* no place left in the journal, and none can be made */
	struct backlog *backlog;
	struct waiting *waiting;
};

/* The lane's clock moves to the wall clock, unless that ran backwards. */
static inline void lane_tick(struct lane *lane, uint64_t wall_ns)
{
	if (wall_ns > lane->clock_ns)
		lane->clock_ns = wall_ns;
}

#endif
