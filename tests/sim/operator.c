#include "tests/sim/operator.h"

#include <errno.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/engine.h"

enum {
	/* Per mille, of a lane and turn. */
	ACTS = 60,
	/* Per mille, of what is done then. */
	DRAINS = 6,
	GIVES_UP = 12,
	IS_BAD = 60,
	MANY = 120,
	MANY_MAX = 200, /* more than a turn carries out */
};

static void count(struct sim_engine *engine, enum tally_row row)
{
	engine->tally->cnt[row]++;
}

static bool is_full(const struct sim_operator *operator)
{
	return operator->sent - operator->answered >= OPERATOR_OUT_MAX - COMMANDS_KEPT_FREE;
}

static void send(struct sim_lane *lane, struct command command, struct sent_command sent)
{
	struct sim_operator *operator= & lane->operator;

	CHECK(operator->sent - operator->answered<OPERATOR_OUT_MAX);
	sent.verb = (enum command_verb)command.verb;
	sent.after_drain = operator->drained;
	command.number = ++operator->sent;
	operator->out[command.number % OPERATOR_OUT_MAX] = sent;
	CHECK(commands_send(lane->lane->commands, &command));
}

/* The LSN of this offer, or placed SKU, among those up to last_lsn; 0: it is not there. */
static uint64_t find_offer(const struct truth *truth, uint64_t last_lsn, const struct record *offer)
{
	for (uint64_t lsn = 1; lsn <= last_lsn; lsn++) {
		if (truth->records[lsn].kind == offer->kind &&
		    truth->records[lsn].sku == offer->sku)
			return lsn;
	}
	return 0;
}

/* What arrives later finds it on sale here, or hears where it is sold. */
static uint64_t *known_since(struct sim_lane *lane, unsigned offer)
{
	return offer < lane->offer_cnt ? &lane->buyers.known_since[offer]
				       : &lane->buyers.away[offer - lane->offer_cnt].known_since;
}

void operator_recovered(struct sim_lane *lane, uint64_t last_lsn)
{
	struct sim_operator *operator= & lane->operator;

	operator->sent = operator->answered = 0;
	operator->drained = operator->gave_up = false;
	for (unsigned i = 0; i < lane->offer_cnt + lane->placed_cnt; i++) {
		const uint64_t lsn = find_offer(&lane->truth, last_lsn, &lane->offers[i]);

		/* What was answered is there, where the answer said. */
		CHECK(operator->lsns[i] == 0 || operator->lsns[i] == lsn);
		*known_since(lane, i) = lsn > 0 ? 0 : UINT64_MAX;
	}
}

static void put_one(struct sim_lane *lane, unsigned offer)
{
	send(lane, (struct command){.verb = COMMAND_PUT_ON_SALE, .record = lane->offers[offer]},
	     (struct sent_command){.offer = (uint8_t)offer});
}

void operator_put(struct sim_engine *engine, struct sim_lane *lane, unsigned cnt)
{
	struct offer_view known;

	(void)engine;
	for (unsigned i = 0; i < cnt; i++) {
		if (!shard_find_offer(lane->lane->shard, lane->offers[i].sku, &known))
			put_one(lane, i);
	}
	for (unsigned i = lane->offer_cnt; i < lane->offer_cnt + lane->placed_cnt; i++) {
		if (shard_owner(lane->lane->shard, lane->offers[i].sku) == lane->lane->idx)
			put_one(lane, i);
	}
}

/* An order, or an offer of another lane where there is one. */
static void put_bad(struct sim_engine *engine, struct sim_lane *lane)
{
	struct command command = {.verb = COMMAND_PUT_ON_SALE, .record = lane->offers[0]};

	if (engine->lane_cnt == 1 || random_chance(engine->random, 500))
		command.record.kind = RECORD_ORDER;
	/* One that is placed here is not bad. */
	command.record.flags = 0;
	while (engine->lane_cnt > 1 && command.record.kind == RECORD_OFFER &&
	       (wire_shard_of(command.record.sku, (uint16_t)engine->lane_cnt) == lane->lane->idx ||
		command.record.sku == lane->offers[0].sku))
		command.record.sku = 1 + random_below(engine->random, 1000000);
	send(lane, command, (struct sent_command){.bad = true});
}

void operator_end(struct sim_lane *lane, enum command_verb verb, int error)
{
	bool *done = verb == COMMAND_DRAIN ? &lane->operator.drained : & lane->operator.gave_up;

	if (*done)
		return;
	send(lane, (struct command){.verb = verb, .error = error}, (struct sent_command){0});
	*done = true;
}

