#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tools/relay/relay.h"

/* A downstream that acknowledges as many blocks as it is told to. */
static int acknowledged;
static unsigned ends;
static struct lane_mark ends_with;

static int fake_reap(struct downstream *downstream, struct error *error)
{
	const int cnt = acknowledged;

	(void)downstream;
	if (cnt < 0)
		return error_say(error, cnt, "away");
	acknowledged = 0;
	return cnt;
}

static int fake_end(struct downstream *downstream, struct lane_mark *last, bool *part,
		    struct error *error)
{
	(void)downstream;
	(void)part;
	(void)error->text;
	ends++;
	*last = ends_with;
	return 0;
}

static void fake_close(struct downstream *downstream)
{
	(void)downstream;
}

static struct downstream_kind kind = {.reap = fake_reap, .end = fake_end, .close = fake_close};
static struct downstream_target target = {.kind = &kind};
static struct downstream downstream = {.target = &target};
static struct relay relay;
static struct relay_lane lane;

static const uint64_t S = 1000000000;

static void set_up(void)
{
	relay.target = &target;
	lane = (struct relay_lane){.up = true, .downstream = &downstream, .settling_ns = 100 * S};
}

TestSuite(relay_link, .init = set_up);

/* Blocks of ten records, 4 KiB each, go out. */
static void send(unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++) {
		const uint64_t n = lane.sent_tail++;

		lane.sent[n % DOWNSTREAM_IN_FLIGHT_MAX] = (struct relay_sent){
			.mark = {10 * (n + 1) + 1, {0, 4096 * (n + 1)}, n + 1},
			.end_offset = 4096 * (n + 2),
			.written_at_ns = n + 1,
			.record_cnt = 10,
		};
	}
}

static int reap(int cnt, uint64_t now_s)
{
	acknowledged = cnt;
	return relay_reap(&relay, &lane, now_s * S);
}

Test(relay_link, counts_what_is_acknowledged_in_order)
{
	send(5);
	cr_assert(eq(int, reap(3, 101), 3));
	cr_assert(all(eq(u64, lane.acked.mark.next_lsn, 31), eq(u64, lane.acked.mark.checksum, 3),
		      eq(u64, lane.sent_tail - lane.sent_head, 2),
		      eq(u64, lane.status.record_cnt, 30), eq(u64, lane.status.block_cnt, 3),
		      eq(u64, lane.status.bytes, 3 * 4096)));
	cr_assert(eq(int, reap(0, 102), 0));
	cr_assert(eq(u64, lane.acked.mark.next_lsn, 31));
	cr_assert(eq(int, reap(-ENOTCONN, 103), -ENOTCONN));
	cr_assert(eq(u64, lane.acked.mark.next_lsn, 31));
}

/* The ring comes round many times. */
Test(relay_link, counts_over_the_end_of_its_ring)
{
	for (unsigned i = 0; i < 20; i++) {
		send(DOWNSTREAM_IN_FLIGHT_MAX);
		cr_assert(eq(int, reap(DOWNSTREAM_IN_FLIGHT_MAX, 101), DOWNSTREAM_IN_FLIGHT_MAX));
		cr_assert(eq(u64, lane.acked.mark.checksum, (i + 1) * DOWNSTREAM_IN_FLIGHT_MAX));
	}
}

/* A file's acknowledgement is a sync: prune may count on it at once. */
Test(relay_link, calls_safe_at_once_what_cannot_be_lost)
{
	kind.settle_s = 0;
	send(2);
	cr_assert(eq(int, reap(1, 101), 1));
	cr_assert(eq(u64, lane.safe.next_lsn, 11));
}

/* A broker may lose what it acknowledged: whatever comes when, safe is what was acknowledged at
 * least settle_s ago. */
