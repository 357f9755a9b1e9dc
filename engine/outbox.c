#include "engine/outbox.h"

#include <rte_ethdev.h>
#include <rte_mbuf.h>

void outbox_flush(struct outbox *outbox, uint64_t now_ns)
{
	uint16_t sent;

	if (outbox->cnt == 0)
		return;
	sent = rte_eth_tx_burst(outbox->queue.port_id, outbox->queue.queue_id, outbox->mbufs,
				(uint16_t)outbox->cnt);
	if (sent == 0) {
		if (outbox->refused_since_ns == 0)
			outbox->refused_since_ns = now_ns;
		return;
	}
	outbox->refused_since_ns = 0;
	outbox->cnt -= sent;
	for (uint32_t i = 0; i < outbox->cnt; i++)
		outbox->mbufs[i] = outbox->mbufs[i + sent];
}

bool outbox_is_stuck(const struct outbox *outbox, uint64_t now_ns)
{
	return outbox->refused_since_ns != 0 &&
	       now_ns >= outbox->refused_since_ns + OUTBOX_PATIENCE_NS;
}

uint32_t outbox_room(struct outbox *outbox, uint64_t now_ns)
{
	/* One that is given up on is tried once a turn, not for each reply. */
	if (outbox->cnt == OUTBOX_FRAMES_MAX && outbox_is_stuck(outbox, now_ns))
		return OUTBOX_FRAMES_MAX;
	if (outbox->cnt == OUTBOX_FRAMES_MAX)
		outbox_flush(outbox, now_ns);
	return OUTBOX_FRAMES_MAX - outbox->cnt;
}

bool outbox_put(struct outbox *outbox, struct rte_mbuf *mbuf)
{
	if (outbox->cnt == OUTBOX_FRAMES_MAX)
		return false;
	outbox->mbufs[outbox->cnt++] = mbuf;
	return true;
}
