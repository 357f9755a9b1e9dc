/* Damaged lanes with checkpoints: what is kept, and that the lane is good and goes on afterwards.
 */
#include <errno.h>
#include <fcntl.h>
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
#include "engine/repair/plan.h"
#include "tests/support/checkpoints.h"
#include "tests/support/killed_files.h"
#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

enum {
	LIVES = 3,
	SOLD_A_LIFE = 3000,
	SOLD_AFTER = 700,
	SEGMENTS_MAX = 40,
};

static const uint64_t SMALL_BYTES = 16 * BLOCK_ALIGN_BYTES;

static uint64_t segment_bytes;

static struct real_lane lane;
static struct data_dir data;
static struct plan *plan;
static char dir[512];
static struct error error;
static uint64_t made[LIVES]; /* next LSNs of the checkpoints, the oldest first */
static uint64_t records;
static uint64_t first_segment; /* that is there */

/* The lane's files as they were, to put back. */
static struct {
	uint8_t *bytes;
	uint64_t cnt;
} segments[SEGMENTS_MAX], checkpoints[LIVES];

static const char *segment(uint64_t number)
{
	char name[64];

	snprintf(name, sizeof(name), "data/lane-000/seg-%012lu", number);
	return temp_path(name);
}

static const char *checkpoint(unsigned i)
{
	static char path[CHECKPOINT_PATH_BYTES];

	checkpoint_path(&data, 0, made[i], path);
	return path;
}

static void save_checkpoint(struct follower *follower)
{
	uint64_t bytes;
	unsigned removed;

	cr_assert(eq(int, follower_save(follower, LIVES, &bytes, &removed, &error), 0), "%s",
		  error.text);
	follower_close(follower);
}

static void open_follower(struct follower *follower)
{
	cr_assert(eq(int, follower_open(follower, &data, 0, &error), 0), "%s", error.text);
}

/* Saves a checkpoint where the next block goes into the same segment, however the speed of the disk
 * divides the records into blocks. Else a lane that lost that segment would go on in the next one,
 * and lose nothing. */
static void save_within_segment(void)
{
	struct follower follower;

	open_follower(&follower);
	while (follower.position.tail.place.offset + (uint64_t)2 * BLOCK_ALIGN_BYTES >
	       segment_bytes) {
		follower_close(&follower);
		real_lane_sell(&lane, 1);
		real_lane_seal(&lane);
		open_follower(&follower);
	}
	save_checkpoint(&follower);
}

static void read_file(const char *path, uint8_t **bytes, uint64_t *cnt)
{
	*cnt = file_bytes(path);
	*bytes = malloc(*cnt);

	const int fd = open(path, O_RDONLY);

	cr_assert(eq(i64, read(fd, *bytes, *cnt), (int64_t)*cnt));
	close(fd);
}

static void write_file(const char *path, const uint8_t *bytes, uint64_t cnt)
{
	(void)unlink(path);
	if (bytes == NULL)
		return;

	const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);

	cr_assert(eq(i64, write(fd, bytes, cnt), (int64_t)cnt));
	close(fd);
}

static void remember(void)
{
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		if (path_exists(segment(i)))
			read_file(segment(i), &segments[i].bytes, &segments[i].cnt);
	}
	for (unsigned i = 0; i < LIVES; i++)
		read_file(checkpoint(i), &checkpoints[i].bytes, &checkpoints[i].cnt);
}

/* Puts the lane's files back, without the segments before first_segment. */
static void put_back(void)
{
	for (unsigned i = 0; i < SEGMENTS_MAX; i++)
		write_file(segment(i), i < first_segment ? NULL : segments[i].bytes,
			   segments[i].cnt);
	for (unsigned i = 0; i < LIVES; i++)
		write_file(checkpoint(i), checkpoints[i].bytes, checkpoints[i].cnt);
}

/* Lives with a checkpoint each, and some orders after the last. */
static void set_up_lane(uint64_t bytes)
{
	segment_bytes = bytes;
	temp_dir_make();
	snprintf(dir, sizeof(dir), "%s", temp_path("data"));
	lane.requests = 0;
	for (unsigned i = 0; i < LIVES; i++) {
		cr_assert(eq(int, real_lane_open(&lane, dir, segment_bytes), 0), "%s",
			  lane.error.text);
		cr_assert(eq(int, data_dir_read(&data, dir, &error), 0));
		real_lane_sell(&lane, SOLD_A_LIFE);
		real_lane_seal(&lane);
		save_within_segment();
		made[i] = shard_next_lsn(lane.shard);
		real_lane_sell(&lane, SOLD_AFTER);
		real_lane_seal(&lane);
		records = shard_next_lsn(lane.shard) - 1;
		real_lane_close(&lane);
	}
	first_segment = 0;
	remember();
	cr_assert(eq(int, data_dir_lock(&data, &error), 0), "%s", error.text);
}

