#include "engine/lane/baskets.h"

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"
#include "engine/lane/decisions.h"
#include "engine/lane/turn.h"

enum {
	/* What a turn does for baskets is bounded: mails of another worker, and steps. */
	MAILS_PER_TURN_MAX = MAILBOX_RING_CNT,
	MAILS_AHEAD_CNT = 32,
	STEPS_PER_TURN_MAX = 16,
};

void lane_baskets_init(struct lane_baskets *baskets)
{
	CHECK((uintptr_t)baskets % CACHE_LINE_BYTES == 0);
	baskets->parking = BASKETS_MAX;
	for (uint16_t i = 0; i < BASKETS_MAX; i++) {
		baskets->spanning_places.list[i] = i;
		baskets->shared_places.list[i] = i;
		baskets->parked_places.list[i] = i;
	}
}

/* ---- datagrams ---- */

bool baskets_parking(const struct lane *lane)
{
	return lane->baskets != NULL && lane->baskets->parking < BASKETS_MAX;
}

void baskets_park(struct lane *lane, const struct exchange *exchange, uint64_t lsn)
{
	struct lane_baskets *baskets = lane->baskets;
	struct parked *parked = &baskets->parked[baskets->parking];

	CHECK(baskets_parking(lane) && parked->used && parked->basket_cnt > 0);
	parked->exchange = *exchange;
	parked->lsn = lsn > parked->lsn ? lsn : parked->lsn;
	baskets->parking = BASKETS_MAX;
}

/* A datagram whose baskets have all been answered: gives it to the host if it may leave. */
static void release(struct lane_turn *turn, struct lane *lane, struct parked *parked)
{
	const uint64_t acknowledged = acknowledged_lsn(lane);
	const bool lost = lane_is_lost(lane);

	if (parked->answered || parked->basket_cnt > 0 || (parked->lsn > acknowledged && !lost) ||
	    !turn->ops->has_room(turn->host, &parked->exchange))
		return;
	DCHECK(parked->exchange.lane_idx == lane->idx);
	if (parked->lsn > acknowledged)
		answer_unavailable(lane, exchange_datagram(&parked->exchange), acknowledged,
				   turn->verdict_cnt);
	turn->ops->reply(turn->host, &parked->exchange);
	parked->answered = true;
}

void baskets_release(struct lane_turn *turn)
{
	FOR_EACH_LANE (turn, lane) {
		struct lane_baskets *baskets = lane->baskets;

		for (uint16_t i = 0; baskets != NULL && i < baskets->parked_places.cnt; i++)
			release(turn, lane, &baskets->parked[baskets->parked_places.list[i]]);
	}
}

void baskets_flushed(struct lane_turn *turn)
{
	FOR_EACH_LANE (turn, lane) {
		struct lane_baskets *baskets = lane->baskets;

		/* From the end: one that is given back changes places with one that was seen. */
		for (uint16_t i = baskets != NULL ? baskets->parked_places.cnt : 0; i-- > 0;) {
			const uint16_t number = baskets->parked_places.list[i];

			DCHECK(baskets->parked[number].used);
			if (!baskets->parked[number].answered)
				continue;
			baskets->parked[number].used = false;
			places_give(&baskets->parked_places, number);
		}
	}
}

bool baskets_idle(const struct lane *lane)
{
	const struct lane_baskets *baskets = lane->baskets;

	return baskets == NULL || (baskets->spanning_places.cnt | baskets->shared_places.cnt |
				   baskets->parked_places.cnt) == 0;
}

/* ---- mails ---- */

static uint16_t worker_of(const struct lane_turn *turn, uint16_t lane_idx)
{
	DCHECK(lane_idx < turn->lane_cnt);
	return lane_idx % turn->lane_step;
}

bool post_has_credits(const struct lane_turn *turn, uint16_t lane_idx, uint32_t mail_cnt)
{
	DCHECK(mail_cnt > 0 && mail_cnt <= WIRE_ENTRY_CNT_MAX);
	return turn->post->credits[worker_of(turn, lane_idx)] + mail_cnt <= MAIL_CREDITS_MAX;
}

void post_take_credits(struct lane_turn *turn, uint16_t lane_idx, uint32_t mail_cnt)
{
	CHECK(post_has_credits(turn, lane_idx, mail_cnt));
	turn->post->credits[worker_of(turn, lane_idx)] += (uint16_t)mail_cnt;
}

void post_return_credits(struct lane_turn *turn, uint16_t lane_idx, uint32_t mail_cnt)
{
	uint16_t *credits = &turn->post->credits[worker_of(turn, lane_idx)];

	CHECK(*credits >= mail_cnt);
	*credits = (uint16_t)(*credits - mail_cnt);
}

void post_send(struct lane_turn *turn, struct mail *mail)
{
	struct post *post = turn->post;
	const uint16_t worker = worker_of(turn, mail->lane_idx);

	DCHECK(mail->from_lane_idx % turn->lane_step == turn->lane_first);
	DCHECK(mail->from_lane_idx != mail->lane_idx);
	mail->reserved = 0;
	if (worker != turn->lane_first) {
		turn->ops->send(turn->host, worker, mail);
		return;
	}
	CHECK(post->tail - post->head < MAILBOX_RING_CNT);
	post->local[post->tail++ & (MAILBOX_RING_CNT - 1)] = *mail;
}

