#include "net/client.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "net/tag.h"

enum {
	TIMEOUT_MS_DEFAULT = 10000,
	RETRY_FIRST_MS_DEFAULT = 20,
	RETRY_MS_MAX = 1000,
	IN_FLIGHT_DEFAULT = 64,
	BURST_CNT = 64,
	/* Timers: a wheel of milliseconds, longer than the longest wait. */
	WHEEL_CNT = 2048,
	NO_SLOT = -1,
};
static_assert((int)BURST_CNT <= (int)TAG_BURST_MAX, "signed and checked at once");

enum slot_state {
	SLOT_FREE,
	SLOT_FILLING, /* of its shard's datagram being filled */
	SLOT_QUEUED,  /* closed, to be sent */
	SLOT_WAITING, /* sent, or put off: its timer runs */
};

/* What the caller wants back with each entry. */
struct entry {
	uint64_t user;
	uint64_t intended_ns;
	uint32_t attempts;
	bool rerouted;
};

/* A datagram on its way, with its entries. */
struct slot {
	enum slot_state state;
	bool is_signed; /* as it stands */
	uint16_t shard;
	uint16_t count;
	uint32_t generation; /* with the index: the datagram's echo */
	uint32_t backoff_ms;
	uint64_t deadline_ns; /* of its oldest entry */
	int32_t timer_next;   /* doubly linked list of the wheel, or free list, or send queue */
	int32_t timer_prev;
	uint32_t wheel_idx;
	struct entry entries[WIRE_ENTRY_CNT_MAX];
	uint8_t bytes[WIRE_DATAGRAM_BYTES_MAX];
};

struct client {
	struct client_transport *transport;
	struct key key;
	uint64_t timeout_ns;
	uint32_t retry_first_ms;
	uint32_t entries_max;
	uint32_t slot_cnt;
	uint16_t shards;
	uint64_t engine_time_ns;
	client_answer_fn *on_answer;
	void *context;
	struct client_stats stats;
	uint64_t pending;
	uint64_t jitter;   /* state of with_jitter */
	uint32_t answered; /* in the current poll */
	uint64_t now_ns;
	uint64_t wheel_ms; /* all before it have fired */
	int32_t free_head;
	int32_t queue_head;
	int32_t queue_tail;
	int32_t wheel[WHEEL_CNT];
	int32_t *filling; /* [shards] */
	struct slot *slots;
	uint8_t received[BURST_CNT][WIRE_DATAGRAM_BYTES_MAX];
};

static uint64_t clock_ns(const struct client *client)
{
	struct timespec now;

	if (client->transport->now_ns != NULL)
		return client->transport->now_ns(client->transport);
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct wire_header *header_of(struct slot *slot)
{
	return (struct wire_header *)slot->bytes;
}

static struct wire_request *requests_of(struct slot *slot)
{
	return (struct wire_request *)(slot->bytes + WIRE_HEADER_BYTES);
}

/* ---- slots: free list, send queue, timer wheel ---- */

static int32_t take_slot(struct client *client, uint16_t shard)
{
	const int32_t idx = client->free_head;

	if (idx == NO_SLOT)
		return NO_SLOT;

	struct slot *slot = &client->slots[idx];

	client->free_head = slot->timer_next;
	slot->state = SLOT_FILLING;
	slot->shard = shard;
	slot->count = 0;
	slot->backoff_ms = client->retry_first_ms;
	slot->deadline_ns = UINT64_MAX;
	return idx;
}

static void free_slot(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	slot->state = SLOT_FREE;
	slot->timer_next = client->free_head;
	client->free_head = idx;
}

static void queue_slot(struct client *client, int32_t idx)
{
	client->slots[idx].state = SLOT_QUEUED;
	client->slots[idx].timer_next = NO_SLOT;
	if (client->queue_head == NO_SLOT)
		client->queue_head = idx;
	else
		client->slots[client->queue_tail].timer_next = idx;
	client->queue_tail = idx;
}

/* Fires after wait_ms, or when its time is up if that comes first. */
static void start_timer(struct client *client, int32_t idx, uint32_t wait_ms)
{
	struct slot *slot = &client->slots[idx];
	const uint64_t end_ms = slot->deadline_ns / 1000000 + 1;
	uint64_t due_ms = client->now_ns / 1000000 + (wait_ms > 0 ? wait_ms : 1);

	if (due_ms > end_ms)
		due_ms = end_ms;
	if (due_ms < client->wheel_ms)
		due_ms = client->wheel_ms;
	slot->state = SLOT_WAITING;
	slot->wheel_idx = (uint32_t)(due_ms % WHEEL_CNT);
	slot->timer_prev = NO_SLOT;
	slot->timer_next = client->wheel[slot->wheel_idx];
	if (slot->timer_next != NO_SLOT)
		client->slots[slot->timer_next].timer_prev = idx;
	client->wheel[slot->wheel_idx] = idx;
}

static void stop_timer(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	if (slot->timer_prev == NO_SLOT)
		client->wheel[slot->wheel_idx] = slot->timer_next;
	else
		client->slots[slot->timer_prev].timer_next = slot->timer_next;
	if (slot->timer_next != NO_SLOT)
		client->slots[slot->timer_next].timer_prev = slot->timer_prev;
}

/* Half to all of the wait, so that clients that lost together don't come back together. Once a
 * datagram: chance of any kind will do, and the kernel's costs a system call. */
static uint32_t with_jitter(struct client *client, uint32_t wait_ms)
{
	const uint64_t random = mix64(++client->jitter) >> 32;

	return wait_ms / 2 + (uint32_t)(random * (wait_ms / 2 + 1) >> 32);
}

static void double_backoff(struct slot *slot)
{
	slot->backoff_ms =
		slot->backoff_ms * 2 < RETRY_MS_MAX ? slot->backoff_ms * 2 : RETRY_MS_MAX;
}

/* ---- datagrams ---- */

/* Closes a datagram: header, and the echo by which its reply is known. Signed when it leaves. */
static void seal(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	slot->generation++;
	*header_of(slot) = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = (uint8_t)slot->count,
		.shard = slot->shard,
		.key_id = client->key.id,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = (uint64_t)slot->generation << 32 | (uint32_t)idx,
	};
	slot->is_signed = false;
}