static void set_up(void)
{
	set_up_lane(SMALL_BYTES);
}

static void set_up_in_one_segment(void)
{
	set_up_lane(256 * SMALL_BYTES);
}

static void tear_down(void)
{
	plan_close(plan);
	plan = NULL;
	data_dir_withdraw(&data);
	for (unsigned i = 0; i < SEGMENTS_MAX; i++) {
		free(segments[i].bytes);
		segments[i].bytes = NULL;
	}
	for (unsigned i = 0; i < LIVES; i++)
		free(checkpoints[i].bytes);
	temp_dir_remove();
}

static void prune(void)
{
	cr_assert(eq(int, checkpoint_keep_from(&data, 0, &first_segment, &error), 0));
	cr_assert(gt(u64, first_segment, 1));
	put_back();
}

static int rescue(uint64_t cut_lsn)
{
	plan_close(plan);
	plan = NULL;
	return repair_plan(&plan, &data, 0, cut_lsn, &error);
}

static void look(void)
{
	cr_assert(eq(int, rescue(0), 0), "%s", error.text);
}

static void cut(void)
{
	apply_and_check(&data, plan);
	look();
	cr_assert(eq(u64, plan->fault_cnt, 0), "left: %s",
		  plan->fault_cnt > 0 ? plan->faults[0].text : "");
}

/* The orders that a start finds. As many must be there when all of the lane is read. */
static void check_state(uint64_t next_lsn)
{
	for (unsigned i = 0; i < 2; i++) {
		const enum recover_from from = i == 0 ? RECOVER_FROM_NEWEST : RECOVER_FROM_OLDEST;
		struct shard_totals totals;
		struct shard_size size;
		struct shard *shard = NULL;
		struct recover_scan scan;

		cr_assert(eq(int, recover_scan_from(&data, 0, from, &scan, &error), 0), "%s",
			  error.text);
		recover_sizes(&scan, &size);
		cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
		cr_assert(eq(int, recover_lane(&data, 0, &scan, shard, &error), 0), "%s",
			  error.text);
		shard_totals(shard, &totals);
		cr_assert(eq(u64, totals.orders, next_lsn - 2));
		cr_assert(eq(u64, shard_next_lsn(shard), next_lsn));
		cr_assert(eq(str, scan.note.text, ""));
		shard_close(shard);
		recover_scan_free(&scan);
	}
}

static void check_sells_on(uint64_t next_lsn)
{
	struct follower follower;

	data_dir_close(&data);
	for (unsigned life = 0; life < 2; life++) {
		lane.requests = 1000000 * (life + 1);
		cr_assert(eq(int, real_lane_open(&lane, dir, segment_bytes), 0), "%s",
			  lane.error.text);
		cr_assert(eq(u64, lane.scan.tail.next_lsn, next_lsn));
		real_lane_sell(&lane, 1500);
		next_lsn = shard_next_lsn(lane.shard);
		real_lane_close(&lane);
	}
	cr_assert(eq(int, data_dir_read(&data, dir, &error), 0));
	check_state(next_lsn);
	open_follower(&follower);
	save_checkpoint(&follower);
	check_state(next_lsn);
	cr_assert(eq(int, data_dir_lock(&data, &error), 0), "%s", error.text);
}

/* The first LSN of a segment's first block, before anything was done to it. */
static uint64_t first_lsn(unsigned number)
{
	return ((const struct block_header *)(segments[number].bytes + BLOCK_ALIGN_BYTES))
		->first_lsn;
}

/* The first block of a segment; NULL: it has none. */
static const struct block_header *first_block(unsigned number)
{
	const struct block_header *block;

	if (segments[number].bytes == NULL)
		return NULL;
	block = (const struct block_header *)(segments[number].bytes + BLOCK_ALIGN_BYTES);
	return block->magic == BLOCK_MAGIC ? block : NULL;
}

static void flip(uint64_t number, uint64_t offset)
{
	flip_bit(segment(number), offset * 8);
}

/* The first block of each segment in turn is bad. Before the newest checkpoint that loses nothing,
 * after it all from that block on. */
