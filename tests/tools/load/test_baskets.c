#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/load/agenda.h"
#include "tools/load/baskets.h"
#include "tools/load/scenario.h"

enum {
	BUYERS = 4000,
};

static const uint64_t BEGIN_NS = UINT64_C(1700000000000000000);
static const uint64_t HOLD_NS = UINT64_C(1000000000) * BASKETS_SECONDS;

enum fault {
	NO_FAULT,
	SELLS_HALF,      /* the lines that are there, of a basket that is not */
	STRANDS_A_LINE,  /* of what ran out, the last does not come back */
	RELEASES_A_LINE, /* the first; the others stay held */
	OVERSELLS,       /* as if there were always some */
	OTHER_ORDER,     /* for what is asked again */
	TAKES_AGAIN,     /* for another basket */
	REFUND_TURNS,    /* a refunded payment is sold when units came back */
	LATE_AS_IN_TIME,
	ENDS_EARLY, /* by a tenth of a second */
	OTHER_PRICE,
	ONE_ORDER, /* for all lines */
	FAULTS,
};

/* What a buyer's basket is, and what he was told. */
struct basket {
	enum {
		NONE,
		BOUGHT,
		OPEN,
		SOLD,
		RELEASED,
		RAN_OUT,
		REFUNDED
	} state;
	uint32_t cnt;
	uint64_t skus[BASKETS_LINES_MAX];
	uint16_t quantities[BASKETS_LINES_MAX];
	uint64_t ends_at_ns;
	struct wire_reply lines[BASKETS_LINES_MAX];
	struct wire_reply change; /* its CONFIRM or RELEASE */
};

/* An engine as slow and plain as can be, in which time stands still while it answers. */
static struct {
	enum fault fault;
	uint64_t now_ns;
	uint64_t orders_cnt;
	bool copies;         /* of every request that is refused, one is in flight */
	uint64_t copies_cnt; /* of these were carried out */
	uint64_t free[BASKETS_SKUS];
	struct basket baskets[BUYERS];
} engine;

static struct scenario scenario;
static struct load_baskets baskets;

static bool is_there(uint64_t sku, uint16_t quantity)
{
	return engine.free[sku - 1] >= quantity || engine.fault == OVERSELLS;
}

static void take(uint64_t sku, uint16_t quantity)
{
	engine.free[sku - 1] -= engine.free[sku - 1] >= quantity ? quantity : engine.free[sku - 1];
}

static void give_back(const struct basket *basket, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		engine.free[basket->skus[i] - 1] += basket->quantities[i];
}

static void end_holds(void)
{
	const uint64_t early_ns = engine.fault == ENDS_EARLY ? HOLD_NS / 10 : 0;

	for (uint32_t i = 0; i < BUYERS; i++) {
		struct basket *basket = &engine.baskets[i];

		if (basket->state != OPEN || basket->ends_at_ns > engine.now_ns + early_ns)
			continue;
		basket->state = RAN_OUT;
		give_back(basket, basket->cnt - (engine.fault == STRANDS_A_LINE));
	}
}

static struct wire_reply told(uint8_t verdict, uint64_t order_id, uint64_t sku, uint16_t quantity,
			      uint64_t instant_ns)
{
	return (struct wire_reply){
		.verdict = verdict,
		.order_id = order_id,
		.unit_price = baskets_plan_price(sku) + (engine.fault == OTHER_PRICE),
		.quantity = quantity,
		.instant_ns = instant_ns,
		.durability = DURABILITY_DURABLE,
	};
}

static void carry_out(struct basket *basket, uint32_t line, bool hold)
{
	if (engine.fault != ONE_ORDER || line == 0)
		engine.orders_cnt++;
	take(basket->skus[line], basket->quantities[line]);
	basket->lines[line] =
		told(hold ? VERDICT_HELD : VERDICT_ACCEPTED, engine.orders_cnt, basket->skus[line],
		     basket->quantities[line], hold ? engine.now_ns + HOLD_NS : engine.now_ns);
}

