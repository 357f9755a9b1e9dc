/*
 * participant: a lane's lines of baskets that begin in other lanes.
 */
#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"
#include "engine/lane/baskets.h"
#include "engine/lane/decisions.h"
#include "engine/lane/turn.h"
#include "engine/sale/prepare.h"

static struct shared *new_shared(struct lane_baskets *baskets, const struct incoming *incoming)
{
	struct shared *shared = &baskets->shared[places_take(&baskets->shared_places)];

	CHECK(shared->state == SHARED_FREE);
	/* What is of each line is written before it is read. */
	shared->cnt = incoming->line_cnt;
	shared->coordinator_idx = incoming->from_lane_idx;
	shared->basket = incoming->open.basket;
	shared->refund = false;
	shared->late = false;
	shared->given_up = false;
	memcpy(shared->line, incoming->line, incoming->line_cnt);
	return shared;
}

static uint32_t number_of(const struct lane_baskets *baskets, const struct shared *shared)
{
	DCHECK(shared >= baskets->shared && shared < baskets->shared + BASKETS_MAX);
	return (uint32_t)(shared - baskets->shared);
}

static void end_shared(struct lane_baskets *baskets, struct shared *shared)
{
	CHECK(shared->state != SHARED_FREE);
	shared->state = SHARED_FREE;
	places_give(&baskets->shared_places, number_of(baskets, shared));
}

static void vote(struct lane_turn *turn, const struct lane *lane, uint16_t coordinator_idx,
		 const struct mail_vote *vote)
{
	struct mail mail = {
		.kind = MAIL_VOTE,
		.lane_idx = coordinator_idx,
		.from_lane_idx = lane->idx,
		.vote = *vote,
	};

	DCHECK(coordinator_idx != lane->idx && vote->basket < BASKETS_MAX);
	post_send(turn, &mail);
}

static void answer_line(struct lane_turn *turn, const struct lane *lane, uint16_t coordinator_idx,
			const struct mail_answer *answer)
{
	struct mail mail = {
		.kind = MAIL_ANSWER,
		.lane_idx = coordinator_idx,
		.from_lane_idx = lane->idx,
		.answer = *answer,
	};

	DCHECK(answer->line < WIRE_ENTRY_CNT_MAX);
	post_send(turn, &mail);
}

/* Nobody knows yet what these lines become. */
static void say_unavailable(struct lane_turn *turn, const struct lane *lane,
			    uint16_t coordinator_idx, uint16_t basket, const uint8_t *line,
			    uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++)
		answer_line(turn, lane, coordinator_idx,
			    &(struct mail_answer){.basket = basket,
						  .line = line[i],
						  .decision = {.verdict = VERDICT_UNAVAILABLE}});
}

/* Sends the answers of all lines, which may leave. */
static void send_answers(struct lane_turn *turn, const struct lane *lane,
			 const struct shared *shared)
{
	const uint64_t acknowledged = acknowledged_lsn(lane);

	DCHECK(shared->cnt > 0 && shared->cnt <= WIRE_ENTRY_CNT_MAX);
	for (unsigned i = 0; i < shared->cnt; i++) {
		const uint64_t lsn = shared->decisions[i].wait_lsn;
		struct mail_answer answer = {.basket = shared->basket,
					     .line = shared->line[i],
					     .decision = shared->decisions[i]};

		answer.decision.wait_lsn = 0;
		if (lsn > acknowledged)
			answer.decision = (struct decision){.verdict = VERDICT_UNAVAILABLE};
		else
			answer.durability = (uint8_t)acknowledged_durability(lane, lsn);
		answer_line(turn, lane, shared->coordinator_idx, &answer);
	}
}

/* The answers leave as soon as what they rest on is acknowledged. */
static void answer(struct lane_turn *turn, struct lane *lane, struct shared *shared)
{
	uint64_t lsn = 0;

	shared->state = SHARED_ANSWERS;
	for (unsigned i = 0; i < shared->cnt; i++)
		lsn = shared->decisions[i].wait_lsn > lsn ? shared->decisions[i].wait_lsn : lsn;
	DCHECK(lsn < journal_next_lsn(lane->journal));
	if (lsn <= acknowledged_lsn(lane) || lane_is_lost(lane))
		participant_acknowledged(turn, lane, number_of(lane->baskets, shared));
	else
		wait_for(&lane->baskets->until_acknowledged, lsn, number_of(lane->baskets, shared),
			 true);
}

void participant_acknowledged(struct lane_turn *turn, struct lane *lane, uint32_t number)
{
	struct shared *shared = &lane->baskets->shared[number];

	CHECK(shared->state == SHARED_ANSWERS);
	if (!shared->given_up)
		send_answers(turn, lane, shared);
	end_shared(lane->baskets, shared);
}