static void close_datagram(struct client *client, uint16_t shard)
{
	const int32_t idx = client->filling[shard];

	if (idx == NO_SLOT)
		return;
	client->filling[shard] = NO_SLOT;
	seal(client, idx);
	queue_slot(client, idx);
}

/* Puts a request into its shard's datagram. False: no datagram to be had. */
static bool add_entry(struct client *client, uint16_t shard, const struct wire_request *request,
		      const struct entry *entry, uint64_t deadline_ns)
{
	int32_t idx = client->filling[shard];

	if (idx == NO_SLOT) {
		idx = take_slot(client, shard);
		if (idx == NO_SLOT)
			return false;
		client->filling[shard] = idx;
	}

	struct slot *slot = &client->slots[idx];

	requests_of(slot)[slot->count] = *request;
	slot->entries[slot->count] = *entry;
	slot->count++;
	if (deadline_ns < slot->deadline_ns)
		slot->deadline_ns = deadline_ns;
	if (slot->count == client->entries_max)
		close_datagram(client, shard);
	return true;
}

static void finish(struct client *client, const struct entry *entry, bool answered,
		   const struct wire_reply *reply)
{
	const struct client_answer answer = {
		.user = entry->user,
		.answered = answered,
		.attempts = entry->attempts,
		.latency_ns = client->now_ns > entry->intended_ns
				      ? client->now_ns - entry->intended_ns
				      : 0,
		.reply = *reply,
	};

	client->pending--;
	client->answered++;
	client->on_answer(client->context, &answer);
}

/* Nobody answered in time: nobody knows. */
static void give_up(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	for (unsigned i = 0; i < slot->count; i++) {
		const struct wire_request *request = &requests_of(slot)[i];
		const struct wire_reply reply = {
			.id = {request->id[0], request->id[1]},
			.verdict = VERDICT_UNAVAILABLE,
		};

		finish(client, &slot->entries[i], false, &reply);
	}
	free_slot(client, idx);
}

static bool worth_retrying(uint8_t verdict)
{
	return verdict == VERDICT_UNAVAILABLE || verdict == VERDICT_DRAINING ||
	       verdict == VERDICT_JOURNAL_FULL;
}

/* The shard a WRONG_SHARD answer points to, for the first time, if there is such a shard. */
static bool reroute(struct client *client, const struct wire_request *request, struct entry *entry,
		    uint64_t deadline_ns, const struct wire_reply *reply)
{
	if (reply->verdict != VERDICT_WRONG_SHARD || entry->rerouted ||
	    reply->quantity >= client->shards)
		return false;
	entry->rerouted = true;
	if (add_entry(client, reply->quantity, request, entry, deadline_ns))
		return true;
	entry->rerouted = false;
	return false;
}

/* Hands out the answers of a datagram; what is worth it stays in its slot and is asked again later.
 */
