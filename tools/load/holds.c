#include "tools/load/holds.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "net/client_ask.h"
#include "tools/common/cli.h"
#include "tools/load/scenario_state.h"

enum step {
	STEP_HOLD,
	STEP_RELOAD, /* HOLD once more */
	STEP_EXTEND,
	STEP_CONFIRM,
	STEP_CONFIRM_AGAIN, /* after a refund: the same, or under another id */
	STEP_RELEASE,
	STEP_RETURN,
	STEP_LOOK,
	STEP_ENDED,
	STEPS,
};

enum {
	SAID_MAX = 10,
};

static const uint64_t HOLD_NS = UINT64_C(1000000000) * HOLDS_SECONDS;
/* Who finds it sold out waits between two tries: this, to twice as long. */
static const uint64_t TRY_AGAIN_NS = 200000000;
/* After so long he gives up: some generations of holds. */
static const uint64_t PATIENCE_NS = UINT64_C(5000000000);

struct load_holds_buyer {
	uint64_t order_id;
	uint64_t ends_at_ns; /* of his hold; before he has one: when he gives up */
	uint64_t unit_price;
	uint16_t held; /* units that are still his to pay */
	uint16_t sold;
	uint8_t step;
};

static const char *const step_names[STEPS] = {"HOLD",    "second HOLD",    "EXTEND",
					      "CONFIRM", "second CONFIRM", "RELEASE",
					      "RETURN",  "LOOKUP",         "nothing"};

bool load_holds_open(struct load_holds *holds, const struct scenario *scenario,
		     uint8_t least_durability)
{
	*holds = (struct load_holds){
		.scenario = scenario,
		.buyers = calloc(scenario->distinct_cnt, sizeof(*holds->buyers)),
		.least_durability = least_durability,
	};
	return stock_open(&holds->stock, HOLDS_SKUS) && holds->buyers != NULL;
}

void load_holds_close(struct load_holds *holds)
{
	stock_close(&holds->stock);
	free(holds->buyers);
	holds->buyers = NULL;
}

uint64_t load_holds_order_id(const struct load_holds *holds, uint32_t idx)
{
	return holds->buyers[idx].order_id;
}

/* Of what is left of a hold: `from` to `to` hundredths of the hold time after `at_ns`. */
static uint64_t within(const struct holds_plan *plan, uint64_t at_ns, uint64_t from, uint64_t to)
{
	return checkout_within(at_ns, HOLD_NS, plan->share, from, to);
}

/* ---- what he asks ---- */

/* By step: each is a request of its own. The second CONFIRM of some is the first one. */
static uint8_t id_number(const struct holds_plan *plan, uint8_t step)
{
	return step == STEP_CONFIRM_AGAIN && plan->looks ? STEP_CONFIRM : step;
}

static struct client_request asked(const struct holds_plan *plan,
				   const struct load_holds_buyer *buyer, uint64_t number)
{
	switch (buyer->step) {
	case STEP_HOLD:
		return client_ask_hold(plan->sku, number, plan->quantity, CLIENT_ANY_PRICE);
	case STEP_RELOAD:
		return client_ask_hold(plan->reload_sku, number, plan->quantity, HOLDS_PRICE);
	case STEP_EXTEND:
		return client_ask_extend(plan->sku, number, buyer->order_id);
	case STEP_RELEASE:
		return client_ask_release(plan->sku, number, buyer->order_id, plan->released);
	case STEP_RETURN:
		return client_ask_return(plan->sku, number, buyer->order_id, plan->returned,
					 plan->write_off);
	case STEP_LOOK:
		return client_ask_lookup_order(plan->sku, number, buyer->order_id);
	default:
		return client_ask_confirm(plan->sku, number, buyer->order_id, plan->paid);
	}
}

void load_holds_request(const struct load_holds *holds, uint32_t idx, struct client_request *out)
{
	const struct load_holds_buyer *buyer = &holds->buyers[idx];
	struct holds_plan plan;

	CHECK(buyer->step < STEP_ENDED);
	holds_plan_of(holds->scenario, idx, &plan);
	*out = asked(&plan, buyer, holds_plan_buyer(holds->scenario, idx));
	holds_plan_id(holds->scenario, idx, id_number(&plan, buyer->step), out->id);
	out->channel = holds->scenario->channel;
	out->user = idx;
}