static void answer_all(struct lane_turn *turn, struct lane *lane, struct shared *shared,
		       enum verdict verdict)
{
	DCHECK(verdict >= VERDICT_REFUSAL_FIRST);
	for (unsigned i = 0; i < shared->cnt; i++)
		shared->decisions[i] = (struct decision){.verdict = (uint8_t)verdict};
	answer(turn, lane, shared);
}

/* The lines as requests; false: one of them names an order that is not there. */
static bool complete(const struct lane *lane, const struct incoming *incoming,
		     struct wire_request *lines, struct decision *decisions)
{
	const struct mail_open *open = &incoming->open;
	bool all = true;

	DCHECK(incoming->line_cnt == open->line_cnt && open->line_cnt > 0);
	for (unsigned i = 0; i < incoming->line_cnt; i++) {
		const struct wire_request *named = &incoming->lines[i];
		const uint64_t hold_id[2] = {named->id[0], named->id[1]};
		enum verdict wrong;

		lines[i] = *named;
		decisions[i] = (struct decision){.verdict = VERDICT_BASKET_REFUSED};
		if (open->whole == 0)
			continue;
		lines[i] = (struct wire_request){
			.id = {open->id[0], open->id[1]},
			.buyer = open->buyer,
			.sku = named->sku,
			.channel = open->channel,
			.op = open->op,
		};
		wrong = basket_complete(lane->shard, hold_id, &lines[i]);
		if (wrong == VERDICT_NONE)
			continue;
		decisions[i].verdict = (uint8_t)wrong;
		all = false;
	}
	return all;
}

/* Sets all lines aside, which were judged so. */
static void prepare(struct lane *lane, struct shared *shared, const struct basket *basket)
{
	DCHECK(shared->cnt == basket->cnt);
	for (unsigned i = 0; i < basket->cnt; i++) {
		struct record *slot = journal_slot(lane->journal);

		shared->places[i] = (uint16_t)prepare_line(basket, i, &shared->decisions[i], slot);
		journal_commit(lane->journal);
	}
	CHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	shared->late = basket->refund;
	shared->state = SHARED_PREPARED;
	wait_for(&lane->baskets->until_disk, journal_next_lsn(lane->journal) - 1,
		 number_of(lane->baskets, shared), true);
}

static void judge(struct lane_turn *turn, struct lane *lane, const struct incoming *incoming,
		  struct shared *shared)
{
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct decision *decisions = shared->decisions;
	struct basket basket = {
		.shard = lane->shard,
		.now_ns = lane->clock_ns,
		/* Another lane's clock may be ahead of ours. */
		.asked_ns = incoming->open.asked_ns > lane->clock_ns &&
					    incoming->open.asked_ns != ASKED_STALE
				    ? lane->clock_ns
				    : incoming->open.asked_ns,
		.lines = lines,
		.keys = keys,
		.cnt = incoming->line_cnt,
		.to_prepare = true,
	};
	enum basket_outcome outcome = BASKET_ANSWERED;

	if (complete(lane, incoming, lines, decisions)) {
		lookup_all(lane->shard, lines, keys, basket.cnt);
		if (incoming->open.mode == MAIL_EACH)
			for (unsigned i = 0; i < basket.cnt; i++)
				answer_one(lane, basket.asked_ns, &lines[i], &keys[i],
					   &decisions[i]);
		else
			outcome = answer_judge(lane, &basket, basket.cnt, decisions);
	}
	if (outcome == BASKET_COMMITS && incoming->open.mode == MAIL_PREPARE) {
		if (journal_has_room(lane->journal, basket.cnt) &&
		    prepare_has_room(lane->shard, basket.cnt)) {
			prepare(lane, shared, &basket);
			return;
		}
		answer_all(turn, lane, shared, VERDICT_UNDER_WAY);
		return;
	}
	/* What would commit rests on no record yet. */
	for (unsigned i = 0; i < basket.cnt; i++) {
		if (decision_would_commit(&decisions[i]))
			decisions[i].wait_lsn = 0;
	}
	answer(turn, lane, shared);
}

void participant_asked(struct lane_turn *turn, struct lane *lane, const struct incoming *incoming)
{
	struct lane_baskets *baskets = lane->baskets;
	struct shared *shared;

	DCHECK(incoming->lane_idx == lane->idx);
	if (lane_is_lost(lane)) {
		/* It can write no more, and needs no place for that answer. */
		say_unavailable(turn, lane, incoming->from_lane_idx, incoming->open.basket,
				incoming->line, incoming->line_cnt);
		return;
	}
	/* On paper only datagrams move a lane's clock. */
	if (lane->ack == ACK_ON_PAPER)
		lane_tick(lane, incoming->open.at_ns);
	if (baskets->shared_places.cnt == BASKETS_MAX ||
	    !answer_possible(lane, incoming->line_cnt)) {
		vote(turn, lane, incoming->from_lane_idx,
		     &(struct mail_vote){.basket = incoming->open.basket, .word = MAIL_BUSY});
		return;
	}
	shared = new_shared(baskets, incoming);
	shared->state = SHARED_ANSWERS;
	judge(turn, lane, incoming, shared);
}

