/*
 * coordinator: baskets whose first line is the lane's own.
 */
#include "engine/base/check.h"
#include "engine/base/mix64.h"
#include "engine/lane/acknowledged.h"
#include "engine/lane/baskets.h"
#include "engine/lane/decisions.h"
#include "engine/lane/turn.h"
#include "engine/sale/links.h"

enum {
	/* A line may be sought in another lane: where its SKU was placed. */
	REROUTES_MAX = 2,
	BUSY_NS = 50000,
};

/* The lane's own lines, as a basket. */
struct own {
	struct basket basket;
	uint8_t line[WIRE_ENTRY_CNT_MAX]; /* which of all */
	struct wire_request lines[WIRE_ENTRY_CNT_MAX];
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct decision decisions[WIRE_ENTRY_CNT_MAX];
};

static bool is_own(const struct lane *lane, const struct spanning *spanning, uint32_t line)
{
	DCHECK(line < spanning->cnt);
	return spanning->parts[line].shard == lane->idx;
}

static void own_lines(const struct lane *lane, const struct spanning *spanning, struct own *own)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < spanning->cnt; i++) {
		if (!is_own(lane, spanning, i))
			continue;
		own->line[cnt] = (uint8_t)i;
		own->lines[cnt++] = spanning->lines[i];
	}
	CHECK(cnt > 0 && own->line[0] == 0);
	lookup_all(lane->shard, own->lines, own->keys, cnt);
	own->basket = (struct basket){
		.shard = lane->shard,
		.now_ns = lane->clock_ns,
		.asked_ns = spanning->asked_ns,
		.lines = own->lines,
		.keys = own->keys,
		.cnt = cnt,
		.links_follow = true,
		.late_elsewhere = spanning->late,
	};
}

static void keep_own(struct spanning *spanning, const struct own *own)
{
	DCHECK(own->basket.cnt < spanning->cnt);
	for (uint32_t i = 0; i < own->basket.cnt; i++)
		spanning->decisions[own->line[i]] = own->decisions[i];
}

static void refuse_others(const struct lane *lane, struct spanning *spanning)
{
	DCHECK(is_own(lane, spanning, 0));
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		if (!is_own(lane, spanning, i))
			spanning->decisions[i] =
				(struct decision){.verdict = VERDICT_BASKET_REFUSED};
	}
}

/* ---- its table ---- */

static uint8_t *first_lines_of(struct lane_baskets *baskets, const struct wire_request *line)
{
	const uint64_t hash = mix64(line->id[0] ^ line->id[1] ^ line->sku);

	static_assert(BASKETS_MAX <= UINT8_MAX, "lane_baskets.first_lines");
	return &baskets->first_lines[hash >> (64 - FIRST_LINES_BITS)];
}

static bool is_under_way(struct lane_baskets *baskets, const struct wire_request *line)
{
	DCHECK(baskets->spanning_places.cnt <= BASKETS_MAX);
	if (*first_lines_of(baskets, line) == 0)
		return false;
	for (uint16_t i = 0; i < baskets->spanning_places.cnt; i++) {
		const struct wire_request *first =
			&baskets->spanning[baskets->spanning_places.list[i]].lines[0];

		if (first->id[0] == line->id[0] && first->id[1] == line->id[1] &&
		    first->sku == line->sku)
			return true;
	}
	return false;
}

bool coordinator_decides(const struct lane *lane, const struct wire_request *request)
{
	const struct lane_baskets *baskets = lane->baskets;

	for (uint16_t i = 0; baskets != NULL && i < baskets->spanning_places.cnt; i++) {
		const struct spanning *spanning =
			&baskets->spanning[baskets->spanning_places.list[i]];

		DCHECK(spanning->state != BASKET_FREE);
		for (uint32_t k = 0; k < spanning->cnt && !spanning->answered; k++) {
			const struct wire_request *line = &spanning->lines[k];

			if (line->id[0] == request->id[0] && line->id[1] == request->id[1] &&
			    line->sku == request->sku)
				return true;
		}
	}
	return false;
}

