#include "engine/base/error.h"
#include "engine/lane/lane_turn.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "tests/support/frames.h"
#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

/* Two lanes of one thread, each on a disk of its own that works, stands still or fails. */
enum {
	LANES = 2,
	PARCELS_MAX = 1024,
	UNLIMITED = 1 << 30,
};
static const uint64_t SEGMENT = 4 << 20;
static const uint64_t SECOND_NS = 1000000000;
static const uint64_t BEGIN_NS = 1000000000000;

/* A datagram, and what became of it. */
struct parcel {
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	uint16_t lane_idx;
	unsigned place; /* among the answers of its lane, from 1 on; 0: it has no answer */
	bool dropped;
	bool asked; /* has_room said yes in this turn */
};

static struct {
	struct disk disk; /* reaps the writes of both lanes' disks */
	struct memory_disk *disks[LANES];
	unsigned finish_cnt[LANES]; /* writes that may come back */
	int fails[LANES];           /* errno that they come back with */
	unsigned room[LANES];       /* answers that may leave until the next flush */
	unsigned unflushed[LANES];
	unsigned answer_cnt[LANES];
	unsigned drop_cnt;
	uint64_t sku[LANES];
	uint64_t verdicts[VERDICT_END];
	uint64_t now_ns;
	unsigned parcel_cnt;
	struct parcel parcels[PARCELS_MAX];
	struct lane_turn turn;
	struct lane lanes[LANES];
} rig;

static struct reply_queue reply_queues[LANES];
static struct backlog backlogs[LANES];
static _Alignas(BLOCK_ALIGN_BYTES) uint8_t buffers[LANES][BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];

static struct journal *journal_of(unsigned lane)
{
	return rig.lanes[lane].journal;
}

static int reap(struct disk *base, disk_done_fn *done, void *context)
{
	int cnt = 0;

	(void)base;
	for (unsigned i = 0; i < LANES; i++) {
		struct memory_disk *disk = rig.disks[i];

		for (; disk->write_cnt > 0 && rig.finish_cnt[i] > 0; rig.finish_cnt[i]--, cnt++) {
			const struct memory_write write = disk->writes[0];

			disk->write_cnt--;
			memmove(&disk->writes[0], &disk->writes[1],
				disk->write_cnt * sizeof(write));
			done(context, write.token,
			     rig.fails[i] != 0 ? -rig.fails[i] : (int64_t)write.bytes);
		}
	}
	return cnt;
}

static int submit(struct disk *base)
{
	(void)base;
	return 0;
}

static const struct disk_ops disk_ops = {.reap = reap, .submit = submit};

static bool has_room(void *host, const struct exchange *exchange)
{
	struct parcel *parcel = exchange->packet;

	CHECK(host == &rig && parcel->place == 0 && !parcel->dropped);
	parcel->asked = rig.room[exchange->lane_idx] > rig.unflushed[exchange->lane_idx];
	return parcel->asked;
}

static const struct wire_reply *replies_of(const struct parcel *parcel)
{
	return (const struct wire_reply *)(parcel->datagram + WIRE_HEADER_BYTES);
}

/* Checked in every test: an answer that is given out rests only on acknowledged records. */
static void check_acknowledged(const struct parcel *parcel)
{
	const struct lane *lane = &rig.lanes[parcel->lane_idx];
	const uint8_t cnt = wire_count(parcel->datagram);

	for (uint8_t i = 0; i < cnt; i++) {
		const struct wire_reply *reply = &replies_of(parcel)[i];
		const uint64_t lsn = reply->order_id & LSN_MAX;

		if (reply->verdict != VERDICT_ACCEPTED)
			continue;
		cr_assert(lsn > 1);
		if (lane->ack == ACK_DURABLE)
			cr_assert(le(u64, lsn, journal_durable_lsn(lane->journal)));
	}
}

static void reply(void *host, const struct exchange *exchange)
{
	struct parcel *parcel = exchange->packet;

	/* An answer is given once, and has_room was asked before. */
	CHECK(host == &rig && parcel->asked && parcel->place == 0 && !parcel->dropped);
	CHECK(exchange_datagram(exchange) == parcel->datagram);
	parcel->place = ++rig.answer_cnt[parcel->lane_idx];
	rig.unflushed[parcel->lane_idx]++;
	check_acknowledged(parcel);
}

