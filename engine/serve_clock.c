/*
 * serve_clock: the wall clock of a server that starts and sells: read by the control thread alone,
 * at the start, before anything is sold, and as often as that thread looks. Steps are told here.
 */
#include <inttypes.h>
#include <time.h>

#include "engine/serve_state.h"
#include "engine/signals.h"

enum {
	/* A reading this narrow is good enough; the narrowest of so many is taken. */
	READING_WIDTH_NS = 20000,
	READINGS_MAX = 16,
	SETTLE_LOOK_NS = 20000000,
};

static const double NS_IN_S = 1e9;

static uint64_t clock_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct wall_reading read_clock(void)
{
	struct wall_reading best = {.after_ns = UINT64_MAX};

	for (unsigned i = 0; i < READINGS_MAX; i++) {
		struct wall_reading reading;

		reading.before_ns = clock_ns(CLOCK_MONOTONIC);
		reading.wall_ns = clock_ns(CLOCK_REALTIME);
		reading.after_ns = clock_ns(CLOCK_MONOTONIC);
		if (reading.after_ns - reading.before_ns < best.after_ns - best.before_ns)
			best = reading;
		if (best.after_ns - best.before_ns <= READING_WIDTH_NS)
			break;
	}
	return best;
}

int serve_clock_up(struct server *server)
{
	const struct wall_reading reading = read_clock();

	wall_clock_begin(&server->wall, &reading, server->options->clock_step_s * 1000000000);
	wall_clock_publish(&server->wall, &server->shared.now);
	return 0;
}

uint64_t serve_clock_now_ns(const struct server *server)
{
	return wall_now_ns(&server->shared.now, clock_ns(CLOCK_MONOTONIC));
}

static const char *direction_of(int64_t step_ns)
{
	return step_ns > 0 ? "ahead" : "back";
}

static double step_s(int64_t step_ns)
{
	return (double)(step_ns > 0 ? step_ns : -step_ns) / NS_IN_S;
}

/* Before anything is sold no lane has gone by either reading. */
static void tell_at_start(const struct server *server, enum wall_event event)
{
	const int64_t step_ns = server->wall.told_step_ns;

	if (event == WALL_STEP_BEGAN)
		fprintf(stderr,
			"clock: the machine's clock has jumped %.3f s %s since this start began. "
			"Which is right is not known: nothing is sold before it has gone back, or "
			"stayed so for %" PRIu64 " s\n",
			step_s(step_ns), direction_of(step_ns), server->options->clock_step_s);
	else if (event != WALL_STEADY)
		fprintf(stderr, "clock: the machine's clock %s: the start goes on\n",
			event == WALL_STEP_GONE ? "went back" : "stayed so");
}

static void tell(const struct server *server, enum wall_event event)
{
	const int64_t step_ns = server->wall.told_step_ns;

	if (event == WALL_STEP_BEGAN)
		fprintf(stderr,
			"clock: the machine's clock has jumped %.3f s %s; the lanes keep their "
			"time, and follow if it stays so for %" PRIu64
			" s. If it is wrong, set it right before that\n",
			step_s(step_ns), direction_of(step_ns), server->options->clock_step_s);
	else if (event == WALL_STEP_GONE)
		fprintf(stderr,
			"clock: the machine's clock is where it was before it jumped %.3f s %s; "
			"the lanes kept their time\n",
			step_s(step_ns), direction_of(step_ns));
	else if (event == WALL_STEP_FOLLOWED && step_ns > 0)
		fprintf(stderr,
			"clock: the machine's clock stayed %.3f s ahead: the lanes have followed. "
			"If it is wrong all the same, stop selling, set it right, and start with "
			"--clock-back\n",
			step_s(step_ns));
	else if (event == WALL_STEP_FOLLOWED)
		fprintf(stderr,
			"clock: the machine's clock stayed %.3f s back: the lanes have followed, "
			"and stand still until it is as late as they are. They need not if the "
			"engine is stopped and started with --clock-back\n",
			step_s(step_ns));
}

void serve_clock_look(struct server *server)
{
	const struct wall_reading reading = read_clock();
	const enum wall_event event = wall_clock_look(&server->wall, &reading);

	wall_clock_publish(&server->wall, &server->shared.now);
	if (server->launched)
		tell(server, event);
	else
		tell_at_start(server, event);
}

/* Either of two readings that differ may be the wrong one: waits until one has proved itself. */
static void settle(struct server *server)
{
	const struct timespec pause = {.tv_nsec = SETTLE_LOOK_NS};

	serve_clock_look(server);
	while (server->wall.step_ns != 0 && !signals_end_pending()) {
		nanosleep(&pause, NULL);
		serve_clock_look(server);
	}
}

static void warn_ahead(const struct lane *lane, uint64_t now_ns)
{
	if (lane->clock_ns <= now_ns + LANE_AHEAD_MAX_NS)
		return;
	fprintf(stderr,
		"lane %u: its clock is %.3f s ahead of the machine's: it stands still until that "
		"has caught up, and offers open and close by it. If the machine's clock is right, "
		"stop and start with --clock-back; if it is wrong, set it right\n",
		lane->idx, (double)(lane->clock_ns - now_ns) / NS_IN_S);
}

int serve_clock_settled_up(struct server *server)
{
	settle(server);
	for (uint16_t i = 0; i < server->options->shards; i++)
		warn_ahead(&server->shared.lanes[i], serve_clock_now_ns(server));
	return 0;
}
