/*
 * Baskets over several shards: three lanes of two threads, each on a disk of its own that works,
 * stands still or fails; mails between the threads arrive when the other one takes its turn.
 */
#include "engine/lane/baskets.h"

#include <errno.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/lane/lane_turn.h"
#include "engine/lane/resolve.h"
#include "engine/sale/prepare.h"
#include "tests/support/frames.h"
#include "tests/support/memory_disk.h"
#include "tests/support/sale.h"

enum {
	LANES = 3,
	THREADS = 2,
	PARCELS = 64,
	STOCK = 2,
	BUYER = 7,
	HOLD_SECONDS = 10,
};
static const uint64_t BEGIN_NS = 1000000000000;

struct parcel {
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
	bool answered;
};

static struct {
	struct lane lanes[LANES];
	struct disk disk;
	uint64_t now_ns;
	struct memory_disk *disks[LANES];
	uint64_t sku[LANES];
	uint64_t verdicts[VERDICT_END];
	struct mail mails[THREADS][MAILBOX_RING_CNT]; /* to each thread */
	struct lane_turn turns[THREADS];
	unsigned parcel_cnt;
	unsigned mail_cnt[THREADS];
	int fails[LANES];   /* errno that their writes come back with */
	bool deaf[THREADS]; /* takes no mails */
	bool stands[LANES]; /* its writes do not come back */
	struct parcel parcels[PARCELS];
} rig;

static struct reply_queue reply_queues[LANES];
static struct backlog backlogs[LANES];
static struct lane_baskets baskets[LANES];
static struct post posts[THREADS];
static _Alignas(BLOCK_ALIGN_BYTES) uint8_t buffers[LANES][BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];

static struct lane *lane_of(unsigned idx)
{
	return &rig.lanes[idx];
}

