/*
 * reply: the worker's last stage. Replies leave when what they rest on is durable, signed a
 * burst at a time, by the queue of the worker that got the question. Whoever adds a reply has asked
 * for its room: none is thrown away because many are due at once.
 */
#include <rte_mbuf.h>

#include "engine/base/check.h"
#include "engine/lane/answer.h"
#include "engine/worker/state.h"
#include "net/reply.h"

void worker_drop(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason)
{
	worker->counters.drops[reason]++;
	rte_pktmbuf_free(mbuf);
}

void worker_send(struct worker *worker, struct rte_mbuf *mbuf)
{
	if (!tx_queue_put(&worker->tx_queue, mbuf))
		worker_drop(worker, mbuf, DROP_TX_FULL);
}

bool worker_reply_has_room(struct worker *worker, uint16_t origin_idx)
{
	/* As if all that is being sealed went the same way. */
	const uint32_t sealing_cnt = worker->signing.cnt;

	if (origin_idx == worker->idx)
		return tx_queue_room(&worker->tx_queue, worker->monotonic_ns) > sealing_cnt;
	return handover_room(worker->shared->handover, HANDOVER_ANSWER, worker->idx, origin_idx) >
	       sealing_cnt;
}

void worker_reply(struct worker *worker, const struct exchange *reply)
{
	struct signing *signing = &worker->signing;

	DCHECK(signing->cnt < TAG_BURST_MAX);
	signing->replies[signing->cnt++] = reply;
}

static void send_reply(struct worker *worker, const struct exchange *reply)
{
	reply_frame(reply->frame, &reply->view);
	if (reply->origin_idx != worker->idx)
		CHECK(handover_give(worker->shared->handover, HANDOVER_ANSWER, worker->idx,
				    reply->origin_idx, reply->mbuf));
	else if (!tx_queue_put(&worker->tx_queue, reply->mbuf)) {
		worker_drop(worker, reply->mbuf, DROP_TX_FULL);
		return;
	}
	worker->counters.replies++;
}

void worker_sign(struct worker *worker)
{
	struct signing *signing = &worker->signing;
	struct tag_job jobs[TAG_BURST_MAX];

	if (signing->cnt == 0)
		return;
	for (uint32_t i = 0; i < signing->cnt; i++) {
		const struct exchange *reply = signing->replies[i];
		uint8_t *datagram = exchange_datagram(reply);

		reply_header(datagram, reply->lane_idx, WIRE_SHARD_MAP_VERSION);
		jobs[i] = (struct tag_job){datagram, reply->key, reply->view.payload_bytes};
	}
	tag_sign_burst(jobs, signing->cnt);
	for (uint32_t i = 0; i < signing->cnt; i++)
		send_reply(worker, signing->replies[i]);
	signing->cnt = 0;
}

static void release_lane(struct worker *worker, struct lane *lane)
{
	const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
	const int error = journal_error(lane->journal);
	const uint64_t up_to_lsn = error != 0 ? LSN_MAX : durable_lsn;
	struct exchange *reply;

	while ((reply = reply_queue_oldest(lane->reply_queue, up_to_lsn)) != NULL &&
	       worker_reply_has_room(worker, reply->origin_idx)) {
		reply_queue_pop(lane->reply_queue, up_to_lsn);
		if (reply->lsn > durable_lsn)
			answer_unavailable(exchange_datagram(reply), durable_lsn,
					   worker->counters.verdicts);
		worker_reply(worker, reply);
		if (worker->signing.cnt == TAG_BURST_MAX)
			worker_sign(worker);
	}
	if (error != 0)
		atomic_store_explicit(&lane->error, error, memory_order_relaxed);
}

void worker_release(struct worker *worker)
{
	FOR_EACH_LANE (worker, lane)
		release_lane(worker, lane);
	worker_sign(worker);
	worker_lap(worker, STAGE_REPLY);
}

/* Never waits for our own shards: two workers could wait for each other. */
void worker_forward(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];

	for (uint16_t from = 0; from < worker->worker_cnt; from++) {
		const uint32_t room = tx_queue_room(&worker->tx_queue, worker->monotonic_ns);
		uint16_t cnt;

		if (from == worker->idx)
			continue;
		cnt = handover_take(worker->shared->handover, HANDOVER_ANSWER, from, worker->idx,
				    mbufs, (uint16_t)(room < RX_BURST_MAX ? room : RX_BURST_MAX));
		worker->done_cnt += cnt;
		for (uint16_t i = 0; i < cnt; i++)
			worker_send(worker, mbufs[i]);
	}
}