static void flush(void *host, enum lane_turn_stage stage)
{
	(void)host;
	(void)stage;
	memset(rig.unflushed, 0, sizeof(rig.unflushed));
}

static void drop(void *host, const struct exchange *exchange)
{
	struct parcel *parcel = exchange->packet;

	(void)host;
	CHECK(parcel->place == 0 && !parcel->dropped);
	parcel->dropped = true;
	rig.drop_cnt++;
}

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = reply,
	.flush = flush,
	.drop = drop,
};

/* A whole turn with the datagrams that were added since the last. */
static void turn_at(uint64_t now_ns)
{
	lane_turn_decide(&rig.turn);
	lane_turn_write(&rig.turn);
	lane_turn_release(&rig.turn);
	lane_turn_tend(&rig.turn);
	for (unsigned i = 0; i < PARCELS_MAX; i++)
		rig.parcels[i].asked = false;
	rig.now_ns = now_ns;
	lane_turn_begin(&rig.turn, now_ns, now_ns);
}

static void turn(void)
{
	turn_at(rig.now_ns + 1000);
}

static void turns(unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		turn();
}

static void open_lane(uint16_t idx, uint32_t stock, uint64_t segment_bytes, uint64_t segments)
{
	struct lane *lane = &rig.lanes[idx];
	const struct shard_size size = {.offer_cnt = 2, .order_cnt = 16384, .buyer_cnt = 16384};
	struct journal_options options = {
		.journal_id = 7,
		.lane = idx,
		.tail = empty_tail(),
		.disk = NULL,
		.buffers = buffers[idx],
	};
	const char *why = NULL;
	struct error error;

	while (wire_shard_of(++rig.sku[idx], LANES) != idx)
		;

	const struct record offer = sale_offer(rig.sku[idx], stock, 100, 0);

	rig.disks[idx] = memory_disk_open(7, idx, segment_bytes, segments);
	options.disk = &rig.disks[idx]->disk;
	options.segments = &rig.disks[idx]->segments;
	*lane = (struct lane){
		.idx = idx,
		.clock_ns = BEGIN_NS,
		.condition = LANE_SELLING,
		.backlog = &backlogs[idx],
		.reply_queue = &reply_queues[idx],
	};
	CHECK(commands_open(&lane->commands) == 0);
	CHECK(journal_open(&lane->journal, &options, &error) == 0);
	CHECK(shard_open(&lane->shard, idx, LANES, &size) == 0);
	CHECK(shard_apply(lane->shard, 1, &offer, &why) == 0);
	*journal_slot(lane->journal) = offer;
	journal_commit(lane->journal);
	rig.finish_cnt[idx] = UNLIMITED;
	rig.room[idx] = UNLIMITED;
}

static void open_rig(uint32_t stock, uint64_t segment_bytes, uint64_t segments)
{
	rig.disk.ops = &disk_ops;
	for (uint16_t i = 0; i < LANES; i++)
		open_lane(i, stock, segment_bytes, segments);
	rig.turn = (struct lane_turn){
		.ops = &host_ops,
		.host = &rig,
		.lanes = rig.lanes,
		.lane_step = 1,
		.lane_cnt = LANES,
		.disk = &rig.disk,
		.verdict_cnt = rig.verdicts,
	};
	rig.now_ns = BEGIN_NS;
	rig.turn.monotonic_ns = BEGIN_NS;
	lane_turn_begin(&rig.turn, BEGIN_NS, BEGIN_NS);
	/* The offers are on disk. */
	turns(2);
	CHECK(journal_durable_lsn(journal_of(0)) == 1 && journal_durable_lsn(journal_of(1)) == 1);
}

static void open_usual(void)
{
	open_rig(15000, SEGMENT, 2);
}

static void close_rig(void)
{
	for (unsigned i = 0; i < LANES; i++) {
		journal_abandon(journal_of(i), ECANCELED);
		rig.disks[i]->write_cnt = 0;
		journal_close(journal_of(i));
		shard_close(rig.lanes[i].shard);
		memory_disk_close(rig.disks[i]);
		commands_close(rig.lanes[i].commands);
	}
}

TestSuite(lane_turn, .init = open_usual, .fini = close_rig);

/* Adds a datagram of cnt BUYs with the ids that are next, or from first_id on if that isn't 0. */
static struct parcel *ask_again(uint16_t lane_idx, uint8_t cnt, uint64_t first_id)
{
	static uint64_t next_id = 1;
	struct parcel *parcel = &rig.parcels[rig.parcel_cnt++];
	struct wire_request *requests = wire_requests(parcel->datagram);
	struct lane_batch *batch = &rig.turn.batch;