static void each_segment_damaged(void)
{
	unsigned before = 0;
	unsigned after = 0;

	for (unsigned i = (unsigned)first_segment; i < SEGMENTS_MAX && first_block(i); i++) {
		/* Depending on the speed of the disk a segment may begin with a closing block. */
		if (first_block(i)->record_cnt == 0)
			continue;

		const bool covered = first_lsn(i) < made[LIVES - 1];
		const uint64_t want = covered ? records + 1 : first_lsn(i);

		put_back();
		flip(i, BLOCK_ALIGN_BYTES + 70);
		look();
		cr_assert(eq(u64, plan->damage->tail.next_lsn, want), "segment %u", i);
		cr_assert(eq(u64, loss_cnt(&plan->loss), records + 1 - want));
		/* A pruned lane's first block may lie before every checkpoint: nobody needs it. */
		cr_assert(plan->fault_cnt > 0 || i == first_segment);
		cr_assert(not(plan->anchors));
		cut();
		check_state(want);
		before += covered;
		after += !covered;
	}
	cr_assert(all(gt(uint, before, 1), gt(uint, after, 0)));
}

Test(plan, a_good_lane_stays_as_it_is, .init = set_up, .fini = tear_down)
{
	look();
	cr_assert(all(eq(u64, plan->fault_cnt, 0), eq(u64, plan->aside_cnt, 0)));
	cr_assert(eq(u64, plan->files->base.tail.place.offset, 0));
	prune();
	look();
	cr_assert(all(eq(u64, plan->fault_cnt, 0), eq(u64, plan->aside_cnt, 0)));
	cr_assert(eq(u64, plan->files->base.tail.next_lsn, made[LIVES - 2]));
	cr_assert(eq(u64, plan->damage->tail.next_lsn, records + 1));
}

Test(plan, each_segment_of_a_whole_lane, .init = set_up, .fini = tear_down)
{
	each_segment_damaged();
}

Test(plan, each_segment_of_a_pruned_lane, .init = set_up, .fini = tear_down)
{
	prune();
	each_segment_damaged();
	check_sells_on(plan->damage->tail.next_lsn);
}

Test(plan, damage_in_the_first_block_costs_nothing, .init = set_up, .fini = tear_down)
{
	flip(0, BLOCK_ALIGN_BYTES + 70);
	look();
	cr_assert(eq(u64, plan->files->base.tail.next_lsn, made[0]), "the oldest that is after it");
	cr_assert(all(eq(int, plan->trims, true), eq(u64, plan->alone_lsn, 1)));
	cr_assert(eq(u64, plan->aside_cnt, 0));
	cut();
	check_state(records + 1);
	check_sells_on(records + 1);
}

/* Checkpoints, damage and all else are in segment 0: it begins with zeros afterwards. */
Test(plan, damage_before_it_in_the_same_segment, .init = set_up_in_one_segment, .fini = tear_down)
{
	char path[CHECKPOINT_PATH_BYTES];
	uint64_t *lsns = NULL;

	for (unsigned i = 0; i < 2; i++) {
		put_back();
		flip(0, BLOCK_ALIGN_BYTES + 70);
		look();
		cr_assert(all(eq(u64, plan->files->base.tail.place.segment, 0), plan->trims));
		cut();
		check_state(records + 1);
	}
	check_sells_on(records + 1);
	/* Without a good checkpoint such a lane does not count as empty. */
	for (int64_t i = checkpoint_list(&data, 0, &lsns); i > 0; i--) {
		checkpoint_path(&data, 0, lsns[i - 1], path);
		write_file(path, (const uint8_t *)"bad", 3);
	}
	free(lsns);
	data_dir_close(&data);
	cr_assert(eq(int, real_lane_open(&lane, dir, segment_bytes), -EBADMSG));
	cr_assert(ne(ptr, strstr(lane.error.text, "begins with no block"), NULL), "%s",
		  lane.error.text);
	cr_assert(eq(int, data_dir_read(&data, dir, &error), 0));
	cr_assert(eq(int, data_dir_lock(&data, &error), 0), "%s", error.text);
}

static struct lane_position newest_position(void)
{
	struct checkpoint *open = NULL;
	struct lane_position position;

	cr_assert(eq(int, checkpoint_open(&open, &data, 0, made[LIVES - 1], &error), 0));
	checkpoint_position(checkpoint_header(open), &position);
	checkpoint_close(open);
	return position;
}

