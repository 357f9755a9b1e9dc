#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "tests/support/lane_fixture.h"

Test(recover_scan, a_damaged_lane_is_refused_with_its_place, .init = set_up,
     .fini = temp_dir_remove)
{
	const uint8_t byte = 0xff;

	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 500);
	real_lane_seal(&lane);
	real_lane_close(&lane);
	poke_file(temp_path("data/lane-000/seg-000000000000"), BLOCK_ALIGN_BYTES + 200, &byte, 1);
	cr_assert(eq(int, real_lane_open(&lane, dir, SMALL_BYTES), -EBADMSG));
	cr_assert(
		ne(ptr, strstr(lane.error.text, "lane-000/seg-000000000000: offset 4096: "), NULL),
		"%s", lane.error.text);
	cr_assert(ne(ptr, strstr(lane.error.text, "wrong checksum"), NULL), "%s", lane.error.text);
}

Test(recover_scan, a_missing_lane_directory_is_damage, .init = set_up, .fini = temp_dir_remove)
{
	struct data_dir data;
	struct recover_scan scan;
	struct error error;

	cr_assert(eq(int, data_dir_open(&data, dir, 2, &error), 0), "%s", error.text);
	cr_assert(eq(int, recover_scan(&data, 1, &scan, &error), 0), "%s", error.text);
	cr_assert(eq(u64, scan.tail.next_lsn, 1));
	cr_assert(eq(int, rmdir(temp_path("data/lane-001")), 0));
	cr_assert(eq(int, recover_scan(&data, 1, &scan, &error), -EBADMSG));
	cr_assert(ne(ptr, strstr(error.text, "lane-001: missing"), NULL), "%s", error.text);
	data_dir_close(&data);
}

/* The kernel may end a killed engine's writes after it freed the engine's lock. */
Test(recover_scan, waits_for_writes_of_a_killed_predecessor, .init = set_up,
     .fini = temp_dir_remove, .timeout = 20)
{
	const char *segment = temp_path("data/lane-000/seg-000000000000");
	struct lane_tail tail;
	int ready[2];
	char byte = 0;

	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 10);
	real_lane_close(&lane);
	reopen(SMALL_BYTES);
	tail = lane.scan.tail;
	real_lane_close(&lane);
	cr_assert(eq(int, pipe(ready), 0));

	const pid_t child = fork();

	if (child == 0) {
		const int fd = open(segment, O_RDWR);

		if (flock(fd, LOCK_EX) != 0 || write(ready[1], &byte, 1) != 1)
			_exit(1);
		usleep(300000);
		byte = 0x11;
		if (pwrite(fd, &byte, 1, (off_t)tail.place.offset + 9) != 1)
			_exit(1);
		_exit(0);
	}
	cr_assert(eq(int, (int)read(ready[0], &byte, 1), 1));
	reopen(SMALL_BYTES);
	cr_assert(lane.scan.torn, "the late write was seen");
	real_lane_close(&lane);
	waitpid(child, NULL, 0);
}

Test(recover_scan, sizes_hold_exactly_the_lane, .init = set_up, .fini = temp_dir_remove)
{
	struct shard_size size;
	struct shard *shard = NULL;

	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 777);
	real_lane_close(&lane);
	reopen(SMALL_BYTES);
	recover_sizes(&lane.scan, &size);
	cr_assert(eq(u64, size.offer_cnt, 1));
	cr_assert(eq(u64, size.order_cnt, 777));
	cr_assert(eq(u64, lane.scan.units_ordered, 777));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	cr_assert(eq(int, recover_lane(&lane.dir, 0, &lane.scan, shard, &lane.error), 0), "%s",
		  lane.error.text);
	shard_close(shard);
	real_lane_close(&lane);
}

/* A scan of a lane whose baskets span shards counts as the tables do, and they have room, also for
 * what waits. */
Test(recover_scan, sizes_hold_a_lane_of_several, .init = set_up, .fini = temp_dir_remove)
{
	struct shard_totals totals;
	struct shard_size size;
	struct shard *shard = NULL;
	struct shard_hash wanted;
	struct shard_hash got;

	lane.shards = 2;
	reopen(SMALL_BYTES);
	real_lane_trade(&lane, 7, 2000);
	shard_totals(lane.shard, &totals);
	wanted = shard_hash(lane.shard);
	real_lane_close(&lane);
	lane.shards = 2;
	reopen(SMALL_BYTES);
	recover_sizes(&lane.scan, &size);
	cr_assert(all(eq(u64, lane.scan.order_cnt, totals.orders),
		      eq(u64, lane.scan.change_cnt, totals.changes),
		      eq(u64, lane.scan.link_cnt, totals.links),
		      eq(u64, lane.scan.units_ordered, totals.units_sold)));
	cr_assert(all(gt(u64, totals.links, 0), gt(u64, lane.scan.aborted_cnt, 0),
		      gt(u64, lane.scan.prepared_cnt, lane.scan.aborted_cnt)));
	cr_assert(eq(int, shard_open(&shard, 0, 2, &size), 0));
	cr_assert(eq(int, recover_lane(&lane.dir, 0, &lane.scan, shard, &lane.error), 0), "%s",
		  lane.error.text);
	got = shard_hash(shard);
	cr_assert(all(eq(u64, got.low, wanted.low), eq(u64, got.high, wanted.high)));
	shard_close(shard);
	real_lane_close(&lane);
}

/* What holds and changes take in the tables, and units as the records say it. */
Test(recover_scan, sizes_hold_a_lane_with_holds, .init = set_up, .fini = temp_dir_remove)
{
	struct shard_totals totals;
	struct shard_size size;
	struct shard *shard = NULL;
	struct shard_hash wanted;
	struct shard_hash got;

	reopen(SMALL_BYTES);
	real_lane_trade(&lane, 7, 3000);
	shard_totals(lane.shard, &totals);
	wanted = shard_hash(lane.shard);
	real_lane_close(&lane);
	reopen(SMALL_BYTES);
	recover_sizes(&lane.scan, &size);
	cr_assert(all(eq(u64, size.offer_cnt, totals.offers),
		      eq(u64, size.order_cnt, totals.orders),
		      eq(u64, size.change_cnt, totals.changes), eq(u64, size.placed_cnt, 0)));
	cr_assert(ge(u64, size.hold_cnt, totals.holds));
	cr_assert(eq(u64, lane.scan.units_ordered, totals.units_sold));
	cr_assert(all(gt(u64, totals.units_written_off, 0),
		      eq(u64, lane.scan.units_written_off, totals.units_written_off)));
	cr_assert(eq(int, shard_open(&shard, 0, 1, &size), 0));
	cr_assert(eq(int, recover_lane(&lane.dir, 0, &lane.scan, shard, &lane.error), 0), "%s",
		  lane.error.text);
	got = shard_hash(shard);
	cr_assert(all(eq(u64, got.low, wanted.low), eq(u64, got.high, wanted.high)));
	shard_close(shard);
	real_lane_close(&lane);
}
