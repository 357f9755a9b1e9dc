/* The client and baskets: datagrams that stay together whatever comes of them. */
#include <errno.h>
#include <string.h>

#include "net/client_ask.h"
#include "net/client_state.h"
#include "tests/support/client_rig.h"

enum {
	SHARDS = 4,
	LINES = 3,
};

/* Lines of one buyer, as users `from` on. Their SKUs are of several shards. */
static int submit_lines(uint32_t from, uint32_t cnt, enum client_basket how)
{
	struct client_request lines[WIRE_ENTRY_CNT_MAX + 1];

	for (uint32_t i = 0; i < cnt; i++) {
		lines[i] = buy(from + i);
		lines[i].buyer = 1000;
	}
	return client_submit_basket(client, lines, cnt, how);
}

static void ask(uint32_t from, uint32_t cnt)
{
	cr_assert(eq(int, submit_lines(from, cnt, CLIENT_ALL_OR_NOTHING), 0));
	cr_assert(eq(int, client_drain(client), 0));
}

static void check_in_order(uint32_t from, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		cr_assert(eq(u32, answers.turn[from + i], answers.turn[from] + i));
}

static void check_verdicts(const uint8_t *verdicts, bool answered)
{
	check_once_each(LINES);
	check_in_order(0, LINES);
	for (uint32_t i = 0; i < LINES; i++) {
		cr_expect(eq(u8, answers.last[i].reply.verdict, verdicts[i]), "line %u", i);
		cr_expect(eq(u8, answers.last[i].answered, answered), "line %u", i);
	}
}

/* Whether a datagram is this basket, whole. */
static void check_basket(uint32_t seen, uint16_t shard, uint32_t from, uint32_t cnt, uint8_t flags)
{
	const struct wire_header *header = fake_header(&engine.requests[seen]);
	const struct wire_request *requests = fake_requests(&engine.requests[seen]);

	cr_assert(eq(u8, header->flags, WIRE_FLAG_DATED | flags));
	cr_assert(eq(u16, header->shard, shard));
	cr_assert(eq(u8, header->count, cnt));
	for (uint32_t i = 0; i < cnt; i++)
		cr_assert(eq(u64, requests[i].id[0], from + i + 1));
}

static uint16_t first_shard(uint32_t from)
{
	return wire_shard_of(from + 1, SHARDS);
}

Test(client_basket, is_a_datagram_of_its_own)
{
	struct client_request single = buy(10);

	start(SHARDS, NULL);
	/* To the shard of the first line, before and after it. */
	while (wire_shard_of(single.sku, SHARDS) != first_shard(0))
		single.sku++;
	cr_assert(eq(int, client_submit(client, &single), 0));
	cr_assert(eq(int, submit_lines(0, LINES, CLIENT_ALL_OR_NOTHING), 0));
	cr_assert(eq(u64, client_pending(client), LINES + 1));
	single.user++;
	cr_assert(eq(int, client_submit(client, &single), 0));
	cr_assert(eq(int, submit_lines(LINES, 2, CLIENT_WHAT_THERE_IS), 0));
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u32, answers.total, LINES + 2 + 2));
	check_in_order(0, LINES);
	check_in_order(LINES, 2);
	cr_assert(eq(u32, engine.seen, 3));
	check_basket(0, first_shard(0), 0, LINES, WIRE_FLAG_BASKET);
	check_basket(1, first_shard(LINES), LINES, 2, WIRE_FLAG_BASKET | WIRE_FLAG_WHAT_THERE_IS);
	cr_assert(eq(u8, fake_header(&engine.requests[2])->flags, WIRE_FLAG_DATED));
	cr_assert(eq(u8, fake_header(&engine.requests[2])->count, 2));
	stop();
}

Test(client_basket, of_2_to_29_lines)
{
	fake_engine_init(&engine, SHARDS);
	/* How many single requests go together is no limit of a basket. */
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, IN_FLIGHT, 1), 0));
	cr_assert(eq(u32, client_entries_max(client), 1));
	cr_assert(eq(u32, client_basket_max(client), WIRE_ENTRY_CNT_MAX));
	cr_assert(eq(int, submit_lines(0, 0, CLIENT_ALL_OR_NOTHING), -EINVAL));
	cr_assert(eq(int, submit_lines(0, 1, CLIENT_ALL_OR_NOTHING), -EINVAL));
	cr_assert(eq(int, submit_lines(0, WIRE_ENTRY_CNT_MAX + 1, CLIENT_ALL_OR_NOTHING), -EINVAL));
	cr_assert(eq(u64, client_pending(client), 0));
	ask(0, WIRE_ENTRY_CNT_MAX);
	check_basket(0, first_shard(0), 0, WIRE_ENTRY_CNT_MAX, WIRE_FLAG_BASKET);
	check_once_each(WIRE_ENTRY_CNT_MAX);
	check_in_order(0, WIRE_ENTRY_CNT_MAX);
	stop();
}

