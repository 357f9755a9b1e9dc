/*
 * prune: removes the segments of a lane that neither its recovery nor anybody downstream needs any
 * more. The only thing that ever removes a segment with orders in it; only when told.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/checkpoint_list.h"
#include "engine/lane_files.h"
#include "engine/lane_reader.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"

struct prune_result {
	uint64_t first; /* segment that was there */
	uint64_t end;   /* first that stays */
	uint64_t bytes; /* freed */
};

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

/* The first LSN of a segment. 0 or -errno with a line. */
static int first_lsn_of(const struct data_dir *dir, uint16_t lane, uint64_t segment, uint64_t *lsn,
			char *error)
{
	struct lane_reader *reader = NULL;
	struct lane_files *files = NULL;
	const struct block_header *block;
	const struct record *records;
	char path[sizeof(files->path)];
	int rc;

	data_dir_lane_path(dir, lane, path, sizeof(path));
	rc = data_dir_open_lane(dir, lane, &files, error, TOOL_ERROR_BYTES);
	if (rc == 0)
		rc = lane_reader_open_rest(&reader, files, dir->journal_id, lane, segment, error,
					   TOOL_ERROR_BYTES);
	if (rc != 0)
		return rc;
	switch (lane_reader_next(reader, &block, &records, error, TOOL_ERROR_BYTES)) {
	case LANE_BLOCK:
		*lsn = block->first_lsn;
		break;
	case LANE_ERROR:
		rc = -EIO;
		break;
	default:
		snprintf(error, TOOL_ERROR_BYTES,
			 "%s: segment %" PRIu64
			 " begins with no good block, though a checkpoint goes on in it or behind "
			 "it; run `doorbuster journal verify`",
			 path, segment);
		rc = -EBADMSG;
	}
	lane_reader_close(reader);
	return rc;
}

/* Removes the segments from result->first on that may go. */
static int remove_segments(const struct data_dir *dir, uint16_t lane, struct lane_files *files,
			   uint64_t keep_from, uint64_t downstream, struct prune_result *result,
			   char *error)
{
	int rc = 0;

	while (result->end < keep_from) {
		const int64_t bytes = files->ops->size(files, result->end);
		uint64_t next_lsn = 0;

		rc = first_lsn_of(dir, lane, result->end + 1, &next_lsn, error);
		if (rc != 0 || next_lsn - 1 > downstream)
			return rc;
		rc = files->ops->remove(files, result->end);
		if (rc != 0) {
			snprintf(error, TOOL_ERROR_BYTES,
				 "%s: segment %" PRIu64 " cannot be removed: %s", files->path,
				 result->end, strerror(-rc));
			return rc;
		}
		result->bytes += bytes > 0 ? (uint64_t)bytes : 0;
		result->end++;
	}
	return rc;
}

static int prune_locked(const struct data_dir *dir, uint16_t lane,
			const struct tool_options *options, struct prune_result *result,
			char *error)
{
	struct lane_files *files = NULL;
	uint64_t *numbers = NULL;
	uint64_t keep_from;
	int rc = checkpoint_keep_from(dir, lane, &keep_from, error, TOOL_ERROR_BYTES);

	if (rc != 0)
		return rc;
	rc = data_dir_open_lane(dir, lane, &files, error, TOOL_ERROR_BYTES);
	if (rc != 0)
		return rc;
	if (files->ops->list(files, &numbers) > 0) {
		result->first = result->end = numbers[0];
		rc = remove_segments(dir, lane, files, keep_from,
				     downstream_lsn(dir, lane, options), result, error);
	}
	free(numbers);
	files->ops->close(files);
	return rc;
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

static int prune_lane(const struct data_dir *dir, uint16_t lane, const struct tool_options *options)
{
	struct prune_result result = {0};
	char error[TOOL_ERROR_BYTES] = "no memory";
	const int lock = checkpoint_lock(dir, lane);
	int rc = lock;

	if (lock < 0)
		snprintf(error, sizeof(error), "lane %u: its directory cannot be locked: %s", lane,
			 strerror(-lock));
	else
		rc = prune_locked(dir, lane, options, &result, error);
	if (lock >= 0)
		close(lock);
	if (rc == 0 || result.end > result.first)
		print_result(lane, &result, options->json);
	if (rc != 0)
		cli_wrong("%s", error);
	if (rc == 0)
		return CLI_EXIT_GOOD;
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

		const int result = prune_lane(&dir, lane, options);

		worst = result > worst ? result : worst;
	}
	return worst;
}