	CHECK(rig.parcel_cnt <= PARCELS_MAX);
	parcel->lane_idx = lane_idx;
	(void)frame_datagram(parcel->datagram, cnt);
	((struct wire_header *)parcel->datagram)->shard = lane_idx;
	for (uint8_t i = 0; i < cnt; i++) {
		const uint64_t id = first_id != 0 ? first_id + i : next_id++;

		requests[i] = sale_buy(id, id, rig.sku[lane_idx]);
	}
	batch->exchanges[batch->cnt] = (struct exchange){
		.packet = parcel,
		.frame = parcel->datagram,
		.at_ns = rig.turn.wall_ns,
		.view.payload_bytes = (uint16_t)wire_bytes(parcel->datagram),
		.lane_idx = lane_idx,
	};
	lane_turn_add(&rig.turn);
	return parcel;
}

static struct parcel *ask(uint16_t lane_idx, uint8_t cnt)
{
	return ask_again(lane_idx, cnt, 0);
}

/* A SKU of this lane's shard. */
static uint64_t not_on_sale(uint16_t lane_idx)
{
	uint64_t sku = rig.sku[lane_idx] + 1;

	while (wire_shard_of(sku, LANES) != lane_idx)
		sku++;
	return sku;
}

/* The verdict that all entries have, or else the first other one. */
static uint8_t verdict_of(const struct parcel *parcel)
{
	const uint8_t verdict = replies_of(parcel)[0].verdict;

	for (uint8_t i = 1; i < wire_count(parcel->datagram); i++) {
		if (replies_of(parcel)[i].verdict != verdict)
			return replies_of(parcel)[i].verdict;
	}
	return verdict;
}

static void expect_answer(const struct parcel *parcel, enum verdict verdict, unsigned place)
{
	cr_assert(eq(u32, parcel->place, place));
	cr_assert(eq(u8, verdict_of(parcel), verdict));
}

static void expect_condition(unsigned lane, enum lane_condition condition)
{
	cr_assert(eq(int, lane_condition(&rig.lanes[lane]), condition));
}

static void send(unsigned lane, struct command command)
{
	cr_assert(commands_send(rig.lanes[lane].commands, &command));
}

static void send_to_all(enum command_verb verb, int error)
{
	for (unsigned i = 0; i < LANES; i++)
		send(i, (struct command){.number = 1, .verb = verb, .error = error});
}

Test(lane_turn, a_lane_decides_in_the_order_of_arrival)
{
	struct parcel *parcels[2 * 32];

	close_rig();
	open_rig(20 * 5, SEGMENT, 2);
	for (unsigned i = 0; i < 64; i++)
		parcels[i] = ask(i % LANES, 5);
	turns(3);
	for (unsigned i = 0; i < 64; i++) {
		const unsigned nth = i / LANES;

		if (nth >= 20) {
			cr_assert(eq(u8, verdict_of(parcels[i]), VERDICT_SOLD_OUT));
			continue;
		}
		/* What is refused waits for nothing, so it is answered first. */
		expect_answer(parcels[i], VERDICT_ACCEPTED, 12 + nth + 1);
		cr_assert(eq(u64, replies_of(parcels[i])[0].order_id & LSN_MAX, 2 + 5 * nth));
	}
}

Test(lane_turn, what_waits_for_room_is_decided_before_what_comes_later)
{
	struct parcel *parcels[30];
	unsigned cnt = 0;

	for (unsigned round = 0; round < 6; round++) {
		rig.room[0] = round % 3 == 2 ? 7 : 0;
		for (unsigned i = 0; i < 5; i++)
			parcels[cnt++] = ask(0, 1);
		turn();
	}
	rig.room[0] = UNLIMITED;
	turns(3);
	for (unsigned i = 0; i < cnt; i++) {
		expect_answer(parcels[i], VERDICT_ACCEPTED, i + 1);
		cr_assert(eq(u64, replies_of(parcels[i])[0].order_id & LSN_MAX, 2 + i));
	}
	cr_assert(eq(u32, rig.drop_cnt, 0));
}

