/* Paths that carry less than a full datagram, and engines that nobody hears any more. */
#include <errno.h>
#include <string.h>

#include "engine/base/limits.h"
#include "tests/support/client_rig.h"

enum {
	/* The life of a request here: a search takes some hundred milliseconds. */
	LONG_MS = 20000,
	CARRIED_CNT = 24, /* IPv6 over 1,280 bytes */
};

static uint32_t sent_longer_than(uint32_t count)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < engine.seen; i++)
		cnt += fake_header(&engine.requests[i])->count > count;
	return cnt;
}

/* A path as from the beginning, with a life that is long enough to find out about it. */
static void start_long(uint32_t in_flight)
{
	said_cnt = 0;
	cr_assert(eq(int, open_with(LONG_MS, 20, in_flight, 0), 0), "%s", error);
}

Test(client_path, sizes)
{
	/* The table of WIRE.md ("Sizes"): MTU, IPv4 and IPv6, without and with a date. */
	static const uint16_t table[][5] = {
		{1500, 29, 29, 29, 29}, {1460, 29, 28, 28, 28}, {1450, 28, 28, 28, 28},
		{1420, 28, 27, 27, 27}, {1400, 27, 27, 27, 27}, {1380, 27, 27, 26, 26},
		{1280, 25, 24, 24, 24}, {576, 10, 10, 10, 9},
	};

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const uint16_t *row = table[i];

		cr_assert(eq(u32, wire_entries_within(row[0] - 28U, false), row[1]), "%u", row[0]);
		cr_assert(eq(u32, wire_entries_within(row[0] - 28U, true), row[2]), "%u", row[0]);
		cr_assert(eq(u32, wire_entries_within(row[0] - 48U, false), row[3]), "%u", row[0]);
		cr_assert(eq(u32, wire_entries_within(row[0] - 48U, true), row[4]), "%u", row[0]);
	}
	cr_assert(eq(u32, wire_entries_within(87, false), 0));
	cr_assert(eq(u32, wire_entries_within(88, false), 1));
	cr_assert(eq(u32, wire_entries_within(0, true), 0));
}

/* The interface says it: no datagram is ever too long. */
Test(client_path, known_from_the_start)
{
	fake_engine_init(&engine, 1);
	engine.path_bytes = wire_dated_bytes(CARRIED_CNT) + 47;
	engine.refused_bytes = engine.path_bytes;
	start_long(64);
	cr_assert(eq(u32, client_entries_max(client), CARRIED_CNT));
	cr_assert(eq(u32, said_cnt, 1));
	cr_assert(strstr(said, "at most 1255 bytes") != NULL, "%s", said);
	cr_assert(strstr(said, "24 requests in each instead of 29") != NULL, "%s", said);
	submit_all(100);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(100);
	cr_assert(eq(u32, engine.seen, 5));
	cr_assert(eq(u32, said_cnt, 1));
	stop();
}

/* The kernel learns it from a router: what waits is split, under the same request ids. */
Test(client_path, learned_on_the_way)
{
	for (uint32_t in_flight = 1; in_flight <= 64; in_flight += 63) {
		const uint32_t cnt = in_flight == 1 ? 29 : 300;

		answers = (struct answers){0};
		fake_engine_init(&engine, 1);
		start_long(in_flight);
		cr_assert(eq(u32, client_entries_max(client), 29));
		engine.path_bytes = engine.refused_bytes = wire_dated_bytes(CARRIED_CNT);
		submit_all(cnt);
		cr_assert(eq(int, client_drain(client), 0));
		check_accepted(cnt);
		cr_assert(eq(u32, engine.served, cnt));
		cr_assert(eq(u32, sent_longer_than(CARRIED_CNT), 0));
		cr_assert(eq(u32, client_entries_max(client), CARRIED_CNT));
		cr_assert(eq(u32, said_cnt, 1));
		for (uint32_t user = 0; user < cnt; user++)
			cr_assert(eq(u32, answers.last[user].attempts, 1));
		stop();
	}
}

