/*
 * postgres_load: sells through the function of sale.sql: puts the catalog into PostgreSQL, sends
 * the calls in pipeline mode, so many a transaction and so many transactions out.
 *
 * Checked is every answer (the same order for a request that is sent twice), and two sources
 * against each other: orders and units that the answers add up to, an order told twice counted
 * once, and those that PostgreSQL has afterwards, in the purchases and missing from the stock.
 */
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <libpq-fe.h>

#include "bench/peers/peer_load.h"
#include "engine/base/clock.h"

enum {
	PARAMS = 7,
	UUID_BYTES = 16,
};

struct run {
	struct peer_load load;
	PGconn *pg;
	uint64_t now;
	uint64_t *sent_ns; /* by transaction, modulo depth */
	uint32_t next;
	uint64_t sent;       /* transactions */
	uint64_t answered;   /* likewise */
	uint32_t *orders_of; /* calls in it, modulo depth */
};

static void check(struct run *run, bool good)
{
	if (!good)
		peer_load_fail("postgres: %s", PQerrorMessage(run->pg));
}

static void execute(struct run *run, const char *text)
{
	PGresult *result = PQexec(run->pg, text);

	check(run, PQresultStatus(result) == PGRES_COMMAND_OK ||
			   PQresultStatus(result) == PGRES_TUPLES_OK);
	PQclear(result);
}

static uint64_t number_of(struct run *run, const char *query)
{
	PGresult *result = PQexec(run->pg, query);
	uint64_t number;

	check(run, PQresultStatus(result) == PGRES_TUPLES_OK && PQntuples(result) == 1);
	number = strtoull(PQgetvalue(result, 0, 0), NULL, 10);
	PQclear(result);
	return number;
}

static void set_up(struct run *run)
{
	char *text = peer_load_text(run->load.script);
	char query[512];

	execute(run, "SET client_min_messages = warning; DROP TABLE IF EXISTS offer, buyer_units, "
		     "purchase; DROP FUNCTION IF EXISTS buy");
	execute(run, text);
	free(text);
	snprintf(query, sizeof(query),
		 "INSERT INTO offer SELECT g, %u, %d, %u, 0, 9000000000000000000 FROM "
		 "generate_series(1, %u) g",
		 peer_load_stock(&run->load, 1), PEER_LOAD_PRICE, peer_load_limit(&run->load),
		 run->load.scenario.sku_cnt);
	execute(run, query);
	execute(run, "VACUUM ANALYZE");
	execute(run, "CHECKPOINT");
	execute(run, "PREPARE buy(uuid, bigint, bigint, int, bigint, int, bigint) AS SELECT "
		     "buy($1, $2, $3, $4, $5, $6, $7)");
}

static uint64_t big_endian(uint64_t value)
{
	return __builtin_bswap64(value);
}

/* The next requests as a transaction: one call each, then a sync. */
static void send_transaction(struct run *run)
{
	static const int lens[PARAMS] = {UUID_BYTES, 8, 8, 4, 8, 4, 8};
	static const int formats[PARAMS] = {1, 1, 1, 1, 1, 1, 1};
	const uint64_t now = big_endian(run->now);
	uint32_t cnt = 0;

	for (; cnt < run->load.batch && run->next < run->load.scenario.send_cnt;
	     cnt++, run->next++) {
		struct client_request request;
		uint64_t sku;
		uint64_t buyer;
		uint64_t price;
		uint32_t quantity;
		uint32_t channel;
		const char *values[PARAMS];

		peer_load_request(&run->load, run->next, &request);
		sku = big_endian(request.sku);
		buyer = big_endian(request.buyer);
		price = big_endian(request.price_or_order);
		quantity = __builtin_bswap32(request.quantity);
		channel = __builtin_bswap32(request.channel);
		values[0] = (const char *)request.id;
		values[1] = (const char *)&sku;
		values[2] = (const char *)&buyer;
		values[3] = (const char *)&quantity;
		values[4] = (const char *)&price;
		values[5] = (const char *)&channel;
		values[6] = (const char *)&now;
		check(run,
		      PQsendQueryPrepared(run->pg, "buy", PARAMS, values, lens, formats, 1) == 1);
	}
	run->orders_of[run->sent % run->load.depth] = cnt;
	run->sent_ns[run->sent++ % run->load.depth] = clock_now_ns();
	check(run, PQpipelineSync(run->pg) == 1);
}