/* ---- what becomes of him ---- */

/* An answer as it comes, with what he is going to do. */
struct event {
	struct load_holds *holds;
	struct load_holds_buyer *buyer;
	const struct holds_plan *plan;
	const struct wire_reply *reply;
	uint64_t now_ns;
	uint32_t idx;
};

static void contradict(struct event *event, const char *what)
{
	const struct wire_reply *reply = event->reply;

	event->holds->figures.contradictions++;
	if (event->holds->said++ >= SAID_MAX)
		return;
	cli_wrong("buyer %u, %s of SKU %" PRIu64 ": %s: %s, order %" PRIu64 ", %u at %" PRIu64
		  ", instant %" PRIu64 "; his order %" PRIu64 " holds %u and ends at %" PRIu64,
		  event->idx, step_names[event->buyer->step], event->plan->sku, what,
		  verdict_name(reply->verdict), reply->order_id, reply->quantity, reply->unit_price,
		  reply->instant_ns, event->buyer->order_id, event->buyer->held,
		  event->buyer->ends_at_ns);
}

static uint64_t end(struct event *event)
{
	event->buyer->step = STEP_ENDED;
	event->holds->ended++;
	return 0;
}

static uint64_t end_wrong(struct event *event, const char *what)
{
	contradict(event, what);
	return end(event);
}

static uint64_t go_on(struct event *event, enum step step, uint64_t at_ns)
{
	event->buyer->step = step;
	return at_ns;
}

/* What is left of his hold ran out, or will. */
static void run_out(struct event *event)
{
	if (event->buyer->held > 0)
		units_count_add(&event->holds->figures.ran_out, event->buyer->held);
}

static uint64_t end_unpaid(struct event *event)
{
	run_out(event);
	if (event->plan->looks)
		return go_on(event, STEP_LOOK,
			     within(event->plan, event->buyer->ends_at_ns, 0, 20));
	return end(event);
}

/* The engine's clock was not before now_ns: so the hold was open when this was decided. */
static bool was_open(const struct event *event)
{
	return event->now_ns < event->buyer->ends_at_ns;
}

/* An answer about his order, which must be his, at his price, and rest on enough. */
static bool is_his(struct event *event, uint16_t units)
{
	const struct wire_reply *reply = event->reply;

	return reply->order_id == event->buyer->order_id && reply->quantity == units &&
	       reply->unit_price == event->buyer->unit_price &&
	       reply->durability >= event->holds->least_durability;
}

static uint64_t first_step(struct event *event)
{
	const struct holds_plan *plan = event->plan;
	const uint64_t ends_at_ns = event->buyer->ends_at_ns;
	const uint64_t held_at_ns = ends_at_ns - HOLD_NS;

	switch (plan->fate) {
	case HOLDS_RELOADS:
		return go_on(event, STEP_RELOAD, within(plan, held_at_ns, 10, 50));
	case HOLDS_EXTENDS:
		return go_on(event, STEP_EXTEND, within(plan, held_at_ns, 40, 50));
	case HOLDS_RELEASES:
		return go_on(event, STEP_RELEASE, within(plan, held_at_ns, 10, 60));
	case HOLDS_PAYS:
		/* Some in the last moment: the end must not come before. */
		return go_on(event, STEP_CONFIRM, within(plan, held_at_ns, 10, 100));
	case HOLDS_PAYS_PART:
	case HOLDS_RETURNS:
		return go_on(event, STEP_CONFIRM, within(plan, held_at_ns, 10, 60));
	case HOLDS_PAYS_LATE:
		return go_on(event, STEP_CONFIRM, within(plan, ends_at_ns, 2, 60));
	default:
		return end_unpaid(event);
	}
}

