#include "engine/lane/carry_out.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

/* A lane on a disk that does only what the test lets it do. */
enum {
	LANE = 3,
	SHARDS = 8,
	OFFERS = 2000,
};
static const uint64_t SEGMENT = 4 << 20;
static const uint64_t CLOCK_NS = 5000;

static struct memory_disk *disk;
static struct lane lane;
static uint64_t skus[OFFERS]; /* of this lane's shard */
static uint64_t sent;

static void open_on(uint64_t segment_bytes, uint64_t segments, uint64_t offer_cnt)
{
	const struct shard_size size = {
		.offer_cnt = offer_cnt, .order_cnt = 16, .buyer_cnt = 16, .placed_cnt = 16};
	const struct lane_tail tail = empty_tail();
	uint64_t sku = 0;

	for (unsigned i = 0; i < OFFERS; i++) {
		while (wire_shard_of(++sku, SHARDS) != LANE)
			;
		skus[i] = sku;
	}
	disk = memory_disk_open(7, LANE, segment_bytes, segments);
	lane = (struct lane){
		.idx = LANE,
		.journal = memory_disk_journal(disk, &tail),
		.clock_ns = CLOCK_NS,
		.ack = ACK_DURABLE,
	};
	sent = 0;
	CHECK(commands_open(&lane.commands) == 0);
	CHECK(shard_open(&lane.shard, LANE, SHARDS, &size) == 0);
}

static void open_lane(void)
{
	open_on(SEGMENT, 2, OFFERS);
}

static void close_lane(void)
{
	journal_abandon(lane.journal, ECANCELED);
	disk->write_cnt = 0;
	journal_close(lane.journal);
	shard_close(lane.shard);
	commands_close(lane.commands);
	memory_disk_close(disk);
}

TestSuite(carry_out, .init = open_lane, .fini = close_lane);

static void send(struct command command)
{
	command.number = ++sent;
	cr_assert(commands_send(lane.commands, &command));
}

static void put(unsigned offer)
{
	struct record record = sale_offer(skus[offer], 10, 100, 0);

	record.at_ns = 0;
	send((struct command){.verb = COMMAND_PUT_ON_SALE, .record = record});
}

static void end(enum command_verb verb, int error)
{
	send((struct command){.verb = verb, .error = error});
}

static bool on_sale(unsigned offer)
{
	struct offer_view known;

	return shard_find_offer(lane.shard, skus[offer], &known);
}

/* What waits for the disk goes to it and comes back. */
static void write_all(void)
{
	lane_pump(&lane, MEMORY_LINGER_NS);
	lane_pump(&lane, 2 * (uint64_t)MEMORY_LINGER_NS);
	memory_disk_complete_all(disk, lane.journal);
}

static void expect_none(void)
{
	struct command_answer answer;

	cr_assert(not(commands_answer(lane.commands, &answer)));
}

static void expect(uint64_t number, int rc, uint64_t lsn)
{
	struct command_answer answer;

	cr_assert(commands_answer(lane.commands, &answer));
	cr_assert(eq(u64, answer.number, number));
	cr_assert(eq(i32, answer.rc, rc), "%u", (unsigned)number);
	cr_assert(eq(u64, answer.lsn, lsn));
}

static void puts_on_sale(enum lane_ack ack)
{
	const struct record *record = journal_slot(lane.journal);

	lane.ack = (uint8_t)ack;
	put(0);
	put(1);
	carry_out_commands(&lane);
	cr_assert(on_sale(0) && on_sale(1));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 3));
	cr_assert(eq(uint, record->kind, RECORD_OFFER));
	cr_assert(eq(u64, record->sku, skus[0]));
	cr_assert(eq(u64, record->at_ns, CLOCK_NS), "the lane's clock");
	expect_none();
	lane_pump(&lane, MEMORY_LINGER_NS);
	carry_out_commands(&lane);
	expect_none();
	write_all();
	carry_out_commands(&lane);
	expect(1, 0, 1);
	expect(2, 0, 2);
	cr_assert(not(commands_any(lane.commands)));
}

Test(carry_out, puts_on_sale_and_answers_when_that_is_on_disk)
{
	puts_on_sale(ACK_DURABLE);
}

/* Buyers get their answers sooner; an operator's answer says that the record is on disk. */
Test(carry_out, in_memory_an_answer_waits_for_the_disk_all_the_same)
{
	puts_on_sale(ACK_MEMORY);
}

Test(carry_out, on_paper_an_answer_waits_for_nothing)
{
	lane.ack = ACK_ON_PAPER;
	put(0);
	carry_out_commands(&lane);
	expect(1, 0, 1);
}

Test(carry_out, refuses_what_is_on_sale_when_that_is_durable)
{
	put(0);
	put(0);
	carry_out_commands(&lane);
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 2), "one record");
	expect_none();
	write_all();
	put(0);
	carry_out_commands(&lane);
	expect(1, 0, 1);
	expect(2, -EEXIST, 0);
	expect(3, -EEXIST, 0);
}

