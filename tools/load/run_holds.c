#include "tools/load/run_holds.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/clock.h"
#include "engine/base/limits.h"
#include "net/client_ask.h"
#include "tools/load/agenda.h"
#include "tools/load/progress.h"

enum {
	POLL_US = 1000,
	/* Submitted between two looks at the network. */
	SUBMIT_MAX = 4096,
};

/* `user` of a LOOKUP that only wants to know the stock: this and the SKU's index. */
static const uint64_t STOCK_USER = UINT64_C(1) << 32;
/* Between two looks at the stock. */
static const uint64_t LOOK_AGAIN_NS = 5000000;

struct run_holds {
	const struct load_options *options;
	const struct scenario *scenario;
	struct tally *tally;
	struct client *client;
	struct load_holds holds;
	struct agenda agenda; /* by the transport's clock */
	uint64_t free[HOLDS_SKUS];
	uint32_t stocks_told; /* SKUs of which `free` was answered since they were asked for */
};

struct run_holds *run_holds_open(const struct load_options *options,
				 const struct scenario *scenario, struct tally *tally)
{
	struct run_holds *run = calloc(1, sizeof(*run));

	if (run == NULL)
		return NULL;
	run->options = options;
	run->scenario = scenario;
	run->tally = tally;
	if (load_holds_open(&run->holds, scenario, options->ack) &&
	    agenda_open(&run->agenda, scenario->distinct_cnt))
		return run;
	run_holds_close(run);
	return NULL;
}

void run_holds_close(struct run_holds *run)
{
	if (run == NULL)
		return;
	agenda_close(&run->agenda);
	load_holds_close(&run->holds);
	free(run);
}

/* The engine's clock of the shard that answered this buyer; never ahead of it. The shard that has
 * an order is in its id; without one a clock is for pauses alone. */
static uint64_t engine_now_ns(const struct run_holds *run, uint32_t idx,
			      const struct wire_reply *reply)
{
	const uint64_t order_id =
		reply->order_id != 0 ? reply->order_id : load_holds_order_id(&run->holds, idx);
	const uint64_t shard = order_id >> ORDER_ID_LSN_BITS;

	return client_engine_now_ns(run->client,
				    shard < client_shards(run->client) ? (uint16_t)shard : 0);
}

static void take_stock(struct run_holds *run, const struct client_answer *answer)
{
	if (!answer->answered || answer->reply.verdict != VERDICT_NOT_FOUND)
		return;
	run->free[answer->user - STOCK_USER] = answer->reply.stock_left;
	run->stocks_told++;
}

void run_holds_answer(void *context, const struct client_answer *answer)
{
	struct run_holds *run = context;
	struct tally *tally = run->tally;
	const uint32_t idx = (uint32_t)answer->user;
	uint64_t engine_ns;
	uint64_t at_ns;

	if (answer->user >= STOCK_USER) {
		take_stock(run, answer);
		return;
	}
	if (!answer->answered) {
		tally->unanswered++;
		load_holds_silence(&run->holds, idx);
		return;
	}
	histogram_add(&tally->latency_ns, answer->latency_ns);
	tally->answered++;
	if (answer->reply.verdict < VERDICT_END)
		tally->verdicts[answer->reply.verdict]++;
	engine_ns = engine_now_ns(run, idx, &answer->reply);
	at_ns = load_holds_answer(&run->holds, idx, engine_ns, &answer->reply);
	if (at_ns != 0)
		agenda_add(&run->agenda,
			   clock_now_ns() + (at_ns > engine_ns ? at_ns - engine_ns : 0), idx);
}

static bool submit(struct run_holds *run, uint32_t idx, uint64_t intended_ns)
{
	struct client_request request;

	load_holds_request(&run->holds, idx, &request);
	request.intended_ns = intended_ns;
	return client_submit(run->client, &request) == 0;
}

/* Those whose instant has come, as far as the client takes them. */
static void submit_due(struct run_holds *run)
{
	const uint64_t now_ns = clock_now_ns();
	const struct agenda_entry *first;

	for (unsigned i = 0; i < SUBMIT_MAX; i++) {
		first = agenda_first(&run->agenda);
		if (first == NULL || first->due_ns > now_ns ||
		    !submit(run, first->idx, run->options->rate > 0 ? first->due_ns : now_ns))
			return;
		agenda_remove_first(&run->agenda);
	}
}

