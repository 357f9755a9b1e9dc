/*
 * bench_decide: decide alone, without network, tag and journal: ns a request by what is asked.
 * Making the requests is not timed.
 * usage: bench_decide [SKUS [ORDERS [ROUNDS [BATCH [FILL]]]]]; defaults 1,000,000, 10,000,000, 9,
 * 256 requests that come at once in datagrams of 16.
 *
 * Two shards: one has sold everything it had, half of ORDERS; the other has as many SKUs of deep
 * stock and as many of none, remembers half of ORDERS to begin with and grows to nine tenths of its
 * tables while it is measured.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/common.h"
#include "engine/base/check.h"
#include "engine/sale/decide.h"

enum {
	BATCH_MAX = 1856, /* what a worker takes at once: 64 datagrams of 29 */
	PASS_LOW_CNT = LOOKUP_PASS_AHEAD_CNT / 2,
	LIMIT = 5,
};

static const double ZIPF_EXPONENT = 0.99;

static uint64_t sku_cnt;
static uint64_t order_cnt;
static uint32_t batch_cnt;
static uint32_t fill;

static struct wire_request requests[BATCH_MAX];
static struct lookup keys[BATCH_MAX];
static struct record records[BATCH_MAX];

static struct shard *sold;
static struct shard *deep;
static uint64_t bought_cnt; /* requests 0 .. bought_cnt - 1 were bought from deep */
static uint64_t fresh;      /* counts up, for what was never seen before */

static uint64_t random_below(uint64_t n)
{
	return (uint64_t)(((unsigned __int128)mix64(fresh++ * 2 + 1) * n) >> 64);
}

/* Gray et al., Quickly Generating Billion-Record Synthetic Databases (1994). */
static struct {
	double zeta;
	double eta;
} zipf;

static void zipf_init(void)
{
	const double zeta2 = 1 + pow(0.5, ZIPF_EXPONENT);

	for (uint64_t i = 1; i <= sku_cnt; i++)
		zipf.zeta += 1 / pow((double)i, ZIPF_EXPONENT);
	zipf.eta = (1 - pow(2.0 / (double)sku_cnt, 1 - ZIPF_EXPONENT)) / (1 - zeta2 / zipf.zeta);
}

static uint64_t zipf_sku(void)
{
	const double u = (double)(mix64(fresh++ * 2 + 1) >> 11) * 0x1p-53;
	const double uz = u * zipf.zeta;

	if (uz < 1)
		return 0;
	if (uz < 1 + pow(0.5, ZIPF_EXPONENT))
		return 1 % sku_cnt;
	return (uint64_t)((double)sku_cnt *
			  pow(zipf.eta * u - zipf.eta + 1, 1 / (1 - ZIPF_EXPONENT))) %
	       sku_cnt;
}

/* The n-th request; its content depends on n only. */
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

/* A new buyer who wants a unit of some SKU. */
static struct wire_request somebody(void)
{
	return nth((UINT64_C(1) << 40) + fresh++);
}

static void make_sold_out(uint32_t i)
{
	requests[i] = somebody();
}

static void make_accepted(uint32_t i)
{
	requests[i] = nth(bought_cnt++);
}

static void make_zipf(uint32_t i)
{
	requests[i] = somebody();
	requests[i].sku = zipf_sku();
}

static void make_retry(uint32_t i)
{
	requests[i] = nth(random_below(bought_cnt));
}

static void make_limit(uint32_t i)
{
	make_retry(i);
	requests[i].id[1] = ~fresh++;
	requests[i].quantity = LIMIT;
}

/* The middle of a sale: the next request can't be predicted. */
static void make_mixed(uint32_t i)
{
	const uint64_t dice = random_below(20);

	if (dice < 9) {
		make_sold_out(i);
		requests[i].sku += sku_cnt;
	} else if (dice < 18) {
		make_accepted(i);
	} else if (dice < 19) {
		make_retry(i);
	} else {
		make_limit(i);
	}
}

enum {
	SOLD_OUT,
	ACCEPTED,
	RETRY,
	LIMIT_REACHED,
	ZIPF,
	MIXED,
	CASE_CNT,
};

static struct {
	void (*make)(uint32_t i);
	enum verdict want; /* NONE: any */
	struct bench_case bench;
} cases[CASE_CNT] = {
	[SOLD_OUT] = {make_sold_out, VERDICT_SOLD_OUT, {.name = "sold-out"}},
	[ACCEPTED] = {make_accepted, VERDICT_ACCEPTED, {.name = "accepted"}},
	[RETRY] = {make_retry, VERDICT_ACCEPTED, {.name = "retry"}},
	[LIMIT_REACHED] = {make_limit, VERDICT_LIMIT_REACHED, {.name = "limit-reached"}},
	[ZIPF] = {make_zipf, VERDICT_ACCEPTED, {.name = "zipf-0.99"}},
	[MIXED] = {make_mixed, VERDICT_NONE, {.name = "mixed"}},
};

