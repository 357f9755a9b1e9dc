#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/real_lane.h"
#include "tests/support/temp_dir.h"
#include "tools/relay/relay.h"

static struct real_lane lane;
static struct relay relay;
static struct relay_lane lanes[1];

static void set_up(void)
{
	relay = (struct relay){.options = {.downstream = {.to = "file:copy"}},
			       .positioned = true,
			       .lane_cnt = 1,
			       .lanes = lanes};
	temp_dir_make();
	cr_assert(eq(int,
		     real_lane_open(&lane, temp_path("data"), (uint64_t)32 * BLOCK_ALIGN_BYTES),
		     0));
	real_lane_sell(&lane, 6000);
	real_lane_close(&lane);
	cr_assert(eq(int, data_dir_read(&relay.dir, temp_path("data"), &relay.error), 0));
}

/* What downstream has and may still lose stays on the disk, and counts for the alarm. */
Test(relay_report, counts_what_stays_until_it_is_safe, .init = set_up, .fini = temp_dir_remove)
{
	const uint64_t bytes = 6000 * sizeof(struct record);
	struct lane_mark last = {0};

	relay.position.budget_bytes = 4 * bytes;
	relay_report(&relay, 1, false);
	/* Of a lane that isn't linked, too: its clock begins in 1970. */
	cr_assert(gt(dbl, lanes[0].status.behind_s, 1e9));
	cr_assert(all(ge(u64, lanes[0].status.behind_records, 6000),
		      ge(u64, lanes[0].status.kept_bytes, bytes), not(relay.alarmed)));
	/* All of it is there, none of it is safe. */
	last.next_lsn = 1 + lanes[0].status.behind_records;
	last.place.segment = 2;
	last.place.offset = BLOCK_ALIGN_BYTES;
	lanes[0].acked.mark = last;
	relay.position.budget_bytes = bytes * 3 / 2;
	relay_report(&relay, 1, false);
	cr_assert(all(eq(u64, lanes[0].status.behind_records, 0),
		      ge(u64, lanes[0].status.kept_bytes, bytes), eq(int, relay.alarmed, 1)));
	lanes[0].safe = last;
	relay_report(&relay, 1, false);
	cr_assert(all(le(u64, lanes[0].status.kept_bytes, bytes / 2 + BLOCK_BYTES_MAX),
		      not(relay.alarmed)));
}