static void answer_slot(struct client *client, int32_t idx, const struct wire_reply *replies)
{
	struct slot *slot = &client->slots[idx];
	struct wire_request *requests = requests_of(slot);
	const bool in_time =
		client->now_ns + slot->backoff_ms * UINT64_C(1000000) < slot->deadline_ns;
	uint16_t kept = 0;

	stop_timer(client, idx);
	for (unsigned i = 0; i < slot->count; i++) {
		if (reroute(client, &requests[i], &slot->entries[i], slot->deadline_ns,
			    &replies[i]))
			continue;
		if (in_time && worth_retrying(replies[i].verdict)) {
			requests[kept] = requests[i];
			slot->entries[kept++] = slot->entries[i];
			continue;
		}
		finish(client, &slot->entries[i], true, &replies[i]);
	}
	if (kept == 0) {
		free_slot(client, idx);
		return;
	}
	slot->count = kept;
	seal(client, idx);
	start_timer(client, idx, with_jitter(client, slot->backoff_ms));
	double_backoff(slot);
}

/* By its header a reply to one of our datagrams. */
static bool is_ours(const struct client *client, const struct client_packet *packet)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;

	return packet->len >= WIRE_DATAGRAM_BYTES_MIN && header->magic == WIRE_MAGIC &&
	       header->version == WIRE_VERSION && header->kind == WIRE_KIND_REPLY &&
	       header->key_id == client->key.id &&
	       wire_datagram_bytes(header->count) == packet->len &&
	       (uint32_t)header->echo < client->slot_cnt;
}

/* Of cnt packets the replies to us that are signed, to the front, in order; others are counted.
 * Returns how many. */
static uint32_t keep_signed(struct client *client, struct client_packet *packets, uint32_t cnt)
{
	struct tag_job jobs[BURST_CNT];
	uint32_t ours = 0;
	uint32_t kept = 0;
	uint64_t right;

	client->stats.datagrams_received += cnt;
	for (uint32_t i = 0; i < cnt; i++) {
		if (!is_ours(client, &packets[i])) {
			client->stats.replies_unmatched++;
			continue;
		}
		jobs[ours] = (struct tag_job){packets[i].bytes, client->key.bytes, packets[i].len};
		packets[ours++] = packets[i];
	}
	right = tag_verify_burst(jobs, ours);
	for (uint32_t i = 0; i < ours; i++) {
		if ((right >> i & 1) != 0)
			packets[kept++] = packets[i];
		else
			client->stats.replies_bad_tag++;
	}
	return kept;
}

/* The datagram that waits for this reply; else NULL, and counted. */
static struct slot *match(struct client *client, const struct client_packet *packet, int32_t *idx)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;
	const struct wire_reply *replies =
		(const struct wire_reply *)(packet->bytes + WIRE_HEADER_BYTES);
	struct slot *slot;

	*idx = (int32_t)(uint32_t)header->echo;
	slot = &client->slots[*idx];
	if (slot->state == SLOT_WAITING && slot->generation == header->echo >> 32 &&
	    slot->count == header->count && slot->shard == header->shard) {
		bool same = true;

		for (unsigned i = 0; i < slot->count && same; i++)
			same = replies[i].id[0] == requests_of(slot)[i].id[0] &&
			       replies[i].id[1] == requests_of(slot)[i].id[1];
		if (same)
			return slot;
	}
	client->stats.replies_unmatched++;
	return NULL;
}

/* ---- sending, receiving, timers ---- */

/* The first of the queue, signed. Returns how many. */
static int next_burst(struct client *client, struct client_packet *packets, int32_t *idxs)
{
	struct tag_job jobs[BURST_CNT];
	uint32_t unsigned_cnt = 0;
	int cnt = 0;

	for (int32_t idx = client->queue_head; idx != NO_SLOT && cnt < BURST_CNT;
	     idx = client->slots[idx].timer_next) {
		struct slot *slot = &client->slots[idx];

		idxs[cnt] = idx;
		packets[cnt] = (struct client_packet){
			.bytes = slot->bytes,
			.len = wire_datagram_bytes(slot->count),
			.shard = slot->shard,
		};
		if (!slot->is_signed)
			jobs[unsigned_cnt++] =
				(struct tag_job){slot->bytes, client->key.bytes, packets[cnt].len};
		slot->is_signed = true;
		cnt++;
	}
	tag_sign_burst(jobs, unsigned_cnt);
	return cnt;
}

