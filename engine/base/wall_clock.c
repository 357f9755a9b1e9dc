#include "engine/base/wall_clock.h"

#include <stdbool.h>

static int64_t offset_of(const struct wall_reading *reading)
{
	const uint64_t middle_ns =
		reading->before_ns + (reading->after_ns - reading->before_ns) / 2;

	return (int64_t)(reading->wall_ns - middle_ns);
}

static bool is_within(int64_t a, int64_t b, int64_t most)
{
	return a - b <= most && b - a <= most;
}

void wall_clock_begin(struct wall_clock *clock, const struct wall_reading *reading,
		      uint64_t lasts_ns)
{
	*clock = (struct wall_clock){.offset_ns = offset_of(reading), .lasts_ns = lasts_ns};
}

/* The wall clock is nearly where it was. */
static enum wall_event stay(struct wall_clock *clock, int64_t offset_ns, uint64_t width_ns)
{
	/* A difference within the reading's own error is not a change. */
	if (!is_within(offset_ns, clock->offset_ns, (int64_t)(width_ns / 2)))
		clock->offset_ns = offset_ns;
	if (clock->step_ns == 0)
		return WALL_STEADY;
	clock->told_step_ns = clock->step_ns;
	clock->step_ns = 0;
	return WALL_STEP_GONE;
}

enum wall_event wall_clock_look(struct wall_clock *clock, const struct wall_reading *reading)
{
	const uint64_t width_ns = reading->after_ns - reading->before_ns;
	const int64_t offset_ns = offset_of(reading);
	const bool pending = clock->step_ns != 0;

	if (width_ns > WALL_READING_WIDTH_MAX_NS)
		return WALL_STEADY;
	if (is_within(offset_ns, clock->offset_ns, WALL_STEP_MIN_NS))
		return stay(clock, offset_ns, width_ns);
	if (!pending)
		clock->began_ns = reading->after_ns;
	if (!pending || !is_within(offset_ns, clock->stepped_ns, WALL_STEP_MIN_NS)) {
		clock->stepped_ns = offset_ns;
		clock->stays_since_ns = reading->after_ns;
	}
	clock->step_ns = offset_ns - clock->offset_ns;
	clock->told_step_ns = clock->step_ns;
	if (!pending)
		return WALL_STEP_BEGAN;
	if (reading->after_ns - clock->stays_since_ns < clock->lasts_ns)
		return WALL_STEADY;
	clock->offset_ns = offset_ns;
	clock->step_ns = 0;
	return WALL_STEP_FOLLOWED;
}

void wall_clock_publish(const struct wall_clock *clock, struct wall_now *now)
{
	atomic_store_explicit(&now->offset_ns, clock->offset_ns, memory_order_relaxed);
	atomic_store_explicit(&now->step_ns, clock->step_ns, memory_order_relaxed);
}