/* What there is: each line by itself. */
static void answer_lines(struct basket *basket, bool hold, bool each)
{
	bool all = true;

	for (uint32_t i = 0; i < basket->cnt; i++)
		all &= is_there(basket->skus[i], basket->quantities[i]);
	for (uint32_t i = 0; i < basket->cnt; i++) {
		const bool there = is_there(basket->skus[i], basket->quantities[i]);

		if (basket->lines[i].verdict == VERDICT_ACCEPTED)
			continue;
		if (all || (there && (each || engine.fault == SELLS_HALF)))
			carry_out(basket, i, hold);
		else
			basket->lines[i] = (struct wire_reply){
				.verdict = there ? VERDICT_BASKET_REFUSED : VERDICT_SOLD_OUT};
	}
	if (!all)
		return;
	basket->state = hold ? OPEN : BOUGHT;
	basket->ends_at_ns = engine.now_ns + HOLD_NS;
}

static void answer_basket(struct basket *basket, const struct client_request *lines, uint32_t cnt,
			  bool each)
{
	const bool hold = lines[0].op == WIRE_OP_HOLD;

	basket->cnt = cnt;
	for (uint32_t i = 0; i < cnt; i++) {
		basket->skus[i] = lines[i].sku;
		basket->quantities[i] = lines[i].quantity;
	}
	if (basket->state != NONE && engine.fault == OTHER_ORDER)
		basket->lines[cnt - 1].order_id = ++engine.orders_cnt;
	if (basket->state == NONE || engine.fault == TAKES_AGAIN)
		answer_lines(basket, hold, each);
}

static bool all_there(const struct basket *basket)
{
	for (uint32_t i = 0; i < basket->cnt; i++) {
		if (engine.free[basket->skus[i] - 1] < basket->quantities[i])
			return false;
	}
	return true;
}

static void tell_change(struct basket *basket, uint8_t verdict, uint64_t instant_ns)
{
	uint16_t units = 0;

	for (uint32_t i = 0; i < basket->cnt; i++)
		units += basket->quantities[i];
	basket->change =
		told(verdict, basket->lines[0].order_id, basket->skus[0], units, instant_ns);
}

static void answer_confirm(struct basket *basket)
{
	if (basket->state == OPEN) {
		basket->state = SOLD;
		tell_change(basket, VERDICT_CONFIRMED, engine.now_ns);
	} else if ((basket->state == RAN_OUT ||
		    (basket->state == REFUNDED && engine.fault == REFUND_TURNS)) &&
		   all_there(basket)) {
		for (uint32_t i = 0; i < basket->cnt; i++)
			take(basket->skus[i], basket->quantities[i]);
		basket->state = SOLD;
		tell_change(basket,
			    engine.fault == LATE_AS_IN_TIME ? VERDICT_CONFIRMED
							    : VERDICT_CONFIRMED_LATE,
			    engine.now_ns);
	} else if (basket->state == RAN_OUT) {
		basket->state = REFUNDED;
		tell_change(basket, VERDICT_HOLD_EXPIRED, basket->ends_at_ns);
	}
}

static void answer_release(struct basket *basket)
{
	if (basket->state == OPEN) {
		basket->state = RELEASED;
		give_back(basket, engine.fault == RELEASES_A_LINE ? 1 : basket->cnt);
		tell_change(basket, VERDICT_RELEASED, engine.now_ns);
	} else if (basket->state == RAN_OUT) {
		tell_change(basket, VERDICT_HOLD_ENDED, basket->ends_at_ns);
	}
}

static bool is_refused(const struct wire_reply *reply)
{
	return reply->verdict == VERDICT_SOLD_OUT || reply->verdict == VERDICT_BASKET_REFUSED;
}

/* A copy of what was refused last comes now, if units are there: then a lookup finds it. */
static struct wire_reply look_up(struct basket *basket, uint64_t sku)
{
	uint32_t line = 0;

