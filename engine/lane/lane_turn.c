#include "engine/lane/lane_turn.h"

#include <errno.h>

#include "engine/base/check.h"
#include "engine/lane/acknowledged.h"
#include "engine/lane/answer.h"
#include "engine/lane/baskets.h"
#include "engine/lane/carry_out.h"
#include "engine/lane/decisions.h"

enum {
	/* The passes continue when the last of them is only so far ahead, not at every request. */
	PASS_LOW_CNT = LOOKUP_PASS_AHEAD_CNT / 2,
	SHARD_CHECKS_PER_TURN_CNT = 64,
};

static const uint64_t CLOSE_AFTER_IDLE_NS = 1000000;
static const uint64_t STALLED_AFTER_NS = 2000000000;

static struct lane *lane_of(const struct lane_turn *turn, const struct exchange *exchange)
{
	DCHECK(exchange->lane_idx < turn->lane_cnt);
	DCHECK(exchange->lane_idx % turn->lane_step == turn->lane_first);
	return &turn->lanes[exchange->lane_idx];
}

void lane_turn_take_over(struct lane_turn *turn, uint64_t monotonic_ns)
{
	turn->monotonic_ns = monotonic_ns;
	FOR_EACH_LANE (turn, lane) {
		CHECK(lane->commands != NULL);
		DCHECK(journal_error(lane->journal) != 0 || journal_idle(lane->journal));
		lane->progress_ns = monotonic_ns;
	}
}

/* Each step once in a turn, and none before an earlier one; a host may leave some out. */
static void take_step(struct lane_turn *turn, enum lane_turn_step step)
{
	DCHECK(turn->step < step);
	turn->step = step;
}

void lane_turn_begin(struct lane_turn *turn, uint64_t wall_ns, uint64_t monotonic_ns)
{
	struct lane_batch *batch = &turn->batch;

	DCHECK(monotonic_ns >= turn->monotonic_ns);
	turn->step = LANE_TURN_BEGUN;
	turn->wall_ns = wall_ns;
	turn->monotonic_ns = monotonic_ns;
	batch->cnt = 0;
	batch->request_cnt = 0;
	batch->first_request[0] = 0;
	memset(batch->ahead, 0, sizeof(batch->ahead));
}

void lane_turn_add(struct lane_turn *turn)
{
	struct lane_batch *batch = &turn->batch;
	const struct exchange *exchange = &batch->exchanges[batch->cnt];
	const uint32_t cnt = exchange_request_cnt(exchange);

	DCHECK(turn->step == LANE_TURN_BEGUN);
	DCHECK(batch->cnt < RX_BURST_MAX);
	DCHECK(cnt > 0 && cnt <= WIRE_ENTRY_CNT_MAX);
	lookups_begin(&batch->lookups[batch->request_cnt],
		      wire_requests(exchange_datagram(exchange)), cnt);
	batch->request_cnt += cnt;
	batch->first_request[++batch->cnt] = (uint16_t)batch->request_cnt;
	DCHECK(batch->first_request[batch->cnt] > batch->first_request[batch->cnt - 1]);
	DCHECK(cnt == wire_count(exchange_datagram(exchange)));
}

bool lane_turn_has_room(const struct lane_turn *turn)
{
	/* With others, also other workers', whose datagrams may come in here: they must not wait.
	 */
	const bool alone = turn->lane_cnt == 1;

	FOR_EACH_LANE (turn, lane) {
		if (backlog_room(lane->backlog) < RX_BURST_MAX &&
		    (alone || !backlog_is_stuck(lane->backlog, turn->monotonic_ns)))
			return false;
	}
	return true;
}

/* Where the exchanges end that a pass goes over at once, from `first` on: they are of one lane, and
 * not beyond request `end`. */
