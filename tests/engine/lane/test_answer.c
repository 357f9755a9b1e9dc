#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/lane/answer.h"
#include "engine/lane/decisions.h"
#include "tests/support/frames.h"
#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

static const uint64_t SEGMENT = 4 << 20;

static struct memory_disk *disk;
static struct lane lane;
static uint64_t verdicts[VERDICT_END];
static uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
static const struct wire_reply *const replies =
	(const struct wire_reply *)(datagram + WIRE_HEADER_BYTES);

/* A lane that sells SKU 1, as the server starts it: the offer is record 1 and on disk. */
static void open_lane(void)
{
	const struct record offer = sale_offer(1, 1000, 4990, 0);
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(7, 0, SEGMENT, 2);
	lane = (struct lane){
		.shard = sale_open(1000, &offer, 1),
		.journal = memory_disk_journal(disk, &tail),
		.clock_ns = 1000,
	};
	*journal_slot(lane.journal) = offer;
	journal_commit(lane.journal);
	journal_pump(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
}

static void close_lane(void)
{
	while (journal_error(lane.journal) == 0 && !journal_idle(lane.journal)) {
		journal_pump(lane.journal, lane.clock_ns);
		memory_disk_complete_all(disk, lane.journal);
	}
	journal_close(lane.journal);
	shard_close(lane.shard);
	memory_disk_close(disk);
}

TestSuite(answer, .init = open_lane, .fini = close_lane);

static struct wire_header *header(void)
{
	return (struct wire_header *)datagram;
}

/* Answers a datagram of cnt BUYs whose first request id is `first`; what the reply waits for. */
static uint64_t ask(uint8_t cnt, uint64_t first, uint8_t flags, uint16_t shard)
{
	struct wire_request *requests = wire_requests(datagram);
	struct lookup keys[WIRE_ENTRY_CNT_MAX];

	frame_datagram(datagram, cnt);
	header()->flags = flags;
	header()->shard = shard;
	for (uint8_t i = 0; i < cnt; i++)
		requests[i].id[0] = first + i;
	lookup_all(lane.shard, requests, keys, cnt);
	return answer_datagram(&lane, datagram, keys, verdicts);
}

Test(answer, a_yes_waits_for_its_record)
{
	cr_assert(eq(u64, ask(3, 100, 0, 0), 4));
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(eq(u8, replies[i].verdict, VERDICT_ACCEPTED));
		cr_assert(eq(u8, replies[i].durability, DURABILITY_DURABLE));
		cr_assert(eq(u64, replies[i].order_id, 2 + i));
		cr_assert(eq(u64, replies[i].id[0], 100 + i));
	}
	cr_assert(eq(u64, journal_durable_lsn(lane.journal), 1));
	cr_assert(eq(u64, verdicts[VERDICT_ACCEPTED], 3));
}

Test(answer, a_retry_waits_for_the_first_answers_record)
{
	(void)ask(1, 100, 0, 0);
	cr_assert(eq(u64, ask(1, 100, 0, 0), 2), "the first is still in flight");
	journal_pump(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
	cr_assert(eq(u64, ask(1, 100, 0, 0), 0), "now it is on disk");
	cr_assert(eq(u64, replies[0].order_id, 2));
	cr_assert(eq(u8, replies[0].durability, DURABILITY_DURABLE));
}

Test(answer, refusals_wait_for_nothing)
{
	struct wire_request *request = wire_requests(datagram);

	(void)ask(1, 100, 0, 0);
	frame_datagram(datagram, 1);

	struct lookup key;

	request->sku = 99;
	lookup_all(lane.shard, request, &key, 1);
	cr_assert(eq(u64, answer_datagram(&lane, datagram, &key, verdicts), 0));
	cr_assert(eq(u8, replies[0].verdict, VERDICT_UNKNOWN_SKU));
	cr_assert(eq(u8, replies[0].durability, DURABILITY_NONE));
}

Test(answer, memory_ack_waits_for_nothing_and_says_so)
{
	lane.ack = ACK_MEMORY;
	cr_assert(eq(u64, ask(1, 100, 0, 0), 0));
	cr_assert(eq(u8, replies[0].durability, DURABILITY_MEMORY));
	journal_pump(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
	(void)ask(1, 100, 0, 0);
	cr_assert(eq(u8, replies[0].durability, DURABILITY_DURABLE));
}

Test(answer, other_shard_in_the_header_executes_nothing)
{
	cr_assert(eq(u64, ask(2, 100, 0, 5), 0));
	cr_assert(eq(u8, replies[1].verdict, VERDICT_WRONG_SHARD));
	cr_assert(eq(u16, replies[1].quantity, 0));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 2));
}