	while (basket->skus[line] != sku)
		line++;
	if (basket->state == NONE && basket->cnt > 0) {
		struct baskets_plan plan;

		baskets_plan_of(&scenario, (uint32_t)(basket - engine.baskets), &plan);
		answer_lines(basket,
			     plan.fate != BASKETS_BUYS && plan.fate != BASKETS_TAKES_WHAT_THERE_IS,
			     plan.fate == BASKETS_TAKES_WHAT_THERE_IS);
		engine.copies_cnt += !is_refused(&basket->lines[line]);
	}
	if (is_refused(&basket->lines[line]))
		return (struct wire_reply){.verdict = VERDICT_NOT_FOUND};
	return basket->lines[line];
}

/* Asks what a buyer asks, and brings all answers. Returns when he asks again. */
static uint64_t ask(uint32_t idx)
{
	struct client_request requests[BASKETS_LINES_MAX];
	const uint32_t cnt = load_baskets_requests(&baskets, idx, requests);
	struct basket *basket = &engine.baskets[idx];
	const bool looks = requests[0].op == WIRE_OP_LOOKUP;
	struct wire_reply found = {0};
	struct baskets_plan plan;
	uint64_t at_ns = 0;

	baskets_plan_of(&scenario, idx, &plan);
	load_baskets_asked(&baskets, idx);
	end_holds();
	if (looks)
		found = look_up(basket, requests[0].sku);
	else if (cnt > 1)
		answer_basket(basket, requests, cnt, plan.fate == BASKETS_TAKES_WHAT_THERE_IS);
	else if (requests[0].op == WIRE_OP_CONFIRM)
		answer_confirm(basket);
	else
		answer_release(basket);
	for (uint32_t i = 0; i < cnt; i++) {
		cr_assert(eq(u64, at_ns, 0));
		at_ns = load_baskets_answer(&baskets, requests[i].user, engine.now_ns,
					    looks     ? &found
					    : cnt > 1 ? &basket->lines[i]
						      : &basket->change,
					    engine.copies && !looks &&
						    is_refused(&basket->lines[i]));
	}
	return at_ns;
}

/* Complaints are of no interest here. */
static void be_silent(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	cr_assert(eq(int, dup2(fd, STDERR_FILENO), STDERR_FILENO));
	close(fd);
}

static void start(uint64_t seed)
{
	memset(&engine, 0, sizeof(engine));
	engine.now_ns = BEGIN_NS;
	cr_assert(scenario_open(&scenario, SCENARIO_BASKETS, seed, BUYERS, 0));
	cr_assert(load_baskets_open(&baskets, &scenario, DURABILITY_DURABLE));
	for (uint32_t i = 0; i < BASKETS_SKUS; i++)
		baskets.stock.skus[i].first_free = engine.free[i] =
			baskets_plan_stock(&scenario, i);
}

/* Buyers come one after another, three hold times in all, and each acts when he wants to. */
static void run_with(enum fault fault, bool copies, uint64_t seed)
{
	struct agenda agenda;

	start(seed);
	engine.fault = fault;
	engine.copies = copies;
	cr_assert(agenda_open(&agenda, BUYERS));
	for (uint32_t i = 0; i < BUYERS; i++)
		agenda_add(&agenda, BEGIN_NS + i * (3 * HOLD_NS / BUYERS), i);
	while (agenda_first(&agenda) != NULL) {
		const struct agenda_entry first = *agenda_first(&agenda);
		uint64_t at_ns;

		agenda_remove_first(&agenda);
		cr_assert(ge(u64, first.due_ns, engine.now_ns));
		engine.now_ns = first.due_ns;
		at_ns = ask(first.idx);
		if (at_ns != 0)
			agenda_add(&agenda, at_ns, first.idx);
	}
	cr_assert(eq(u32, baskets.ended, BUYERS));
	engine.now_ns += 2 * HOLD_NS;
	end_holds();
	for (uint32_t i = 0; i < BASKETS_SKUS; i++)
		baskets.stock.skus[i].last_free = engine.free[i];
	agenda_close(&agenda);
}

static void run(enum fault fault, uint64_t seed)
{
	run_with(fault, false, seed);
}

static void stop(void)
{
	load_baskets_close(&baskets);
	scenario_close(&scenario);
}

