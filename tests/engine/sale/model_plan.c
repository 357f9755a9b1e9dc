#include "tests/engine/sale/model_plan.h"

#include "engine/base/check.h"

static const uint64_t SECOND_NS = 1000000000;

enum {
	GROUP = 7,
	GROUP_SKUS = 3,
	PLACES_MANY = 1200,
	BUYERS_FEW = 4,
	BUYERS_MANY = 60,
};

static uint64_t below(struct plan *plan, uint64_t end)
{
	return random_below(&plan->random, end);
}

static bool chance(struct plan *plan, unsigned per_mille)
{
	return random_chance(&plan->random, per_mille);
}

static struct record random_offer(struct plan *plan, uint64_t sku)
{
	struct record offer = {
		.kind = RECORD_OFFER,
		.at_ns = plan->begin_ns,
		.sku = sku,
		.unit_price = chance(plan, 100) ? 0 : 10 + below(plan, 5),
		.offer = {.stock = (uint32_t)(1 + below(plan, 12)),
			  .limit_per_buyer = (uint32_t)(chance(plan, 400) ? 0 : 1 + below(plan, 4)),
			  .closes_at_ns = INSTANT_NEVER,
			  .hold_seconds = (uint32_t)(chance(plan, 150) ? 0 : 1 + below(plan, 5))},
	};

	if (plan->buyers > BUYERS_FEW)
		offer.offer.stock *= 10;
	if (chance(plan, 30))
		offer.offer.stock = offer.offer.limit_per_buyer = UINT32_MAX;
	if (chance(plan, 20))
		offer.offer.hold_seconds = HOLD_SECONDS_MAX;
	if (chance(plan, 200))
		offer.offer.opens_at_ns = plan->begin_ns + below(plan, 20) * SECOND_NS;
	if (chance(plan, 150))
		offer.offer.closes_at_ns = plan->begin_ns + (1 + below(plan, 7200)) * SECOND_NS;
	if (offer.offer.hold_seconds > 0 && chance(plan, 700))
		offer.offer.extend =
			(uint32_t)((1 + below(plan, chance(plan, 20) ? EXTEND_SECONDS_MAX : 7))
					   << EXTENSIONS_BITS |
				   (1 + below(plan, 2)));
	return offer;
}

static void put(struct plan *plan, uint16_t lane, const struct record *record)
{
	CHECK(plan->record_cnt[lane] < PLAN_RECORDS_MAX);
	plan->records[lane][plan->record_cnt[lane]++] = *record;
}

/* Puts a SKU on sale in a lane; the lane that its number names is told if that is another. */
static void put_on_sale(struct plan *plan, uint16_t lane, struct record *offer)
{
	const uint16_t numbered = wire_shard_of(offer->sku, PLAN_SHARDS);

	if (numbered != lane) {
		const struct record placed = {.kind = RECORD_PLACED,
					      .quantity = lane,
					      .at_ns = plan->begin_ns,
					      .sku = offer->sku};

		offer->flags |= OFFER_PLACED;
		put(plan, numbered, &placed);
	}
	put(plan, lane, offer);
	plan->skus[plan->sku_cnt++] = offer->sku;
}

void plan_make(struct plan *plan, uint64_t seed)
{
	const uint16_t group_lane = (uint16_t)(seed % PLAN_SHARDS);
	uint32_t group_limit;
	uint64_t sku_cnt;

	*plan = (struct plan){.random = {seed}, .buyers = BUYERS_FEW};
	/* Far from the epoch, or near. */
	plan->begin_ns = (chance(plan, 700) ? UINT64_C(1793000000) : 1000) * SECOND_NS;
	if (chance(plan, 150))
		plan->buyers = BUYERS_MANY;
	group_limit = (uint32_t)(1 + below(plan, 5));
	sku_cnt = 5 + below(plan, 4);
	for (uint64_t sku = 1; sku <= sku_cnt; sku++) {
		struct record offer = random_offer(plan, sku);
		uint16_t lane = wire_shard_of(sku, PLAN_SHARDS);

		if (sku <= GROUP_SKUS) {
			offer.channel = GROUP;
			offer.quantity = (uint16_t)group_limit;
			lane = group_lane;
		} else if (chance(plan, 200)) {
			lane ^= 1;
		}
		put_on_sale(plan, lane, &offer);
	}
	plan->bought_max = chance(plan, 150) ? 5 + below(plan, 60) : PLACES_MANY;
	plan->holds_max = chance(plan, 150) ? 5 + below(plan, 60) : PLACES_MANY;
	plan->changes_max = chance(plan, 150) ? 5 + below(plan, 60) : PLACES_MANY;
}

static uint16_t random_quantity(struct plan *plan)
{
	if (chance(plan, 30))
		return 0;
	if (chance(plan, 20))
		return chance(plan, 500) ? QUANTITY_MAX : 20;
	return (uint16_t)(chance(plan, 600) ? 1 : 1 + below(plan, 4));
}

