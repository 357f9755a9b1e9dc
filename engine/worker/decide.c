/*
 * decide: the worker's second stage. Every datagram of the batch is decided, in the order
 * its lane got them; one that has to wait for room goes to the lane's backlog, and whatever comes
 * for that lane later goes behind it. Never waits for one lane with the others' datagrams.
 */
#include <rte_mbuf.h>

#include "engine/base/check.h"
#include "engine/lane/answer.h"
#include "engine/worker/state.h"

enum {
	/* Passes go on when the last of them is so few requests ahead: not for each request. */
	PASS_LOW_CNT = LOOKUP_PASS_AHEAD_CNT / 2,
};

static struct lane *lane_of(const struct worker *worker, const struct exchange *datagram)
{
	return &worker->shared->lanes[datagram->lane_idx];
}

/* Datagrams from the first-th on that a pass goes over at once: of one lane, not beyond request
 * end. */
static uint32_t run_end(const struct batch *batch, uint32_t first, uint32_t end)
{
	const uint16_t lane_idx = batch->datagrams[first].lane_idx;
	uint32_t next = first + 1;

	while (next < batch->cnt && batch->first_request[next] < end &&
	       batch->datagrams[next].lane_idx == lane_idx)
		next++;
	return next;
}

/* The passes ahead of the request that is decided next. */
static void look_ahead(struct worker *worker, uint32_t decided_cnt)
{
	struct batch *batch = &worker->batch;
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
			lookup_pass(pass, lane_of(worker, &batch->datagrams[first])->shard,
				    &batch->keys[first_request],
				    (uint32_t)(batch->first_request[next] - first_request));
		}
		batch->ahead[pass] = next;
	}
}

static bool can_decide(struct worker *worker, const struct lane *lane,
		       const struct exchange *datagram)
{
	return answer_possible(lane, exchange_request_cnt(datagram)) &&
	       reply_queue_room(lane->reply_queue) > 0 &&
	       worker_reply_has_room(worker, datagram->origin_idx);
}

static void seal(struct worker *worker)
{
	worker_lap(worker, STAGE_DECIDE);
	worker_sign(worker);
	worker_lap(worker, STAGE_REPLY);
}

static void decide_datagram(struct worker *worker, struct lane *lane, struct exchange *datagram,
			    const struct lookup *keys)
{
	lane_tick(lane, worker->now_ns);
	datagram->lsn =
		answer_datagram(lane, exchange_datagram(datagram), keys, worker->counters.verdicts);
	if (datagram->lsn > 0) {
		reply_queue_push(lane->reply_queue, datagram);
		return;
	}
	worker_reply(worker, datagram);
	if (worker->signing.cnt == TAG_BURST_MAX)
		seal(worker);
}

static void decide_backlog(struct worker *worker, struct lane *lane)
{
	struct lookup keys[WIRE_ENTRY_CNT_MAX];
	struct exchange *datagram;

	while ((datagram = backlog_first(lane->backlog)) != NULL &&
	       can_decide(worker, lane, datagram)) {
		lookup_all(lane->shard, wire_requests(exchange_datagram(datagram)), keys,
			   exchange_request_cnt(datagram));
		decide_datagram(worker, lane, datagram, keys);
		backlog_pop(lane->backlog, worker->monotonic_ns);
	}
	/* What the batch puts off may take the places of what was popped. */
	if (worker->signing.cnt > 0)
		seal(worker);
}

static void put_off(struct worker *worker, struct lane *lane, const struct exchange *datagram)
{
	if (backlog_room(lane->backlog) > 0)
		backlog_push(lane->backlog, datagram, worker->monotonic_ns);
	else
		worker_drop(worker, datagram->mbuf, DROP_BACKLOG_FULL);
}

void worker_decide(struct worker *worker)
{
	struct batch *batch = &worker->batch;

	FOR_EACH_LANE (worker, lane)
		decide_backlog(worker, lane);
	for (uint32_t i = 0; i < batch->cnt; i++) {
		struct exchange *datagram = &batch->datagrams[i];
		struct lane *lane = lane_of(worker, datagram);

		if (!backlog_empty(lane->backlog) || !can_decide(worker, lane, datagram)) {
			put_off(worker, lane, datagram);
			continue;
		}
		look_ahead(worker, batch->first_request[i]);
		decide_datagram(worker, lane, datagram, &batch->keys[batch->first_request[i]]);
	}
	seal(worker);
}

bool worker_all_decided(const struct worker *worker)
{
	FOR_EACH_LANE (worker, lane) {
		if (!backlog_empty(lane->backlog) || !reply_queue_empty(lane->reply_queue))
			return false;
		if (journal_error(lane->journal) == 0 && !journal_idle(lane->journal))
			return false;
	}
	return true;
}