void participant_written(struct lane_turn *turn, struct lane *lane, uint32_t number)
{
	struct shared *shared = &lane->baskets->shared[number];

	CHECK(shared->state == SHARED_PREPARED);
	if (lane_is_lost(lane)) {
		/* Whether they are on disk the next start finds out; nobody decides to commit. */
		lane->baskets->in_doubt_cnt += shared->cnt;
		answer_all(turn, lane, shared, VERDICT_UNAVAILABLE);
		return;
	}
	shared->state = SHARED_WAITS;
	vote(turn, lane, shared->coordinator_idx,
	     &(struct mail_vote){.basket = shared->basket,
				 .share = (uint16_t)number,
				 .word = MAIL_YES,
				 .late = shared->late});
}

void participant_take(struct lane *lane, const struct mail *mail)
{
	struct shared *shared = &lane->baskets->shared[mail->decide.share];

	CHECK(mail->kind == MAIL_DECIDE && mail->decide.share < BASKETS_MAX);
	CHECK(shared->state == SHARED_WAITS && shared->basket == mail->decide.basket &&
	      shared->coordinator_idx == mail->from_lane_idx);
	shared->state = SHARED_DECIDED;
	shared->decision = mail->decide.decision;
	shared->refund = mail->decide.refund != 0;
	todo_add(&lane->baskets->shared_todo, mail->decide.share);
}

static void commit(struct lane *lane, struct shared *shared)
{
	DCHECK(shared->decision == MAIL_COMMIT);
	for (unsigned i = 0; i < shared->cnt; i++) {
		prepare_commit(lane->shard, shared->places[i], lane->clock_ns, shared->refund,
			       journal_slot(lane->journal), &shared->decisions[i]);
		journal_commit(lane->journal);
	}
	CHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
}

static void give_back(struct lane *lane, const struct shared *shared)
{
	DCHECK(shared->decision == MAIL_ABORT);
	for (unsigned i = 0; i < shared->cnt; i++) {
		prepare_abort(lane->shard, shared->places[i], lane->clock_ns,
			      journal_slot(lane->journal));
		journal_commit(lane->journal);
	}
	CHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
}

/* There is no room for what was decided, and none comes by waiting: the buyer waits no longer. The
 * units stay set aside until there is room again. */
static void give_up(struct lane_turn *turn, const struct lane *lane, struct shared *shared)
{
	if (shared->decision != MAIL_COMMIT || shared->given_up || !journal_is_full(lane->journal))
		return;
	DCHECK(!lane->draining);
	shared->given_up = true;
	say_unavailable(turn, lane, shared->coordinator_idx, shared->basket, shared->line,
			shared->cnt);
}

/* The coordinator need not ask for these lines any more. */
static void end_done(struct lane_turn *turn, struct lane *lane, struct shared *shared)
{
	DCHECK(shared->decision != MAIL_COMMIT);
	vote(turn, lane, shared->coordinator_idx,
	     &(struct mail_vote){.basket = shared->basket, .word = MAIL_DONE});
	end_shared(lane->baskets, shared);
}

/* What was decided cannot be written any more: the next start does it. */
static void leave(struct lane_turn *turn, struct lane *lane, struct shared *shared)
{
	lane->baskets->in_doubt_cnt += shared->cnt;
	if (shared->decision == MAIL_COMMIT)
		answer_all(turn, lane, shared, VERDICT_UNAVAILABLE);
	else
		end_done(turn, lane, shared);
}

/* Does what was decided, if there is room for the records. */
static bool carry_out(struct lane_turn *turn, struct lane *lane, struct shared *shared)
{
	const bool room = journal_has_room(lane->journal, shared->cnt);

	DCHECK(shared->state == SHARED_DECIDED && shared->cnt > 0);
	if (lane_is_lost(lane) || shared->decision == MAIL_UNKNOWN ||
	    (lane->draining && !room && journal_is_full(lane->journal))) {
		leave(turn, lane, shared);
		return true;
	}
	if (!room) {
		give_up(turn, lane, shared);
		return false;
	}
	if (shared->decision == MAIL_COMMIT) {
		commit(lane, shared);
		answer(turn, lane, shared);
	} else {
		give_back(lane, shared);
		end_done(turn, lane, shared);
	}
	return true;
}

bool participant_turn(struct lane_turn *turn, struct lane *lane)
{
	struct todo *todo = &lane->baskets->shared_todo;
	uint32_t number;
	bool any = false;

	for (uint32_t left = todo->tail - todo->head; left > 0 && todo_take(todo, &number);
	     left--) {
		struct shared *shared = &lane->baskets->shared[number];

		DCHECK(shared->state == SHARED_DECIDED);
		if (carry_out(turn, lane, shared))
			any = true;
		else
			todo_add(todo, number);
	}
	return any;
}
