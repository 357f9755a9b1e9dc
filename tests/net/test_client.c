#include <errno.h>
#include <string.h>

#include "tests/support/client_rig.h"

Test(client, ping_tells_shards_and_time)
{
	start(4, NULL);
	cr_assert(eq(u16, client_shards(client), 4));
	cr_assert(eq(u64, client_engine_time_ns(client), FAKE_ENGINE_TIME_NS));
	cr_assert(eq(u32, answers.total, 0));
	cr_assert(eq(u64, client_pending(client), 0));
	stop();
	cr_assert(engine.closed);
}

Test(client, open_times_out_when_nobody_answers)
{
	uint64_t from_ms;

	fake_engine_init(&engine, 1);
	engine.mute = true;
	from_ms = now_ms();
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, 0, 0), -ETIMEDOUT));
	cr_assert(ge(u64, now_ms() - from_ms, TIMEOUT_MS));
	cr_assert(strstr(error.text, "no answer") != NULL);
	cr_assert(strstr(error.text, "key 7") != NULL);
	cr_assert(engine.closed);
	cr_assert(eq(u32, answers.total, 0));
}

Test(client, open_times_out_when_nothing_can_be_sent, .timeout = 2)
{
	fake_engine_init(&engine, 1);
	engine.sent_max = 0;
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, 0, 0), -ETIMEDOUT));
	cr_assert(engine.closed);
}

Test(client, close_takes_null)
{
	client_close(NULL);
}

Test(client, request_goes_out_as_it_was_given)
{
	struct client_request request = buy(2);
	const struct wire_request *wire;

	start(1, NULL);
	request.op = WIRE_OP_HOLD;
	cr_assert(eq(int, client_submit(client, &request), 0));
	cr_assert(eq(int, client_drain(client), 0));
	wire = fake_requests(&engine.requests[0]);
	cr_assert(eq(u64, wire->id[0], request.id[0]));
	cr_assert(eq(u64, wire->id[1], request.id[1]));
	cr_assert(eq(u64, wire->buyer, request.buyer));
	cr_assert(eq(u64, wire->sku, request.sku));
	cr_assert(eq(u64, wire->price_or_order, request.price_or_order));
	cr_assert(eq(u32, wire->channel, request.channel));
	cr_assert(eq(u16, wire->quantity, request.quantity));
	cr_assert(eq(u8, wire->op, WIRE_OP_HOLD));
	cr_assert(eq(u64, answers.last[2].reply.unit_price, 4990));
	cr_assert(eq(u8, answers.last[2].reply.durability, DURABILITY_DURABLE));
	cr_assert(eq(u32, answers.last[2].attempts, 1));
	stop();
}

Test(client, zero_id_becomes_a_random_one)
{
	start(1, NULL);
	for (uint32_t user = 0; user < 2; user++) {
		struct client_request request = buy(user);

		request.id[0] = request.id[1] = 0;
		cr_assert(eq(int, client_submit(client, &request), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));

	const struct wire_request *wire = fake_requests(&engine.requests[0]);

	cr_assert(memcmp(wire[0].id, wire[1].id, sizeof(wire[0].id)) != 0);
	for (uint32_t user = 0; user < 2; user++) {
		const struct client_answer *answer = &answers.last[user];

		cr_assert(memcmp(wire[user].id, answer->reply.id, sizeof(answer->reply.id)) == 0);
	}
	stop();
}

Test(client, full_datagram_holds_29_entries)
{
	start(1, NULL);
	submit_all(29 * 2 + 5);
	cr_assert(eq(u32, engine.seen, 0));
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(29 * 2 + 5);
	cr_assert(eq(u32, engine.seen, 3));
	cr_assert(eq(u8, fake_header(&engine.requests[0])->count, 29));
	cr_assert(eq(u32, engine.requests[0].len, WIRE_DATAGRAM_BYTES_MAX));
	cr_assert(eq(u8, fake_header(&engine.requests[1])->count, 29));
	cr_assert(eq(u8, fake_header(&engine.requests[2])->count, 5));
	cr_assert(eq(u64, client_stats(client)->datagrams_sent, 4)); /* and a PING */
	stop();
}

Test(client, entries_per_datagram_is_kept)
{
	fake_engine_init(&engine, 1);
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, IN_FLIGHT, 2), 0));
	submit_all(5);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(5);
	cr_assert(eq(u32, engine.seen, 3));
	cr_assert(eq(u8, fake_header(&engine.requests[0])->count, 2));
	cr_assert(eq(u8, fake_header(&engine.requests[2])->count, 1));
	stop();
}