/* Takes a hold as the engine says it. */
static void take_hold(struct event *event)
{
	const struct wire_reply *reply = event->reply;
	struct load_holds_buyer *buyer = event->buyer;
	struct holds_figures *figures = &event->holds->figures;

	if (reply->order_id == 0 || reply->quantity != event->plan->quantity ||
	    reply->unit_price != HOLDS_PRICE ||
	    reply->durability < event->holds->least_durability ||
	    reply->instant_ns > event->now_ns + HOLD_NS)
		contradict(event, "not what he asked for");
	buyer->order_id = reply->order_id;
	buyer->ends_at_ns = reply->instant_ns;
	buyer->unit_price = reply->unit_price;
	buyer->held = reply->quantity;
	units_count_add(&figures->held, reply->quantity);
	if (reply->instant_ns > figures->latest_end_ns)
		figures->latest_end_ns = reply->instant_ns;
}

static uint64_t after_hold(struct event *event)
{
	switch (event->reply->verdict) {
	case VERDICT_HELD:
		take_hold(event);
		return first_step(event);
	case VERDICT_SOLD_OUT:
		if (event->buyer->ends_at_ns == 0)
			event->buyer->ends_at_ns = event->now_ns + PATIENCE_NS;
		if (event->now_ns < event->buyer->ends_at_ns)
			return checkout_within(event->now_ns, TRY_AGAIN_NS, event->plan->share, 100,
					       200);
		event->holds->figures.gave_up++;
		return end(event);
	case VERDICT_UNKNOWN_SKU:
	case VERDICT_NO_HOLDS:
	case VERDICT_NOT_OPEN:
	case VERDICT_CLOSED:
		/* Another catalog: the run says so when it is over. */
		event->holds->figures.gave_up++;
		return end(event);
	default:
		return end_wrong(event, "no answer to a buyer without a hold");
	}
}

static uint64_t after_reload(struct event *event)
{
	const bool same = event->plan->reload_sku == event->plan->sku;

	switch (event->reply->verdict) {
	case VERDICT_ALREADY_HELD:
		if (!is_his(event, event->buyer->held) ||
		    event->reply->instant_ns != event->buyer->ends_at_ns)
			contradict(event, "not his hold");
		units_count_add(&event->holds->figures.again, event->reply->quantity);
		return end_unpaid(event);
	case VERDICT_HELD:
		/* The old one had ended: this one began at its end or later. */
		if (event->reply->instant_ns < event->buyer->ends_at_ns + HOLD_NS)
			contradict(event, "a second hold beside the first");
		run_out(event);
		take_hold(event);
		run_out(event);
		return end(event);
	case VERDICT_SOLD_OUT:
		/* Of the other colour, or because the old one had ended. */
		if (same && was_open(event))
			contradict(event, "refused because of his own hold");
		return end_unpaid(event);
	default:
		return end_wrong(event, "refused");
	}
}

static uint64_t after_extend(struct event *event)
{
	const struct wire_reply *reply = event->reply;

	switch (reply->verdict) {
	case VERDICT_EXTENDED:
		if (!is_his(event, event->buyer->held) ||
		    reply->instant_ns <= event->buyer->ends_at_ns ||
		    reply->instant_ns > event->now_ns + HOLD_NS)
			contradict(event, "not what the offer allows");
		event->buyer->ends_at_ns = reply->instant_ns;
		if (reply->instant_ns > event->holds->figures.latest_end_ns)
			event->holds->figures.latest_end_ns = reply->instant_ns;
		units_count_add(&event->holds->figures.extended, reply->quantity);
		/* After the end that it would have had: 1.0 to 1.1; it has one of 1.4 and more. */
		return go_on(event, STEP_CONFIRM,
			     within(event->plan, reply->instant_ns, 0, 10) - HOLD_NS * 40 / 100);
	case VERDICT_HOLD_ENDED:
		if (was_open(event))
			contradict(event, "the hold was open");
		return end_unpaid(event);
	default:
		return end_wrong(event, "refused");
	}
}