/* A question arrives in parts, and none of another from the same worker in between. */
static void take_part(struct lane_turn *turn, struct incoming *incoming, const struct mail *mail)
{
	if (mail->kind == MAIL_OPEN) {
		CHECK(incoming->line_cnt == incoming->open.line_cnt);
		incoming->open = mail->open;
		incoming->lane_idx = mail->lane_idx;
		incoming->from_lane_idx = mail->from_lane_idx;
		incoming->line_cnt = 0;
		return;
	}
	CHECK(incoming->line_cnt < incoming->open.line_cnt &&
	      incoming->from_lane_idx == mail->from_lane_idx &&
	      incoming->open.basket == mail->line.basket);
	incoming->line[incoming->line_cnt] = mail->line.line;
	incoming->lines[incoming->line_cnt++] = mail->line.request;
	if (incoming->line_cnt == incoming->open.line_cnt)
		participant_asked(turn, &turn->lanes[incoming->lane_idx], incoming);
}

static void take(struct lane_turn *turn, const struct mail *mail)
{
	struct lane *lane = &turn->lanes[mail->lane_idx];

	CHECK(mail->lane_idx < turn->lane_cnt && mail->from_lane_idx < turn->lane_cnt);
	CHECK(worker_of(turn, mail->lane_idx) == turn->lane_first);
	switch ((enum mail_kind)mail->kind) {
	case MAIL_OPEN:
	case MAIL_LINE:
		take_part(turn, &turn->post->incoming[worker_of(turn, mail->from_lane_idx)], mail);
		return;
	case MAIL_VOTE:
	case MAIL_ANSWER:
		coordinator_take(turn, lane, mail);
		return;
	case MAIL_DECIDE:
		participant_take(lane, mail);
		return;
	}
	CHECK(!"a mail of unknown kind");
}

static bool next_mail(struct lane_turn *turn, struct mail *mail)
{
	struct post *post = turn->post;

	DCHECK(post->tail - post->head <= MAILBOX_RING_CNT);
	if (turn->ops->take != NULL && turn->ops->take(turn->host, mail))
		return true;
	if (post->head == post->tail)
		return false;
	*mail = post->local[post->head++ & (MAILBOX_RING_CNT - 1)];
	return true;
}

/* The passes over the lines that came, so that a participant does not wait for memory once a line.
 */
static void look_ahead(const struct lane_turn *turn, const struct mail *mails, uint32_t cnt)
{
	struct lookup keys[MAILS_AHEAD_CNT];

	DCHECK(cnt <= MAILS_AHEAD_CNT);
	for (unsigned pass = 0; pass < LOOKUP_PASS_CNT; pass++) {
		for (uint32_t i = 0; i < cnt; i++) {
			if (mails[i].kind != MAIL_LINE)
				continue;
			if (pass == 0)
				lookups_begin(&keys[i], &mails[i].line.request, 1);
			lookup_pass(pass, turn->lanes[mails[i].lane_idx].shard, &keys[i], 1);
		}
	}
}

static bool take_mails(struct lane_turn *turn)
{
	struct mail mails[MAILS_AHEAD_CNT];
	bool any = false;
	uint32_t taken = 0;
	uint32_t cnt;

	do {
		for (cnt = 0; cnt < MAILS_AHEAD_CNT && next_mail(turn, &mails[cnt]); cnt++)
			;
		look_ahead(turn, mails, cnt);
		for (uint32_t i = 0; i < cnt; i++)
			take(turn, &mails[i]);
		any |= cnt > 0;
		taken += cnt;
	} while (cnt == MAILS_AHEAD_CNT && taken < MAILS_PER_TURN_MAX);
	return any;
}

/* ---- what waits for a record ---- */

/* The next that need not wait longer. */
static bool next_done(struct waits *waits, uint64_t lsn, bool lost, struct wait *wait)
{
	DCHECK(waits->tail - waits->head <= WAITS_MAX);
	if (waits->head == waits->tail)
		return false;
	*wait = waits->list[waits->head & (WAITS_MAX - 1)];
	if (wait->lsn > lsn && !lost)
		return false;
	waits->head++;
	return true;
}

static bool end_waits(struct lane_turn *turn, struct lane *lane)
{
	struct lane_baskets *baskets = lane->baskets;
	const bool lost = lane_is_lost(lane);
	const uint64_t on_disk = command_acknowledged_lsn(lane);
	struct wait wait;
	bool any = false;

	DCHECK(on_disk <= acknowledged_lsn(lane));
	while (next_done(&baskets->until_disk, on_disk, lost, &wait)) {
		if (wait.is_shared)
			participant_written(turn, lane, wait.number);
		else
			coordinator_written(turn, lane, wait.number);
		any = true;
	}
	while (next_done(&baskets->until_acknowledged, acknowledged_lsn(lane), lost, &wait)) {
		participant_acknowledged(turn, lane, wait.number);
		any = true;
	}
	return any;
}

static bool step(struct lane_turn *turn)
{
	bool any = take_mails(turn);

	FOR_EACH_LANE (turn, lane) {
		if (lane->baskets == NULL ||
		    (lane->baskets->spanning_places.cnt | lane->baskets->shared_places.cnt) == 0)
			continue;
		any |= end_waits(turn, lane);
		any |= participant_turn(turn, lane);
		any |= coordinator_turn(turn, lane);
	}
	return any;
}

void baskets_turn(struct lane_turn *turn)
{
	if (turn->post == NULL)
		return;
	for (unsigned i = 0; i < STEPS_PER_TURN_MAX; i++) {
		if (!step(turn))
			return;
	}
}
