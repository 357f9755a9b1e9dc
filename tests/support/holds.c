#include "tests/support/holds.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "engine/sale/basket.h"
#include "engine/sale/links.h"
#include "engine/sale/prepare.h"
#include "engine/sale/shard_state.h"
#include "tests/support/sale.h"

enum {
	SKUS = 12,
	LINES = 3,
	KNOWN = 64, /* orders that later requests are of */
	NS_PER_STEP_MAX = 200000000,
};

struct known {
	uint64_t order_id;
	uint64_t buyer;
	uint64_t sku;
};

struct trade {
	struct shard *shard;
	uint64_t state; /* of the random numbers */
	uint64_t now_ns;
	struct record *lane;
	struct known known[KNOWN];
	uint64_t known_cnt;
	bool refund[PREPARED_MAX]; /* of a line that is prepared */
};

struct shard_size holds_room(uint64_t cnt)
{
	return (struct shard_size){
		.offer_cnt = SKUS + 20,
		.order_cnt = cnt,
		.buyer_cnt = 2 * cnt,
		.hold_cnt = cnt,
		.change_cnt = 2 * cnt,
		.link_cnt = cnt,
	};
}

static uint64_t next_random(struct trade *trade)
{
	trade->state += 0x9e3779b97f4a7c15;
	return mix64(trade->state);
}

/* A record that the shard has just taken. */
static void keep(struct trade *trade, const struct record *record)
{
	if (trade->lane != NULL)
		trade->lane[shard_next_lsn(trade->shard) - 2] = *record;
}

static void apply(struct trade *trade, const struct record *record)
{
	const char *why = "";

	if (shard_apply(trade->shard, shard_next_lsn(trade->shard), record, &why) != 0)
		fprintf(stderr, "kind %u: %s\n", record->kind, why);
	CHECK(why[0] == '\0');
	keep(trade, record);
}

/* The number-th SKU, 1 to SKUS: one of this shard. */
static uint64_t sku_of(const struct trade *trade, uint64_t number)
{
	uint64_t sku = trade->shard->shards == 1 ? number : 1000 * number;

	while (wire_shard_of(sku, trade->shard->shards) != trade->shard->lane)
		sku++;
	return sku;
}

/* Some without holds, some with a limit, three in a group, two with extensions. */
static void put_on_sale(struct trade *trade)
{
	struct offer_view view;

	for (uint64_t i = 1; i <= SKUS; i++) {
		struct record offer = sale_offer(sku_of(trade, i), (uint32_t)(40 * i), 100 * i,
						 i % 3 == 0 ? 4 : 0);

		if (shard_find_offer(trade->shard, offer.sku, &view))
			continue;
		offer.at_ns = trade->now_ns;
		offer.offer.hold_seconds = i % 5;
		if (i % 4 == 1 && offer.offer.hold_seconds > 0)
			offer.offer.extend = 1 << EXTENSIONS_BITS | 2;
		if (i >= 10) {
			offer.channel = 7;
			offer.quantity = 6;
		}
		apply(trade, &offer);
	}
}

static struct wire_request random_request(struct trade *trade)
{
	static const uint8_t ops[] = {
		WIRE_OP_HOLD,    WIRE_OP_HOLD,   WIRE_OP_HOLD,    WIRE_OP_HOLD,    WIRE_OP_HOLD,
		WIRE_OP_BUY,     WIRE_OP_BUY,    WIRE_OP_CONFIRM, WIRE_OP_CONFIRM, WIRE_OP_CONFIRM,
		WIRE_OP_RELEASE, WIRE_OP_EXTEND, WIRE_OP_RETURN,  WIRE_OP_RETURN,
	};
	const struct known *known =
		&trade->known[next_random(trade) % KNOWN %
			      (trade->known_cnt > 0 && trade->known_cnt < KNOWN ? trade->known_cnt
										: KNOWN)];
	struct wire_request request = {
		.op = ops[next_random(trade) % sizeof(ops)],
		.id = {next_random(trade) | 1, next_random(trade)},
		.buyer = 1 + next_random(trade) % 60,
		.sku = sku_of(trade, 1 + next_random(trade) % SKUS),
		.quantity = (uint16_t)(1 + next_random(trade) % 3),
		.channel = (uint32_t)next_random(trade),
	};

	if (request.op == WIRE_OP_HOLD || request.op == WIRE_OP_BUY)
		return request;
	request.buyer = known->buyer;
	request.sku = known->sku;
	request.price_or_order = known->order_id;
	if (request.op == WIRE_OP_RELEASE || request.op == WIRE_OP_EXTEND)
		request.quantity %= 3;
	if (request.op == WIRE_OP_RETURN && request.id[1] % 3 == 0)
		request.flags = WIRE_ENTRY_WRITE_OFF;
	return request;
}

static void ask(struct trade *trade, const struct wire_request *request)
{
	struct decision decision;
	struct lookup key;
	struct record slot;

	do {
		lookup_all(trade->shard, request, &key, 1);
		decide(trade->shard, trade->now_ns, trade->now_ns, request, &key, &slot, &decision);
		if (decision.committed || decision.again)
			keep(trade, &slot);
	} while (decision.again);
	if (decision.committed && (slot.kind == RECORD_HOLD || slot.kind == RECORD_ORDER))
		trade->known[trade->known_cnt++ % KNOWN] =
			(struct known){.order_id = decision.order_id,
				       .buyer = request->buyer,
				       .sku = request->sku};
}

