#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "engine/catalog/catalog.h"
#include "tests/support/sale.h"
#include "tests/support/temp_dir.h"
#include "tools/load/mixed.h"
#include "tools/load/scenario.h"

enum {
	/* Enough for bases 1,024 blocks back. */
	REQUESTS = 1100 * MIXED_BLOCK_CNT,
	SKUS = 50,
	SHARDS = 1,
	SALE = 99,
};

static const uint64_t NOW_NS = UINT64_C(1800000000000000000);

static struct scenario scenario;
static struct mixed_check *check;
static struct shard *shard;
static struct wire_reply replies[REQUESTS];

static struct shard *open_shard(void)
{
	const char *path = temp_path("catalog.csv");
	struct catalog *catalog = NULL;
	struct record *offers;
	struct error error = {0};
	struct shard *opened;

	cr_assert(eq(int, scenario_catalog(&scenario, path), 0));
	cr_assert(eq(int, catalog_load(path, &catalog, &error), 0), "%s", error.text);
	offers = calloc(catalog->cnt, sizeof(*offers));
	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];

		offers[i] = sale_offer(offer->sku, offer->stock, offer->unit_price,
				       offer->limit_per_buyer);
		offers[i].offer.opens_at_ns = offer->opens_at_ns;
		offers[i].offer.closes_at_ns = offer->closes_at_ns;
	}
	opened = sale_open(REQUESTS, offers, catalog->cnt);
	free(offers);
	catalog_free(catalog);
	return opened;
}

/* What the engine's own decide answers, in order. */
static struct wire_reply answer(uint32_t n)
{
	struct client_request asked;
	struct wire_request request;
	struct decision decision;

	mixed_request(&scenario, n, &asked);
	request = (struct wire_request){
		.id = {asked.id[0], asked.id[1]},
		.buyer = asked.buyer,
		.sku = asked.sku,
		.price_or_order = asked.price_or_order,
		.channel = asked.channel,
		.quantity = asked.quantity,
		.op = asked.op,
	};
	if (mixed_datagram_of(&scenario, n) == MIXED_MISADDRESSED && request.op != WIRE_OP_PING)
		return (struct wire_reply){.verdict = VERDICT_WRONG_SHARD, .quantity = 0};
	decision = sale_decide_asked(shard, NOW_NS,
				     mixed_datagram_of(&scenario, n) > MIXED_FORGED ? ASKED_STALE
										    : NOW_NS,
				     &request, NULL);
	return (struct wire_reply){
		.order_id = request.op == WIRE_OP_PING ? SALE : decision.order_id,
		.unit_price = decision.unit_price,
		.instant_ns = decision.instant_ns,
		.stock_left = decision.stock_left,
		.quantity = decision.quantity,
		.verdict = decision.verdict,
		.durability = decision.wait_lsn > 0 ? DURABILITY_DURABLE : DURABILITY_NONE,
	};
}

static void set_up(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	/* Complaints are of no interest here. */
	cr_assert(eq(int, dup2(fd, STDERR_FILENO), STDERR_FILENO));
	close(fd);
	(void)temp_dir_make();
	cr_assert(scenario_open(&scenario, SCENARIO_MIXED, 1, REQUESTS, SKUS));
	scenario.dated = true;
	shard = open_shard();
	for (uint32_t n = 0; n < REQUESTS; n++)
		replies[n] = mixed_datagram_of(&scenario, n) == MIXED_FORGED
				     ? (struct wire_reply){0}
				     : answer(n);
	check = mixed_check_open(&scenario, SHARDS);
	cr_assert(ne(ptr, check, NULL));
}

static void tear_down(void)
{
	mixed_check_close(check);
	shard_close(shard);
	scenario_close(&scenario);
	temp_dir_remove();
}

TestSuite(mixed, .init = set_up, .fini = tear_down);

/* How many are found wrong of the replies from n on. */
static uint64_t wrong_of(uint64_t *undetermined)
{
	for (uint32_t n = 0; n < REQUESTS; n++) {
		if (replies[n].verdict != VERDICT_NONE)
			mixed_check_reply(check, n, &replies[n]);
	}
	return mixed_check_finish(check, undetermined);
}

Test(mixed, decide_gives_every_answer_that_is_demanded)
{
	uint64_t undetermined;
	uint64_t cnt[VERDICT_END] = {0};

	cr_assert(eq(u64, wrong_of(&undetermined), 0));
	cr_assert(eq(u64, undetermined, 0));
	for (uint32_t n = 0; n < REQUESTS; n++)
		cnt[replies[n].verdict]++;
	for (unsigned verdict = VERDICT_SOLD_OUT; verdict <= VERDICT_BAD_REQUEST; verdict++)
		cr_assert(verdict == VERDICT_NOT_SUPPORTED || cnt[verdict] > 100, "verdict %u",
			  verdict);
	cr_assert(all(gt(u64, cnt[VERDICT_ACCEPTED], 1000), gt(u64, cnt[VERDICT_PONG], 100),
		      gt(u64, cnt[VERDICT_STALE], 1000)));
}

