#include <string.h>

#include "tests/support/client_rig.h"

static struct wire_date date_sent(unsigned idx)
{
	cr_assert(wire_is_dated(engine.requests[idx].bytes));
	return wire_date_of(engine.requests[idx].bytes);
}

static enum fake_fate late_twice(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)reply;
	/* The way takes its time. */
	pass_ms(3);
	return of->seen <= 2 ? FATE_LOSE : FATE_ANSWER;
}

Test(client_dates, a_datagram_is_dated_once_and_its_copies_are_the_same_bytes)
{
	uint64_t asked_ns;

	start(1, late_twice);
	cr_assert(eq(u32, client_sale(client), FAKE_SALE));
	asked_ns = fake_engine_clock_ns(&engine);
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	cr_assert(eq(u32, engine.seen, 3));
	cr_assert(eq(u32, date_sent(0).sale, FAKE_SALE));
	cr_assert(all(le(u32, date_sent(0).valid_ms, TIMEOUT_MS),
		      ge(u32, date_sent(0).valid_ms, TIMEOUT_MS - 1)));
	cr_assert(all(ge(u64, date_sent(0).issued_at_ns + 1000000, asked_ns),
		      le(u64, date_sent(0).issued_at_ns, asked_ns + 1000000)));
	for (unsigned i = 1; i < 3; i++)
		cr_assert(memcmp(engine.requests[i].bytes, engine.requests[0].bytes,
				 engine.requests[0].len) == 0);
	cr_assert(eq(u64, answers.last[0].not_after_ns,
		     date_sent(0).issued_at_ns + date_sent(0).valid_ms * UINT64_C(1000000)));
	stop();
}

/* What it says is the clock when it answered: we learn it later, and never run ahead. */
static enum fake_fate far_away(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	(void)reply;
	pass_ms(2);
	return FATE_ANSWER;
}

Test(client_dates, the_clock_follows_every_reply)
{
	start(1, far_away);
	for (uint32_t user = 0; user < 20; user++) {
		submit(user);
		cr_assert(eq(int, client_drain(client), 0));
		/* Ours is behind by what the way took, and by what the engine gained since then. */
		cr_assert(
			all(le(u64, client_engine_now_ns(client, 0), fake_engine_clock_ns(&engine)),
			    ge(u64, client_engine_now_ns(client, 0) + 3000000,
			       fake_engine_clock_ns(&engine))));
		engine.clock_ahead_ns += 1000000;
	}
	check_accepted(20);
	/* Set back by a second: what was dated before is ahead, what comes then is not. */
	engine.set_back = true;
	engine.clock_ahead_ns -= 1000000000;
	submit(20);
	cr_assert(eq(int, client_drain(client), 0));
	engine.set_back = false;
	submit(21);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(22);
	stop();
}

Test(client_dates, an_engine_of_before_is_asked_without_dates)
{
	fake_engine_init(&engine, 2);
	engine.sale = 0;
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, IN_FLIGHT, 0), 0));
	cr_assert(eq(u32, client_sale(client), 0));
	submit_all(10);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(10);
	cr_assert(not(wire_is_dated(engine.requests[0].bytes)));
	cr_assert(eq(u64, answers.last[0].not_after_ns, 0));
	stop();
}

Test(client_dates, undated_where_that_is_asked_for)
{
	const struct client_options options = {
		.server = "fake",
		.key = &engine.key,
		.transport = &engine.transport,
		.timeout_ms = TIMEOUT_MS,
		.undated = true,
	};

	fake_engine_init(&engine, 1);
	engine.undated = true;
	cr_assert(eq(int, client_open(&client, &options, on_answer, &answers, &error), 0));
	cr_assert(eq(u32, client_sale(client), FAKE_SALE));
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	stop();
}

static uint32_t other_sale;

/* As an engine with another sale, or whose shard has a clock far ahead of what shard 0 said. */
static enum fake_fate stale(struct fake_engine *of, struct fake_datagram *reply)
{
	struct wire_date *date = wire_date(reply->bytes);

	if (other_sale == 0 && of->seen > 1)
		return FATE_ANSWER;
	date->sale ^= other_sale;
	if (other_sale == 0)
		date->issued_at_ns += UINT64_C(3600000000000);
	fake_replies(reply)->verdict = VERDICT_STALE;
	fake_replies(reply)->order_id = 0;
	return FATE_ANSWER;
}

Test(client_dates, nothing_is_sent_on_into_another_sale)
{
	start(1, stale);
	other_sale = 1;
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(1);
	cr_assert(answers.last[0].answered);
	cr_assert(eq(u8, answers.last[0].reply.verdict, VERDICT_STALE));
	cr_assert(eq(u32, engine.seen, 1));
	cr_assert(eq(u32, client_sale(client), FAKE_SALE));
	stop();
}

Test(client_dates, what_was_dated_too_early_is_dated_again)
{
	start(1, stale);
	other_sale = 0;
	engine.set_back = true;
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	cr_assert(eq(u32, engine.seen, 2));
	cr_assert(ge(u64, date_sent(1).issued_at_ns - date_sent(0).issued_at_ns,
		     UINT64_C(3600000000000)));
	stop();
}

