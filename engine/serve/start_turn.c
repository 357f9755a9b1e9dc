#include "engine/serve/start_turn.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/signals.h"
#include "engine/serve/state.h"

enum {
	NAP_NS = 20000,
};

/* A segment of a slow disk is made within seconds. */
static const uint64_t PATIENCE_NS = 6000000000;

/* Nobody can ask yet. */
static bool has_room(void *host, const struct exchange *exchange)
{
	(void)host;
	(void)exchange;
	CHECK(!"a request before the start is over");
	return false;
}

static void no_exchange(void *host, const struct exchange *exchange)
{
	(void)host;
	(void)exchange;
	CHECK(!"an answer before the start is over");
}

static void flush(void *host, enum lane_turn_stage stage)
{
	(void)host;
	(void)stage;
}

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = no_exchange,
	.flush = flush,
	.drop = no_exchange,
};

struct start_turn *start_turn_open(struct server *server, uint16_t worker_idx, const char *what)
{
	static struct start_turn start;
	static uint64_t verdicts[VERDICT_END];

	start = (struct start_turn){
		.server = server,
		.what = what,
		.progress_ns = clock_now_ns(),
		.turn = {.ops = &host_ops,
			 .host = server,
			 .lanes = server->shared.lanes,
			 .lane_first = worker_idx,
			 .lane_step = server->options->core_cnt,
			 .lane_cnt = server->options->shards,
			 .disk = server->disks[worker_idx],
			 .verdict_cnt = verdicts},
	};
	lane_turn_take_over(&start.turn, start.progress_ns);
	return &start;
}

/* The start has failed: it does not wait for what is being written. */
static void give_up(struct lane_turn *turn, int error)
{
	FOR_EACH_LANE (turn, lane) {
		if (!journal_idle(lane->journal))
			journal_abandon(lane->journal, error);
	}
}

int start_turn_fail(struct start_turn *start, const struct lane *lane, int error)
{
	CHECK(error > 0);
	give_up(&start->turn, error);
	if (error == EINTR)
		return error_say(
			&start->server->error, -error,
			"lane %u: told to end before its %s could be written; nothing is sold",
			lane->idx, start->what);
	return error_say(&start->server->error, -error,
			 "lane %u: writing its %s failed: %s; nothing is sold%s", lane->idx,
			 start->what, strerror(error),
			 error == ENOSPC ? "; free some space for --data" : "");
}

/* Grows with all that a turn can do. */
static uint64_t progress_of(const struct start_turn *start)
{
	uint64_t sum = start->turn.written_cnt;

	FOR_EACH_LANE (&start->turn, lane)
		sum += journal_next_lsn(lane->journal);
	return sum;
}

/* A lane that has no room while no lane has a write in flight; NULL: there is none. */
static const struct lane *stuck_lane(const struct start_turn *start)
{
	const struct lane *stuck = NULL;

	FOR_EACH_LANE (&start->turn, lane) {
		if (!journal_idle(lane->journal))
			return NULL;
		if (stuck == NULL && journal_room(lane->journal) == 0)
			stuck = lane;
	}
	return stuck;
}

static int look(struct start_turn *start)
{
	static const struct timespec nap = {.tv_nsec = NAP_NS};
	const struct lane_turn *turn = &start->turn;
	const uint64_t progress = progress_of(start);
	const struct lane *stuck;

	FOR_EACH_LANE (turn, lane) {
		const int error = journal_error(lane->journal);

		if (error != 0)
			return start_turn_fail(start, lane, error);
	}
	if (signals_end_pending())
		return start_turn_fail(start, lane_turn_next(turn, NULL), EINTR);
	if (progress != start->progress) {
		start->progress = progress;
		start->progress_ns = turn->monotonic_ns;
		return 0;
	}
	stuck = stuck_lane(start);
	if (stuck == NULL)
		start->progress_ns = turn->monotonic_ns;
	else if (turn->monotonic_ns >= start->progress_ns + PATIENCE_NS)
		return start_turn_fail(start, stuck, ENOSPC);
	nanosleep(&nap, NULL);
	return 0;
}

int start_turn(struct start_turn *start)
{
	struct lane_turn *turn = &start->turn;

	lane_turn_begin(turn, serve_clock_now_ns(start->server), clock_now_ns());
	lane_turn_decide(turn);
	lane_turn_write(turn);
	lane_turn_release(turn);
	lane_turn_tend(turn);
	return look(start);
}