Test(lane_turn, durable_an_answer_waits_for_its_block_and_all_before_it)
{
	struct parcel *first;
	struct parcel *second;
	struct parcel *refused;

	rig.finish_cnt[0] = 0;
	first = ask(0, 3);
	turn();
	second = ask(0, 2);
	turns(4);
	cr_assert(eq(u32, first->place, 0));
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 1));
	refused = ask(0, 1);
	wire_requests(refused->datagram)->sku = not_on_sale(0);
	turn();
	expect_answer(refused, VERDICT_UNKNOWN_SKU, 1);
	rig.finish_cnt[0] = 1;
	turn();
	expect_answer(first, VERDICT_ACCEPTED, 2);
	cr_assert(eq(u32, second->place, 0), "its block is not on disk");
	rig.finish_cnt[0] = 1;
	turn();
	expect_answer(second, VERDICT_ACCEPTED, 3);
	cr_assert(eq(u8, replies_of(second)[1].durability, DURABILITY_DURABLE));
}

Test(lane_turn, a_retry_waits_for_the_record_of_the_first)
{
	struct parcel *first;
	struct parcel *retry;

	rig.finish_cnt[0] = 0;
	first = ask_again(0, 1, 77000);
	turn();
	retry = ask_again(0, 1, 77000);
	turns(2);
	cr_assert(eq(u32, retry->place, 0));
	rig.finish_cnt[0] = 1;
	turn();
	expect_answer(first, VERDICT_ACCEPTED, 1);
	expect_answer(retry, VERDICT_ACCEPTED, 2);
	cr_assert(eq(u64, replies_of(retry)->order_id, replies_of(first)->order_id));
}

Test(lane_turn, in_memory_an_answer_waits_for_nothing_and_says_so)
{
	const struct parcel *parcel;

	rig.lanes[0].ack = ACK_MEMORY;
	rig.finish_cnt[0] = 0;
	parcel = ask(0, 1);
	turn();
	expect_answer(parcel, VERDICT_ACCEPTED, 1);
	cr_assert(eq(u8, replies_of(parcel)->durability, DURABILITY_MEMORY));
	/* Its block is held back for a while, as nobody waits for it. */
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 0));
	turn_at(rig.now_ns + MEMORY_LINGER_NS - 2000);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 0));
	turns(3);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 1));
}

/* Blocks leave when the next datagram finds no room, whatever else is turned meanwhile. */
Test(lane_turn, on_paper_an_answer_waits_for_nothing_and_blocks_leave_by_records_alone)
{
	uint32_t asked_cnt = 1; /* the offer, which is in a block of its own */
	uint32_t write_cnt = 0;
	const struct parcel *parcel = NULL;

	rig.lanes[0].ack = ACK_ON_PAPER;
	rig.finish_cnt[0] = 0;
	while (write_cnt == 0) {
		const uint32_t room = journal_room(journal_of(0));

		parcel = ask(0, 29);
		turns(3);
		turn_at(rig.now_ns + SECOND_NS);
		write_cnt = rig.disks[0]->write_cnt;
		cr_assert(eq(int, write_cnt > 0, room < 29 * REQUEST_RECORDS_MAX), "at %u records",
			  asked_cnt);
		if (write_cnt == 0) {
			expect_answer(parcel, VERDICT_ACCEPTED, rig.answer_cnt[0]);
			cr_assert(eq(u8, replies_of(parcel)->durability, DURABILITY_DURABLE));
			asked_cnt += 29;
		}
	}
	cr_assert(ge(u32, asked_cnt, BLOCK_RECORDS_MAX * (BLOCK_BUFFERS_CNT - 1)));
	cr_assert(eq(u32, write_cnt, WRITES_IN_FLIGHT_MAX));
	cr_assert(eq(u32, parcel->place, 0), "it waits for room");
	rig.finish_cnt[0] = UNLIMITED;
	turns(3);
	expect_answer(parcel, VERDICT_ACCEPTED, rig.answer_cnt[0]);
	/* There is room again: what is full already stays. */
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 0));
	cr_assert(not(journal_idle(journal_of(0))));
}

