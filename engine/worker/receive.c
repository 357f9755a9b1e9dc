/*
 * receive: the worker's first stage. The frames of a burst that are ours, well-formed and signed
 * become the batch. Every other frame is dropped under one reason, handed to the worker that owns
 * its shard, or answered if it is a neighbour's question. The port is read only while there is room
 * for whatever comes.
 */
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include "engine/admission/admit.h"
#include "engine/base/check.h"
#include "engine/worker/state.h"
#include "net/decode.h"
#include "net/neighbour.h"

enum {
	/*
	 * A burst should not have many more requests than this, but may always have this many
	 * datagrams: they fill the vectors that check tags. Answers leave when all of a turn is
	 * decided, and the disk's thread gets the core between turns. So turns are kept short (30
	 * to 60 us); longer ones gain nothing.
	 */
	BURST_REQUESTS = 512,
	BURST_DATAGRAMS_MIN = 16,
};
static_assert((int)BURST_DATAGRAMS_MIN <= (int)RX_BURST_MAX, "a burst may always have them");
static_assert((int)BURST_REQUESTS >= (int)BURST_DATAGRAMS_MIN, "of at least a request each");

/* What decode refused may still be a neighbour's question. */
static void refuse_frame(struct worker *worker, struct rte_mbuf *mbuf, enum drop reason)
{
	uint32_t bytes = rte_pktmbuf_data_len(mbuf);

	DCHECK(reason != DROP_NONE);
	if (worker->shared->port->answers_neighbours &&
	    (reason == DROP_NOT_IP || reason == DROP_NOT_UDP) &&
	    neighbour_answer(&worker->shared->self, rte_pktmbuf_mtod(mbuf, uint8_t *), &bytes)) {
		/* An answer is never longer than its question. */
		DCHECK(bytes > 0 && bytes <= rte_pktmbuf_data_len(mbuf));
		rte_pktmbuf_trim(mbuf, (uint16_t)(rte_pktmbuf_data_len(mbuf) - bytes));
		worker->counters.neighbours_answered++;
		worker_send(worker, mbuf);
		return;
	}
	worker_drop(worker, mbuf, reason);
}

static void hand_over(struct worker *worker, struct rte_mbuf *mbuf, uint16_t worker_idx)
{
	DCHECK(worker_idx < worker->worker_cnt);
	DCHECK(worker_idx != worker->idx);
	if (handover_give(worker->shared->handover, HANDOVER_QUESTION, worker->idx, worker_idx,
			  mbuf))
		worker->counters.handed_over++;
	else
		worker_drop(worker, mbuf, DROP_HANDOVER_FULL);
}

/* decode: false if the frame is no datagram for a shard of ours; then it has been dealt with. */
static bool decode(struct worker *worker, struct rte_mbuf *mbuf, uint16_t origin_idx,
		   struct exchange *datagram)
{
	const struct worker_shared *shared = worker->shared;
	const struct port_options *options = &shared->port->options;
	uint8_t *frame = rte_pktmbuf_mtod(mbuf, uint8_t *);
	struct frame_view *view = &datagram->view;
	enum drop reason = DROP_FRAME_SEGMENTED;

	DCHECK(origin_idx < worker->worker_cnt);
	if (mbuf->nb_segs == 1)
		reason = decode_frame(frame, rte_pktmbuf_data_len(mbuf), options->udp_port_first,
				      options->udp_port_cnt, view);
	if (reason == DROP_NONE && shared->port->answers_neighbours &&
	    !neighbour_is_ours(&shared->self, frame + view->l3_offset, view->ip_version))
		reason = DROP_NOT_OUR_ADDRESS;
	if (reason != DROP_NONE) {
		refuse_frame(worker, mbuf, reason);
		return false;
	}

	const uint16_t lane_idx = (uint16_t)(view->dst_port - options->udp_port_first);
	const uint16_t owner_idx = shared->owners[lane_idx];

	/* decode_frame guarantees this of a frame that it accepts, and worker_open of the owner. */
	DCHECK(lane_idx < shared->shard_cnt);
	DCHECK(owner_idx == lane_idx % worker->worker_cnt);
	DCHECK(view->payload_offset + view->payload_bytes <= rte_pktmbuf_data_len(mbuf));
	if (owner_idx != worker->idx) {
		hand_over(worker, mbuf, owner_idx);
		return false;
	}
	reason = decode_datagram(frame + view->payload_offset, view->payload_bytes);
	if (reason != DROP_NONE) {
		worker_drop(worker, mbuf, reason);
		return false;
	}
	datagram->packet = mbuf;
	datagram->frame = frame;
	datagram->at_ns = worker->turn.wall_ns;
	datagram->lane_idx = lane_idx;
	datagram->origin_idx = origin_idx;
	return true;
}

