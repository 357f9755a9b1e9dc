/*
 * worker_reply: the worker's last stage. Replies leave when what they rest on is durable, signed a
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
	if (!outbox_put(&worker->outbox, mbuf))
		worker_drop(worker, mbuf, DROP_TX_FULL);
}

bool worker_reply_has_room(struct worker *worker, uint16_t origin_idx)
{
	/* As if all that is being sealed went the same way. */
	const uint32_t sealing_cnt = worker->sealing.cnt;

	if (origin_idx == worker->idx)
		return outbox_room(&worker->outbox, worker->monotonic_ns) > sealing_cnt;
	return handover_room(worker->shared->handover, HANDOVER_ANSWER, worker->idx, origin_idx) >
	       sealing_cnt;
}

void worker_reply(struct worker *worker, const struct pending_reply *reply)
{
	struct sealing *sealing = &worker->sealing;

	DCHECK(sealing->cnt < TAG_BURST_MAX);
	sealing->replies[sealing->cnt++] = reply;
}

static void send_reply(struct worker *worker, const struct pending_reply *reply)
{
	reply_frame(reply->frame, &reply->view);
	if (reply->origin_idx != worker->idx)
		CHECK(handover_give(worker->shared->handover, HANDOVER_ANSWER, worker->idx,
				    reply->origin_idx, reply->mbuf));
	else if (!outbox_put(&worker->outbox, reply->mbuf)) {
		worker_drop(worker, reply->mbuf, DROP_TX_FULL);
		return;
	}
	worker->counters.replies++;
}

void worker_seal(struct worker *worker)
{
	struct sealing *sealing = &worker->sealing;
	struct tag_job jobs[TAG_BURST_MAX];

	if (sealing->cnt == 0)
		return;
	for (uint32_t i = 0; i < sealing->cnt; i++) {
		const struct pending_reply *reply = sealing->replies[i];
		uint8_t *datagram = pending_datagram(reply);

		reply_header(datagram, reply->lane_idx, WIRE_SHARD_MAP_VERSION);
		jobs[i] = (struct tag_job){datagram, reply->key, reply->view.payload_bytes};
	}
	tag_sign_burst(jobs, sealing->cnt);
	for (uint32_t i = 0; i < sealing->cnt; i++)
		send_reply(worker, sealing->replies[i]);
	sealing->cnt = 0;
}

static void release_lane(struct worker *worker, struct lane *lane)
{
	const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
	const int error = journal_error(lane->journal);
	const uint64_t up_to_lsn = error != 0 ? LSN_MAX : durable_lsn;
	struct pending_reply *reply;

	while ((reply = waiting_oldest(lane->waiting, up_to_lsn)) != NULL &&
	       worker_reply_has_room(worker, reply->origin_idx)) {
		waiting_pop(lane->waiting, up_to_lsn);
		if (reply->lsn > durable_lsn)
			answer_unavailable(pending_datagram(reply), durable_lsn,
					   worker->counters.verdicts);
		worker_reply(worker, reply);
		if (worker->sealing.cnt == TAG_BURST_MAX)
			worker_seal(worker);
	}
	if (error != 0)
		atomic_store_explicit(&lane->error, error, memory_order_relaxed);
}

void worker_release(struct worker *worker)
{
	FOR_EACH_LANE (worker, lane)
		release_lane(worker, lane);
	worker_seal(worker);
	worker_lap(worker, STAGE_REPLY);
}

/* Never waits for our own shards: two workers could wait for each other. */
void worker_forward(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];

	for (uint16_t from = 0; from < worker->worker_cnt; from++) {
		const uint32_t room = outbox_room(&worker->outbox, worker->monotonic_ns);
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
