#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "tests/support/temp_dir.h"
#include "tools/common/cli.h"
#include "tools/journal/orders.h"
#include "tools/load/tally.h"

enum {
	REQUESTS = 100,
};

static struct scenario scenario;
static struct tally tally;

static void start(enum scenario_kind kind, FILE *orders_file)
{
	cr_assert(scenario_open(&scenario, kind, 1, REQUESTS, 50));
	cr_assert(tally_open(&tally, &scenario, orders_file));
}

static void start_drop(void)
{
	start(SCENARIO_DROP, NULL);
}

static void stop(void)
{
	tally_close(&tally);
	scenario_close(&scenario);
}

TestSuite(tally, .fini = stop);

static void answer(uint64_t user, uint8_t verdict, uint64_t order_id)
{
	const struct client_answer told = {
		.user = user,
		.answered = true,
		.attempts = 1,
		.latency_ns = 1000 * (user + 1),
		.reply = {.order_id = order_id,
			  .unit_price = 4990,
			  .quantity = 1,
			  .verdict = verdict,
			  .durability = DURABILITY_DURABLE},
	};

	tally_answer(&tally, &told);
}

static void check_accepted(uint64_t new, uint64_t again, uint64_t contradictions)
{
	cr_assert(eq(u64, tally.accepted_new, new));
	cr_assert(eq(u64, tally.accepted_again, again));
	cr_assert(eq(u64, tally.contradictions, contradictions));
	cr_assert(eq(u64, tally.units, new));
}

Test(tally, new_and_again_are_told_apart, .init = start_drop)
{
	answer(3, VERDICT_ACCEPTED, 7);
	check_accepted(1, 0, 0);
	answer(4, VERDICT_ACCEPTED, 8);
	answer(3, VERDICT_ACCEPTED, 7);
	answer(3, VERDICT_ACCEPTED, 7);
	check_accepted(2, 2, 0);
	cr_assert(eq(u64, tally.verdicts[VERDICT_ACCEPTED], 4));
	cr_assert(all(eq(u64, tally.answered, 4), eq(u64, tally.unanswered, 0)));
}

Test(tally, every_index_has_its_place, .init = start_drop)
{
	for (uint64_t user = 0; user < REQUESTS; user++)
		answer(user, VERDICT_ACCEPTED, UINT64_MAX - user);
	for (uint64_t user = 0; user < REQUESTS; user++)
		answer(user, VERDICT_ACCEPTED, UINT64_MAX - user);
	check_accepted(REQUESTS, REQUESTS, 0);
}

Test(tally, another_order_id_contradicts, .init = start_drop)
{
	answer(0, VERDICT_ACCEPTED, 7);
	answer(0, VERDICT_ACCEPTED, 8);
	check_accepted(1, 0, 1);
	answer(0, VERDICT_ACCEPTED, 7);
	check_accepted(1, 1, 1);
}

Test(tally, order_without_an_id_contradicts, .init = start_drop)
{
	answer(0, VERDICT_ACCEPTED, 0);
	cr_assert(eq(u64, tally.contradictions, 1));
	answer(1, VERDICT_ACCEPTED, 7);
	answer(1, VERDICT_ACCEPTED, 0);
	cr_assert(eq(u64, tally.contradictions, 2));
	cr_assert(eq(u64, tally.accepted_again, 0));
}

/* No two requests of a scenario share an id. */
Test(tally, conflict_always_contradicts, .init = start_drop)
{
	answer(0, VERDICT_ACCEPTED, 7);
	answer(0, VERDICT_CONFLICT, 0);
	answer(1, VERDICT_CONFLICT, 0);
	check_accepted(1, 0, 2);
	cr_assert(eq(u64, tally.verdicts[VERDICT_CONFLICT], 2));
}

Test(tally, accepted_stays_accepted, .init = start_drop)
{
	static const uint8_t refusals[] = {VERDICT_SOLD_OUT, VERDICT_LIMIT_REACHED, VERDICT_CLOSED,
					   VERDICT_UNKNOWN_SKU};
	const uint64_t cnt = sizeof(refusals);

	for (uint64_t user = 0; user < cnt; user++) {
		answer(user, VERDICT_ACCEPTED, 1 + user);
		answer(user, refusals[user], 0);
		cr_assert(eq(u64, tally.verdicts[refusals[user]], 1));
	}
	check_accepted(cnt, 0, cnt);
}

