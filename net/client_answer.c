/*
 * client_answer: what a reply means to the requests of its datagram: which are answered, which are
 * asked again, and which go to another shard. A basket is one thing in all of this: its lines are
 * answered together, and stay together.
 */
#include <string.h>

#include "engine/base/check.h"
#include "net/client_state.h"

/* Whether a refusal is of this moment alone: a copy that comes later may be carried out, because
 * units came back, the hold nears its end, or what was held is sold by then. */
static bool is_of_the_moment(uint8_t verdict)
{
	switch (verdict) {
	case VERDICT_SOLD_OUT:
	case VERDICT_LIMIT_REACHED:
	case VERDICT_ALREADY_HELD:
	case VERDICT_CANNOT_EXTEND:
	case VERDICT_NOT_SOLD:
		return true;
	default:
		return false;
	}
}

/* An answer that no copy can change any more. */
static bool is_final(uint8_t verdict)
{
	return (verdict != VERDICT_NONE && verdict < VERDICT_REFUSAL_FIRST) ||
	       verdict == VERDICT_HOLD_EXPIRED;
}

/* turns: another copy may get another answer. */
static void finish(struct client *client, const struct entry *entry, uint64_t not_after_ns,
		   const struct wire_reply *reply, bool answered, bool turns)
{
	const struct client_answer answer = {
		.user = entry->user,
		.answered = answered,
		.attempts = entry->attempts,
		.latency_ns = client->now_ns > entry->intended_ns
				      ? client->now_ns - entry->intended_ns
				      : 0,
		.not_after_ns = not_after_ns,
		/* Of the attempts, `told` and this one were answered. */
		.may_turn = turns && !is_final(reply->verdict) && entry->attempts > entry->told + 1,
		.reply = *reply,
	};

	client->pending--;
	client->answered++;
	client->on_answer(client->context, &answer);
}

void client_give_up(struct client *client, int32_t idx)
{
	struct slot *slot = &client->slots[idx];

	for (unsigned i = 0; i < slot->count; i++) {
		const struct wire_request *request = &slot->requests[i];
		const struct entry *entry = &slot->entries[i];
		const bool answered = (entry->told > 0 && entry->told == entry->attempts) ||
				      is_final(entry->last.verdict);
		const struct wire_reply unknown = {
			.id = {request->id[0], request->id[1]},
			.verdict = VERDICT_UNAVAILABLE,
		};

		finish(client, entry, slot->not_after_ns, answered ? &entry->last : &unknown,
		       answered, false);
	}
	client_free_slot(client, idx);
}

/* A datagram that was answered, and when. */
struct heard {
	int32_t idx;
	struct slot *slot;
	const struct wire_reply *replies;
	bool early;   /* the engine's clock has not reached a date of ours */
	bool too_old; /* what is STALE was dated by a clock that is late */
	bool in_time; /* it can be asked again before its deadline */
};

/* Whether a later copy may get another verdict, and it is for the client to ask. */
static bool asks_again(const struct heard *heard, uint8_t verdict)
{
	switch (verdict) {
	case VERDICT_UNAVAILABLE:
	case VERDICT_DRAINING:
	case VERDICT_JOURNAL_FULL:
	case VERDICT_UNDER_WAY:
		return true;
	case VERDICT_NOT_OPEN:
		return heard->early;
	case VERDICT_STALE:
		return heard->early || (heard->in_time && heard->too_old);
	default:
		return false;
	}
}

/* Reads the date of a reply: the engine's clock, and whether it has not reached a date of ours. */
static void hear_date(struct client *client, struct heard *heard, const uint8_t *datagram)
{
	const struct slot *slot = heard->slot;
	const struct wire_date date = wire_date_of(datagram);

	heard->early = date.issued_at_ns < slot->issued_at_ns;
	heard->too_old = !heard->early && date.sale == client->sale;
	engine_clock_hear(&client->clocks[slot->shard], client->now_ns, date.issued_at_ns,
			  wire_date_of(slot->bytes).issued_at_ns);
}

/* Puts it off, as one that was answered already. */
static void wait_again(struct client *client, const struct heard *heard)
{
	if (heard->in_time)
		client_wait(client, heard->idx);
	else
		client_wait_to_end(client, heard->idx);
}

/* Sends a slot's entries at once: to a shard that was not asked before, or that was not asked for
 * these. */
static void ask_at_once(struct client *client, const struct heard *heard)
{
	heard->slot->backoff_ms = client->retry_first_ms;
	client_seal(client, heard->idx);
	client_queue_slot(client, heard->idx);
}

/* Whether an answer sends the request to another shard. Remembers the way. */
static bool names_shard(struct client *client, const struct wire_request *request,
			const struct wire_reply *reply)
{
	if (reply->verdict != VERDICT_WRONG_SHARD || reply->quantity >= client->shards)
		return false;
	if (request->op != WIRE_OP_PING)
		client_routes_learn(&client->routes, request->sku, reply->quantity);
	return true;
}

/* An entry goes to another shard: copies at the former one never become orders. */
static void move_entry(struct entry *entry, const struct wire_reply *reply, uint16_t shard)
{
	DCHECK(entry->moves > 0);
	entry->moves--;
	entry->told = entry->attempts;
	entry->last = *reply;
	entry->shard = shard;
}

/* ---- single requests ---- */

/* Moves what a datagram had no room for to the front: at the back are those that were asked
 * already. Returns how many were moved. */
