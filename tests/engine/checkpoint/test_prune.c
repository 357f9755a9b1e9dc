/* What a prune removes and what it leaves; crashes in it are the simulator's. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "engine/checkpoint/prune.h"
#include "engine/journal/lane_tailer.h"
#include "engine/recover/follower.h"
#include "tests/support/checkpoints.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

static const uint64_t SMALL_BYTES = 32 * BLOCK_ALIGN_BYTES;

static struct real_lane lane;
static struct data_dir dir;
static struct prune_result result;
static struct error error;
static uint64_t newest_lsn;

static void sell_and_save(void)
{
	struct follower follower;
	uint64_t bytes;
	unsigned removed;

	cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
		  lane.error.text);
	real_lane_sell(&lane, 3000);
	real_lane_seal(&lane);
	real_lane_close(&lane);
	cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0));
	cr_assert(eq(int, follower_open(&follower, &dir, 0, &error), 0), "%s", error.text);
	newest_lsn = shard_next_lsn(follower.shard);
	cr_assert(eq(int, follower_save(&follower, 2, &bytes, &removed, &error), 0));
	follower_close(&follower);
}

static void set_up(void)
{
	temp_dir_make();
	lane.requests = 0;
	sell_and_save();
}

static int prune(uint64_t downstream_lsn)
{
	return prune_lane(&dir, 0, downstream_lsn, &result, &error);
}

Test(prune, needs_two_good_checkpoints, .init = set_up, .fini = temp_dir_remove)
{
	char path[CHECKPOINT_PATH_BYTES];

	cr_assert(eq(int, prune(LSN_MAX), -ENODATA));
	cr_assert(ne(ptr, strstr(error.text, "1 good checkpoint, two are needed"), NULL), "%s",
		  error.text);
	sell_and_save();
	checkpoint_path(&dir, 0, newest_lsn, path);
	flip_bit(path, 8000);
	cr_assert(eq(int, prune(LSN_MAX), -ENODATA));
	cr_assert(all(eq(u64, result.first, 0), eq(u64, result.end, 0)));
	flip_bit(path, 8000);
	cr_assert(eq(int, prune(LSN_MAX), 0), "%s", error.text);
}

Test(prune, goes_up_to_the_older_checkpoint, .init = set_up, .fini = temp_dir_remove)
{
	uint64_t keep_from = 0;

	sell_and_save();
	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &keep_from, &error), 0));
	cr_assert(gt(u64, keep_from, 0));
	cr_assert(eq(int, prune(LSN_MAX), 0), "%s", error.text);
	cr_assert(all(eq(u64, result.first, 0), eq(u64, result.end, keep_from)));
	cr_assert(eq(u64, result.bytes, keep_from * SMALL_BYTES));
	cr_assert(not(result.held));
	cr_assert(eq(int, prune(LSN_MAX), 0), "%s", error.text);
	cr_assert(all(eq(u64, result.first, keep_from), eq(u64, result.end, keep_from)));
	sell_and_save();
}

/* A segment goes when downstream has the first record behind it, no record earlier. */
Test(prune, waits_for_downstream, .init = set_up, .fini = temp_dir_remove)
{
	struct lane_files *files = NULL;
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;

	sell_and_save();
	cr_assert(eq(int, data_dir_open_lane(&dir, 0, &files, &error), 0));
	cr_assert(eq(int, lane_reader_open_rest(&reader, files, dir.journal_id, 0, 1, &error), 0));
	cr_assert(eq(int, (int)lane_reader_next(reader, &block, &records, &error), LANE_BLOCK));

	const uint64_t next_lsn = block->first_lsn;

	lane_reader_close(reader);
	cr_assert(eq(int, prune(next_lsn - 1), 0), "%s", error.text);
	cr_assert(all(eq(u64, result.end, 0), eq(int, result.held, 1)));
	cr_assert(eq(int, prune(next_lsn), 0), "%s", error.text);
	cr_assert(eq(u64, result.end, 1));
}

/* Segment 0 filled until a record no longer goes in behind a closing block. */
static void end_with_a_closing_block(void)
{
	const unsigned pairs = (SMALL_BYTES / BLOCK_ALIGN_BYTES - 1) / 2;

	temp_dir_make();
	lane.requests = 0;
	cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
		  lane.error.text);
	for (unsigned i = 0; i < pairs; i++) {
		real_lane_sell(&lane, 1);
		real_lane_seal(&lane);
	}
	real_lane_close(&lane);
	sell_and_save();
	sell_and_save();
}

/* Who has the last record before a closing block, as of a lane that was idle then, goes on. */
Test(prune, keeps_a_closing_block, .init = end_with_a_closing_block, .fini = temp_dir_remove)
{
	struct lane_tailer *tailer = NULL;
	struct lane_mark last = {0};
	struct lane_block block;
	bool closing = false;

	const struct lane_tailer_options options = lane_tailer_of(&dir, 0);

	cr_assert(eq(int, lane_tailer_open(&tailer, &options, &last, &error), 0));
	while (lane_tailer_peek(tailer, &block, &error) == 1 && block.place.segment == 0) {
		closing = block.header->record_cnt == 0;
		lane_tailer_take(tailer);
		if (!closing)
			last = *lane_tailer_mark(tailer);
	}
	lane_tailer_close(tailer);
	cr_assert(closing, "segment 0 ends otherwise");
	cr_assert(eq(int, prune(last.next_lsn - 1), 0), "%s", error.text);
	cr_assert(eq(int, lane_tailer_open(&tailer, &options, &last, &error), 0), "%s", error.text);
	lane_tailer_close(tailer);
	cr_assert(all(eq(u64, result.end, 0), eq(int, result.held, 1)));
	cr_assert(eq(int, prune(last.next_lsn), 0), "%s", error.text);
	cr_assert(eq(u64, result.end, 1));
}