void operator_act(struct sim_engine *engine, struct sim_lane *lane)
{
	struct sim_random *random = engine->random;
	uint64_t way;
	unsigned cnt = 1;

	if (is_full(&lane->operator) || !random_chance(random, ACTS))
		return;
	way = random_below(random, 1000);
	if (way < DRAINS) {
		operator_end(lane, COMMAND_DRAIN, 0);
		return;
	}
	if (way < GIVES_UP) {
		operator_end(lane, COMMAND_ABANDON, ETIMEDOUT);
		return;
	}
	if (way < IS_BAD) {
		put_bad(engine, lane);
		return;
	}
	if (way < MANY)
		cnt = 1 + (unsigned)random_below(random, MANY_MAX);
	for (unsigned i = 0; i < cnt && !is_full(&lane->operator); i++)
		put_one(lane, (unsigned)random_below(random, lane->offer_cnt + lane->placed_cnt));
}

/* It is durable now, also where buyers get answers that rest on memory only. */
static void told_on_sale(struct sim_engine *engine, struct sim_lane *lane,
			 const struct sent_command *sent, const struct command_answer *answer)
{
	struct sim_operator *operator= & lane->operator;
	const struct truth *truth = &lane->truth;
	const uint64_t down_lsn = engine->disk.rotten ? truth->written_lsn : truth->down_lsn;
	const struct record *offer = &lane->offers[sent->offer];
	const uint64_t lsn = find_offer(truth, down_lsn, offer);
	struct record record;

	CHECK(!sent->bad && lsn > 0);
	record = truth->records[lsn];
	record.at_ns = 0;
	CHECK(memcmp(&record, offer, sizeof(record)) == 0);
	if (answer->rc == 0) {
		CHECK(answer->lsn == lsn && operator->lsns[sent->offer] == 0);
		/* If this life had begun with the offer, it would have been refused. */
		CHECK(lsn > truth->kept_lsn);
	} else {
		CHECK(answer->lsn == 0);
	}
	operator->lsns[sent->offer] = lsn;
	if (*known_since(lane, sent->offer) == UINT64_MAX)
		*known_since(lane, sent->offer) = engine->arrival_cnt;
	count(engine, answer->rc == 0 ? TALLY_PUT_ON_SALE : TALLY_PUT_TWICE);
	if (answer->rc == 0 && offer->kind == RECORD_PLACED)
		count(engine, TALLY_PLACED);
}

static void told_of_offer(struct sim_engine *engine, struct sim_lane *lane,
			  const struct sent_command *sent, const struct command_answer *answer,
			  int error)
{
	const struct sim_operator *operator= & lane->operator;

	/* A lane that drains puts nothing on sale. */
	CHECK(!sent->after_drain || answer->rc == -ESHUTDOWN ||
	      (error != 0 && answer->rc == -error));
	CHECK(answer->rc == 0 || answer->lsn == 0 || error != 0);
	switch (answer->rc) {
	case 0:
	case -EEXIST:
		told_on_sale(engine, lane, sent, answer);
		break;
	case -EBADMSG:
		CHECK(sent->bad);
		count(engine, TALLY_PUT_BAD);
		break;
	case -ESHUTDOWN:
		CHECK(operator->drained || operator->gave_up);
		count(engine, TALLY_PUT_DRAINING);
		break;
	case -EAGAIN:
		CHECK(!sent->bad);
		count(engine, TALLY_PUT_FULL);
		break;
	default:
		CHECK(error != 0 && answer->rc == -error);
		count(engine, TALLY_PUT_UNKNOWN);
	}
}

static void told_of_end(struct sim_engine *engine, const struct sim_lane *lane,
			const struct sent_command *sent, const struct command_answer *answer,
			int error)
{
	CHECK(answer->lsn == 0);
	CHECK(answer->rc == 0 || (error != 0 && answer->rc == -error));
	if (sent->verb == COMMAND_DRAIN)
		CHECK(lane->lane->draining);
	else
		count(engine, error == 0 ? TALLY_GAVE_UP_IDLE : TALLY_GAVE_UP);
}

void operator_listen(struct sim_engine *engine, struct sim_lane *lane)
{
	struct sim_operator *operator= & lane->operator;
	const int error = journal_error(lane->lane->journal);
	struct command_answer answer;

	while (commands_answer(lane->lane->commands, &answer)) {
		const struct sent_command *sent = &operator->out[answer.number % OPERATOR_OUT_MAX];

		/* Each once, in order. */
		CHECK(answer.number == operator->answered + 1 && answer.number <= operator->sent);
		operator->answered++;
		if (sent->verb == COMMAND_PUT_ON_SALE)
			told_of_offer(engine, lane, sent, &answer, error);
		else
			told_of_end(engine, lane, sent, &answer, error);
	}
	/* The lane says so itself when nothing is left. */
	CHECK(commands_any(lane->lane->commands) == (operator->answered != operator->sent));
}

bool operator_waits(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct sim_operator *operator= & engine->lanes[i].operator;

		if (operator->answered != operator->sent)
			return true;
	}
	return false;
}
