/*
 * The model's decision: what WIRE.md says, in its order, one op after the other.
 */
#include "tests/engine/sale/model.h"

#include "engine/base/check.h"

static const uint64_t SECOND_NS = 1000000000;
static const uint64_t STALE_NS = UINT64_MAX;

/* What is being decided, and the answer as far as it is known. */
struct question {
	struct model *model;
	const struct wire_request *request;
	const struct model_offer *offer;
	uint64_t now_ns;
	uint64_t asked_ns;
	bool room;
	struct model_answer answer;
};

static void say(struct question *question, uint8_t verdict)
{
	question->answer.verdict = verdict;
}

static bool has_flag(const struct wire_request *request, uint8_t flag)
{
	return (request->flags & flag) != 0;
}

static bool is_malformed(const struct wire_request *request)
{
	if (request->op == 0 || request->op > WIRE_OP_RETURN)
		return true;
	if ((request->flags & ~15) != 0 || (request->id[0] == 0 && request->id[1] == 0))
		return true;
	if (has_flag(request, WIRE_ENTRY_AT_MOST_0) &&
	    (request->price_or_order != 0 || request->op == WIRE_OP_CONFIRM ||
	     request->op == WIRE_OP_RELEASE || request->op == WIRE_OP_EXTEND ||
	     request->op == WIRE_OP_RETURN))
		return true;
	if (has_flag(request, WIRE_ENTRY_WRITE_OFF) && request->op != WIRE_OP_RETURN)
		return true;
	if (has_flag(request, WIRE_ENTRY_WHOLE_BASKET) &&
	    (request->quantity != 0 ||
	     (request->op != WIRE_OP_CONFIRM && request->op != WIRE_OP_RELEASE)))
		return true;
	return has_flag(request, WIRE_ENTRY_BY_ORDER) && request->op != WIRE_OP_LOOKUP;
}

static void say_not_here(struct question *question)
{
	const struct model *model = question->model;
	uint16_t owner = wire_shard_of(question->request->sku, model->shards);

	for (uint32_t i = 0; i < model->placed_cnt; i++) {
		if (model->placed[i].sku == question->request->sku)
			owner = model->placed[i].quantity;
	}
	say(question, owner == model->lane ? VERDICT_UNKNOWN_SKU : VERDICT_WRONG_SHARD);
	if (owner != model->lane) {
		question->answer.quantity = owner;
		question->answer.named = NAMED_QUANTITY;
	}
}

static struct model_request *remembered(struct model *model, const struct wire_request *request)
{
	for (uint32_t i = 0; i < model->request_cnt; i++) {
		const struct wire_request *asked = &model->requests[i].asked;

		if (asked->sku == request->sku && asked->id[0] == request->id[0] &&
		    asked->id[1] == request->id[1])
			return &model->requests[i];
	}
	return NULL;
}

static bool same_content(const struct wire_request *one, const struct wire_request *other)
{
	return one->op == other->op && one->buyer == other->buyer &&
	       (one->op == WIRE_OP_EXTEND || one->quantity == other->quantity) &&
	       one->channel == other->channel && one->price_or_order == other->price_or_order &&
	       one->flags == other->flags;
}

static struct model_order *order_named(struct model *model, const struct wire_request *request)
{
	for (uint32_t i = 0; i < model->order_cnt; i++) {
		struct model_order *order = &model->orders[i];

		if (order->asked.sku == request->sku &&
		    ((uint64_t)model->lane << 48 | order->lsn) == request->price_or_order)
			return order;
	}
	return NULL;
}

/* Made by the basket that is being decided: nothing that its other lines could be told of. */
static bool is_of_basket(const struct model *model, const struct model_order *order)
{
	return model->basket_lsn != 0 && order->lsn >= model->basket_lsn;
}

/* Units that a buyer holds or has bought, of a SKU, or (sku 0) of all SKUs of a group. held_only:
 * only what he holds. */