Test(lane_turn, a_lane_without_room_holds_up_no_other_and_drops_only_what_finds_its_backlog_full)
{
	struct parcel *waiting[BACKLOG_MAX + 30];
	unsigned cnt = 0;

	rig.room[0] = 0;
	while (cnt < BACKLOG_MAX + 30) {
		const struct parcel *other;

		for (unsigned i = 0; i < 30 && cnt < BACKLOG_MAX + 30; i++)
			waiting[cnt++] = ask(0, 1);
		other = ask(1, 1);
		turns(2);
		expect_answer(other, VERDICT_ACCEPTED, rig.answer_cnt[1]);
		cr_assert(eq(u32, rig.drop_cnt, cnt > BACKLOG_MAX ? cnt - BACKLOG_MAX : 0));
	}
	cr_assert(eq(u32, rig.answer_cnt[0], 0));
	rig.room[0] = UNLIMITED;
	turns(3);
	cr_assert(eq(u32, rig.answer_cnt[0], BACKLOG_MAX));
	for (unsigned i = 0; i < cnt; i++) {
		cr_assert(eq(int, waiting[i]->dropped, i >= BACKLOG_MAX));
		if (i < BACKLOG_MAX)
			expect_answer(waiting[i], VERDICT_ACCEPTED, i + 1);
	}
}

Test(lane_turn, a_journal_without_room_holds_up_no_other_lane)
{
	const struct parcel *waiting;
	const struct parcel *other;

	rig.finish_cnt[0] = 0;
	for (; journal_room(journal_of(0)) >= 29 * REQUEST_RECORDS_MAX; turn())
		(void)ask(0, 29);
	waiting = ask(0, 29);
	other = ask(1, 29);
	turns(2);
	expect_answer(other, VERDICT_ACCEPTED, 1);
	cr_assert(eq(u32, rig.answer_cnt[0], 0));
	cr_assert(eq(u32, backlog_room(rig.lanes[0].backlog), BACKLOG_MAX - 1));
	rig.finish_cnt[0] = UNLIMITED;
	turns(4);
	expect_answer(waiting, VERDICT_ACCEPTED, rig.answer_cnt[0]);
}

Test(lane_turn, has_room_while_a_burst_fits_every_lane_that_gets_on)
{
	rig.room[0] = 0;
	cr_assert(lane_turn_has_room(&rig.turn));
	for (unsigned i = 0; i <= BACKLOG_MAX - RX_BURST_MAX; i++) {
		cr_assert(lane_turn_has_room(&rig.turn), "%u", i);
		(void)ask(0, 1);
		turn();
	}
	cr_assert(not(lane_turn_has_room(&rig.turn)));
	/* It is not waited for any longer, as there is another. */
	turn_at(rig.now_ns + BACKLOG_PATIENCE_NS);
	cr_assert(lane_turn_has_room(&rig.turn));
	/* Nor if the other one is another worker's: its datagrams may come in here. */
	rig.turn.lane_step = LANES;
	cr_assert(lane_turn_has_room(&rig.turn));
	/* One that is alone is waited for. */
	rig.turn.lane_cnt = rig.turn.lane_step = 1;
	cr_assert(not(lane_turn_has_room(&rig.turn)));
}

Test(lane_turn, whoever_waits_for_a_failed_lane_gets_unavailable)
{
	struct parcel *durable;
	struct parcel *lost[3];
	struct parcel *other;
	struct parcel *later;

	rig.finish_cnt[0] = 0;
	durable = ask(0, 2);
	turn();
	lost[0] = ask(0, 2);
	turn();
	rig.finish_cnt[0] = 1;
	turn();
	expect_answer(durable, VERDICT_ACCEPTED, 1);
	lost[1] = ask(0, 1);
	turn();
	rig.room[0] = 0;
	lost[2] = ask(0, 1);
	other = ask(1, 1);
	rig.finish_cnt[0] = 1;
	rig.fails[0] = EIO;
	turns(2);
	cr_assert(eq(u32, rig.answer_cnt[0], 1), "no room for them yet");
	expect_condition(0, LANE_FAILED);
	expect_condition(1, LANE_SELLING);
	cr_assert(eq(int, rig.lanes[0].error, EIO));
	rig.room[0] = UNLIMITED;
	later = ask(0, 1);
	turns(2);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(eq(u8, verdict_of(lost[i]), VERDICT_UNAVAILABLE), "%u", i);
	cr_assert(lt(u32, lost[0]->place, lost[1]->place));
	expect_answer(later, VERDICT_UNAVAILABLE, later->place);
	expect_answer(other, VERDICT_ACCEPTED, 1);
	cr_assert(eq(u32, rig.answer_cnt[0], 5), "each once");
	cr_assert(eq(u64, rig.verdicts[VERDICT_ACCEPTED], 3));
	cr_assert(eq(u64, rig.verdicts[VERDICT_UNAVAILABLE], 5));
	rig.finish_cnt[1] = UNLIMITED;
	turns(2);
	cr_assert(lane_turn_all_done(&rig.turn));
}

