#include "tools/load/baskets.h"

#include <inttypes.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "net/client_ask.h"
#include "tools/common/cli.h"
#include "tools/load/scenario_state.h"

enum step {
	STEP_BASKET,
	STEP_PAY,
	STEP_RELEASE,
	STEP_LOOK, /* whether a copy of what was refused was carried out */
	STEP_ENDED,
	STEPS,
};

enum {
	SAID_MAX = 10,
	LINE_BITS = 32, /* of `user`: the buyer's index; the line is above */
};

static const uint64_t HOLD_NS = UINT64_C(1000000000) * BASKETS_SECONDS;
/* Who finds a line sold out waits between two tries: this, to twice as long. */
static const uint64_t TRY_AGAIN_NS = 200000000;
/* After so long he gives up: some generations of holds. */
static const uint64_t PATIENCE_NS = UINT64_C(3000000000);
/* Lanes of several workers read their clocks one after the other. */
static const uint64_t CLOCKS_APART_NS = 20000000;

struct load_baskets_buyer {
	uint64_t gives_up_ns;  /* 0: he did not find it sold out */
	uint64_t first_end_ns; /* of the lines of his hold */
	uint64_t last_end_ns;
	uint8_t step;
	bool again;                                   /* asks the step once more */
	bool other_id;                                /* under another id */
	bool silent;                                  /* a line had no answer */
	bool may_turn;                                /* a copy of what was refused had none */
	uint8_t looks_at;                             /* the line that is looked up */
	uint8_t left;                                 /* lines without an answer */
	uint16_t taken;                               /* lines that he has, a bit each */
	struct wire_reply replies[BASKETS_LINES_MAX]; /* of what was asked last */
	struct wire_reply first[BASKETS_LINES_MAX];   /* of the same, when it was carried out */
	uint64_t order_ids[BASKETS_LINES_MAX];
};

static const char *const step_names[STEPS] = {"basket", "payment", "release", "lookup", "nothing"};

bool load_baskets_open(struct load_baskets *baskets, const struct scenario *scenario,
		       uint8_t least_durability)
{
	*baskets = (struct load_baskets){
		.scenario = scenario,
		.buyers = calloc(scenario->distinct_cnt, sizeof(*baskets->buyers)),
		.least_durability = least_durability,
	};
	return stock_open(&baskets->stock, BASKETS_SKUS) && baskets->buyers != NULL;
}

void load_baskets_close(struct load_baskets *baskets)
{
	stock_close(&baskets->stock);
	free(baskets->buyers);
	baskets->buyers = NULL;
}

/* ---- what he asks ---- */

static bool holds_it(const struct baskets_plan *plan)
{
	return plan->fate != BASKETS_BUYS && plan->fate != BASKETS_TAKES_WHAT_THERE_IS;
}

static struct client_request asked(const struct baskets_plan *plan,
				   const struct load_baskets_buyer *buyer, uint64_t number,
				   uint32_t line)
{
	switch (buyer->step) {
	case STEP_PAY:
		return client_ask_confirm_whole(plan->skus[0], number, buyer->order_ids[0]);
	case STEP_RELEASE:
		return client_ask_release_whole(plan->skus[0], number, buyer->order_ids[0]);
	case STEP_LOOK:
		return client_ask_lookup(plan->skus[line], (const uint64_t[2]){0, 0});
	default:
		return client_ask_for(holds_it(plan) ? WIRE_OP_HOLD : WIRE_OP_BUY, plan->skus[line],
				      number, plan->quantities[line],
				      baskets_plan_price(plan->skus[line]));
	}
}

/* Of the id. A lookup has that of the basket. */
static uint8_t request_number(const struct load_baskets_buyer *buyer)
{
	if (buyer->step == STEP_LOOK)
		return STEP_BASKET;
	return (uint8_t)(buyer->step + (buyer->other_id ? STEPS : 0));
}

uint32_t load_baskets_requests(const struct load_baskets *baskets, uint32_t idx,
			       struct client_request out[BASKETS_LINES_MAX])
{
	const struct load_baskets_buyer *buyer = &baskets->buyers[idx];
	const uint64_t number = baskets_plan_buyer(baskets->scenario, idx);
	struct baskets_plan plan;
	uint32_t cnt;

