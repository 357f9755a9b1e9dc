#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/recover/cut.h"
#include "engine/recover/scan.h"
#include "tests/support/lane_fixture.h"
#include "tests/support/memory_disk.h"

/* Puts bytes at the tail of the lane, as a write that never was acknowledged would. */
static struct lane_tail leave_torn(const void *bytes, uint64_t cnt)
{
	struct lane_tail tail;
	char path[SEGMENT_PATH_BYTES];

	reopen(SMALL_BYTES);
	tail = lane.scan.tail;
	data_dir_lane_path(&lane.dir, 0, path, sizeof(path));
	real_lane_close(&lane);

	char lane_path[SEGMENT_PATH_BYTES];

	snprintf(lane_path, sizeof(lane_path), "%s", path);
	segment_path(lane_path, tail.place.segment, path);
	poke_file(path, tail.place.offset, bytes, cnt);
	return tail;
}

Test(recover_cut, a_torn_tail_is_cut_and_the_lane_goes_on, .init = set_up, .fini = temp_dir_remove)
{
	uint8_t garbage[3 * BLOCK_ALIGN_BYTES];
	uint64_t orders = 100;

	memset(garbage, 0x5a, sizeof(garbage));
	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 100);
	real_lane_close(&lane);
	for (unsigned i = 0; i < 5; i++) {
		leave_torn(garbage, 1 + i * 3000);
		reopen(SMALL_BYTES);
		cr_assert(lane.scan.torn);
		cr_assert(eq(u64, lane.scan.order_cnt, orders));
		/* Cut for good: another start finds nothing torn. */
		real_lane_close(&lane);
		reopen(SMALL_BYTES);
		cr_assert(not(lane.scan.torn));
		real_lane_sell(&lane, 10);
		orders += 10;
		real_lane_close(&lane);
	}
	reopen(SMALL_BYTES);
	assert_totals(orders);
	real_lane_close(&lane);
}

Test(recover_cut, what_is_torn_in_a_later_segment_goes_too, .init = set_up, .fini = temp_dir_remove)
{
	const char *later;
	const uint8_t garbage = 0x77;

	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 10);
	while (!segment_ready(lane.source, 1))
		usleep(1000);
	real_lane_close(&lane);
	later = temp_path("data/lane-000/seg-000000000001");
	cr_assert(path_exists(later), "prepared ahead");
	poke_file(later, 2 * BLOCK_ALIGN_BYTES + 5, &garbage, 1);

	struct error error;
	struct data_dir data;
	struct recover_scan scan;

	cr_assert(eq(int, data_dir_open(&data, dir, 1, &error), 0));
	cr_assert(eq(int, recover_scan(&data, 0, &scan, &error), 0), "%s", error.text);
	cr_assert(scan.torn);
	cr_assert(eq(int, recover_cut(&data, 0, &scan.tail, &error), 0));
	cr_assert(not(path_exists(later)));
	recover_scan_free(&scan);
	data_dir_close(&data);
	reopen(SMALL_BYTES);
	assert_totals(10);
	real_lane_close(&lane);
}

static uint64_t synced; /* a bit a segment */

static int note_zero(struct lane_files *files, uint64_t segment, uint64_t offset)
{
	cr_assert(eq(u64, offset, (uint64_t)files->ops->size(files, segment)), "nothing is cut");
	synced |= UINT64_C(1) << segment;
	return 0;
}

