/*
 * client_open: how a client begins and ends. A PING asks how many shards there are, what time it is
 * at the engine, and which sale it has.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/error.h"
#include "engine/base/secret.h"
#include "net/client_state.h"

enum {
	TIMEOUT_MS_DEFAULT = 10000,
	RETRY_FIRST_MS_DEFAULT = 20,
	IN_FLIGHT_DEFAULT = 64,
};

static void on_pong(void *context, const struct client_answer *answer)
{
	*(struct client_answer *)context = *answer;
}

static uint32_t addresses_of(const struct client *client)
{
	return client->transport->address_cnt != NULL
		       ? client->transport->address_cnt(client->transport)
		       : 1;
}

/* So that every address is asked, and the first again. */
static uint64_t silence_ns(const struct client *client)
{
	const uint64_t share_ns = client->timeout_ns / (addresses_of(client) + 1);
	const uint64_t most_ns = CLIENT_OPEN_SILENCE_MS * UINT64_C(1000000);

	return share_ns < most_ns ? share_ns : most_ns;
}

/* Asks shard 0 how many there are. */
static int ping(struct client *client, const char *server, struct error *error)
{
	const struct client_request request = {.op = WIRE_OP_PING};
	client_answer_fn *on_answer = client->on_answer;
	void *context = client->context;
	struct client_answer pong = {0};
	int rc;

	client->on_answer = on_pong;
	client->context = &pong;
	client->now_ns = client_clock_ns(client);
	timer_wheel_init(&client->wheel, client->wheel_heads, WHEEL_CNT, &client->slots[0].timer,
			 sizeof(client->slots[0]), client->now_ns / 1000000);
	client->path.silence_ns = silence_ns(client);
	client->opening = true;
	rc = client_submit(client, &request);
	if (rc == 0)
		rc = client_drain(client);
	client->opening = false;
	client->path.silence_ns = CLIENT_SILENCE_MS * UINT64_C(1000000);
	client->on_answer = on_answer;
	client->context = context;
	if (rc != 0)
		return error_say(error, rc, "%s: %s", server, strerror(-rc));
	if (!pong.answered || pong.reply.verdict != VERDICT_PONG || pong.reply.quantity == 0) {
		error_set(error,
			  "%s: no answer; is the engine running there, and does it have key %u?",
			  server, client->key.id);
		if (addresses_of(client) > 1)
			error_add(error, " All %" PRIu32 " addresses were asked.",
				  addresses_of(client));
		if (client->transport->send_errno != 0)
			error_add(error, " Not all was sent: %s",
				  strerror(client->transport->send_errno));
		return -ETIMEDOUT;
	}
	client->engine_time_ns = pong.reply.instant_ns;
	client->sale = pong.reply.order_id <= UINT32_MAX ? (uint32_t)pong.reply.order_id : 0;
	return pong.reply.quantity;
}

/* Makes what each shard needs. Its clock begins with what the PONG said. */
static int make_shards(struct client *client, uint16_t shards)
{
	int32_t *filling = realloc(client->filling, shards * sizeof(*filling));
	struct engine_clock *clocks = realloc(client->clocks, shards * sizeof(*clocks));

	client->filling = filling != NULL ? filling : client->filling;
	client->clocks = clocks != NULL ? clocks : client->clocks;
	if (filling == NULL || clocks == NULL)
		return -ENOMEM;
	for (uint16_t i = 0; i < shards; i++) {
		filling[i] = NO_SLOT;
		clocks[i] = (struct engine_clock){client->engine_time_ns, client->now_ns};
	}
	client->shards = shards;
	return 0;
}

static struct client *make_client(const struct client_options *options)
{
	struct client *client = secret_alloc(sizeof(*client));

	if (client == NULL)
		return NULL;
	randombytes_buf(&client->jitter, sizeof(client->jitter));
	client->key = *options->key;
	client->timeout_ns = (options->timeout_ms > 0 ? options->timeout_ms : TIMEOUT_MS_DEFAULT) *
			     UINT64_C(1000000);
	client->retry_first_ms =
		options->retry_first_ms > 0 ? options->retry_first_ms : RETRY_FIRST_MS_DEFAULT;
	if (client->retry_first_ms > RETRY_MS_MAX)
		client->retry_first_ms = RETRY_MS_MAX;
	client->slot_cnt = options->datagrams_in_flight_max > 0 ? options->datagrams_in_flight_max
								: IN_FLIGHT_DEFAULT;
	client->entries_max = options->entries_per_datagram > 0 &&
					      options->entries_per_datagram <= WIRE_ENTRY_CNT_MAX
				      ? options->entries_per_datagram
				      : WIRE_ENTRY_CNT_MAX;
	client->fill_max = client->entries_max;
	client->say = options->say;
	client->say_context = options->say_context;
	snprintf(client->server, sizeof(client->server), "%s",
		 options->server != NULL ? options->server : "");
	client->path.generation = randombytes_random();
	client->free_head = client->queue_head = NO_SLOT;
	client->slots = calloc(client->slot_cnt, sizeof(*client->slots));
	if (client->slots == NULL || make_shards(client, 1) != 0) {
		free(client->filling);
		free(client->clocks);
		free(client->slots);
		secret_free(client, sizeof(*client));
		return NULL;
	}
	/* Replies to a former client on the same port must not match ours. */
	for (uint32_t i = client->slot_cnt; i-- > 0;) {
		client->slots[i].generation = randombytes_random();
		timer_init(&client->slots[i].timer);
		client_free_slot(client, (int32_t)i);
	}
	return client;
}

int client_open(struct client **out, const struct client_options *options,
		client_answer_fn *on_answer, void *context, struct error *error)
{
	struct client *client = NULL;
	int rc = sodium_init() < 0 ? -EIO : 0;

	if (rc == 0)
		client = make_client(options);
	if (client == NULL) {
		if (options->transport != NULL)
			options->transport->close(options->transport);
		return error_say(error, -ENOMEM, "no memory for a client");
	}
	client->on_answer = on_answer;
	client->context = context;
	client->transport = options->transport;
	if (client->transport == NULL)
		rc = client_transport_udp(&client->transport, options->server, error);
	if (rc == 0)
		rc = ping(client, options->server, error);
	if (rc > 0)
		rc = make_shards(client, (uint16_t)rc);
	if (rc != 0) {
		client_close(client);
		return rc;
	}
	client->dates = client->sale != 0 && !options->undated;
	client_path_begin(client);
	*out = client;
	return 0;
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	if (client->transport != NULL)
		client->transport->close(client->transport);
	client_routes_free(client->routes);
	free(client->filling);
	free(client->clocks);
	free(client->slots);
	secret_free(client, sizeof(*client));
}