	CHECK(buyer->step < STEP_ENDED);
	baskets_plan_of(baskets->scenario, idx, &plan);
	cnt = buyer->step == STEP_BASKET ? plan.cnt : 1;
	for (uint32_t i = 0; i < cnt; i++) {
		const uint32_t line = buyer->step == STEP_LOOK ? buyer->looks_at : i;

		out[i] = asked(&plan, buyer, number, line);
		baskets_plan_id(baskets->scenario, idx, request_number(buyer),
				plan.own_ids ? line : 0, out[i].id);
		out[i].channel = baskets->scenario->channel;
		out[i].user = (uint64_t)i << LINE_BITS | idx;
	}
	return cnt;
}

void load_baskets_asked(struct load_baskets *baskets, uint32_t idx)
{
	struct load_baskets_buyer *buyer = &baskets->buyers[idx];
	struct baskets_plan plan;

	baskets_plan_of(baskets->scenario, idx, &plan);
	DCHECK(buyer->left == 0);
	buyer->left = (uint8_t)(buyer->step == STEP_BASKET ? plan.cnt : 1);
	buyer->silent = false;
}

/* ---- what becomes of him ---- */

/* The answers to what he asked, with what he is going to do. */
struct event {
	struct load_baskets *baskets;
	struct baskets_figures *figures;
	struct load_baskets_buyer *buyer;
	const struct baskets_plan *plan;
	uint64_t now_ns;
	uint32_t idx;
	uint32_t cnt; /* answers */
};

static void contradict(struct event *event, uint32_t line, const char *what)
{
	const struct wire_reply *reply = &event->buyer->replies[line];

	event->figures->contradictions++;
	if (event->baskets->said++ >= SAID_MAX)
		return;
	cli_wrong("buyer %u, %s%s, line %u of %u, SKU %" PRIu64 ": %s: %s, order %" PRIu64
		  ", %u at %" PRIu64 ", instant %" PRIu64 "; his basket is order %" PRIu64
		  " and ends at %" PRIu64,
		  event->idx, step_names[event->buyer->step],
		  event->buyer->again ? " once more" : "", line + 1, event->cnt,
		  event->plan->skus[line], what, verdict_name(reply->verdict), reply->order_id,
		  reply->quantity, reply->unit_price, reply->instant_ns, event->buyer->order_ids[0],
		  event->buyer->first_end_ns);
}

static uint64_t end(struct event *event)
{
	event->buyer->step = STEP_ENDED;
	event->baskets->ended++;
	return 0;
}

/* Another step, at an instant in `from` to `to` hundredths of the hold time after at_ns. */
static uint64_t go_on(struct event *event, enum step step, uint64_t at_ns, uint64_t from,
		      uint64_t to)
{
	event->buyer->step = step;
	event->buyer->again = false;
	return checkout_within(at_ns, HOLD_NS, event->plan->share, from, to);
}

/* Asks once more what was carried out, if he is one that does: else, or after that, 0. */
static uint64_t repeat(struct event *event, bool also)
{
	if (event->buyer->again || !(event->plan->repeats || also))
		return 0;
	for (uint32_t i = 0; i < event->cnt; i++)
		event->buyer->first[i] = event->buyer->replies[i];
	event->buyer->again = true;
	return checkout_within(event->now_ns, HOLD_NS, event->plan->share, 1, 5);
}

static bool is_same(const struct wire_reply *one, const struct wire_reply *two)
{
	return one->verdict == two->verdict && one->order_id == two->order_id &&
	       one->unit_price == two->unit_price && one->quantity == two->quantity &&
	       one->instant_ns == two->instant_ns;
}

/* What was asked again must be answered again, for every line that was carried out. */
static void check_again(struct event *event)
{
	const struct load_baskets_buyer *buyer = event->buyer;

	event->figures->repeated++;
	for (uint32_t i = 0; i < event->cnt; i++) {
		if (buyer->first[i].verdict == VERDICT_SOLD_OUT ||
		    is_same(&buyer->first[i], &buyer->replies[i]))
			continue;
		event->figures->other_answers++;
		contradict(event, i, "another answer than before");
		return;
	}
}

