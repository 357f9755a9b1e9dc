/*
 * engine_clock: the engine's clock as its client knows it: the instant that the engine last sent,
 * plus the time since it arrived. The engine sent it before it arrived, so this clock is never
 * ahead of the engine's, however long the way took and however wrong the wall clock here is.
 *
 * local_ns: ns of a clock of the client's own that never falls (client_transport.now_ns).
 */
#ifndef DB_NET_ENGINE_CLOCK_H
#define DB_NET_ENGINE_CLOCK_H

#include <stdint.h>

struct engine_clock {
	uint64_t engine_ns; /* ns since the epoch: what the engine sent */
	uint64_t local_ns;  /* when that arrived */
};

/* local_ns: not before the last call of engine_clock_hear. */
static inline uint64_t engine_clock_now(const struct engine_clock *clock, uint64_t local_ns)
{
	return clock->engine_ns + (local_ns - clock->local_ns);
}

/*
 * The engine sent engine_ns in a reply that arrived at local_ns, to a request that was dated
 * issued_at_ns. The latest instant is the closest, unless the engine sends less than we did when we
 * asked: then its clock was set back.
 */
static inline void engine_clock_hear(struct engine_clock *clock, uint64_t local_ns,
				     uint64_t engine_ns, uint64_t issued_at_ns)
{
	if (engine_ns > engine_clock_now(clock, local_ns) || engine_ns < issued_at_ns)
		*clock = (struct engine_clock){engine_ns, local_ns};
}

#endif
