/*
 * hold_load: what holds and baskets cost through the whole path: rates of each kind, and what other
 * requests wait while a million holds end. bench/harness/holds.py runs it against an engine.
 *
 *	hold_load PORT SERVER KEYS CORE SKUS rates CNT ROUNDS
 *	hold_load PORT SERVER KEYS CORE SKUS ends CNT ROUNDS PID HOLD_SECONDS SECONDS
 *
 * rates: closed loops of CNT requests, each round BUY, HOLD, CONFIRM of these holds, with 29
 * requests a datagram and with one, then baskets of four and BUYs of four a datagram.
 *
 * ends: an open loop of BUYs at half of what a closed loop gave, SECONDS long, each round without
 * and with CNT holds that end at once. Nobody can end holds at one instant, so the engine (PID)
 * stands still from before the first until the last has ended; and as long without them.
 *
 * One JSON object on stdout. Every request must get the answer that it should, else exit code 1.
 */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "engine/base/clock.h"
#include "engine/base/mix64.h"
#include "tools/common/ask_engine.h"
#include "tools/common/cli.h"
#include "tools/common/transport_port.h"
#include "tools/load/arrivals.h"
#include "tools/load/volley.h"

enum {
	BASKET_CNT = 4,
	IN_FLIGHT = 512,
	PATIENCE_S = 30,
	/* The engine stands still from so long before the first hold ends. */
	STOP_BEFORE_MS = 200,
};

static const uint64_t NS_PER_MS = 1000000;
static const uint64_t NS_PER_S = 1000000000;

static struct client_transport *transport;
static const char *server;
static struct key key;
static uint32_t sku_cnt;
static uint64_t seed; /* counts up: no two volleys share a request */

/* What a volley asks for. */
struct ask {
	const char *name;
	uint8_t op;
	uint8_t fill;
	bool basket;
	enum verdict want;
};

/* A volley's requests: those of a scenario, changed. */
struct volley_plan {
	const struct ask *ask;
	struct scenario scenario;
	const uint64_t *order_ids; /* of a CONFIRM */
	struct tally tally;
	struct prepared prepared;
	struct volley volley;
};

static void fail(const char *what)
{
	fprintf(stderr, "hold_load: %s\n", what);
	exit(1);
}

static bool is_among(const uint64_t *skus, uint32_t cnt, uint64_t sku)
{
	for (uint32_t i = 0; i < cnt; i++) {
		if (skus[i] == sku)
			return true;
	}
	return false;
}

/* Lines of a basket have one buyer, and SKUs of their own: one that is there already gives way to
 * the next. */
static void shape_line(const struct volley_plan *plan, uint32_t idx, struct client_request *out)
{
	uint64_t skus[BASKET_CNT] = {0};

	for (uint32_t line = 0; line <= idx % BASKET_CNT; line++) {
		struct client_request request;

		scenario_request(&plan->scenario, idx - idx % BASKET_CNT + line, &request);
		while (is_among(skus, line, request.sku))
			request.sku = request.sku % sku_cnt + 1;
		skus[line] = request.sku;
		if (line == 0)
			out->buyer = request.buyer;
	}
	out->sku = skus[idx % BASKET_CNT];
}

static void shape(void *context, struct client_request *request)
{
	const struct volley_plan *plan = context;
	const uint32_t idx = (uint32_t)request->user;

	request->op = plan->ask->op;
	if (plan->ask->basket)
		shape_line(plan, idx, request);
	if (plan->order_ids != NULL) {
		request->id[1] = mix64(request->id[1]) | 1;
		request->price_or_order = plan->order_ids[idx];
	}
}

/* holds: what a CONFIRM pays for; NULL: requests of their own. */
static void plan_open(struct volley_plan *plan, const struct ask *ask, uint32_t cnt,
		      const struct volley_plan *holds)
{
	struct engine_told engine = {.shards = 1};
	struct error error;

	*plan = (struct volley_plan){.ask = ask};
	if (ask_engine(transport, server, &key, 0, &engine, &error) != 0)
		fail(error.text);
	if (!scenario_open(&plan->scenario, SCENARIO_SINGLES_DAY, holds != NULL ? seed : ++seed,
			   cnt, sku_cnt) ||
	    !tally_open(&plan->tally, &plan->scenario, NULL))
		fail("no memory");
	plan->scenario.quantity_max = 1;
	plan->order_ids = holds != NULL ? holds->tally.order_ids : NULL;
	if (!prepared_open(&plan->prepared, &(struct prepared_options){
						    .scenario = &plan->scenario,
						    .key = &key,
						    .shards = engine.shards,
						    .sale = engine.sale,
						    .issued_at_ns = engine.clock.engine_ns,
						    .fill = ask->fill,
						    .flags = ask->basket ? WIRE_FLAG_BASKET : 0,
						    .shape = shape,
						    .context = plan,
					    }))
		fail("no memory for the datagrams");
}

