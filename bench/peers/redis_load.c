/*
 * redis_load: sells through sale.lua: puts the catalog into Redis, sends EVALSHA with so many
 * requests each and so many of them out.
 *
 * Checked is every answer (price, units, the same order for a request that is sent twice), and two
 * sources against each other: orders and units that the answers add up to, an order told twice
 * counted once, and those that Redis has afterwards, in the stream and missing from the stock.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hiredis/hiredis.h>

#include "bench/peers/peer_load.h"
#include "engine/base/clock.h"

enum {
	ARGS_PER_REQUEST = 6,
	ARGS_BEFORE = 4, /* EVALSHA, the script, no keys, now */
	BATCH_MAX = 64,
	NUMBER_BYTES = 24,
	PIPELINE_CNT = 500,
	SEQUENCE_BITS = 20, /* of a stream's id: more than it counts in a millisecond */
};

struct run {
	struct peer_load load;
	redisContext *redis;
	char sha[64];
	char now[NUMBER_BYTES];
	uint64_t *sent_ns; /* by command, modulo depth */
	uint32_t next;     /* request to send */
	uint64_t commands_sent;
	uint64_t commands_answered;
};

/* Never fails: without an answer there is no result. */
static redisReply *take(struct run *run)
{
	redisReply *reply = NULL;

	if (redisGetReply(run->redis, (void **)&reply) != REDIS_OK || reply == NULL)
		peer_load_fail("redis: %s", run->redis->errstr);
	if (reply->type == REDIS_REPLY_ERROR)
		peer_load_fail("redis: %s", reply->str);
	return reply;
}

static void take_some(struct run *run, unsigned cnt)
{
	for (unsigned i = 0; i < cnt; i++)
		freeReplyObject(take(run));
}

static uint32_t sku_cnt(const struct run *run)
{
	return run->load.scenario.sku_cnt;
}

static void load_catalog(struct run *run)
{
	unsigned out = 0;

	redisAppendCommand(run->redis, "FLUSHALL");
	take_some(run, 1);
	for (uint32_t sku = 1; sku <= sku_cnt(run); sku++) {
		redisAppendCommand(run->redis,
				   "HSET s%u stock %u price %d limit %u opens 0 closes "
				   "9000000000000000000",
				   sku, peer_load_stock(&run->load, sku), PEER_LOAD_PRICE,
				   peer_load_limit(&run->load));
		if (++out == PIPELINE_CNT) {
			take_some(run, out);
			out = 0;
		}
	}
	take_some(run, out);
}

static void load_script(struct run *run)
{
	char *text = peer_load_text(run->load.script);
	redisReply *reply;

	redisAppendCommand(run->redis, "SCRIPT LOAD %s", text);
	reply = take(run);
	snprintf(run->sha, sizeof(run->sha), "%s", reply->str);
	freeReplyObject(reply);
	free(text);
}

/* One EVALSHA of the next requests. */
static void append_command(struct run *run)
{
	static char numbers[BATCH_MAX * ARGS_PER_REQUEST][NUMBER_BYTES];
	static struct client_request requests[BATCH_MAX];
	const char *argv[ARGS_BEFORE + BATCH_MAX * ARGS_PER_REQUEST] = {"EVALSHA", run->sha, "0",
									run->now};
	size_t lens[ARGS_BEFORE + BATCH_MAX * ARGS_PER_REQUEST] = {7, strlen(run->sha), 1,
								   strlen(run->now)};
	int argc = ARGS_BEFORE;

	for (uint32_t i = 0; i < run->load.batch && run->next < run->load.scenario.send_cnt;
	     i++, run->next++) {
		struct client_request *request = &requests[i];
		char(*text)[NUMBER_BYTES] = &numbers[i * ARGS_PER_REQUEST];

		peer_load_request(&run->load, run->next, request);
		argv[argc] = (const char *)request->id;
		lens[argc++] = sizeof(request->id);
		snprintf(text[1], NUMBER_BYTES, "%" PRIu64, request->sku);
		snprintf(text[2], NUMBER_BYTES, "%" PRIu64, request->buyer);
		snprintf(text[3], NUMBER_BYTES, "%u", request->quantity);
		snprintf(text[4], NUMBER_BYTES, "%" PRIu64, request->price_or_order);
		snprintf(text[5], NUMBER_BYTES, "%u", request->channel);
		for (unsigned k = 1; k < ARGS_PER_REQUEST; k++) {
			argv[argc] = text[k];
			lens[argc++] = strlen(text[k]);
		}
	}
	run->sent_ns[run->commands_sent++ % run->load.depth] = clock_now_ns();
	if (redisAppendCommandArgv(run->redis, argc, argv, lens) != REDIS_OK)
		peer_load_fail("redis: %s", run->redis->errstr);
}