Test(answer, what_is_no_basket_executes_nothing)
{
	cr_assert(eq(u64, ask(2, 100, WIRE_FLAG_BASKET, 0), 0));
	cr_assert(replies[0].verdict >= VERDICT_BASKET_SIZE &&
		  replies[0].verdict <= VERDICT_BASKET_TWICE);
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 2));
}

Test(answer, draining_sells_nothing_new_and_still_tells_what_was_sold)
{
	(void)ask(1, 100, 0, 0);
	lane.draining = true;
	cr_assert(eq(u64, ask(2, 100, 0, 0), 2));
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u8, replies[1].verdict, VERDICT_DRAINING));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 3));
}

Test(answer, failed_write_is_final_and_what_it_held_is_taken_back)
{
	static uint8_t waiting[WIRE_DATAGRAM_BYTES_MAX];
	const struct wire_reply *taken = (const struct wire_reply *)(waiting + WIRE_HEADER_BYTES);

	(void)ask(1, 100, 0, 0);
	journal_pump(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
	/* One entry is durable, one isn't. */
	(void)ask(2, 100, 0, 0);
	memcpy(waiting, datagram, sizeof(waiting));
	journal_pump(lane.journal, lane.clock_ns);
	memory_disk_end(disk, 0, lane.journal, 0, -EIO);
	cr_assert(eq(int, journal_error(lane.journal), EIO));
	answer_unavailable(&lane, waiting, journal_durable_lsn(lane.journal), verdicts);
	cr_assert(eq(u8, taken[0].verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u64, taken[0].order_id, 2));
	cr_assert(eq(u8, taken[1].verdict, VERDICT_UNAVAILABLE));
	cr_assert(eq(u64, taken[1].order_id, 0));
	cr_assert(eq(u64, taken[1].id[0], 101));
	cr_assert(eq(u64, ask(1, 200, 0, 0), 0));
	cr_assert(eq(u8, replies[0].verdict, VERDICT_UNAVAILABLE));
}

Test(answer, asks_to_wait_only_where_waiting_helps)
{
	/* Fills everything the journal has buffers for. */
	for (uint64_t id = 1000; journal_room(lane.journal) >= 1 && id < 1900; id += 29)
		(void)ask(29, id, 0, 0);
	cr_assert(answer_possible(&lane, 1) || !journal_idle(lane.journal));
	memory_disk_complete_all(disk, lane.journal);
	cr_assert(answer_possible(&lane, WIRE_ENTRY_CNT_MAX));
}

Test(answer, without_journal_space_nothing_is_sold)
{
	/* A segment of a header, two blocks and the room to seal, and no other: it is soon full. */
	close_lane();

	const struct record offer = sale_offer(1, 1000, 4990, 0);
	const struct lane_tail tail = empty_tail();

	disk = memory_disk_open(7, 0, 4 * BLOCK_ALIGN_BYTES, 1);
	lane.shard = sale_open(1000, &offer, 1);
	lane.journal = memory_disk_journal(disk, &tail);
	*journal_slot(lane.journal) = offer;
	journal_commit(lane.journal);
	for (unsigned i = 0; i < 10; i++) {
		journal_pump(lane.journal, lane.clock_ns);
		memory_disk_complete_all(disk, lane.journal);
		if (i == 9) {
			/* A segment that is only late is waited for. */
			cr_assert(not(answer_possible(&lane, 1)));
			disk->segment_error = -ENOSPC;
		}
		cr_assert(eq(int, answer_possible(&lane, 1), i == 0 || i == 9), "%u", i);
		if (answer_possible(&lane, 1))
			(void)ask(29, 100 + 29 * i, 0, 0);
	}
	cr_assert(eq(u8, replies[28].verdict, VERDICT_JOURNAL_FULL));
	/* With space again it goes on by itself. */
	memory_disk_add_segment(disk);
	journal_pump(lane.journal, lane.clock_ns);
	(void)ask(1, 5000, 0, 0);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED));
}

