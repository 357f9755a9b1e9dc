/*
 * lane_fixture: the start of tests of recovery: one real lane in a directory of the test's own, in
 * small segments, opened again for each of its lives. Each test source has its own.
 */
#ifndef DB_TESTS_SUPPORT_LANE_FIXTURE_H
#define DB_TESTS_SUPPORT_LANE_FIXTURE_H

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"

/* Room for 30 blocks of one unit: several segments a life. */
static const uint64_t SMALL_BYTES = 32 * BLOCK_ALIGN_BYTES;

static struct real_lane lane;
static const char *dir;

static inline void set_up(void)
{
	static char own[512];

	temp_dir_make();
	snprintf(own, sizeof(own), "%s", temp_path("data"));
	dir = own;
	lane.requests = 0;
}

static inline void reopen(uint64_t segment_bytes)
{
	cr_assert(eq(int, real_lane_open(&lane, dir, segment_bytes), 0), "%s", lane.error);
}

static inline void assert_totals(uint64_t orders)
{
	struct shard_totals totals;

	shard_totals(lane.shard, &totals);
	cr_assert(eq(u64, totals.orders, orders));
	cr_assert(eq(u64, totals.offers_broken, 0));
}

#endif