static uint64_t end_unpaid(struct event *event)
{
	units_count_add(&event->figures->ran_out, event->plan->units);
	return end(event);
}

/* The engine's clocks were not before now_ns: so all of it was open when this was decided. */
static bool was_open(const struct event *event)
{
	return event->now_ns + CLOCKS_APART_NS < event->buyer->first_end_ns;
}

/* An answer about his whole basket. */
static bool is_his(const struct event *event)
{
	const struct wire_reply *reply = &event->buyer->replies[0];

	return reply->order_id == event->buyer->order_ids[0] &&
	       reply->quantity == event->plan->units &&
	       reply->unit_price == baskets_plan_price(event->plan->skus[0]) &&
	       reply->durability >= event->baskets->least_durability;
}

static void sell_line(struct event *event, uint32_t line)
{
	event->baskets->stock.skus[event->plan->skus[line] - 1].sold +=
		event->plan->quantities[line];
}

static void sell_all(struct event *event, struct units_count *figure)
{
	for (uint32_t i = 0; i < event->plan->cnt; i++)
		sell_line(event, i);
	units_count_add(figure, event->plan->units);
}

/* A line that was carried out, as the engine says it. */
static void take_line(struct event *event, uint32_t line)
{
	struct load_baskets_buyer *buyer = event->buyer;
	const struct wire_reply *reply = &buyer->replies[line];
	const struct baskets_plan *plan = event->plan;
	const bool held = holds_it(plan);

	if (reply->order_id == 0 || reply->quantity != plan->quantities[line] ||
	    reply->unit_price != baskets_plan_price(plan->skus[line]) ||
	    reply->durability < event->baskets->least_durability ||
	    (held && reply->instant_ns > event->now_ns + HOLD_NS + CLOCKS_APART_NS))
		contradict(event, line, "not what he asked for");
	for (uint32_t i = 0; i < line; i++) {
		if ((buyer->taken >> i & 1) != 0 && buyer->order_ids[i] == reply->order_id)
			contradict(event, line, "one order for two lines");
	}
	buyer->taken |= (uint16_t)(1U << line);
	buyer->order_ids[line] = reply->order_id;
	if (!held)
		return;
	if (buyer->first_end_ns == 0 || reply->instant_ns < buyer->first_end_ns)
		buyer->first_end_ns = reply->instant_ns;
	if (reply->instant_ns > buyer->last_end_ns)
		buyer->last_end_ns = reply->instant_ns;
}

static uint64_t after_taken(struct event *event)
{
	const uint64_t at_ns = repeat(event, false);
	const struct load_baskets_buyer *buyer = event->buyer;

	if (at_ns != 0)
		return at_ns;
	switch (event->plan->fate) {
	case BASKETS_PAYS:
		/* Some in the last moment: the end must not come before. */
		return go_on(event, STEP_PAY, buyer->first_end_ns - HOLD_NS, 10, 100);
	case BASKETS_PAYS_LATE:
		return go_on(event, STEP_PAY, buyer->last_end_ns, 3, 60);
	case BASKETS_RELEASES:
		return go_on(event, STEP_RELEASE, buyer->first_end_ns - HOLD_NS, 10, 60);
	case BASKETS_WALKS_AWAY:
		return end_unpaid(event);
	default:
		return end(event);
	}
}

/* Lines with this verdict. */
static uint32_t with_verdict(const struct event *event, uint8_t verdict)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < event->cnt; i++)
		cnt += event->buyer->replies[i].verdict == verdict;
	return cnt;
}

/* He got nothing of this line, or of any. Unless every copy was refused one may have been carried
 * out since: he looks, some time later. */