static uint32_t run_end(const struct lane_batch *batch, uint32_t first, uint32_t end)
{
	const uint16_t lane_idx = batch->exchanges[first].lane_idx;
	uint32_t next = first + 1;

	DCHECK(first < batch->cnt && batch->first_request[first] < end);
	while (next < batch->cnt && batch->first_request[next] < end &&
	       batch->exchanges[next].lane_idx == lane_idx)
		next++;
	return next;
}

/* The passes ahead of the request that is decided next. */
static void look_ahead(struct lane_turn *turn, uint32_t decided_cnt)
{
	struct lane_batch *batch = &turn->batch;
	const uint32_t last = batch->ahead[LOOKUP_PASS_CNT - 1];

	if (last < batch->cnt && batch->first_request[last] >= decided_cnt + PASS_LOW_CNT)
		return;
	for (unsigned pass = 0; pass < LOOKUP_PASS_CNT; pass++) {
		const uint32_t end = decided_cnt + lookup_ahead_cnt(pass);
		uint32_t next = batch->ahead[pass];

		while (next < batch->cnt && batch->first_request[next] < end) {
			const uint32_t first = next;
			const uint16_t first_request = batch->first_request[first];

			next = run_end(batch, first, end);
			lookup_pass(pass, lane_of(turn, &batch->exchanges[first])->shard,
				    &batch->lookups[first_request],
				    (uint32_t)(batch->first_request[next] - first_request));
		}
		batch->ahead[pass] = next;
		/* No pass overtakes the one before, whose findings it needs. */
		DCHECK(pass == 0 || next <= batch->ahead[pass - 1]);
	}
}

static bool can_decide(struct lane_turn *turn, const struct lane *lane,
		       const struct exchange *exchange)
{
	return answer_possible(lane, exchange_request_cnt(exchange)) &&
	       reply_queue_room(lane->reply_queue) > 0 && turn->ops->has_room(turn->host, exchange);
}

static void decide_exchange(struct lane_turn *turn, struct lane *lane, struct exchange *exchange,
			    const struct lookup *lookups)
{
	DCHECK(lane == lane_of(turn, exchange));
	lane_tick(lane, exchange->at_ns);
	exchange->lsn =
		answer_datagram(lane, exchange_datagram(exchange), lookups, turn->verdict_cnt);
	if (baskets_parking(lane)) {
		baskets_park(lane, exchange, exchange->lsn);
		/* On paper what comes later must not be decided before. */
		if (lane->ack == ACK_ON_PAPER)
			baskets_turn(turn);
	} else if (exchange->lsn > 0) {
		reply_queue_push(lane->reply_queue, exchange);
	} else {
		turn->ops->reply(turn->host, exchange);
	}
}

static bool decide_backlog(struct lane_turn *turn, struct lane *lane)
{
	struct lookup lookups[WIRE_ENTRY_CNT_MAX];
	struct exchange *exchange;
	bool any = false;

	while ((exchange = backlog_first(lane->backlog)) != NULL &&
	       can_decide(turn, lane, exchange)) {
		lookup_all(lane->shard, wire_requests(exchange_datagram(exchange)), lookups,
			   exchange_request_cnt(exchange));
		decide_exchange(turn, lane, exchange, lookups);
		backlog_pop(lane->backlog, turn->monotonic_ns);
		any = true;
	}
	return any;
}

static void put_off(struct lane_turn *turn, struct lane *lane, const struct exchange *exchange)
{
	DCHECK(lane == lane_of(turn, exchange));
	if (backlog_room(lane->backlog) > 0)
		backlog_push(lane->backlog, exchange, turn->monotonic_ns);
	else
		turn->ops->drop(turn->host, exchange);
}