Test(carry_out, refuses_what_is_no_offer_of_the_lane)
{
	struct record order = sale_offer(skus[0], 10, 100, 0);
	struct record foreign = order;

	order.kind = RECORD_ORDER;
	while (wire_shard_of(foreign.sku, SHARDS) == LANE)
		foreign.sku++;
	send((struct command){.verb = COMMAND_PUT_ON_SALE, .record = order});
	send((struct command){.verb = COMMAND_PUT_ON_SALE, .record = foreign});
	carry_out_commands(&lane);
	expect(1, -EBADMSG, 0);
	expect(2, -EBADMSG, 0);
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 1));
}

static void send_record(struct record record)
{
	send((struct command){.verb = COMMAND_PUT_ON_SALE, .record = record});
}

/* The SKU is of this shard's number, and sold by another. */
static struct record placed_in(uint16_t shard, unsigned offer)
{
	return (struct record){.kind = RECORD_PLACED, .quantity = shard, .sku = skus[offer]};
}

Test(carry_out, takes_skus_that_are_placed_here)
{
	struct record offer = sale_offer(skus[0], 10, 100, 0);
	struct offer_view known;

	while (wire_shard_of(offer.sku, SHARDS) == LANE)
		offer.sku++;
	offer.flags = OFFER_PLACED;
	send_record(offer);
	send_record(offer);
	carry_out_commands(&lane);
	cr_assert(shard_find_offer(lane.shard, offer.sku, &known));
	cr_assert(eq(uint, shard_owner(lane.shard, offer.sku), LANE));
	write_all();
	/* Of its own number it is not placed. */
	offer.sku = skus[0];
	send_record(offer);
	carry_out_commands(&lane);
	expect(1, 0, 1);
	expect(2, -EEXIST, 0);
	expect(3, -EBADMSG, 0);
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 2));
}

Test(carry_out, knows_skus_that_are_placed_elsewhere)
{
	struct record foreign = placed_in(5, 0);

	while (wire_shard_of(foreign.sku, SHARDS) == LANE ||
	       wire_shard_of(foreign.sku, SHARDS) == 5)
		foreign.sku++;
	put(1);
	send_record(placed_in(5, 0));
	carry_out_commands(&lane);
	write_all();
	cr_assert(eq(uint, shard_owner(lane.shard, skus[0]), 5));
	/* Again, elsewhere, here, of another shard's number, and of what is on sale here. */
	send_record(placed_in(5, 0));
	send_record(placed_in(6, 0));
	send_record(placed_in(LANE, 2));
	send_record(foreign);
	send_record(placed_in(5, 1));
	/* Nor is it put on sale. */
	put(0);
	carry_out_commands(&lane);
	expect(1, 0, 1);
	expect(2, 0, 2);
	expect(3, -EEXIST, 0);
	for (uint64_t number = 4; number <= 8; number++)
		expect(number, -EBADMSG, 0);
	cr_assert(eq(u64, journal_next_lsn(lane.journal), 3));
}

Test(carry_out, refuses_what_the_tables_have_no_room_for)
{
	struct command_answer answer = {.rc = 0};
	unsigned cnt = 0;

	close_lane();
	open_on(SEGMENT, 2, 1);
	while (answer.rc == 0) {
		cr_assert(cnt < OFFERS);
		put(cnt++);
		carry_out_commands(&lane);
		write_all();
		carry_out_commands(&lane);
		cr_assert(commands_answer(lane.commands, &answer));
	}
	cr_assert(eq(i32, answer.rc, -ENOSPC));
	cr_assert(eq(u64, journal_next_lsn(lane.journal), cnt), "all but the last");
	cr_assert(not(on_sale(cnt - 1)));
}

Test(carry_out, a_turn_carries_out_so_many)
{
	for (unsigned i = 0; i < COMMANDS_PER_TURN_MAX + 1; i++)
		put(i);
	carry_out_commands(&lane);
	cr_assert(on_sale(COMMANDS_PER_TURN_MAX - 1) && !on_sale(COMMANDS_PER_TURN_MAX));
	carry_out_commands(&lane);
	cr_assert(on_sale(COMMANDS_PER_TURN_MAX));
	carry_out_commands(&lane);
	cr_assert(eq(u64, journal_next_lsn(lane.journal), COMMANDS_PER_TURN_MAX + 2), "each once");
}

Test(carry_out, a_drained_lane_puts_nothing_on_sale)
{
	put(0);
	end(COMMAND_DRAIN, 0);
	put(1);
	carry_out_commands(&lane);
	cr_assert(lane.draining && on_sale(0) && !on_sale(1));
	write_all();
	carry_out_commands(&lane);
	expect(1, 0, 1);
	expect(2, 0, 0);
	expect(3, -ESHUTDOWN, 0);
}

/* A lane whose journal takes no more before the disk has finished something. */
static unsigned fill(void)
{
	unsigned cnt = 0;

	while (journal_room(lane.journal) > 0) {
		put(cnt++);
		carry_out_commands(&lane);
	}
	lane_pump(&lane, MEMORY_LINGER_NS);
	return cnt;
}