static void end_spanning(struct lane_baskets *baskets, struct spanning *spanning)
{
	uint8_t *first_lines = first_lines_of(baskets, &spanning->lines[0]);

	CHECK(spanning->state != BASKET_FREE && *first_lines > 0);
	spanning->state = BASKET_FREE;
	(*first_lines)--;
	places_give(&baskets->spanning_places, (uint32_t)(spanning - baskets->spanning));
}

/* The place for the datagram that is being answered. */
static uint16_t parking_of(struct lane_baskets *baskets)
{
	if (baskets->parking == BASKETS_MAX) {
		baskets->parking = places_take(&baskets->parked_places);
		CHECK(!baskets->parked[baskets->parking].used);
		baskets->parked[baskets->parking] = (struct parked){.used = true};
	}
	return baskets->parking;
}

/* Groups the lines of other lanes that are still to be asked about. */
static void share_out(const struct lane *lane, struct spanning *spanning, const bool *asked)
{
	spanning->share_cnt = 0;
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		uint32_t k = 0;

		spanning->asked[i] = !is_own(lane, spanning, i) && asked[i];
		if (!spanning->asked[i])
			continue;
		while (k < spanning->share_cnt &&
		       spanning->shares[k].lane_idx != spanning->parts[i].shard)
			k++;
		if (k == spanning->share_cnt)
			spanning->shares[spanning->share_cnt++] =
				(struct share){.lane_idx = spanning->parts[i].shard};
		spanning->shares[k].line_cnt++;
	}
	CHECK(spanning->share_cnt > 0);
	spanning->refused = false;
	spanning->late = false;
}

/* ---- it begins ---- */

/* Whether these are answers that were given before, and not refusals of now. */
static bool was_committed(const struct own *own)
{
	DCHECK(own->basket.cnt > 0);
	for (uint32_t i = 0; i < own->basket.cnt; i++) {
		const uint8_t verdict = own->decisions[i].verdict;

		if (verdict == VERDICT_NONE ||
		    (verdict >= VERDICT_REFUSAL_FIRST && verdict != VERDICT_HOLD_EXPIRED))
			return false;
	}
	return true;
}

static uint32_t others_cnt(const struct lane *lane, const struct spanning *spanning)
{
	uint32_t cnt = 0;

	for (uint32_t i = 0; i < spanning->cnt; i++)
		cnt += !is_own(lane, spanning, i);
	DCHECK(cnt > 0 && cnt < spanning->cnt);
	return cnt;
}

/* Judges its own lines first. False: that answers all of them. */
static bool begin(struct lane *lane, struct spanning *spanning)
{
	enum basket_outcome outcome = BASKET_ANSWERED;
	struct own own;

	own_lines(lane, spanning, &own);
	if (spanning->mode == MAIL_EACH) {
		for (uint32_t i = 0; i < own.basket.cnt; i++)
			answer_one(lane, spanning->asked_ns, &own.lines[i], &own.keys[i],
				   &own.decisions[i]);
		keep_own(spanning, &own);
		return true;
	}
	outcome = answer_judge(lane, &own.basket, spanning->cnt, own.decisions);
	keep_own(spanning, &own);
	refuse_others(lane, spanning);
	if (outcome == BASKET_COMMITS && !links_has_room(lane->shard, others_cnt(lane, spanning))) {
		for (uint32_t i = 0; i < spanning->cnt; i++)
			spanning->decisions[i] = (struct decision){.verdict = VERDICT_TABLE_FULL};
		return false;
	}
	return outcome == BASKET_COMMITS || was_committed(&own);
}

static void first_step(const struct lane *lane, struct spanning *spanning)
{
	bool all[WIRE_ENTRY_CNT_MAX];

	memset(all, true, sizeof(all));
	share_out(lane, spanning, all);
	/* With one other lane there is nothing to be set aside in vain. */
	spanning->state = BASKET_ASKING;
	if (spanning->mode != MAIL_EACH && spanning->decisions[0].verdict == VERDICT_NONE &&
	    spanning->share_cnt == 1)
		spanning->state = BASKET_PREPARING;
}

