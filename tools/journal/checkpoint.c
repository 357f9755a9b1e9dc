/*
 * checkpoint: applies lanes to a state of its own and writes checkpoints of it, once or, as the
 * follower beside an engine, every so many orders until SIGTERM.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/error.h"
#include "engine/base/log.h"
#include "engine/base/signals.h"
#include "engine/recover/follower.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

enum {
	LOOK_NS = 100000000,
	/* The pause after a checkpoint that the disk had no room for. */
	RETRY_NS = 1000000000,
};

static int exit_code(int rc)
{
	if (rc == 0)
		return CLI_EXIT_GOOD;
	return rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

static void print_saved(const struct follower *follower, uint64_t bytes, unsigned removed,
			double ms, bool json)
{
	const uint64_t lsn = follower->saved_lsn - 1;

	if (json)
		printf("{\"lane\":%u,\"lsn\":%" PRIu64 ",\"segment\":%" PRIu64
		       ",\"written\":true,\"bytes\":%" PRIu64 ",\"removed\":%u,\"ms\":%.1f}\n",
		       follower->lane, lsn, follower->position.tail.place.segment, bytes, removed,
		       ms);
	else
		printf("lane %u: a checkpoint at LSN %" PRIu64 ", %" PRIu64
		       " KiB in %.0f ms; the lane continues in segment %" PRIu64
		       "; %u older ones removed\n",
		       follower->lane, lsn, (bytes + 1023) >> 10, ms,
		       follower->position.tail.place.segment, removed);
	fflush(stdout);
}

static void print_unchanged(const struct follower *follower, bool json)
{
	const uint64_t lsn = follower->saved_lsn > 0 ? follower->saved_lsn - 1 : 0;

	if (json)
		printf("{\"lane\":%u,\"lsn\":%" PRIu64 ",\"written\":false}\n", follower->lane,
		       lsn);
	else if (lsn > 0)
		printf("lane %u: nothing is known to be on disk after the checkpoint at LSN "
		       "%" PRIu64 "\n",
		       follower->lane, lsn);
	else
		printf("lane %u: nothing is known to be on disk yet\n", follower->lane);
}

/* again: the lack of space was reported already. */
static int save(struct follower *follower, const struct tool_options *options, bool again)
{
	const uint64_t begin_ns = clock_now_ns();
	struct error error;
	unsigned removed = 0;
	uint64_t bytes = 0;
	const int rc = follower_save(follower, options->keep_cnt, &bytes, &removed, &error);

	/* With --follow it waits for space. */
	if (rc == -ENOSPC && options->follow) {
		if (!again)
			cli_warn("%s", error.text);
	} else if (rc != 0) {
		cli_wrong("%s", error.text);
	}
	if (rc == 0)
		print_saved(follower, bytes, removed, (double)(clock_now_ns() - begin_ns) / 1e6,
			    options->json);
	return rc;
}

static int open_one(struct follower *follower, const struct data_dir *dir, uint16_t lane)
{
	struct error error;
	const int rc = follower_open(follower, dir, lane, &error);

	if (rc != 0)
		cli_wrong("%s", error.text);
	else if (error_is_set(&follower->note))
		fprintf(stderr, "%s%s\n", log_mark(LOG_AS_WARNING), follower->note.text);
	return rc;
}

/* Writes a checkpoint of each lane; if one fails, it continues with the others. */
static int once(const struct tool_options *options, const struct data_dir *dir, uint16_t first,
		uint16_t end)
{
	int worst = CLI_EXIT_GOOD;

	for (uint16_t lane = first; lane < end; lane++) {
		struct follower follower = {0};
		int rc = open_one(&follower, dir, lane);

		if (rc == 0 && follower_unsaved(&follower) > 0)
			rc = save(&follower, options, false);
		else if (rc == 0)
			print_unchanged(&follower, options->json);
		follower_close(&follower);
		worst = exit_code(rc) > worst ? exit_code(rc) : worst;
	}
	return worst;
}

/* A lane that is followed. */
struct followed {
	struct follower follower;
	uint64_t retry_ns; /* the disk had no room for a checkpoint: not before this; 0: it had */
};

/* `last`: what was applied is saved now, as there is no later time. */
static int follow_lane(struct followed *lane, const struct tool_options *options, bool last)
{
	struct follower *follower = &lane->follower;
	const bool again = lane->retry_ns > 0;
	struct error error;
	int rc = follower_catch_up(follower, &error);

	if (rc != 0) {
		cli_wrong("%s", error.text);
		return rc;
	}
	if (follower_unsaved(follower) < (last ? 1 : options->every_orders) ||
	    (!last && clock_now_ns() < lane->retry_ns))
		return 0;
	rc = save(follower, options, again && !last);
	/* A full disk may have space again later, and a checkpoint can wait. */
	lane->retry_ns = rc == -ENOSPC ? clock_now_ns() + RETRY_NS : 0;
	return rc == -ENOSPC && !last ? 0 : rc;
}

/* If one has no space at the end, the others are still saved. */
static int follow_round(struct followed *lanes, uint16_t cnt, const struct tool_options *options,
			bool last)
{
	int full = 0;

	for (uint16_t i = 0; i < cnt; i++) {
		const int rc = follow_lane(&lanes[i], options, last);

		if (rc == -ENOSPC)
			full = rc;
		else if (rc != 0)
			return rc;
	}
	return full;
}

static int follow(const struct tool_options *options, const struct data_dir *dir, uint16_t first,
		  uint16_t end)
{
	const struct timespec look = {.tv_nsec = LOOK_NS};
	const uint16_t cnt = end - first;
	struct followed *lanes = calloc(cnt, sizeof(*lanes));
	bool last = false;
	sigset_t signals;
	int rc = 0;

	CHECK(lanes != NULL);
	signals_block_end(&signals);
	/* All other work of this machine comes first. */
	if (nice(10) == -1)
		errno = 0;
	for (uint16_t i = 0; i < cnt && rc == 0; i++)
		rc = open_one(&lanes[i].follower, dir, first + i);
	if (rc == 0 && !options->json) {
		printf("following %s; SIGTERM ends it\n", dir->path);
		fflush(stdout);
	}
	while (rc == 0 && !last) {
		last = sigtimedwait(&signals, NULL, &look) > 0;
		rc = follow_round(lanes, cnt, options, last);
	}
	for (uint16_t i = 0; i < cnt; i++)
		follower_close(&lanes[i].follower);
	free(lanes);
	return exit_code(rc);
}

int journal_checkpoint(const struct tool_options *options)
{
	struct data_dir dir;
	uint16_t first = 0;
	uint16_t end;

	if (options->follow)
		log_begin();
	if (!journal_open_dir(&dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	end = dir.shards;
	if (options->lane != EVERY_LANE) {
		first = (uint16_t)options->lane;
		end = first + 1;
	}
	return options->follow ? follow(options, &dir, first, end)
			       : once(options, &dir, first, end);
}