Test(client, flush_closes_a_datagram)
{
	start(1, NULL);
	submit(0);
	client_flush(client);
	submit(1);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(2);
	cr_assert(eq(u32, engine.seen, 2));
	stop();
}

Test(client, each_sku_goes_to_its_shard)
{
	uint32_t wanted[FAKE_SHARDS_MAX] = {0};

	start(4, NULL);
	for (uint32_t user = 0; user < 400; user++)
		wanted[wire_shard_of(user + 1, 4)]++;
	submit_all(400);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(400);
	for (unsigned shard = 0; shard < 4; shard++) {
		cr_assert(gt(u32, wanted[shard], 0));
		cr_assert(eq(u32, engine.per_shard[shard], wanted[shard]));
	}
	for (uint32_t i = 0; i < engine.seen; i++) {
		const struct wire_header *header = fake_header(&engine.requests[i]);

		for (unsigned k = 0; k < header->count; k++)
			cr_assert(eq(u16, header->shard,
				     wire_shard_of(fake_requests(&engine.requests[i])[k].sku, 4)));
	}
	stop();
}

Test(client, ping_goes_to_shard_0)
{
	const struct client_request request = {.op = WIRE_OP_PING, .sku = 999, .user = 1};

	start(4, NULL);
	cr_assert(eq(int, client_submit(client, &request), 0));
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u8, answers.last[1].reply.verdict, VERDICT_PONG));
	stop();
}

static enum fake_fate lose_first_two(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)reply;
	return of->seen <= 2 ? FATE_LOSE : FATE_ANSWER;
}

Test(client, lost_replies_are_asked_for_again)
{
	start(1, lose_first_two);
	submit_all(3);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(3);
	cr_assert(eq(u32, engine.seen, 3));
	cr_assert(eq(u32, answers.last[0].attempts, 3));
	cr_assert(eq(u64, client_stats(client)->datagrams_resent, 2));
	/* The same bytes: the engine knows it by its ids, the client its reply by the echo. */
	cr_assert(eq(u32, engine.requests[2].len, engine.requests[0].len));
	cr_assert(memcmp(engine.requests[2].bytes, engine.requests[0].bytes,
			 engine.requests[0].len) == 0);
	stop();
}

static uint64_t seen_ms[FAKE_SEEN_MAX];

static enum fake_fate lose_and_note(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)reply;
	seen_ms[of->seen - 1] = now_ms();
	return FATE_LOSE;
}

Test(client, waits_double)
{
	fake_engine_init(&engine, 1);
	engine.rule = lose_and_note;
	cr_assert(eq(int, open_with(200, 20, 1, 0), 0));
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	/* Half to all of 20, 40, 80, 160 ms; a gap may look 1 ms too short by rounding. */
	for (unsigned i = 0; i + 1 < engine.seen; i++)
		cr_assert(ge(u64, seen_ms[i + 1] - seen_ms[i] + 1, UINT64_C(10) << i));
	cr_assert(all(ge(u32, engine.seen, 3), le(u32, engine.seen, 5)));
	cr_assert(eq(u32, answers.last[0].attempts, engine.seen));
	stop();
}

Test(client, timed_out_is_unanswered)
{
	uint64_t from_ms;

	start(1, NULL);
	engine.mute = true;
	from_ms = now_ms();
	submit_all(40);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(40);
	cr_assert(ge(u64, now_ms() - from_ms, TIMEOUT_MS));
	cr_assert(le(u64, now_ms() - from_ms, TIMEOUT_MS + 4));
	for (uint32_t user = 0; user < 40; user++) {
		cr_assert(not(answers.last[user].answered));
		cr_assert(eq(u8, answers.last[user].reply.verdict, VERDICT_UNAVAILABLE));
		cr_assert(gt(u32, answers.last[user].attempts, 1));
		cr_assert(ge(u64, answers.last[user].latency_ns, TIMEOUT_MS * 1000000 - 1000000));
	}
	stop();
}

Test(client, times_out_when_nothing_can_be_sent, .timeout = 2)
{
	start(1, NULL);
	engine.sent_max = 0;
	submit_all(40);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(40);
	cr_assert(not(answers.last[0].answered));
	cr_assert(eq(u32, answers.last[0].attempts, 0));

	/* What it gave back is usable again. */
	engine.sent_max = 64;
	answers = (struct answers){0};
	submit_all(40);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(40);
	stop();
}