/* The checkpoint's own block and all before it are bad: the next one proves that it was there. */
static void lose_all_before_the_newest(void)
{
	const struct lane_position position = newest_position();

	put_back();
	for (uint64_t i = first_segment; i < position.tail.place.segment; i++)
		flip(i, BLOCK_ALIGN_BYTES + 70);
	flip(position.tail.place.segment, position.block_offset + 20);
}

Test(plan, the_next_block_proves_the_one_before, .init = set_up, .fini = tear_down)
{
	lose_all_before_the_newest();
	look();
	cr_assert(eq(u64, plan->files->base.tail.next_lsn, made[LIVES - 1]));
	cr_assert(all(not(plan->anchors), not(plan->damage->base == DAMAGE_BASE_WHOLE)));
	cr_assert(eq(u64, plan->aside_cnt, LIVES - 1));
	cr_assert(eq(u64, loss_cnt(&plan->loss), 0));
	cut();
	check_state(records + 1);
	check_sells_on(records + 1);
}

static void lose_tail(void)
{
	const struct lane_position position = newest_position();
	static const uint8_t zeros[16 * BLOCK_ALIGN_BYTES];
	const uint64_t from = position.tail.place.segment;

	put_back();
	poke_file(segment(from), BLOCK_ALIGN_BYTES, zeros, SMALL_BYTES - BLOCK_ALIGN_BYTES);
	for (uint64_t i = from + 1; i < SEGMENTS_MAX; i++)
		(void)unlink(segment(i));
}

static void lose_base_segment(void)
{
	const struct lane_position position = newest_position();

	put_back();
	cr_assert(eq(int, unlink(segment(position.tail.place.segment)), 0));
}

static void lose_all_segments(void)
{
	put_back();
	for (uint64_t i = 0; i < SEGMENTS_MAX; i++)
		(void)unlink(segment(i));
}

static void shorten_base_segment(void)
{
	const struct lane_position position = newest_position();

	put_back();
	cr_assert(eq(int, truncate(segment(position.tail.place.segment), 100), 0));
}

/* Records that the newest checkpoint has stay, even if no block has them. */
static void check_anchored(void (*ruin)(void))
{
	const uint64_t newest = made[LIVES - 1];

	ruin();
	look();
	cr_assert(eq(u64, plan->files->base.tail.next_lsn, newest));
	cr_assert(all(eq(int, plan->anchors, true), eq(u64, plan->damage->tail.next_lsn, newest)));
	cr_assert(lt(u64, plan->alone_lsn, newest));
	cut();
	check_state(newest);
	check_sells_on(newest);
}

Test(plan, a_lost_tail, .init = set_up, .fini = tear_down)
{
	check_anchored(lose_tail);
}

Test(plan, a_lost_segment, .init = set_up, .fini = tear_down)
{
	check_anchored(lose_base_segment);
}

Test(plan, a_short_segment, .init = set_up, .fini = tear_down)
{
	check_anchored(shorten_base_segment);
}

Test(plan, all_segments_lost, .init = set_up, .fini = tear_down)
{
	check_anchored(lose_all_segments);
}

Test(plan, a_lost_tail_of_a_pruned_lane, .init = set_up, .fini = tear_down)
{
	prune();
	check_anchored(lose_tail);
}

static void check_killed(void (*ruin)(void), uint64_t want)
{
	int rc = -EINTR;
	unsigned changes = 0;

	for (; rc != 0; changes++) {
		struct recover_scan scan;

		ruin();
		look();
		cr_assert(eq(u64, plan->damage->tail.next_lsn, want));
		rc = apply_until_killed(&data, plan, changes, &error);
		if (recover_scan(&data, 0, &scan, &error) == 0) {
			cr_assert(eq(u64, scan.tail.next_lsn, want), "after %u changes", changes);
			recover_scan_free(&scan);
		}
		look();
		cr_assert(eq(u64, plan->damage->tail.next_lsn, want), "after %u changes", changes);
		cut();
		check_state(want);
	}
	cr_assert(gt(uint, changes, 1));
}

Test(plan, killed_while_it_begins_anew, .init = set_up, .fini = tear_down)
{
	check_killed(lose_all_before_the_newest, records + 1);
}

Test(plan, killed_while_it_is_anchored, .init = set_up, .fini = tear_down)
{
	check_killed(lose_tail, made[LIVES - 1]);
	check_killed(lose_base_segment, made[LIVES - 1]);
}

