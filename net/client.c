#include "net/client.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include <sodium.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "net/client_state.h"
#include "net/tag.h"

static_assert((int)BURST_CNT <= (int)TAG_BURST_MAX, "signed and checked at once");

uint64_t client_clock_ns(const struct client *client)
{
	if (client->transport->now_ns != NULL)
		return client->transport->now_ns(client->transport);
	return clock_now_ns();
}

static struct wire_header *header_of(struct slot *slot)
{
	return (struct wire_header *)slot->bytes;
}

/* ---- slots: free list, send queue, timers ---- */

static int32_t take_slot(struct client *client, uint16_t shard)
{
	const int32_t idx = client->free_head;

	if (idx == NO_SLOT)
		return NO_SLOT;

	struct slot *slot = &client->slots[idx];

	client->free_head = slot->timer.next;
	slot->state = SLOT_FILLING;
	slot->scattered = false;
	slot->basket = 0;
	slot->shard = shard;
	slot->count = 0;
	slot->backoff_ms = client->retry_first_ms;
	slot->deadline_ns = UINT64_MAX;
	slot->issued_at_ns = slot->not_after_ns = 0;
	return idx;
}

void client_free_slot(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	slot->state = SLOT_FREE;
	slot->timer.next = client->free_head;
	client->free_head = idx;
}

void client_queue_slot(struct client *client, int32_t idx)
{
	client->slots[idx].state = SLOT_QUEUED;
	client->slots[idx].timer.next = NO_SLOT;
	if (client->queue_head == NO_SLOT)
		client->queue_head = idx;
	else
		client->slots[client->queue_tail].timer.next = idx;
	client->queue_tail = idx;
}

/* Fires after wait_ms, or at the slot's deadline if that comes first. */
static void start_timer(struct client *client, int32_t idx, uint32_t wait_ms)
{
	struct slot *slot = &client->slots[idx];
	const uint64_t end_ms = slot->deadline_ns / 1000000 + 1;
	const uint64_t due_ms = client->now_ns / 1000000 + (wait_ms > 0 ? wait_ms : 1);

	slot->state = SLOT_WAITING;
	timer_wheel_start(&client->wheel, idx, due_ms < end_ms ? due_ms : end_ms);
}

/* Half to all of the wait, so that clients whose datagrams were lost together don't retry together.
 * Called once a datagram: any randomness is good enough, and the kernel's costs a system call. */
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

void client_wait(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	start_timer(client, idx, with_jitter(client, slot->backoff_ms));
	double_backoff(slot);
}

void client_wait_to_end(struct client *client, int32_t idx)
{
	start_timer(client, idx, RETRY_MS_MAX);
	double_backoff(&client->slots[idx]);
}

/* ---- datagrams ---- */

/* Puts the entries that go where the first goes to the front, in order. Returns how many. */
static uint16_t gather(struct slot *slot)
{
	const uint16_t shard = slot->entries[0].shard;
	uint16_t cnt = 0;

	for (uint16_t i = 0; i < slot->count; i++) {
		const struct wire_request request = slot->requests[i];
		const struct entry entry = slot->entries[i];

		if (entry.shard != shard)
			continue;
		memmove(&slot->requests[cnt + 1], &slot->requests[cnt],
			(i - cnt) * sizeof(request));
		memmove(&slot->entries[cnt + 1], &slot->entries[cnt], (i - cnt) * sizeof(entry));
		slot->requests[cnt] = request;
		slot->entries[cnt++] = entry;
	}
	slot->shard = shard;
	return cnt;
}

/* How many of its entries a slot's next datagram has. What is of another shard, and what the path
 * does not carry, waits until these are answered. */
static uint16_t next_count(const struct client *client, struct slot *slot)
{
	const uint16_t together = slot->scattered ? gather(slot) : slot->count;

	if (slot->basket != 0 || together <= client->fill_max)
		return together;
	return (uint16_t)client->fill_max;
}

/* Header, and the echo by which its reply is known. Signed when it leaves. */
void client_seal(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];
	const uint16_t count = next_count(client, slot);

	slot->generation++;
	slot->tries = 0;
	*header_of(slot) = (struct wire_header){
		.magic = WIRE_MAGIC,
		.version = WIRE_VERSION,
		.kind = WIRE_KIND_REQUEST,
		.count = (uint8_t)count,
		.flags = (uint8_t)(slot->basket | (client->dates ? WIRE_FLAG_DATED : 0)),
		.shard = slot->shard,
		.key_id = client->key.id,
		.shard_map_version = WIRE_SHARD_MAP_VERSION,
		.echo = (uint64_t)slot->generation << 32 | (uint32_t)idx,
	};
	memcpy(wire_requests(slot->bytes), slot->requests, count * sizeof(slot->requests[0]));
	slot->is_signed = false;
}

