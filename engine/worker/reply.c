/*
 * reply: the worker's last stage. Replies that may leave are signed a burst at a time and sent by
 * the queue of the worker that received the question. A reply is made only when there is room for
 * it, so none is thrown away because many are due at once.
 */
#include <rte_mbuf.h>

#include "engine/base/check.h"
#include "engine/worker/mailbox.h"
#include "engine/worker/state.h"
#include "net/reply.h"

void worker_drop(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason)
{
	DCHECK(reason > DROP_NONE && reason < DROP_CNT);
	worker->counters.drops[reason]++;
	rte_pktmbuf_free(mbuf);
}

void worker_send(struct worker *worker, struct rte_mbuf *mbuf)
{
	if (!tx_queue_put(&worker->tx_queue, mbuf))
		worker_drop(worker, mbuf, DROP_TX_FULL);
}

static bool has_room(void *host, const struct exchange *exchange)
{
	struct worker *worker = host;
	/* As if all replies that are still to be signed went the same way. */
	const uint32_t signing_cnt = worker->signing.cnt;

	DCHECK(signing_cnt <= TAG_BURST_MAX);
	DCHECK(exchange->origin_idx < worker->worker_cnt);
	if (exchange->origin_idx == worker->idx)
		return tx_queue_room(&worker->tx_queue, worker->turn.monotonic_ns) > signing_cnt;
	return handover_room(worker->shared->handover, HANDOVER_ANSWER, worker->idx,
			     exchange->origin_idx) > signing_cnt;
}

static void send_reply(struct worker *worker, const struct exchange *reply)
{
	DCHECK(reply->lane_idx % worker->worker_cnt == worker->idx);
	DCHECK(reply->frame == rte_pktmbuf_mtod((struct rte_mbuf *)reply->packet, uint8_t *));
	reply_frame(reply->frame, &reply->view);
	if (reply->origin_idx != worker->idx)
		CHECK(handover_give(worker->shared->handover, HANDOVER_ANSWER, worker->idx,
				    reply->origin_idx, reply->packet));
	else if (!tx_queue_put(&worker->tx_queue, reply->packet)) {
		/* There was room for it: only on a port that was given up on is it dropped. */
		DCHECK(tx_queue_is_stuck(&worker->tx_queue));
		worker_drop(worker, reply->packet, DROP_TX_FULL);
		return;
	}
	worker->counters.replies++;
}

/* Signs and sends the replies that may leave. */
static void sign(struct worker *worker)
{
	struct signing *signing = &worker->signing;
	struct tag_job jobs[TAG_BURST_MAX];

	DCHECK(signing->cnt <= TAG_BURST_MAX);
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

static void flush(void *host, enum lane_turn_stage stage)
{
	struct worker *worker = host;

	DCHECK(stage == LANE_TURN_DECIDE || stage == LANE_TURN_RELEASE);
	if (stage == LANE_TURN_DECIDE)
		worker_lap(worker, STAGE_DECIDE);
	sign(worker);
	if (stage == LANE_TURN_DECIDE)
		worker_lap(worker, STAGE_REPLY);
}

static void reply(void *host, const struct exchange *exchange)
{
	struct worker *worker = host;
	struct signing *signing = &worker->signing;

	DCHECK(exchange->lane_idx % worker->worker_cnt == worker->idx);
	if (signing->cnt == TAG_BURST_MAX)
		sign(worker);
	signing->replies[signing->cnt++] = exchange;
}

static void drop(void *host, const struct exchange *exchange)
{
	worker_drop(host, exchange->packet, DROP_BACKLOG_FULL);
}

static bool take(void *host, struct mail *mail)
{
	struct worker *worker = host;
	struct mailbox *mailbox = worker->shared->mailbox;

	for (uint16_t i = 0; mailbox != NULL && i < worker->worker_cnt; i++) {
		const uint16_t from = worker->mail_from;

		if (from != worker->idx && mailbox_take(mailbox, from, worker->idx, mail)) {
			worker->done_cnt++;
			return true;
		}
		/* The next one: a question's mails come without others in between. */
		worker->mail_from = (uint16_t)(from + 1 < worker->worker_cnt ? from + 1 : 0);
	}
	return false;
}

static void send(void *host, uint16_t worker_idx, const struct mail *mail)
{
	struct worker *worker = host;
	const bool sent = mailbox_put(worker->shared->mailbox, worker->idx, worker_idx, mail);

	/* Each end keeps to what the ring has room for: mail.h. */
	CHECK(sent);
	worker->done_cnt++;
}

const struct lane_host_ops worker_host_ops = {
	.has_room = has_room,
	.reply = reply,
	.flush = flush,
	.drop = drop,
	.take = take,
	.send = send,
};

/* Never waits for our own shards: two workers could wait for each other. */
void worker_forward(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];

	for (uint16_t from = 0; from < worker->worker_cnt; from++) {
		const uint32_t room = tx_queue_room(&worker->tx_queue, worker->turn.monotonic_ns);
		uint16_t cnt;

		DCHECK(room <= TX_QUEUE_FRAMES_MAX);
		if (from == worker->idx)
			continue;
		cnt = handover_take(worker->shared->handover, HANDOVER_ANSWER, from, worker->idx,
				    mbufs, (uint16_t)(room < RX_BURST_MAX ? room : RX_BURST_MAX));
		worker->done_cnt += cnt;
		for (uint16_t i = 0; i < cnt; i++)
			worker_send(worker, mbufs[i]);
	}
}
