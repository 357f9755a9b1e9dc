#include "tools/load/checkout.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/check.h"
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
static const uint64_t STOCK_USER = CHECKOUT_USER_END;
/* Between two looks at the stock. */
static const uint64_t LOOK_AGAIN_NS = 5000000;

struct checkout {
	const struct load_options *options;
	const struct scenario *scenario;
	const struct checkout_buyers *kind;
	void *buyers;
	struct stock *stock;
	struct tally *tally;
	struct client *client;
	struct agenda agenda; /* by the transport's clock */
	uint32_t stocks_told; /* SKUs of which last_free was answered since they were asked for */
};

struct checkout *checkout_open(const struct load_options *options, const struct scenario *scenario,
			       const struct checkout_buyers *kind, void *buyers,
			       struct stock *stock, struct tally *tally)
{
	struct checkout *checkout = calloc(1, sizeof(*checkout));

	if (checkout == NULL)
		return NULL;
	*checkout = (struct checkout){
		.options = options,
		.scenario = scenario,
		.kind = kind,
		.buyers = buyers,
		.stock = stock,
		.tally = tally,
	};
	if (agenda_open(&checkout->agenda, scenario->distinct_cnt))
		return checkout;
	checkout_close(checkout);
	return NULL;
}

void checkout_close(struct checkout *checkout)
{
	if (checkout == NULL)
		return;
	agenda_close(&checkout->agenda);
	free(checkout);
}

/* The engine's clock of the shard that answered this buyer; never ahead of it. The shard that has
 * an order is in its id; without one a clock is for pauses alone. */
static uint64_t engine_now_ns(const struct checkout *checkout, uint32_t idx,
			      const struct wire_reply *reply)
{
	const uint64_t order_id = reply->order_id != 0
					  ? reply->order_id
					  : checkout->kind->order_id(checkout->buyers, idx);
	const uint64_t shard = order_id >> ORDER_ID_LSN_BITS;

	return client_engine_now_ns(checkout->client,
				    shard < client_shards(checkout->client) ? (uint16_t)shard : 0);
}

static void take_stock(struct checkout *checkout, const struct client_answer *answer)
{
	const uint64_t idx = answer->user - STOCK_USER;

	CHECK(idx < checkout->stock->sku_cnt);
	if (!answer->answered || answer->reply.verdict != VERDICT_NOT_FOUND)
		return;
	checkout->stock->skus[idx].last_free = answer->reply.stock_left;
	checkout->stocks_told++;
}

void checkout_answer(void *context, const struct client_answer *answer)
{
	struct checkout *checkout = context;
	struct tally *tally = checkout->tally;
	uint64_t engine_ns = 0;
	uint64_t at_ns;
	uint32_t idx;

	if (answer->user >= STOCK_USER) {
		take_stock(checkout, answer);
		return;
	}
	idx = checkout->kind->buyer_of(answer->user);
	if (answer->answered) {
		histogram_add(&tally->latency_ns, answer->latency_ns);
		tally->answered++;
		if (answer->reply.verdict < VERDICT_END)
			tally->verdicts[answer->reply.verdict]++;
		engine_ns = engine_now_ns(checkout, idx, &answer->reply);
		at_ns = checkout->kind->answer(checkout->buyers, answer->user, engine_ns,
					       &answer->reply, answer->may_turn);
	} else {
		tally->unanswered++;
		at_ns = checkout->kind->silence(checkout->buyers, answer->user);
	}
	if (at_ns != 0)
		agenda_add(&checkout->agenda,
			   clock_now_ns() + (at_ns > engine_ns ? at_ns - engine_ns : 0), idx);
}

static bool submit(struct checkout *checkout, uint32_t idx, uint64_t intended_ns)
{
	return checkout->kind->submit(checkout->buyers, checkout->client, idx, intended_ns) == 0;
}

/* Those whose instant has come, as far as the client takes them. */
static void submit_due(struct checkout *checkout)
{
	const uint64_t now_ns = clock_now_ns();
	const struct agenda_entry *first;

	for (unsigned i = 0; i < SUBMIT_MAX; i++) {
		first = agenda_first(&checkout->agenda);
		if (first == NULL || first->due_ns > now_ns ||
		    !submit(checkout, first->idx,
			    checkout->options->rate > 0 ? first->due_ns : now_ns))
			return;
		agenda_remove_first(&checkout->agenda);
	}
}