/* Dates a datagram: made now, good until its deadline. */
static void date(const struct client *client, struct slot *slot)
{
	const uint64_t now_ns = client->now_ns;
	const uint64_t left_ms =
		slot->deadline_ns > now_ns ? (slot->deadline_ns - now_ns) / 1000000 : 0;
	const struct wire_date date = {
		.issued_at_ns = engine_clock_now(&client->clocks[slot->shard], now_ns),
		.valid_ms = left_ms == 0                  ? 1
			    : left_ms < WIRE_VALID_MS_MAX ? (uint32_t)left_ms
							  : WIRE_VALID_MS_MAX,
		.sale = client->sale,
	};
	const uint64_t not_after_ns = date.issued_at_ns + date.valid_ms * UINT64_C(1000000);

	*wire_date(slot->bytes) = date;
	if (date.issued_at_ns > slot->issued_at_ns)
		slot->issued_at_ns = date.issued_at_ns;
	if (not_after_ns > slot->not_after_ns)
		slot->not_after_ns = not_after_ns;
}

static void close_datagram(struct client *client, uint16_t shard)
{
	const int32_t idx = client->filling[shard];

	if (idx == NO_SLOT)
		return;
	client->filling[shard] = NO_SLOT;
	client_seal(client, idx);
	client_queue_slot(client, idx);
}

static void put_entry(struct slot *slot, const struct wire_request *request,
		      const struct entry *entry, uint64_t deadline_ns)
{
	slot->requests[slot->count] = *request;
	slot->entries[slot->count] = *entry;
	slot->count++;
	if (deadline_ns < slot->deadline_ns)
		slot->deadline_ns = deadline_ns;
}

bool client_add_entry(struct client *client, const struct wire_request *request,
		      const struct entry *entry, uint64_t deadline_ns)
{
	const uint16_t shard = entry->shard;
	int32_t idx = client->filling[shard];

	if (idx == NO_SLOT) {
		idx = take_slot(client, shard);
		if (idx == NO_SLOT)
			return false;
		client->filling[shard] = idx;
	}
	put_entry(&client->slots[idx], request, entry, deadline_ns);
	if (client->slots[idx].count >= client->fill_max)
		close_datagram(client, shard);
	return true;
}

/* Whether its header says that it is a reply to one of our datagrams. */
static bool is_ours(const struct client *client, const struct client_packet *packet)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;

	return packet->len >= WIRE_DATAGRAM_BYTES_MIN && header->magic == WIRE_MAGIC &&
	       header->version == WIRE_VERSION && header->kind == WIRE_KIND_REPLY &&
	       header->key_id == client->key.id && wire_bytes(packet->bytes) == packet->len &&
	       ((uint32_t)header->echo < client->slot_cnt || (uint32_t)header->echo == PROBE_ECHO);
}

/* Moves the signed replies to us among cnt packets to the front, in order, and counts the others.
 * Returns how many replies there are. */
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

/* The datagram that waits for this reply. If none does: NULL, and the reply is counted. */
static struct slot *match(struct client *client, const struct client_packet *packet, int32_t *idx)
{
	const struct wire_header *header = (const struct wire_header *)packet->bytes;
	const struct wire_reply *replies =
		(const struct wire_reply *)(packet->bytes + WIRE_HEADER_BYTES);
	struct slot *slot;

	*idx = (int32_t)(uint32_t)header->echo;
	slot = &client->slots[*idx];
	if (slot->state == SLOT_WAITING && slot->generation == header->echo >> 32 &&
	    header_of(slot)->count == header->count && slot->shard == header->shard &&
	    header_of(slot)->flags == header->flags) {
		bool same = true;

		for (unsigned i = 0; i < header->count && same; i++)
			same = replies[i].id[0] == slot->requests[i].id[0] &&
			       replies[i].id[1] == slot->requests[i].id[1];
		if (same)
			return slot;
	}
	client->stats.replies_unmatched++;
	return NULL;
}

/* ---- sending, receiving, timers ---- */

