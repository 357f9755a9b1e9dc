#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tools/load/agenda.h"
#include "tools/load/holds.h"
#include "tools/load/scenario.h"

enum {
	BUYERS = 3000,
	/* Each buyer has a hold, and one more where he reloads. */
	ORDERS = 2 * BUYERS,
};

static const uint64_t BEGIN_NS = UINT64_C(1700000000000000000);
static const uint64_t HOLD_NS = UINT64_C(1000000000) * HOLDS_SECONDS;

enum fault {
	NO_FAULT,
	STRANDS,      /* what ran out does not come back */
	REFUND_TURNS, /* a refunded payment is sold when units came back */
	TAKES_LATE_FOR_IN_TIME,
	ENDS_EARLY,      /* by a tenth of a second */
	REFUSES_HIS_OWN, /* SOLD_OUT instead of ALREADY_HELD */
	OTHER_PRICE,     /* of a payment */
	FORGETS_A_REST,  /* of a hold that was paid in part: it does not come back */
	RETURNS_NOTHING, /* says RETURNED, and the units do not come back */
	FAULTS,
};

struct order {
	uint64_t sku;
	uint64_t buyer;
	uint64_t ends_at_ns;
	uint64_t sold_at_ns;
	uint16_t held;
	uint16_t sold;
	enum {
		OPEN,
		SOLD,
		RELEASED,
		RAN_OUT,
		REFUNDED
	} state;
	bool late;
};

/* An engine as slow and plain as can be, in which time stands still while it answers. */
static struct {
	enum fault fault;
	uint64_t now_ns;
	uint64_t free[HOLDS_SKUS];
	struct order orders[ORDERS];
	uint64_t orders_cnt;
} engine;

static struct scenario scenario;
static struct load_holds holds;

static void end_holds(void)
{
	const uint64_t early_ns = engine.fault == ENDS_EARLY ? HOLD_NS / 10 : 0;

	for (uint64_t i = 0; i < engine.orders_cnt; i++) {
		struct order *order = &engine.orders[i];

		if (order->state != OPEN || order->ends_at_ns > engine.now_ns + early_ns)
			continue;
		order->state = RAN_OUT;
		if (engine.fault != STRANDS)
			engine.free[order->sku - 1] += order->held;
	}
}

static void answer_order(const struct order *order, uint8_t verdict, uint16_t units,
			 uint64_t instant_ns, struct wire_reply *reply)
{
	reply->verdict = verdict;
	reply->order_id = (uint64_t)(order - engine.orders) + 1;
	reply->unit_price = HOLDS_PRICE + (engine.fault == OTHER_PRICE && verdict == 4);
	reply->quantity = units;
	reply->instant_ns = instant_ns;
	reply->durability = DURABILITY_DURABLE;
}

/* Limit, or group, of two or three: whoever holds something and asks for all he may have. */
static struct order *own_hold(const struct client_request *request)
{
	for (uint64_t i = 0; i < engine.orders_cnt; i++) {
		struct order *order = &engine.orders[i];

		if (order->buyer == request->buyer && order->state == OPEN)
			return order;
	}
	return NULL;
}

static void answer_hold(const struct client_request *request, struct wire_reply *reply)
{
	struct order *own = own_hold(request);
	struct order *order = &engine.orders[engine.orders_cnt];

	if (own != NULL && engine.fault != REFUSES_HIS_OWN &&
	    (own->sku == request->sku || request->quantity <= engine.free[request->sku - 1])) {
		answer_order(own, VERDICT_ALREADY_HELD, own->held, own->ends_at_ns, reply);
		return;
	}
	if (own != NULL || request->quantity > engine.free[request->sku - 1]) {
		reply->verdict = VERDICT_SOLD_OUT;
		return;
	}
	cr_assert(lt(u64, engine.orders_cnt, ORDERS));
	engine.orders_cnt++;
	*order = (struct order){
		.sku = request->sku,
		.buyer = request->buyer,
		.ends_at_ns = engine.now_ns + HOLD_NS,
		.held = request->quantity,
		.state = OPEN,
	};
	engine.free[order->sku - 1] -= order->held;
	answer_order(order, VERDICT_HELD, order->held, order->ends_at_ns, reply);
}

static void sell(struct order *order, uint16_t units, bool late, struct wire_reply *reply)
{
	order->late = late;
	order->state = SOLD;
	order->sold = units;
	order->sold_at_ns = engine.now_ns;
	answer_order(order, late ? VERDICT_CONFIRMED_LATE : VERDICT_CONFIRMED, units, engine.now_ns,
		     reply);
}

