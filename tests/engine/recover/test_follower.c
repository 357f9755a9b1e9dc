#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "engine/recover/follower.h"
#include "tests/support/checkpoints.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

static const uint64_t SMALL_BYTES = 32 * BLOCK_ALIGN_BYTES;

static struct real_lane lane;
static struct data_dir dir; /* as a tool has it: without the lock */
static struct follower follower;
static struct error error;
static uint64_t bytes;
static unsigned removed;

static void set_up(void)
{
	temp_dir_make();
	lane.requests = 0;
	cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
		  lane.error.text);
	cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0));
}

static void tear_down(void)
{
	follower_close(&follower);
	if (lane.shard != NULL)
		real_lane_close(&lane);
	temp_dir_remove();
}

static void follow(void)
{
	cr_assert(eq(int, follower_open(&follower, &dir, 0, &error), 0), "%s", error.text);
}

static void catch_up(void)
{
	cr_assert(eq(int, follower_catch_up(&follower, &error), 0), "%s", error.text);
}

static void save(void)
{
	cr_assert(eq(int, follower_save(&follower, 2, &bytes, &removed, &error), 0), "%s",
		  error.text);
}

static void assert_same(void)
{
	const struct shard_hash a = shard_hash(lane.shard);
	const struct shard_hash b = shard_hash(follower.shard);

	cr_assert(all(eq(u64, a.low, b.low), eq(u64, a.high, b.high)));
}

/* Its tables grow with every kind of record, and what is in them is kept. */
Test(follower, follows_holds_beside_the_writer, .init = set_up, .fini = tear_down)
{
	struct shard_totals totals;

	follow();
	for (unsigned i = 0; i < 12; i++) {
		real_lane_trade(&lane, i, 150 * i);
		real_lane_seal(&lane);
		catch_up();
		assert_same();
	}
	shard_totals(follower.shard, &totals);
	cr_assert(all(gt(u64, totals.open_holds, 0), gt(u64, totals.changes, 0)));
	save();
	follower_close(&follower);
	follow();
	cr_assert(gt(u64, follower.saved_lsn, 1), "it began with the checkpoint");
	assert_same();
	real_lane_trade(&lane, 99, 500);
	real_lane_seal(&lane);
	catch_up();
	assert_same();
}

/* Lines that wait for other shards, and what becomes of them: they take room only while they wait,
 * but for the counts of buyers whose lines came to nothing. */
Test(follower, follows_a_lane_of_several, .init = set_up, .fini = tear_down)
{
	struct shard_totals totals;

	real_lane_close(&lane);
	temp_dir_remove();
	temp_dir_make();
	lane.shards = 2;
	cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
		  lane.error.text);
	cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0));
	follow();
	for (unsigned i = 0; i < 12; i++) {
		real_lane_trade(&lane, i, 100 * i);
		real_lane_seal(&lane);
		catch_up();
		assert_same();
	}
	shard_totals(follower.shard, &totals);
	cr_assert(all(gt(u64, totals.prepared, 0), gt(u64, totals.links, 0)));
	save();
	follower_close(&follower);
	follow();
	cr_assert(gt(u64, follower.saved_lsn, 1), "it began with the checkpoint");
	assert_same();
	real_lane_trade(&lane, 99, 500);
	real_lane_seal(&lane);
	catch_up();
	assert_same();
	lane.shards = 1;
}

Test(follower, follows_beside_the_writer, .init = set_up, .fini = tear_down)
{
	follow();
	cr_assert(eq(u64, follower_unsaved(&follower), 0));
	for (unsigned i = 0; i < 20; i++) {
		real_lane_sell(&lane, 300 * i);
		real_lane_seal(&lane);
		catch_up();
		assert_same();
	}
	cr_assert(eq(u64, follower_unsaved(&follower), shard_next_lsn(lane.shard) - 1));
	save();
	cr_assert(eq(u64, follower_unsaved(&follower), 0));
	cr_assert(eq(u64, removed, 0));
}

/* What was written last may not be on disk yet: nothing behind it says so. */
Test(follower, takes_only_what_a_later_block_proves, .init = set_up, .fini = tear_down)
{
	real_lane_sell(&lane, 10);
	follow();

	const uint64_t proven_lsn = shard_next_lsn(follower.shard);

	cr_assert(lt(u64, proven_lsn, shard_next_lsn(lane.shard)));
	catch_up();
	cr_assert(eq(u64, shard_next_lsn(follower.shard), proven_lsn));
	real_lane_seal(&lane);
	catch_up();
	assert_same();
	/* The closing block itself is not proven either: it may go in a crash. */
	cr_assert(eq(u64, follower.position.watermark_lsn < shard_next_lsn(lane.shard) - 1, 1));
	real_lane_sell(&lane, 10);
	catch_up();
	cr_assert(lt(u64, shard_next_lsn(follower.shard), shard_next_lsn(lane.shard)));
	follower_close(&follower);
	follow();
	cr_assert(lt(u64, shard_next_lsn(follower.shard), shard_next_lsn(lane.shard)));
}

Test(follower, goes_on_from_its_checkpoint_over_restarts, .init = set_up, .fini = tear_down)
{
	for (unsigned life = 0; life < 6; life++) {
		real_lane_sell(&lane, 1000 + life);
		real_lane_seal(&lane);
		follow();
		cr_assert(eq(u64, follower.saved_lsn > 0, life > 0));
		assert_same();
		save();
		cr_assert(eq(u32, removed, life >= 2));
		follower_close(&follower);
		real_lane_close(&lane);
		cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
			  lane.error.text);
		cr_assert(eq(u64, recover_checkpoint_lsn(&lane.scan),
			     shard_next_lsn(lane.shard) - 1));
	}
	follow();
	assert_same();
	cr_assert(eq(u64, follower.block_cnt + 1, lane.scan.block_cnt), "but the closing block");
}

Test(follower, a_failed_write_leaves_nothing, .init = set_up, .fini = tear_down)
{
	struct lane_position position;
	char temporary[CHECKPOINT_PATH_BYTES + 8];
	char path[CHECKPOINT_PATH_BYTES];

	real_lane_sell(&lane, 10);
	real_lane_seal(&lane);
	follow();
	position = follower.position;
	checkpoint_path(&dir, 0, position.tail.next_lsn, path);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	/* Its temporary name is taken by what cannot be replaced by a file. */
	cr_assert(eq(int, mkdir(temporary, 0700), 0));
	cr_assert(eq(int, follower_save(&follower, 2, &bytes, &removed, &error), -EISDIR));
	cr_assert(ne(ptr, strstr(error.text, "cannot be written"), NULL), "%s", error.text);
	cr_assert(not(path_exists(path)));
	cr_assert(eq(int, rmdir(temporary), 0));
	save();
	cr_assert(path_exists(path));
}

Test(follower, damage_stops_it, .init = set_up, .fini = tear_down)
{
	char path[SEGMENT_PATH_BYTES];

	real_lane_sell(&lane, 500);
	real_lane_seal(&lane);
	follow();
	real_lane_sell(&lane, 500);
	real_lane_seal(&lane);
	segment_path(temp_path("data/lane-000"), follower.position.tail.place.segment, path);
	flip_bit(path, (follower.position.tail.place.offset + BLOCK_ALIGN_BYTES + 100) * 8);
	cr_assert(eq(int, follower_catch_up(&follower, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "should be here"), NULL), "%s", error.text);
}