static int reap(struct disk *base, disk_done_fn *done, void *context)
{
	const struct lane_turn *turn = context;
	int cnt = 0;

	(void)base;
	for (unsigned i = turn->lane_first; i < LANES; i += THREADS) {
		struct memory_disk *disk = rig.disks[i];

		while (disk->write_cnt > 0 && !rig.stands[i]) {
			const struct memory_write write = disk->writes[0];

			disk->write_cnt--;
			memmove(&disk->writes[0], &disk->writes[1],
				disk->write_cnt * sizeof(write));
			done(context, write.token,
			     rig.fails[i] != 0 ? -rig.fails[i] : (int64_t)write.bytes);
			cnt++;
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
	(void)host;
	(void)exchange;
	return true;
}

static void reply(void *host, const struct exchange *exchange)
{
	struct parcel *parcel = exchange->packet;

	(void)host;
	CHECK(!parcel->answered);
	parcel->answered = true;
}

static void flush(void *host, enum lane_turn_stage stage)
{
	(void)host;
	(void)stage;
}

static void drop(void *host, const struct exchange *exchange)
{
	(void)host;
	(void)exchange;
	CHECK(!"a backlog that is full");
}

static bool take(void *host, struct mail *mail)
{
	const unsigned self = (unsigned)((struct lane_turn *)host - rig.turns);

	if (rig.mail_cnt[self] == 0 || rig.deaf[self])
		return false;
	*mail = rig.mails[self][0];
	rig.mail_cnt[self]--;
	memmove(&rig.mails[self][0], &rig.mails[self][1], rig.mail_cnt[self] * sizeof(*mail));
	return true;
}

static void send(void *host, uint16_t worker_idx, const struct mail *mail)
{
	(void)host;
	CHECK(rig.mail_cnt[worker_idx] < MAILBOX_RING_CNT);
	rig.mails[worker_idx][rig.mail_cnt[worker_idx]++] = *mail;
}

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = reply,
	.flush = flush,
	.drop = drop,
	.take = take,
	.send = send,
};

static void turn(void)
{
	rig.now_ns += 100000;
	for (unsigned i = 0; i < THREADS; i++) {
		lane_turn_decide(&rig.turns[i]);
		lane_turn_write(&rig.turns[i]);
		lane_turn_release(&rig.turns[i]);
		lane_turn_tend(&rig.turns[i]);
		lane_turn_begin(&rig.turns[i], rig.now_ns, rig.now_ns);
	}
}

/* Long enough for a basket to come to its end. */
static void turns(void)
{
	for (unsigned i = 0; i < 20; i++)
		turn();
}

static const struct shard_size size = {
	.offer_cnt = 2,
	.order_cnt = 100,
	.buyer_cnt = 100,
	.hold_cnt = 100,
	.change_cnt = 300,
	.link_cnt = 100,
};

static void open_lane(uint16_t idx)
{
	struct lane *lane = lane_of(idx);
	struct record offer;
	struct journal_options options = {
		.journal_id = 7,
		.lane = idx,
		.tail = empty_tail(),
		.buffers = buffers[idx],
	};
	const char *why;
	struct error error;

	while (wire_shard_of(++rig.sku[idx], LANES) != idx)
		;
	offer = sale_offer(rig.sku[idx], STOCK, 100, 0);
	offer.offer.hold_seconds = HOLD_SECONDS;
	rig.disks[idx] = memory_disk_open(7, idx, 4 << 20, 2);
	options.disk = &rig.disks[idx]->disk;
	options.segments = &rig.disks[idx]->segments;
	*lane = (struct lane){
		.idx = idx,
		.clock_ns = BEGIN_NS,
		.condition = LANE_SELLING,
		.backlog = &backlogs[idx],
		.reply_queue = &reply_queues[idx],
		.baskets = &baskets[idx],
	};
	lane_baskets_init(lane->baskets);
	CHECK(commands_open(&lane->commands) == 0);
	CHECK(journal_open(&lane->journal, &options, &error) == 0);
	CHECK(shard_open(&lane->shard, idx, LANES, &size) == 0);
	CHECK(shard_apply(lane->shard, 1, &offer, &why) == 0);
	*journal_slot(lane->journal) = offer;
	journal_commit(lane->journal);
}

static void open_rig(void)
{
	rig.disk.ops = &disk_ops;
	rig.now_ns = BEGIN_NS;
	for (uint16_t i = 0; i < LANES; i++)
		open_lane(i);
	for (uint16_t i = 0; i < THREADS; i++) {
		rig.turns[i] = (struct lane_turn){
			.ops = &host_ops,
			.host = &rig.turns[i],
			.lanes = rig.lanes,
			.lane_first = i,
			.lane_step = THREADS,
			.lane_cnt = LANES,
			.disk = &rig.disk,
			.post = &posts[i],
			.verdict_cnt = rig.verdicts,
			.monotonic_ns = BEGIN_NS,
		};
		lane_turn_begin(&rig.turns[i], BEGIN_NS, BEGIN_NS);
	}
	turns();
}

static struct shard_totals totals_of(unsigned idx)
{
	struct shard_totals totals;

	shard_totals(lane_of(idx)->shard, &totals);
	cr_expect(eq(u64, totals.offers_broken, 0));
	return totals;
}

static void close_rig(void)
{
	for (unsigned i = 0; i < LANES; i++) {
		(void)totals_of(i);
		journal_abandon(lane_of(i)->journal, ECANCELED);
		rig.disks[i]->write_cnt = 0;
		journal_close(lane_of(i)->journal);
		shard_close(lane_of(i)->shard);
		memory_disk_close(rig.disks[i]);
		commands_close(lane_of(i)->commands);
	}
}

TestSuite(coordinator, .init = open_rig, .fini = close_rig);

/* A datagram to a lane, whose entries the caller fills in. */
static struct parcel *begin(uint16_t lane_idx, uint8_t cnt, uint8_t flags)
{
	struct parcel *parcel = &rig.parcels[rig.parcel_cnt++];

	CHECK(rig.parcel_cnt <= PARCELS);
	(void)frame_datagram(parcel->datagram, cnt);
	((struct wire_header *)parcel->datagram)->shard = lane_idx;
	((struct wire_header *)parcel->datagram)->flags = flags;
	return parcel;
}

static void ask(struct parcel *parcel)
{
	const uint16_t lane_idx = ((struct wire_header *)parcel->datagram)->shard;
	struct lane_turn *to = &rig.turns[lane_idx % THREADS];

	to->batch.exchanges[to->batch.cnt] = (struct exchange){
		.packet = parcel,
		.frame = parcel->datagram,
		.at_ns = to->wall_ns,
		.view.payload_bytes = (uint16_t)wire_bytes(parcel->datagram),
		.lane_idx = lane_idx,
	};
	lane_turn_add(to);
}

/* A basket of one unit of the SKU of each lane, the first of `first`'s. */
static struct parcel *ask_basket(uint16_t first, uint8_t cnt, uint8_t op, uint64_t id,
				 uint64_t buyer)
{
	struct parcel *parcel = begin(first, cnt, WIRE_FLAG_BASKET);

	for (unsigned i = 0; i < cnt; i++) {
		struct wire_request *request = &wire_requests(parcel->datagram)[i];

		*request = sale_buy(id, buyer, rig.sku[(first + i) % LANES]);
		request->op = op;
	}
	ask(parcel);
	return parcel;
}

static struct parcel *ask_whole(uint8_t op, uint64_t id, uint64_t order_id)
{
	struct parcel *parcel = begin(0, 1, 0);
	struct wire_request *request = wire_requests(parcel->datagram);

	*request = sale_buy(id, BUYER, rig.sku[0]);
	request->op = op;
	request->quantity = 0;
	request->price_or_order = order_id;
	request->flags = WIRE_ENTRY_WHOLE_BASKET;
	ask(parcel);
	return parcel;
}

static const struct wire_reply *replies_of(const struct parcel *parcel)
{
	return (const struct wire_reply *)(parcel->datagram + WIRE_HEADER_BYTES);
}

static void expect(const struct parcel *parcel, enum verdict first, enum verdict others)
{
	cr_assert(parcel->answered);
	for (unsigned i = 0; i < wire_count(parcel->datagram); i++)
		cr_assert(eq(str, (char *)verdict_name(replies_of(parcel)[i].verdict),
			     (char *)verdict_name(i == 0 ? first : others)),
			  "line %u", i);
}

static void expect_rest(void)
{
	for (unsigned i = 0; i < LANES; i++) {
		cr_assert(baskets_idle(lane_of(i)), "lane %u", i);
		cr_assert(eq(u64, totals_of(i).prepared, 0));
	}
	for (unsigned i = 0; i < THREADS; i++) {
		for (unsigned k = 0; k < THREADS; k++)
			cr_assert(eq(u16, posts[i].credits[k], 0));
	}
}

Test(coordinator, commits_lines_of_three_lanes_and_answers_them_again)
{
	struct parcel *parcel = ask_basket(0, 3, WIRE_OP_BUY, 1, BUYER);
	struct parcel *again;

	turns();
	expect(parcel, VERDICT_ACCEPTED, VERDICT_ACCEPTED);
	for (unsigned i = 0; i < LANES; i++) {
		cr_assert(eq(u64, totals_of(i).units_sold, 1));
		cr_assert(eq(u64, replies_of(parcel)[i].order_id >> ORDER_ID_LSN_BITS, i));
		cr_assert(eq(u8, replies_of(parcel)[i].durability, DURABILITY_DURABLE));
	}
	cr_assert(eq(u64, totals_of(0).links, 2));
	expect_rest();
	again = ask_basket(0, 3, WIRE_OP_BUY, 1, BUYER);
	turns();
	expect(again, VERDICT_ACCEPTED, VERDICT_ACCEPTED);
	for (unsigned i = 0; i < LANES; i++) {
		cr_assert(eq(u64, replies_of(again)[i].order_id, replies_of(parcel)[i].order_id));
		cr_assert(eq(u64, totals_of(i).units_sold, 1));
	}
	expect_rest();
}

Test(coordinator, a_line_that_is_refused_elsewhere_stops_all_and_leaves_no_record)
{
	struct parcel *parcel = begin(0, 3, WIRE_FLAG_BASKET);
	uint64_t next_lsn[LANES];

	for (unsigned i = 0; i < 3; i++) {
		wire_requests(parcel->datagram)[i] = sale_buy(1, BUYER, rig.sku[i]);
		next_lsn[i] = journal_next_lsn(lane_of(i)->journal);
	}
	wire_requests(parcel->datagram)[2].quantity = STOCK + 1;
	ask(parcel);
	turns();
	cr_assert(parcel->answered);
	cr_assert(eq(u8, replies_of(parcel)[0].verdict, VERDICT_BASKET_REFUSED));
	cr_assert(eq(u8, replies_of(parcel)[1].verdict, VERDICT_BASKET_REFUSED));
	cr_assert(eq(u8, replies_of(parcel)[2].verdict, VERDICT_SOLD_OUT));
	cr_assert(eq(u32, replies_of(parcel)[0].stock_left, STOCK));
	for (unsigned i = 0; i < LANES; i++)
		cr_assert(eq(u64, journal_next_lsn(lane_of(i)->journal), next_lsn[i]));
	expect_rest();
}

Test(coordinator, what_there_is_is_sold_line_by_line)
{
	struct parcel *parcel = begin(0, 3, WIRE_FLAG_BASKET | WIRE_FLAG_WHAT_THERE_IS);

	for (unsigned i = 0; i < 3; i++)
		wire_requests(parcel->datagram)[i] = sale_buy(1, BUYER, rig.sku[i]);
	wire_requests(parcel->datagram)[1].quantity = STOCK + 1;
	ask(parcel);
	turns();
	cr_assert(parcel->answered);
	cr_assert(eq(u8, replies_of(parcel)[0].verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u8, replies_of(parcel)[1].verdict, VERDICT_SOLD_OUT));
	cr_assert(eq(u8, replies_of(parcel)[2].verdict, VERDICT_ACCEPTED));
	expect_rest();
}

Test(coordinator, waits_for_what_is_set_aside_to_be_on_disk_and_holds_nobody_up)
{
	struct parcel *parcel;
	struct parcel *copy;
	struct parcel *other;

	rig.stands[1] = true;
	parcel = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	turns();
	cr_assert(not(parcel->answered));
	cr_assert(eq(u64, totals_of(1).prepared, 1));
	cr_assert(eq(u64, totals_of(1).units_held, 1));
	/* Nothing is decided, and the coordinator's lane sells on. */
	cr_assert(eq(u64, totals_of(0).links, 0));
	copy = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	other = ask_basket(2, 2, WIRE_OP_BUY, 2, BUYER);
	turns();
	expect(copy, VERDICT_UNDER_WAY, VERDICT_UNDER_WAY);
	expect(other, VERDICT_ACCEPTED, VERDICT_ACCEPTED);
	rig.stands[1] = false;
	turns();
	expect(parcel, VERDICT_ACCEPTED, VERDICT_ACCEPTED);
	expect_rest();
}

Test(coordinator, tells_the_others_only_when_its_decision_is_on_disk)
{
	struct parcel *parcel;

	rig.stands[0] = true;
	parcel = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	turns();
	cr_assert(eq(u64, totals_of(0).links, 1));
	cr_assert(eq(u64, totals_of(1).prepared, 1));
	cr_assert(eq(u64, totals_of(1).units_sold, 0));
	cr_assert(not(parcel->answered));
	rig.stands[0] = false;
	turns();
	expect(parcel, VERDICT_ACCEPTED, VERDICT_ACCEPTED);
	expect_rest();
}

/* Each has set aside the other's last unit. */
Test(coordinator, crossing_baskets_never_wait_for_each_other)
{
	struct parcel *one;
	struct parcel *other;

	for (unsigned i = 0; i < 2; i++) {
		struct parcel *parcel = begin((uint16_t)i, 1, 0);

		wire_requests(parcel->datagram)[0] = sale_buy(90 + i, BUYER, rig.sku[i]);
		ask(parcel);
	}
	turns();
	one = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	other = begin(1, 2, WIRE_FLAG_BASKET);
	wire_requests(other->datagram)[0] = sale_buy(2, BUYER + 1, rig.sku[1]);
	wire_requests(other->datagram)[1] = sale_buy(2, BUYER + 1, rig.sku[0]);
	ask(other);
	turns();
	cr_assert(one->answered && other->answered);
	cr_assert(not(replies_of(one)[0].verdict == VERDICT_ACCEPTED &&
		      replies_of(other)[0].verdict == VERDICT_ACCEPTED));
	cr_assert(eq(u64, totals_of(0).units_sold, totals_of(1).units_sold));
	cr_assert(eq(u64, totals_of(0).units_held, 0));
	expect_rest();
}

Test(coordinator, a_disk_that_fails_under_a_participant_stops_the_basket)
{
	struct parcel *parcel;

	rig.fails[1] = EIO;
	parcel = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	turns();
	expect(parcel, VERDICT_BASKET_REFUSED, VERDICT_UNAVAILABLE);
	cr_assert(eq(u64, totals_of(0).units_sold, 0));
	cr_assert(eq(u64, lane_of(1)->baskets->in_doubt_cnt, 1));
	cr_assert(baskets_idle(lane_of(0)) && baskets_idle(lane_of(1)));
}

Test(coordinator, a_disk_that_fails_under_the_decision_leaves_it_to_the_next_start)
{
	struct parcel *parcel;
	struct resolved resolved = {0};

	rig.stands[0] = true;
	parcel = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	turns();
	rig.fails[0] = EIO;
	rig.stands[0] = false;
	turns();
	expect(parcel, VERDICT_UNAVAILABLE, VERDICT_UNAVAILABLE);
	cr_assert(eq(u64, totals_of(1).prepared, 1));
	cr_assert(eq(u64, lane_of(1)->baskets->in_doubt_cnt, 1));
	cr_assert(baskets_idle(lane_of(0)) && baskets_idle(lane_of(1)));
	/* As a start does that finds the decision on disk, after all. */
	cr_assert(resolve_prepared(lane_of(1), rig.lanes, LANES, &resolved));
	cr_assert(eq(u64, resolved.committed, 1));
	cr_assert(eq(u64, totals_of(1).units_sold, 1));
}

Test(coordinator, a_start_gives_back_what_no_decision_names)
{
	struct resolved resolved = {0};

	rig.stands[1] = true;
	(void)ask_basket(0, 2, WIRE_OP_HOLD, 1, BUYER);
	turns();
	cr_assert(eq(u64, totals_of(1).units_held, 1));
	cr_assert(resolve_prepared(lane_of(1), rig.lanes, LANES, &resolved));
	cr_assert(eq(u64, resolved.aborted, 1));
	cr_assert(eq(u64, totals_of(1).units_free, STOCK));
}

static uint64_t hold_basket(void)
{
	struct parcel *parcel = ask_basket(0, 3, WIRE_OP_HOLD, 1, BUYER);

	turns();
	expect(parcel, VERDICT_HELD, VERDICT_HELD);
	return replies_of(parcel)[0].order_id;
}

Test(coordinator, a_whole_basket_is_paid_once_and_under_way_meanwhile)
{
	const uint64_t order_id = hold_basket();
	struct parcel *paid;
	struct parcel *single;
	struct parcel *again;

	rig.stands[1] = true;
	paid = ask_whole(WIRE_OP_CONFIRM, 50, order_id);
	turns();
	cr_assert(not(paid->answered));
	/* A hold whose payment is being decided neither changes nor ends. */
	single = begin(1, 1, 0);
	wire_requests(single->datagram)[0] = sale_buy(51, BUYER, rig.sku[1]);
	wire_requests(single->datagram)[0].op = WIRE_OP_RELEASE;
	wire_requests(single->datagram)[0].price_or_order = order_id_of(1, 3);
	ask(single);
	rig.now_ns += 2 * HOLD_SECONDS * UINT64_C(1000000000);
	turns();
	cr_assert(eq(u64, totals_of(1).units_held, 1));
	rig.stands[1] = false;
	turns();
	expect(single, VERDICT_UNDER_WAY, VERDICT_UNDER_WAY);
	/* Ours ran out while the others were asked, and was free. */
	expect(paid, VERDICT_CONFIRMED_LATE, VERDICT_NONE);
	cr_assert(eq(u16, replies_of(paid)[0].quantity, 3));
	again = ask_whole(WIRE_OP_CONFIRM, 50, order_id);
	turns();
	expect(again, VERDICT_CONFIRMED_LATE, VERDICT_NONE);
	for (unsigned i = 0; i < LANES; i++)
		cr_assert(eq(u64, totals_of(i).units_sold, 1));
	expect_rest();
}

Test(coordinator, a_payment_too_late_for_one_line_is_a_refund_of_all)
{
	const uint64_t order_id = hold_basket();
	struct parcel *paid;
	struct parcel *again;

	rig.now_ns += 2 * HOLD_SECONDS * UINT64_C(1000000000);
	turns();
	for (unsigned i = 0; i < STOCK; i++) {
		struct parcel *parcel = begin(1, 1, 0);

		wire_requests(parcel->datagram)[0] = sale_buy(70 + i, BUYER + 1, rig.sku[1]);
		ask(parcel);
	}
	turns();
	paid = ask_whole(WIRE_OP_CONFIRM, 50, order_id);
	turns();
	expect(paid, VERDICT_HOLD_EXPIRED, VERDICT_NONE);
	again = ask_whole(WIRE_OP_CONFIRM, 51, order_id);
	turns();
	expect(again, VERDICT_HOLD_EXPIRED, VERDICT_NONE);
	cr_assert(eq(u64, totals_of(0).units_sold, 0));
	cr_assert(eq(u64, totals_of(2).units_sold, 0));
	expect_rest();
}

Test(coordinator, a_start_passes_a_refund_on_to_all_lines)
{
	const uint64_t order_id = hold_basket();
	struct resolved resolved = {0};
	struct hold_view hold;

	rig.now_ns += 2 * HOLD_SECONDS * UINT64_C(1000000000);
	turns();
	for (unsigned i = 0; i < STOCK; i++) {
		struct parcel *parcel = begin(1, 1, 0);

		wire_requests(parcel->datagram)[0] = sale_buy(70 + i, BUYER + 1, rig.sku[1]);
		ask(parcel);
	}
	turns();
	/* The decision does not get to the disk, or nobody knows. */
	rig.stands[0] = true;
	(void)ask_whole(WIRE_OP_CONFIRM, 50, order_id);
	turns();
	rig.fails[0] = EIO;
	rig.stands[0] = false;
	turns();
	for (unsigned i = 1; i < LANES; i++) {
		cr_assert(eq(u64, totals_of(i).prepared, 1));
		cr_assert(resolve_prepared(lane_of(i), rig.lanes, LANES, &resolved));
		shard_hold_at(lane_of(i)->shard, 0, &hold);
		cr_assert(eq(u8, hold.state, HOLD_REFUNDED));
	}
	cr_assert(eq(u64, totals_of(2).units_free, STOCK));
}

/* What is set aside in one lane must not wait for room in another. */
Test(coordinator, a_lane_that_is_busy_stops_a_basket_of_more_lanes)
{
	struct lane_baskets *busy = lane_of(2)->baskets;
	struct parcel *parcel;

	rig.stands[1] = true;
	parcel = ask_basket(0, 3, WIRE_OP_BUY, 1, BUYER);
	/* Both were asked, and when they are asked again, one has no place any more. */
	rig.deaf[0] = true;
	turns();
	busy->shared_places.cnt = BASKETS_MAX;
	rig.deaf[0] = false;
	turns();
	rig.stands[1] = false;
	turns();
	busy->shared_places.cnt = 0;
	cr_assert(parcel->answered);
	cr_assert(eq(u8, replies_of(parcel)[0].verdict, VERDICT_BASKET_REFUSED));
	cr_assert(eq(u8, replies_of(parcel)[2].verdict, VERDICT_UNDER_WAY));
	cr_assert(eq(u64, totals_of(1).units_free, STOCK));
	expect_rest();
}

/* NOT_FOUND would be for good. */
Test(coordinator, a_lookup_of_what_is_under_way_says_so)
{
	struct parcel *parcel;
	struct parcel *looked[2];

	rig.stands[1] = true;
	parcel = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	turns();
	for (uint16_t i = 0; i < 2; i++) {
		looked[i] = begin(i, 1, 0);
		wire_requests(looked[i]->datagram)[0] = sale_buy(1, BUYER, rig.sku[i]);
		wire_requests(looked[i]->datagram)[0].op = WIRE_OP_LOOKUP;
		ask(looked[i]);
	}
	turns();
	expect(looked[0], VERDICT_UNDER_WAY, VERDICT_NONE);
	expect(looked[1], VERDICT_UNDER_WAY, VERDICT_NONE);
	rig.stands[1] = false;
	turns();
	expect(parcel, VERDICT_ACCEPTED, VERDICT_ACCEPTED);
}

Test(coordinator, commits_nothing_after_the_life_of_its_datagram)
{
	struct parcel *parcel = begin(0, 2, 0);

	rig.lanes[0].sale = 7;
	(void)frame_dated(parcel->datagram, 2, rig.now_ns, 1000, 7);
	((struct wire_header *)parcel->datagram)->flags |= WIRE_FLAG_BASKET;
	for (unsigned i = 0; i < 2; i++)
		wire_requests(parcel->datagram)[i] = sale_buy(1, BUYER, rig.sku[i]);
	rig.stands[1] = true;
	ask(parcel);
	turns();
	rig.now_ns += UINT64_C(2000000000);
	turns();
	rig.stands[1] = false;
	turns();
	expect(parcel, VERDICT_STALE, VERDICT_BASKET_REFUSED);
	cr_assert(eq(u64, totals_of(0).units_sold + totals_of(1).units_sold, 0));
	expect_rest();
}

Test(coordinator, a_whole_basket_is_given_back)
{
	struct parcel *parcel = ask_whole(WIRE_OP_RELEASE, 50, hold_basket());

	turns();
	expect(parcel, VERDICT_RELEASED, VERDICT_NONE);
	for (unsigned i = 0; i < LANES; i++)
		cr_assert(eq(u64, totals_of(i).units_free, STOCK));
	expect_rest();
}

Test(coordinator, refuses_what_comes_while_it_drains_and_ends_what_is_under_way)
{
	struct parcel *parcel = ask_basket(0, 2, WIRE_OP_BUY, 1, BUYER);
	struct parcel *late;

	rig.stands[1] = true;
	turns();
	for (unsigned i = 0; i < LANES; i++)
		lane_of(i)->draining = true;
	late = ask_basket(0, 2, WIRE_OP_BUY, 2, BUYER);
	rig.stands[1] = false;
	turns();
	cr_assert(parcel->answered);
	expect(late, VERDICT_DRAINING, VERDICT_DRAINING);
	expect_rest();
	cr_assert(lane_turn_all_done(&rig.turns[0]) && lane_turn_all_done(&rig.turns[1]));
}