/* A transport that refuses more than it says: entry by entry down, and never without an end. */
Test(client_path, refused_in_spite_of_what_is_said)
{
	fake_engine_init(&engine, 1);
	start_long(64);
	engine.path_bytes = 9000;
	engine.refused_bytes = wire_dated_bytes(3);
	submit_all(29);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(29);
	cr_assert(eq(u32, client_entries_max(client), 3));

	/* Not even one entry: it times out as if it had been lost. */
	answers = (struct answers){0};
	engine.refused_bytes = 64;
	submit(0);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(1);
	cr_assert(not(answers.last[0].answered));
	stop();
}

/* Routers drop in silence what is too long: PINGs find what they let pass. */
Test(client_path, black_hole)
{
	fake_engine_init(&engine, 2);
	engine.hole_bytes = wire_dated_bytes(CARRIED_CNT) + 10;
	start_long(64);
	submit_all(300);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(300);
	cr_assert(eq(u32, client_entries_max(client), CARRIED_CNT));
	cr_assert(eq(u32, said_cnt, 1));
	cr_assert(strstr(said, "24 requests in each") != NULL, "%s", said);
	/* In seconds, not at the deadline; and what comes then is sent only once. */
	cr_assert(lt(u64, answers.last[0].latency_ns, UINT64_C(2000000000)));
	answers = (struct answers){0};
	submit_all(300);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(300);
	for (uint32_t user = 0; user < 300; user++)
		cr_assert(eq(u32, answers.last[user].attempts, 1));
	cr_assert(eq(u32, said_cnt, 1));
	stop();
}

/* An engine that is away says nothing about the path. */
Test(client_path, engine_away_is_no_black_hole)
{
	fake_engine_init(&engine, 1);
	start_long(64);
	engine.mute = true;
	submit_all(58);
	for (unsigned i = 0; i < 1500; i++)
		cr_assert(ge(int, client_poll(client, 1000), 0));
	cr_assert(gt(u64, client_stats(client)->probes_sent, 0));
	engine.mute = false;
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(58);
	cr_assert(eq(u32, client_entries_max(client), 29));
	cr_assert(eq(u32, said_cnt, 0));
	stop();
}

static enum fake_fate lose_five_in_six(struct fake_engine *of, struct fake_datagram *reply)
{
	(void)reply;
	return of->seen % 6 == 0 ? FATE_ANSWER : FATE_LOSE;
}

/* Requests that are lost again and again, while PINGs of any length come back. */
Test(client_path, loss_is_no_black_hole)
{
	fake_engine_init(&engine, 1);
	start_long(64);
	engine.rule = lose_five_in_six;
	submit_all(29);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(29);
	cr_assert(eq(u32, client_entries_max(client), 29));
	cr_assert(eq(u32, said_cnt, 0));
	stop();
}

static uint8_t refusal;

/* What a full datagram asked last is put off until half of the requests were answered. */
static enum fake_fate put_off_half(struct fake_engine *of, struct fake_datagram *reply)
{
	for (unsigned i = 0; i < fake_header(reply)->count && of->seen < 6; i++) {
		if (fake_replies(reply)[i].id[0] % 2 == 0)
			continue;
		fake_replies(reply)[i].verdict = refusal;
		fake_replies(reply)[i].order_id = 0;
	}
	return FATE_ANSWER;
}

/* Split datagrams whose entries are put off: each entry is asked again, none is lost or doubled. */
Test(client_path, split_and_put_off)
{
	fake_engine_init(&engine, 1);
	start_long(1);
	refusal = VERDICT_DRAINING;
	engine.rule = put_off_half;
	engine.path_bytes = engine.refused_bytes = wire_dated_bytes(4);
	submit_all(29);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(29);
	cr_assert(eq(u32, sent_longer_than(4), 0));
	stop();
}

/* The part that waits for its turn has the deadline of the whole. */
Test(client_path, the_rest_times_out_too)
{
	fake_engine_init(&engine, 1);
	start_long(1);
	engine.path_bytes = engine.refused_bytes = wire_dated_bytes(4);
	engine.mute = true;
	submit_all(29);
	cr_assert(eq(int, client_drain(client), 0));
	check_once_each(29);
	cr_assert(not(answers.last[28].answered));
	cr_assert(eq(u32, answers.last[28].attempts, 0));
	cr_assert(gt(u32, answers.last[0].attempts, 1));
	stop();
}