static uint64_t units_of(const struct model *model, uint64_t buyer, uint64_t sku, uint32_t group,
			 bool held_only)
{
	uint64_t units = 0;

	for (uint32_t i = 0; i < model->order_cnt; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->asked.buyer != buyer || (sku != 0 && order->asked.sku != sku) ||
		    (held_only && is_of_basket(model, order)))
			continue;
		if (sku == 0 && model_offer(model, order->asked.sku)->record.channel != group)
			continue;
		units += order->held + (held_only ? 0 : order->sold);
	}
	for (uint32_t i = 0; i < model->waiting_cnt && !held_only; i++) {
		const struct model_waiting *line = &model->waiting[i];

		if (line->asked.buyer == buyer &&
		    (sku != 0 ? line->asked.sku == sku
			      : model_offer(model, line->asked.sku)->record.channel == group))
			units += line->units;
	}
	return units;
}

/* What stops a buyer from having so many units more. */
struct stop {
	bool stock;
	bool limit;
	bool group_limit;
};

/* without_own: as if he held nothing of this SKU, nor of its group. */
static struct stop what_stops(const struct question *question, uint64_t units, bool without_own)
{
	const struct model *model = question->model;
	const struct record *terms = &question->offer->record;
	const uint64_t buyer = question->request->buyer;
	uint64_t free = model_units(model, terms->sku).free;
	uint64_t has = units_of(model, buyer, terms->sku, 0, false);
	uint64_t has_group = units_of(model, buyer, 0, terms->channel, false);

	if (without_own) {
		free += units_of(model, buyer, terms->sku, 0, true);
		has -= units_of(model, buyer, terms->sku, 0, true);
		has_group -= units_of(model, buyer, 0, terms->channel, true);
	}
	return (struct stop){
		.stock = units > free,
		.limit = terms->offer.limit_per_buyer > 0 &&
			 has + units > terms->offer.limit_per_buyer,
		.group_limit = terms->channel != 0 && has_group + units > terms->quantity,
	};
}

/* His newest open hold of a SKU, or (sku 0) of a group. */
static const struct model_order *newest_hold(const struct model *model, uint64_t buyer,
					     uint64_t sku, uint32_t group)
{
	const struct model_order *newest = NULL;

	for (uint32_t i = 0; i < model->order_cnt; i++) {
		const struct model_order *order = &model->orders[i];

		if (order->state != MODEL_OPEN || order->asked.buyer != buyer ||
		    is_of_basket(model, order))
			continue;
		if (sku != 0 ? order->asked.sku == sku
			     : model_offer(model, order->asked.sku)->record.channel == group)
			newest = order;
	}
	return newest;
}

static void name_order(struct question *question, const struct model_order *order)
{
	question->answer.order_id = (uint64_t)question->model->lane << 48 | order->lsn;
	question->answer.unit_price = order->unit_price;
	question->answer.named |= NAMED_ORDER;
	question->answer.wait_lsn = order->last_lsn;
}

static void name_rest(struct question *question, uint64_t instant_ns, uint16_t quantity)
{
	question->answer.instant_ns = instant_ns;
	question->answer.quantity = quantity;
	question->answer.named |= NAMED_INSTANT | NAMED_QUANTITY;
}

/* Whether a table has no place for what commits. A payment finds the place that was kept for it. */
static bool is_full(const struct model *model, uint8_t op, const struct model_order *changed)
{
	const bool becomes_hold =
		op == WIRE_OP_HOLD || (op == WIRE_OP_RETURN && changed->bought &&
				       changed->returned + changed->written_off == 0);

	if (op == WIRE_OP_BUY)
		return model_bought(model) == model->bought_max;
	if (becomes_hold && model_holds(model) == model->holds_max)
		return true;
	return op != WIRE_OP_CONFIRM &&
	       model_changes(model) + model_undecided(model) >= model->changes_max;
}

/* Whether what commits can: a place in each table that it needs, and in the journal. */
static bool can_commit(struct question *question, const struct model_order *changed)
{
	const bool full = is_full(question->model, question->request->op, changed);

	question->answer.wait_lsn_or = changed != NULL ? changed->last_lsn : 0;
	if (full)
		say(question, VERDICT_TABLE_FULL);
	else if (!question->room)
		say(question, VERDICT_JOURNAL_FULL);
	return !full && question->room;
}