Test(relay_link, calls_safe_later_what_a_broker_may_lose)
{
	uint64_t acked_at[1001] = {0}; /* LSN of the second */

	kind.settle_s = 300;
	for (uint64_t now_s = 100; now_s <= 1000; now_s++) {
		send(1);
		cr_assert(eq(int, reap(now_s % 7 != 0, now_s), now_s % 7 != 0));
		acked_at[now_s] = lane.acked.mark.next_lsn;
		if (now_s < 400)
			cr_assert(eq(u64, lane.safe.next_lsn, 0), "after %lu s", now_s);
		else
			cr_assert(le(u64, lane.safe.next_lsn, acked_at[now_s - 300]), "after %lu s",
				  now_s);
	}
	cr_assert(gt(u64, lane.safe.next_lsn, 0), "and not never");
}

/* The last of a life begins to settle when it ends, but not in place of what an earlier one began.
 */
Test(relay_link, lets_settle_what_a_short_life_got)
{
	kind.settle_s = 300;
	send(5);
	cr_assert(eq(int, reap(2, 101), 2));
	cr_assert(eq(int, reap(3, 102), 3));
	relay_settle_last(&lane, 103 * S);
	cr_assert(all(eq(u64, lane.safe.next_lsn, 0), eq(u64, lane.settling.next_lsn, 51),
		      eq(u64, lane.settling_ns, 103 * S)));
	lane.settling_new = false;
	send(1);
	cr_assert(eq(int, reap(1, 200), 1));
	relay_settle_last(&lane, 201 * S);
	cr_assert(all(eq(u64, lane.safe.next_lsn, 0), eq(u64, lane.settling.next_lsn, 51)));
	cr_assert(eq(int, reap(0, 403), 0));
	cr_assert(all(eq(u64, lane.safe.next_lsn, 51), eq(u64, lane.settling.next_lsn, 61)));
}

/* What is on its way when the link is closed is forgotten, what was acknowledged is not. */
Test(relay_link, forgets_what_was_on_its_way)
{
	send(4);
	cr_assert(eq(int, reap(1, 101), 1));
	relay_unlink(&lane);
	cr_assert(all(not(lane.up), eq(u64, lane.sent_head, lane.sent_tail),
		      eq(u64, lane.acked.mark.next_lsn, 11)));
}

/* In ms from the moment it is found away to the next try. Its window is full, so nothing more is
 * read of a lane. */
static uint64_t away_for(uint64_t now_s)
{
	lane.up = true;
	lane.downstream = &downstream;
	lane.away_since_ns = 0;
	send(DOWNSTREAM_IN_FLIGHT_MAX - (unsigned)(lane.sent_tail - lane.sent_head));
	acknowledged = -ENOTCONN;
	cr_assert(eq(int, relay_step(&relay, &lane, now_s * S), 0));
	cr_assert(not(lane.up));
	return (lane.retry_ns - now_s * S) / 1000000;
}

/* A full stream is opened again and again, and refuses: only what it takes shortens the wait. */
Test(relay_link, waits_longer_for_who_takes_nothing)
{
	cr_assert(eq(u64, away_for(101), 100));
	cr_assert(eq(u64, away_for(102), 200));
	cr_assert(eq(u64, away_for(103), 400));
	lane.up = true;
	lane.downstream = &downstream;
	send(1);
	cr_assert(eq(int, reap(1, 104), 1));
	cr_assert(eq(u64, away_for(105), 100));
}

/* A right that never sufficed does not come by itself; one that did may be given back. */
Test(relay_link, ends_where_it_was_never_allowed)
{
	send(DOWNSTREAM_IN_FLIGHT_MAX);
	acknowledged = -EACCES;
	cr_assert(eq(int, relay_step(&relay, &lane, 101 * S), -EACCES));
	cr_assert(eq(int, reap(1, 102), 1));
	send(1);
	acknowledged = -EACCES;
	cr_assert(eq(int, relay_step(&relay, &lane, 103 * S), 0));
	cr_assert(all(not(lane.up), eq(u64, lane.away_since_ns, 103 * S)));
}