Test(load_baskets, nothing_is_stranded_and_nothing_contradicts)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		const struct baskets_figures *figures = &baskets.figures;
		uint64_t in_state[REFUNDED + 1] = {0};

		run(NO_FAULT, seed);
		for (uint32_t i = 0; i < BUYERS; i++)
			in_state[engine.baskets[i].state]++;
		cr_expect(eq(u64, figures->contradictions, 0));
		cr_expect(stock_all_free(&baskets.stock));
		cr_expect(eq(u64, baskets.stock.units_oversold, 0));
		cr_expect(load_baskets_all_ended(&baskets));
		cr_expect(eq(u64, figures->confirmed.cnt + figures->late.cnt, in_state[SOLD]));
		cr_expect(eq(u64, figures->released.cnt, in_state[RELEASED]));
		cr_expect(eq(u64, figures->refunded.cnt, in_state[REFUNDED]));
		/* All of it happens. */
		cr_expect(all(gt(u64, figures->bought.cnt, 0), gt(u64, figures->in_part.cnt, 0),
			      gt(u64, figures->held.cnt, 0), gt(u64, figures->confirmed.cnt, 0),
			      gt(u64, figures->late.cnt, 0), gt(u64, figures->refunded.cnt, 0),
			      gt(u64, figures->released.cnt, 0), gt(u64, figures->ran_out.cnt, 0),
			      gt(u64, figures->refused, 0), gt(u64, figures->gave_up, 0),
			      gt(u64, figures->repeated, 0)));
		cr_expect(all(eq(u64, figures->halves, 0), eq(u64, figures->other_answers, 0),
			      eq(u64, figures->lost, 0)));
		stop();
	}
}

/* Beside a refusal a copy is in flight, and finds units: they are not taken for stranded. */
Test(load_baskets, what_a_copy_was_sold_is_found)
{
	run_with(NO_FAULT, true, 1);
	cr_expect(gt(u64, engine.copies_cnt, 0));
	cr_expect(ge(u64, baskets.figures.by_copy, engine.copies_cnt));
	cr_expect(eq(u64, baskets.figures.contradictions, 0));
	cr_expect(stock_all_free(&baskets.stock));
	cr_expect(load_baskets_all_ended(&baskets));
	stop();
}

Test(load_baskets, every_fault_of_an_engine_is_noticed, .init = be_silent)
{
	for (unsigned fault = NO_FAULT + 1; fault < FAULTS; fault++) {
		bool good;

		run((enum fault)fault, 1);
		good = stock_all_free(&baskets.stock) && baskets.figures.contradictions == 0;
		cr_expect(not(good), "fault %u", fault);
		if (fault == SELLS_HALF)
			cr_expect(gt(u64, baskets.figures.halves, 0));
		if (fault == OVERSELLS)
			cr_expect(gt(u64, baskets.stock.units_oversold, 0));
		if (fault == OTHER_ORDER)
			cr_expect(gt(u64, baskets.figures.other_answers, 0));
		stop();
	}
}

/* Also if other lines of the basket have one. */
Test(load_baskets, a_buyer_without_an_answer_is_lost, .init = be_silent)
{
	const struct wire_reply draining = {.verdict = VERDICT_DRAINING};
	const struct wire_reply refused = {.verdict = VERDICT_BASKET_REFUSED};

	start(1);
	cr_assert(load_baskets_all_ended(&baskets));
	for (uint32_t idx = 0; idx < 2; idx++) {
		struct client_request requests[BASKETS_LINES_MAX];
		const uint32_t cnt = load_baskets_requests(&baskets, idx, requests);

		load_baskets_asked(&baskets, idx);
		for (uint32_t i = 0; i < cnt; i++)
			cr_assert(eq(u64,
				     load_baskets_answer(&baskets, requests[i].user, BEGIN_NS,
							 i > 0      ? &refused
							 : idx == 0 ? &draining
								    : NULL,
							 false),
				     0));
	}
	cr_assert(all(eq(u64, baskets.figures.lost, 2), eq(u32, baskets.ended, 2)));
	cr_assert(eq(u64, baskets.figures.contradictions, 0));
	cr_assert(not(load_baskets_all_ended(&baskets)));
	stop();
}
