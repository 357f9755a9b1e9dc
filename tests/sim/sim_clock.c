#include "tests/sim/sim_clock.h"

#include "engine/base/check.h"

/* Any sum of these is a step, or zero. */
static const int64_t UNIT_NS = 20000000;
static const int64_t SECOND_NS = 1000000000;
static const int64_t DAY_NS = INT64_C(86400) * 1000000000;
static const uint64_t LASTS_NS = 200000000;
static const uint64_t BRIEF_NS = 20000000;

enum {
	UNITS_MAX = 100,
	WRONG_PER_MILLE = 15,
	LEAP_PER_MILLE = 15,
	LEAP_SECONDS_MAX = 4,
};

static void count(struct sim_clock *clock, enum tally_row row)
{
	clock->tally->cnt[row]++;
}

static int64_t some_step(struct sim_clock *clock)
{
	const int64_t step_ns =
		random_chance(clock->random, 300)
			? DAY_NS
			: UNIT_NS * (1 + (int64_t)random_below(clock->random, UNITS_MAX));

	return random_chance(clock->random, 500) ? step_ns : -step_ns;
}

/* It may go wrong now, or be right again. */
static void move(struct sim_clock *clock, uint64_t mono_ns)
{
	if (clock->wrong_ns != 0 && mono_ns >= clock->wrong_until_ns)
		clock->wrong_ns = 0;
	if (clock->leaps && random_chance(clock->random, LEAP_PER_MILLE)) {
		clock->offset_ns +=
			SECOND_NS * (1 + (int64_t)random_below(clock->random, LEAP_SECONDS_MAX));
		count(clock, TALLY_LEAP);
	}
	if (!random_chance(clock->random, WRONG_PER_MILLE))
		return;
	if (random_chance(clock->random, 250)) {
		clock->offset_ns += some_step(clock);
		count(clock, TALLY_STEP_LASTING);
		return;
	}
	clock->wrong_ns = some_step(clock);
	clock->wrong_until_ns = mono_ns + 1;
	if (random_chance(clock->random, 500))
		clock->wrong_until_ns = mono_ns + BRIEF_NS;
	count(clock, TALLY_WRONG_READING);
}

static struct wall_reading read_clock(struct sim_clock *clock, uint64_t mono_ns)
{
	move(clock, mono_ns);
	return (struct wall_reading){
		.before_ns = mono_ns,
		.wall_ns = mono_ns + (uint64_t)(clock->offset_ns + clock->wrong_ns),
		.after_ns = mono_ns,
	};
}

void sim_clock_begin(struct sim_clock *clock, uint64_t mono_ns)
{
	const struct wall_reading reading = read_clock(clock, mono_ns);

	wall_clock_begin(&clock->wall, &reading, LASTS_NS);
	wall_clock_publish(&clock->wall, &clock->now);
	clock->seen_ns = clock->offset_ns + clock->wrong_ns;
	clock->seen_since_ns = mono_ns;
	clock->expected_ns = clock->seen_ns;
}

void sim_clock_look(struct sim_clock *clock, uint64_t mono_ns)
{
	const struct wall_reading reading = read_clock(clock, mono_ns);
	const int64_t seen_ns = clock->offset_ns + clock->wrong_ns;

	if (seen_ns != clock->seen_ns) {
		clock->seen_ns = seen_ns;
		clock->seen_since_ns = mono_ns;
	}
	if (seen_ns != clock->expected_ns && mono_ns - clock->seen_since_ns >= LASTS_NS) {
		clock->expected_ns = seen_ns;
		count(clock, TALLY_STEP_FOLLOWED);
	}
	(void)wall_clock_look(&clock->wall, &reading);
	wall_clock_publish(&clock->wall, &clock->now);
	CHECK(sim_clock_settled(clock) == (seen_ns == clock->expected_ns));
	CHECK(wall_now_ns(&clock->now, mono_ns) == mono_ns + (uint64_t)clock->expected_ns);
}

bool sim_clock_settled(const struct sim_clock *clock)
{
	return atomic_load(&clock->now.step_ns) == 0;
}

uint64_t sim_clock_expected(const struct sim_clock *clock, uint64_t mono_ns, uint64_t clock_ns)
{
	const uint64_t now_ns = mono_ns + (uint64_t)clock->expected_ns;

	return now_ns > clock_ns ? now_ns : clock_ns;
}

void sim_clock_set_back(struct sim_clock *clock)
{
	clock->offset_ns -= UNIT_NS * (int64_t)random_below(clock->random, UNITS_MAX);
	clock->wrong_ns = 0;
	count(clock, TALLY_CLOCK_BACK);
}

void sim_clock_leap(struct sim_clock *clock)
{
	clock->offset_ns += DAY_NS;
	clock->wrong_ns = 0;
	clock->leaps = false;
}