/* The record of what commits now, and that it is remembered with its answer. */
static void commit(struct question *question, struct model_order *order, uint8_t kind,
		   uint8_t flags, uint16_t quantity)
{
	struct model *model = question->model;
	const struct wire_request *request = question->request;
	const uint64_t lsn = model->next_lsn++;
	struct record *record = &question->answer.record;

	CHECK(model->request_cnt < MODEL_ORDERS_MAX);
	*record = (struct record){
		.kind = kind,
		.flags = flags,
		.quantity = quantity,
		.channel = request->channel,
		.at_ns = question->now_ns,
		.sku = request->sku,
		.unit_price = order->unit_price,
		.order = {.request_id = {request->id[0], request->id[1]}, .buyer = request->buyer},
	};
	if (kind == RECORD_ORDER || kind == RECORD_HOLD) {
		record->order.max_price = has_flag(request, WIRE_ENTRY_AT_MOST_0)
						  ? UINT64_MAX
						  : request->price_or_order;
		order->lsn = lsn;
	} else {
		record->change.order_lsn = order->lsn;
	}
	if (kind == RECORD_HOLD || kind == RECORD_EXTEND)
		order->since_lsn = lsn;
	order->last_lsn = lsn;
	name_order(question, order);
	question->answer.wait_lsn = lsn;
	question->answer.wait_lsn_or = 0;
	model->requests[model->request_cnt++] = (struct model_request){
		.asked = *request,
		.answer = question->answer,
		.order = (uint32_t)(order - model->orders),
	};
	question->answer.committed = true;
}

/* A BUY or a HOLD that is stopped. */
static void say_stopped(struct question *question, struct stop stop)
{
	const struct wire_request *request = question->request;
	const struct record *terms = &question->offer->record;
	const struct stop without = what_stops(question, request->quantity, true);
	const bool by_own = !without.stock && !without.limit && !without.group_limit;

	if (request->op == WIRE_OP_HOLD && by_own) {
		const struct model_order *hold =
			newest_hold(question->model, request->buyer, terms->sku, 0);

		if (hold == NULL)
			hold = newest_hold(question->model, request->buyer, 0, terms->channel);
		CHECK(hold != NULL);
		say(question, VERDICT_ALREADY_HELD);
		name_order(question, hold);
		name_rest(question, hold->ends_at_ns, hold->held);
		return;
	}
	say(question, stop.stock ? VERDICT_SOLD_OUT : VERDICT_LIMIT_REACHED);
	if (stop.stock)
		question->answer.named |= NAMED_STOCK;
}

/* False: the offer itself stands against it. */
static bool is_on_offer(struct question *question)
{
	const struct wire_request *request = question->request;
	const struct record *terms = &question->offer->record;

	if (request->quantity == 0) {
		say(question, VERDICT_BAD_QUANTITY);
	} else if (request->op == WIRE_OP_HOLD && terms->offer.hold_seconds == 0) {
		say(question, VERDICT_NO_HOLDS);
	} else if (question->asked_ns < terms->offer.opens_at_ns) {
		say(question, VERDICT_NOT_OPEN);
		question->answer.instant_ns = terms->offer.opens_at_ns;
		question->answer.named = NAMED_INSTANT;
	} else if (question->now_ns >= terms->offer.closes_at_ns) {
		say(question, VERDICT_CLOSED);
		question->answer.instant_ns = terms->offer.closes_at_ns;
		question->answer.named = NAMED_INSTANT;
	} else if (has_flag(request, WIRE_ENTRY_AT_MOST_0)
			   ? terms->unit_price > 0
			   : request->price_or_order != 0 &&
				     request->price_or_order < terms->unit_price) {
		say(question, VERDICT_PRICE_TOO_HIGH);
	} else {
		return true;
	}
	return false;
}

/* It commits, whatever stands against it. */
static void sell_or_hold(struct question *question)
{
	struct model *model = question->model;
	const struct wire_request *request = question->request;
	const struct record *terms = &question->offer->record;
	const bool buys = request->op == WIRE_OP_BUY;
	struct model_order *order = &model->orders[model->order_cnt];

	CHECK(model->order_cnt < MODEL_ORDERS_MAX);
	model->order_cnt++;
	*order = (struct model_order){
		.asked = *request,
		.unit_price = terms->unit_price,
		.at_ns = question->now_ns,
		.bought = buys,
	};
	if (buys) {
		order->state = MODEL_SOLD;
		order->sold = request->quantity;
		order->sold_at_ns = question->now_ns;
	} else {
		order->state = MODEL_OPEN;
		order->held = request->quantity;
		order->ends_at_ns = question->now_ns + terms->offer.hold_seconds * SECOND_NS;
	}
	say(question, buys ? VERDICT_ACCEPTED : VERDICT_HELD);
	name_rest(question, buys ? question->now_ns : order->ends_at_ns, request->quantity);
	commit(question, order, buys ? RECORD_ORDER : RECORD_HOLD, 0, request->quantity);
}