Test(lane_turn, a_lane_is_stalled_while_its_disk_makes_no_progress)
{
	expect_condition(0, LANE_SELLING);
	rig.finish_cnt[0] = 0;
	(void)ask(0, 1);
	turn_at(rig.now_ns + 2 * SECOND_NS - 10000);
	turn();
	expect_condition(0, LANE_SELLING);
	turn_at(rig.now_ns + SECOND_NS);
	turn();
	expect_condition(0, LANE_STALLED);
	expect_condition(1, LANE_SELLING);
	send_to_all(COMMAND_DRAIN, 0);
	turn();
	expect_condition(0, LANE_STALLED);
	expect_condition(1, LANE_DRAINING);
	rig.finish_cnt[0] = UNLIMITED;
	turns(2);
	expect_condition(0, LANE_DRAINING);
}

Test(lane_turn, a_lane_is_full_when_no_segment_can_come)
{
	struct parcel *refused;

	close_rig();
	/* A header, two blocks and the room to seal. */
	open_rig(10000, 4 * BLOCK_ALIGN_BYTES, 1);
	rig.disks[0]->segment_error = -ENOSPC;
	for (unsigned i = 0; i < 3; i++) {
		(void)ask(0, 29);
		turns(3);
	}
	refused = ask(0, 1);
	turns(2);
	expect_condition(0, LANE_FULL);
	expect_answer(refused, VERDICT_JOURNAL_FULL, refused->place);
	memory_disk_add_segment(rig.disks[0]);
	rig.disks[0]->segment_error = 0;
	turn();
	refused = ask(0, 1);
	turns(3);
	expect_condition(0, LANE_SELLING);
	expect_answer(refused, VERDICT_ACCEPTED, refused->place);
}

Test(lane_turn, draining_decides_nothing_new_and_gets_all_answers_out)
{
	struct parcel *sold;
	struct parcel *again;
	struct parcel *late;

	rig.lanes[1].ack = ACK_MEMORY;
	rig.finish_cnt[0] = 0;
	sold = ask_again(0, 1, 88000);
	(void)ask(1, 1);
	turn();
	send_to_all(COMMAND_DRAIN, 0);
	turn();
	again = ask_again(0, 1, 88000);
	late = ask(0, 2);
	turn();
	expect_condition(0, LANE_DRAINING);
	expect_answer(late, VERDICT_DRAINING, 1);
	cr_assert(eq(u64, journal_next_lsn(journal_of(0)), 3));
	/* Nothing is held back any more. */
	turn();
	cr_assert(journal_idle(journal_of(1)));
	cr_assert(not(lane_turn_all_done(&rig.turn)));
	rig.finish_cnt[0] = UNLIMITED;
	turn();
	expect_answer(sold, VERDICT_ACCEPTED, 2);
	expect_answer(again, VERDICT_ACCEPTED, 3);
	cr_assert(lane_turn_all_done(&rig.turn));
}

Test(lane_turn, is_done_only_when_nothing_waits_anywhere)
{
	cr_assert(lane_turn_all_done(&rig.turn));
	rig.room[0] = 0;
	(void)ask(0, 1);
	turn();
	cr_assert(not(lane_turn_all_done(&rig.turn)), "it waits to be decided");
	rig.room[0] = 1;
	rig.finish_cnt[0] = 0;
	turn();
	cr_assert(backlog_empty(rig.lanes[0].backlog));
	cr_assert(not(lane_turn_all_done(&rig.turn)), "its block is in flight");
	rig.room[0] = 0;
	rig.finish_cnt[0] = UNLIMITED;
	turns(2);
	cr_assert(journal_idle(journal_of(0)));
	cr_assert(not(lane_turn_all_done(&rig.turn)), "its answer waits");
	rig.room[0] = 1;
	turn();
	cr_assert(lane_turn_all_done(&rig.turn));
}

Test(lane_turn, abandons_what_the_disk_has_not_finished)
{
	struct parcel *lost;

	rig.finish_cnt[0] = 0;
	lost = ask(0, 3);
	turn();
	send_to_all(COMMAND_ABANDON, ETIMEDOUT);
	turn();
	turn();
	expect_answer(lost, VERDICT_UNAVAILABLE, 1);
	expect_condition(0, LANE_FAILED);
	cr_assert(eq(int, rig.lanes[0].error, ETIMEDOUT));
	expect_condition(1, LANE_SELLING);
	cr_assert(eq(int, journal_error(journal_of(1)), 0), "it had nothing to give up");
	cr_assert(lane_turn_all_done(&rig.turn));
}

