#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "net/tag.h"
#include "tests/support/fake_engine.h"
#include "tools/load/prepared.h"
#include "tools/load/volley.h"

enum {
	REQUESTS = 1000,
	FILL = 7,
};

static const struct key key = {.id = 1};

static struct fake_engine engine;
static struct scenario scenario;
static struct prepared prepared;
static struct tally tally;
static struct volley volley;
static uint64_t due_ns[REQUESTS];

static void start_kind(enum scenario_kind kind, uint16_t shards, uint8_t fill)
{
	const struct prepared_options options = {
		.scenario = &scenario, .key = &engine.key, .shards = shards, .fill = fill};

	fake_engine_init(&engine, shards);
	cr_assert(scenario_open(&scenario, kind, 3, REQUESTS, 50));
	cr_assert(tally_open(&tally, &scenario, NULL));
	cr_assert(prepared_open(&prepared, &options));
}

static void start(uint16_t shards, uint8_t fill)
{
	start_kind(SCENARIO_SINGLES_DAY, shards, fill);
}

static void stop(void)
{
	prepared_close(&prepared);
	tally_close(&tally);
	scenario_close(&scenario);
}

TestSuite(volley, .fini = stop);

static void run(const uint64_t *due, uint32_t in_flight)
{
	const struct volley_options options = {
		.transport = &engine.transport,
		.prepared = &prepared,
		.key = &engine.key,
		.due_ns = due,
		.in_flight = in_flight,
		.patience_ns = 20000000,
		.window_ns = 1000000,
	};

	cr_assert(eq(int, volley_run(&volley, &options, &tally), 0));
}

Test(volley, every_request_is_sent_once_and_answered)
{
	uint64_t offered = 0;
	uint64_t served = 0;

	start(3, FILL);
	run(NULL, 8);
	cr_assert(eq(u32, engine.served, REQUESTS));
	cr_assert(eq(u64, tally.answered, REQUESTS));
	cr_assert(eq(u64, tally.latency_ns.cnt, REQUESTS));
	cr_assert(eq(u64, volley.datagrams_sent, prepared.datagram_cnt));
	cr_assert(all(eq(u64, volley.requests_lost, 0), eq(u64, volley.requests_refused, 0)));
	cr_assert(all(eq(u64, volley.replies_unmatched, 0), eq(u64, volley.replies_bad_tag, 0)));
	for (uint32_t i = 0; i < volley.window_cnt; i++) {
		offered += volley.windows[i].offered;
		served += volley.windows[i].served;
	}
	cr_assert(all(eq(u64, offered, REQUESTS), eq(u64, served, REQUESTS)));
}

/* What was sent is the scenario, in its order, request by request. */
Test(volley, what_is_sent_is_the_scenario)
{
	uint32_t n = 0;

	start(1, FILL);
	run(NULL, 4);
	for (uint32_t i = 0; i < engine.seen; i++) {
		const struct wire_request *entries = fake_requests(&engine.requests[i]);

		for (unsigned k = 0; k < fake_header(&engine.requests[i])->count; k++, n++) {
			struct client_request wanted;

			scenario_request(&scenario, n, &wanted);
			cr_assert(all(eq(u64, entries[k].id[0], wanted.id[0]),
				      eq(u64, entries[k].id[1], wanted.id[1])));
			cr_assert(all(eq(u64, entries[k].sku, wanted.sku),
				      eq(u64, entries[k].buyer, wanted.buyer)));
			cr_assert(all(eq(u16, entries[k].quantity, wanted.quantity),
				      eq(u8, entries[k].op, WIRE_OP_BUY)));
		}
	}
	cr_assert(eq(u32, n, REQUESTS));
}

/* The same order for the same id, whatever the datagram. */
static enum fake_fate by_id(struct fake_engine *fake, struct fake_datagram *reply)
{
	struct wire_reply *replies = fake_replies(reply);

	(void)fake;
	for (unsigned i = 0; i < fake_header(reply)->count; i++)
		replies[i].order_id = replies[i].id[0] | 1;
	return FATE_ANSWER;
}

/* A drop's buyers who ask twice are told the same, and counted once. */
Test(volley, who_asks_twice_is_one_order)
{
	start_kind(SCENARIO_DROP, 1, FILL);
	engine.rule = by_id;
	run(NULL, 8);
	cr_assert(eq(u64, tally.answered, REQUESTS + REQUESTS / 20));
	cr_assert(all(eq(u64, tally.accepted_new, REQUESTS),
		      eq(u64, tally.accepted_again, REQUESTS / 20)));
	cr_assert(eq(u64, tally.contradictions, 0));
}