static enum basket_begin answer_alike(uint32_t cnt, enum verdict verdict,
				      struct decision *decisions)
{
	DCHECK(cnt > 0 && cnt <= WIRE_ENTRY_CNT_MAX);
	for (uint32_t i = 0; i < cnt; i++)
		decisions[i] = (struct decision){.verdict = (uint8_t)verdict};
	return BASKET_BEGIN_ANSWERED;
}

enum basket_begin coordinator_begin(struct lane *lane, const struct wire_request *lines,
				    const struct basket_part *parts, uint32_t cnt,
				    struct asked asked, enum mail_mode mode, int whole,
				    struct decision *decisions)
{
	struct lane_baskets *baskets = lane->baskets;
	struct spanning *spanning;

	CHECK(cnt > 1 && cnt <= WIRE_ENTRY_CNT_MAX && parts[0].shard == lane->idx);
	if (lane->draining)
		return answer_alike(cnt, VERDICT_DRAINING, decisions);
	if (is_under_way(baskets, &lines[0]) || baskets->spanning_places.cnt == BASKETS_MAX ||
	    (baskets->parking == BASKETS_MAX && baskets->parked_places.cnt == BASKETS_MAX))
		return answer_alike(cnt, VERDICT_UNDER_WAY, decisions);
	spanning = &baskets->spanning[baskets->spanning_places.list[baskets->spanning_places.cnt]];
	CHECK(spanning->state == BASKET_FREE);
	memset(spanning, 0, offsetof(struct spanning, lines));
	spanning->mode = (uint8_t)mode;
	spanning->whole = whole >= 0;
	spanning->entry = whole >= 0 ? (uint8_t)whole : 0;
	spanning->cnt = (uint8_t)cnt;
	spanning->asked_ns = asked.at_ns;
	spanning->good_until_ns = asked.good_until_ns;
	memset(spanning->decisions, 0, cnt * sizeof(*decisions));
	memset(spanning->durability, 0, cnt * sizeof(spanning->durability[0]));
	memcpy(spanning->lines, lines, cnt * sizeof(*lines));
	memcpy(spanning->parts, parts, cnt * sizeof(*parts));
	if (!begin(lane, spanning)) {
		memcpy(decisions, spanning->decisions, cnt * sizeof(*decisions));
		return BASKET_BEGIN_ANSWERED;
	}
	first_step(lane, spanning);
	(void)places_take(&baskets->spanning_places);
	(*first_lines_of(baskets, &lines[0]))++;
	todo_add(&baskets->spanning_todo, (uint32_t)(spanning - baskets->spanning));
	spanning->parked = parking_of(baskets);
	baskets->parked[spanning->parked].basket_cnt++;
	return BASKET_BEGIN_PARKED;
}

/* ---- its answer ---- */

static void write_answers(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	struct parked *parked = &lane->baskets->parked[spanning->parked];
	struct wire_reply *replies = wire_replies(exchange_datagram(&parked->exchange));

	DCHECK(wire_count(exchange_datagram(&parked->exchange)) == spanning->cnt);
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		answer_write(lane, &spanning->decisions[i], &replies[i]);
		if (!is_own(lane, spanning, i))
			replies[i].durability = spanning->durability[i];
		turn->verdict_cnt[replies[i].verdict]++;
	}
}

static void write_sum(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	struct parked *parked = &lane->baskets->parked[spanning->parked];
	struct wire_reply *reply =
		&wire_replies(exchange_datagram(&parked->exchange))[spanning->entry];
	struct decision sum;

	DCHECK(spanning->entry < wire_count(exchange_datagram(&parked->exchange)));
	basket_sum(spanning->decisions, spanning->cnt, &sum);
	answer_write(lane, &sum, reply);
	turn->verdict_cnt[reply->verdict]++;
}