static void pass_time(struct trade *trade)
{
	struct record record;

	trade->now_ns += next_random(trade) % NS_PER_STEP_MAX;
	if (next_random(trade) % 300 == 0 && trade->shard->prepared_cnt == 0 &&
	    shard_clock_backs(trade->shard) < CLOCK_RECORDS_MAX) {
		const uint64_t was_ns = trade->now_ns + 1;

		trade->now_ns -= trade->now_ns / 3;
		apply(trade, &(struct record){.kind = RECORD_CLOCK,
					      .at_ns = trade->now_ns,
					      .clock = {.was_ns = was_ns}});
	}
	if (next_random(trade) % 4 == 0 && shard_expire(trade->shard, trade->now_ns, 5, &record))
		keep(trade, &record);
}

/* Lines of one buyer and one kind, each of another SKU. How many. */
static uint32_t random_lines(struct trade *trade, struct wire_request lines[LINES])
{
	const uint32_t wanted = 1 + (uint32_t)(next_random(trade) % LINES);
	uint32_t cnt = 0;

	for (unsigned tries = 0; tries < 20 && cnt < wanted; tries++) {
		struct wire_request line = random_request(trade);
		bool fits = line.op != WIRE_OP_EXTEND && line.op != WIRE_OP_RETURN;

		if (cnt > 0 && (line.op == WIRE_OP_BUY || line.op == WIRE_OP_HOLD))
			line.buyer = lines[0].buyer;
		for (uint32_t i = 0; i < cnt; i++)
			fits &= line.op == lines[i].op && line.buyer == lines[i].buyer &&
				line.sku != lines[i].sku;
		if (fits)
			lines[cnt++] = line;
	}
	return cnt;
}

/* The first step of a basket over several shards, in this one. */
static void prepare(struct trade *trade)
{
	struct wire_request lines[LINES];
	struct lookup keys[LINES];
	struct decision decisions[LINES];
	struct basket basket = {.shard = trade->shard,
				.now_ns = trade->now_ns,
				.asked_ns = trade->now_ns,
				.lines = lines,
				.keys = keys,
				.cnt = random_lines(trade, lines),
				.late_elsewhere = next_random(trade) % 8 == 0};
	enum basket_outcome outcome;
	struct record slot;

	if (basket.cnt == 0 || !prepare_has_room(trade->shard, basket.cnt))
		return;
	do {
		lookup_all(trade->shard, lines, keys, basket.cnt);
		outcome = basket_judge(&basket, &slot, decisions);
		if (outcome == BASKET_AGAIN)
			keep(trade, &slot);
	} while (outcome == BASKET_AGAIN);
	for (uint32_t i = 0; i < basket.cnt && outcome == BASKET_COMMITS; i++) {
		const uint32_t place = prepare_line(&basket, i, &decisions[i], &slot);

		trade->refund[place] = basket.refund && lines[i].op == WIRE_OP_CONFIRM;
		keep(trade, &slot);
	}
}

/* The second step, of a line. */
static void decide_line(struct trade *trade)
{
	uint32_t place = prepare_next(trade->shard, (uint32_t)(next_random(trade) % 8));
	struct decision decision;
	struct record slot;

	if (place == PREPARED_MAX)
		place = prepare_next(trade->shard, 0);
	if (place == PREPARED_MAX)
		return;
	if (next_random(trade) % 3 == 0) {
		prepare_abort(trade->shard, place, trade->now_ns, &slot);
	} else {
		prepare_commit(trade->shard, place, trade->now_ns, trade->refund[place], &slot,
			       &decision);
		if (slot.kind == RECORD_HOLD || slot.kind == RECORD_ORDER)
			trade->known[trade->known_cnt++ % KNOWN] =
				(struct known){.order_id = decision.order_id,
					       .buyer = slot.order.buyer,
					       .sku = slot.sku};
	}
	keep(trade, &slot);
}

/* Lines that a basket has in the last shard. */
static void link_lines(struct trade *trade)
{
	const uint64_t first_lsn = shard_next_lsn(trade->shard) - 1;

	for (uint64_t left = 1 + next_random(trade) % LINES; left > 0; left--) {
		const struct snapshot_link line = {
			.request_id = {next_random(trade) | 1, next_random(trade)},
			.buyer = next_random(trade),
			.sku = next_random(trade),
			.first_lsn = first_lsn,
			.shard = (uint16_t)(trade->shard->shards - 1),
			.goes_on = left > 1,
		};
		struct record slot;

		link_commit(trade->shard, &line, trade->now_ns, &slot);
		keep(trade, &slot);
	}
}

static void trade_for(struct shard *shard, uint64_t seed, uint32_t cnt, bool spanning,
		      struct record *lane)
{
	struct trade trade = {
		.shard = shard,
		.state = seed,
		.now_ns = shard_last_at_ns(shard) + 1,
		.lane = lane,
	};

	put_on_sale(&trade);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct wire_request request = random_request(&trade);

		pass_time(&trade);
		ask(&trade, &request);
		if (!spanning)
			continue;
		if (next_random(&trade) % 2 == 0)
			prepare(&trade);
		/* Now and then all that waits is decided: then the clock may be set back. */
		for (uint64_t left = next_random(&trade) % 40 == 0 ? PREPARED_MAX
								   : next_random(&trade) % 4 / 3;
		     left > 0; left--)
			decide_line(&trade);
		if (next_random(&trade) % 4 == 0)
			link_lines(&trade);
	}
}

void random_holds(struct shard *shard, uint64_t seed, uint32_t cnt, struct record *lane)
{
	trade_for(shard, seed, cnt, false, lane);
}

void random_spanning(struct shard *shard, uint64_t seed, uint32_t cnt, struct record *lane)
{
	CHECK(shard->shards > 1);
	trade_for(shard, seed, cnt, true, lane);
}