static uint64_t look_at(struct event *event, uint32_t line)
{
	struct load_baskets_buyer *buyer = event->buyer;
	const bool each = event->plan->fate == BASKETS_TAKES_WHAT_THERE_IS;

	while (line < event->plan->cnt && (buyer->taken >> line & 1) != 0)
		line++;
	if (buyer->may_turn && line < (each ? event->plan->cnt : 1)) {
		buyer->looks_at = (uint8_t)line;
		return go_on(event, STEP_LOOK, event->now_ns, 100, 101);
	}
	event->figures->gave_up += buyer->taken == 0;
	return end(event);
}

/* A line was sold out: nothing changed. Units come back when holds end. */
static uint64_t try_again(struct event *event)
{
	struct load_baskets_buyer *buyer = event->buyer;

	event->figures->refused++;
	if (buyer->gives_up_ns == 0)
		buyer->gives_up_ns = event->now_ns + PATIENCE_NS;
	if (event->now_ns < buyer->gives_up_ns)
		return checkout_within(event->now_ns, TRY_AGAIN_NS, event->plan->share, 100, 200);
	return look_at(event, 0);
}

/* Another catalog: the run says so when it is over. */
static bool is_elsewhere(const struct event *event)
{
	return with_verdict(event, VERDICT_UNKNOWN_SKU) > 0 ||
	       with_verdict(event, VERDICT_NO_HOLDS) > 0 ||
	       with_verdict(event, VERDICT_NOT_OPEN) > 0 || with_verdict(event, VERDICT_CLOSED) > 0;
}

static uint64_t after_refusal(struct event *event)
{
	const uint32_t sold_out = with_verdict(event, VERDICT_SOLD_OUT);

	if (is_elsewhere(event)) {
		event->figures->gave_up++;
		return end(event);
	}
	if (sold_out == 0 || sold_out + with_verdict(event, VERDICT_BASKET_REFUSED) != event->cnt) {
		contradict(event, 0, "no answer to such a basket");
		return end(event);
	}
	return try_again(event);
}

/* All of it or nothing. */
static uint64_t after_basket(struct event *event)
{
	const bool held = holds_it(event->plan);
	const uint32_t yes = with_verdict(event, held ? VERDICT_HELD : VERDICT_ACCEPTED);

	if (event->buyer->again) {
		check_again(event);
		return after_taken(event);
	}
	if (yes == 0)
		return after_refusal(event);
	if (yes != event->cnt) {
		event->figures->halves++;
		contradict(event, 0, "half of a basket");
		return end(event);
	}
	for (uint32_t i = 0; i < event->cnt; i++)
		take_line(event, i);
	if (held)
		units_count_add(&event->figures->held, event->plan->units);
	else
		sell_all(event, &event->figures->bought);
	return after_taken(event);
}

/* Each line by itself; of those that were sold out some may be there later. */
static uint64_t after_what_there_is(struct event *event)
{
	struct load_baskets_buyer *buyer = event->buyer;
	const uint32_t sold_out = with_verdict(event, VERDICT_SOLD_OUT);
	uint64_t at_ns;
	uint64_t units = 0;

	if (is_elsewhere(event) && !buyer->again) {
		event->figures->gave_up++;
		return end(event);
	}
	if (sold_out + with_verdict(event, VERDICT_ACCEPTED) != event->cnt)
		contradict(event, 0, "no answer to a line by itself");
	if (buyer->again)
		check_again(event);
	for (uint32_t i = 0; i < event->cnt; i++) {
		if (buyer->replies[i].verdict != VERDICT_ACCEPTED || (buyer->taken >> i & 1) != 0)
			continue;
		take_line(event, i);
		sell_line(event, i);
		units += event->plan->quantities[i];
	}
	at_ns = repeat(event, false);
	if (units > 0)
		units_count_add(sold_out > 0 || buyer->again ? &event->figures->in_part
							     : &event->figures->bought,
				units);
	return at_ns != 0 ? at_ns : look_at(event, 0);
}

static uint64_t after_again(struct event *event)
{
	/* Under another id it is another request; but a refund is the answer to it, too. */
	if (event->buyer->other_id && event->buyer->replies[0].verdict == VERDICT_HOLD_EXPIRED)
		event->figures->repeated++;
	else
		check_again(event);
	return end(event);
}