/* Sold, in time or late; the rest of a part is released. */
static uint64_t take_sale(struct event *event, struct units_count *figure)
{
	const struct holds_plan *plan = event->plan;
	struct load_holds_buyer *buyer = event->buyer;

	if (!is_his(event, plan->paid))
		contradict(event, "not what he paid");
	units_count_add(figure, event->reply->quantity);
	event->holds->stock.skus[plan->sku - 1].sold += event->reply->quantity;
	buyer->sold = event->reply->quantity;
	if (plan->fate == HOLDS_RETURNS)
		return go_on(event, STEP_RETURN, within(plan, event->now_ns, 1, 30));
	return plan->looks ? go_on(event, STEP_LOOK, within(plan, event->now_ns, 1, 30))
			   : end(event);
}

static bool is_refund(struct event *event)
{
	const struct wire_reply *reply = event->reply;

	return reply->order_id == event->buyer->order_id && reply->quantity == event->plan->paid &&
	       reply->unit_price == event->buyer->unit_price &&
	       reply->instant_ns == event->buyer->ends_at_ns;
}

static uint64_t after_confirm(struct event *event)
{
	const struct wire_reply *reply = event->reply;
	struct load_holds_buyer *buyer = event->buyer;
	struct holds_figures *figures = &event->holds->figures;

	switch (reply->verdict) {
	case VERDICT_CONFIRMED:
		if (reply->instant_ns >= buyer->ends_at_ns)
			contradict(event, "in time after the end");
		if (buyer->held > reply->quantity)
			units_count_add(&figures->released, buyer->held - reply->quantity);
		return take_sale(event, &figures->confirmed);
	case VERDICT_CONFIRMED_LATE:
		if (reply->instant_ns < buyer->ends_at_ns)
			contradict(event, "late before the end");
		run_out(event);
		return take_sale(event, &figures->late);
	case VERDICT_HOLD_EXPIRED:
		if (!is_refund(event) || was_open(event))
			contradict(event, "not the refund that is due");
		run_out(event);
		units_count_add(&figures->refunded, reply->quantity);
		/* Later, when units may have come back. */
		return go_on(event, STEP_CONFIRM_AGAIN,
			     within(event->plan, event->now_ns, 30, 150));
	default:
		return end_wrong(event, "a payment without its answer");
	}
}

static uint64_t after_release(struct event *event)
{
	const struct holds_plan *plan = event->plan;
	struct load_holds_buyer *buyer = event->buyer;
	const uint16_t units = plan->released > 0 ? plan->released : buyer->held;

	switch (event->reply->verdict) {
	case VERDICT_RELEASED:
		if (!is_his(event, units) || event->reply->instant_ns >= buyer->ends_at_ns)
			contradict(event, "not what he released");
		units_count_add(&event->holds->figures.released, units);
		buyer->held -= units;
		/* The state of the part that he still holds; of none, it says RELEASED. */
		return buyer->held > 0 ? end_unpaid(event) : end(event);
	case VERDICT_HOLD_ENDED:
		if (was_open(event))
			contradict(event, "the hold was open");
		return end_unpaid(event);
	default:
		return end_wrong(event, "refused");
	}
}

static uint64_t after_return(struct event *event)
{
	const struct holds_plan *plan = event->plan;
	struct holds_figures *figures = &event->holds->figures;

	if (event->reply->verdict != VERDICT_RETURNED)
		return end_wrong(event, "refused");
	if (!is_his(event, plan->returned))
		contradict(event, "not what he returned");
	units_count_add(plan->write_off ? &figures->written_off : &figures->returned,
			plan->returned);
	event->holds->stock.skus[plan->sku - 1].sold -= plan->returned;
	if (plan->write_off)
		event->holds->stock.skus[plan->sku - 1].gone += plan->returned;
	event->buyer->sold -= plan->returned;
	return plan->looks ? go_on(event, STEP_LOOK, within(plan, event->now_ns, 1, 30))
			   : end(event);
}