/* Takes the first datagrams of the queue and signs them. Returns how many. */
static int next_burst(struct client *client, struct client_packet *packets, int32_t *idxs)
{
	struct tag_job jobs[BURST_CNT];
	uint32_t unsigned_cnt = 0;
	int cnt = 0;

	for (int32_t idx = client->queue_head; idx != NO_SLOT && cnt < BURST_CNT;
	     idx = client->slots[idx].timer.next) {
		struct slot *slot = &client->slots[idx];

		if (header_of(slot)->count > client->fill_max && slot->basket == 0)
			client_seal(client, idx);
		idxs[cnt] = idx;
		packets[cnt] = (struct client_packet){
			.bytes = slot->bytes,
			.len = wire_bytes(slot->bytes),
			.shard = slot->shard,
		};
		/* Copies are the same bytes, with the same date. */
		if (!slot->is_signed && wire_is_dated(slot->bytes))
			date(client, slot);
		if (!slot->is_signed)
			jobs[unsigned_cnt++] =
				(struct tag_job){slot->bytes, client->key.bytes, packets[cnt].len};
		slot->is_signed = true;
		cnt++;
	}
	tag_sign_burst(jobs, unsigned_cnt);
	return cnt;
}

/* The path does not carry so many entries. False: that was known, so they are what is never cut; or
 * it is a single one. Both wait for another path. */
static bool learns_limit(struct client *client, uint32_t count)
{
	return count <= client_path_entries(client) && client_path_too_long(client, count);
}

static int send_queue(struct client *client)
{
	while (client->queue_head != NO_SLOT) {
		struct client_packet packets[BURST_CNT];
		int32_t idxs[BURST_CNT];
		const int cnt = next_burst(client, packets, idxs);
		int sent;

		sent = client->transport->send(client->transport, packets, cnt);
		if (sent == -EMSGSIZE) {
			if (learns_limit(client, wire_count(packets[0].bytes)))
				continue;
			sent = 1;
		}
		if (sent < 0)
			return sent;
		if (sent > 0)
			client_path_sent(client);
		client->stats.datagrams_sent += (uint64_t)sent;
		for (int i = 0; i < sent && i < cnt; i++) {
			struct slot *slot = &client->slots[idxs[i]];

			client->queue_head = slot->timer.next;
			for (unsigned k = 0; k < header_of(slot)->count; k++)
				slot->entries[k].attempts++;
			slot->tries++;
			client_wait(client, idxs[i]);
		}
		if (sent < cnt)
			break;
	}
	return 0;
}

/* Ends datagrams that could not be sent before their deadline. */
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
			link = &slot->timer.next;
			continue;
		}
		*link = slot->timer.next;
		slot->timer.next = expired;
		expired = idx;
	}
	client->queue_tail = last;
	/* Only now: a caller that gets its answer may submit, and so queue, a new request. */
	while (expired != NO_SLOT) {
		const int32_t idx = expired;

		expired = client->slots[idx].timer.next;
		client_give_up(client, idx);
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
		client->now_ns = client_clock_ns(client);

		const uint32_t kept = keep_signed(client, packets, (uint32_t)cnt);

		if (kept > 0)
			client_path_answered(client);
		for (uint32_t i = 0; i < kept; i++) {
			int32_t idx;

			if ((uint32_t)((struct wire_header *)packets[i].bytes)->echo == PROBE_ECHO)
				client->stats.replies_unmatched +=
					!client_path_heard(client, packets[i].bytes);
			else if (match(client, &packets[i], &idx) != NULL)
				client_answer_slot(client, idx, packets[i].bytes);
		}
	} while (cnt == BURST_CNT);
	return 0;
}

static void fire_timers(struct client *client)
{
	const uint64_t now_ms = client->now_ns / 1000000;
	int32_t idx;

	while ((idx = timer_wheel_next(&client->wheel, now_ms)) != TIMER_NONE) {
		if (client->now_ns >= client->slots[idx].deadline_ns) {
			client_give_up(client, idx);
		} else {
			const struct slot *slot = &client->slots[idx];

			client->stats.datagrams_resent++;
			if (slot->tries > 1)
				client_path_doubt(client, slot->shard, wire_count(slot->bytes));
			client_queue_slot(client, idx);
		}
	}
}

/* The transport is at its end: nobody will answer what is pending. */
static void give_up_all(struct client *client)
{
	int32_t ended = NO_SLOT;

	client_flush(client);
	client->queue_head = NO_SLOT;
	for (int32_t i = 0; i < (int32_t)client->slot_cnt; i++) {
		struct slot *slot = &client->slots[i];

		if (slot->state == SLOT_FREE)
			continue;
		if (slot->state == SLOT_WAITING)
			timer_wheel_stop(&client->wheel, i);
		slot->state = SLOT_QUEUED;
		slot->timer.next = ended;
		ended = i;
	}
	/* Only now: a caller that gets its answer may submit a new request. */
	while (ended != NO_SLOT) {
		const int32_t idx = ended;

		ended = client->slots[idx].timer.next;
		client_give_up(client, idx);
	}
}