Test(client, late_reply_to_the_forgotten_is_dropped)
{
	start(1, lose_and_note);
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(not(answers.last[0].answered));

	struct fake_datagram late = engine.requests[0];

	fake_engine_accept(&late);
	fake_engine_sign(&engine, &late);
	fake_engine_post(&engine, &late);
	engine.rule = NULL;
	submit(1); /* takes the same slot */
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u32, answers.total, 2));
	cr_assert(eq(u32, answers.cnt[0], 1));
	cr_assert(answers.last[1].answered);
	cr_assert(eq(u64, client_stats(client)->replies_unmatched, 1));
	stop();
}

/* The life of a request begins with it, not when the client last looked at the clock. */
Test(client, idle_client_still_waits_its_time)
{
	start(1, lose_first_two);
	pass_ms(TIMEOUT_MS + 20);
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	cr_assert(eq(u32, answers.last[0].attempts, 3));
	stop();
}

static enum fake_fate double_all(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	(void)reply;
	return FATE_DOUBLE;
}

Test(client, doubled_replies_count_once)
{
	start(1, double_all);
	submit_all(60);
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(int, client_poll(client, 0), 0));
	check_accepted(60);
	cr_assert(eq(u64, client_stats(client)->replies_unmatched, 3));
	cr_assert(eq(u64, client_stats(client)->datagrams_received, 7));
	stop();
}

static enum fake_fate last_first(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	(void)reply;
	return FATE_LAST_FIRST;
}

Test(client, replies_may_overtake)
{
	fake_engine_init(&engine, 4);
	engine.rule = last_first;
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, 128, 3), 0));
	submit_all(300); /* more than one burst of datagrams */
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(300);
	cr_assert(eq(u64, client_stats(client)->replies_unmatched, 0));
	stop();
}

static enum fake_fate forge_first(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)reply;
	return of->seen == 1 ? FATE_FORGE : FATE_ANSWER;
}

Test(client, forged_reply_is_not_believed)
{
	start(1, forge_first);
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	cr_assert(eq(u32, answers.last[0].attempts, 2));
	cr_assert(eq(u64, client_stats(client)->replies_bad_tag, 1));
	stop();
}

/* One way a signed reply can be not ours, per datagram; the eighth is right. */
static enum fake_fate not_ours(struct fake_engine *of, struct fake_datagram *reply)
{
	struct wire_header *header = fake_header(reply);

	switch (of->seen) {
	case 1:
		header->echo ^= UINT64_C(1) << 32;
		break;
	case 2:
		header->echo |= UINT32_MAX; /* no such slot */
		break;
	case 3:
		fake_replies(reply)[1].id[1]++;
		break;
	case 4:
		header->kind = WIRE_KIND_REQUEST;
		break;
	case 5:
		header->key_id++;
		break;
	case 6:
		header->shard++;
		break;
	case 7:
		header->count--;
		reply->len -= WIRE_ENTRY_BYTES;
		break;
	default:
		break;
	}
	return FATE_ANSWER;
}

