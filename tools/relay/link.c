/*
 * link: carries one lane downstream. Every failure has one remedy: close the downstream, open it
 * again, ask where it ended, and read the lane from there on.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/base/log.h"
#include "tools/relay/relay.h"

/* How long between tries, the first and the longest. */
static const uint64_t BACKOFF_FIRST_NS = 100000000;
static const uint64_t BACKOFF_MAX_NS = 5000000000;
/* How often an idle downstream is asked whether it still has what it had. */
static const uint64_t CHECK_EVERY_NS = 10000000000;

void relay_unlink(struct relay_lane *lane)
{
	lane_tailer_close(lane->tailer);
	downstream_close(lane->downstream);
	lane->tailer = NULL;
	lane->downstream = NULL;
	lane->up = false;
	lane->ended = false;
	lane->sent_head = lane->sent_tail = 0;
}

/* The downstream is out of reach: another try later, longer each time. */
static void go_away(struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	relay_unlink(lane);
	if (lane->away_since_ns == 0) {
		lane->away_since_ns = now_ns;
		relay_tell(lane, LOG_AS_WARNING,
			   "downstream is away: %s; trying again until it is back",
			   relay->error.text);
	}
	/* The backoff does not begin anew for a downstream that can be opened but takes nothing. */
	if (lane->backoff_ns == 0)
		lane->backoff_ns = BACKOFF_FIRST_NS;
	lane->retry_ns = now_ns + lane->backoff_ns;
	lane->backoff_ns *= 2;
	if (lane->backoff_ns > BACKOFF_MAX_NS)
		lane->backoff_ns = BACKOFF_MAX_NS;
}

/* A downstream is back when it takes something, or has all: opening works on a full disk, too. */
static void come_back(struct relay_lane *lane, uint64_t now_ns)
{
	relay_tell(lane, LOG_AS_INFO,
		   "downstream is back after %.1f s, continues after LSN %" PRIu64,
		   (double)(now_ns - lane->away_since_ns) / 1e9,
		   lane->acked.mark.next_lsn > 0 ? lane->acked.mark.next_lsn - 1 : 0);
	lane->away_since_ns = 0;
}

static void tell_linked(const struct relay_lane *lane, const struct lane_mark *end)
{
	const uint64_t lsn = end->next_lsn > 0 ? end->next_lsn - 1 : 0;

	if (end->next_lsn < lane->acked.mark.next_lsn)
		relay_tell(lane, LOG_AS_WARNING,
			   "downstream had LSN %" PRIu64 " and ends with LSN %" PRIu64
			   " now, so it lost what it had acknowledged; it gets that again",
			   lane->acked.mark.next_lsn - 1, lsn);
	if (lane->away_since_ns == 0 && lane->link_cnt == 0)
		relay_tell(lane, LOG_AS_INFO, "continues after LSN %" PRIu64, lsn);
}

int relay_link(struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	struct lane_tailer_options options = lane_tailer_of(&relay->dir, lane->lane);
	struct lane_mark end;
	bool part = false;
	int rc = downstream_open(&lane->downstream, relay->target, lane->lane, &relay->error);

	if (rc == 0) {
		lane->downstream->met = relay->position.lane[lane->lane].who[0] != '\0';
		rc = downstream_end(lane->downstream, &end, &part, &relay->error);
	}
	if (rc == 0)
		rc = relay_position_meet(relay, lane);
	/* What was there once, and a certificate or password that was good once, may be so again.
	 */
	if ((rc == -EACCES || rc == -ENOENT) && lane->link_cnt > 0)
		rc = -ENOTCONN;
	if (rc == -ENOTCONN)
		go_away(relay, lane, now_ns);
	if (rc != 0)
		return rc;
	options.again = part;
	options.skip_pruned = relay->options.skip_pruned;
	options.once = relay->options.once;
	rc = lane_tailer_open(&lane->tailer, &options, &end, &relay->error);
	if (rc != 0)
		return rc;
	if (lane->link_cnt == 0 && error_is_set(&lane->downstream->note))
		relay_tell(lane, LOG_AS_WARNING, "%s", lane->downstream->note.text);
	tell_linked(lane, &end);
	if (end.next_lsn < lane->safe.next_lsn)
		lane->safe = end;
	if (end.next_lsn < lane->settling.next_lsn)
		lane->settling = end;
	if (lane->acked.mark.checksum != end.checksum)
		lane->acked = (struct relay_sent){.mark = end, .end_offset = end.place.offset};
	lane->up = true;
	lane->checked_ns = now_ns;
	lane->link_cnt++;
	return 0;
}

