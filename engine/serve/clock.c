/*
 * clock: the wall clock of a server that starts and sells. The control thread alone reads it: at
 * the start, before anything is sold, and then as often as it looks (serve.c). Reports steps.
 */
#include <errno.h>
#include <inttypes.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/base/signals.h"
#include "engine/serve/start_turn.h"
#include "engine/serve/state.h"

enum {
	/* A reading this narrow is good enough; else the narrowest of READINGS_MAX is taken. */
	READING_WIDTH_NS = 20000,
	READINGS_MAX = 16,
	SETTLE_LOOK_NS = 20000000,
};

static const double NS_IN_S = 1e9;

static struct wall_reading read_clock(void)
{
	struct wall_reading best = {.after_ns = UINT64_MAX};

	for (unsigned i = 0; i < READINGS_MAX; i++) {
		struct wall_reading reading;

		reading.before_ns = clock_now_ns();
		reading.wall_ns = clock_wall_ns();
		reading.after_ns = clock_now_ns();
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
	return wall_now_ns(&server->shared.now, clock_now_ns());
}

static const char *direction_of(int64_t step_ns)
{
	return step_ns > 0 ? "ahead" : "back";
}

static double step_s(int64_t step_ns)
{
	return (double)(step_ns > 0 ? step_ns : -step_ns) / NS_IN_S;
}

/* Before anything is sold no lane has used either reading. */
static void tell_at_start(const struct server *server, enum wall_event event)
{
	const int64_t step_ns = server->wall.told_step_ns;

	if (event == WALL_STEP_BEGAN)
		fprintf(stderr,
			LOG_AS_WARNING
			"clock: the machine's clock has jumped %.3f s %s since this start began. "
			"Which time is right is not known: nothing is sold until the clock has "
			"gone back, or has stayed so for %" PRIu64 " s\n",
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
			LOG_AS_WARNING
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
			LOG_AS_WARNING
			"clock: the machine's clock stayed %.3f s ahead: the lanes have followed. "
			"If it is wrong all the same, stop selling, set it right, and start with "
			"--clock-back\n",
			step_s(step_ns));
	else if (event == WALL_STEP_FOLLOWED)
		fprintf(stderr,
			LOG_AS_WARNING
			"clock: the machine's clock stayed %.3f s back: the lanes have followed; "
			"their clocks stand still until the machine's has caught up. If you "
			"cannot wait that long, stop the engine and start it with --clock-back\n",
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

/* Of two readings that differ, either may be wrong: waits until the clock is back or has stayed. */
static void settle(struct server *server)
{
	const struct timespec pause = {.tv_nsec = SETTLE_LOOK_NS};

	serve_clock_look(server);
	while (server->wall.step_ns != 0 && !signals_end_pending()) {
		nanosleep(&pause, NULL);
		serve_clock_look(server);
	}
}

static bool is_ahead(const struct lane *lane, uint64_t now_ns)
{
	return lane->clock_ns > now_ns + LANE_AHEAD_MAX_NS;
}

static void warn_ahead(const struct lane *lane, uint64_t now_ns)
{
	if (!is_ahead(lane, now_ns))
		return;
	fprintf(stderr,
		LOG_AS_WARNING
		"lane %u: its clock is %.3f s ahead of the machine's. It stands still until the "
		"machine's has caught up, and offers open and close by it. If the machine's clock "
		"is right, stop and start with --clock-back; if it is wrong, set it right\n",
		lane->idx, (double)(lane->clock_ns - now_ns) / NS_IN_S);
}

/* Sets a lane's clock back. What the lane sells later rests on that record: it is durable first. */
static int set_back(struct server *server, uint16_t idx)
{
	struct lane *lane = &server->shared.lanes[idx];
	const uint64_t was_ns = lane->clock_ns;
	struct start_turn *start;
	uint64_t now_ns;
	bool ahead;
	bool set = false;
	int rc = 0;

	/* Older programs must refuse the lane: serve_format_up comes before. */
	CHECK(server->data_dir.format >= JOURNAL_FORMAT_CLOCK);
	start = start_turn_open(server, server->shared.owners[idx], "clock");
	/* A turn of the start ends holds, too, and their records must leave before that one. */
	while (rc == 0 && !lane_can_set_back(lane))
		rc = journal_room(lane->journal) == 0 && journal_is_full(lane->journal)
			     ? start_turn_fail(start, lane, ENOSPC)
			     : start_turn(start);
	now_ns = serve_clock_now_ns(server);
	/* It may have caught up while we waited. */
	ahead = now_ns < was_ns;
	if (rc == 0 && ahead)
		set = lane_set_back(lane, now_ns);
	while (rc == 0 && !lane_turn_all_done(&start->turn))
		rc = start_turn(start);
	if (rc != 0 || !ahead)
		return rc;
	if (!set)
		return FAIL(server, -EOVERFLOW,
			    "lane %u: its clock was set back %d times, which is as often as it can "
			    "be: start without --clock-back, or with a new --data",
			    idx, CLOCK_RECORDS_MAX);
	fprintf(stderr, "lane %u: its clock was %.3f s ahead: set back, as LSN %" PRIu64 "\n", idx,
		(double)(was_ns - now_ns) / NS_IN_S, journal_durable_lsn(lane->journal));
	return 0;
}

int serve_clock_settled_up(struct server *server)
{
	unsigned cnt = 0;
	int rc = 0;

	settle(server);
	for (uint16_t i = 0; rc == 0 && i < server->options->shards; i++) {
		const struct lane *lane = &server->shared.lanes[i];
		const uint64_t now_ns = serve_clock_now_ns(server);

		if (!server->options->clock_back) {
			warn_ahead(lane, now_ns);
		} else if (server->wall.step_ns == 0 && is_ahead(lane, now_ns)) {
			cnt++;
			rc = set_back(server, i);
		}
	}
	if (rc == 0 && server->options->clock_back)
		fprintf(stderr,
			"clock: %u of %u lanes set back; leave --clock-back out from now on\n", cnt,
			server->options->shards);
	return rc;
}