/* New buyers, at the rate that was asked for. Returns the next one. */
static uint32_t submit_new(struct run_holds *run, uint32_t next, uint64_t begin_ns)
{
	const uint64_t rate = run->options->rate;
	const uint64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < SUBMIT_MAX && next < run->scenario->distinct_cnt; i++, next++) {
		uint64_t due_ns = now_ns;

		if (rate > 0)
			due_ns = begin_ns + (uint64_t)((unsigned __int128)next * 1000000000 / rate);
		if (due_ns > now_ns || !submit(run, next, due_ns))
			break;
	}
	return next;
}

/* Asks what is free of each SKU. 0; -errno of the transport; -ETIMEDOUT: not all were answered. */
static int ask_stock(struct run_holds *run)
{
	int rc;

	run->stocks_told = 0;
	for (uint32_t i = 0; i < HOLDS_SKUS; i++) {
		/* A request that nobody made, of the buyer that nobody is. */
		const uint64_t id[2] = {UINT64_MAX - i, UINT64_MAX};
		struct client_request request = client_ask_lookup(i + 1, id);

		request.user = STOCK_USER + i;
		if (client_submit(run->client, &request) != 0)
			return -EAGAIN;
	}
	rc = client_drain(run->client);
	if (rc != 0)
		return rc;
	return run->stocks_told == HOLDS_SKUS ? 0 : -ETIMEDOUT;
}

/* Until the last hold has ended and its units are free, or for as long as requests are retried. */
static int check_stock(struct run_holds *run)
{
	struct holds_figures *figures = &run->holds.figures;
	const uint64_t begin_ns = clock_now_ns();
	const uint64_t patience_ns =
		(run->options->timeout_ms + 1000 * HOLDS_SECONDS) * UINT64_C(1000000);
	int rc;

	do {
		const uint64_t look_ns = clock_now_ns() + LOOK_AGAIN_NS;

		rc = ask_stock(run);
		figures->free_known &= rc == 0;
		for (uint32_t i = 0; rc == 0 && i < HOLDS_SKUS; i++)
			figures->last_free[i] = run->free[i];
		if (rc != 0 || load_holds_all_free(&run->holds))
			break;
		while (rc >= 0 && clock_now_ns() < look_ns)
			rc = client_poll(run->client, POLL_US);
	} while (rc >= 0 && !drive_stop && clock_now_ns() < begin_ns + patience_ns);
	return rc < 0 ? rc : 0;
}

int run_holds_drive(struct run_holds *run, struct client *client, struct drive_result *result)
{
	const uint32_t cnt = run->scenario->distinct_cnt;
	const uint64_t begin_ns = clock_now_ns();
	struct tally *tally = run->tally;
	uint32_t next = 0;
	int rc;

	run->client = client;
	rc = ask_stock(run);
	run->holds.figures.free_known = rc == 0;
	for (uint32_t i = 0; i < HOLDS_SKUS; i++)
		run->holds.figures.first_free[i] = run->free[i];
	/* An engine without these SKUs says so to the buyers. */
	if (rc == -ETIMEDOUT)
		rc = 0;
	load_progress_begin();
	while (rc >= 0 && !drive_stop && run->holds.ended < cnt) {
		submit_due(run);
		next = submit_new(run, next, begin_ns);
		rc = client_poll(client, POLL_US);
		tally->accepted_new =
			run->holds.figures.confirmed.cnt + run->holds.figures.late.cnt;
		load_progress(tally, run->holds.ended, cnt, clock_now_ns() - begin_ns);
	}
	load_progress_end();
	if (rc >= 0 && !drive_stop)
		rc = check_stock(run);
	tally->units = run->holds.figures.confirmed.units + run->holds.figures.late.units;
	tally->contradictions = run->holds.figures.contradictions;
	*result = (struct drive_result){
		.submitted = next,
		.elapsed_ns = clock_now_ns() - begin_ns,
		.stopped = drive_stop != 0,
	};
	return rc < 0 && rc != -ETIMEDOUT ? rc : 0;
}

const struct holds_figures *run_holds_figures(const struct run_holds *run)
{
	return &run->holds.figures;
}

bool run_holds_good(const struct run_holds *run)
{
	const struct holds_figures *figures = &run->holds.figures;

	return figures->free_known && figures->units_stranded == 0 &&
	       load_holds_all_ended(&run->holds);
}