Test(client, replies_not_ours_are_dropped)
{
	fake_engine_init(&engine, 1);
	engine.rule = not_ours;
	cr_assert(eq(int, open_with(5000, 1, 1, 0), 0));
	submit_all(2);
	for (unsigned i = 0; i < 7; i++) {
		while (client_stats(client)->replies_unmatched <= i)
			cr_assert(eq(int, client_poll(client, 1000), 0));
		cr_assert(eq(u64, client_pending(client), 2));
		if (i == 1)
			fake_engine_post(&engine, &(struct fake_datagram){.len = 3});
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(2);
	cr_assert(ge(u32, engine.seen, 7));
	stop();
}

/* The first answer to a SKU of shard 2 says shard 3. */
static enum fake_fate moved_to_3(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	for (unsigned i = 0; i < fake_header(reply)->count; i++) {
		if (fake_header(reply)->shard != 2)
			continue;
		fake_replies(reply)[i].verdict = VERDICT_WRONG_SHARD;
		fake_replies(reply)[i].quantity = 3;
		fake_replies(reply)[i].order_id = 0;
	}
	return FATE_ANSWER;
}

Test(client, wrong_shard_is_asked_elsewhere)
{
	uint32_t moved = 0;

	start(4, moved_to_3);
	for (uint32_t user = 0; user < 20; user++)
		moved += wire_shard_of(user + 1, 4) == 2;
	cr_assert(gt(u32, moved, 0));
	submit_all(20);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(20);
	cr_assert(eq(u32, engine.served, 20 + moved));
	for (uint32_t user = 0; user < 20; user++)
		cr_assert(eq(u32, answers.last[user].attempts,
			     wire_shard_of(user + 1, 4) == 2 ? 2 : 1));
	stop();
}

static uint16_t pointed_at;

static enum fake_fate always_wrong(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	fake_replies(reply)->verdict = VERDICT_WRONG_SHARD;
	fake_replies(reply)->quantity = pointed_at;
	return FATE_ANSWER;
}

Test(client, wrong_shard_twice_is_the_answer)
{
	start(4, always_wrong);
	pointed_at = 1;
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(1);
	cr_assert(answers.last[0].answered);
	cr_assert(eq(u8, answers.last[0].reply.verdict, VERDICT_WRONG_SHARD));
	cr_assert(eq(u32, engine.seen, 2));
	cr_assert(eq(u16, fake_header(&engine.requests[1])->shard, 1));

	pointed_at = 4; /* no such shard */
	submit(1);
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u8, answers.last[1].reply.verdict, VERDICT_WRONG_SHARD));
	cr_assert(eq(u32, engine.seen, 3));
	stop();
}

static enum fake_fate wrong_then_silent(struct fake_engine *of, struct fake_datagram *reply)
{
	pointed_at = 1;
	if (of->seen == 1)
		pass_ms(TIMEOUT_MS / 2);
	return of->seen == 1 ? always_wrong(of, reply) : FATE_LOSE;
}

/* timeout_ms is the whole life, the other shard included. */
Test(client, rerouted_request_lives_no_longer)
{
	start(4, wrong_then_silent);

	const uint64_t from_ms = now_ms();

	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(1);
	cr_assert(not(answers.last[0].answered));
	cr_assert(le(u64, now_ms() - from_ms, TIMEOUT_MS + 4));
	stop();
}

static uint8_t refusal;

/* The odd users are put off twice, the others served. */
static enum fake_fate put_off_odd(struct fake_engine *of, struct fake_datagram *reply)
{
	for (unsigned i = 0; i < fake_header(reply)->count && of->seen <= 2; i++) {
		if (fake_replies(reply)[i].id[0] % 2 == 1)
			continue;
		fake_replies(reply)[i].verdict = refusal;
		fake_replies(reply)[i].order_id = 0;
	}
	return FATE_ANSWER;
}

Test(client, passing_failures_are_asked_again)
{
	static const uint8_t passing[] = {VERDICT_UNAVAILABLE, VERDICT_DRAINING,
					  VERDICT_JOURNAL_FULL};

	for (unsigned i = 0; i < sizeof(passing); i++) {
		answers = (struct answers){0};
		refusal = passing[i];
		start(1, put_off_odd);
		submit_all(10);
		cr_assert(eq(int, client_drain(client), 0));
		check_accepted(10);
		cr_assert(eq(u32, engine.seen, 3));
		cr_assert(eq(u32, engine.served, 10 + 5 + 5));
		cr_assert(eq(u32, answers.last[0].attempts, 1));
		cr_assert(eq(u32, answers.last[1].attempts, 3));
		/* Another content, another echo: a double of the first reply can't match. */
		cr_assert(ne(u64, fake_header(&engine.requests[0])->echo,
			     fake_header(&engine.requests[1])->echo));
		stop();
	}
}

static enum fake_fate refuse(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)of;
	for (unsigned i = 0; i < fake_header(reply)->count; i++)
		fake_replies(reply)[i].verdict = refusal;
	return FATE_ANSWER;
}

Test(client, draining_to_the_end_is_the_answer)
{
	refusal = VERDICT_DRAINING;
	start(1, refuse);
	submit_all(3);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(3);
	cr_assert(answers.last[0].answered);
	cr_assert(eq(u8, answers.last[0].reply.verdict, VERDICT_DRAINING));
	cr_assert(gt(u32, answers.last[0].attempts, 1));
	stop();
}

