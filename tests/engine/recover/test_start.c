/* Recovery from checkpoints: the same state from each of them, and from none where all are bad. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "engine/recover/follower.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "tests/support/checkpoints.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

enum {
	LIVES = 4,
};

static const uint64_t SMALL_BYTES = 32 * BLOCK_ALIGN_BYTES;

static struct real_lane lane;
static struct data_dir dir;
static struct error error;
static uint64_t made[LIVES]; /* next LSNs of the checkpoints, the oldest first */
static struct shard_hash state;
static uint64_t records;

static void save(unsigned keep_cnt)
{
	struct follower follower;
	uint64_t bytes;
	unsigned removed;

	cr_assert(eq(int, follower_open(&follower, &dir, 0, &error), 0), "%s", error.text);
	cr_assert(eq(int, follower_save(&follower, keep_cnt, &bytes, &removed, &error), 0), "%s",
		  error.text);
	follower_close(&follower);
}

/* A lane of some segments with a checkpoint in each of its lives, and some orders behind the last.
 */
static void set_up(void)
{
	temp_dir_make();
	lane.requests = 0;
	for (unsigned i = 0; i < LIVES; i++) {
		cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
			  lane.error.text);
		cr_assert(eq(int, data_dir_read(&dir, temp_path("data"), &error), 0));
		real_lane_sell(&lane, 3000);
		real_lane_seal(&lane);
		made[i] = shard_next_lsn(lane.shard);
		save(LIVES);
		real_lane_sell(&lane, 500);
		real_lane_seal(&lane);
		state = shard_hash(lane.shard);
		records = shard_next_lsn(lane.shard) - 1;
		real_lane_close(&lane);
	}
}

static void tear_down(void)
{
	temp_dir_remove();
}

static const char *checkpoint_of(unsigned i)
{
	static char path[CHECKPOINT_PATH_BYTES];

	checkpoint_path(&dir, 0, made[i], path);
	return path;
}

/* Recovers and compares. The LSN it came from, with the note in `error`. */
static uint64_t recovered_from(enum recover_from from)
{
	struct recover_scan scan;
	struct shard_size size;
	struct shard *shard = NULL;
	struct shard_hash hash;
	uint64_t lsn;

	cr_assert(eq(int, recover_scan_from(&dir, 0, from, &scan, &error), 0), "%s", error.text);
	recover_sizes(&scan, &size);
	cr_assert(eq(u64, size.order_cnt, records - 1));
	cr_assert(eq(u64, scan.units_ordered, records - 1));
	cr_assert(eq(u64, scan.tail.next_lsn, records + 1));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	cr_assert(eq(int, recover_lane(&dir, 0, &scan, shard, &error), 0), "%s", error.text);
	hash = shard_hash(shard);
	cr_assert(all(eq(u64, hash.low, state.low), eq(u64, hash.high, state.high)));
	error = scan.note;
	lsn = recover_checkpoint_lsn(&scan);
	shard_close(shard);
	recover_scan_free(&scan);
	return lsn;
}

static void remove_segments_before(uint64_t end)
{
	char path[SEGMENT_PATH_BYTES];

	for (uint64_t i = 0; i < end; i++) {
		segment_path(temp_path("data/lane-000"), i, path);
		cr_assert(eq(int, unlink(path), 0));
	}
}

Test(recover_start, the_same_state_from_each_checkpoint_and_from_none, .init = set_up,
     .fini = tear_down)
{
	for (unsigned i = LIVES; i > 0; i--) {
		cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), made[i - 1] - 1));
		cr_assert(eq(str, error.text, ""));
		cr_assert(eq(int, unlink(checkpoint_of(i - 1)), 0));
	}
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), 0));
}

/* In the header: passed over at the scan; in the orders: when they are loaded. */
Test(recover_start, a_bad_one_falls_back_and_says_so, .init = set_up, .fini = tear_down)
{
	static const uint64_t offsets[] = {20, 130, 192 + 70, 192 + 128 + 30, 100000};

	for (unsigned i = LIVES; i > 0; i--) {
		for (unsigned k = 0; k < sizeof(offsets) / sizeof(offsets[0]); k++) {
			flip_bit(checkpoint_of(i - 1), offsets[k] * 8 + k);
			cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST),
				     i > 1 ? made[i - 2] - 1 : 0));
			cr_assert(ne(ptr, strstr(error.text, "lane 0: passed over a checkpoint"),
				     NULL),
				  "%s", error.text);
			cr_assert(eq(ptr, strchr(error.text, '\n'), NULL), "one line");
			if (k + 1 < sizeof(offsets) / sizeof(offsets[0]))
				flip_bit(checkpoint_of(i - 1), offsets[k] * 8 + k);
		}
	}
}

Test(recover_start, a_checkpoint_of_no_bytes_or_under_another_name_falls_back, .init = set_up,
     .fini = tear_down)
{
	char newest[CHECKPOINT_PATH_BYTES];

	snprintf(newest, sizeof(newest), "%s", checkpoint_of(3));
	write_text(newest, "");
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), made[2] - 1));
	copy_file(checkpoint_of(2), newest);
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), made[2] - 1));
	write_text(temp_path("data/lane-000/ckpt-000000000000099.new"), "left by a kill");
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), made[2] - 1));
}

