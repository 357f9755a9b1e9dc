/*
 * watch: what the control thread reports of the lanes while they sell: one line when a write
 * failed, when a disk stalls, when no segment can be made, when journal or tables are full, and
 * when that ends.
 */
#include <errno.h>
#include <string.h>

#include "engine/base/log.h"
#include "engine/serve/state.h"

static void watch_failure(struct server *server, uint16_t idx)
{
	const int error =
		atomic_load_explicit(&server->shared.lanes[idx].error, memory_order_relaxed);

	if (error == 0 || server->told[idx].failed)
		return;
	server->told[idx].failed = true;
	server->failed = true;
	if (server->gave_up && error == ETIMEDOUT) {
		fprintf(stderr,
			LOG_AS_ERROR
			"lane %u: ended before its disk had finished all writes; recovery finds "
			"out what was written\n",
			idx);
		return;
	}
	fprintf(stderr,
		LOG_AS_ERROR
		"lane %u: a journal write failed: %s; the lane answers UNAVAILABLE from now on. "
		"Check the disk of %s, then restart: recovery finds out what was written\n",
		idx, strerror(error), server->options->data);
}

/* Whether a state is another one than was reported; notes it. */
static bool has_turned(bool *told, bool now)
{
	const bool turned = now != *told;

	*told = now;
	return turned;
}

static void watch_stall(struct server *server, uint16_t idx)
{
	const bool stalled = lane_condition(&server->shared.lanes[idx]) == LANE_STALLED;

	if (!has_turned(&server->told[idx].stalled, stalled))
		return;
	fprintf(stderr,
		stalled ? LOG_AS_WARNING
			"lane %u: the disk of %s has made no progress for 2 s; until it does, "
			"nothing sold is acknowledged\n"
			: "lane %u: the disk of %s makes progress again\n",
		idx, server->options->data);
}

static void watch_space(struct server *server, uint16_t idx)
{
	const int error = segment_source_error(server->segments[idx]);

	if (error == server->told[idx].segment_error)
		return;
	server->told[idx].segment_error = error;
	if (error == 0)
		fprintf(stderr, "lane %u: segments are made again\n", idx);
	else
		fprintf(stderr,
			LOG_AS_WARNING
			"lane %u: no further segment can be made in %s: %s; when those that are "
			"ready are full, the lane answers JOURNAL_FULL. It goes on by itself when "
			"there is space\n",
			idx, server->options->data, strerror(-error));
}

/* Also where segments are made too slowly: then nothing failed. */
static void watch_journal(struct server *server, uint16_t idx)
{
	const bool full = lane_condition(&server->shared.lanes[idx]) == LANE_FULL;
	const int error = segment_source_error(server->segments[idx]);

	if (!has_turned(&server->told[idx].full, full))
		return;
	if (full)
		fprintf(stderr,
			LOG_AS_WARNING
			"lane %u: the journal in %s is full: %s. The lane sells nothing and "
			"answers JOURNAL_FULL. Make space (`doorbuster journal prune`); it goes on "
			"by itself\n",
			idx, server->options->data,
			error != 0 ? strerror(-error) : "the disk makes segments too slowly");
	else
		fprintf(stderr, "lane %u: the journal has space again\n", idx);
}

static void watch_tables(struct server *server, uint16_t idx)
{
	const bool full = serve_table_is_full(server->shared.lanes[idx].shard);

	if (!has_turned(&server->told[idx].table_full, full))
		return;
	if (full)
		fprintf(stderr,
			LOG_AS_WARNING
			"lane %u: it has no room for more orders, and has units left: new buyers "
			"get TABLE_FULL. Restart the engine, with a larger --max-orders if it has "
			"one, to sell them\n",
			idx);
	else
		fprintf(stderr, "lane %u: there is room for orders again\n", idx);
}

/* Holds are never forgotten, so this does not end. */
static void watch_holds(struct server *server, uint16_t idx)
{
	const bool full = serve_holds_are_full(server->shared.lanes[idx].shard);

	if (!has_turned(&server->told[idx].holds_full, full) || !full)
		return;
	fprintf(stderr,
		LOG_AS_WARNING
		"lane %u: it has no room for more holds, or for changes of those it has: HOLD, "
		"CONFIRM and RETURN get TABLE_FULL, BUY does not. Restart the engine with a larger "
		"--max-holds\n",
		idx);
}

/* Nor are links. */
static void watch_links(struct server *server, uint16_t idx)
{
	const bool full = serve_links_are_full(server->shared.lanes[idx].shard);

	if (!has_turned(&server->told[idx].links_full, full) || !full)
		return;
	fprintf(stderr,
		LOG_AS_WARNING
		"lane %u: it has no room for more baskets over several shards: those whose first "
		"line is here get TABLE_FULL, all else is sold. Restart the engine, or give what "
		"is sold together one shard in the catalog\n",
		idx);
}

void serve_watch_lanes(struct server *server)
{
	serve_clock_look(server);
	serve_watch_drops(server);
	for (uint16_t i = 0; i < server->options->shards; i++) {
		watch_failure(server, i);
		watch_stall(server, i);
		watch_space(server, i);
		watch_journal(server, i);
		watch_tables(server, i);
		watch_holds(server, i);
		watch_links(server, i);
	}
}

bool serve_any_stalled(const struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++) {
		if (lane_condition(&server->shared.lanes[i]) == LANE_STALLED)
			return true;
	}
	return false;
}
