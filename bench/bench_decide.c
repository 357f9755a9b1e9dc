/*
 * bench_decide: decide alone, without network, tag and journal: ns a request by what is asked.
 * usage: bench_decide [SKUS [ORDERS]]; defaults 1,000,000 and 10,000,000.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engine/check.h"
#include "engine/decide.h"

enum {
	BATCH_CNT = 256,
	AHEAD_CNT = 48,
};

static uint64_t sku_cnt = 1000000;
static uint64_t order_cnt = 10000000;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct shard *make_shard(uint32_t stock, uint32_t limit)
{
	const struct shard_size size = {
		.offer_cnt = sku_cnt,
		.order_cnt = order_cnt,
		.buyer_cnt = limit > 0 ? order_cnt : 0,
	};
	struct shard *shard = NULL;

	CHECK(shard_open(&shard, 0, 1, &size) == 0);
	for (uint64_t i = 0; i < sku_cnt; i++) {
		const struct record offer = {
			.kind = RECORD_OFFER,
			.sku = i,
			.offer = {.stock = stock,
				  .limit_per_buyer = limit,
				  .closes_at_ns = INSTANT_NEVER},
		};
		const char *why;

		CHECK(shard_apply(shard, i + 1, &offer, &why) == 0);
	}
	return shard;
}

static struct wire_request nth(uint64_t n)
{
	return (struct wire_request){
		.id = {mix64(n), n + 1},
		.buyer = mix64(~n),
		.sku = mix64(n * 3) % sku_cnt,
		.quantity = 1,
		.op = WIRE_OP_BUY,
	};
}

/* Decides requests [first, first + cnt); ns for each, without making them. */
static double run(struct shard *shard, uint64_t first, uint64_t cnt, uint8_t want)
{
	static struct wire_request requests[BATCH_CNT];
	static struct decide_key keys[BATCH_CNT];
	static struct record records[BATCH_CNT];
	uint64_t spent_ns = 0;
	uint64_t wanted = 0;

	for (uint64_t done = 0; done < cnt; done += BATCH_CNT) {
		for (unsigned i = 0; i < BATCH_CNT; i++)
			requests[i] = nth(first + done + i);

		const uint64_t begin_ns = now_ns();

		for (unsigned i = 0; i < AHEAD_CNT; i++)
			decide_prefetch(shard, &requests[i], &keys[i]);
		for (unsigned i = 0; i < BATCH_CNT; i++) {
			struct decision decision;

			if (i + AHEAD_CNT < BATCH_CNT)
				decide_prefetch(shard, &requests[i + AHEAD_CNT],
						&keys[i + AHEAD_CNT]);
			decide(shard, begin_ns, &requests[i], &keys[i], &records[i], &decision);
			wanted += decision.verdict == want;
		}
		spent_ns += now_ns() - begin_ns;
	}
	CHECK(wanted >= cnt * 99 / 100);
	return (double)spent_ns / (double)cnt;
}

/* A figure is worth nothing without what its random reads went to. */
static void say_memory(const struct shard *shard)
{
	const struct arena_bytes memory = shard_memory(shard);

	printf("MiB on reserved hugepages %" PRIu64 ", transparent %" PRIu64
	       ", normal pages %" PRIu64 "\n",
	       memory.reserved >> 20, memory.transparent >> 20, memory.normal >> 20);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		sku_cnt = strtoull(argv[1], NULL, 10);
	if (argc > 2)
		order_cnt = strtoull(argv[2], NULL, 10);

	const uint64_t cnt = order_cnt / 10 * 9 / BATCH_CNT * BATCH_CNT;
	struct shard *deep = make_shard(UINT32_MAX, 5);
	struct shard *empty = make_shard(0, 5);

	say_memory(deep);
	printf("%" PRIu64 " SKUs, %" PRIu64 " orders, random buyers, ns a request\n", sku_cnt, cnt);
	printf("accepted  %6.1f\n", run(deep, 0, cnt, VERDICT_ACCEPTED));
	printf("repeated  %6.1f\n", run(deep, 0, cnt, VERDICT_ACCEPTED));
	printf("sold out  %6.1f\n", run(empty, 0, cnt, VERDICT_SOLD_OUT));
	shard_close(deep);
	shard_close(empty);
	return 0;
}