static uint64_t random_price(struct plan *plan)
{
	return chance(plan, 700) ? 0 : 9 + below(plan, 6);
}

/* One of the last orders most of the time; NULL: there is none. */
static const struct model_order *random_order(struct plan *plan, const struct model *model)
{
	const uint64_t cnt = model->order_cnt;
	const uint64_t recent = cnt < 12 || chance(plan, 250) ? cnt : 12;

	if (recent == 0)
		return NULL;
	return &model->orders[model->order_cnt - 1 - below(plan, recent)];
}

/* What is no order of this lane, or an order only by chance. */
static uint64_t wrong_order_id(struct plan *plan, const struct model *model)
{
	switch (below(plan, 4)) {
	case 0:
		return below(plan, model->next_lsn + 2);
	case 1:
		return (uint64_t)(model->lane ^ 1) << ORDER_ID_LSN_BITS |
		       below(plan, model->next_lsn);
	case 2:
		return (uint64_t)model->lane << ORDER_ID_LSN_BITS |
		       below(plan, model->next_lsn + 2);
	default:
		return random_next(&plan->random);
	}
}

/* Whether an op can do something to an order as it is. */
static bool is_fit(const struct model_order *order, uint8_t op)
{
	if (op == WIRE_OP_RETURN)
		return order->sold > 0;
	return order->state == MODEL_OPEN ||
	       (order->state == MODEL_RAN_OUT && op == WIRE_OP_CONFIRM);
}

static void aim_at_order(struct plan *plan, const struct model *model, struct wire_request *request)
{
	const struct model_order *order = random_order(plan, model);

	for (unsigned i = 0; i < 5 && order != NULL && !is_fit(order, request->op); i++)
		order = random_order(plan, model);
	if (order == NULL || chance(plan, 60)) {
		request->price_or_order = wrong_order_id(plan, model);
		return;
	}
	request->price_or_order = (uint64_t)model->lane << ORDER_ID_LSN_BITS | order->lsn;
	if (!chance(plan, 40))
		request->sku = order->asked.sku;
	if (!chance(plan, 70))
		request->buyer = order->asked.buyer;
	if (request->op == WIRE_OP_CONFIRM && chance(plan, 500) && order->held > 0)
		request->quantity = order->held;
	if (request->op == WIRE_OP_RELEASE && chance(plan, 400))
		request->quantity = 0;
	if (request->op == WIRE_OP_RETURN && chance(plan, 250))
		request->flags |= WIRE_ENTRY_WRITE_OFF;
}

static uint8_t random_op(struct plan *plan)
{
	static const struct {
		uint8_t op;
		uint8_t share;
	} ops[] = {
		{WIRE_OP_BUY, 8},     {WIRE_OP_HOLD, 34},   {WIRE_OP_CONFIRM, 16},
		{WIRE_OP_RELEASE, 8}, {WIRE_OP_EXTEND, 10}, {WIRE_OP_RETURN, 14},
		{WIRE_OP_LOOKUP, 8},  {WIRE_OP_PING, 1},
	};
	uint64_t at = below(plan, 100);

	for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
		if (at < ops[i].share)
			return ops[i].op;
		at -= ops[i].share;
	}
	return (uint8_t)(chance(plan, 500) ? below(plan, 12) : below(plan, 256));
}

static struct wire_request new_request(struct plan *plan, const struct model *model, uint8_t op)
{
	struct wire_request request = {
		.id = {++plan->ids, ~plan->ids},
		.buyer = 1 + below(plan, plan->buyers),
		.sku = plan->skus[below(plan, plan->sku_cnt)],
		.channel = (uint32_t)below(plan, 3),
		.quantity = random_quantity(plan),
		.op = op,
	};

	/* Most requests go to their shard. */
	if (model->offer_cnt > 0 && !chance(plan, 30))
		request.sku = model->offers[below(plan, model->offer_cnt)].record.sku;
	if (chance(plan, 10))
		request.sku = below(plan, 30);
	if (request.op == WIRE_OP_BUY || request.op == WIRE_OP_HOLD) {
		request.price_or_order = random_price(plan);
		if (chance(plan, 50))
			request.flags |= WIRE_ENTRY_AT_MOST_0;
	} else {
		aim_at_order(plan, model, &request);
	}
	if ((request.op == WIRE_OP_CONFIRM || request.op == WIRE_OP_RELEASE) && chance(plan, 80)) {
		request.flags = WIRE_ENTRY_WHOLE_BASKET;
		request.quantity = 0;
	}
	if (request.op == WIRE_OP_LOOKUP && chance(plan, 900))
		request.flags |= WIRE_ENTRY_BY_ORDER;
	if (chance(plan, 10))
		request.flags ^= (uint8_t)(1 << below(plan, 8));
	if (chance(plan, 5))
		request.id[0] = 0;
	if (chance(plan, 5))
		request.id[0] = request.id[1] = 0;
	return request;
}