static void plan_close(struct volley_plan *plan)
{
	prepared_close(&plan->prepared);
	tally_close(&plan->tally);
	scenario_close(&plan->scenario);
}

/* due_ns NULL: closed loop. Requests that an open loop loses have no answer. */
static void plan_run(struct volley_plan *plan, const uint64_t *due_ns)
{
	const struct volley_options options = {
		.transport = transport,
		.prepared = &plan->prepared,
		.key = &key,
		.due_ns = due_ns,
		.in_flight = IN_FLIGHT,
		.patience_ns = PATIENCE_S * NS_PER_S,
	};
	const struct tally *tally = &plan->tally;

	if (volley_run(&plan->volley, &options, &plan->tally) != 0)
		fail("the port failed");
	if (tally->verdicts[plan->ask->want] != tally->answered || tally->contradictions > 0 ||
	    (due_ns == NULL && tally->answered != plan->prepared.request_cnt)) {
		for (unsigned i = 0; i < VERDICT_END; i++) {
			if (tally->verdicts[i] > 0)
				fprintf(stderr, "%s: %" PRIu64 " of verdict %u\n", plan->ask->name,
					tally->verdicts[i], i);
		}
		fail("wrong answers, or none");
	}
}

static double rate_of(const struct volley_plan *plan)
{
	return (double)plan->tally.answered / ((double)plan->volley.elapsed_ns / (double)NS_PER_S);
}

static double run_closed(const struct ask *ask, uint32_t cnt, const struct volley_plan *holds)
{
	static struct volley_plan plan;
	double rate;

	plan_open(&plan, ask, cnt, holds);
	plan_run(&plan, NULL);
	rate = rate_of(&plan);
	plan_close(&plan);
	return rate;
}

static const struct ask *ask_for(uint8_t op, uint8_t fill)
{
	static struct ask asks[3];
	struct ask *ask = &asks[op == WIRE_OP_BUY ? 0 : op == WIRE_OP_HOLD ? 1 : 2];

	*ask = (struct ask){
		.name = op == WIRE_OP_BUY    ? "BUY"
			: op == WIRE_OP_HOLD ? "HOLD"
					     : "CONFIRM",
		.op = op,
		.fill = fill,
		.want = op == WIRE_OP_BUY    ? VERDICT_ACCEPTED
			: op == WIRE_OP_HOLD ? VERDICT_HELD
					     : VERDICT_CONFIRMED,
	};
	return ask;
}

/* One line of JSON: the rates of a round. */
static void run_rates(uint32_t cnt, uint32_t rounds)
{
	static const uint8_t fills[] = {WIRE_ENTRY_CNT_MAX, 1};
	static const struct ask basket = {"basket", WIRE_OP_BUY, BASKET_CNT, true,
					  VERDICT_ACCEPTED};
	static struct volley_plan holds;

	printf("{\"rounds\": [");
	for (uint32_t i = 0; i < rounds; i++) {
		printf("%s{", i == 0 ? "" : ", ");
		for (unsigned k = 0; k < 2; k++) {
			const uint8_t fill = fills[k];
			const double buy = run_closed(ask_for(WIRE_OP_BUY, fill), cnt, NULL);
			double hold;
			double confirm;

			plan_open(&holds, ask_for(WIRE_OP_HOLD, fill), cnt, NULL);
			plan_run(&holds, NULL);
			hold = rate_of(&holds);
			confirm = run_closed(ask_for(WIRE_OP_CONFIRM, fill), cnt, &holds);
			plan_close(&holds);
			printf("\"%s\": {\"buy_per_s\": %.0f, \"hold_per_s\": %.0f, "
			       "\"confirm_per_s\": %.0f, \"pair_of_buy\": %.4f}, ",
			       fill == 1 ? "single" : "full", buy, hold, confirm,
			       1 / (1 / hold + 1 / confirm) / buy);
		}
		const double lines = run_closed(&basket, cnt, NULL);
		const double buys = run_closed(ask_for(WIRE_OP_BUY, BASKET_CNT), cnt, NULL);

		printf("\"basket\": {\"lines_per_s\": %.0f, \"buys_per_s\": %.0f, "
		       "\"line_of_buy\": %.4f}}",
		       lines, buys, buys / lines);
	}
	printf("]}\n");
}

static void sleep_until(uint64_t at_ns)
{
	const uint64_t now_ns = clock_now_ns();
	const struct timespec left = {
		.tv_sec = (time_t)((at_ns - now_ns) / NS_PER_S),
		.tv_nsec = (long)((at_ns - now_ns) % NS_PER_S),
	};

	if (at_ns > now_ns)
		nanosleep(&left, NULL);
}

struct ends {
	uint32_t cnt;
	pid_t pid;
	uint64_t hold_ns;
	double seconds;
};