/* All its lines have an answer. */
static void answer(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	struct parked *parked = &lane->baskets->parked[spanning->parked];

	DCHECK(parked->used && parked->basket_cnt > 0);
	CHECK(!spanning->answered);
	spanning->answered = true;
	if (spanning->whole)
		write_sum(turn, lane, spanning);
	else
		write_answers(turn, lane, spanning);
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		if (is_own(lane, spanning, i) && spanning->decisions[i].wait_lsn > parked->lsn)
			parked->lsn = spanning->decisions[i].wait_lsn;
	}
	parked->basket_cnt--;
}

/* ---- its steps ---- */

/* What the shares that voted yes are still to be told. */
static void begin_finish(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	bool any = false;

	spanning->state = BASKET_FINISHING;
	for (uint32_t i = 0; i < spanning->share_cnt; i++) {
		struct share *share = &spanning->shares[i];

		DCHECK(share->state == SHARE_YES || share->state == SHARE_ENDED);
		any |= share->state == SHARE_YES;
		share->state = share->state == SHARE_YES ? SHARE_TO_ASK : SHARE_ENDED;
	}
	if (!spanning->commits)
		answer(turn, lane, spanning);
	if (!any)
		end_spanning(lane->baskets, spanning);
}

/* Nothing more is committed: whoever is not answered yet is refused because of the others. */
static void end_uncommitted(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		struct decision *decision = &spanning->decisions[i];

		if (decision->verdict != VERDICT_NONE)
			continue;
		decision->verdict = VERDICT_BASKET_REFUSED;
		decision->wait_lsn = 0;
	}
	spanning->commits = false;
	begin_finish(turn, lane, spanning);
}

/* Writes the decision: the own lines, and a link for each other one. */
static void commit(struct lane *lane, struct spanning *spanning, struct own *own)
{
	uint32_t left = others_cnt(lane, spanning);
	uint64_t first_lsn;

	answer_commit(lane, &own->basket, spanning->cnt, own->decisions);
	first_lsn = journal_next_lsn(lane->journal) - own->basket.cnt;
	keep_own(spanning, own);
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		const struct wire_request *request = &spanning->lines[i];
		const struct snapshot_link line = {
			.request_id = {request->id[0], request->id[1]},
			.buyer = request->buyer,
			.sku = request->sku,
			.first_lsn = first_lsn,
			.shard = spanning->parts[i].shard,
			.goes_on = left > 1,
		};

		if (is_own(lane, spanning, i))
			continue;
		link_commit(lane->shard, &line, lane->clock_ns, journal_slot(lane->journal));
		journal_commit(lane->journal);
		left--;
	}
	CHECK(left == 0 && shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	spanning->lsn = journal_next_lsn(lane->journal) - 1;
	spanning->late = own->basket.refund;
	spanning->state = BASKET_COMMITTED;
	wait_for(&lane->baskets->until_disk, spanning->lsn,
		 (uint32_t)(spanning - lane->baskets->spanning), false);
}

/* All other lines are set aside: the own ones are judged again. */
static bool decide_basket(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	enum basket_outcome outcome;
	struct own own;

	DCHECK(spanning->state == BASKET_DECIDING);
	if (lane_is_lost(lane)) {
		for (uint32_t i = 0; i < spanning->cnt; i++)
			spanning->decisions[i] = (struct decision){
				.verdict = is_own(lane, spanning, i) ? VERDICT_UNAVAILABLE
								     : VERDICT_BASKET_REFUSED};
		end_uncommitted(turn, lane, spanning);
		return true;
	}
	if (!answer_possible(lane, spanning->cnt))
		return false;
	/* What its client was told is worth nothing after its life must not be committed then. */
	if (lane->clock_ns > spanning->good_until_ns)
		spanning->asked_ns = ASKED_STALE;
	own_lines(lane, spanning, &own);
	outcome = answer_judge(lane, &own.basket, spanning->cnt, own.decisions);
	if (outcome == BASKET_COMMITS && links_has_room(lane->shard, others_cnt(lane, spanning))) {
		commit(lane, spanning, &own);
		return true;
	}
	/* Other baskets have taken the room for links since it began. */
	for (uint32_t i = 0; outcome == BASKET_COMMITS && i < own.basket.cnt; i++)
		own.decisions[i] = (struct decision){.verdict = VERDICT_TABLE_FULL};
	keep_own(spanning, &own);
	end_uncommitted(turn, lane, spanning);
	return true;
}

