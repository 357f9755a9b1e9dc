/*
 * dump: every record as a line, in lane and LSN order, each once. Records that a pruned lane has
 * only in a checkpoint come from there, so it prints the same before and after a prune.
 */
#include <errno.h>
#include <stdio.h>

#include "engine/base/error.h"
#include "engine/checkpoint/records.h"
#include "engine/journal/lane_reader.h"
#include "engine/recover/scan.h"
#include "engine/recover/start.h"
#include "tools/common/cli.h"
#include "tools/common/record_print.h"
#include "tools/journal/journal_tool.h"

struct dump {
	const struct tool_options *options;
	struct data_dir dir;
	struct print *out;
	uint64_t next_lsn; /* of the lane: all before it are printed */
	struct error error;
};

static void print_record(struct dump *dump, uint16_t lane, uint64_t lsn,
			 const struct record *record)
{
	if (lsn < dump->next_lsn)
		return;
	(dump->options->json ? print_record_json : print_record_text)(dump->out, lane, lsn, record);
	dump->next_lsn = lsn + 1;
}

/* Prints what was before a pruned lane's first block. 0 or -errno with a line. */
static int dump_checkpoint(struct dump *dump, uint16_t lane, uint64_t next_lsn)
{
	struct checkpoint_records *records = NULL;
	struct record record;
	uint64_t lsn;
	int rc = checkpoint_records_open(&records, &dump->dir, lane, next_lsn, &dump->error);

	while (rc == 0 && !dump->out->failed &&
	       (rc = checkpoint_records_next(records, &lsn, &record, &dump->error)) == 1) {
		print_record(dump, lane, lsn, &record);
		rc = 0;
	}
	checkpoint_records_close(records);
	return rc;
}

/* Prints the blocks from a position on; NULL: from the first segment that exists. */
static int dump_blocks(struct dump *dump, uint16_t lane, const struct lane_position *from)
{
	struct lane_reader *reader = NULL;
	struct lane_files *files = NULL;
	const struct block_header *block;
	const struct record *records;
	enum lane_read read = LANE_BLOCK;
	int rc = data_dir_open_lane(&dump->dir, lane, &files, &dump->error);

	if (rc == 0 && from != NULL)
		rc = lane_reader_open_at(&reader, files, dump->dir.journal_id, lane, from,
					 &dump->error);
	else if (rc == 0)
		rc = lane_reader_open_rest(&reader, files, dump->dir.journal_id, lane,
					   LANE_FIRST_SEGMENT, &dump->error);
	if (rc != 0)
		return rc;
	while (!dump->out->failed &&
	       (read = lane_reader_next(reader, &block, &records, &dump->error)) == LANE_BLOCK) {
		for (uint32_t i = 0; i < block->record_cnt; i++)
			print_record(dump, lane, block->first_lsn + i, &records[i]);
	}
	lane_reader_close(reader);
	if (read == LANE_CORRUPT)
		return -EBADMSG;
	return read == LANE_ERROR ? -EIO : 0;
}

/* Prints the rest. *headless: the beginning is lost. 0 or -errno with a line. */
static int dump_rest(struct dump *dump, uint16_t lane, bool *headless)
{
	struct recover_scan scan = {0};
	int rc = recover_start(&dump->dir, lane, RECOVER_FROM_OLDEST, UINT64_MAX, &scan,
			       &dump->error);

	*headless = rc == -EBADMSG;
	if (*headless)
		cli_wrong("%s; what is left of it follows", dump->error.text);
	if (rc == 0 && recover_checkpoint_lsn(&scan) > 0)
		rc = dump_checkpoint(dump, lane, scan.from.tail.next_lsn);
	if (rc == 0 || *headless)
		rc = dump_blocks(dump, lane, *headless ? NULL : &scan.from);
	recover_scan_free(&scan);
	return rc;
}

static int dump_lane(struct dump *dump, uint16_t lane)
{
	struct recover_glance seen;
	bool headless;
	int changed;
	int rc;

	dump->next_lsn = 1;
	/* If a prune removed what was being read, a checkpoint has it now. */
	do {
		(void)recover_look(&dump->dir, lane, &seen);
		rc = dump_rest(dump, lane, &headless);
		changed = rc != 0 && !dump->out->failed
				  ? recover_changed(&dump->dir, lane, &seen, &dump->error)
				  : 0;
	} while (changed > 0);
	if (changed < 0)
		rc = changed;
	print_flush(dump->out);
	/* Reported at the end of the program. */
	if (dump->out->failed)
		return CLI_EXIT_FAILED;
	if (rc != 0)
		cli_wrong("%s", dump->error.text);
	if (rc == 0 && !headless)
		return CLI_EXIT_GOOD;
	return rc == 0 || rc == -EBADMSG ? CLI_EXIT_BAD : CLI_EXIT_FAILED;
}

int journal_dump(const struct tool_options *options)
{
	static struct print out;
	struct dump dump = {.options = options, .out = &out};
	int worst = CLI_EXIT_GOOD;

	if (options->catalog)
		return journal_catalog(options);
	if (!journal_open_dir(&dump.dir, options->path, options->lane))
		return CLI_EXIT_FAILED;
	out.file = stdout;
	if (!options->json)
		print_columns(&out);
	for (uint16_t lane = 0; lane < dump.dir.shards && !out.failed; lane++) {
		if (options->lane != EVERY_LANE && options->lane != lane)
			continue;

		const int result = dump_lane(&dump, lane);

		worst = result > worst ? result : worst;
	}
	return worst;
}