/* Whole datagrams, as a worker looks ahead of request `decided`. */
static void look_ahead(const struct shard *shard, uint32_t ahead[LOOKUP_PASS_CNT], uint32_t decided,
		       uint32_t cnt)
{
	const uint32_t last = ahead[LOOKUP_PASS_CNT - 1];

	if (last < cnt && last >= decided + PASS_LOW_CNT)
		return;
	for (unsigned pass = 0; pass < LOOKUP_PASS_CNT; pass++) {
		const uint32_t due = (decided + lookup_ahead_cnt(pass) + fill - 1) / fill * fill;
		const uint32_t end = due < cnt ? due : cnt;

		if (end > ahead[pass]) {
			lookup_pass(pass, shard, &keys[ahead[pass]], end - ahead[pass]);
			ahead[pass] = end;
		}
	}
}

/* A batch as a worker goes through it; how many got the wanted verdict. */
static uint32_t decide_batch(struct shard *shard, uint32_t cnt, enum verdict want)
{
	uint32_t wanted = 0;
	uint32_t ahead[LOOKUP_PASS_CNT] = {0};

	lookups_begin(keys, requests, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		struct decision decision;

		if (i % fill == 0)
			look_ahead(shard, ahead, i, cnt);
		decide(shard, 1, 1, &requests[i], &keys[i], &records[i], &decision);
		bench_keep(&decision);
		wanted += decision.verdict == want;
	}
	bench_keep(records);
	return wanted;
}

static void run(unsigned which, uint64_t cnt)
{
	const enum verdict want = cases[which].want;
	uint64_t wanted = 0;

	for (uint64_t done = 0; done < cnt; done += batch_cnt) {
		for (uint32_t i = 0; i < batch_cnt; i++)
			cases[which].make(i);
		bench_begin(&cases[which].bench);
		wanted += decide_batch(which == SOLD_OUT ? sold : deep, batch_cnt, want);
		bench_end(&cases[which].bench, batch_cnt);
	}
	CHECK(want == VERDICT_NONE || wanted >= cnt * 99 / 100);
}

static struct shard *make_shard(uint32_t stock, uint64_t offer_cnt, uint64_t room)
{
	const struct shard_size size = {
		.offer_cnt = offer_cnt,
		.order_cnt = room,
		.buyer_cnt = room,
	};
	struct shard *shard = NULL;

	CHECK(shard_open(&shard, 0, 1, &size) == 0);
	for (uint64_t i = 0; i < offer_cnt; i++) {
		const struct record offer = {
			.kind = RECORD_OFFER,
			.sku = i,
			.offer = {.stock = i < sku_cnt ? stock : 0,
				  .limit_per_buyer = LIMIT,
				  .closes_at_ns = INSTANT_NEVER},
		};
		const char *why;

		CHECK(shard_apply(shard, i + 1, &offer, &why) == 0);
	}
	return shard;
}

/* Sells the cnt next units: some SKU's each, or one SKU's after the other's. */
static void sell(struct shard *shard, uint64_t cnt, bool in_turn)
{
	for (uint64_t done = 0; done < cnt;) {
		uint32_t n = 0;

		for (; n < batch_cnt && done < cnt; n++, done++) {
			make_accepted(n);
			if (in_turn)
				requests[n].sku = done % sku_cnt;
		}
		CHECK(decide_batch(shard, n, VERDICT_ACCEPTED) == n);
	}
}

/* A figure is worth nothing without the kind of pages that it read at random. */
static void say_memory(const struct shard *shard)
{
	const struct arena_bytes memory = shard_memory(shard);

	printf("MiB on reserved hugepages %" PRIu64 ", transparent %" PRIu64
	       ", normal pages %" PRIu64 "\n",
	       memory.reserved >> 20, memory.transparent >> 20, memory.normal >> 20);
}

int main(int argc, char **argv)
{
	sku_cnt = bench_argument(argc, argv, 1, 1000000);
	order_cnt = bench_argument(argc, argv, 2, 10000000);

	const uint64_t rounds = bench_argument(argc, argv, 3, 9);
	const uint32_t stock = (uint32_t)((order_cnt / 2 + sku_cnt - 1) / sku_cnt);
	uint64_t cnt;

	batch_cnt = (uint32_t)bench_argument(argc, argv, 4, 256);
	fill = (uint32_t)bench_argument(argc, argv, 5, 16);
	CHECK(batch_cnt <= BATCH_MAX && rounds <= BENCH_ROUNDS_MAX);
	/* Two of the cases buy, and so does half of the mixed one. */
	cnt = order_cnt * 4 / 10 * 2 / 5 / rounds / batch_cnt * batch_cnt;
	CHECK(cnt > 0);
	zipf_init();
	sold = make_shard(stock, sku_cnt, (uint64_t)stock * sku_cnt);
	sell(sold, (uint64_t)stock * sku_cnt, true);
	deep = make_shard(UINT32_MAX, sku_cnt * 2, order_cnt);
	bought_cnt = 0;
	sell(deep, order_cnt / 2, false);
	for (uint64_t i = 0; i < rounds; i++) {
		for (unsigned k = 0; k < CASE_CNT; k++) {
			run(k, cnt);
			bench_round(&cases[k].bench);
		}
	}
	say_memory(deep);
	printf("%" PRIu64 " SKUs, %" PRIu64 " orders, random buyers, %" PRIu32
	       " at once by %" PRIu32 "\n",
	       sku_cnt, order_cnt, batch_cnt, fill);
	bench_print_title("decide");
	for (unsigned k = 0; k < CASE_CNT; k++)
		bench_print(&cases[k].bench);
	shard_close(deep);
	shard_close(sold);
	return 0;
}