/* New buyers, at the rate that was asked for. Returns the next one. */
static uint32_t submit_new(struct checkout *checkout, uint32_t next, uint64_t begin_ns)
{
	const uint64_t rate = checkout->options->rate;
	const uint64_t now_ns = clock_now_ns();

	for (unsigned i = 0; i < SUBMIT_MAX && next < checkout->scenario->distinct_cnt;
	     i++, next++) {
		uint64_t due_ns = now_ns;

		if (rate > 0)
			due_ns = begin_ns + (uint64_t)((unsigned __int128)next * 1000000000 / rate);
		if (due_ns > now_ns || !submit(checkout, next, due_ns))
			break;
	}
	return next;
}

/* Asks for as many SKUs as the client takes, from this one on. Returns the next one. */
static uint32_t submit_stock(struct checkout *checkout, uint32_t next)
{
	for (; next < checkout->stock->sku_cnt; next++) {
		/* A request that nobody made, of the buyer that nobody is. */
		const uint64_t id[2] = {UINT64_MAX - next, UINT64_MAX};
		struct client_request request = client_ask_lookup(next + 1, id);

		request.user = STOCK_USER + next;
		if (client_submit(checkout->client, &request) != 0)
			break;
	}
	return next;
}

/* Asks what is free of each SKU. 0; -errno of the transport; -ETIMEDOUT: not all were answered. */
static int ask_stock(struct checkout *checkout)
{
	uint32_t next = 0;
	int rc = 0;

	checkout->stocks_told = 0;
	while (rc >= 0 &&
	       (next < checkout->stock->sku_cnt || client_pending(checkout->client) > 0)) {
		next = submit_stock(checkout, next);
		rc = client_poll(checkout->client, POLL_US);
	}
	if (rc < 0)
		return rc;
	return checkout->stocks_told == checkout->stock->sku_cnt ? 0 : -ETIMEDOUT;
}

/* Until the last hold has ended and its units are free, or for as long as requests are retried. */
static int check_stock(struct checkout *checkout)
{
	const uint64_t begin_ns = clock_now_ns();
	const uint64_t patience_ns =
		(checkout->options->timeout_ms + UINT64_C(1000) * checkout->kind->hold_seconds) *
		UINT64_C(1000000);
	int rc;

	do {
		const uint64_t look_ns = clock_now_ns() + LOOK_AGAIN_NS;

		rc = ask_stock(checkout);
		checkout->stock->known &= rc == 0;
		if (rc != 0 || stock_all_free(checkout->stock))
			break;
		while (rc >= 0 && clock_now_ns() < look_ns)
			rc = client_poll(checkout->client, POLL_US);
	} while (rc >= 0 && !drive_stop && clock_now_ns() < begin_ns + patience_ns);
	return rc < 0 ? rc : 0;
}

static uint32_t ended(const struct checkout *checkout)
{
	return checkout->kind->ended(checkout->buyers);
}

int checkout_drive(struct checkout *checkout, struct client *client, struct drive_result *result)
{
	const uint32_t cnt = checkout->scenario->distinct_cnt;
	const uint64_t begin_ns = clock_now_ns();
	uint32_t next = 0;
	int rc;

	checkout->client = client;
	rc = ask_stock(checkout);
	checkout->stock->known = rc == 0;
	for (uint32_t i = 0; i < checkout->stock->sku_cnt; i++)
		checkout->stock->skus[i].first_free = checkout->stock->skus[i].last_free;
	/* An engine without these SKUs says so to the buyers. */
	if (rc == -ETIMEDOUT)
		rc = 0;
	load_progress_begin();
	while (rc >= 0 && !drive_stop && ended(checkout) < cnt) {
		submit_due(checkout);
		next = submit_new(checkout, next, begin_ns);
		rc = client_poll(client, POLL_US);
		checkout->kind->sums(checkout->buyers, checkout->tally);
		load_progress(checkout->tally, ended(checkout), cnt, clock_now_ns() - begin_ns);
	}
	load_progress_end();
	if (rc >= 0 && !drive_stop)
		rc = check_stock(checkout);
	checkout->kind->sums(checkout->buyers, checkout->tally);
	*result = (struct drive_result){
		.submitted = next,
		.elapsed_ns = clock_now_ns() - begin_ns,
		.stopped = drive_stop != 0,
	};
	return rc < 0 && rc != -ETIMEDOUT ? rc : 0;
}