Test(plan, a_bad_checkpoint_is_put_aside, .init = set_up, .fini = tear_down)
{
	for (unsigned i = 0; i < LIVES; i++) {
		put_back();
		flip_bit(checkpoint(i), 8 * 500);
		look();
		cr_assert(all(eq(u64, plan->aside_cnt, 1), eq(u64, plan->aside[0], made[i])));
		cr_assert(all(eq(u64, plan->fault_cnt, 1), eq(u64, loss_cnt(&plan->loss), 0)));
		cut();
		cr_assert(not(path_exists(checkpoint(i))));
		check_state(records + 1);
	}
}

/* Records that only a damaged checkpoint has are lost, and the repair says how many. */
Test(plan, a_bad_one_still_tells_what_was_on_disk, .init = set_up, .fini = tear_down)
{
	lose_tail();
	flip_bit(checkpoint(LIVES - 1), 8 * 500);
	look();
	cr_assert(gt(u64, plan->damage->tail.next_lsn, made[LIVES - 2]));
	cr_assert(eq(u64, plan->loss.last_lsn, made[LIVES - 1] - 1));
	cr_assert(eq(u64, loss_durable_cnt(&plan->loss), loss_cnt(&plan->loss)));
	cr_assert(gt(u64, loss_cnt(&plan->loss), 0));
	cut();
}

Test(plan, a_pruned_lane_without_a_good_one_is_refused, .init = set_up, .fini = tear_down)
{
	prune();
	for (unsigned i = 0; i < LIVES; i++)
		flip_bit(checkpoint(i), 8 * 500);
	cr_assert(eq(int, rescue(0), -ENOTSUP));
	cr_assert(ne(ptr,
		     strstr(error.text, "its beginning is gone, and of its 3 checkpoints none"),
		     NULL),
		  "%s", error.text);
	cr_assert(eq(ptr, strchr(error.text, '\n'), NULL));
}

Test(plan, a_lane_without_a_good_block_or_checkpoint_is_refused, .init = set_up, .fini = tear_down)
{
	flip_bit(temp_path("data/lane-000/seg-000000000000"), 8 * (BLOCK_ALIGN_BYTES + 100));
	for (unsigned i = 0; i < LIVES; i++)
		flip_bit(checkpoint(i), 8 * 500);
	cr_assert(eq(int, rescue(0), -ENOTSUP));
	cr_assert(ne(ptr, strstr(error.text, "its first block is damaged or not its own"), NULL),
		  "%s", error.text);
}

Test(plan, an_earlier_cut_stays_behind_the_checkpoint, .init = set_up, .fini = tear_down)
{
	flip(0, BLOCK_ALIGN_BYTES + 70);
	cr_assert(eq(int, rescue(made[LIVES - 1] - 1), -ENOTSUP));
	cr_assert(ne(ptr, strstr(error.text, "a good checkpoint has it up to"), NULL), "%s",
		  error.text);
	cr_assert(eq(int, rescue(made[LIVES - 1]), 0), "%s", error.text);
	cr_assert(eq(u64, plan->damage->tail.next_lsn, made[LIVES - 1]));
	cr_assert(eq(u64, loss_unreadable_cnt(&plan->loss), 0));
	cut();
	check_state(made[LIVES - 1]);
}

/* An older copy of the lane was put back and sold on: only the operator knows which is right. */
Test(plan, another_history_is_refused, .init = set_up, .fini = tear_down)
{
	lose_all_segments();
	for (unsigned i = 0; i < LIVES; i++)
		cr_assert(eq(int, unlink(checkpoint(i)), 0));
	data_dir_close(&data);
	lane.requests = 500000;
	cr_assert(eq(int, real_lane_open(&lane, dir, segment_bytes), 0), "%s", lane.error.text);
	real_lane_sell(&lane, SOLD_A_LIFE);
	real_lane_close(&lane);
	cr_assert(eq(int, data_dir_read(&data, dir, &error), 0));
	cr_assert(eq(int, data_dir_lock(&data, &error), 0), "%s", error.text);
	for (unsigned i = 0; i < LIVES; i++) {
		write_file(checkpoint(i), checkpoints[i].bytes, checkpoints[i].cnt);
		cr_assert(eq(int, rescue(0), -ENOTSUP));
		cr_assert(ne(ptr, strstr(error.text, "say different things of LSN 2:"), NULL), "%s",
			  error.text);
		cr_assert(eq(int, unlink(checkpoint(i)), 0));
	}
}
