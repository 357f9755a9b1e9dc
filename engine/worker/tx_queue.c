#include "engine/worker/tx_queue.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

void tx_queue_flush(struct tx_queue *tx_queue, uint64_t now_ns)
{
	uint16_t sent = 0;

	DCHECK(tx_queue->cnt <= TX_QUEUE_FRAMES_MAX);
	DCHECK(now_ns >= tx_queue->refused_last_ns);
	if (tx_queue->cnt == 0)
		return;
	if (!tx_queue->closed)
		sent = rte_eth_tx_burst(tx_queue->queue.port_id, tx_queue->queue.queue_id,
					tx_queue->mbufs, (uint16_t)tx_queue->cnt);
	DCHECK(sent <= tx_queue->cnt);
	if (sent == 0) {
		if (tx_queue->refused_first_ns == 0)
			tx_queue->refused_first_ns = now_ns;
		tx_queue->refused_last_ns = now_ns;
		return;
	}
	tx_queue->refused_first_ns = tx_queue->refused_last_ns = 0;
	tx_queue->cnt -= sent;
	for (uint32_t i = 0; i < tx_queue->cnt; i++)
		tx_queue->mbufs[i] = tx_queue->mbufs[i + sent];
}

bool tx_queue_is_stuck(const struct tx_queue *tx_queue)
{
	DCHECK(tx_queue->refused_first_ns <= tx_queue->refused_last_ns);
	DCHECK((tx_queue->refused_first_ns == 0) == (tx_queue->refused_last_ns == 0));
	return tx_queue->refused_last_ns - tx_queue->refused_first_ns >= TX_QUEUE_PATIENCE_NS;
}

uint32_t tx_queue_room_full(struct tx_queue *tx_queue, uint64_t now_ns)
{
	DCHECK(tx_queue->cnt == TX_QUEUE_FRAMES_MAX);
	/* Tried once a turn, not for each reply. */
	if (tx_queue->refused_last_ns != now_ns)
		tx_queue_flush(tx_queue, now_ns);
	if (tx_queue->cnt == TX_QUEUE_FRAMES_MAX && tx_queue_is_stuck(tx_queue))
		return TX_QUEUE_FRAMES_MAX;
	return TX_QUEUE_FRAMES_MAX - tx_queue->cnt;
}

bool tx_queue_put(struct tx_queue *tx_queue, struct rte_mbuf *mbuf)
{
	/* The port gets it whole: nobody else has a reference to it. */
	DCHECK(rte_mbuf_refcnt_read(mbuf) == 1 && mbuf->nb_segs == 1);
	if (tx_queue->cnt == TX_QUEUE_FRAMES_MAX)
		return false;
	tx_queue->mbufs[tx_queue->cnt++] = mbuf;
	return true;
}