/* What closed stays closed after a restart with the clock set back: a block carries the time. */
Test(answer, closed_is_noted_in_the_lane)
{
	const struct block_header *last;
	struct wire_request *request = wire_requests(datagram);
	struct lookup key;
	struct record offer = sale_offer(2, 10, 100, 0);
	const char *why;

	journal_put_closing_block(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
	offer.at_ns = lane.clock_ns;
	offer.offer.closes_at_ns = 5000;
	cr_assert(eq(int, shard_apply(lane.shard, 2, &offer, &why), 0), "%s", why);
	*journal_slot(lane.journal) = offer;
	journal_commit(lane.journal);
	journal_pump(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
	journal_put_closing_block(lane.journal, lane.clock_ns);
	memory_disk_complete_all(disk, lane.journal);
	cr_assert(not(journal_wants_closing_block(lane.journal)));

	lane.clock_ns = 6000;
	for (unsigned round = 0; round < 2; round++) {
		frame_datagram(datagram, 1);
		header()->shard = 0;
		request->sku = 2;
		lookup_all(lane.shard, request, &key, 1);
		cr_assert(eq(u64, answer_datagram(&lane, datagram, &key, verdicts), 0));
		cr_assert(eq(u8, replies[0].verdict, VERDICT_CLOSED));
		/* Once is enough. */
		cr_assert(eq(int, journal_wants_closing_block(lane.journal), round == 0));
		journal_put_closing_block(lane.journal, lane.clock_ns);
		cr_assert(eq(u32, disk->write_cnt, round == 0));
		if (round == 0) {
			last = disk->writes[0].buffer;
			cr_assert(eq(u32, last->record_cnt, 0));
			cr_assert(eq(u64, last->written_at_ns, 6000));
			memory_disk_complete_all(disk, lane.journal);
		}
	}
}

static const uint64_t SECOND_NS = 1000000000;
static const uint32_t SALE = 7;

/* Answers a dated BUY of one unit at the lane's clock; its verdict. */
static uint8_t ask_dated(uint64_t id, uint64_t issued_at_ns, uint32_t valid_ms, uint32_t sale)
{
	struct wire_request *request = wire_requests(datagram);
	struct lookup key;

	frame_dated(datagram, 1, issued_at_ns, valid_ms, sale);
	request->id[0] = id;
	lookup_all(lane.shard, request, &key, 1);
	(void)answer_datagram(&lane, datagram, &key, verdicts);
	return replies[0].verdict;
}

static void open_dated(void)
{
	lane.sale = SALE;
	lane.clock_ns = 10000 * SECOND_NS;
}

Test(answer, a_date_is_good_from_its_issue_to_its_end)
{
	const uint64_t now_ns = 10000 * SECOND_NS;
	uint64_t id = 100;

	open_dated();
	cr_assert(eq(u8, ask_dated(id++, now_ns, 1, SALE), VERDICT_ACCEPTED));
	cr_assert(eq(u8, ask_dated(id++, now_ns - 5 * SECOND_NS, 5000, SALE), VERDICT_ACCEPTED));
	cr_assert(eq(u8, ask_dated(id++, now_ns - 5 * SECOND_NS - 1, 5000, SALE), VERDICT_STALE));
	cr_assert(eq(u64, replies[0].instant_ns, now_ns));
	/* No longer than the longest life. */
	cr_assert(eq(u8, ask_dated(id++, now_ns - 600 * SECOND_NS, UINT32_MAX, SALE),
		     VERDICT_ACCEPTED));
	cr_assert(eq(u8, ask_dated(id++, now_ns - 600 * SECOND_NS - 1, UINT32_MAX, SALE),
		     VERDICT_STALE));
	cr_assert(eq(u8, ask_dated(id++, 0, UINT32_MAX, SALE), VERDICT_STALE));
	/* A second ahead of the clock, and beyond. */
	cr_assert(eq(u8, ask_dated(id++, now_ns + SECOND_NS, 1, SALE), VERDICT_ACCEPTED));
	cr_assert(eq(u8, ask_dated(id++, now_ns + SECOND_NS + 1, 1, SALE), VERDICT_STALE));
	cr_assert(eq(u8, ask_dated(id++, UINT64_MAX, 1, SALE), VERDICT_STALE));
	/* No life at all. */
	cr_assert(eq(u8, ask_dated(id++, now_ns, 0, SALE), VERDICT_STALE));
	cr_assert(eq(u64, verdicts[VERDICT_ACCEPTED], 4));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 6));
}

