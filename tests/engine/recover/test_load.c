#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/recover/load.h"
#include "tests/support/lane_fixture.h"

Test(recover_load, the_same_state_over_many_restarts_and_segments, .init = set_up,
     .fini = temp_dir_remove)
{
	uint64_t orders = 0;

	for (unsigned life = 0; life < 12; life++) {
		const uint32_t cnt = life * 397 % 3000;
		struct shard_hash before;

		reopen(SMALL_BYTES);
		cr_assert(eq(u64, lane.scan.order_cnt, orders));
		cr_assert(not(lane.scan.torn));
		assert_totals(orders);
		real_lane_sell(&lane, cnt);
		orders += cnt;
		if (life % 2 == 0)
			real_lane_seal(&lane);
		before = shard_hash(lane.shard);
		real_lane_close(&lane);
		reopen(SMALL_BYTES);

		const struct shard_hash after = shard_hash(lane.shard);

		cr_assert(all(eq(u64, before.low, after.low), eq(u64, before.high, after.high)));
		real_lane_close(&lane);
	}
	cr_assert(path_exists(temp_path("data/lane-000/seg-000000000002")));
}

Test(recover_load, segments_of_another_size_go_on, .init = set_up, .fini = temp_dir_remove)
{
	reopen(SMALL_BYTES);
	real_lane_sell(&lane, 2500);
	real_lane_close(&lane);
	reopen(SMALL_BYTES * 4);
	real_lane_sell(&lane, 20000);
	real_lane_close(&lane);
	reopen(SEGMENT_BYTES);
	assert_totals(22500);
	real_lane_close(&lane);
}