/* What was read in them may be in the disk's cache only, and is told to buyers from now on. */
Test(recover_cut, all_segments_with_what_was_in_flight_are_synced)
{
	const uint32_t block_cnt = 3 * WRITES_IN_FLIGHT_MAX;
	const struct lane_tail empty = empty_tail();
	struct memory_disk *disk = memory_disk_open(7, 0, SEGMENT_BYTES_MIN, block_cnt + 1);
	struct journal *journal = memory_disk_journal(disk, &empty);
	struct lane_files *files;
	struct lane_files_ops ops;
	struct recover_scan scan;
	struct error error;

	for (uint32_t i = 0; i < block_cnt; i++) {
		append_records(journal, 1);
		journal_pump(journal, 5000);
		memory_disk_complete_all(disk, journal);
	}
	journal_close(journal);
	cr_assert(
		eq(int, recover_scan_files(memory_disk_files(disk), 7, 0, true, &scan, &error), 0));
	cr_assert(ge(u64, scan.tail.place.segment, block_cnt - 1), "a segment a block");
	files = memory_disk_files(disk);
	ops = *files->ops;
	ops.zero = note_zero;
	files->ops = &ops;
	cr_assert(eq(int, recover_cut_files(files, &scan.tail, &error), 0));
	for (uint64_t i = 0; i < disk->ready_cnt; i++)
		cr_assert(eq(int, (int)(synced >> i & 1),
			     i <= scan.tail.place.segment &&
				     i + WRITES_IN_FLIGHT_MAX >= scan.tail.place.segment),
			  "segment %lu", i);
	memory_disk_close(disk);
}

Test(recover_cut, empty_segments_ahead_are_taken_over, .init = set_up, .fini = temp_dir_remove)
{
	struct stat before;
	struct stat after;

	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 10);
	while (!segment_ready(lane.source, 1))
		usleep(1000);
	real_lane_close(&lane);
	cr_assert(eq(int, stat(temp_path("data/lane-000/seg-000000000001"), &before), 0));
	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 5000);
	real_lane_close(&lane);
	cr_assert(eq(int, stat(temp_path("data/lane-000/seg-000000000001"), &after), 0));
	cr_assert(eq(u64, before.st_ino, after.st_ino));
}

/* Files in memory that tell what was zeroed. */
static int (*memory_zero)(struct lane_files *files, uint64_t segment, uint64_t offset);
static uint64_t zeroed_segment;
static uint64_t zeroed_offset;
static unsigned zero_cnt;

static int noted_zero(struct lane_files *files, uint64_t segment, uint64_t offset)
{
	zeroed_segment = segment;
	zeroed_offset = offset;
	zero_cnt++;
	return memory_zero(files, segment, offset);
}

static void cut_in_memory(struct memory_disk *disk, const struct lane_tail *tail)
{
	struct lane_files *files = memory_disk_files(disk);
	struct lane_files_ops ops = *files->ops;
	struct error error;

	memory_zero = ops.zero;
	ops.zero = noted_zero;
	files->ops = &ops;
	zero_cnt = 0;
	cr_assert(eq(int, recover_cut_files(files, tail, &error), 0));
}

/* What was read behind it may be in the disk's cache only. */
Test(recover_cut, a_clean_tail_is_synced)
{
	struct memory_disk *disk = memory_disk_open(1, 0, SMALL_BYTES, 3);
	struct lane_tail tail = empty_tail();

	tail.place.segment = 1;
	tail.place.offset = 5 * BLOCK_ALIGN_BYTES;
	cut_in_memory(disk, &tail);
	/* The segment before, and this one last. */
	cr_assert(all(eq(u32, zero_cnt, 2), eq(u64, zeroed_segment, 1)));
	cr_assert(eq(u64, zeroed_offset, SMALL_BYTES), "nothing to zero: a sync");
	disk->data[1][tail.place.offset + 10000] = 1;
	cut_in_memory(disk, &tail);
	cr_assert(all(eq(u32, zero_cnt, 2), eq(u64, zeroed_offset, tail.place.offset)));
	cr_assert(eq(u64, disk->ready_cnt, 3), "empty segments stay");
	memory_disk_close(disk);
}

/* A cut that is interrupted leaves no gap. */
Test(recover_cut, later_segments_go_from_the_last_on)
{
	struct memory_disk *disk = memory_disk_open(1, 0, SMALL_BYTES, 6);
	const struct lane_tail tail = empty_tail();

	/* The first later segment is empty and stays; of the others only one is not. */
	disk->data[2][3 * BLOCK_ALIGN_BYTES] = 1;
	cut_in_memory(disk, &tail);
	cr_assert(eq(u64, disk->ready_cnt, 2));
	memory_disk_close(disk);
	/* memory_disk CHECKs that each one removed is the last. */
}
