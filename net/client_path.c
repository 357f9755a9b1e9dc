/*
 * client_path: what the way to the engine is like: how long a datagram it carries, and whether
 * anybody answers at all.
 *
 * The transport knows the interface's limit, and what routers reported. Where they drop what is too
 * long and report nothing, only silence shows it. So a datagram that was sent more than once
 * without an answer begins a search. PINGs of one entry ask whether the engine is there; one as
 * long as that datagram asks whether length matters; those between find the limit. A reply is as
 * long as its request, so both directions are tried.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "net/client_state.h"
#include "net/tag.h"

enum {
	/* Of a PING of one entry: with doubled waits it may take as long as a round trip may. */
	TRIES_FIRST = 5,
	/* Of the longer ones: three losses in a row are rare, and only cost some entries. */
	TRIES = 3,
	SEARCH_AGAIN_MS = 1000,
};

static const uint64_t NS_PER_MS = 1000000;

static void say(struct client *client, const struct error *line)
{
	if (client->say != NULL)
		client->say(client->say_context, line->text);
}

static uint32_t bytes_of(const struct client *client, uint32_t count)
{
	return client->dates ? wire_dated_bytes(count) : wire_datagram_bytes(count);
}

uint32_t client_path_entries(const struct client *client)
{
	const uint32_t cnt = wire_entries_within(client->path.bytes_max, client->dates);

	return cnt > 0 ? cnt : 1;
}

/* What the path carries is known: bytes_max, at least one entry. */
static void set_limit(struct client *client, uint32_t bytes_max)
{
	struct client_path *path = &client->path;
	struct error line;
	uint32_t cnt;

	path->bytes_max = bytes_max;
	cnt = client_path_entries(client);
	client->fill_max = cnt < client->entries_max ? cnt : client->entries_max;
	if (client->fill_max == client->entries_max ||
	    (path->said_bytes != 0 && path->said_bytes <= bytes_max))
		return;
	path->said_bytes = bytes_max;
	error_set(&line,
		  "%s: the path carries datagrams of at most %" PRIu32 " bytes; sending %" PRIu32
		  " requests in each instead of %" PRIu32,
		  client->server, bytes_max, client->fill_max, client->entries_max);
	say(client, &line);
}

void client_path_begin(struct client *client)
{
	const struct client_transport *transport = client->transport;
	const uint32_t bytes = transport->path_bytes != NULL
				       ? client->transport->path_bytes(client->transport)
				       : 0;

	set_limit(client,
		  bytes != 0 && bytes < WIRE_DATAGRAM_BYTES_MAX ? bytes : WIRE_DATAGRAM_BYTES_MAX);
}

bool client_path_too_long(struct client *client, uint32_t count)
{
	const struct client_transport *transport = client->transport;
	uint32_t bytes = transport->path_bytes != NULL
				 ? client->transport->path_bytes(client->transport)
				 : 0;

	if (count <= 1)
		return false;
	/* The transport refuses it, whatever it says. */
	if (bytes == 0 || bytes >= bytes_of(client, count))
		bytes = bytes_of(client, count - 1);
	if (bytes < client->path.bytes_max)
		set_limit(client, bytes);
	else
		set_limit(client, bytes_of(client, count - 1));
	return true;
}

/* ---- the search ---- */

static void end_search(struct client *client)
{
	client->path.probe_cnt = 0;
	client->path.next_search_ns = client->now_ns + SEARCH_AGAIN_MS * NS_PER_MS;
}

/* Makes the PING of the next step, of as many entries as are to be tried. */
static void next_probe(struct client *client)
{
	struct client_path *path = &client->path;
	struct wire_request *requests = wire_requests(path->bytes);

	path->probe_cnt = path->answered_cnt == 0 ? 1
			  : path->silent_cnt > path->wanted_cnt
				  ? path->wanted_cnt
				  : (uint16_t)((path->answered_cnt + path->silent_cnt) / 2);
	path->tries = 0;
	path->due_ns = client->now_ns;
	path->generation++;
	*(struct wire_header *)path->bytes = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = (uint8_t)path->probe_cnt,
		.flags = client->dates ? WIRE_FLAG_DATED : 0,
		.shard = path->shard,
		.key_id = client->key.id,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = (uint64_t)path->generation << 32 | PROBE_ECHO,
	};
	for (unsigned i = 0; i < path->probe_cnt; i++) {
		requests[i] = (struct wire_request){.op = WIRE_OP_PING};
		randombytes_buf(requests[i].id, sizeof(requests[i].id));
	}
}

