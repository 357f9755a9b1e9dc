#include "engine/worker/mailbox.h"

#include <errno.h>
#include <stdlib.h>

#include "engine/base/check.h"
#include "engine/base/spsc_ring.h"

static_assert((MAILBOX_RING_CNT & (MAILBOX_RING_CNT - 1)) == 0, "as spsc_ring wants it");

struct mailbox {
	uint16_t worker_cnt;
	size_t ring_bytes;
	uint8_t *rings; /* worker_cnt * worker_cnt; those of a worker to itself stay unused */
};

static struct spsc_ring *ring_of(const struct mailbox *mailbox, uint16_t from, uint16_t to)
{
	DCHECK(from < mailbox->worker_cnt && to < mailbox->worker_cnt);
	DCHECK(from != to);
	return (struct spsc_ring *)(mailbox->rings + ((size_t)from * mailbox->worker_cnt + to) *
							     mailbox->ring_bytes);
}

int mailbox_open(struct mailbox **out, uint16_t worker_cnt)
{
	struct mailbox *mailbox = calloc(1, sizeof(*mailbox));
	const size_t ring_cnt = (size_t)worker_cnt * worker_cnt;

	CHECK(worker_cnt > 0 && worker_cnt <= WORKERS_MAX);
	if (mailbox == NULL)
		return -ENOMEM;
	mailbox->worker_cnt = worker_cnt;
	mailbox->ring_bytes = spsc_ring_bytes(MAILBOX_RING_CNT, MAIL_BYTES);
	/* So that each ring begins on a cache line of its own. */
	CHECK(mailbox->ring_bytes % CACHE_LINE_BYTES == 0);
	mailbox->rings = aligned_alloc(CACHE_LINE_BYTES, ring_cnt * mailbox->ring_bytes);
	if (mailbox->rings == NULL) {
		free(mailbox);
		return -ENOMEM;
	}
	for (size_t i = 0; i < ring_cnt; i++)
		spsc_ring_init((struct spsc_ring *)(mailbox->rings + i * mailbox->ring_bytes),
			       MAILBOX_RING_CNT, MAIL_BYTES);
	*out = mailbox;
	return 0;
}

void mailbox_close(struct mailbox *mailbox)
{
	if (mailbox == NULL)
		return;
	free(mailbox->rings);
	free(mailbox);
}

uint32_t mailbox_room(struct mailbox *mailbox, uint16_t from, uint16_t to)
{
	return spsc_ring_room(ring_of(mailbox, from, to));
}

bool mailbox_put(struct mailbox *mailbox, uint16_t from, uint16_t to, const struct mail *mail)
{
	DCHECK(mail->reserved == 0);
	/* From a lane of the sender to one of the receiver. */
	DCHECK(mail->from_lane_idx % mailbox->worker_cnt == from);
	DCHECK(mail->lane_idx % mailbox->worker_cnt == to);
	return spsc_ring_put(ring_of(mailbox, from, to), mail);
}

bool mailbox_take(struct mailbox *mailbox, uint16_t from, uint16_t to, struct mail *mail)
{
	const bool taken = spsc_ring_take(ring_of(mailbox, from, to), mail);

	/* As it was put. */
	DCHECK(!taken || (mail->reserved == 0 && mail->lane_idx % mailbox->worker_cnt == to));
	return taken;
}
