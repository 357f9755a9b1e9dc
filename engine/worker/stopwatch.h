/*
 * stopwatch: where a worker's cycles go. After STOPWATCH_STRIDE turns that did something the next
 * such turn is timed by the TSC, stage by stage; the others pay a branch a stage.
 *
 * Worker thread only.
 */
#ifndef DB_ENGINE_WORKER_STOPWATCH_H
#define DB_ENGINE_WORKER_STOPWATCH_H

#include <stdbool.h>
#include <stdint.h>

#include <x86intrin.h>

#include "engine/base/check.h"

enum stage {
#define STAGE(name, text) STAGE_##name,
#include "engine/worker/stage.def"
#undef STAGE
	STAGE_CNT,
};

static inline const char *stage_name(enum stage stage)
{
	static const char *const names[STAGE_CNT] = {
#define STAGE(name, text) text,
#include "engine/worker/stage.def"
#undef STAGE
	};

	CHECK(stage < STAGE_CNT);
	return names[stage];
}

enum {
	/* A prime, so that no rhythm of the traffic falls on every sample. A timed turn costs some
	 * 20 reads of the TSC and two a datagram, 25 cycles each: 1 % or less of the turns it
	 * stands for. */
	STOPWATCH_STRIDE = 61,
};

struct stopwatch {
	bool runs;         /* this turn is timed */
	uint32_t passed;   /* busy turns since the last one that was */
	uint64_t last_tsc; /* of the last lap */
	uint64_t cycles[STAGE_CNT];
};

/* Begins a turn. */
static inline void stopwatch_begin(struct stopwatch *watch)
{
	DCHECK(watch->passed <= STOPWATCH_STRIDE);
	/* Timed without being due: the turn before was not ended. */
	DCHECK(!watch->runs || watch->passed == STOPWATCH_STRIDE);
	if (watch->passed < STOPWATCH_STRIDE)
		return;
	*watch = (struct stopwatch){.runs = true, .passed = watch->passed, .last_tsc = __rdtsc()};
}

/* What was done since the last lap belongs to this stage. */
static inline void stopwatch_lap(struct stopwatch *watch, enum stage stage)
{
	uint64_t now_tsc;

	DCHECK(stage < STAGE_CNT);
	if (!watch->runs)
		return;
	now_tsc = __rdtsc();
	DCHECK(now_tsc >= watch->last_tsc);
	watch->cycles[stage] += now_tsc - watch->last_tsc;
	watch->last_tsc = now_tsc;
}

/* Ends a turn. Returns whether it was timed and counts: `cycles` has then what its stages took. */
static inline bool stopwatch_end(struct stopwatch *watch, bool busy)
{
	if (!busy)
		return false;
	watch->passed = watch->runs ? 0 : watch->passed + 1;
	DCHECK(watch->passed <= STOPWATCH_STRIDE);
	if (!watch->runs)
		return false;
	watch->runs = false;
	return true;
}

#endif
