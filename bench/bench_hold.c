/*
 * bench_hold: what holds and baskets cost beside plain purchases, decide alone: ns a request of
 * BUY, HOLD and CONFIRM, ns a line of a basket of four, ns a hold that runs out and the records
 * that say so. Making the requests is not timed. usage: bench_hold [SKUS [CNT [ROUNDS]]]; defaults
 * 100,000, 100,000 requests a case and round, 9.
 *
 * Every request is of a new buyer for a unit of some SKU; holds of a round are confirmed, or run
 * out all at one instant, a lane's share of a turn after the other.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/common.h"
#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "engine/sale/basket.h"

enum {
	BATCH_CNT = 256,
	BASKET_CNT = 4,
	HOLD_SECONDS = 600,
};

static const uint64_t NS_PER_S = 1000000000;

static uint64_t sku_cnt;
static uint64_t cnt;
static uint64_t fresh; /* counts up, for what was never seen before */
static uint64_t now_ns = 1;

static struct wire_request requests[BATCH_CNT];
static struct lookup keys[BATCH_CNT];
static struct record records[BATCH_CNT];
static struct shard *shard;
static struct wire_request *held; /* CONFIRMs of the holds of this round */

enum {
	BUY,
	HOLD,
	CONFIRM,
	BASKET_LINE,
	RUN_OUT,
	CASE_CNT,
};

static struct bench_case cases[CASE_CNT] = {
	[BUY] = {.name = "buy"},         [HOLD] = {.name = "hold"},
	[CONFIRM] = {.name = "confirm"}, [BASKET_LINE] = {.name = "basket-line"},
	[RUN_OUT] = {.name = "run-out"},
};

static struct wire_request somebody(uint8_t op)
{
	const uint64_t n = fresh++;

	return (struct wire_request){
		.id = {mix64(n), n + 1},
		.buyer = mix64(~n),
		.sku = mix64(n * 3) % sku_cnt,
		.quantity = 1,
		.op = op,
	};
}

/* Decides the batch; its holds' CONFIRMs go to `paid` unless that is NULL. */
static void decide_batch(enum verdict want, struct wire_request *paid)
{
	lookup_all(shard, requests, keys, BATCH_CNT);
	for (uint32_t i = 0; i < BATCH_CNT; i++) {
		struct decision decision;

		decide(shard, now_ns, now_ns, &requests[i], &keys[i], &records[i], &decision);
		CHECK(decision.verdict == want);
		if (paid != NULL)
			paid[i].price_or_order = decision.order_id;
	}
	bench_keep(records);
}

static void run_purchases(unsigned which, uint8_t op, enum verdict want)
{
	for (uint64_t done = 0; done < cnt; done += BATCH_CNT) {
		for (uint32_t i = 0; i < BATCH_CNT; i++) {
			requests[i] = somebody(op);
			if (op == WIRE_OP_HOLD) {
				held[done + i] = requests[i];
				held[done + i].op = WIRE_OP_CONFIRM;
				held[done + i].id[1] = ~requests[i].id[1];
			}
		}
		bench_begin(&cases[which]);
		decide_batch(want, op == WIRE_OP_HOLD ? &held[done] : NULL);
		bench_end(&cases[which], BATCH_CNT);
	}
}

static void run_confirms(void)
{
	for (uint64_t done = 0; done < cnt; done += BATCH_CNT) {
		for (uint32_t i = 0; i < BATCH_CNT; i++)
			requests[i] = held[done + i];
		bench_begin(&cases[CONFIRM]);
		decide_batch(VERDICT_CONFIRMED, NULL);
		bench_end(&cases[CONFIRM], BATCH_CNT);
	}
}

static void decide_baskets(void)
{
	struct decision decisions[BASKET_CNT];

	lookup_all(shard, requests, keys, BATCH_CNT);
	for (uint32_t i = 0; i < BATCH_CNT; i += BASKET_CNT) {
		struct basket basket = {
			.shard = shard,
			.now_ns = now_ns,
			.asked_ns = now_ns,
			.lines = &requests[i],
			.keys = &keys[i],
			.cnt = BASKET_CNT,
		};

		CHECK(basket_wrong(&requests[i], BASKET_CNT) == VERDICT_NONE);
		CHECK(basket_judge(&basket, &records[i], decisions) == BASKET_COMMITS);
		for (uint32_t k = 0; k < BASKET_CNT; k++)
			basket_commit(&basket, k, &records[i + k], &decisions[k]);
	}
	bench_keep(records);
}