/* Publishes what is known to be on disk, as far as the downstream takes it. */
static int publish(struct relay *relay, struct relay_lane *lane)
{
	struct lane_block block;
	int cnt = 0;
	int rc = 1;

	while (lane->sent_tail - lane->sent_head < DOWNSTREAM_IN_FLIGHT_MAX) {
		rc = lane_tailer_peek(lane->tailer, &block, &relay->error);
		lane->ended = rc == 0;
		if (rc != 1)
			break;
		rc = downstream_publish(lane->downstream, &block, &relay->error);
		if (rc != 0)
			break;
		lane->sent[lane->sent_tail++ % DOWNSTREAM_IN_FLIGHT_MAX] = (struct relay_sent){
			.mark = lane_mark_of(&block),
			.end_offset = block.place.offset + block.header->block_bytes,
			.written_at_ns = block.header->written_at_ns,
			.record_cnt = block.header->record_cnt,
		};
		lane_tailer_take(lane->tailer);
		cnt++;
	}
	return rc >= 0 || rc == -EAGAIN ? cnt : rc;
}

static void settle(struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	const uint64_t settle_ns = (uint64_t)downstream_settle_s(relay->target) * 1000000000;

	if (settle_ns == 0) {
		lane->safe = lane->settling = lane->acked.mark;
	} else if (now_ns >= lane->settling_ns + settle_ns ||
		   lane->settling.checksum == lane->safe.checksum) {
		lane->safe = lane->settling;
		lane->settling = lane->acked.mark;
		lane->settling_ns = now_ns;
		lane->settling_new = true;
	}
}

void relay_settle_last(struct relay_lane *lane, uint64_t now_ns)
{
	/* Settling that an earlier run began continues: else a relay that never runs for long would
	 * make no progress. */
	if (!lane->settling_new)
		return;
	lane->settling = lane->acked.mark;
	lane->settling_ns = now_ns;
}

int relay_reap(struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	const int cnt = downstream_reap(lane->downstream, &relay->error);

	for (int i = 0; i < cnt; i++) {
		CHECK(lane->sent_head < lane->sent_tail);
		lane->acked = lane->sent[lane->sent_head++ % DOWNSTREAM_IN_FLIGHT_MAX];
		lane->status.record_cnt += lane->acked.record_cnt;
		lane->status.bytes += lane->acked.end_offset - lane->acked.mark.place.offset;
		lane->status.block_cnt++;
	}
	if (cnt > 0)
		lane->backoff_ns = 0;
	if (cnt >= 0)
		settle(relay, lane, now_ns);
	return cnt;
}

/* Nothing is in flight: asks whether the downstream still has what it had. */
static int check(struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	struct lane_mark end;
	bool part = false;
	int rc;

	if (lane->sent_head != lane->sent_tail || now_ns < lane->checked_ns + CHECK_EVERY_NS)
		return 0;
	lane->checked_ns = now_ns;
	rc = downstream_end(lane->downstream, &end, &part, &relay->error);
	if (rc == 0 && (part || end.next_lsn != lane->acked.mark.next_lsn ||
			end.checksum != lane->acked.mark.checksum))
		relay_unlink(lane);
	return rc;
}

int relay_step(struct relay *relay, struct relay_lane *lane, uint64_t now_ns)
{
	int published = 0;
	int reaped = 0;

	if (!lane->up && now_ns < lane->retry_ns)
		return 0;
	if (!lane->up) {
		const int rc = relay_link(relay, lane, now_ns);

		return rc == -ENOTCONN ? 0 : rc;
	}
	published = publish(relay, lane);
	if (published >= 0)
		reaped = relay_reap(relay, lane, now_ns);
	if (published >= 0 && reaped >= 0 && lane->ended) {
		const int rc = check(relay, lane, now_ns);

		if (rc != 0)
			reaped = rc;
	}
	if (published < 0 || reaped < 0) {
		const int rc = published < 0 ? published : reaped;

		/* Rights that sufficed until now may be given back; those that never did are not.
		 */
		if (rc != -ENOTCONN && !(rc == -EACCES && lane->status.block_cnt > 0))
			return rc;
		go_away(relay, lane, now_ns);
		return 0;
	}
	if (lane->away_since_ns != 0 &&
	    (reaped > 0 || (lane->ended && lane->sent_head == lane->sent_tail)))
		come_back(lane, now_ns);
	return published + reaped;
}
