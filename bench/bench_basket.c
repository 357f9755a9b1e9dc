/*
 * bench_basket: what a basket over two shards costs beside plain purchases: ns a datagram of one
 * BUY, of a basket of two lines within a shard, and of one over two shards. From the decision to
 * the answer, in the lanes' own turn, with mails and journal blocks, on a disk in memory that is
 * done at once; one thread turns both lanes. Making the datagrams is not timed. usage: bench_basket
 * [SKUS [CNT [ROUNDS]]]; defaults 100,000, 50,000 datagrams a case and round, 9.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common.h"
#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "engine/lane/baskets.h"
#include "engine/lane/lane_turn.h"
#include "tests/support/frames.h"
#include "tests/support/memory_disk.h"

enum {
	LANES = 2,
	BATCH_CNT = 64, /* datagrams a turn */
	SEGMENTS = 64,
};

enum {
	BUY,
	WITHIN,
	OVER,
	CASE_CNT,
};

static struct bench_case cases[CASE_CNT] = {
	[BUY] = {.name = "buy"},
	[WITHIN] = {.name = "basket-within"},
	[OVER] = {.name = "basket-over"},
};

static uint64_t sku_cnt; /* of each lane */
static uint64_t *skus[LANES];
static uint64_t fresh; /* counts up, for what was never seen before */
static uint64_t answered;

static struct disk disk;
static struct memory_disk *disks[LANES];
static struct lane lanes[LANES];
static struct reply_queue reply_queues[LANES];
static struct backlog backlogs[LANES];
static struct lane_baskets baskets[LANES];
static struct post post;
static struct lane_turn lane_turn;
static uint64_t verdicts[VERDICT_END];
static _Alignas(BLOCK_ALIGN_BYTES) uint8_t buffers[LANES][BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];
static uint8_t datagrams[BATCH_CNT][WIRE_DATAGRAM_BYTES_MAX];