static int send_queue(struct client *client)
{
	while (client->queue_head != NO_SLOT) {
		struct client_packet packets[BURST_CNT];
		int32_t idxs[BURST_CNT];
		const int cnt = next_burst(client, packets, idxs);
		int sent;

		sent = client->transport->send(client->transport, packets, cnt);
		if (sent < 0)
			return sent;
		client->stats.datagrams_sent += (uint64_t)sent;
		for (int i = 0; i < sent && i < cnt; i++) {
			struct slot *slot = &client->slots[idxs[i]];

			client->queue_head = slot->timer_next;
			for (unsigned k = 0; k < slot->count; k++)
				slot->entries[k].attempts++;
			start_timer(client, idxs[i], with_jitter(client, slot->backoff_ms));
			double_backoff(slot);
		}
		if (sent < cnt)
			break;
	}
	return 0;
}

/* What could not even be sent in its time. */
static void expire_queue(struct client *client)
{
	int32_t *link = &client->queue_head;
	int32_t expired = NO_SLOT;
	int32_t last = NO_SLOT;

	while (*link != NO_SLOT) {
		const int32_t idx = *link;
		struct slot *slot = &client->slots[idx];

		if (client->now_ns < slot->deadline_ns) {
			last = idx;
			link = &slot->timer_next;
			continue;
		}
		*link = slot->timer_next;
		slot->timer_next = expired;
		expired = idx;
	}
	client->queue_tail = last;
	/* Only now: who is told may submit, and so queue, something new. */
	while (expired != NO_SLOT) {
		const int32_t idx = expired;

		expired = client->slots[idx].timer_next;
		give_up(client, idx);
	}
}

static int receive_all(struct client *client, uint32_t timeout_us)
{
	struct client_packet packets[BURST_CNT];
	int cnt;

	do {
		for (unsigned i = 0; i < BURST_CNT; i++)
			packets[i].bytes = client->received[i];
		cnt = client->transport->receive(client->transport, packets, BURST_CNT, timeout_us);
		if (cnt < 0)
			return cnt;
		timeout_us = 0;
		client->now_ns = clock_ns(client);

		const uint32_t kept = keep_signed(client, packets, (uint32_t)cnt);

		for (uint32_t i = 0; i < kept; i++) {
			int32_t idx;

			if (match(client, &packets[i], &idx) != NULL)
				answer_slot(client, idx,
					    (const struct wire_reply *)(packets[i].bytes +
									WIRE_HEADER_BYTES));
		}
	} while (cnt == BURST_CNT);
	return 0;
}

static void fire_timers(struct client *client)
{
	const uint64_t now_ms = client->now_ns / 1000000;

	/* After a long pause one round of the wheel sees every timer. */
	if (now_ms > client->wheel_ms + WHEEL_CNT)
		client->wheel_ms = now_ms - WHEEL_CNT;
	for (; client->wheel_ms <= now_ms; client->wheel_ms++) {
		int32_t *head = &client->wheel[client->wheel_ms % WHEEL_CNT];

		while (*head != NO_SLOT) {
			const int32_t idx = *head;

			stop_timer(client, idx);
			if (client->now_ns >= client->slots[idx].deadline_ns) {
				give_up(client, idx);
			} else {
				client->stats.datagrams_resent++;
				queue_slot(client, idx);
			}
		}
	}
}

int client_poll(struct client *client, uint32_t timeout_us)
{
	int rc;

	client->answered = 0;
	client->now_ns = clock_ns(client);
	client_flush(client);
	rc = send_queue(client);
	/* Never sleeps over a timer by more than a millisecond or two. */
	if (rc == 0)
		rc = receive_all(client, timeout_us < 2000 ? timeout_us : 2000);
	if (rc == 0) {
		fire_timers(client);
		rc = send_queue(client);
		expire_queue(client);
	}
	return rc != 0 ? rc : (int)client->answered;
}

int client_submit(struct client *client, const struct client_request *request)
{
	struct entry entry = {.user = request->user, .intended_ns = request->intended_ns};
	struct wire_request wire = {
		.id = {request->id[0], request->id[1]},
		.buyer = request->buyer,
		.sku = request->sku,
		.price_or_order = request->price_or_order,
		.channel = request->channel,
		.quantity = request->quantity,
		.op = request->op,
	};
	const uint16_t shard =
		request->op == WIRE_OP_PING ? 0 : wire_shard_of(request->sku, client->shards);

	if ((request->id[0] | request->id[1]) == 0)
		randombytes_buf(wire.id, sizeof(wire.id));
	/* Once a datagram is often enough: the first entry's deadline is the datagram's. */
	if (client->filling[shard] == NO_SLOT || entry.intended_ns == 0)
		client->now_ns = clock_ns(client);
	if (entry.intended_ns == 0)
		entry.intended_ns = client->now_ns;
	if (!add_entry(client, shard, &wire, &entry, client->now_ns + client->timeout_ns))
		return -EAGAIN;
	client->pending++;
	return 0;
}