void coordinator_written(struct lane_turn *turn, struct lane *lane, uint32_t number)
{
	struct spanning *spanning = &lane->baskets->spanning[number];

	CHECK(spanning->state == BASKET_COMMITTED);
	spanning->commits = true;
	if (lane_is_lost(lane) && spanning->lsn > journal_durable_lsn(lane->journal)) {
		/* Whether it is on disk the next start finds out, for all lanes alike. */
		for (uint32_t i = 0; i < spanning->cnt; i++)
			spanning->decisions[i] = (struct decision){.verdict = VERDICT_UNAVAILABLE};
		spanning->unknown = true;
		spanning->commits = false;
	}
	begin_finish(turn, lane, spanning);
	todo_add(&lane->baskets->spanning_todo, number);
}

/* Seeks lines where the catalog placed their SKUs. False: none is elsewhere. */
static bool reroute(const struct lane *lane, struct spanning *spanning)
{
	bool moved[WIRE_ENTRY_CNT_MAX] = {false};
	bool any = false;

	if (spanning->reroutes == REROUTES_MAX)
		return false;
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		const struct decision *decision = &spanning->decisions[i];

		if (is_own(lane, spanning, i) || decision->verdict != VERDICT_WRONG_SHARD ||
		    decision->quantity == spanning->parts[i].shard ||
		    decision->quantity == lane->idx)
			continue;
		spanning->parts[i].shard = decision->quantity;
		moved[i] = true;
		any = true;
	}
	if (!any)
		return false;
	spanning->reroutes++;
	if (spanning->mode == MAIL_EACH) {
		share_out(lane, spanning, moved);
	} else {
		for (uint32_t i = 0; i < spanning->cnt; i++) {
			if (!is_own(lane, spanning, i))
				spanning->decisions[i] = (struct decision){0};
		}
		first_step(lane, spanning);
	}
	return true;
}

static bool any_yes(const struct spanning *spanning)
{
	DCHECK(spanning->share_cnt < WIRE_ENTRY_CNT_MAX);
	for (uint32_t i = 0; i < spanning->share_cnt; i++) {
		if (spanning->shares[i].state == SHARE_YES)
			return true;
	}
	return false;
}

/* Every lane has answered what it was asked. */
static void next_step(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	if (spanning->state == BASKET_FINISHING) {
		if (!spanning->answered)
			answer(turn, lane, spanning);
		end_spanning(lane->baskets, spanning);
		return;
	}
	if (spanning->state == BASKET_PREPARING && !spanning->refused) {
		spanning->state = BASKET_DECIDING;
		(void)decide_basket(turn, lane, spanning);
		return;
	}
	/* What was set aside was where it was sought. */
	if (!any_yes(spanning) && reroute(lane, spanning))
		return;
	if (spanning->state == BASKET_ASKING && spanning->mode != MAIL_EACH &&
	    spanning->decisions[0].verdict == VERDICT_NONE && !spanning->refused) {
		spanning->state = BASKET_PREPARING;
		for (uint32_t i = 0; i < spanning->share_cnt; i++)
			spanning->shares[i].state = SHARE_TO_ASK;
		return;
	}
	end_uncommitted(turn, lane, spanning);
}

/* ---- mails ---- */

static void send_to(struct lane_turn *turn, const struct lane *lane, const struct share *share,
		    struct mail *mail)
{
	DCHECK(share->lane_idx != lane->idx && share->state == SHARE_ASKED);
	mail->lane_idx = share->lane_idx;
	mail->from_lane_idx = lane->idx;
	post_send(turn, mail);
}

