/*
 * pace: when each datagram of a replay is due. As captured, or faster or slower than that; at a
 * given rate of requests; or at once. Never before the datagram ahead of it. Pure.
 */
#ifndef DB_TOOLS_REPLAY_PACE_H
#define DB_TOOLS_REPLAY_PACE_H

#include <stdint.h>

enum pace_kind {
	PACE_CAPTURED,
	PACE_RATE,
	PACE_FLAT_OUT,
};

struct pace {
	enum pace_kind kind;
	double speed;      /* PACE_CAPTURED: 1 as captured, 2 twice as fast */
	uint64_t rate;     /* PACE_RATE: requests a second */
	uint64_t begin_ns; /* when the first is due, by the caller's clock */
	uint64_t first_at_ns;
	uint64_t requests; /* before this one */
	uint64_t due_ns;   /* of the one before */
};

/* When a datagram captured at at_ns is due: the next after those given to pace_sent. */
static inline uint64_t pace_due_ns(const struct pace *pace, uint64_t at_ns)
{
	uint64_t due_ns = pace->begin_ns;

	if (pace->kind == PACE_CAPTURED && at_ns > pace->first_at_ns)
		due_ns += (uint64_t)((double)(at_ns - pace->first_at_ns) / pace->speed);
	else if (pace->kind == PACE_RATE)
		due_ns += (uint64_t)((unsigned __int128)pace->requests * 1000000000 / pace->rate);
	return due_ns > pace->due_ns ? due_ns : pace->due_ns;
}

/* The datagram that was due at due_ns, with this many requests, was sent. */
static inline void pace_sent(struct pace *pace, uint64_t due_ns, uint32_t requests)
{
	pace->due_ns = due_ns;
	pace->requests += requests;
}

#endif