static void answer_confirm(struct order *order, uint16_t units, struct wire_reply *reply)
{
	uint64_t *free = &engine.free[order->sku - 1];

	if (order->state == OPEN) {
		if (engine.fault != FORGETS_A_REST)
			*free += order->held - units;
		sell(order, units, false, reply);
	} else if ((order->state == RAN_OUT ||
		    (order->state == REFUNDED && engine.fault == REFUND_TURNS)) &&
		   units <= *free) {
		*free -= units;
		sell(order, units, engine.fault != TAKES_LATE_FOR_IN_TIME, reply);
	} else {
		order->state = REFUNDED;
		answer_order(order, VERDICT_HOLD_EXPIRED, units, order->ends_at_ns, reply);
	}
}

static void answer_release(struct order *order, uint16_t units, struct wire_reply *reply)
{
	if (order->state != OPEN) {
		answer_order(order, VERDICT_HOLD_ENDED, order->held, order->ends_at_ns, reply);
		return;
	}
	units = units > 0 ? units : order->held;
	order->held -= units;
	engine.free[order->sku - 1] += units;
	order->state = order->held > 0 ? OPEN : RELEASED;
	answer_order(order, VERDICT_RELEASED, units, engine.now_ns, reply);
}

static void answer_look(const struct order *order, struct wire_reply *reply)
{
	if (order->state == RAN_OUT)
		answer_order(order, VERDICT_HOLD_ENDED, order->held, order->ends_at_ns, reply);
	else if (order->sold == 0)
		answer_order(order, VERDICT_RETURNED, 0, order->sold_at_ns, reply);
	else
		answer_order(order, order->late ? VERDICT_CONFIRMED_LATE : VERDICT_CONFIRMED,
			     order->sold, order->sold_at_ns, reply);
}

static void answer(const struct client_request *request, struct wire_reply *reply)
{
	struct order *order = NULL;

	*reply = (struct wire_reply){.id = {request->id[0], request->id[1]}};
	end_holds();
	if (request->op == WIRE_OP_HOLD) {
		answer_hold(request, reply);
		return;
	}
	cr_assert(all(gt(u64, request->price_or_order, 0),
		      le(u64, request->price_or_order, engine.orders_cnt)));
	order = &engine.orders[request->price_or_order - 1];
	cr_assert(all(eq(u64, order->buyer, request->buyer), eq(u64, order->sku, request->sku)));
	if (request->op == WIRE_OP_CONFIRM) {
		answer_confirm(order, request->quantity, reply);
	} else if (request->op == WIRE_OP_RELEASE) {
		answer_release(order, request->quantity, reply);
	} else if (request->op == WIRE_OP_LOOKUP) {
		answer_look(order, reply);
	} else if (request->op == WIRE_OP_RETURN) {
		order->sold -= request->quantity;
		if ((request->flags & WIRE_ENTRY_WRITE_OFF) == 0 && engine.fault != RETURNS_NOTHING)
			engine.free[order->sku - 1] += request->quantity;
		answer_order(order, VERDICT_RETURNED, request->quantity, engine.now_ns, reply);
	} else if (order->state != OPEN) {
		answer_order(order, VERDICT_HOLD_ENDED, order->held, order->ends_at_ns, reply);
	} else {
		order->ends_at_ns = engine.now_ns + HOLD_NS;
		answer_order(order, VERDICT_EXTENDED, order->held, order->ends_at_ns, reply);
	}
}

/* Complaints are of no interest here. */
static void be_silent(void)
{
	const int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	cr_assert(eq(int, dup2(fd, STDERR_FILENO), STDERR_FILENO));
	close(fd);
}

