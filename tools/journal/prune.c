/*
 * prune: removes the segments that nobody needs any more (engine/checkpoint/prune.h).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/error.h"
#include "engine/checkpoint/prune.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"
#include "tools/journal/positions.h"

/* Up to which LSN downstream has this lane: segments with later ones stay. */
static uint64_t downstream_lsn(const struct positions *positions, uint16_t lane,
			       const struct tool_options *options)
{
	const uint64_t told = options->has_downstream ? options->downstream_lsn : LSN_MAX;

	return positions->cnt > 0 && positions->lane[lane].lsn < told ? positions->lane[lane].lsn
								      : told;
}

static void print_result(uint16_t lane, const struct prune_result *result, bool json)
{
	if (json)
		printf("{\"lane\":%u,\"removed\":%" PRIu64 ",\"first_segment\":%" PRIu64
		       ",\"bytes\":%" PRIu64 ",\"kept_for_downstream_bytes\":%" PRIu64 "}\n",
		       lane, result->end - result->first, result->end, result->bytes,
		       result->held_bytes);
	else
		printf("lane %u: %" PRIu64 " segments removed, %" PRIu64
		       " MiB; the first is segment %" PRIu64 " now\n",
		       lane, result->end - result->first, result->bytes >> 20, result->end);
}

/* Reports which relay keeps segments; as an alarm when all lanes together are more than half of the
 * relay's budget. */
static void tell_held(uint16_t lane, const struct positions *positions,
		      const uint64_t held_bytes[SHARDS_MAX])
{
	const struct position *position = &positions->lane[lane];
	uint64_t together = 0;

	for (unsigned i = 0; i < SHARDS_MAX; i++) {
		if (strcmp(positions->lane[i].name, position->name) == 0)
			together += held_bytes[i];
	}
	if (position->waiting) {
		fprintf(stderr,
			"lane %u: %" PRIu64 " MiB stay for relay '%s', which runs and has not "
			"reached its downstream yet: end it if its --to is wrong\n",
			lane, held_bytes[lane] >> 20, position->name);
		return;
	}
	fprintf(stderr,
		"%slane %u: %" PRIu64 " MiB stay for relay '%s', whose downstream%s%s has it up to "
		"LSN %" PRIu64 "; if it will not run again: doorbuster relay --data DIR --forget "
		"--name %s\n",
		position->budget_bytes > 0 && together > position->budget_bytes / 2 ? "ALARM: "
										    : "",
		lane, held_bytes[lane] >> 20, position->name,
		position->address[0] != '\0' ? " at " : "", position->address, position->lsn,
		position->name);
}

static int prune_one(const struct data_dir *dir, uint16_t lane, const struct tool_options *options,
		     const struct positions *positions, uint64_t *held_bytes)
{
	struct prune_result result;
	struct error error;
	const int rc =
		prune_lane(dir, lane, downstream_lsn(positions, lane, options), &result, &error);

	if (rc == 0 || result.end > result.first)
		print_result(lane, &result, options->json);
	*held_bytes = rc == 0 && positions->cnt > 0 ? result.held_bytes : 0;
	if (rc == 0)
		return CLI_EXIT_GOOD;
	cli_wrong("%s", error.text);
	return rc == -EBADMSG || rc == -ENODATA ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

/* Whether it is known who else needs the segments. */
static bool downstream_known(const struct tool_options *options, const struct positions *positions)
{
	if (options->no_downstream && positions->cnt > 0 && positions->lane[0].waiting)
		return cli_wrong("--no-downstream: but relay '%s' runs here, and has not reached "
				 "its downstream yet: end it first if its --to is wrong",
				 positions->lane[0].name);
	if (options->no_downstream && positions->cnt > 0)
		return cli_wrong("--no-downstream: but relay '%s' has a position here; if it will "
				 "not run again: doorbuster relay --data DIR --forget --name %s",
				 positions->lane[0].name, positions->lane[0].name);
	return positions->cnt > 0 || options->has_downstream || options->no_downstream ||
	       cli_wrong("prune: a removed segment is gone for good, and no relay has a position "
			 "here: say "
			 "--downstream-has LSN, the last one that the downstream journal has, or "
			 "--no-downstream if there is none");
}

int journal_prune(const struct tool_options *options)
{
	static struct positions positions; /* big */
	static uint64_t held_bytes[SHARDS_MAX];
	struct error error;
	struct data_dir dir;
	int worst = CLI_EXIT_GOOD;

	if (!journal_open_dir(&dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	if (positions_load(&positions, &dir, &error) != 0) {
		cli_wrong("%s", error.text);
		return CLI_EXIT_FAILED;
	}
	if (!downstream_known(options, &positions))
		return CLI_EXIT_FAILED;
	if (options->has_downstream && options->lane == EVERY_LANE && dir.shards > 1) {
		cli_wrong("--downstream-has: each of the %u lanes has LSNs of its own; name one "
			  "with --lane",
			  dir.shards);
		return CLI_EXIT_FAILED;
	}
	for (uint16_t lane = 0; lane < dir.shards; lane++) {
		if (options->lane != EVERY_LANE && options->lane != lane)
			continue;

		const int result = prune_one(&dir, lane, options, &positions, &held_bytes[lane]);

		worst = result > worst ? result : worst;
	}
	for (uint16_t lane = 0; lane < dir.shards; lane++) {
		if (held_bytes[lane] > 0)
			tell_held(lane, &positions, held_bytes);
	}
	return worst;
}