/* `A`, the stream's id, price and units. */
static void take_order(struct run *run, const char *answer)
{
	uint64_t ms;
	uint64_t sequence;
	uint32_t price;
	uint32_t units;

	/* NOLINTNEXTLINE(cert-err34-c): what does not fit is another number, and found out */
	if (sscanf(answer, "A %" SCNu64 "-%" SCNu64 " %" SCNu32 " %" SCNu32, &ms, &sequence, &price,
		   &units) != 4 ||
	    price != PEER_LOAD_PRICE)
		peer_load_fail("redis: '%s' is no order of this sale", answer);
	peer_load_accept(&run->load, ms << SEQUENCE_BITS | sequence, units);
}

static void take_command(struct run *run)
{
	redisReply *reply = take(run);
	const uint64_t latency_ns =
		clock_now_ns() - run->sent_ns[run->commands_answered++ % run->load.depth];

	if (reply->type != REDIS_REPLY_ARRAY)
		peer_load_fail("redis: an answer that is no list");
	histogram_add_many(&run->load.latency_ns, latency_ns, reply->elements);
	for (size_t i = 0; i < reply->elements; i++) {
		const char *answer = reply->element[i]->str != NULL ? reply->element[i]->str : "";

		if (answer[0] == 'A' && answer[1] == ' ')
			take_order(run, answer);
		else
			peer_load_refuse(&run->load, strcmp(answer, "SOLD_OUT") == 0);
	}
	freeReplyObject(reply);
}

static void sell(struct run *run)
{
	run->load.begin_ns = clock_now_ns();
	while (run->next < run->load.scenario.send_cnt ||
	       run->commands_answered < run->commands_sent) {
		while (run->next < run->load.scenario.send_cnt &&
		       run->commands_sent - run->commands_answered < run->load.depth)
			append_command(run);
		take_command(run);
	}
}

/* Units that left the stock. */
static uint64_t units_sold(struct run *run, bool *oversold)
{
	uint64_t sold = 0;

	for (uint32_t sku = 1; sku <= sku_cnt(run);) {
		uint32_t out = 0;

		for (; out < PIPELINE_CNT && sku + out <= sku_cnt(run); out++)
			redisAppendCommand(run->redis, "HGET s%u stock", sku + out);
		for (uint32_t i = 0; i < out; i++, sku++) {
			redisReply *reply = take(run);
			const long left = strtol(reply->str, NULL, 10);

			*oversold |= left < 0;
			sold += peer_load_stock(&run->load, sku) - (uint64_t)left;
			freeReplyObject(reply);
		}
	}
	return sold;
}

static uint64_t order_cnt(struct run *run)
{
	redisReply *reply;
	uint64_t cnt;

	redisAppendCommand(run->redis, "XLEN orders");
	reply = take(run);
	cnt = (uint64_t)reply->integer;
	freeReplyObject(reply);
	return cnt;
}

int main(int argc, char **argv)
{
	static struct run run;
	bool oversold = false;
	uint64_t end_ns;
	uint64_t sold;
	uint64_t orders;

	peer_load_open(&run.load, argc, argv);
	if (run.load.batch > BATCH_MAX)
		peer_load_fail("--batch: %d is the most", BATCH_MAX);
	run.sent_ns = calloc(run.load.depth, sizeof(*run.sent_ns));
	run.redis = redisConnectUnix(run.load.socket);
	if (run.sent_ns == NULL || run.redis == NULL || run.redis->err != 0)
		peer_load_fail("%s: no Redis there", run.load.socket);
	snprintf(run.now, sizeof(run.now), "%lld", (long long)time(NULL) * 1000000000);
	load_catalog(&run);
	load_script(&run);
	sell(&run);
	end_ns = clock_now_ns();
	sold = units_sold(&run, &oversold);
	orders = order_cnt(&run);
	redisFree(run.redis);
	free(run.sent_ns);
	return peer_load_end(&run.load, end_ns, sold, orders, oversold);
}
