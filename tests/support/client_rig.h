/*
 * client_rig: a client of the library with a fake engine, for its tests. One number identifies a
 * user's request and its answer.
 */
#ifndef DB_TESTS_SUPPORT_CLIENT_RIG_H
#define DB_TESTS_SUPPORT_CLIENT_RIG_H

#include <stdio.h>

#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "engine/base/error.h"
#include "net/client.h"
#include "tests/support/fake_engine.h"

enum {
	USERS_MAX = 512,
	TIMEOUT_MS = 60,
	RETRY_MS = 4,
	IN_FLIGHT = 64,
};

/* The answers that the callback got, by user. */
struct answers {
	unsigned total;
	unsigned cnt[USERS_MAX];
	unsigned turn[USERS_MAX]; /* of the last: how many came before it */
	struct client_answer last[USERS_MAX];
};

static struct fake_engine engine;
static struct answers answers;
static struct client *client;
static struct error error;

static inline void on_answer(void *context, const struct client_answer *answer)
{
	struct answers *to = context;

	cr_assert(lt(u64, answer->user, USERS_MAX));
	to->turn[answer->user] = to->total++;
	to->cnt[answer->user]++;
	to->last[answer->user] = *answer;
}

/* The lines that the client said. */
static unsigned said_cnt;
static char said[ERROR_BYTES];

static inline void on_say(void *context, const char *line)
{
	cr_assert(context == &answers);
	said_cnt++;
	snprintf(said, sizeof(said), "%s", line);
}

static inline int open_with(uint32_t timeout_ms, uint32_t retry_ms, uint32_t in_flight,
			    uint32_t entries)
{
	const struct client_options options = {
		.server = "fake",
		.key = &engine.key,
		.transport = &engine.transport,
		.timeout_ms = timeout_ms,
		.retry_first_ms = retry_ms,
		.datagrams_in_flight_max = in_flight,
		.entries_per_datagram = entries,
		.say = on_say,
		.say_context = &answers,
	};

	return client_open(&client, &options, on_answer, &answers, &error);
}

static inline void start(uint16_t shards, fake_rule *rule)
{
	fake_engine_init(&engine, shards);
	engine.rule = rule;
	cr_assert(eq(int, open_with(TIMEOUT_MS, RETRY_MS, IN_FLIGHT, 0), 0), "%s", error);
}

static inline void stop(void)
{
	client_close(client);
	client = NULL;
}

static inline struct client_request buy(uint32_t user)
{
	return (struct client_request){
		.id = {user + 1, UINT64_C(0xabcd)},
		.buyer = 1000 + user,
		.sku = user + 1,
		.price_or_order = 5000,
		.channel = 3,
		.quantity = (uint16_t)(1 + user % 3),
		.op = WIRE_OP_BUY,
		.user = user,
	};
}

static inline void submit(uint32_t user)
{
	const struct client_request request = buy(user);

	cr_assert(eq(int, client_submit(client, &request), 0));
}

static inline void submit_all(uint32_t cnt)
{
	for (uint32_t user = 0; user < cnt; user++)
		submit(user);
}

/* Checks that every user got one callback, with the right id. */
static inline void check_once_each(uint32_t cnt)
{
	cr_assert(eq(u64, client_pending(client), 0));
	cr_assert(eq(u32, answers.total, cnt));
	for (uint32_t user = 0; user < cnt; user++) {
		cr_assert(eq(u32, answers.cnt[user], 1));
		cr_assert(eq(u64, answers.last[user].reply.id[0], user + 1));
		cr_assert(eq(u64, answers.last[user].reply.id[1], 0xabcd));
	}
}

static inline void check_accepted(uint32_t cnt)
{
	check_once_each(cnt);
	for (uint32_t user = 0; user < cnt; user++) {
		cr_assert(answers.last[user].answered);
		cr_assert(eq(u8, answers.last[user].reply.verdict, VERDICT_ACCEPTED));
		cr_assert(eq(u64, answers.last[user].reply.order_id, 1001 + user));
	}
}

static inline uint64_t now_ms(void)
{
	return engine.now_ns / 1000000;
}

static inline void pass_ms(uint64_t ms)
{
	engine.now_ns += ms * 1000000;
}

#endif