Test(lane_turn, is_not_done_while_a_command_has_no_answer)
{
	const struct record offer = sale_offer(not_on_sale(0), 10, 100, 0);
	struct command_answer answer;

	send(0, (struct command){.number = 7, .verb = COMMAND_PUT_ON_SALE, .record = offer});
	cr_assert(not(lane_turn_all_done(&rig.turn)), "it was not carried out");
	rig.finish_cnt[0] = 0;
	turns(3);
	cr_assert(not(lane_turn_all_done(&rig.turn)), "it is not on disk");
	cr_assert(not(commands_answer(rig.lanes[0].commands, &answer)));
	rig.finish_cnt[0] = 1;
	turn();
	cr_assert(lane_turn_all_done(&rig.turn));
	cr_assert(commands_answer(rig.lanes[0].commands, &answer));
	cr_assert(eq(i32, answer.rc, 0));
}

/* A disk that stands still would never finish a closing block either. */
Test(lane_turn, closes_no_lane_that_was_given_up_while_it_drained)
{
	struct parcel *lost;

	rig.finish_cnt[0] = 0;
	lost = ask(0, 1);
	send_to_all(COMMAND_DRAIN, 0);
	turn();
	cr_assert(lane_turn_all_drain(&rig.turn));
	send_to_all(COMMAND_ABANDON, ETIMEDOUT);
	turns(2);
	expect_answer(lost, VERDICT_UNAVAILABLE, 1);
	rig.finish_cnt[1] = 0;
	lane_turn_close(&rig.turn);
	turn_at(rig.now_ns + SECOND_NS);
	turns(2);
	cr_assert(lane_turn_all_done(&rig.turn));
	expect_condition(0, LANE_FAILED);
	expect_condition(1, LANE_DRAINING);
}

/* Time in which nobody turned it does not count against its disk. */
Test(lane_turn, a_lane_that_is_taken_over_is_not_stalled)
{
	turns(2);
	rig.now_ns += 60 * SECOND_NS;
	lane_turn_take_over(&rig.turn, rig.now_ns);
	lane_turn_begin(&rig.turn, rig.now_ns, rig.now_ns);
	rig.finish_cnt[0] = 0;
	(void)ask(0, 1);
	turn();
	expect_condition(0, LANE_SELLING);
	turn_at(rig.now_ns + 2 * SECOND_NS);
	turn();
	expect_condition(0, LANE_STALLED);
}

Test(lane_turn, closes_a_lane_at_once_or_when_it_was_idle_for_a_while)
{
	rig.finish_cnt[0] = 0;
	rig.finish_cnt[1] = 0;
	turns(3);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 0));
	lane_turn_close(&rig.turn);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 1));
	cr_assert(eq(u32, rig.disks[1]->write_cnt, 1));
	rig.finish_cnt[0] = UNLIMITED;
	rig.finish_cnt[1] = UNLIMITED;
	turn();
	lane_turn_close(&rig.turn);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 0), "once is enough");

	(void)ask(0, 1);
	turns(3);
	rig.finish_cnt[0] = 0;
	turns(900);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 0));
	turns(200);
	cr_assert(eq(u32, rig.disks[0]->write_cnt, 1));
	cr_assert(eq(u32, rig.disks[1]->write_cnt, 0));
}

/* The clock of a lane follows the turns, and never falls. */
Test(lane_turn, lanes_go_by_the_clock_of_the_turn)
{
	const struct parcel *parcel = ask(0, 1);

	turn_at(rig.now_ns + SECOND_NS);
	turn();
	cr_assert(eq(u64, rig.lanes[0].clock_ns, rig.now_ns - 1000));
	cr_assert(eq(u64, rig.lanes[1].clock_ns, rig.now_ns - 1000));
	expect_answer(parcel, VERDICT_ACCEPTED, 1);
	lane_turn_begin(&rig.turn, BEGIN_NS, rig.now_ns);
	lane_turn_decide(&rig.turn);
	cr_assert(eq(u64, rig.lanes[0].clock_ns, rig.now_ns - 1000));
}
