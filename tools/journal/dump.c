/*
 * dump: every record as a line, in lane and LSN order.
 */
#include <errno.h>
#include <stdio.h>

#include "engine/lane_reader.h"
#include "tools/common/cli.h"
#include "tools/journal/journal_tool.h"
#include "tools/journal/print.h"

static int dump_lane(const struct data_dir *dir, uint16_t lane, bool json, struct print *out)
{
	struct lane_reader *reader = NULL;
	char error[TOOL_ERROR_BYTES];
	const struct block_header *block;
	const struct record *records;
	enum lane_read read;
	struct lane_files *files = NULL;
	int rc = data_dir_open_lane(dir, lane, &files, error, sizeof(error));

	/* Of a pruned lane what is there. */
	if (rc == 0)
		rc = lane_reader_open_rest(&reader, files, dir->journal_id, lane,
					   LANE_FIRST_SEGMENT, error, sizeof(error));
	if (rc != 0) {
		cli_wrong("%s", error);
		return rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
	}
	while (!out->failed && (read = lane_reader_next(reader, &block, &records, error,
							sizeof(error))) == LANE_BLOCK) {
		for (uint32_t i = 0; i < block->record_cnt; i++) {
			(json ? print_record_json
			      : print_record_text)(out, lane, block->first_lsn + i, &records[i]);
		}
	}
	lane_reader_close(reader);
	print_flush(out);
	/* The end of the program tells it. */
	if (out->failed)
		return CLI_EXIT_FAILED;
	if (read == LANE_END || read == LANE_TORN)
		return CLI_EXIT_GOOD;
	cli_wrong("%s", error);
	return read == LANE_CORRUPT ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

int journal_dump(const struct dump_options *options)
{
	static struct print out;
	struct data_dir dir;
	int worst = CLI_EXIT_GOOD;

	if (!journal_open_dir(&dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	out.file = stdout;
	if (!options->json)
		print_columns(&out);
	for (uint16_t lane = 0; lane < dir.shards && !out.failed; lane++) {
		if (options->lane != EVERY_LANE && options->lane != lane)
			continue;

		const int result = dump_lane(&dir, lane, options->json, &out);

		worst = result > worst ? result : worst;
	}
	return worst;
}