static int reap(struct disk *base, disk_done_fn *done, void *context)
{
	int cnt = 0;

	(void)base;
	for (unsigned i = 0; i < LANES; i++) {
		while (disks[i]->write_cnt > 0) {
			struct memory_write *writes = disks[i]->writes;
			const struct memory_write write = writes[0];

			disks[i]->write_cnt--;
			memmove(&writes[0], &writes[1], disks[i]->write_cnt * sizeof(write));
			done(context, write.token, write.bytes);
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
	const struct wire_reply *replies =
		(const struct wire_reply *)(exchange_datagram(exchange) + WIRE_HEADER_BYTES);

	(void)host;
	for (uint32_t i = 0; i < exchange_request_cnt(exchange); i++)
		CHECK(replies[i].verdict == VERDICT_ACCEPTED);
	answered++;
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

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = reply,
	.flush = flush,
	.drop = drop,
};

static void turn(void)
{
	static uint64_t now_ns = 1000000;

	lane_turn_decide(&lane_turn);
	lane_turn_write(&lane_turn);
	lane_turn_release(&lane_turn);
	lane_turn_tend(&lane_turn);
	now_ns += 1000;
	lane_turn_begin(&lane_turn, now_ns, now_ns);
}

static void add_offers(struct lane *lane)
{
	uint64_t sku = 0;

	skus[lane->idx] = calloc(sku_cnt, sizeof(uint64_t));
	CHECK(skus[lane->idx] != NULL);
	for (uint64_t i = 0; i < sku_cnt; i++) {
		struct record offer = {
			.kind = RECORD_OFFER,
			.offer = {.stock = UINT32_MAX, .closes_at_ns = INSTANT_NEVER},
		};
		const char *why;

		while (wire_shard_of(++sku, LANES) != lane->idx)
			;
		offer.sku = sku;
		skus[lane->idx][i] = sku;
		CHECK(shard_apply(lane->shard, i + 1, &offer, &why) == 0);
	}
}

static void open_lane(uint16_t idx, uint64_t order_cnt)
{
	struct lane *lane = &lanes[idx];
	const struct shard_size size = {.offer_cnt = sku_cnt,
					.order_cnt = order_cnt,
					.link_cnt = order_cnt / 2,
					.hold_cnt = 16,
					.change_cnt = 16};
	struct journal_options options = {
		.journal_id = 7,
		.lane = idx,
		.tail = empty_tail(),
		.buffers = buffers[idx],
	};
	struct error error;

	disks[idx] = memory_disk_open(7, idx, SEGMENT_BYTES, SEGMENTS);
	options.disk = &disks[idx]->disk;
	options.segments = &disks[idx]->segments;
	options.tail.next_lsn = sku_cnt + 1;
	*lane = (struct lane){
		.idx = idx,
		.clock_ns = 1,
		.condition = LANE_SELLING,
		.backlog = &backlogs[idx],
		.reply_queue = &reply_queues[idx],
		.baskets = &baskets[idx],
	};
	lane_baskets_init(lane->baskets);
	CHECK(commands_open(&lane->commands) == 0);
	CHECK(shard_open(&lane->shard, idx, LANES, &size) == 0);
	add_offers(lane);
	CHECK(journal_open(&lane->journal, &options, &error) == 0);
}

static void open_lanes(uint64_t order_cnt)
{
	disk.ops = &disk_ops;
	for (uint16_t i = 0; i < LANES; i++)
		open_lane(i, order_cnt);
	lane_turn = (struct lane_turn){
		.ops = &host_ops,
		.lanes = lanes,
		.lane_step = 1,
		.lane_cnt = LANES,
		.disk = &disk,
		.post = &post,
		.verdict_cnt = verdicts,
	};
	lane_turn_take_over(&lane_turn, 0);
	lane_turn_begin(&lane_turn, 1, 1);
}

/* A datagram of a case, to lane 0 or 1 in turn. */
static void make(unsigned which, uint8_t *datagram)
{
	const uint64_t n = fresh++;
	const uint16_t lane = n % LANES;
	const uint8_t cnt = which == BUY ? 1 : 2;
	struct wire_header *header = (struct wire_header *)datagram;

	(void)frame_datagram(datagram, cnt);
	header->shard = lane;
	header->flags = which == BUY ? 0 : WIRE_FLAG_BASKET;
	for (unsigned i = 0; i < cnt; i++) {
		const unsigned of = which == OVER && i == 1 ? 1U - lane : lane;

		wire_requests(datagram)[i] = (struct wire_request){
			.id = {mix64(n), n + 1},
			.buyer = mix64(~n),
			.sku = skus[of][(mix64(n * 3) + i) % sku_cnt],
			.quantity = 1,
			.op = WIRE_OP_BUY,
		};
	}
}

static void run(unsigned which, uint64_t cnt)
{
	for (uint64_t done = 0; done < cnt; done += BATCH_CNT) {
		for (unsigned i = 0; i < BATCH_CNT; i++)
			make(which, datagrams[i]);
		answered = 0;
		bench_begin(&cases[which]);
		for (unsigned i = 0; i < BATCH_CNT; i++) {
			struct lane_batch *batch = &lane_turn.batch;

			batch->exchanges[batch->cnt] = (struct exchange){
				.frame = datagrams[i],
				.at_ns = lane_turn.wall_ns,
				.view.payload_bytes = (uint16_t)wire_bytes(datagrams[i]),
				.lane_idx = ((struct wire_header *)datagrams[i])->shard,
			};
			lane_turn_add(&lane_turn);
		}
		while (answered < BATCH_CNT)
			turn();
		bench_end(&cases[which], BATCH_CNT);
	}
}

int main(int argc, char **argv)
{
	const uint64_t cnt = bench_argument(argc, argv, 2, 50000) / BATCH_CNT * BATCH_CNT;
	const uint64_t rounds = bench_argument(argc, argv, 3, 9);

	sku_cnt = bench_argument(argc, argv, 1, 100000) / LANES;
	if (sku_cnt < 2 || cnt == 0 || rounds == 0 || rounds > BENCH_ROUNDS_MAX ||
	    rounds * cnt > 4000000) {
		fprintf(stderr,
			"usage: bench_basket [SKUS [CNT [ROUNDS]]]: SKUS from 4, CNT from %d; "
			"at most 4,000,000 datagrams a case in all\n",
			BATCH_CNT);
		return 2;
	}
	open_lanes((rounds + 1) * cnt * 3);
	for (uint64_t round = 0; round < rounds; round++) {
		for (unsigned which = 0; which < CASE_CNT; which++) {
			run(which, cnt);
			bench_round(&cases[which]);
		}
	}
	bench_print_title("ns a datagram");
	for (unsigned which = 0; which < CASE_CNT; which++)
		bench_print(&cases[which]);
	return 0;
}