Test(tally, refused_may_be_accepted_later, .init = start_drop)
{
	answer(0, VERDICT_NOT_OPEN, 0);
	answer(0, VERDICT_ACCEPTED, 7);
	answer(1, VERDICT_SOLD_OUT, 0);
	answer(1, VERDICT_SOLD_OUT, 0);
	check_accepted(1, 0, 0);
	cr_assert(eq(u64, tally.verdicts[VERDICT_SOLD_OUT], 2));
}

/* The engine can't tell, or stops: that denies no order. */
Test(tally, failures_contradict_nothing, .init = start_drop)
{
	answer(0, VERDICT_ACCEPTED, 7);
	answer(0, VERDICT_UNAVAILABLE, 0);
	answer(0, VERDICT_DRAINING, 0);
	answer(0, VERDICT_JOURNAL_FULL, 0);
	check_accepted(1, 0, 0);
	cr_assert(eq(u64, tally.answered, 4));
}

Test(tally, verdict_out_of_range_contradicts, .init = start_drop)
{
	uint64_t known = 0;

	answer(0, VERDICT_END, 0);
	answer(1, UINT8_MAX, 5);
	check_accepted(0, 0, 2);
	cr_assert(eq(u64, tally.answered, 2));
	for (unsigned i = 0; i < VERDICT_END; i++)
		known += tally.verdicts[i];
	cr_assert(eq(u64, known, 0));
	answer(2, VERDICT_END - 1, 0);
	cr_assert(eq(u64, tally.verdicts[VERDICT_END - 1], 1));
}

Test(tally, unanswered_is_nothing_else, .init = start_drop)
{
	const struct client_answer silence = {
		.user = 1, .latency_ns = 999, .reply = {.verdict = VERDICT_UNAVAILABLE}};

	answer(0, VERDICT_SOLD_OUT, 0);
	tally_answer(&tally, &silence);
	tally_answer(&tally, &silence);
	cr_assert(all(eq(u64, tally.answered, 1), eq(u64, tally.unanswered, 2)));
	cr_assert(eq(u64, tally.verdicts[VERDICT_UNAVAILABLE], 0));
	cr_assert(all(eq(u64, tally.latency_ns.cnt, 1), eq(u64, tally.latency_ns.max, 1000)));
	check_accepted(0, 0, 0);
}

static void set_up_dir(void)
{
	(void)temp_dir_make();
}

static void stop_and_remove(void)
{
	stop();
	temp_dir_remove();
}

/* The order of sending says nothing about an index; what was sent under it does. */
static struct client_request sent_as(uint64_t user)
{
	struct client_request request = {0};

	for (uint32_t n = 0; n < scenario.send_cnt; n++) {
		scenario_request(&scenario, n, &request);
		if (request.user == user)
			return request;
	}
	cr_fail("nothing was sent as %" PRIu64, user);
	return request;
}

static void check_line(FILE *file, uint64_t order_id, uint64_t user)
{
	const struct client_request request = sent_as(user);
	char wanted[256];
	char line[256] = "";
	char id[33];

	cli_request_id_text(request.id, id);
	snprintf(wanted, sizeof(wanted), "%" PRIu64 ",%s,%" PRIu64 ",%" PRIu64 ",1,4990,durable\n",
		 order_id, id, request.buyer, request.sku);
	cr_assert(ne(ptr, fgets(line, sizeof(line), file), NULL));
	cr_assert(eq(str, line, wanted));
}

