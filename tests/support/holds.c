#include "tests/support/holds.h"

#include <stdio.h>

#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "tests/support/sale.h"

enum {
	SKUS = 12,
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
};

struct shard_size holds_room(uint64_t cnt)
{
	return (struct shard_size){
		.offer_cnt = SKUS + 20,
		.order_cnt = cnt,
		.buyer_cnt = 2 * cnt,
		.hold_cnt = cnt,
		.change_cnt = 2 * cnt,
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

/* Some without holds, some with a limit, three in a group, two with extensions. */
static void put_on_sale(struct trade *trade)
{
	struct offer_view view;

	for (uint64_t sku = 1; sku <= SKUS; sku++) {
		struct record offer =
			sale_offer(sku, (uint32_t)(40 * sku), 100 * sku, sku % 3 == 0 ? 4 : 0);

		if (shard_find_offer(trade->shard, sku, &view))
			continue;
		offer.at_ns = trade->now_ns;
		offer.offer.hold_seconds = sku % 5;
		if (sku % 4 == 1 && offer.offer.hold_seconds > 0)
			offer.offer.extend = 1 << EXTENSIONS_BITS | 2;
		if (sku >= 10) {
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
		.sku = 1 + next_random(trade) % SKUS,
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
	if (next_random(trade) % 300 == 0 && shard_clock_backs(trade->shard) < CLOCK_RECORDS_MAX) {
		const uint64_t was_ns = trade->now_ns + 1;

		trade->now_ns -= trade->now_ns / 3;
		apply(trade, &(struct record){.kind = RECORD_CLOCK,
					      .at_ns = trade->now_ns,
					      .clock = {.was_ns = was_ns}});
	}
	if (next_random(trade) % 4 == 0 && shard_expire(trade->shard, trade->now_ns, 5, &record))
		keep(trade, &record);
}

void random_holds(struct shard *shard, uint64_t seed, uint32_t cnt, struct record *lane)
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
	}
}