Test(client_path, silence_renews_the_transport)
{
	fake_engine_init(&engine, 1);
	start_long(64);
	engine.mute = true;
	submit(0);
	while (engine.renewed_cnt < 3)
		cr_assert(ge(int, client_poll(client, 1000), 0));
	cr_assert(eq(u64, client_stats(client)->renewals, 3));
	cr_assert(ge(u64, engine.now_ns - UINT64_C(12345678901234), 3 * UINT64_C(3000000000)));
	cr_assert(lt(u64, engine.now_ns - UINT64_C(12345678901234), 4 * UINT64_C(3000000000)));
	cr_assert(eq(u32, said_cnt, 1));
	cr_assert(strstr(said, "no answer for 3 s; asking elsewhere now") != NULL, "%s", said);
	engine.mute = false;
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(1);
	cr_assert(eq(u32, said_cnt, 2));
	cr_assert(strstr(said, "answers again") != NULL, "%s", said);

	/* Idle is not silent. */
	pass_ms(60000);
	cr_assert(eq(int, client_poll(client, 0), 0));
	submit(1);
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(eq(u32, engine.renewed_cnt, 3));
	/* Nor is it after a request that nobody answered. */
	engine.mute = true;
	submit(2);
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(not(answers.last[2].answered));
	engine.renewed_cnt = 0;
	pass_ms(60000);
	submit(3);
	for (unsigned i = 0; i < 5; i++)
		cr_assert(ge(int, client_poll(client, 1000), 0));
	cr_assert(eq(u32, engine.renewed_cnt, 0));
	engine.mute = false;
	cr_assert(eq(int, client_drain(client), 0));
	cr_assert(answers.last[3].answered);
	cr_assert(eq(u32, engine.renewed_cnt, 0));
	/* But if it has none, that is the same silence. */
	engine.mute = true;
	submit(4);
	cr_assert(eq(int, client_drain(client), 0));
	engine.renewed_cnt = 0;
	pass_ms(60000);
	submit(5);
	for (unsigned i = 0; i < 200; i++)
		cr_assert(ge(int, client_poll(client, 1000), 0));
	cr_assert(eq(u32, engine.renewed_cnt, 1));
	stop();
}

/* All addresses of a name get their turn within the time of the caller. */
Test(client_path, opening_asks_every_address)
{
	fake_engine_init(&engine, 1);
	engine.mute = true;
	engine.addresses = 5;
	cr_assert(eq(int, open_with(600, 20, 0, 0), -ETIMEDOUT));
	cr_assert(ge(u32, engine.renewed_cnt, 5));
	cr_assert(le(u32, engine.renewed_cnt, 6));
	cr_assert(strstr(error.text, "All 5 addresses were asked.") != NULL, "%s", error.text);
	cr_assert(eq(u32, said_cnt, 0));
	cr_assert(eq(u32, engine.asked & 0x1f, 0x1f));

	/* However many there are: the PING's waits have grown to a second by then, and an address
	 * has less. */
	fake_engine_init(&engine, 1);
	engine.mute = true;
	engine.addresses = SERVER_ADDRESSES_MAX;
	cr_assert(eq(int, open_with(10000, 20, 0, 0), -ETIMEDOUT));
	cr_assert(eq(u32, engine.asked & 0xffff, 0xffff));
}

/* A transport that ends takes nobody's answer with it. */
Test(client_path, nothing_stays_unanswered_when_the_transport_ends)
{
	fake_engine_init(&engine, 1);
	start_long(64);
	engine.mute = true;
	submit_all(40);
	cr_assert(ge(int, client_poll(client, 0), 0));
	submit(40);
	engine.receive_rc = -EBADF;
	cr_assert(eq(int, client_poll(client, 0), -EBADF));
	check_once_each(41);
	cr_assert(not(answers.last[40].answered));
	stop();
}