static void ask(struct lane_turn *turn, struct lane *lane, struct spanning *spanning,
		struct share *share)
{
	const uint16_t number = (uint16_t)(spanning - lane->baskets->spanning);
	const struct wire_request *first = &spanning->lines[0];
	struct mail mail = {
		.kind = MAIL_OPEN,
		.open = {.basket = number,
			 .line_cnt = share->line_cnt,
			 .mode = spanning->state == BASKET_PREPARING ? MAIL_PREPARE
								     : spanning->mode,
			 .op = first->op,
			 .whole = spanning->whole,
			 .asked_ns = spanning->asked_ns,
			 .id = {first->id[0], first->id[1]},
			 .buyer = first->buyer,
			 .channel = first->channel,
			 .at_ns = lane->clock_ns},
	};

	send_to(turn, lane, share, &mail);
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		const struct basket_part *part = &spanning->parts[i];

		if (!spanning->asked[i] || part->shard != share->lane_idx)
			continue;
		mail = (struct mail){
			.kind = MAIL_LINE,
			.line = {.basket = number,
				 .line = (uint8_t)i,
				 .request = spanning->lines[i]},
		};
		if (spanning->whole) {
			mail.line.request.id[0] = part->hold_id[0];
			mail.line.request.id[1] = part->hold_id[1];
		}
		send_to(turn, lane, share, &mail);
	}
	share->owed_cnt = share->line_cnt;
}

static void tell(struct lane_turn *turn, struct lane *lane, struct spanning *spanning,
		 struct share *share)
{
	struct mail mail = {
		.kind = MAIL_DECIDE,
		.decide = {.basket = (uint16_t)(spanning - lane->baskets->spanning),
			   .share = share->number,
			   .decision = spanning->commits   ? MAIL_COMMIT
				       : spanning->unknown ? MAIL_UNKNOWN
							   : MAIL_ABORT,
			   .refund = spanning->late},
	};

	send_to(turn, lane, share, &mail);
	share->owed_cnt = spanning->commits ? share->line_cnt : 1;
}

/* Sends what is still to be sent, as far as there is room for the answers. */
static bool send_questions(struct lane_turn *turn, struct lane *lane, struct spanning *spanning)
{
	const bool finishing = spanning->state == BASKET_FINISHING;
	bool any = false;

	if (turn->monotonic_ns < spanning->retry_ns)
		return false;
	for (uint32_t i = 0; i < spanning->share_cnt; i++) {
		struct share *share = &spanning->shares[i];
		const uint8_t mail_cnt = share->line_cnt + !finishing;

		if (share->state != SHARE_TO_ASK ||
		    !post_has_credits(turn, share->lane_idx, mail_cnt))
			continue;
		post_take_credits(turn, share->lane_idx, mail_cnt);
		share->mail_cnt = mail_cnt;
		share->state = SHARE_ASKED;
		if (finishing)
			tell(turn, lane, spanning, share);
		else
			ask(turn, lane, spanning, share);
		any = true;
	}
	return any;
}

static bool all_answered(const struct spanning *spanning)
{
	DCHECK(spanning->state != BASKET_FREE && spanning->share_cnt > 0);
	for (uint32_t i = 0; i < spanning->share_cnt; i++) {
		if (spanning->shares[i].state == SHARE_TO_ASK ||
		    spanning->shares[i].state == SHARE_ASKED)
			return false;
	}
	return spanning->state == BASKET_ASKING || spanning->state == BASKET_PREPARING ||
	       spanning->state == BASKET_FINISHING;
}

/* Whether it has something to do that no mail and no write asks for. */
static bool wants_more(const struct spanning *spanning)
{
	bool to_ask = false;

	DCHECK(spanning->share_cnt < WIRE_ENTRY_CNT_MAX);
	if (spanning->state == BASKET_FREE || spanning->state == BASKET_COMMITTED)
		return false;
	for (uint32_t i = 0; i < spanning->share_cnt; i++)
		to_ask |= spanning->shares[i].state == SHARE_TO_ASK;
	return spanning->state == BASKET_DECIDING || to_ask;
}

static struct share *share_of(struct spanning *spanning, uint16_t lane_idx)
{
	for (uint32_t i = 0; i < spanning->share_cnt; i++) {
		if (spanning->shares[i].lane_idx == lane_idx)
			return &spanning->shares[i];
	}
	CHECK(!"a mail of a lane that was not asked");
	return NULL;
}