static uint64_t repeat_or_end(struct event *event, bool also)
{
	const uint64_t at_ns = repeat(event, also);

	return at_ns != 0 ? at_ns : end(event);
}

static uint64_t after_pay(struct event *event)
{
	struct load_baskets_buyer *buyer = event->buyer;
	const struct wire_reply *reply = &buyer->replies[0];

	if (buyer->again)
		return after_again(event);
	switch (reply->verdict) {
	case VERDICT_CONFIRMED:
		if (!is_his(event) || reply->instant_ns >= buyer->last_end_ns + CLOCKS_APART_NS)
			contradict(event, 0, "not what he paid in time");
		sell_all(event, &event->figures->confirmed);
		return repeat_or_end(event, false);
	case VERDICT_CONFIRMED_LATE:
		if (!is_his(event) || reply->instant_ns + CLOCKS_APART_NS < buyer->first_end_ns)
			contradict(event, 0, "not what he paid late");
		units_count_add(&event->figures->ran_out, event->plan->units);
		sell_all(event, &event->figures->late);
		return repeat_or_end(event, false);
	case VERDICT_HOLD_EXPIRED:
		if (reply->order_id != buyer->order_ids[0] || was_open(event))
			contradict(event, 0, "not the refund that is due");
		units_count_add(&event->figures->ran_out, event->plan->units);
		units_count_add(&event->figures->refunded, event->plan->units);
		/* When units may have come back. */
		buyer->other_id = !event->plan->repeats;
		return repeat_or_end(event, true);
	default:
		contradict(event, 0, "a payment without its answer");
		return end(event);
	}
}

static uint64_t after_release(struct event *event)
{
	if (event->buyer->again)
		return after_again(event);
	switch (event->buyer->replies[0].verdict) {
	case VERDICT_RELEASED:
		if (!is_his(event))
			contradict(event, 0, "not what he released");
		units_count_add(&event->figures->released, event->plan->units);
		return repeat_or_end(event, false);
	case VERDICT_HOLD_ENDED:
		if (was_open(event))
			contradict(event, 0, "the hold was open");
		return end_unpaid(event);
	default:
		contradict(event, 0, "refused");
		return end(event);
	}
}

/* What was refused, carried out after all: the whole basket, or of what there was this line. A hold
 * of it runs out. */
static void take_copy(struct event *event)
{
	const struct baskets_plan *plan = event->plan;

	event->figures->by_copy++;
	if (plan->fate == BASKETS_TAKES_WHAT_THERE_IS) {
		sell_line(event, event->buyer->looks_at);
		units_count_add(&event->figures->in_part, plan->quantities[event->buyer->looks_at]);
	} else if (holds_it(plan)) {
		units_count_add(&event->figures->held, plan->units);
		units_count_add(&event->figures->ran_out, plan->units);
	} else {
		sell_all(event, &event->figures->bought);
	}
}

static uint64_t after_look(struct event *event)
{
	struct load_baskets_buyer *buyer = event->buyer;
	const uint8_t verdict = buyer->replies[0].verdict;
	const bool held = verdict == VERDICT_HELD || verdict == VERDICT_HOLD_ENDED;

	if (verdict == VERDICT_ACCEPTED || held) {
		if (held != holds_it(event->plan))
			contradict(event, 0, "not what he asked for");
		buyer->taken |= (uint16_t)(1U << buyer->looks_at);
		take_copy(event);
	} else if (verdict != VERDICT_NOT_FOUND) {
		contradict(event, 0, "no state of what was refused");
	}
	return look_at(event, buyer->looks_at + 1U);
}

/* No answer, or that of a failure: what he has is not known. */
static bool is_lost(const struct event *event)
{
	for (uint32_t i = 0; i < event->cnt && !event->buyer->silent; i++) {
		if (event->buyer->replies[i].verdict >= VERDICT_FAILURE_FIRST)
			return true;
	}
	return event->buyer->silent;
}