Test(recover_start, a_pruned_lane_needs_a_good_one, .init = set_up, .fini = tear_down)
{
	struct recover_scan scan;
	uint64_t segment = 0;

	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), 0));
	cr_assert(gt(u64, segment, 1));
	remove_segments_before(segment);
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), made[3] - 1));
	/* As much of the lane as there is: those before go on in segments that are gone. */
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_OLDEST), made[2] - 1));
	flip_bit(checkpoint_of(3), 80000);
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_NEWEST), made[2] - 1));
	flip_bit(checkpoint_of(2), 300);
	cr_assert(eq(int, recover_scan(&dir, 0, &scan, &error), 0),
		  "its orders are looked at later");
	recover_scan_free(&scan);
	flip_bit(checkpoint_of(3), 300);
	cr_assert(eq(int, recover_scan(&dir, 0, &scan, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "data/lane-000: segment 0 is missing"), NULL), "%s",
		  error.text);
	cr_assert(ne(ptr, strstr(error.text, "its header is damaged"), NULL), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "put it back from a copy"), NULL), "%s", error.text);
}

/* Who begins with the oldest, as verify does, finds the way that a start finds. */
Test(recover_start, the_oldest_may_be_bad, .init = set_up, .fini = tear_down)
{
	uint64_t segment = 0;

	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), 0));
	remove_segments_before(segment);
	flip_bit(checkpoint_of(2), 8000);
	cr_assert(eq(u64, recovered_from(RECOVER_FROM_OLDEST), made[3] - 1));
}

Test(recover_start, orders_that_turn_out_bad_leave_no_way, .init = set_up, .fini = tear_down)
{
	const struct shard_size room = {.offer_cnt = 1, .order_cnt = 20000, .buyer_cnt = 20000};
	struct recover_scan scan;
	struct shard *shard = NULL;

	remove_segments_before(1);
	for (unsigned i = 0; i < LIVES; i++)
		flip_bit(checkpoint_of(i), 8000);
	cr_assert(eq(int, recover_scan(&dir, 0, &scan, &error), 0));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &room), 0));
	cr_assert(eq(int, recover_lane(&dir, 0, &scan, shard, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "segment 0 is missing"), NULL), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "wrong checksum"), NULL), "%s", error.text);
	recover_scan_free(&scan);
	shard_close(shard);
}

Test(recover_start, a_lane_that_lost_its_tail_is_damaged, .init = set_up, .fini = tear_down)
{
	static uint8_t zeros[32 * BLOCK_ALIGN_BYTES];
	struct checkpoint *checkpoint = NULL;
	struct lane_position position;
	struct recover_scan scan;
	char path[SEGMENT_PATH_BYTES];
	uint64_t segment;

	cr_assert(eq(int, checkpoint_open(&checkpoint, &dir, 0, made[3], &error), 0));
	checkpoint_position(checkpoint_header(checkpoint), &position);
	checkpoint_close(checkpoint);
	segment = position.tail.place.segment;
	segment_path(temp_path("data/lane-000"), segment, path);
	/* Zeros from the checkpoint's last block on, and nothing behind. */
	poke_file(path, position.block_offset, zeros, SMALL_BYTES - position.block_offset);
	for (uint64_t i = segment + 1;; i++) {
		segment_path(temp_path("data/lane-000"), i, path);
		if (unlink(path) != 0)
			break;
	}
	cr_assert(eq(int, recover_scan(&dir, 0, &scan, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "as a checkpoint says"), NULL), "%s", error.text);
	cr_assert(ne(ptr, strstr(error.text, "lane-000/seg-"), NULL), "%s", error.text);
	segment_path(temp_path("data/lane-000"), segment, path);
	cr_assert(eq(int, unlink(path), 0));
	cr_assert(eq(int, recover_scan(&dir, 0, &scan, &error), -EBADMSG));
	cr_assert(
		ne(ptr, strstr(error.text, "is missing; a checkpoint says that it had LSN"), NULL),
		"%s", error.text);
}

Test(recover_start, a_pruned_lane_goes_on, .init = set_up, .fini = tear_down)
{
	uint64_t segment = 0;

	cr_assert(eq(int, checkpoint_keep_from(&dir, 0, &segment, &error), 0));
	remove_segments_before(segment);
	for (unsigned life = 0; life < 3; life++) {
		cr_assert(eq(int, real_lane_open(&lane, temp_path("data"), SMALL_BYTES), 0), "%s",
			  lane.error.text);
		cr_assert(eq(u64, shard_next_lsn(lane.shard), records + 1));
		cr_assert(eq(u64, lane.scan.tail.last_at_ns >= shard_last_at_ns(lane.shard), 1));
		real_lane_sell(&lane, 2000);
		state = shard_hash(lane.shard);
		records = shard_next_lsn(lane.shard) - 1;
		real_lane_close(&lane);
		(void)recovered_from(RECOVER_FROM_NEWEST);
		(void)recovered_from(RECOVER_FROM_OLDEST);
	}
}
