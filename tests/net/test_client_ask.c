#include "net/client_ask.h"

#include "tests/support/client_rig.h"

static const uint64_t ORDER = UINT64_C(281474976710663);

static void check(const struct client_request *request, uint8_t op, uint64_t price_or_order,
		  uint16_t quantity, uint8_t flags)
{
	cr_expect(eq(u8, request->op, op));
	cr_expect(eq(u64, request->price_or_order, price_or_order));
	cr_expect(eq(u16, request->quantity, quantity));
	cr_expect(eq(u8, request->flags, flags));
	cr_expect(eq(u64, request->sku, 7));
}

/* One content has one form: what an op does not look at is 0. */
Test(client_ask, every_op_is_as_the_format_wants_it)
{
	const uint64_t id[2] = {1, 2};
	struct client_request request;

	request = client_ask_buy(7, 42, 3, CLIENT_ANY_PRICE);
	check(&request, WIRE_OP_BUY, 0, 3, 0);
	request = client_ask_buy(7, 42, 3, 500);
	check(&request, WIRE_OP_BUY, 500, 3, 0);
	request = client_ask_hold(7, 42, 3, 0);
	check(&request, WIRE_OP_HOLD, 0, 3, WIRE_ENTRY_AT_MOST_0);
	cr_expect(eq(u64, request.buyer, 42));
	request = client_ask_confirm(7, 42, ORDER, 2);
	check(&request, WIRE_OP_CONFIRM, ORDER, 2, 0);
	request = client_ask_release(7, 42, ORDER, 0);
	check(&request, WIRE_OP_RELEASE, ORDER, 0, 0);
	request = client_ask_extend(7, 42, ORDER);
	check(&request, WIRE_OP_EXTEND, ORDER, 0, 0);
	request = client_ask_return(7, 42, ORDER, 1, false);
	check(&request, WIRE_OP_RETURN, ORDER, 1, 0);
	request = client_ask_return(7, 42, ORDER, 1, true);
	check(&request, WIRE_OP_RETURN, ORDER, 1, WIRE_ENTRY_WRITE_OFF);
	request = client_ask_lookup(7, id);
	check(&request, WIRE_OP_LOOKUP, 0, 0, 0);
	cr_expect(all(eq(u64, request.id[0], 1), eq(u64, request.id[1], 2)));
	request = client_ask_lookup_order(7, 42, ORDER);
	check(&request, WIRE_OP_LOOKUP, ORDER, 0, WIRE_ENTRY_BY_ORDER);
	cr_expect(eq(u64, request.buyer, 42));
}

/* A payment whose answers get lost is asked again under its id, as the same bytes. */
static enum fake_fate lose_first(struct fake_engine *of, struct fake_datagram *reply)
{
	fake_replies(reply)->verdict = VERDICT_CONFIRMED_LATE;
	return of->seen <= 2 ? FATE_LOSE : FATE_ANSWER;
}

Test(client_ask, a_payment_is_retried_as_it_is)
{
	struct client_request request = client_ask_confirm(7, 42, ORDER, 2);

	start(1, lose_first);
	request.user = 3;
	cr_assert(eq(int, client_submit(client, &request), 0));
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u32, engine.seen, 3));
	for (unsigned i = 1; i < 3; i++)
		cr_assert(memcmp(engine.requests[i].bytes, engine.requests[0].bytes,
				 engine.requests[0].len) == 0);
	cr_assert(eq(u64, fake_requests(&engine.requests[0])->price_or_order, ORDER));
	cr_assert(eq(u8, answers.last[3].reply.verdict, VERDICT_CONFIRMED_LATE));
	cr_assert(answers.last[3].answered);
	stop();
}