Test(client_basket, is_refused_when_all_datagrams_are_out)
{
	fake_engine_init(&engine, 1);
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, 1, 0), 0));
	cr_assert(eq(int, submit_lines(0, LINES, CLIENT_ALL_OR_NOTHING), 0));
	cr_assert(eq(int, submit_lines(LINES, LINES, CLIENT_ALL_OR_NOTHING), -EAGAIN));
	cr_assert(eq(u64, client_pending(client), LINES));
	cr_assert(eq(int, client_drain(client), 0));
	ask(LINES, LINES);
	check_once_each(2 * LINES);
	stop();
}

static enum fake_fate lose_first_two(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)reply;
	return of->seen <= 2 ? FATE_LOSE : FATE_ANSWER;
}

Test(client_basket, goes_out_again_in_the_same_bytes)
{
	fake_engine_init(&engine, SHARDS);
	engine.rule = lose_first_two;
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, IN_FLIGHT, 1), 0));
	ask(0, LINES);
	check_once_each(LINES);
	cr_assert(eq(u32, engine.seen, 3));
	for (uint32_t seen = 1; seen < 3; seen++)
		cr_assert(memcmp(engine.requests[seen].bytes, engine.requests[0].bytes,
				 engine.requests[0].len) == 0);
	cr_assert(eq(u32, answers.last[LINES - 1].attempts, 3));
	stop();
}

static uint8_t replies[LINES]; /* the verdicts of all answers that are put off */
static uint32_t put_off;       /* so many */
static uint16_t names;         /* what WRONG_SHARD says */

static enum fake_fate answer_so(struct fake_engine *of, struct fake_datagram *reply)
{
	for (unsigned i = 0; i < fake_header(reply)->count && of->seen <= put_off; i++) {
		if (replies[i] == VERDICT_ACCEPTED)
			continue;
		fake_replies(reply)[i].verdict = replies[i];
		fake_replies(reply)[i].order_id = 0;
		if (replies[i] == VERDICT_WRONG_SHARD)
			fake_replies(reply)[i].quantity = names;
	}
	return FATE_ANSWER;
}

static void start_so(uint32_t cnt, uint8_t first, uint8_t second, uint8_t third)
{
	answers = (struct answers){0};
	replies[0] = first;
	replies[1] = second;
	replies[2] = third;
	put_off = cnt;
	start(SHARDS, answer_so);
}

static const uint8_t all_accepted[LINES] = {VERDICT_ACCEPTED, VERDICT_ACCEPTED, VERDICT_ACCEPTED};

/* Also if only one line may turn: the others are asked beside it, and get their last answer. */
Test(client_basket, is_asked_again_as_a_whole)
{
	static const uint8_t passing[] = {VERDICT_UNAVAILABLE, VERDICT_DRAINING,
					  VERDICT_JOURNAL_FULL, VERDICT_UNDER_WAY};

	for (unsigned i = 0; i < sizeof(passing); i++) {
		start_so(2, VERDICT_ACCEPTED, passing[i], VERDICT_BASKET_REFUSED);
		ask(0, LINES);
		check_verdicts(all_accepted, true);
		cr_assert(eq(u32, engine.seen, 3));
		for (uint32_t seen = 0; seen < 3; seen++)
			check_basket(seen, first_shard(0), 0, LINES, WIRE_FLAG_BASKET);
		cr_assert(eq(u32, answers.last[0].attempts, 3));
		stop();
	}
}

/* A request that is no basket may belong to one that is being decided, too. */
Test(client_basket, what_is_under_way_is_asked_again)
{
	start_so(2, VERDICT_UNDER_WAY, 0, 0);
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	cr_assert(eq(u32, engine.seen, 3));
	stop();
}