/* Sends the datagrams in flight again that have more entries than so many. */
static void send_again(struct client *client, uint32_t more_than)
{
	for (uint32_t i = 0; i < client->slot_cnt; i++) {
		struct slot *slot = &client->slots[i];

		if (slot->state != SLOT_WAITING || header_of(slot)->count <= more_than)
			continue;
		timer_wheel_stop(&client->wheel, (int32_t)i);
		slot->backoff_ms = client->retry_first_ms;
		client_queue_slot(client, (int32_t)i);
	}
}

void client_split(struct client *client)
{
	send_again(client, client->fill_max);
}

void client_ask_anew(struct client *client)
{
	send_again(client, 0);
}

int client_poll(struct client *client, uint32_t timeout_us)
{
	int rc;

	client->answered = 0;
	client->now_ns = client_clock_ns(client);
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
	if (rc == 0)
		rc = client_path_tend(client);
	if (rc != 0)
		give_up_all(client);
	return rc != 0 ? rc : (int)client->answered;
}

/* Where a request goes first, and how often it may go elsewhere. */
static struct entry entry_of(const struct client *client, const struct client_request *request)
{
	struct entry entry = {
		.user = request->user,
		.intended_ns = request->intended_ns,
		.moves = 1,
	};

	if (request->op != WIRE_OP_PING) {
		entry.shard = wire_shard_of(request->sku, client->shards);
		/* One more for a way that may be an old one. */
		entry.moves += client_routes_find(client->routes, request->sku, &entry.shard);
	}
	return entry;
}

static struct wire_request wire_of(const struct client_request *request)
{
	struct wire_request wire = {
		.id = {request->id[0], request->id[1]},
		.buyer = request->buyer,
		.sku = request->sku,
		.price_or_order = request->price_or_order,
		.channel = request->channel,
		.quantity = request->quantity,
		.op = request->op,
		.flags = request->flags,
	};

	if ((request->id[0] | request->id[1]) == 0)
		randombytes_buf(wire.id, sizeof(wire.id));
	return wire;
}

int client_submit(struct client *client, const struct client_request *request)
{
	struct entry entry = entry_of(client, request);
	const struct wire_request wire = wire_of(request);

	/* Once a datagram is often enough: the first entry's deadline is the datagram's. */
	if (client->filling[entry.shard] == NO_SLOT || entry.intended_ns == 0)
		client->now_ns = client_clock_ns(client);
	if (entry.intended_ns == 0)
		entry.intended_ns = client->now_ns;
	if (!client_add_entry(client, &wire, &entry, client->now_ns + client->timeout_ns))
		return -EAGAIN;
	client->pending++;
	return 0;
}

int client_submit_basket(struct client *client, const struct client_request *lines, uint32_t cnt,
			 enum client_basket how)
{
	struct entry first;
	int32_t idx;

	if (cnt < CLIENT_BASKET_MIN || cnt > WIRE_ENTRY_CNT_MAX)
		return -EINVAL;
	if (cnt > client_path_entries(client))
		return -EMSGSIZE;
	first = entry_of(client, &lines[0]);
	idx = take_slot(client, first.shard);
	if (idx == NO_SLOT)
		return -EAGAIN;
	client->now_ns = client_clock_ns(client);
	client->slots[idx].basket = (uint8_t)(WIRE_FLAG_BASKET | how);
	for (uint32_t i = 0; i < cnt; i++) {
		const struct wire_request wire = wire_of(&lines[i]);
		struct entry entry = first;

		entry.user = lines[i].user;
		entry.intended_ns =
			lines[i].intended_ns != 0 ? lines[i].intended_ns : client->now_ns;
		put_entry(&client->slots[idx], &wire, &entry, client->now_ns + client->timeout_ns);
	}
	client->pending += cnt;
	client_seal(client, idx);
	client_queue_slot(client, idx);
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

uint32_t client_entries_max(const struct client *client)
{
	return client->fill_max;
}

uint32_t client_basket_max(const struct client *client)
{
	return client_path_entries(client);
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

uint32_t client_sale(const struct client *client)
{
	return client->sale;
}

uint64_t client_engine_now_ns(const struct client *client, uint16_t shard)
{
	return engine_clock_now(&client->clocks[shard], client_clock_ns(client));
}