static enum fake_fate lose_every_fifth(struct fake_engine *fake, struct fake_datagram *reply)
{
	(void)reply;
	return fake->seen % 5 == 0 ? FATE_LOSE : FATE_ANSWER;
}

Test(volley, lost_replies_are_counted_and_block_nothing)
{
	start(1, 10);
	engine.rule = lose_every_fifth;
	run(NULL, 6);
	cr_assert(eq(u64, volley.datagrams_sent, 100));
	cr_assert(eq(u64, volley.requests_lost, 200));
	cr_assert(eq(u64, tally.answered, 800));
}

static struct fake_datagram late[4];
static uint32_t most_out;

/* The first four answers come when others have long been asked for. */
static enum fake_fate answer_late(struct fake_engine *fake, struct fake_datagram *reply)
{
	if (fake->seen <= 4) {
		late[fake->seen - 1] = *reply;
		return FATE_LOSE;
	}
	for (unsigned i = 0; fake->seen == 5 && i < 4; i++) {
		fake_engine_sign(fake, &late[i]);
		fake_engine_post(fake, &late[i]);
	}
	if (fake->seen > 8 && fake->outbox_cnt + 1 > most_out)
		most_out = fake->outbox_cnt + 1;
	return FATE_ANSWER;
}

/* What was given up and comes after all is an answer, and makes no room for more. */
Test(volley, late_replies_widen_no_window)
{
	start(1, 10);
	engine.rule = answer_late;
	run(NULL, 4);
	cr_assert(eq(u64, tally.answered, REQUESTS));
	cr_assert(all(eq(u64, volley.requests_lost, 0), eq(u64, volley.replies_unmatched, 0)));
	cr_assert(eq(u32, most_out, 4));
}

static enum fake_fate double_or_forge(struct fake_engine *fake, struct fake_datagram *reply)
{
	(void)reply;
	return fake->seen % 2 == 0 ? FATE_DOUBLE : FATE_FORGE;
}

Test(volley, doubled_and_forged_replies_count_for_nothing)
{
	start(1, 10);
	engine.rule = double_or_forge;
	run(NULL, 200);
	cr_assert(eq(u64, tally.answered, 500));
	cr_assert(all(ge(u64, volley.replies_unmatched, 49), eq(u64, volley.replies_bad_tag, 50)));
	cr_assert(eq(u64, volley.requests_lost, 500));
}

static enum fake_fate other_id(struct fake_engine *fake, struct fake_datagram *reply)
{
	(void)fake;
	fake_replies(reply)[9].id[1]++;
	return FATE_ANSWER;
}

static enum fake_fate other_units(struct fake_engine *fake, struct fake_datagram *reply)
{
	(void)fake;
	fake_replies(reply)[3].quantity++;
	fake_replies(reply)[7].durability = DURABILITY_MEMORY;
	return FATE_ANSWER;
}

/* An order for other units than were asked for, or one that rests on too little. */
Test(volley, orders_must_be_what_was_asked_for)
{
	start(1, 10);
	engine.rule = other_units;
	tally.least_durability = DURABILITY_DURABLE;
	run(NULL, 8);
	cr_assert(all(eq(u64, tally.answered, REQUESTS), eq(u64, tally.contradictions, 200)));
}

Test(volley, replies_to_other_requests_count_for_nothing)
{
	start(1, 10);
	engine.rule = other_id;
	run(NULL, 200);
	cr_assert(all(eq(u64, tally.answered, 0), eq(u64, volley.replies_unmatched, 100)));
}

/* Latency counts from when a datagram was due, however late it left. */
Test(volley, open_loop_counts_from_the_schedule)
{
	start(1, 10);
	for (uint32_t i = 0; i < prepared.datagram_cnt; i++)
		due_ns[i] = i * 200000;
	run(due_ns, 0);
	cr_assert(eq(u64, volley.requests_sent, REQUESTS));
	cr_assert(ge(u64, volley.offered_ns, 99 * 200000));
	cr_assert(ge(u64, tally.latency_ns.max, volley.late_ns.max));
	cr_assert(all(gt(u64, volley.idle_ns, 0), lt(u64, volley.idle_ns, volley.elapsed_ns)));
	cr_assert(eq(u64, volley.late_ns.cnt, 100));
}

/* A full queue is no reason to wait: the next is due. */
Test(volley, open_loop_drops_what_the_port_does_not_take)
{
	start(1, 10);
	for (uint32_t i = 0; i < prepared.datagram_cnt; i++)
		due_ns[i] = i < 64 ? 0 : 5000000;
	engine.sent_max = 40;
	run(due_ns, 0);
	cr_assert(eq(u64, volley.requests_offered, REQUESTS));
	cr_assert(eq(u64, volley.requests_refused, 240));
	cr_assert(eq(u64, tally.answered, 760));
	cr_assert(eq(u64, volley.requests_lost, 0));
}

