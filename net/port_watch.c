#include "net/port_watch.h"

/* Frames lost for want of a buffer, as far as is known: the card does not say which of the frames
 * that it had no buffer for were for us. */
static uint64_t lost_since(const struct queue_counters *before, const struct queue_counters *now)
{
	const bool starved = now->starved != before->starved;

	return now->lost - before->lost + (starved ? now->nic_missed - before->nic_missed : 0);
}

static void note_losses(struct queue_watch *watch, const struct queue_counters *now)
{
	watch->before.lost = now->lost;
	watch->before.starved = now->starved;
	watch->before.nic_missed = now->nic_missed;
	watch->since_ns = 0;
}

/* Whether another try is due: not too soon after the last one. */
static bool may_try(const struct queue_watch *watch, uint64_t now_ns)
{
	return watch->reopened_ns == 0 || now_ns >= watch->reopened_ns + QUEUE_TRY_AGAIN_NS;
}

enum queue_verdict queue_watch_look(struct queue_watch *watch, const struct queue_counters *now,
				    uint64_t now_ns)
{
	const bool got = now->frames != watch->before.frames;
	const uint64_t lost = lost_since(&watch->before, now);

	if (now->closed)
		return may_try(watch, now_ns) ? QUEUE_DEAF : QUEUE_SAME;
	if (got || now->buffers_wait) {
		watch->before.frames = now->frames;
		note_losses(watch, now);
		return got ? QUEUE_HEARS : QUEUE_SAME;
	}
	if (lost == 0)
		return now_ns > watch->reopened_ns + QUEUE_TRY_AGAIN_NS ? QUEUE_HEARS : QUEUE_SAME;
	if (watch->since_ns == 0) {
		watch->since_ns = now_ns;
		watch->reads = now->reads;
		watch->lost_by_then = lost;
		return QUEUE_SAME;
	}
	watch->lost = lost;
	if (lost <= watch->lost_by_then || now->reads < watch->reads + QUEUE_READS_MIN ||
	    now_ns < watch->since_ns + QUEUE_DEAF_AFTER_NS)
		return QUEUE_SAME;
	return may_try(watch, now_ns) ? QUEUE_DEAF : QUEUE_SAME;
}

void queue_watch_reopened(struct queue_watch *watch, const struct queue_counters *now,
			  uint64_t now_ns)
{
	watch->reopened_ns = now_ns;
	note_losses(watch, now);
}