/* A step ended: the next, or the result. */
static void step(struct client *client)
{
	struct client_path *path = &client->path;

	if (path->answered_cnt + 1 < path->silent_cnt) {
		next_probe(client);
		return;
	}
	end_search(client);
	/* Nobody is there, or the length does not matter: nothing was learned. */
	if (path->answered_cnt == 0 || path->silent_cnt > path->wanted_cnt)
		return;
	if (bytes_of(client, path->answered_cnt) < path->bytes_max)
		set_limit(client, bytes_of(client, path->answered_cnt));
	client_split(client);
}

void client_path_doubt(struct client *client, uint16_t shard, uint16_t count)
{
	struct client_path *path = &client->path;

	path->unheard = true;
	if (count <= 1 || path->probe_cnt != 0 || client->now_ns < path->next_search_ns)
		return;
	path->shard = shard;
	path->answered_cnt = 0;
	path->wanted_cnt = count;
	path->silent_cnt = count + 1;
	path->round_trip_ns = 0;
	next_probe(client);
}

bool client_path_heard(struct client *client, const uint8_t *datagram)
{
	struct client_path *path = &client->path;
	const struct wire_header *header = (const struct wire_header *)datagram;

	if (path->probe_cnt == 0 || header->count != path->probe_cnt ||
	    header->echo >> 32 != path->generation || path->tries == 0)
		return false;
	if (path->answered_cnt == 0)
		path->round_trip_ns = client->now_ns - path->first_sent_ns;
	path->answered_cnt = path->probe_cnt;
	step(client);
	return true;
}

/* Sends the probe once more; a transport that refuses it as too long has answered, too. */
static int try_probe(struct client *client)
{
	struct client_path *path = &client->path;
	const uint64_t first_ns = client->retry_first_ms * NS_PER_MS;
	const uint64_t wait_ns =
		2 * path->round_trip_ns > first_ns ? 2 * path->round_trip_ns : first_ns;
	const struct client_packet packet = {
		.bytes = path->bytes, .len = wire_bytes(path->bytes), .shard = path->shard};
	int rc;

	if (client->dates)
		*wire_date(path->bytes) = (struct wire_date){
			.issued_at_ns =
				engine_clock_now(&client->clocks[path->shard], client->now_ns),
			.valid_ms = SEARCH_AGAIN_MS,
			.sale = client->sale,
		};
	tag_sign(path->bytes, packet.len, client->key.bytes);
	rc = client->transport->send(client->transport, &packet, 1);
	if (rc == -EMSGSIZE) {
		path->silent_cnt = path->probe_cnt;
		step(client);
		return 0;
	}
	if (rc < 0)
		return rc;
	if (path->tries == 0)
		path->first_sent_ns = client->now_ns;
	client->stats.probes_sent += (uint64_t)rc;
	path->due_ns = client->now_ns + (wait_ns << path->tries);
	path->tries++;
	return 0;
}

static int tend_search(struct client *client)
{
	struct client_path *path = &client->path;

	if (path->probe_cnt == 0 || client->now_ns < path->due_ns)
		return 0;
	if (path->tries < (path->answered_cnt == 0 ? TRIES_FIRST : TRIES))
		return try_probe(client);
	path->silent_cnt = path->probe_cnt;
	step(client);
	return 0;
}

/* ---- silence ---- */

void client_path_sent(struct client *client)
{
	if (client->path.quiet_ns == 0)
		client->path.quiet_ns = client->now_ns;
}

void client_path_answered(struct client *client)
{
	struct error line;

	client->path.quiet_ns = 0;
	client->path.unheard = false;
	if (!client->path.silence_said)
		return;
	client->path.silence_said = false;
	error_set(&line, "%s: answers again", client->server);
	say(client, &line);
}

/* Another way may have another limit; a search on the former one is worth nothing. */
static void tend_silence(struct client *client)
{
	struct client_path *path = &client->path;
	struct error what;
	struct error line;

	/* The first request after a time without any must have its chance of an answer. */
	if (client->pending == 0)
		path->unheard = false;
	if (client->transport->renew == NULL || path->quiet_ns == 0 || client->pending == 0 ||
	    client->now_ns - path->quiet_ns < path->silence_ns ||
	    !(path->unheard || client->opening))
		return;
	path->quiet_ns = client->now_ns;
	path->probe_cnt = 0;
	client->stats.renewals++;
	client->transport->renew(client->transport, &what);
	client_path_begin(client);
	/* The PING waits longer and longer, an address has its share of the time only. */
	if (client->opening)
		client_ask_anew(client);
	if (client->opening || path->silence_said)
		return;
	path->silence_said = true;
	error_set(&line, "%s: no answer for %d s; %s", client->server, CLIENT_SILENCE_MS / 1000,
		  what.text);
	say(client, &line);
}

int client_path_tend(struct client *client)
{
	tend_silence(client);
	return tend_search(client);
}