/* admit: the cnt decoded datagrams lie after the batch; those that are signed join it. */
static void admit_signed(struct worker *worker, uint32_t cnt)
{
	struct lane_batch *batch = &worker->turn.batch;
	const struct exchange *decoded = &batch->exchanges[batch->cnt];
	struct admission admissions[RX_BURST_MAX];

	DCHECK(batch->cnt + cnt <= RX_BURST_MAX);
	for (uint32_t i = 0; i < cnt; i++) {
		admissions[i].datagram = exchange_datagram(&decoded[i]);
		admissions[i].bytes = decoded[i].view.payload_bytes;
	}
	admit(worker->keys, admissions, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		struct exchange *kept = &batch->exchanges[batch->cnt];

		if (admissions[i].reason != DROP_NONE) {
			worker_drop(worker, decoded[i].packet, admissions[i].reason);
			continue;
		}
		/* It moves only towards the batch, over what was dropped. */
		DCHECK(kept <= &decoded[i]);
		if (kept != &decoded[i])
			*kept = decoded[i];
		memcpy(kept->key, admissions[i].key->bytes, sizeof(kept->key));
		lane_turn_add(&worker->turn);
	}
}

/* A burst that came to worker origin_idx: the batch has room for it. */
static void take_burst(struct worker *worker, struct rte_mbuf **mbufs, uint16_t cnt,
		       uint16_t origin_idx)
{
	struct lane_batch *batch = &worker->turn.batch;
	uint32_t decoded_cnt = 0;

	DCHECK(batch->cnt + cnt <= RX_BURST_MAX);
	if (cnt == 0)
		return;
	for (uint16_t i = 0; i < cnt; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	for (uint16_t i = 0; i < cnt; i++)
		decoded_cnt += decode(worker, mbufs[i], origin_idx,
				      &batch->exchanges[batch->cnt + decoded_cnt]);
	worker_lap(worker, STAGE_DECODE);
	admit_signed(worker, decoded_cnt);
	worker_lap(worker, STAGE_ADMIT);
}

/* Questions for our shards that came to other workers. */
static void take_handed_over(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];
	/* Half of a turn, so that neither the port nor the other workers starve. */
	uint32_t room = worker->burst_max / 2U;

	DCHECK(worker->handover_first < worker->worker_cnt);
	for (uint16_t i = 0; i < worker->worker_cnt; i++) {
		uint16_t from = (uint16_t)(worker->handover_first + i);
		uint16_t cnt;

		if (from >= worker->worker_cnt)
			from = (uint16_t)(from - worker->worker_cnt);
		if (from == worker->idx)
			continue;
		cnt = handover_take(worker->shared->handover, HANDOVER_QUESTION, from, worker->idx,
				    mbufs, (uint16_t)room);
		DCHECK(cnt <= room);
		room -= cnt;
		take_burst(worker, mbufs, cnt, from);
	}
	if (++worker->handover_first == worker->worker_cnt)
		worker->handover_first = 0;
}

/* How many datagrams the next burst may have if they are as full as those of this one. */
static uint16_t next_burst_max(const struct lane_batch *batch, uint16_t burst_max)
{
	uint32_t cnt;

	if (batch->cnt == 0)
		return burst_max;
	DCHECK(batch->request_cnt >= batch->cnt);
	cnt = BURST_REQUESTS * batch->cnt / batch->request_cnt;
	if (cnt < BURST_DATAGRAMS_MIN)
		return BURST_DATAGRAMS_MIN;
	return cnt < RX_BURST_MAX ? (uint16_t)cnt : RX_BURST_MAX;
}

void worker_receive(struct worker *worker)
{
	struct rte_mbuf *mbufs[RX_BURST_MAX];
	const struct lane_batch *batch = &worker->turn.batch;
	uint16_t cnt;

	DCHECK(batch->cnt == 0 && batch->request_cnt == 0);
	DCHECK(worker->burst_max >= BURST_DATAGRAMS_MIN && worker->burst_max <= RX_BURST_MAX);
	if (!lane_turn_has_room(&worker->turn)) {
		worker->counters.turns_stalled++;
		return;
	}
	if (worker->shared->handover != NULL)
		take_handed_over(worker);
	/* Other workers' questions leave room for the port's. */
	DCHECK(batch->cnt < worker->burst_max);
	if (worker->receiving) {
		cnt = rte_eth_rx_burst(worker->tx_queue.queue.port_id,
				       worker->tx_queue.queue.queue_id, mbufs,
				       (uint16_t)(worker->burst_max - batch->cnt));
		DCHECK(cnt <= worker->burst_max - batch->cnt);
		worker->counters.frames += cnt;
		worker_lap(worker, STAGE_RX);
		take_burst(worker, mbufs, cnt, worker->idx);
	}
	worker->counters.datagrams += batch->cnt;
	worker->counters.requests += batch->request_cnt;
	worker->burst_max = next_burst_max(batch, worker->burst_max);
}