static void open_small(void)
{
	close_lane();
	/* A header, three blocks and the room to seal. */
	open_on(5 * BLOCK_ALIGN_BYTES, 1, OFFERS);
}

Test(carry_out, waits_for_room_as_long_as_some_may_come)
{
	unsigned cnt;

	open_small();
	cnt = fill();
	put(cnt);
	put(cnt + 1);
	carry_out_commands(&lane);
	cr_assert(not(on_sale(cnt)));
	write_all();
	carry_out_commands(&lane);
	for (unsigned i = 0; i < cnt; i++)
		expect(i + 1, 0, i + 1);
	cr_assert(not(on_sale(cnt)), "the segment is full");
	expect_none();
	memory_disk_add_segment(disk);
	write_all();
	carry_out_commands(&lane);
	cr_assert(on_sale(cnt) && on_sale(cnt + 1));
	write_all();
	carry_out_commands(&lane);
	expect(cnt + 1, 0, cnt + 1);
	expect(cnt + 2, 0, cnt + 2);
}

Test(carry_out, says_that_a_full_journal_has_no_room)
{
	unsigned cnt;

	open_small();
	cnt = fill();
	put(cnt);
	disk->segment_error = -ENOSPC;
	carry_out_commands(&lane);
	cr_assert(eq(u32, disk->write_cnt > 0, 1), "not idle: it may still come");
	expect_none();
	write_all();
	carry_out_commands(&lane);
	for (unsigned i = 0; i < cnt; i++)
		expect(i + 1, 0, i + 1);
	expect(cnt + 1, -EAGAIN, 0);
	cr_assert(not(on_sale(cnt)));
}

/* A disk that stands still holds neither of them up, however much was sent before. */
static void ends_behind_a_full_ring(enum command_verb verb)
{
	unsigned waiting = 0;
	unsigned cnt;

	open_small();
	cnt = fill();
	while (commands_room(lane.commands) > 0) {
		put(cnt);
		waiting++;
	}
	carry_out_commands(&lane);
	end(verb, ETIMEDOUT);
	for (unsigned i = 0; i < 2 * COMMANDS_MAX / COMMANDS_PER_TURN_MAX + 2; i++)
		carry_out_commands(&lane);
	cr_assert(commands_first(lane.commands) == NULL);
	cr_assert(eq(int, lane.draining, verb == COMMAND_DRAIN));
	if (verb == COMMAND_DRAIN) {
		expect_none();
		write_all();
	} else {
		cr_assert(eq(int, journal_error(lane.journal), ETIMEDOUT));
	}
	carry_out_commands(&lane);
	for (unsigned i = 0; i < cnt; i++)
		expect(i + 1, verb == COMMAND_DRAIN ? 0 : -ETIMEDOUT, i + 1);
	for (unsigned i = 0; i < waiting; i++)
		expect(cnt + i + 1, -ESHUTDOWN, 0);
	expect(sent, 0, 0);
	cr_assert(not(commands_any(lane.commands)));
	cr_assert(not(on_sale(cnt)));
}

Test(carry_out, a_drain_ends_the_wait_of_what_was_sent_before)
{
	ends_behind_a_full_ring(COMMAND_DRAIN);
}

Test(carry_out, giving_up_ends_the_wait_of_what_was_sent_before)
{
	ends_behind_a_full_ring(COMMAND_ABANDON);
}

Test(carry_out, a_failed_lane_answers_with_its_error)
{
	put(0);
	carry_out_commands(&lane);
	write_all();
	put(1);
	put(0);
	carry_out_commands(&lane);
	lane_pump(&lane, MEMORY_LINGER_NS);
	memory_disk_end(disk, 0, lane.journal, 0, -EIO);
	put(2);
	end(COMMAND_ABANDON, ETIMEDOUT);
	end(COMMAND_DRAIN, 0);
	put(3);
	carry_out_commands(&lane);
	expect(1, 0, 1);
	expect(2, -EIO, 2);
	expect(3, -EIO, 0);
	for (uint64_t i = 4; i <= 7; i++)
		expect(i, -EIO, 0);
	cr_assert(lane.draining);
	cr_assert(not(on_sale(2)));
	cr_assert(not(commands_any(lane.commands)));
}

Test(carry_out, gives_up_what_is_on_its_way_and_fails_no_idle_lane)
{
	end(COMMAND_ABANDON, ETIMEDOUT);
	carry_out_commands(&lane);
	expect(1, 0, 0);
	cr_assert(eq(int, journal_error(lane.journal), 0));
	put(0);
	carry_out_commands(&lane);
	end(COMMAND_ABANDON, ETIMEDOUT);
	carry_out_commands(&lane);
	expect(2, -ETIMEDOUT, 1);
	expect(3, 0, 0);
	cr_assert(eq(int, journal_error(lane.journal), ETIMEDOUT));
}