void lane_turn_decide(struct lane_turn *turn)
{
	struct lane_batch *batch = &turn->batch;
	bool any = false;

	take_step(turn, LANE_TURN_DECIDED);
	FOR_EACH_LANE (turn, lane) {
		lane_tick(lane, turn->wall_ns);
		any |= decide_backlog(turn, lane);
	}
	/* What the batch puts off may take the places of what was popped. */
	if (any)
		turn->ops->flush(turn->host, LANE_TURN_DECIDE);
	for (uint32_t i = 0; i < batch->cnt; i++) {
		struct exchange *exchange = &batch->exchanges[i];
		struct lane *lane = lane_of(turn, exchange);

		/* What came before it for the same lane is decided first. */
		if (!backlog_empty(lane->backlog) || !can_decide(turn, lane, exchange)) {
			put_off(turn, lane, exchange);
			continue;
		}
		look_ahead(turn, batch->first_request[i]);
		DCHECK(batch->ahead[LOOKUP_PASS_CNT - 1] > i);
		decide_exchange(turn, lane, exchange, &batch->lookups[batch->first_request[i]]);
	}
	baskets_turn(turn);
	baskets_release(turn);
	turn->ops->flush(turn->host, LANE_TURN_DECIDE);
	baskets_flushed(turn);
}

static void on_written(void *context, uint64_t token, int64_t result)
{
	const struct lane_turn *turn = context;

	CHECK(journal_token_lane(token) < turn->lane_cnt);
	DCHECK(journal_token_lane(token) % turn->lane_step == turn->lane_first);
	journal_written(turn->lanes[journal_token_lane(token)].journal, token, result);
}

/* At most one system call, the disk's. */
void lane_turn_write(struct lane_turn *turn)
{
	take_step(turn, LANE_TURN_WRITTEN);
	turn->written_cnt += (uint64_t)turn->disk->ops->reap(turn->disk, on_written, turn);
	FOR_EACH_LANE (turn, lane)
		lane_pump(lane, turn->monotonic_ns);
	turn->disk->ops->submit(turn->disk);
}

/* On a failed lane, buyers that wait get UNAVAILABLE: the outcome is unknown. */
static void release_lane(struct lane_turn *turn, struct lane *lane)
{
	const uint64_t acknowledged = acknowledged_lsn(lane);
	const int error = journal_error(lane->journal);
	const uint64_t up_to_lsn = error != 0 ? LSN_MAX : acknowledged;
	struct exchange *exchange;

	DCHECK(acknowledged < journal_next_lsn(lane->journal));
	while ((exchange = reply_queue_oldest(lane->reply_queue, up_to_lsn)) != NULL &&
	       turn->ops->has_room(turn->host, exchange)) {
		reply_queue_pop(lane->reply_queue, up_to_lsn);
		if (exchange->lsn > acknowledged)
			answer_unavailable(lane, exchange_datagram(exchange), acknowledged,
					   turn->verdict_cnt);
		turn->ops->reply(turn->host, exchange);
	}
}

void lane_turn_release(struct lane_turn *turn)
{
	take_step(turn, LANE_TURN_RELEASED);
	baskets_turn(turn);
	FOR_EACH_LANE (turn, lane)
		release_lane(turn, lane);
	baskets_release(turn);
	turn->ops->flush(turn->host, LANE_TURN_RELEASE);
	baskets_flushed(turn);
}

static bool wants_closing_block(const struct lane *lane)
{
	return !lane->given_up && journal_wants_closing_block(lane->journal);
}

/* Closes a lane that has been idle for a while, by a clock that is never set back. */
static void close_idle(struct lane *lane, uint64_t monotonic_ns)
{
	DCHECK(lane->unclosed_since_ns <= monotonic_ns);
	if (!wants_closing_block(lane))
		lane->unclosed_since_ns = 0;
	else if (lane->unclosed_since_ns == 0)
		lane->unclosed_since_ns = monotonic_ns;
	else if (monotonic_ns > lane->unclosed_since_ns + CLOSE_AFTER_IDLE_NS)
		journal_put_closing_block(lane->journal, lane->clock_ns);
}