Test(client_basket, goes_as_a_whole_to_the_shard_of_its_first_line)
{
	const uint16_t by_number = first_shard(0);

	names = (by_number + 1) % SHARDS;
	start_so(1, VERDICT_WRONG_SHARD, VERDICT_BASKET_REFUSED, VERDICT_BASKET_REFUSED);
	ask(0, LINES);
	check_verdicts(all_accepted, true);
	cr_assert(eq(u32, engine.seen, 2));
	check_basket(0, by_number, 0, LINES, WIRE_FLAG_BASKET);
	check_basket(1, names, 0, LINES, WIRE_FLAG_BASKET);
	cr_assert(eq(u32, answers.last[1].attempts, 2));
	cr_assert(not(answers.last[1].may_turn));

	/* It is remembered. */
	answers = (struct answers){0};
	ask(0, LINES);
	cr_assert(eq(u32, engine.seen, 3));
	check_basket(2, names, 0, LINES, WIRE_FLAG_BASKET);
	stop();
}

/* Nor is it moved for ever. */
Test(client_basket, wrong_shard_twice_is_the_answer)
{
	static const uint8_t verdicts[LINES] = {VERDICT_WRONG_SHARD, VERDICT_BASKET_REFUSED,
						VERDICT_BASKET_REFUSED};

	names = (first_shard(0) + 1) % SHARDS;
	start_so(UINT32_MAX, VERDICT_WRONG_SHARD, VERDICT_BASKET_REFUSED, VERDICT_BASKET_REFUSED);
	ask(0, LINES);
	check_verdicts(verdicts, true);
	cr_assert(eq(u32, engine.seen, 2));
	names = SHARDS; /* no such shard */
	ask(0, LINES);
	cr_assert(eq(u32, engine.seen, 3));
	stop();
}

/* The basket stays with its first line; the way of the other one is remembered all the same. */
Test(client_basket, a_later_line_moves_nothing)
{
	static const uint8_t verdicts[LINES] = {VERDICT_BASKET_REFUSED, VERDICT_WRONG_SHARD,
						VERDICT_BASKET_REFUSED};
	const uint16_t by_number = wire_shard_of(2, SHARDS);

	names = (by_number + 1) % SHARDS;
	start_so(1, VERDICT_BASKET_REFUSED, VERDICT_WRONG_SHARD, VERDICT_BASKET_REFUSED);
	ask(0, LINES);
	check_verdicts(verdicts, true);
	cr_assert(eq(u32, engine.seen, 1));
	submit(1);
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u16, fake_header(&engine.requests[1])->shard, names));
	stop();
}

Test(client_basket, put_off_to_the_end_is_the_answer)
{
	static const uint8_t verdicts[LINES] = {VERDICT_BASKET_REFUSED, VERDICT_DRAINING,
						VERDICT_BASKET_REFUSED};

	start_so(UINT32_MAX, VERDICT_BASKET_REFUSED, VERDICT_DRAINING, VERDICT_BASKET_REFUSED);
	ask(0, LINES);
	check_verdicts(verdicts, true);
	cr_assert(gt(u32, answers.last[0].attempts, 1));
	stop();
}

static enum fake_fate answer_once(struct fake_engine *of, struct fake_datagram *reply)
{
	return of->seen == 1 ? answer_so(of, reply) : FATE_LOSE;
}

/* A copy had no answer: what was refused before may be carried out. What was carried out stays. */
Test(client_basket, silence_in_the_end_is_unknown)
{
	start_so(1, VERDICT_ACCEPTED, VERDICT_JOURNAL_FULL, VERDICT_SOLD_OUT);
	engine.rule = answer_once;
	cr_assert(eq(int, submit_lines(0, LINES, CLIENT_WHAT_THERE_IS), 0));
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(LINES);
	check_in_order(0, LINES);
	cr_assert(answers.last[0].answered);
	cr_assert(eq(u8, answers.last[0].reply.verdict, VERDICT_ACCEPTED));
	cr_assert(eq(u64, answers.last[0].reply.order_id, 1001));
	for (uint32_t i = 1; i < LINES; i++) {
		cr_assert(not(answers.last[i].answered));
		cr_assert(eq(u8, answers.last[i].reply.verdict, VERDICT_UNAVAILABLE));
	}
	stop();
}

static enum fake_fate lose_first(struct fake_engine *of, struct fake_datagram *reply)
{
	return of->seen == 1 ? FATE_LOSE : answer_so(of, reply);
}

