/*
 * prepare_fixture: lines of baskets over several shards, prepared and decided in one of them. Three
 * shards do the same: one decides, one applies its records, and one applies them to what was saved
 * and loaded before each. All have the same state after each record.
 */
#ifndef DB_TESTS_SUPPORT_PREPARE_FIXTURE_H
#define DB_TESTS_SUPPORT_PREPARE_FIXTURE_H

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/check.h"
#include "engine/sale/basket.h"
#include "engine/sale/prepare.h"
#include "engine/sale/shard_copy.h"
#include "engine/sale/shard_state.h"
#include "tests/support/sale.h"

static const uint64_t BEGIN_NS = UINT64_C(1000000000000);
static const uint64_t SECOND_NS = 1000000000;

enum {
	RED = 1, /* 5 units each, at most 3 of both together, held for 10 s, extended once by 10 s
		  */
	BLUE,
	CUP,   /* 4 units, at most 2 a buyer, held for 10 s */
	JUG,   /* 3 units, not held, until second 20 */
	FIRST, /* LSN of the first request that commits */

	ANN = 101,
	BOB,
	LINES = 4,
};

/* What is asked for: how much of which SKU, and of which hold. */
struct line {
	unsigned sku;
	uint16_t quantity;
	uint64_t order; /* LSN */
};

static struct shard *shard;
static struct shard *applied;
static struct shard *loaded;
static struct shard *spare;
static uint16_t shard_cnt = 2;
static uint64_t ids;
static uint64_t skus[FIRST];
static uint32_t places[LINES]; /* of the basket that was prepared last */
static struct record slot;     /* the record that was made last */

/* One shard's state in the place of another's. Parts of few entries, so that there are some. */
static inline int copy_anew(const struct shard *from, struct shard *to, const char **why)
{
	shard_clear(to);
	return shard_copy(from, to, 3, why);
}

static inline void same_hash(const struct shard *other)
{
	const struct shard_hash a = shard_hash(shard);
	const struct shard_hash b = shard_hash(other);
	struct shard_totals totals;

	cr_assert(all(eq(u64, a.low, b.low), eq(u64, a.high, b.high)));
	shard_totals(other, &totals);
	cr_assert(eq(u64, totals.offers_broken, 0));
}

/* The record that the one shard has just made, in the others. */
static inline void follow(const struct record *record)
{
	const uint64_t lsn = shard_next_lsn(shard) - 1;
	struct shard *was = loaded;
	const char *why = "";

	cr_assert(eq(int, shard_apply(applied, lsn, record, &why), 0), "kind %u: %s", record->kind,
		  why);
	cr_assert(eq(int, shard_apply(loaded, lsn, record, &why), 0), "kind %u: %s", record->kind,
		  why);
	same_hash(applied);
	same_hash(loaded);
	cr_assert(eq(int, copy_anew(loaded, spare, &why), 0), "kind %u: %s", record->kind, why);
	same_hash(spare);
	loaded = spare;
	spare = was;
}

static inline void apply(struct record record)
{
	const char *why = "";

	cr_assert(eq(int, shard_apply(shard, shard_next_lsn(shard), &record, &why), 0), "%s", why);
	follow(&record);
}

static inline struct record offer_of(unsigned number)
{
	static const uint32_t stocks[FIRST] = {0, 5, 5, 4, 3};
	struct record offer = sale_offer(skus[number], stocks[number], 10, number == CUP ? 2 : 0);

	offer.at_ns = BEGIN_NS;
	offer.offer.hold_seconds = number == JUG ? 0 : 10;
	if (number == JUG)
		offer.offer.closes_at_ns = BEGIN_NS + 20 * SECOND_NS;
	if (number <= BLUE) {
		offer.channel = 7;
		offer.quantity = 3;
		offer.offer.extend = 10 << EXTENSIONS_BITS | 1;
	}
	return offer;
}

static inline void open_of_size(const struct shard_size *size)
{
	uint64_t sku = 1000;

	CHECK(shard_open(&shard, 0, shard_cnt, size) == 0 &&
	      shard_open(&applied, 0, shard_cnt, size) == 0);
	CHECK(shard_open(&loaded, 0, shard_cnt, size) == 0 &&
	      shard_open(&spare, 0, shard_cnt, size) == 0);
	for (unsigned i = RED; i < FIRST; i++) {
		while (wire_shard_of(++sku, shard_cnt) != 0)
			;
		skus[i] = sku;
		apply(offer_of(i));
	}
	ids = 0;
}

static inline void open_shards(void)
{
	open_of_size(&(struct shard_size){.offer_cnt = 10,
					  .order_cnt = 20,
					  .buyer_cnt = 40,
					  .hold_cnt = 20,
					  .change_cnt = 20});
}

static inline void close_shards(void)
{
	shard_close(shard);
	shard_close(applied);
	shard_close(loaded);
	shard_close(spare);
}

static inline struct wire_request request_of(uint8_t op, uint64_t buyer, const struct line *line)
{
	struct wire_request request = sale_buy(++ids, buyer, skus[line->sku]);

	request.op = op;
	request.quantity = line->quantity;
	request.price_or_order = line->order;
	return request;
}

/* One request, decided at once. Its verdict. */
static inline const char *ask_again(uint64_t seconds, const struct wire_request *request,
				    struct decision *decision)
{
	struct lookup key;

