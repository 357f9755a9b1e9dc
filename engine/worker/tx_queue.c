#include "engine/worker/tx_queue.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

void outbox_flush(struct outbox *outbox, uint64_t now_ns)
{
	uint16_t sent = 0;

	if (outbox->cnt == 0)
		return;
	if (!outbox->closed)
		sent = rte_eth_tx_burst(outbox->queue.port_id, outbox->queue.queue_id,
					outbox->mbufs, (uint16_t)outbox->cnt);
	if (sent == 0) {
		if (outbox->refused_first_ns == 0)
			outbox->refused_first_ns = now_ns;
		outbox->refused_last_ns = now_ns;
		return;
	}
	outbox->refused_first_ns = outbox->refused_last_ns = 0;
	outbox->cnt -= sent;
	for (uint32_t i = 0; i < outbox->cnt; i++)
		outbox->mbufs[i] = outbox->mbufs[i + sent];
}

bool outbox_is_stuck(const struct outbox *outbox)
{
	return outbox->refused_last_ns - outbox->refused_first_ns >= OUTBOX_PATIENCE_NS;
}

uint32_t outbox_room_full(struct outbox *outbox, uint64_t now_ns)
{
	/* Tried once a turn, not for each reply. */
	if (outbox->refused_last_ns != now_ns)
		outbox_flush(outbox, now_ns);
	if (outbox->cnt == OUTBOX_FRAMES_MAX && outbox_is_stuck(outbox))
		return OUTBOX_FRAMES_MAX;
	return OUTBOX_FRAMES_MAX - outbox->cnt;
}

bool outbox_put(struct outbox *outbox, struct rte_mbuf *mbuf)
{
	if (outbox->cnt == OUTBOX_FRAMES_MAX)
		return false;
	outbox->mbufs[outbox->cnt++] = mbuf;
	return true;
}