static void run_baskets(void)
{
	for (uint64_t done = 0; done < cnt; done += BATCH_CNT) {
		for (uint32_t i = 0; i < BATCH_CNT; i++) {
			requests[i] = somebody(WIRE_OP_BUY);
			if (i % BASKET_CNT == 0)
				continue;
			requests[i].buyer = requests[i - 1].buyer;
			requests[i].sku = (requests[i - 1].sku + 1) % sku_cnt;
		}
		bench_begin(&cases[BASKET_LINE]);
		decide_baskets();
		bench_end(&cases[BASKET_LINE], BATCH_CNT);
	}
}

/* Holds that end at one instant; how many records said so. */
static uint64_t run_out(void)
{
	uint64_t record_cnt = 0;
	struct shard_sums sums = {.open_holds = 1};
	struct record record;

	for (uint64_t done = 0; done < cnt; done += BATCH_CNT) {
		for (uint32_t i = 0; i < BATCH_CNT; i++) {
			requests[i] = somebody(WIRE_OP_HOLD);
			/* A drop: all of them want the same few. */
			requests[i].sku %= 16;
		}
		decide_batch(VERDICT_HELD, NULL);
	}
	now_ns += (HOLD_SECONDS + 1) * NS_PER_S;
	bench_begin(&cases[RUN_OUT]);
	while (sums.open_holds > 0) {
		record_cnt += shard_expire(shard, now_ns, EXPIRE_HOLDS_PER_TURN_MAX, &record);
		shard_sums(shard, &sums);
	}
	bench_end(&cases[RUN_OUT], cnt);
	return record_cnt;
}

static struct shard *make_shard(uint64_t rounds)
{
	const uint64_t all = (rounds + 1) * cnt;
	const struct shard_size size = {
		.offer_cnt = sku_cnt,
		.order_cnt = 2 * all,
		.buyer_cnt = 4 * all,
		.hold_cnt = 2 * all,
		.change_cnt = 3 * all,
	};
	struct shard *made = NULL;

	CHECK(shard_open(&made, 0, 1, &size) == 0);
	for (uint64_t i = 0; i < sku_cnt; i++) {
		const struct record offer = {
			.kind = RECORD_OFFER,
			.sku = i,
			.offer = {.stock = UINT32_MAX,
				  .limit_per_buyer = 5,
				  .closes_at_ns = INSTANT_NEVER,
				  .hold_seconds = HOLD_SECONDS},
		};
		const char *why;

		CHECK(shard_apply(made, i + 1, &offer, &why) == 0);
	}
	return made;
}

int main(int argc, char **argv)
{
	uint64_t rounds;
	uint64_t record_cnt = 0;

	sku_cnt = bench_argument(argc, argv, 1, 100000);
	cnt = bench_argument(argc, argv, 2, 100000) / BATCH_CNT * BATCH_CNT;
	rounds = bench_argument(argc, argv, 3, 9);
	CHECK(cnt > 0 && sku_cnt >= 16 && rounds <= BENCH_ROUNDS_MAX);
	held = calloc(cnt, sizeof(*held));
	CHECK(held != NULL);
	shard = make_shard(rounds);
	for (uint64_t i = 0; i < rounds; i++) {
		run_purchases(BUY, WIRE_OP_BUY, VERDICT_ACCEPTED);
		bench_round(&cases[BUY]);
		run_purchases(HOLD, WIRE_OP_HOLD, VERDICT_HELD);
		bench_round(&cases[HOLD]);
		run_confirms();
		bench_round(&cases[CONFIRM]);
		run_baskets();
		bench_round(&cases[BASKET_LINE]);
		record_cnt += run_out();
		bench_round(&cases[RUN_OUT]);
	}
	printf("%" PRIu64 " SKUs, %" PRIu64
	       " requests a case and round, random buyers; %.2f records "
	       "for 256 holds that ran out at once\n",
	       sku_cnt, cnt, 256.0 * (double)record_cnt / (double)(cnt * rounds));
	bench_print_title("hold");
	for (unsigned k = 0; k < CASE_CNT; k++)
		bench_print(&cases[k]);
	shard_close(shard);
	free(held);
	return 0;
}