static uint16_t move_rest(struct slot *slot, uint16_t first, uint16_t kept)
{
	struct wire_request *requests = slot->requests;
	struct wire_request asked[WIRE_ENTRY_CNT_MAX];
	struct entry entries[WIRE_ENTRY_CNT_MAX];
	const uint16_t rest = slot->count - first;

	if (rest == 0)
		return 0;
	memcpy(asked, requests, kept * sizeof(asked[0]));
	memcpy(entries, slot->entries, kept * sizeof(entries[0]));
	memmove(requests, &requests[first], rest * sizeof(requests[0]));
	memmove(slot->entries, &slot->entries[first], rest * sizeof(entries[0]));
	memcpy(&requests[rest], asked, kept * sizeof(asked[0]));
	memcpy(&slot->entries[rest], entries, kept * sizeof(entries[0]));
	return rest;
}

/* What stays in a datagram that was answered. */
struct kept {
	uint16_t cnt;
	uint16_t moving; /* of these, to another shard */
};

static struct entry *keep(struct slot *slot, unsigned from, struct kept *kept)
{
	struct entry *entry = &slot->entries[kept->cnt];

	slot->requests[kept->cnt++] = slot->requests[from];
	*entry = slot->entries[from];
	return entry;
}

static void keep_told(const struct heard *heard, unsigned from, struct kept *kept)
{
	struct entry *entry = keep(heard->slot, from, kept);

	entry->told += !heard->early;
	entry->last = heard->replies[from];
}

/* Puts the request into a datagram to the shard that the answer names; where none is free, it stays
 * in this one, which goes there, or comes back to it later. */
static void reroute(struct client *client, const struct heard *heard, unsigned from,
		    struct kept *kept)
{
	struct slot *slot = heard->slot;
	const struct wire_reply *reply = &heard->replies[from];
	struct entry moved = slot->entries[from];

	move_entry(&moved, reply, reply->quantity);
	if (client_add_entry(client, &slot->requests[from], &moved, slot->deadline_ns))
		return;
	*keep(slot, from, kept) = moved;
	kept->moving++;
	slot->scattered = true;
}

/* Sends again, or puts off, what stays in a slot. */
static void ask_kept(struct client *client, const struct heard *heard, uint16_t asked,
		     const struct kept *kept)
{
	struct slot *slot = heard->slot;

	slot->count = kept->cnt + move_rest(slot, asked, kept->cnt);
	if (slot->count == 0) {
		client_free_slot(client, heard->idx);
		return;
	}
	if (kept->cnt == kept->moving) {
		ask_at_once(client, heard);
		return;
	}
	client_seal(client, heard->idx);
	wait_again(client, heard);
}

/* Hands out the answers. Entries whose verdict may turn stay in the slot and are asked again later,
 * or wait for the deadline if there is no time for that; so do those that no datagram to their
 * shard was free for. Entries that the datagram had no room for go out next. */
static void answer_singles(struct client *client, const struct heard *heard)
{
	struct slot *slot = heard->slot;
	const uint16_t asked = wire_count(slot->bytes);
	struct kept kept = {0};

	for (unsigned i = 0; i < asked; i++) {
		const struct wire_reply *reply = &heard->replies[i];

		if (names_shard(client, &slot->requests[i], reply) && slot->entries[i].moves > 0)
			reroute(client, heard, i, &kept);
		else if (asks_again(heard, reply->verdict))
			keep_told(heard, i, &kept);
		else
			finish(client, &slot->entries[i], slot->not_after_ns, reply, true,
			       is_of_the_moment(reply->verdict));
	}
	ask_kept(client, heard, asked, &kept);
}

/* ---- baskets ---- */

/* The first line says which shard a basket goes to. */
static bool move_basket(struct client *client, const struct heard *heard)
{
	struct slot *slot = heard->slot;
	const uint16_t shard = heard->replies[0].quantity;
	bool moves = false;

	for (unsigned i = 0; i < slot->count; i++) {
		const bool named = names_shard(client, &slot->requests[i], &heard->replies[i]);

		if (i == 0)
			moves = named && slot->entries[0].moves > 0;
	}
	if (!moves)
		return false;
	for (unsigned i = 0; i < slot->count; i++)
		move_entry(&slot->entries[i], &heard->replies[i], shard);
	slot->shard = shard;
	ask_at_once(client, heard);
	return true;
}

/* All lines are answered, or all of them are asked again. */
static void answer_basket(struct client *client, const struct heard *heard)
{
	struct slot *slot = heard->slot;
	bool again = false;
	bool turns = false;

	if (move_basket(client, heard))
		return;
	for (unsigned i = 0; i < slot->count; i++) {
		again |= asks_again(heard, heard->replies[i].verdict);
		/* Then those that it stopped may be carried out, too. */
		turns |= is_of_the_moment(heard->replies[i].verdict);
	}
	for (unsigned i = 0; i < slot->count; i++) {
		struct entry *entry = &slot->entries[i];

		if (!again) {
			finish(client, entry, slot->not_after_ns, &heard->replies[i], true, turns);
			continue;
		}
		entry->told += !heard->early;
		entry->last = heard->replies[i];
	}
	if (!again) {
		client_free_slot(client, heard->idx);
		return;
	}
	client_seal(client, heard->idx);
	wait_again(client, heard);
}

void client_answer_slot(struct client *client, int32_t idx, uint8_t *datagram)
{
	struct slot *slot = &client->slots[idx];
	struct heard heard = {
		.idx = idx,
		.slot = slot,
		.replies = wire_replies(datagram),
		.in_time =
			client->now_ns + slot->backoff_ms * UINT64_C(1000000) < slot->deadline_ns,
	};

	if (wire_is_dated(datagram))
		hear_date(client, &heard, datagram);
	timer_wheel_stop(&client->wheel, idx);
	if (slot->basket != 0)
		answer_basket(client, &heard);
	else
		answer_singles(client, &heard);
}