/* Changes a part of a request's content, or what is no part of it. */
static void spoil(struct plan *plan, struct wire_request *request)
{
	switch (below(plan, 8)) {
	case 0:
		request->buyer = 1 + below(plan, plan->buyers);
		break;
	case 1:
		request->quantity = random_quantity(plan);
		break;
	case 2:
		request->channel = (uint32_t)below(plan, 3);
		break;
	case 3:
		request->price_or_order += chance(plan, 500) ? 1 : UINT64_C(1) << 48;
		break;
	case 4:
		request->op = random_op(plan);
		break;
	case 5:
		request->flags ^= (uint8_t)(1 << below(plan, 4));
		break;
	case 6:
		request->sku = plan->skus[below(plan, plan->sku_cnt)];
		break;
	default:
		request->op = WIRE_OP_LOOKUP;
		request->flags = 0;
		break;
	}
}

/* A request of before; a late one is as likely as an early one. */
static struct wire_request old_request(struct plan *plan, uint16_t lane)
{
	const uint64_t cnt = plan->asked_cnt[lane];
	const uint64_t recent = cnt < PLAN_ASKED_MAX ? cnt : (uint64_t)PLAN_ASKED_MAX;
	const uint64_t back = chance(plan, 500) && recent > 10 ? 10 : recent;

	return plan->asked[lane][(cnt - 1 - below(plan, back)) % PLAN_ASKED_MAX];
}

struct wire_request plan_request(struct plan *plan, const struct model *model)
{
	const uint16_t lane = model->lane;
	struct wire_request request;

	if (plan->asked_cnt[lane] > 0 && chance(plan, 200)) {
		request = old_request(plan, lane);
		if (chance(plan, 500))
			spoil(plan, &request);
	} else {
		request = new_request(plan, model, random_op(plan));
	}
	plan->asked[lane][plan->asked_cnt[lane]++ % PLAN_ASKED_MAX] = request;
	return request;
}

/* Lines of one buyer, each of another SKU, as far as chance gives such. */
static struct plan_basket new_basket(struct plan *plan, const struct model *model)
{
	static const uint8_t ops[] = {WIRE_OP_BUY, WIRE_OP_HOLD, WIRE_OP_HOLD, WIRE_OP_CONFIRM,
				      WIRE_OP_RELEASE};
	const uint8_t op = chance(plan, 20) ? random_op(plan) : ops[below(plan, 5)];
	struct plan_basket basket = {.cnt = 0};
	const uint32_t want = (uint32_t)(chance(plan, 20) ? 1 : 2 + below(plan, 4));

	for (unsigned tries = 0; tries < 40 && basket.cnt < want; tries++) {
		struct wire_request line = new_request(plan, model, op);
		bool fits = true;

		if (basket.cnt > 0 && (op == WIRE_OP_BUY || op == WIRE_OP_HOLD))
			line.buyer = basket.lines[0].buyer;
		for (uint32_t i = 0; i < basket.cnt; i++)
			fits &= line.buyer == basket.lines[0].buyer &&
				line.sku != basket.lines[i].sku;
		if (fits || chance(plan, 3))
			basket.lines[basket.cnt++] = line;
	}
	return basket;
}

struct plan_basket plan_basket(struct plan *plan, const struct model *model)
{
	const uint16_t lane = model->lane;
	const uint64_t cnt = plan->basket_cnt[lane];
	struct plan_basket basket;

	if (cnt > 0 && chance(plan, 200)) {
		basket = plan->baskets[lane][below(
			plan, cnt < PLAN_BASKETS_MAX ? cnt : (uint64_t)PLAN_BASKETS_MAX)];
		if (chance(plan, 400))
			spoil(plan, &basket.lines[below(plan, basket.cnt)]);
		else if (chance(plan, 200) && basket.cnt > 1)
			basket.cnt--;
	} else {
		basket = new_basket(plan, model);
	}
	plan->baskets[lane][plan->basket_cnt[lane]++ % PLAN_BASKETS_MAX] = basket;
	return basket;
}

uint64_t plan_later(struct plan *plan, const struct model *model, uint64_t now_ns)
{
	const struct model_order *order = random_order(plan, model);

	if (order != NULL && order->state == MODEL_OPEN && chance(plan, 400)) {
		const uint64_t later_ns = order->ends_at_ns - 1 + below(plan, 3);

		return later_ns > now_ns ? later_ns : now_ns;
	}
	switch (below(plan, 8)) {
	case 0:
		return now_ns;
	case 1:
		return now_ns + 1;
	case 2:
		return now_ns + below(plan, 5) * SECOND_NS;
	case 3:
		return now_ns + below(plan, 10 * SECOND_NS);
	case 4:
		return now_ns + (chance(plan, 100) ? below(plan, 3600) * SECOND_NS : 0);
	default:
		return now_ns + below(plan, SECOND_NS / 2);
	}
}

uint64_t plan_asked(struct plan *plan, uint64_t now_ns)
{
	if (chance(plan, 20))
		return UINT64_MAX;
	return chance(plan, 100) ? now_ns - below(plan, 10 * SECOND_NS) : now_ns;
}