void client_flush(struct client *client)
{
	for (uint16_t shard = 0; shard < client->shards; shard++)
		close_datagram(client, shard);
}

uint64_t client_pending(const struct client *client)
{
	return client->pending;
}

int client_drain(struct client *client)
{
	while (client->pending > 0) {
		const int rc = client_poll(client, 1000);

		if (rc < 0)
			return rc;
	}
	return 0;
}

const struct client_stats *client_stats(const struct client *client)
{
	return &client->stats;
}

uint16_t client_shards(const struct client *client)
{
	return client->shards;
}

uint64_t client_engine_time_ns(const struct client *client)
{
	return client->engine_time_ns;
}

/* ---- opening ---- */

static void on_pong(void *context, const struct client_answer *answer)
{
	*(struct client_answer *)context = *answer;
}

/* Asks shard 0 how many there are. */
static int ping(struct client *client, const char *server, char *error, size_t error_bytes)
{
	const struct client_request request = {.op = WIRE_OP_PING};
	client_answer_fn *on_answer = client->on_answer;
	void *context = client->context;
	struct client_answer pong = {0};
	int rc;

	client->on_answer = on_pong;
	client->context = &pong;
	client->now_ns = clock_ns(client);
	client->wheel_ms = client->now_ns / 1000000;
	rc = client_submit(client, &request);
	if (rc == 0)
		rc = client_drain(client);
	client->on_answer = on_answer;
	client->context = context;
	if (rc != 0) {
		snprintf(error, error_bytes, "%s: %s", server, strerror(-rc));
		return rc;
	}
	if (!pong.answered || pong.reply.verdict != VERDICT_PONG || pong.reply.quantity == 0) {
		snprintf(error, error_bytes,
			 "%s: no answer; is the engine running there, and does it have key %u?",
			 server, client->key.id);
		return -ETIMEDOUT;
	}
	client->engine_time_ns = pong.reply.instant_ns;
	return pong.reply.quantity;
}

static int make_slots(struct client *client, uint16_t shards)
{
	int32_t *filling = realloc(client->filling, shards * sizeof(*filling));

	if (filling == NULL)
		return -ENOMEM;
	client->filling = filling;
	for (uint16_t i = 0; i < shards; i++)
		filling[i] = NO_SLOT;
	client->shards = shards;
	return 0;
}

static struct client *make_client(const struct client_options *options)
{
	struct client *client = calloc(1, sizeof(*client));

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
	client->free_head = client->queue_head = NO_SLOT;
	for (unsigned i = 0; i < WHEEL_CNT; i++)
		client->wheel[i] = NO_SLOT;
	client->slots = calloc(client->slot_cnt, sizeof(*client->slots));
	if (client->slots == NULL || make_slots(client, 1) != 0) {
		free(client->slots);
		free(client);
		return NULL;
	}
	/* Replies to a former client on the same port must not match ours. */
	for (uint32_t i = client->slot_cnt; i-- > 0;) {
		client->slots[i].generation = randombytes_random();
		free_slot(client, (int32_t)i);
	}
	return client;
}

int client_open(struct client **out, const struct client_options *options,
		client_answer_fn *on_answer, void *context, char *error, size_t error_bytes)
{
	struct client *client = NULL;
	int rc = sodium_init() < 0 ? -EIO : 0;

	if (rc == 0)
		client = make_client(options);
	if (client == NULL) {
		if (options->transport != NULL)
			options->transport->close(options->transport);
		snprintf(error, error_bytes, "no memory for a client");
		return -ENOMEM;
	}
	client->on_answer = on_answer;
	client->context = context;
	client->transport = options->transport;
	if (client->transport == NULL)
		rc = client_transport_udp(&client->transport, options->server, error, error_bytes);
	if (rc == 0)
		rc = ping(client, options->server, error, error_bytes);
	if (rc > 0)
		rc = make_slots(client, (uint16_t)rc);
	if (rc != 0) {
		client_close(client);
		return rc;
	}
	*out = client;
	return 0;
}

void client_close(struct client *client)
{
	if (client == NULL)
		return;
	if (client->transport != NULL)
		client->transport->close(client->transport);
	sodium_memzero(&client->key, sizeof(client->key));
	free(client->filling);
	free(client->slots);
	free(client);
}