/* The copy without an answer may find units: then all lines of it. */
Test(client_basket, a_refusal_of_the_moment_may_turn_for_every_line)
{
	static const uint8_t verdicts[LINES] = {VERDICT_BASKET_REFUSED, VERDICT_SOLD_OUT,
						VERDICT_BASKET_REFUSED};

	start_so(2, VERDICT_BASKET_REFUSED, VERDICT_SOLD_OUT, VERDICT_BASKET_REFUSED);
	engine.rule = lose_first;
	ask(0, LINES);
	check_verdicts(verdicts, true);
	for (uint32_t i = 0; i < LINES; i++)
		cr_expect(answers.last[i].may_turn, "line %u", i);
	stop();

	/* One that was carried out does not; nor what a refusal for good stopped. */
	start_so(2, VERDICT_ACCEPTED, VERDICT_SOLD_OUT, VERDICT_ACCEPTED);
	engine.rule = lose_first;
	ask(0, LINES);
	cr_expect(not(answers.last[0].may_turn));
	cr_expect(answers.last[1].may_turn);
	stop();
	start_so(2, VERDICT_BASKET_REFUSED, VERDICT_CLOSED, VERDICT_BASKET_REFUSED);
	engine.rule = lose_first;
	ask(0, LINES);
	cr_expect(not(answers.last[0].may_turn));
	stop();
}

/* Too long for the path: not taken, and never split. */
Test(client_basket, is_not_cut_for_a_path)
{
	fake_engine_init(&engine, SHARDS);
	engine.path_bytes = wire_dated_bytes(2);
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, IN_FLIGHT, 0), 0));
	cr_assert(eq(u32, client_basket_max(client), 2));
	cr_assert(eq(int, submit_lines(0, LINES, CLIENT_ALL_OR_NOTHING), -EMSGSIZE));
	ask(0, 2);
	check_once_each(2);
	stop();
}

/* The path got shorter when it was out: it waits for another one, and holds up nobody. */
Test(client_basket, waits_for_a_path_that_carries_it, .timeout = 5)
{
	start(SHARDS, NULL);
	engine.refused_bytes = wire_dated_bytes(2);
	cr_assert(eq(int, submit_lines(0, LINES, CLIENT_ALL_OR_NOTHING), 0));
	submit(LINES);
	for (unsigned i = 0; i < 3; i++)
		cr_assert(ge(int, client_poll(client, 1000), 0));
	cr_assert(eq(u32, answers.total, 1));
	cr_assert(answers.last[LINES].answered);
	cr_assert(eq(u32, client_basket_max(client), 2));
	engine.refused_bytes = 0;
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(LINES + 1);
	check_basket(1, first_shard(0), 0, LINES, WIRE_FLAG_BASKET);
	cr_assert(answers.last[0].answered);
	stop();
}

static uint64_t state = 1;

static enum fake_fate any_fate(struct fake_engine *of, struct fake_datagram *reply)
{
	const uint64_t draw = mix64(++state);

	(void)of;
	if (draw % 7 == 0)
		fake_replies(reply)->verdict = VERDICT_UNDER_WAY;
	if (draw % 13 == 0) {
		fake_replies(reply)->verdict = VERDICT_WRONG_SHARD;
		fake_replies(reply)->quantity = (uint16_t)(draw % SHARDS);
	}
	return (enum fake_fate)(draw / 77 % 5);
}

/* Whatever happens: once each, in order, and every datagram is one of the baskets. */
Test(client_basket, every_line_is_answered_once_whatever_happens)
{
	fake_engine_init(&engine, SHARDS);
	engine.rule = any_fate;
	cr_assert(eq(int, open_with(60, 1, 4, 2), 0));
	for (uint32_t user = 0; user < 40 * LINES; user += LINES) {
		while (submit_lines(user, LINES, CLIENT_ALL_OR_NOTHING) == -EAGAIN)
			cr_assert(ge(int, client_poll(client, 500), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(40 * LINES);
	for (uint32_t user = 0; user < 40 * LINES; user += LINES)
		check_in_order(user, LINES);
	for (uint32_t i = 0; i < engine.seen; i++) {
		const struct wire_header *header = fake_header(&engine.requests[i]);
		const uint32_t from = (uint32_t)fake_requests(&engine.requests[i])->id[0] - 1;

		cr_assert(eq(u32, from % LINES, 0));
		check_basket(i, header->shard, from, LINES, WIRE_FLAG_BASKET);
	}
	stop();
}