static void buy_or_hold(struct question *question)
{
	const struct wire_request *request = question->request;

	if (!is_on_offer(question))
		return;

	const struct stop stop = what_stops(question, request->quantity, false);

	if (stop.stock || stop.limit || stop.group_limit) {
		say_stopped(question, stop);
		return;
	}
	if (can_commit(question, NULL))
		sell_or_hold(question);
}

/* A refusal that rests on what became of an order. */
static void say_of(struct question *question, const struct model_order *order, uint8_t verdict)
{
	say(question, verdict);
	question->answer.wait_lsn = order->last_lsn;
}

static void sell(struct question *question, struct model_order *order, bool late)
{
	const uint16_t quantity = question->request->quantity;

	if (!can_commit(question, order))
		return;
	order->state = MODEL_SOLD;
	order->held = 0;
	order->sold = quantity;
	order->late = late;
	order->sold_at_ns = question->now_ns;
	say(question, late ? VERDICT_CONFIRMED_LATE : VERDICT_CONFIRMED);
	name_rest(question, question->now_ns, quantity);
	commit(question, order, RECORD_CONFIRM, late ? CONFIRM_LATE : 0, quantity);
}

static void say_refund(struct question *question, const struct model_order *order)
{
	say_of(question, order, VERDICT_HOLD_EXPIRED);
	name_order(question, order);
	name_rest(question, order->ends_at_ns, question->request->quantity);
}

static void confirm_late(struct question *question, struct model_order *order)
{
	const struct stop stop = what_stops(question, question->request->quantity, false);

	if (!stop.stock && !stop.limit && !stop.group_limit) {
		sell(question, order, true);
	} else if (can_commit(question, order)) {
		order->state = MODEL_REFUNDED;
		say_refund(question, order);
		commit(question, order, RECORD_CONFIRM, CONFIRM_REFUND,
		       question->request->quantity);
	}
}

static void confirm(struct question *question, struct model_order *order)
{
	const uint16_t quantity = question->request->quantity;

	if (quantity == 0) {
		say_of(question, order, VERDICT_BAD_QUANTITY);
		return;
	}
	switch (order->state) {
	case MODEL_OPEN:
		if (quantity > order->held)
			say_of(question, order, VERDICT_TOO_MANY);
		else
			sell(question, order, false);
		break;
	case MODEL_RAN_OUT:
		if (quantity > order->ran_out)
			say_of(question, order, VERDICT_TOO_MANY);
		else
			confirm_late(question, order);
		break;
	case MODEL_SOLD:
		say_of(question, order, VERDICT_ALREADY_SOLD);
		break;
	case MODEL_RELEASED:
		say_of(question, order, VERDICT_HOLD_RELEASED);
		break;
	default:
		say_refund(question, order);
		break;
	}
}

/* RELEASE and EXTEND need an open hold. */
static bool is_open(struct question *question, const struct model_order *order)
{
	switch (order->state) {
	case MODEL_OPEN:
		return true;
	case MODEL_SOLD:
		say_of(question, order, VERDICT_ALREADY_SOLD);
		break;
	case MODEL_RELEASED:
		say_of(question, order, VERDICT_HOLD_RELEASED);
		break;
	case MODEL_RAN_OUT:
		say_of(question, order, VERDICT_HOLD_ENDED);
		break;
	default:
		say_of(question, order, VERDICT_HOLD_EXPIRED);
		break;
	}
	return false;
}

static void release(struct question *question, struct model_order *order)
{
	const uint16_t asked = question->request->quantity;
	const uint16_t quantity = asked == 0 ? order->held : asked;

	if (!is_open(question, order))
		return;
	if (asked > order->held) {
		say_of(question, order, VERDICT_TOO_MANY);
		return;
	}
	if (!can_commit(question, order))
		return;
	order->held -= quantity;
	if (order->held == 0)
		order->state = MODEL_RELEASED;
	say(question, VERDICT_RELEASED);
	name_rest(question, question->now_ns, quantity);
	commit(question, order, RECORD_RELEASE, asked == 0 ? RELEASE_ALL : 0, quantity);
}