static void end_share(struct lane_turn *turn, struct share *share, enum share_state state)
{
	DCHECK(share->state == SHARE_ASKED && share->owed_cnt == 0);
	post_return_credits(turn, share->lane_idx, share->mail_cnt);
	share->state = (uint8_t)state;
}

/* All lines of a share get this refusal. */
static void refuse_share(struct spanning *spanning, const struct share *share, enum verdict verdict)
{
	DCHECK(verdict >= VERDICT_REFUSAL_FIRST);
	for (uint32_t i = 0; i < spanning->cnt; i++) {
		if (spanning->asked[i] && spanning->parts[i].shard == share->lane_idx)
			spanning->decisions[i] = (struct decision){.verdict = (uint8_t)verdict};
	}
	spanning->refused = true;
}

static void take_vote(struct lane_turn *turn, const struct lane *lane, struct spanning *spanning,
		      struct share *share, const struct mail_vote *vote)
{
	share->owed_cnt = 0;
	switch ((enum mail_word)vote->word) {
	case MAIL_YES:
		DCHECK(spanning->state == BASKET_PREPARING);
		share->number = vote->share;
		spanning->late |= vote->late != 0;
		end_share(turn, share, SHARE_YES);
		return;
	case MAIL_BUSY:
		if (spanning->state == BASKET_PREPARING && spanning->share_cnt > 1) {
			/* What is set aside elsewhere must not wait for room here: two such
			 * baskets could wait for each other. */
			refuse_share(spanning, share, VERDICT_UNDER_WAY);
			end_share(turn, share, SHARE_ENDED);
			return;
		}
		end_share(turn, share, SHARE_TO_ASK);
		/* On paper time does not pass. */
		if (lane->ack != ACK_ON_PAPER)
			spanning->retry_ns = turn->monotonic_ns + BUSY_NS;
		return;
	case MAIL_DONE:
		DCHECK(spanning->state == BASKET_FINISHING);
		end_share(turn, share, SHARE_ENDED);
		return;
	}
	CHECK(!"a vote of unknown word");
}

static void take_answer(struct lane_turn *turn, struct spanning *spanning, struct share *share,
			const struct mail_answer *answer)
{
	CHECK(answer->line < spanning->cnt && share->owed_cnt > 0);
	spanning->decisions[answer->line] = answer->decision;
	spanning->durability[answer->line] = answer->durability;
	spanning->refused |= !decision_would_commit(&answer->decision);
	if (--share->owed_cnt == 0)
		end_share(turn, share, SHARE_ENDED);
}

void coordinator_take(struct lane_turn *turn, struct lane *lane, const struct mail *mail)
{
	const uint16_t number = mail->kind == MAIL_VOTE ? mail->vote.basket : mail->answer.basket;
	struct spanning *spanning = &lane->baskets->spanning[number];
	struct share *share;

	CHECK(number < BASKETS_MAX && spanning->state != BASKET_FREE);
	share = share_of(spanning, mail->from_lane_idx);
	CHECK(share->state == SHARE_ASKED);
	if (mail->kind == MAIL_VOTE)
		take_vote(turn, lane, spanning, share, &mail->vote);
	else
		take_answer(turn, spanning, share, &mail->answer);
	if (all_answered(spanning))
		next_step(turn, lane, spanning);
	if (wants_more(spanning))
		todo_add(&lane->baskets->spanning_todo, number);
}

bool coordinator_turn(struct lane_turn *turn, struct lane *lane)
{
	struct todo *todo = &lane->baskets->spanning_todo;
	uint32_t number;
	bool any = false;

	for (uint32_t left = todo->tail - todo->head; left > 0 && todo_take(todo, &number);
	     left--) {
		struct spanning *spanning = &lane->baskets->spanning[number];

		if (spanning->state == BASKET_DECIDING)
			any |= decide_basket(turn, lane, spanning);
		else if (spanning->state != BASKET_COMMITTED && spanning->state != BASKET_FREE)
			any |= send_questions(turn, lane, spanning);
		if (wants_more(spanning))
			todo_add(todo, number);
	}
	return any;
}