static void check_orders_file(enum scenario_kind kind)
{
	const char *path = temp_path("orders.csv");
	FILE *file = fopen(path, "we");
	struct orders_result result;
	struct orders *orders = NULL;
	char line[256] = "";
	struct error error;

	start(kind, file);
	for (uint64_t user = 0; user < REQUESTS; user += 9)
		answer(user, VERDICT_ACCEPTED, 1000 + user);
	answer(9, VERDICT_ACCEPTED, 1009);
	answer(1, VERDICT_SOLD_OUT, 0);
	cr_assert(eq(int, fclose(file), 0));

	file = fopen(path, "re");
	cr_assert(ne(ptr, fgets(line, sizeof(line), file), NULL));
	for (uint64_t user = 0; user < REQUESTS; user += 9)
		check_line(file, 1000 + user, user);
	cr_assert(eq(ptr, fgets(line, sizeof(line), file), NULL), "%s", line);
	fclose(file);

	cr_assert(eq(int, orders_load(&orders, path, &error), 0), "%s", error.text);
	orders_finish(orders, &result);
	cr_assert(all(eq(u64, result.checked, 12), eq(u64, result.missing, 12)));
	orders_free(orders);
}

Test(tally, orders_file_is_what_verify_loads, .init = set_up_dir, .fini = stop_and_remove)
{
	check_orders_file(SCENARIO_DROP);
	stop();
	tally = (struct tally){0};
	check_orders_file(SCENARIO_SINGLES_DAY);
}

/* Whom the engine asks to come back, the tally puts where the drive looks. */
Test(tally, not_open_waits_for_its_instant, .init = start_drop)
{
	const struct client_answer told = {
		.user = 5,
		.answered = true,
		.reply = {.instant_ns = 777, .verdict = VERDICT_NOT_OPEN},
	};
	struct waiting waiting;

	tally_answer(&tally, &told);
	cr_assert(waiting_open(&waiting, REQUESTS));
	tally.waiting = &waiting;
	answer(4, VERDICT_SOLD_OUT, 0);
	cr_assert(eq(u32, waiting.cnt, 0));
	tally_answer(&tally, &told);
	cr_assert(eq(u32, waiting.cnt, 1));
	cr_assert(all(eq(u32, waiting_first(&waiting)->idx, 5),
		      eq(u64, waiting_first(&waiting)->at_ns, 777)));
	answer(5, VERDICT_ACCEPTED, 7);
	check_accepted(1, 0, 0);
	waiting_close(&waiting);
	tally.waiting = NULL;
}

static void start_catalog(const char *lines)
{
	const char *path = temp_path("catalog.csv");
	FILE *file = fopen(path, "we");
	struct error error;

	fprintf(file, "sku,stock,unit_price,limit_per_buyer,opens_at,closes_at,hold_seconds\n%s",
		lines);
	cr_assert(eq(int, fclose(file), 0));
	cr_assert(eq(int, scenario_open_catalog(&scenario, path, 1, REQUESTS, &error), 0));
	cr_assert(tally_open(&tally, &scenario, NULL));
}

/* answer() has a price of 4990. */
Test(tally, a_catalog_has_prices, .init = set_up_dir, .fini = stop_and_remove)
{
	start_catalog("1,10,4990,0,,,\n");
	answer(0, VERDICT_ACCEPTED, 7);
	check_accepted(1, 0, 0);
	cr_assert(tally_fits(&tally));
	answer(1, VERDICT_PRICE_TOO_HIGH, 0);
	check_accepted(1, 0, 0);
	cr_assert(not(tally_fits(&tally)), "the engine's price is another");
	stop();
	tally = (struct tally){0};
	start_catalog("1,10,4989,0,,,\n");
	answer(0, VERDICT_ACCEPTED, 7);
	check_accepted(1, 0, 1);
}

Test(tally, fits_only_a_sale_of_what_the_scenario_buys)
{
	start_drop();
	cr_assert(tally_fits(&tally), "nothing was answered");
	answer(1, VERDICT_NOT_OPEN, 0);
	answer(2, VERDICT_DRAINING, 0);
	cr_assert(not(tally_fits(&tally)));
	answer(3, VERDICT_SOLD_OUT, 0);
	cr_assert(tally_fits(&tally));
	answer(4, VERDICT_ACCEPTED, 7);
	answer(5, VERDICT_LIMIT_REACHED, 0);
	cr_assert(tally_fits(&tally));
	answer(6, VERDICT_UNKNOWN_SKU, 0);
	cr_assert(not(tally_fits(&tally)));
}