/* The next result; between the results of two calls libpq gives a NULL. */
static PGresult *take(struct run *run)
{
	for (;;) {
		struct pollfd wanted = {.fd = PQsocket(run->pg), .events = POLLIN};
		const int unsent = PQflush(run->pg);
		PGresult *result;

		check(run, unsent >= 0);
		if (!PQisBusy(run->pg)) {
			result = PQgetResult(run->pg);
			if (result != NULL)
				return result;
			continue;
		}
		if (unsent > 0)
			wanted.events |= POLLOUT;
		(void)poll(&wanted, 1, -1);
		if ((wanted.revents & POLLIN) != 0)
			check(run, PQconsumeInput(run->pg) == 1);
	}
}

static void take_transaction(struct run *run)
{
	const uint32_t cnt = run->orders_of[run->answered % run->load.depth];
	PGresult *result;
	uint64_t latency_ns;

	for (uint32_t i = 0; i < cnt; i++) {
		uint64_t value = 0;

		result = take(run);
		check(run, PQresultStatus(result) == PGRES_TUPLES_OK);
		memcpy(&value, PQgetvalue(result, 0, 0), sizeof(value));
		value = big_endian(value);
		PQclear(result);
		/* A unit an order here. */
		if ((int64_t)value > 0)
			peer_load_accept(&run->load, value, 1);
		else
			peer_load_refuse(&run->load, -(int64_t)value == VERDICT_SOLD_OUT);
	}
	result = take(run);
	check(run, PQresultStatus(result) == PGRES_PIPELINE_SYNC);
	PQclear(result);
	latency_ns = clock_now_ns() - run->sent_ns[run->answered++ % run->load.depth];
	histogram_add_many(&run->load.latency_ns, latency_ns, cnt);
}

static void sell(struct run *run)
{
	check(run, PQsetnonblocking(run->pg, 1) == 0 && PQenterPipelineMode(run->pg) == 1);
	run->load.begin_ns = clock_now_ns();
	while (run->next < run->load.scenario.send_cnt || run->answered < run->sent) {
		while (run->next < run->load.scenario.send_cnt &&
		       run->sent - run->answered < run->load.depth)
			send_transaction(run);
		take_transaction(run);
	}
}

int main(int argc, char **argv)
{
	static struct run run;
	char where[512];
	uint64_t end_ns;
	uint64_t sold;
	uint64_t orders;
	bool oversold;

	peer_load_open(&run.load, argc, argv);
	run.sent_ns = calloc(run.load.depth, sizeof(*run.sent_ns));
	run.orders_of = calloc(run.load.depth, sizeof(*run.orders_of));
	snprintf(where, sizeof(where), "host=%s dbname=postgres user=bench", run.load.socket);
	run.pg = PQconnectdb(where);
	if (run.sent_ns == NULL || run.orders_of == NULL || PQstatus(run.pg) != CONNECTION_OK)
		peer_load_fail("postgres: %s", PQerrorMessage(run.pg));
	run.now = (uint64_t)time(NULL) * 1000000000;
	set_up(&run);
	sell(&run);
	end_ns = clock_now_ns();
	check(&run, PQexitPipelineMode(run.pg) == 1 && PQsetnonblocking(run.pg, 0) == 0);
	snprintf(where, sizeof(where), "SELECT count(*) * %u::bigint - sum(stock) FROM offer",
		 peer_load_stock(&run.load, 1));
	sold = number_of(&run, where);
	orders = number_of(&run, "SELECT count(*) FROM purchase");
	oversold = number_of(&run, "SELECT count(*) FROM offer WHERE stock < 0") > 0;
	PQfinish(run.pg);
	free(run.sent_ns);
	free(run.orders_of);
	return peer_load_end(&run.load, end_ns, sold, orders, oversold);
}