/* Buyers come one after another, a tenth of a hold time in all, and each acts when he wants to. */
static void run(enum fault fault, uint64_t seed)
{
	struct agenda agenda;

	memset(&engine, 0, sizeof(engine));
	engine.fault = fault;
	engine.now_ns = BEGIN_NS;
	cr_assert(scenario_open(&scenario, SCENARIO_HOLDS, seed, BUYERS, 0));
	cr_assert(load_holds_open(&holds, &scenario, DURABILITY_DURABLE));
	cr_assert(agenda_open(&agenda, BUYERS));
	for (uint32_t i = 0; i < HOLDS_SKUS; i++)
		holds.stock.skus[i].first_free = engine.free[i] = holds_plan_stock(&scenario, i);
	for (uint32_t i = 0; i < BUYERS; i++)
		agenda_add(&agenda, BEGIN_NS + i * (HOLD_NS / 10 / BUYERS), i);
	while (agenda_first(&agenda) != NULL) {
		const struct agenda_entry first = *agenda_first(&agenda);
		struct client_request request;
		struct wire_reply reply;
		uint64_t at_ns;

		agenda_remove_first(&agenda);
		cr_assert(ge(u64, first.due_ns, engine.now_ns));
		engine.now_ns = first.due_ns;
		load_holds_request(&holds, first.idx, &request);
		answer(&request, &reply);
		at_ns = load_holds_answer(&holds, first.idx, engine.now_ns, &reply);
		if (at_ns != 0)
			agenda_add(&agenda, at_ns, first.idx);
	}
	cr_assert(eq(u32, holds.ended, BUYERS));
	cr_assert(ge(u64, engine.now_ns + HOLD_NS, holds.figures.latest_end_ns));
	engine.now_ns = holds.figures.latest_end_ns;
	end_holds();
	for (uint32_t i = 0; i < HOLDS_SKUS; i++)
		holds.stock.skus[i].last_free = engine.free[i];
	agenda_close(&agenda);
}

static void stop(void)
{
	load_holds_close(&holds);
	scenario_close(&scenario);
}

/* What the engine knows. */
static void sums(struct holds_figures *out, uint64_t sold[HOLDS_SKUS])
{
	*out = (struct holds_figures){0};
	memset(sold, 0, HOLDS_SKUS * sizeof(sold[0]));
	for (uint64_t i = 0; i < engine.orders_cnt; i++) {
		const struct order *order = &engine.orders[i];

		sold[order->sku - 1] += order->sold;
		out->confirmed.cnt += order->state == SOLD && !order->late;
		out->late.cnt += order->state == SOLD && order->late;
		out->refunded.cnt += order->state == REFUNDED;
	}
}

Test(load_holds, nothing_is_stranded_and_nothing_contradicts)
{
	for (uint64_t seed = 1; seed <= 3; seed++) {
		const struct holds_figures *figures = &holds.figures;
		struct holds_figures known;
		uint64_t sold[HOLDS_SKUS];

		run(NO_FAULT, seed);
		sums(&known, sold);
		cr_expect(eq(u64, figures->contradictions, 0));
		cr_expect(stock_all_free(&holds.stock));
		cr_expect(load_holds_all_ended(&holds));
		cr_expect(eq(u64, figures->held.cnt, engine.orders_cnt));
		cr_expect(eq(u64, figures->confirmed.cnt, known.confirmed.cnt));
		cr_expect(eq(u64, figures->late.cnt, known.late.cnt));
		cr_expect(eq(u64, figures->refunded.cnt, known.refunded.cnt));
		for (unsigned i = 0; i < HOLDS_SKUS; i++)
			cr_expect(eq(u64, holds.stock.skus[i].sold, sold[i]));
		/* All of it happens, and what came back is the main load. */
		cr_expect(all(gt(u64, figures->late.cnt, 0), gt(u64, figures->refunded.cnt, 0),
			      gt(u64, figures->released.cnt, 0), gt(u64, figures->again.cnt, 0),
			      gt(u64, figures->extended.cnt, 0), gt(u64, figures->returned.cnt, 0),
			      gt(u64, figures->written_off.cnt, 0), gt(u64, figures->looked_up, 0),
			      gt(u64, figures->gave_up, 0)));
		cr_expect(gt(u64, figures->ran_out.units, 2 * figures->confirmed.units));
		stop();
	}
}

Test(load_holds, every_fault_of_an_engine_is_noticed, .init = be_silent)
{
	for (unsigned fault = NO_FAULT + 1; fault < FAULTS; fault++) {
		run((enum fault)fault, 1);
		cr_expect(holds.figures.contradictions > 0 || !stock_all_free(&holds.stock),
			  "fault %u", fault);
		stop();
	}
}

Test(load_holds, a_buyer_without_an_answer_is_lost, .init = be_silent)
{
	const struct wire_reply draining = {.verdict = VERDICT_DRAINING};

	cr_assert(scenario_open(&scenario, SCENARIO_HOLDS, 1, BUYERS, 0));
	cr_assert(load_holds_open(&holds, &scenario, DURABILITY_DURABLE));
	cr_assert(load_holds_all_ended(&holds));
	load_holds_silence(&holds, 0);
	cr_assert(eq(u64, load_holds_answer(&holds, 1, BEGIN_NS, &draining), 0));
	cr_assert(all(eq(u64, holds.figures.lost, 2), eq(u32, holds.ended, 2)));
	cr_assert(eq(u64, holds.figures.contradictions, 0));
	cr_assert(not(load_holds_all_ended(&holds)));
	stop();
}