TestSuite(prepared, .fini = stop);

/* What two loads of a worker each send is what one of both would. */
Test(prepared, a_worker_gets_its_shards_requests)
{
	struct prepared_options options = {.scenario = &scenario,
					   .key = &engine.key,
					   .shards = 5,
					   .fill = FILL,
					   .worker_cnt = 2};
	uint32_t cnt = 0;

	start(5, FILL);
	for (options.worker_idx = 0; options.worker_idx < 2; options.worker_idx++) {
		struct prepared part;

		cr_assert(prepared_open(&part, &options));
		cr_assert(gt(u32, part.request_cnt, 100));
		cnt += part.request_cnt;
		for (uint32_t i = 0; i < part.datagram_cnt; i++)
			cr_assert(eq(u16, part.datagrams[i].shard % 2, options.worker_idx));
		prepared_close(&part);
	}
	cr_assert(eq(u32, cnt, REQUESTS));
}

static const uint64_t ISSUED_NS = UINT64_C(1800000000000000000);

/* By its date: what the engine would make of it. */
static enum mixed_datagram dated_as(const uint8_t *datagram, uint32_t sale)
{
	const struct wire_date date = wire_date_of(datagram);

	if (date.sale != sale)
		return MIXED_OTHER_SALE;
	if (date.issued_at_ns > ISSUED_NS + WIRE_AHEAD_MS_MAX * UINT64_C(1000000))
		return MIXED_AHEAD;
	return date.issued_at_ns + date.valid_ms * UINT64_C(1000000) < ISSUED_NS ? MIXED_TOO_OLD
										 : MIXED_PLAIN;
}

/* Forged, misaddressed and stale datagrams are just that, and the others are good. */
static void check_mixed(uint32_t sale)
{
	const struct prepared_options options = {.scenario = &scenario,
						 .key = &key,
						 .shards = 2,
						 .sale = sale,
						 .issued_at_ns = ISSUED_NS,
						 .fill = WIRE_ENTRY_CNT_MAX};
	uint32_t cnt[MIXED_DATAGRAMS] = {0};
	uint32_t forged = 0;

	cr_assert(scenario_open(&scenario, SCENARIO_MIXED, 3, 6400, 50));
	scenario.dated = sale != 0;
	cr_assert(prepared_open(&prepared, &options));
	cr_assert(eq(u32, prepared.request_cnt, 6400));
	for (uint32_t i = 0; i < prepared.datagram_cnt; i++) {
		const struct prepared_datagram *datagram = &prepared.datagrams[i];
		const uint8_t *bytes = prepared_bytes(&prepared, i);
		const struct wire_header *header = (const struct wire_header *)bytes;
		const enum mixed_datagram kind =
			mixed_datagram_of(&scenario, prepared.requests[datagram->first_request]);

		for (unsigned k = 1; k < datagram->request_cnt; k++)
			cr_assert(eq(
				int,
				(int)mixed_datagram_of(
					&scenario, prepared.requests[datagram->first_request + k]),
				(int)kind));
		cr_assert(eq(u32, prepared_len(&prepared, i), wire_bytes(bytes)));
		cr_assert(eq(int, tag_verify(bytes, prepared_len(&prepared, i), key.bytes),
			     kind != MIXED_FORGED));
		cr_assert(eq(int, header->shard != datagram->shard, kind == MIXED_MISADDRESSED));
		cr_assert(eq(int, wire_is_dated(bytes), sale != 0));
		if (sale != 0)
			cr_assert(eq(int, (int)dated_as(bytes, sale),
				     (int)(kind > MIXED_FORGED ? kind : MIXED_PLAIN)));
		cr_assert(eq(u32, prepared_of_echo(&prepared, header->echo), i));
		cr_assert(eq(u32, prepared_of_echo(&prepared, header->echo ^ 1ULL << 40),
			     UINT32_MAX));
		cnt[kind] += datagram->request_cnt;
		forged += datagram->silent;
	}
	for (unsigned kind = MIXED_MISADDRESSED; kind < MIXED_DATAGRAMS; kind++)
		cr_assert(eq(u32, cnt[kind], sale != 0 || kind <= MIXED_FORGED ? 6 * 64 : 0));
	cr_assert(eq(u32, forged, prepared.silent_cnt));
}

Test(prepared, mixed_datagrams_are_good_forged_or_misaddressed)
{
	check_mixed(0);
}

Test(prepared, dated_ones_may_be_stale_too)
{
	check_mixed(77);
}
