/*
 * waiting: the buyers who came too early, by the instant at which their offer opens: a heap. Each
 * takes 16 bytes while it waits. One thread.
 */
#ifndef DB_TOOLS_LOAD_WAITING_H
#define DB_TOOLS_LOAD_WAITING_H

#include <stdbool.h>
#include <stdint.h>

static const uint64_t WAITING_AGAIN_NS = 10000000;

/* The request `idx` of the scenario, which may be asked again at `at_ns`, ns since the epoch, by
 * the engine's clock. */
struct waiting_buyer {
	uint64_t at_ns;
	uint32_t idx;
};

struct waiting {
	struct waiting_buyer *buyers; /* a heap: none before the first */
	uint32_t cnt;
	uint32_t max;
	uint64_t asked_ns; /* the engine's clock when the last came back */
};

/* Room for `max` buyers at a time, max > 0. False: no memory. */
bool waiting_open(struct waiting *waiting, uint32_t max);
/* What is zeroed may be closed, too. */
void waiting_close(struct waiting *waiting);

/* There must be room. If somebody who came back later than at_ns found the offer closed, or if this
 * one's request was in flight then, it waits WAITING_AGAIN_NS from then on: the engine's clock is
 * not where we think, and must not be asked without a pause. */
void waiting_add(struct waiting *waiting, uint64_t at_ns, uint32_t idx);

/* The one whose instant comes first; valid until the next add or remove. NULL: nobody waits. */
const struct waiting_buyer *waiting_first(const struct waiting *waiting);
/* Takes the first away, which comes back at now_ns of the engine's clock; there must be one. */
void waiting_remove_first(struct waiting *waiting, uint64_t now_ns);

#endif