static uint64_t take_answers(struct event *event)
{
	if (is_lost(event)) {
		event->figures->lost++;
		return end(event);
	}
	switch (event->buyer->step) {
	case STEP_BASKET:
		return event->plan->fate == BASKETS_TAKES_WHAT_THERE_IS ? after_what_there_is(event)
									: after_basket(event);
	case STEP_PAY:
		return after_pay(event);
	case STEP_LOOK:
		return after_look(event);
	default:
		CHECK(event->buyer->step == STEP_RELEASE);
		return after_release(event);
	}
}

uint64_t load_baskets_answer(struct load_baskets *baskets, uint64_t user, uint64_t now_ns,
			     const struct wire_reply *reply, bool may_turn)
{
	const uint32_t line = (uint32_t)(user >> LINE_BITS);
	struct baskets_plan plan;
	struct event event = {
		.baskets = baskets,
		.figures = &baskets->figures,
		.buyer = &baskets->buyers[(uint32_t)user],
		.plan = &plan,
		.now_ns = now_ns,
		.idx = (uint32_t)user,
	};

	CHECK(event.buyer->left > 0 && line < BASKETS_LINES_MAX);
	if (reply != NULL)
		event.buyer->replies[line] = *reply;
	else
		event.buyer->silent = true;
	event.buyer->may_turn |= may_turn;
	event.buyer->left--;
	if (event.buyer->left > 0)
		return 0;
	baskets_plan_of(baskets->scenario, event.idx, &plan);
	event.cnt = event.buyer->step == STEP_BASKET ? plan.cnt : 1;
	return take_answers(&event);
}

bool load_baskets_all_ended(const struct load_baskets *baskets)
{
	const struct baskets_figures *figures = &baskets->figures;

	return figures->lost == 0 && figures->held.units == figures->confirmed.units +
								    figures->released.units +
								    figures->ran_out.units;
}

/* ---- for the checkout ---- */

static int submit(void *context, struct client *client, uint32_t idx, uint64_t intended_ns)
{
	struct load_baskets *baskets = context;
	struct client_request requests[BASKETS_LINES_MAX];
	const uint32_t cnt = load_baskets_requests(baskets, idx, requests);
	struct baskets_plan plan;
	int rc;

	baskets_plan_of(baskets->scenario, idx, &plan);
	for (uint32_t i = 0; i < cnt; i++)
		requests[i].intended_ns = intended_ns;
	rc = cnt > 1 ? client_submit_basket(client, requests, cnt,
					    plan.fate == BASKETS_TAKES_WHAT_THERE_IS
						    ? CLIENT_WHAT_THERE_IS
						    : CLIENT_ALL_OR_NOTHING)
		     : client_submit(client, &requests[0]);
	if (rc == 0)
		load_baskets_asked(baskets, idx);
	return rc;
}

static uint32_t buyer_of(uint64_t user)
{
	return (uint32_t)user;
}

static uint64_t order_id(const void *context, uint32_t idx)
{
	return ((const struct load_baskets *)context)->buyers[idx].order_ids[0];
}

static uint64_t answer(void *context, uint64_t user, uint64_t now_ns,
		       const struct wire_reply *reply, bool may_turn)
{
	return load_baskets_answer(context, user, now_ns, reply, may_turn);
}

static uint64_t silence(void *context, uint64_t user)
{
	return load_baskets_answer(context, user, 0, NULL, false);
}

static uint32_t ended(const void *context)
{
	return ((const struct load_baskets *)context)->ended;
}

static void sums(const void *context, struct tally *tally)
{
	const struct baskets_figures *figures = &((const struct load_baskets *)context)->figures;

	tally->accepted_new = figures->bought.cnt + figures->in_part.cnt + figures->confirmed.cnt +
			      figures->late.cnt;
	tally->units = figures->bought.units + figures->in_part.units + figures->confirmed.units +
		       figures->late.units;
	tally->contradictions = figures->contradictions;
}

const struct checkout_buyers load_baskets_buyers = {
	.hold_seconds = BASKETS_SECONDS,
	.submit = submit,
	.buyer_of = buyer_of,
	.order_id = order_id,
	.answer = answer,
	.silence = silence,
	.ended = ended,
	.sums = sums,
};
