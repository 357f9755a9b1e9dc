/* The client and SKUs that another shard sells than their number names. */
#include "net/client_state.h"
#include "tests/support/client_rig.h"

enum {
	SHARDS = 4,
};

/* SKUs up to here are placed, the odd ones in shard 3, the others in shard 2. */
static uint64_t placed_max;
static bool unplaced_now; /* by their number again, whatever was said before */

static uint16_t sold_by(uint64_t sku)
{
	if (sku > placed_max || unplaced_now)
		return wire_shard_of(sku, SHARDS);
	return sku % 2 == 1 ? 3 : 2;
}

/* Each shard as an engine's: only that of its number knows where a SKU is placed. */
static enum fake_fate placed(struct fake_engine *of, struct fake_datagram *reply)
{
	const struct fake_datagram *request = &of->requests[of->seen - 1];

	for (unsigned i = 0; i < fake_header(reply)->count; i++) {
		const uint64_t sku = fake_requests(request)[i].sku;
		const uint16_t by_number = wire_shard_of(sku, SHARDS);
		const uint16_t shard = fake_header(reply)->shard;

		if (sold_by(sku) == shard)
			continue;
		fake_replies(reply)[i].verdict = VERDICT_WRONG_SHARD;
		fake_replies(reply)[i].quantity = by_number == shard ? sold_by(sku) : by_number;
		fake_replies(reply)[i].order_id = 0;
	}
	return FATE_ANSWER;
}

static void start_placed(uint32_t in_flight, uint64_t placed_to)
{
	fake_engine_init(&engine, SHARDS);
	engine.rule = placed;
	placed_max = placed_to;
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, in_flight, 0), 0), "%s", error.text);
}

/* Again the same purchases, as a caller that begins anew. */
static void ask_all(uint32_t cnt)
{
	answers = (struct answers){0};
	submit_all(cnt);
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(cnt);
}

static uint32_t most_attempts(uint32_t cnt)
{
	uint32_t most = 0;

	for (uint32_t user = 0; user < cnt; user++)
		most = answers.last[user].attempts > most ? answers.last[user].attempts : most;
	return most;
}

Test(client_placed, remembers_what_a_wrong_shard_said)
{
	uint32_t served;

	start_placed(IN_FLIGHT, 20);
	ask_all(40);
	cr_expect(eq(u32, most_attempts(40), 2));
	served = engine.served;
	cr_expect(gt(u32, served, 40));
	ask_all(40);
	cr_expect(eq(u32, most_attempts(40), 1));
	cr_expect(eq(u32, engine.served, served + 40));
	stop();
}

/* A way that was right once costs an answer or two, and is learnt anew. */
Test(client_placed, finds_its_way_from_an_old_one)
{
	start_placed(IN_FLIGHT, 20);
	ask_all(20);
	unplaced_now = true;
	ask_all(20);
	cr_expect(eq(u32, most_attempts(20), 2));
	ask_all(20);
	cr_expect(eq(u32, most_attempts(20), 1));
	/* From an old way over the number's shard to the new one: three. */
	client_routes_learn(&client->routes, 1, wire_shard_of(1, SHARDS) == 0 ? 1 : 0);
	unplaced_now = false;
	ask_all(1);
	cr_expect(eq(u32, most_attempts(1), wire_shard_of(1, SHARDS) == 3 ? 2 : 3));
	stop();
}

/* All datagrams are out: the one that was answered goes on to the other shard itself. */
Test(client_placed, moves_without_a_free_datagram)
{
	uint64_t sku = 1;
	uint64_t from_ms;

	start_placed(1, UINT64_MAX);
	from_ms = now_ms();
	while (wire_shard_of(sku, SHARDS) == 3)
		sku += 2;
	for (uint32_t user = 0; user < 2; user++) {
		struct client_request request = buy(user);

		request.sku = sku;
		cr_assert(eq(int, client_submit(client, &request), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(2);
	cr_expect(eq(u32, most_attempts(2), 2));
	cr_expect(eq(u32, engine.seen, 2));
	cr_expect(lt(u64, now_ms() - from_ms, RETRY_MS / 2), "it goes at once");
	stop();
}

/* The two are of two shards: the datagram goes to one after the other. */
Test(client_placed, moves_to_two_shards_with_one_datagram)
{
	uint64_t skus[2] = {1, 2};
	uint64_t from_ms;

	start_placed(1, UINT64_MAX);
	from_ms = now_ms();
	while (wire_shard_of(skus[0], SHARDS) != 0)
		skus[0] += 2;
	while (wire_shard_of(skus[1], SHARDS) != 0)
		skus[1] += 2;
	/* In turn, so that they are put in order. */
	for (uint32_t user = 0; user < 6; user++) {
		struct client_request request = buy(user);

		request.sku = skus[user % 2];
		cr_assert(eq(int, client_submit(client, &request), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(6);
	cr_expect(eq(u32, most_attempts(6), 2));
	cr_expect(eq(u32, engine.seen, 3));
	cr_expect(lt(u64, now_ms() - from_ms, RETRY_MS / 2), "they go at once");
	stop();
}

/* Beside some that are put off, and more than the path carries. */
static enum fake_fate placed_and_put_off(struct fake_engine *of, struct fake_datagram *reply)
{
	const enum fake_fate fate = placed(of, reply);

	if (of->seen == 1) {
		fake_replies(reply)[1].verdict = VERDICT_DRAINING;
		fake_replies(reply)[1].order_id = 0;
	}
	return fate;
}

Test(client_placed, moves_beside_what_is_put_off)
{
	uint64_t sku = 1;
	uint64_t stays = 2;

	start_placed(1, UINT64_MAX);
	engine.rule = placed_and_put_off;
	/* One of shard 2 that goes to 3, one that stays. */
	while (wire_shard_of(sku, SHARDS) != 2)
		sku += 2;
	while (wire_shard_of(stays, SHARDS) != 2)
		stays += 2;
	for (uint32_t user = 0; user < 4; user++) {
		struct client_request request = buy(user);

		request.sku = user % 2 == 0 ? sku : stays;
		cr_assert(eq(int, client_submit(client, &request), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(4);
	cr_expect(eq(u32, most_attempts(4), 2));
	cr_expect(eq(u32, answers.last[3].attempts, 1));
	stop();
}

/* With others in flight, which are answered later. */
static enum fake_fate placed_and_slow(struct fake_engine *of, struct fake_datagram *reply)
{
	if (fake_header(reply)->shard == 1 && of->per_shard[2] == 0)
		return FATE_LOSE;
	return placed(of, reply);
}

Test(client_placed, needs_no_free_datagram)
{
	uint64_t skus[2] = {1, 2};
	uint64_t other = 1000;

	start_placed(2, 999);
	engine.rule = placed_and_slow;
	while (wire_shard_of(skus[0], SHARDS) != 0)
		skus[0] += 2;
	while (wire_shard_of(skus[1], SHARDS) != 0)
		skus[1] += 2;
	while (wire_shard_of(other, SHARDS) != 1)
		other++;
	for (uint32_t user = 0; user < 3; user++) {
		struct client_request request = buy(user);

		request.sku = user < 2 ? skus[user] : other;
		cr_assert(eq(int, client_submit(client, &request), 0));
	}
	cr_assert(eq(int, client_drain(client), 0));
	check_accepted(3);
	cr_expect(eq(u32, answers.last[0].attempts, 2));
	cr_expect(eq(u32, answers.last[1].attempts, 2));
	stop();
}