	do {
		lookup_all(shard, request, &key, 1);
		decide(shard, BEGIN_NS + seconds * SECOND_NS, BEGIN_NS + seconds * SECOND_NS,
		       request, &key, &slot, decision);
		if (decision->committed || decision->again)
			follow(&slot);
	} while (decision->again);
	return verdict_name(decision->verdict);
}

static inline const char *ask(uint64_t seconds, uint8_t op, uint64_t buyer, unsigned sku,
			      uint16_t quantity, uint64_t order)
{
	const struct wire_request request =
		request_of(op, buyer, &(struct line){sku, quantity, order});
	struct decision decision;

	return ask_again(seconds, &request, &decision);
}

#define GETS(word, call) cr_assert(eq(str, (char *)(call), #word))

/* The first step of a basket: the verdicts that its lines would get, and their places; or what they
 * got. */
static inline enum basket_outcome prepare_late(uint64_t seconds, uint8_t op, uint64_t buyer,
					       const struct line *lines, uint32_t cnt, bool late,
					       uint8_t *verdicts)
{
	struct wire_request requests[LINES];
	struct lookup keys[LINES];
	struct decision decisions[LINES];
	struct basket basket = {.shard = shard,
				.now_ns = BEGIN_NS + seconds * SECOND_NS,
				.asked_ns = BEGIN_NS + seconds * SECOND_NS,
				.lines = requests,
				.keys = keys,
				.cnt = cnt,
				.to_prepare = true,
				.late_elsewhere = late};
	enum basket_outcome outcome;

	for (uint32_t i = 0; i < cnt; i++)
		requests[i] = request_of(op, buyer, &lines[i]);
	do {
		lookup_all(shard, requests, keys, cnt);
		outcome = basket_judge(&basket, &slot, decisions);
		if (outcome == BASKET_AGAIN)
			follow(&slot);
	} while (outcome == BASKET_AGAIN);
	for (uint32_t i = 0; i < cnt; i++) {
		verdicts[i] =
			outcome == BASKET_COMMITS ? decisions[i].would_be : decisions[i].verdict;
		if (outcome != BASKET_COMMITS)
			continue;
		places[i] = prepare_line(&basket, i, &decisions[i], &slot);
		cr_assert(eq(u8, slot.kind, RECORD_PREPARED));
		follow(&slot);
	}
	return outcome;
}

/* A line that can be prepared, as this. */
static inline uint64_t prepare(uint64_t seconds, uint8_t op, uint64_t buyer, unsigned sku,
			       uint16_t quantity, uint64_t order, enum verdict would_be)
{
	uint8_t verdict;

	cr_assert(eq(int,
		     (int)prepare_late(seconds, op, buyer, &(struct line){sku, quantity, order}, 1,
				       false, &verdict),
		     BASKET_COMMITS));
	cr_assert(eq(u8, verdict, would_be), "%s", verdict_name(verdict));
	return shard_next_lsn(shard) - 1;
}

/* One that cannot. */
static inline const char *refused(uint64_t seconds, uint8_t op, uint64_t buyer, unsigned sku,
				  uint16_t quantity, uint64_t order)
{
	uint8_t verdict;

	cr_assert(eq(int,
		     (int)prepare_late(seconds, op, buyer, &(struct line){sku, quantity, order}, 1,
				       false, &verdict),
		     BASKET_ANSWERED));
	return verdict_name(verdict);
}

static inline struct decision commit_at(uint64_t seconds, uint32_t place, bool refund)
{
	struct decision decision;

	prepare_commit(shard, place, BEGIN_NS + seconds * SECOND_NS, refund, &slot, &decision);
	cr_assert(all(eq(u8, slot.flags & RECORD_WAS_PREPARED, RECORD_WAS_PREPARED),
		      eq(u64, slot.at_ns, BEGIN_NS + seconds * SECOND_NS),
		      eq(u64, decision.wait_lsn, shard_next_lsn(shard) - 1)));
	cr_assert(decision.committed);
	follow(&slot);
	return decision;
}

static inline const char *commit(uint64_t seconds)
{
	return verdict_name(commit_at(seconds, places[0], false).verdict);
}

static inline void abort_at(uint64_t seconds, uint32_t place)
{
	prepare_abort(shard, place, BEGIN_NS + seconds * SECOND_NS, &slot);
	cr_assert(eq(u8, slot.kind, RECORD_ABORTED));
	follow(&slot);
}

static inline void check_units(unsigned sku, uint32_t free, uint32_t held, uint32_t sold)
{
	struct offer_view offer;

	cr_assert(shard_find_offer(shard, skus[sku], &offer));
	cr_assert(all(eq(u32, offer.free, free), eq(u32, offer.held, held),
		      eq(u32, offer.sold, sold)),
		  "%u free, %u held, %u sold", offer.free, offer.held, offer.sold);
}

/* Ends what has ended, a record each time. How many holds. */
static inline uint32_t expire(uint64_t seconds)
{
	uint32_t cnt = 0;

	while (shard_expire(shard, BEGIN_NS + seconds * SECOND_NS, 5, &slot)) {
		follow(&slot);
		cnt += slot.expire.holds;
	}
	return cnt;
}

#endif