static void extend(struct question *question, struct model_order *order)
{
	const uint64_t ends_at_ns = question->now_ns + question->offer->extend_ns;

	if (!is_open(question, order))
		return;
	if (order->extensions >= question->offer->extensions || ends_at_ns <= order->ends_at_ns) {
		say_of(question, order, VERDICT_CANNOT_EXTEND);
		return;
	}
	if (!can_commit(question, order))
		return;
	order->extensions++;
	order->ends_at_ns = ends_at_ns;
	say(question, VERDICT_EXTENDED);
	name_rest(question, ends_at_ns, order->held);
	commit(question, order, RECORD_EXTEND, 0, order->held);
}

static void give_back(struct question *question, struct model_order *order)
{
	const uint16_t quantity = question->request->quantity;
	const bool written_off = has_flag(question->request, WIRE_ENTRY_WRITE_OFF);

	if (quantity == 0) {
		say_of(question, order, VERDICT_BAD_QUANTITY);
	} else if (order->sold == 0) {
		say_of(question, order, VERDICT_NOT_SOLD);
	} else if (quantity > order->sold) {
		say_of(question, order, VERDICT_TOO_MANY);
	} else if (can_commit(question, order)) {
		order->sold -= quantity;
		if (written_off)
			order->written_off += quantity;
		else
			order->returned += quantity;
		say(question, VERDICT_RETURNED);
		name_rest(question, question->now_ns, quantity);
		commit(question, order, RECORD_RETURN, written_off ? RETURN_WRITE_OFF : 0,
		       quantity);
	}
}

static void change(struct question *question)
{
	struct model_order *order = order_named(question->model, question->request);

	if (order == NULL) {
		say(question, VERDICT_NOT_FOUND);
		return;
	}
	if (order->asked.buyer != question->request->buyer) {
		say(question, VERDICT_OTHER_BUYER);
		return;
	}
	if (order->pinned) {
		say_of(question, order, VERDICT_UNDER_WAY);
		return;
	}
	switch (question->request->op) {
	case WIRE_OP_CONFIRM:
		confirm(question, order);
		break;
	case WIRE_OP_RELEASE:
		release(question, order);
		break;
	case WIRE_OP_EXTEND:
		extend(question, order);
		break;
	default:
		give_back(question, order);
		break;
	}
}

static void say_state(struct question *question, const struct model_order *order)
{
	name_order(question, order);
	switch (order->state) {
	case MODEL_OPEN:
		say(question, VERDICT_HELD);
		name_rest(question, order->ends_at_ns, order->held);
		break;
	case MODEL_RELEASED:
		say(question, VERDICT_RELEASED);
		question->answer.named |= NAMED_QUANTITY;
		break;
	case MODEL_RAN_OUT:
		say(question, VERDICT_HOLD_ENDED);
		name_rest(question, order->ends_at_ns, order->ran_out);
		break;
	case MODEL_REFUNDED:
		say(question, VERDICT_HOLD_EXPIRED);
		name_rest(question, order->ends_at_ns, order->ran_out);
		break;
	default:
		if (order->sold == 0) {
			say(question, VERDICT_RETURNED);
			question->answer.named |= NAMED_QUANTITY;
			break;
		}
		say(question, order->bought ? VERDICT_ACCEPTED
			      : order->late ? VERDICT_CONFIRMED_LATE
					    : VERDICT_CONFIRMED);
		name_rest(question, order->sold_at_ns, order->sold);
		break;
	}
}

static void look_up(struct question *question, const struct model_request *request)
{
	const struct model_order *order =
		request != NULL ? &question->model->orders[request->order] : NULL;

	if (has_flag(question->request, WIRE_ENTRY_BY_ORDER))
		order = order_named(question->model, question->request);
	if (order == NULL)
		say(question, VERDICT_NOT_FOUND);
	else if (has_flag(question->request, WIRE_ENTRY_BY_ORDER) &&
		 order->asked.buyer != question->request->buyer)
		say(question, VERDICT_OTHER_BUYER);
	else
		say_state(question, order);
}

