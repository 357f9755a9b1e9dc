/*
 * engine_clock: the engine's clock as its client knows it: what the engine last said, and the time
 * since that came. The engine had said it before it came, so this clock is never ahead of the
 * engine's, whatever the way took and however wrong the wall clock here is.
 *
 * local_ns: ns of a clock of the client's own that never falls (client_transport.now_ns).
 */
#ifndef DB_NET_ENGINE_CLOCK_H
#define DB_NET_ENGINE_CLOCK_H

#include <stdint.h>

struct engine_clock {
	uint64_t engine_ns; /* ns since the epoch: what it said ... */
	uint64_t local_ns;  /* ... and when that came */
};

/* local_ns: not before the last time that was heard. */
static inline uint64_t engine_clock_now(const struct engine_clock *clock, uint64_t local_ns)
{
	return clock->engine_ns + (local_ns - clock->local_ns);
}

/*
 * The engine said engine_ns in a reply that came at local_ns, to a request that was dated
 * issued_at_ns. The latest that it ever said is the closest; unless it says less than we did when
 * we asked: then it was set back.
 */
static inline void engine_clock_hear(struct engine_clock *clock, uint64_t local_ns,
				     uint64_t engine_ns, uint64_t issued_at_ns)
{
	if (engine_ns > engine_clock_now(clock, local_ns) || engine_ns < issued_at_ns)
		*clock = (struct engine_clock){engine_ns, local_ns};
}

#endif
