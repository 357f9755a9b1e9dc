/*
 * prune: has the segments removed that nobody needs any more (engine/prune.h); only when told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "engine/prune.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

/*
 * Up to which LSN downstream has this lane: segments with later ones stay. Today the operator says
 * it; a relay will keep its position in the data directory, and this is where it is asked.
 */
static uint64_t downstream_lsn(const struct data_dir *dir, uint16_t lane,
			       const struct tool_options *options)
{
	(void)dir;
	(void)lane;
	return options->no_downstream ? LSN_MAX : options->downstream_lsn;
}

static void print_result(uint16_t lane, const struct prune_result *result, bool json)
{
	if (json)
		printf("{\"lane\":%u,\"removed\":%" PRIu64 ",\"first_segment\":%" PRIu64
		       ",\"bytes\":%" PRIu64 "}\n",
		       lane, result->end - result->first, result->end, result->bytes);
	else
		printf("lane %u: %" PRIu64 " segments removed, %" PRIu64
		       " MiB; the first is segment %" PRIu64 " now\n",
		       lane, result->end - result->first, result->bytes >> 20, result->end);
}

static int prune_one(const struct data_dir *dir, uint16_t lane, const struct tool_options *options)
{
	struct prune_result result;
	char error[TOOL_ERROR_BYTES];
	const int rc = prune_lane(dir, lane, downstream_lsn(dir, lane, options), &result, error,
				  sizeof(error));

	if (rc == 0 || result.end > result.first)
		print_result(lane, &result, options->json);
	if (rc == 0)
		return CLI_EXIT_GOOD;
	cli_wrong("%s", error);
	return rc == -EBADMSG || rc == -ENODATA ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

int journal_prune(const struct tool_options *options)
{
	struct data_dir dir;
	int worst = CLI_EXIT_GOOD;

	if (!journal_open_dir(&dir, options->path, options->lane))
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

		const int result = prune_one(&dir, lane, options);

		worst = result > worst ? result : worst;
	}
	return worst;
}