/* Where the holds began and ended: as long without them, so that both loops begin alike. */
static uint64_t make_holds(const struct ends *ends, bool any, uint64_t *last_ns)
{
	const uint64_t first_ns = clock_now_ns();

	if (any)
		run_closed(ask_for(WIRE_OP_HOLD, WIRE_ENTRY_CNT_MAX), ends->cnt, NULL);
	*last_ns = (any ? clock_now_ns() : first_ns + NS_PER_S) + ends->hold_ns;
	return first_ns + ends->hold_ns;
}

static void run_open(const struct ends *ends, double rate, bool any)
{
	static struct volley_plan plan;
	const uint32_t cnt = (uint32_t)(rate * ends->seconds);
	const struct arrivals_profile profile = {.rate = rate / WIRE_ENTRY_CNT_MAX};
	uint64_t *due_ns = malloc((cnt + 1) * sizeof(*due_ns));
	uint64_t last_ns;
	const uint64_t first_ns = make_holds(ends, any, &last_ns);

	if (due_ns == NULL)
		fail("no memory for the instants");
	plan_open(&plan, ask_for(WIRE_OP_BUY, WIRE_ENTRY_CNT_MAX), cnt, NULL);
	arrivals_poisson(&profile, seed, due_ns, plan.prepared.datagram_cnt);
	if (clock_now_ns() > first_ns - STOP_BEFORE_MS * NS_PER_MS)
		fail("holds end before their loop is ready: give a longer HOLD_SECONDS");
	sleep_until(first_ns - STOP_BEFORE_MS * NS_PER_MS);
	if (kill(ends->pid, SIGSTOP) != 0)
		fail("PID is no engine");
	sleep_until(last_ns + NS_PER_MS);
	kill(ends->pid, SIGCONT);
	plan_run(&plan, due_ns);
	printf("\"%s\": {\"requests\": %" PRIu64 ", \"lost\": %" PRIu64
	       ", \"p50_us\": %.1f, \"p99_us\": %.1f, \"p99.9_us\": %.1f, \"max_us\": %.1f}%s",
	       any ? "with" : "without", plan.tally.answered,
	       plan.volley.requests_lost + plan.volley.requests_refused,
	       (double)histogram_quantile(&plan.tally.latency_ns, 0.5) / 1e3,
	       (double)histogram_quantile(&plan.tally.latency_ns, 0.99) / 1e3,
	       (double)histogram_quantile(&plan.tally.latency_ns, 0.999) / 1e3,
	       (double)plan.tally.latency_ns.max / 1e3, any ? "" : ", ");
	plan_close(&plan);
	free(due_ns);
}

static void run_ends(const struct ends *ends, uint32_t rounds)
{
	const double rate =
		run_closed(ask_for(WIRE_OP_BUY, WIRE_ENTRY_CNT_MAX), ends->cnt, NULL) / 2;

	printf("{\"holds\": %u, \"rate_per_s\": %.0f, \"rounds\": [", ends->cnt, rate);
	for (uint32_t i = 0; i < rounds; i++) {
		printf("%s{", i == 0 ? "" : ", ");
		run_open(ends, rate, false);
		run_open(ends, rate, true);
		printf("}");
	}
	printf("]}\n");
}

static uint32_t number(const char *text)
{
	const unsigned long value = strtoul(text, NULL, 10);

	if (value == 0 || value > INT32_MAX)
		fail("a number that is none");
	return (uint32_t)value;
}

int main(int argc, char **argv)
{
	struct transport_port_options port = {.queue_cnt = 1, .address = "198.18.0.2"};
	struct error error;

	cli_program("hold_load");
	if (argc < 9 || sodium_init() < 0 || argc != (strcmp(argv[6], "ends") == 0 ? 12 : 9)) {
		fprintf(stderr, "usage: hold_load PORT SERVER KEYS CORE SKUS rates CNT ROUNDS\n"
				"       hold_load PORT SERVER KEYS CORE SKUS ends CNT ROUNDS PID "
				"HOLD_SECONDS SECONDS\n");
		return 2;
	}
	port.port = argv[1];
	port.server = server = argv[2];
	port.core = (uint16_t)strtoul(argv[4], NULL, 10);
	sku_cnt = number(argv[5]);
	seed = randombytes_random();
	if (!cli_key(argv[3], UINT64_MAX, &key))
		return 2;
	if (transport_port_open(&transport, &port, &error) != 0)
		fail(error.text);
	if (strcmp(argv[6], "ends") == 0)
		run_ends(&(struct ends){.cnt = number(argv[7]),
					.pid = (pid_t)number(argv[9]),
					.hold_ns = number(argv[10]) * NS_PER_S,
					.seconds = strtod(argv[11], NULL)},
			 number(argv[8]));
	else
		run_rates(number(argv[7]), number(argv[8]));
	transport->close(transport);
	return 0;
}