/* His order's state must be what he knows of it. */
static uint64_t after_look(struct event *event)
{
	const struct wire_reply *reply = event->reply;
	const struct load_holds_buyer *buyer = event->buyer;

	event->holds->figures.looked_up++;
	switch (reply->verdict) {
	case VERDICT_CONFIRMED:
	case VERDICT_CONFIRMED_LATE:
		if (!is_his(event, buyer->sold) || buyer->sold == 0)
			contradict(event, "not what was sold");
		break;
	case VERDICT_RETURNED:
		if (buyer->sold > 0 || event->plan->fate != HOLDS_RETURNS)
			contradict(event, "not returned");
		break;
	case VERDICT_HOLD_ENDED:
		if (!is_his(event, buyer->held) || reply->instant_ns != buyer->ends_at_ns)
			contradict(event, "not what ended");
		break;
	default:
		contradict(event, "not the state of the order");
		break;
	}
	return end(event);
}

uint64_t load_holds_answer(struct load_holds *holds, uint32_t idx, uint64_t now_ns,
			   const struct wire_reply *reply)
{
	struct holds_plan plan;
	struct event event = {
		.holds = holds,
		.buyer = &holds->buyers[idx],
		.plan = &plan,
		.reply = reply,
		.now_ns = now_ns,
		.idx = idx,
	};

	holds_plan_of(holds->scenario, idx, &plan);
	if (reply->verdict >= VERDICT_FAILURE_FIRST) {
		load_holds_silence(holds, idx);
		return 0;
	}
	switch (event.buyer->step) {
	case STEP_HOLD:
		return after_hold(&event);
	case STEP_RELOAD:
		return after_reload(&event);
	case STEP_EXTEND:
		return after_extend(&event);
	case STEP_CONFIRM:
		return after_confirm(&event);
	case STEP_CONFIRM_AGAIN:
		if (reply->verdict != VERDICT_HOLD_EXPIRED || !is_refund(&event))
			contradict(&event, "the refund was final");
		return end(&event);
	case STEP_RELEASE:
		return after_release(&event);
	case STEP_RETURN:
		return after_return(&event);
	default:
		CHECK(event.buyer->step == STEP_LOOK);
		return after_look(&event);
	}
}

void load_holds_silence(struct load_holds *holds, uint32_t idx)
{
	CHECK(holds->buyers[idx].step != STEP_ENDED);
	holds->buyers[idx].step = STEP_ENDED;
	holds->figures.lost++;
	holds->ended++;
}

bool load_holds_all_ended(const struct load_holds *holds)
{
	const struct holds_figures *figures = &holds->figures;

	return figures->lost == 0 && figures->held.units == figures->confirmed.units +
								    figures->released.units +
								    figures->ran_out.units;
}

/* ---- for the checkout ---- */

static int submit(void *buyers, struct client *client, uint32_t idx, uint64_t intended_ns)
{
	struct client_request request;

	load_holds_request(buyers, idx, &request);
	request.intended_ns = intended_ns;
	return client_submit(client, &request);
}

static uint32_t buyer_of(uint64_t user)
{
	return (uint32_t)user;
}

static uint64_t order_id(const void *buyers, uint32_t idx)
{
	return load_holds_order_id(buyers, idx);
}

static uint64_t answer(void *buyers, uint64_t user, uint64_t now_ns, const struct wire_reply *reply,
		       bool may_turn)
{
	/* A hold that a copy of a refused request gets runs out. */
	(void)may_turn;
	return load_holds_answer(buyers, buyer_of(user), now_ns, reply);
}

static uint64_t silence(void *buyers, uint64_t user)
{
	load_holds_silence(buyers, buyer_of(user));
	return 0;
}

static uint32_t ended(const void *buyers)
{
	return ((const struct load_holds *)buyers)->ended;
}

static void sums(const void *buyers, struct tally *tally)
{
	const struct holds_figures *figures = &((const struct load_holds *)buyers)->figures;

	tally->accepted_new = figures->confirmed.cnt + figures->late.cnt;
	tally->units = figures->confirmed.units + figures->late.units;
	tally->contradictions = figures->contradictions;
}

const struct checkout_buyers load_holds_buyers = {
	.hold_seconds = HOLDS_SECONDS,
	.submit = submit,
	.buyer_of = buyer_of,
	.order_id = order_id,
	.answer = answer,
	.silence = silence,
	.ended = ended,
	.sums = sums,
};