/* The first request of each kind of answer, changed in one thing: found, whatever it is. */
static void change(struct wire_reply *reply, unsigned what)
{
	switch (what) {
	case 0:
		reply->verdict =
			reply->verdict == VERDICT_ACCEPTED ? VERDICT_SOLD_OUT : VERDICT_ACCEPTED;
		break;
	case 1:
		reply->order_id ^= 1;
		break;
	case 2:
		reply->durability =
			reply->durability == DURABILITY_NONE ? DURABILITY_DURABLE : DURABILITY_NONE;
		break;
	default:
		reply->unit_price++;
		break;
	}
}

Test(mixed, one_wrong_thing_in_one_reply_is_found)
{
	/* A whole plain block, far enough to have bases 1,024 blocks before. */
	const uint32_t first = 1040 * MIXED_BLOCK_CNT;

	cr_assert(eq(int, (int)mixed_datagram_of(&scenario, first), MIXED_PLAIN));
	for (uint32_t n = first; n < first + MIXED_BLOCK_CNT; n++) {
		for (unsigned what = 0; what < 4; what++) {
			const struct wire_reply good = replies[n];
			uint64_t undetermined;
			uint64_t wrong;

			/* Who is the first to have an order may have any number; who has none, no
			 * price. */
			if ((what == 1 && mixed_is_first(n) && good.order_id != 0) ||
			    (what == 3 && good.unit_price == 0))
				continue;
			change(&replies[n], what);
			wrong = wrong_of(&undetermined);
			cr_assert(ge(u64, wrong, 1), "request %u, change %u", n, what);
			replies[n] = good;
			mixed_check_close(check);
			check = mixed_check_open(&scenario, SHARDS);
		}
	}
}

Test(mixed, an_answer_to_a_forged_datagram_is_wrong)
{
	uint64_t undetermined;
	uint32_t n = 0;

	while (mixed_datagram_of(&scenario, n) != MIXED_FORGED)
		n++;
	replies[n] = answer(n);
	cr_assert(ge(u64, wrong_of(&undetermined), 1));
}

Test(mixed, a_wrong_shard_is_found)
{
	uint64_t undetermined;
	uint32_t n = 0;

	while (mixed_datagram_of(&scenario, n) != MIXED_MISADDRESSED)
		n++;
	replies[n].quantity = 1;
	cr_assert(eq(u64, wrong_of(&undetermined), 1));
}

Test(mixed, a_unit_sold_twice_is_found)
{
	uint64_t undetermined;
	uint32_t n = 5 * MIXED_BLOCK_CNT + 11;

	/* The hot SKU's. */
	cr_assert(eq(u8, replies[n].verdict, VERDICT_ACCEPTED));
	replies[n].stock_left++;
	cr_assert(ge(u64, wrong_of(&undetermined), 1));
}

Test(mixed, what_rests_on_a_lost_reply_is_not_held_against_anybody)
{
	uint64_t undetermined;

	/* Slots 1 and 19 of its block retry it, and slot 19 of the block 1,024 behind. */
	replies[0] = (struct wire_reply){0};
	replies[1].order_id++;
	cr_assert(eq(u64, wrong_of(&undetermined), 0));
	cr_assert(eq(u64, undetermined, 3));
}

Test(mixed, two_answers_to_one_request_are_found)
{
	uint64_t undetermined;

	mixed_check_reply(check, 0, &replies[0]);
	cr_assert(eq(u64, wrong_of(&undetermined), 1));
}

/* An engine that sells to what is too old, dated ahead or of another sale. */
Test(mixed, an_order_for_what_is_stale_is_found)
{
	static const enum mixed_datagram stale[] = {MIXED_TOO_OLD, MIXED_AHEAD, MIXED_OTHER_SALE};
	uint64_t undetermined;

	for (unsigned i = 0; i < 3; i++) {
		uint32_t n = 0;

		while (mixed_datagram_of(&scenario, n) != stale[i])
			n++;
		cr_assert(eq(u8, replies[n].verdict, VERDICT_STALE));
		replies[n].verdict = VERDICT_ACCEPTED;
		replies[n].order_id = 1000 + n;
		replies[n].quantity = 1;
		replies[n].durability = DURABILITY_DURABLE;
	}
	cr_assert(eq(u64, wrong_of(&undetermined), 3));
}

/* Without dates nothing can be stale. */
Test(mixed, undated_has_no_stale_datagrams)
{
	scenario.dated = false;
	for (uint32_t n = 0; n < REQUESTS; n += MIXED_BLOCK_CNT)
		cr_assert(le(int, (int)mixed_datagram_of(&scenario, n), MIXED_FORGED));
}