/* Whether the disk has made no progress for long. */
static bool is_stalled(struct lane *lane, bool full, uint64_t monotonic_ns)
{
	const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
	/* Idle without room: the next segment takes long. */
	const bool moves =
		durable_lsn != lane->progress_lsn ||
		(journal_idle(lane->journal) && (journal_room(lane->journal) > 0 || full));

	/* What was durable stays durable. */
	DCHECK(durable_lsn >= lane->progress_lsn);
	DCHECK(monotonic_ns >= lane->progress_ns);
	if (moves) {
		lane->progress_lsn = durable_lsn;
		lane->progress_ns = monotonic_ns;
	}
	return monotonic_ns >= lane->progress_ns + STALLED_AFTER_NS;
}

static enum lane_condition find_condition(struct lane *lane, uint64_t monotonic_ns)
{
	const bool full = journal_room(lane->journal) == 0 && journal_is_full(lane->journal);
	const bool stalled = is_stalled(lane, full, monotonic_ns);

	if (journal_error(lane->journal) != 0)
		return LANE_FAILED;
	if (full)
		return LANE_FULL;
	if (stalled)
		return LANE_STALLED;
	return lane->draining ? LANE_DRAINING : LANE_SELLING;
}

/* For the control thread; its line is written only when something changes. */
static void publish_condition(struct lane *lane, uint64_t monotonic_ns)
{
	const enum lane_condition condition = find_condition(lane, monotonic_ns);

	if (condition == lane_condition(lane))
		return;
	/* A failed lane stays failed. */
	DCHECK(lane_condition(lane) != LANE_FAILED);
	/* A thread that sees LANE_FAILED finds the errno. */
	if (condition == LANE_FAILED)
		atomic_store_explicit(&lane->error, journal_error(lane->journal),
				      memory_order_relaxed);
	atomic_store_explicit(&lane->condition, condition, memory_order_release);
}

/* Ends holds that have run out, a bounded number. A lane that drains leaves them to the next start.
 */
static void end_holds(struct lane *lane)
{
	uint32_t holds_left = EXPIRE_HOLDS_PER_TURN_MAX;

	for (unsigned i = 0; i < EXPIRE_RECORDS_PER_TURN_MAX && holds_left > 0; i++) {
		struct record *slot;

		if (lane->draining || journal_error(lane->journal) != 0 ||
		    !journal_has_room(lane->journal, 1))
			return;
		slot = journal_slot(lane->journal);
		if (!shard_expire(lane->shard, lane->clock_ns, holds_left, slot))
			return;
		DCHECK(slot->expire.holds > 0 && slot->expire.holds <= holds_left);
		holds_left -= slot->expire.holds;
		journal_commit(lane->journal);
		DCHECK(shard_next_lsn(lane->shard) == journal_next_lsn(lane->journal));
	}
}

void lane_turn_tend(struct lane_turn *turn)
{
	take_step(turn, LANE_TURN_TENDED);
	FOR_EACH_LANE (turn, lane) {
		lane_tick(lane, turn->wall_ns);
		if (commands_any(lane->commands))
			carry_out_commands(lane);
		end_holds(lane);
		close_idle(lane, turn->monotonic_ns);
		publish_condition(lane, turn->monotonic_ns);
		DCHECK(shard_check(lane->shard, &lane->check_cursor, SHARD_CHECKS_PER_TURN_CNT));
	}
}

bool lane_turn_all_drain(const struct lane_turn *turn)
{
	FOR_EACH_LANE (turn, lane) {
		if (!lane->draining)
			return false;
	}
	return true;
}

void lane_turn_close(struct lane_turn *turn)
{
	FOR_EACH_LANE (turn, lane) {
		if (wants_closing_block(lane))
			journal_put_closing_block(lane->journal, lane->clock_ns);
	}
}

bool lane_turn_all_done(const struct lane_turn *turn)
{
	FOR_EACH_LANE (turn, lane) {
		if (!backlog_empty(lane->backlog) || !reply_queue_empty(lane->reply_queue) ||
		    !baskets_idle(lane))
			return false;
		if (commands_any(lane->commands))
			return false;
		if (journal_error(lane->journal) == 0 && !journal_idle(lane->journal))
			return false;
	}
	return true;
}