Test(client, refusals_are_not_asked_again)
{
	static const uint8_t refusals[] = {VERDICT_SOLD_OUT, VERDICT_NOT_OPEN, VERDICT_CONFLICT,
					   VERDICT_TOO_FAST, VERDICT_TABLE_FULL};

	for (unsigned i = 0; i < sizeof(refusals); i++) {
		answers = (struct answers){0};
		refusal = refusals[i];
		start(1, refuse);
		submit(0);
		cr_assert(eq(int, client_drain(client), 0));
		check_once_each(1);
		cr_assert(answers.last[0].answered);
		cr_assert(eq(u8, answers.last[0].reply.verdict, refusal));
		cr_assert(eq(u32, engine.seen, 1));
		stop();
	}
}

Test(client, partial_sends_are_continued)
{
	fake_engine_init(&engine, 2);
	engine.sent_max = 3;
	cr_assert(eq(int, open_with(5000, 1000, 128, 1), 0));
	submit_all(100);
	cr_assert(eq(int, client_poll(client, 0), 3));
	cr_assert(eq(u32, engine.seen, 6)); /* before and after receiving */
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(100);
	cr_assert(eq(u32, engine.seen, 100));
	cr_assert(eq(u64, client_stats(client)->datagrams_resent, 0));
	stop();
}

Test(client, submit_is_refused_when_all_datagrams_are_out)
{
	const struct client_request request = buy(4);

	fake_engine_init(&engine, 1);
	cr_assert(eq(int, open_with(5000, RETRY_MS, 2, 2), 0));
	submit_all(4);
	cr_assert(eq(int, client_submit(client, &request), -EAGAIN));
	cr_assert(eq(u64, client_pending(client), 4));
	while (client_pending(client) == 4)
		cr_assert(ge(int, client_poll(client, 1000), 0));
	cr_assert(eq(int, client_submit(client, &request), 0));
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(5);
	stop();
}

/* What was pending ends with unknown outcome; what comes then is asked if that can be sent. */
Test(client, broken_transport_is_told)
{
	start(1, NULL);
	submit(0);
	engine.sent_max = -EIO;
	cr_assert(eq(int, client_poll(client, 0), -EIO));
	check_once_each(1);
	cr_assert(not(answers.last[0].answered));
	submit(1);
	cr_assert(eq(int, client_drain(client), -EIO));
	engine.sent_max = 64;
	engine.receive_rc = -EBADF;
	cr_assert(eq(int, client_poll(client, 0), -EBADF));
	engine.receive_rc = 0;
	submit(2);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(3);
	cr_assert(answers.last[2].answered);
	stop();
}

Test(client, latency_counts_from_the_intended_time)
{
	struct client_request request = buy(0);

	start(1, NULL);
	request.intended_ns = (now_ms() - 500) * 1000000;
	cr_assert(eq(int, client_submit(client, &request), 0));
	request = buy(1);
	request.intended_ns = (now_ms() + 5000) * 1000000;
	cr_assert(eq(int, client_submit(client, &request), 0));
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(all(ge(u64, answers.last[0].latency_ns, 500000000),
		      lt(u64, answers.last[0].latency_ns, 800000000)));
	cr_assert(eq(u64, answers.last[1].latency_ns, 0));
	stop();
}

Test(client, callback_may_submit)
{
	/* A second client whose callback is ours to choose. */
	start(1, put_off_odd);
	refusal = VERDICT_DRAINING;
	for (uint32_t round = 0; round < 5; round++) {
		submit(2 * round);
		submit(2 * round + 1);
		cr_assert(ge(int, client_poll(client, 0), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(10);
	stop();
}

static uint64_t state = 1;

/* Anything may happen, by a fixed seed. */
static enum fake_fate any_fate(struct fake_engine *of, struct fake_datagram *reply)
{
	const uint64_t draw = mix64(++state);

	(void)of;
	if (draw % 7 == 0)
		fake_replies(reply)->verdict = VERDICT_UNAVAILABLE;
	if (draw % 11 == 0)
		fake_header(reply)->echo += UINT64_C(1) << 32;
	return (enum fake_fate)(draw / 77 % 5);
}

Test(client, everyone_is_answered_once_whatever_happens)
{
	fake_engine_init(&engine, 4);
	engine.rule = any_fate;
	cr_assert(eq(int, open_with(60, 1, 16, 7), 0));
	for (uint32_t user = 0; user < USERS_MAX; user++) {
		const struct client_request request = buy(user);

		engine.sent_max = (int)(mix64(user) % 4);
		while (client_submit(client, &request) == -EAGAIN)
			cr_assert(ge(int, client_poll(client, 500), 0));
	}
	engine.sent_max = 2;
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(USERS_MAX);
	stop();
}