Test(answer, of_another_sale_is_stale)
{
	open_dated();
	cr_assert(eq(u8, ask_dated(100, lane.clock_ns, 1000, SALE + 1), VERDICT_STALE));
	cr_assert(eq(u8, ask_dated(100, lane.clock_ns, 1000, 0), VERDICT_STALE));
	cr_assert(eq(u8, ask_dated(100, lane.clock_ns, 1000, SALE), VERDICT_ACCEPTED));
}

/* Recorded before the opening, sent again after it by somebody who has no key. */
Test(answer, a_recorded_refusal_is_repeated_as_of_its_issue)
{
	struct record offer = sale_offer(1, 1000, 4990, 0);
	const uint64_t opens_at_ns = 10001 * SECOND_NS;

	close_lane();
	offer.offer.opens_at_ns = opens_at_ns;
	disk = memory_disk_open(7, 0, SEGMENT, 2);
	lane.shard = sale_open(1000, &offer, 1);
	lane.journal = memory_disk_journal(
		disk, &(struct lane_tail){.next_lsn = 2, .place.offset = BLOCK_ALIGN_BYTES});
	open_dated();
	cr_assert(eq(u8, ask_dated(100, lane.clock_ns, 60000, SALE), VERDICT_NOT_OPEN));
	for (uint64_t seconds = 1; seconds < 200; seconds++) {
		lane.clock_ns += SECOND_NS;
		cr_assert(eq(u8, ask_dated(100, 10000 * SECOND_NS, 60000, SALE),
			     seconds <= 60 ? VERDICT_NOT_OPEN : VERDICT_STALE));
	}
	cr_assert(eq(u8, ask_dated(100, lane.clock_ns, 60000, SALE), VERDICT_ACCEPTED));
}

Test(answer, a_reply_tells_clock_and_sale)
{
	open_dated();
	(void)ask_dated(100, lane.clock_ns - 5, 1234, SALE + 1);
	cr_assert(eq(u64, wire_date_of(datagram).issued_at_ns, lane.clock_ns));
	cr_assert(eq(u32, wire_date_of(datagram).valid_ms, 1234));
	cr_assert(eq(u32, wire_date_of(datagram).sale, SALE));
}

/* Old clients work where the operator lets them; lookups and pings always. */
Test(answer, undated_gets_no_order_where_it_is_refused)
{
	struct wire_request *request = wire_requests(datagram);
	struct lookup key;

	open_dated();
	(void)ask(1, 100, 0, 0);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED));
	lane.undated_refused = true;
	(void)ask(2, 100, 0, 0);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_ACCEPTED), "as it was committed before");
	cr_assert(eq(u8, replies[1].verdict, VERDICT_STALE));
	cr_assert(eq(u8, ask_dated(101, lane.clock_ns, 1000, SALE), VERDICT_ACCEPTED));
	for (unsigned i = 0; i < 2; i++) {
		frame_datagram(datagram, 1);
		request->id[0] = 100;
		request->op = i == 0 ? WIRE_OP_LOOKUP : WIRE_OP_PING;
		lookup_all(lane.shard, request, &key, 1);
		(void)answer_datagram(&lane, datagram, &key, verdicts);
		cr_assert(eq(u8, replies[0].verdict, i == 0 ? VERDICT_ACCEPTED : VERDICT_PONG));
	}
	cr_assert(eq(u64, replies[0].order_id, SALE));
}

/* A PONG has the sale where an order has its id, but rests on no record. */
Test(answer, a_failed_write_takes_no_pong_back)
{
	struct wire_request *requests = wire_requests(datagram);
	struct lookup keys[2];

	lane.sale = UINT32_MAX;
	frame_datagram(datagram, 2);
	requests[0].op = WIRE_OP_PING;
	lookup_all(lane.shard, requests, keys, 2);
	cr_assert(eq(u64, answer_datagram(&lane, datagram, keys, verdicts), 2));
	answer_unavailable(&lane, datagram, 1, verdicts);
	cr_assert(eq(u8, replies[0].verdict, VERDICT_PONG));
	cr_assert(eq(u64, replies[0].order_id, UINT32_MAX));
	cr_assert(eq(u8, replies[1].verdict, VERDICT_UNAVAILABLE));
}