/* The first answer again. It may also wait for what happened to the order since. */
static void answer_again(struct question *question, const struct model_request *request)
{
	if (!same_content(&request->asked, question->request)) {
		say(question, VERDICT_CONFLICT);
		return;
	}
	question->answer = request->answer;
	question->answer.committed = false;
	question->answer.wait_lsn_or = question->model->orders[request->order].last_lsn;
}

static void decide_known(struct question *question)
{
	const struct model_request *request = remembered(question->model, question->request);
	const uint8_t op = question->request->op;

	question->answer.unit_price = question->offer->record.unit_price;
	if (op != WIRE_OP_LOOKUP && model_is_waiting(question->model, question->request)) {
		say(question, VERDICT_UNDER_WAY);
	} else if (has_flag(question->request, WIRE_ENTRY_WHOLE_BASKET)) {
		say(question, VERDICT_NOT_FOUND);
	} else if (op == WIRE_OP_LOOKUP) {
		look_up(question, request);
	} else if (request != NULL) {
		answer_again(question, request);
	} else if (question->asked_ns == STALE_NS) {
		say(question, VERDICT_STALE);
		question->answer.instant_ns = question->now_ns;
		question->answer.named = NAMED_INSTANT;
	} else if (op == WIRE_OP_BUY || op == WIRE_OP_HOLD) {
		buy_or_hold(question);
	} else {
		change(question);
	}
	question->answer.stock_left =
		(uint32_t)model_units(question->model, question->request->sku).free;
}

struct model_answer model_refund(struct model *model, uint64_t now_ns,
				 const struct wire_request *request)
{
	struct question question = {.model = model, .request = request, .now_ns = now_ns};
	struct model_order *order = order_named(model, request);

	CHECK(order != NULL);
	if (order->state == MODEL_OPEN) {
		order->ran_out = order->held;
		order->held = 0;
		order->ends_at_ns = now_ns;
	}
	order->state = MODEL_REFUNDED;
	say_refund(&question, order);
	commit(&question, order, RECORD_CONFIRM, CONFIRM_REFUND | CONFIRM_OF_BASKET,
	       request->quantity);
	question.answer.stock_left = (uint32_t)model_units(model, request->sku).free;
	return question.answer;
}

struct model_answer model_carry_out(struct model *model, uint64_t now_ns, uint32_t waiting)
{
	const struct model_waiting line = model->waiting[waiting];
	struct question question = {
		.model = model,
		.request = &line.asked,
		.offer = model_offer(model, line.asked.sku),
		.now_ns = now_ns,
		.asked_ns = now_ns,
		.room = true,
	};

	model_stop_waiting(model, now_ns, waiting);
	if (line.refund) {
		question.answer = model_refund(model, now_ns, &line.asked);
		/* As each other answer of one that has just committed. */
		question.answer.committed = true;
	} else if (line.asked.op == WIRE_OP_BUY || line.asked.op == WIRE_OP_HOLD) {
		sell_or_hold(&question);
	} else if (line.asked.op == WIRE_OP_CONFIRM) {
		sell(&question, order_named(model, &line.asked),
		     line.verdict == VERDICT_CONFIRMED_LATE);
	} else {
		release(&question, order_named(model, &line.asked));
	}
	CHECK(question.answer.committed);
	question.answer.record.flags |= RECORD_WAS_PREPARED;
	model->requests[model->request_cnt - 1].answer.record.flags |= RECORD_WAS_PREPARED;
	return question.answer;
}

struct model_answer model_decide(struct model *model, uint64_t now_ns, uint64_t asked_ns,
				 const struct wire_request *request, bool room)
{
	struct question question = {
		.model = model,
		.request = request,
		.offer = model_offer(model, request->sku),
		.now_ns = now_ns,
		.asked_ns = asked_ns,
		.room = room,
	};

	model_end_due(model, now_ns);
	if (is_malformed(request)) {
		say(&question, VERDICT_BAD_REQUEST);
	} else if (request->op == WIRE_OP_PING) {
		say(&question, VERDICT_PONG);
		name_rest(&question, now_ns, model->shards);
	} else if (question.offer == NULL) {
		say_not_here(&question);
	} else {
		decide_known(&question);
	}
	return question.answer;
}