static uint8_t refusal;

/* The first copy is lost, or on its way; the others are refused to the end. */
static enum fake_fate first_is_away(struct fake_engine *of, struct fake_datagram *reply)
{
	fake_replies(reply)->verdict = refusal;
	fake_replies(reply)->order_id = 0;
	return of->seen == 1 ? FATE_LOSE : FATE_ANSWER;
}

Test(client_dates, with_a_copy_out_what_may_turn_is_no_answer)
{
	static const uint8_t turning[] = {VERDICT_UNAVAILABLE, VERDICT_DRAINING,
					  VERDICT_JOURNAL_FULL};

	for (unsigned i = 0; i < sizeof(turning); i++) {
		uint64_t from_ms;

		answers = (struct answers){0};
		refusal = turning[i];
		start(1, first_is_away);
		from_ms = now_ms();
		submit(0);
		cr_assert(eq(int, client_drain(client), 0));
		check_once_each(1);
		cr_assert(not(answers.last[0].answered));
		cr_assert(eq(u8, answers.last[0].reply.verdict, VERDICT_UNAVAILABLE));
		cr_assert(ge(u64, now_ms() - from_ms, TIMEOUT_MS), "as long as one may turn");
		cr_assert(gt(u32, engine.seen, 2));
		stop();
	}
}

/* What cannot turn any more is the answer, whatever is out. */
Test(client_dates, with_a_copy_out_a_refusal_as_of_its_issue_is_the_answer)
{
	static const uint8_t final[] = {VERDICT_NOT_OPEN,     VERDICT_CLOSED,
					VERDICT_OTHER_BUYER,  VERDICT_HOLD_RELEASED,
					VERDICT_HOLD_EXPIRED, VERDICT_CONFIRMED_LATE};

	for (unsigned i = 0; i < sizeof(final); i++) {
		answers = (struct answers){0};
		refusal = final[i];
		start(1, first_is_away);
		submit(0);
		cr_assert(eq(int, client_drain(client), 0));
		check_once_each(1);
		cr_assert(answers.last[0].answered);
		cr_assert(eq(u8, answers.last[0].reply.verdict, refusal));
		cr_assert(not(answers.last[0].may_turn));
		cr_assert(eq(u32, engine.seen, 2));
		stop();
	}
}

static enum fake_fate refuse_all(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	fake_replies(reply)->verdict = refusal;
	return FATE_ANSWER;
}

/* A hold that ends gives units back: a copy that comes later may get them, and nobody would know.
 * The answer says so at once, where a copy is out, and only there. */
Test(client_dates, a_refusal_of_the_moment_says_whether_a_copy_is_out)
{
	static const uint8_t turning[] = {VERDICT_SOLD_OUT, VERDICT_LIMIT_REACHED,
					  VERDICT_ALREADY_HELD, VERDICT_CANNOT_EXTEND,
					  VERDICT_NOT_SOLD};

	for (unsigned i = 0; i < 2 * sizeof(turning); i++) {
		const bool out = i % 2 == 0;

		answers = (struct answers){0};
		refusal = turning[i / 2];
		start(1, out ? first_is_away : refuse_all);
		submit(0);
		cr_assert(eq(int, client_drain(client), 0));
		check_once_each(1);
		cr_assert(answers.last[0].answered);
		cr_assert(eq(u8, answers.last[0].reply.verdict, refusal));
		cr_assert(eq(int, answers.last[0].may_turn, out));
		cr_assert(eq(u32, engine.seen, out ? 2 : 1));
		cr_assert(gt(u64, answers.last[0].not_after_ns, 0));
		stop();
	}
}

static uint64_t back_ns;

/* The engine's clock was set back, and reaches the first date late, or not in our time. */
static enum fake_fate before_the_date(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	if (wire_date(reply->bytes)->issued_at_ns >= back_ns)
		return FATE_ANSWER;
	fake_replies(reply)->verdict = refusal;
	fake_replies(reply)->order_id = 0;
	return FATE_ANSWER;
}

Test(client_dates, before_the_clock_has_reached_the_date_nothing_is_final)
{
	static const uint8_t turning[] = {VERDICT_STALE, VERDICT_NOT_OPEN};

	for (unsigned i = 0; i < 4; i++) {
		const uint64_t by_ms = i < 2 ? TIMEOUT_MS / 4 : 10 * TIMEOUT_MS;

		answers = (struct answers){0};
		refusal = turning[i % 2];
		start(1, before_the_date);
		engine.set_back = true;
		back_ns = fake_engine_clock_ns(&engine);
		engine.clock_ahead_ns -= by_ms * 1000000;
		submit(0);
		cr_assert(eq(int, client_drain(client), 0));
		check_once_each(1);
		cr_assert(eq(int, answers.last[0].answered, i < 2));
		cr_assert(eq(u8, answers.last[0].reply.verdict,
			     i < 2 ? VERDICT_ACCEPTED : VERDICT_UNAVAILABLE));
		stop();
	}
}
