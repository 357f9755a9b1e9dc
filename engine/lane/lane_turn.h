/*
 * lane_turn: one turn of the lanes that one thread owns, from admitted requests to answers that may
 * leave. It is the same code for the worker, the simulator and offline replay; what differs between
 * them (packets, ports, signatures) is the host's.
 *
 *	lane_turn_begin    the clocks of this turn; the batch is empty
 *	lane_turn_add      each admitted exchange goes into the batch
 *	lane_turn_decide   what waits in backlogs, then the batch: verdicts, records, answers
 *	lane_turn_write    what came back from the disk, and what goes out to it
 *	lane_turn_release  answers whose records are acknowledged
 *	lane_turn_tend     bounded work that no request asks for: commands, closing blocks
 *
 * Guarantees: the requests of a lane are decided in the order they were added. An answer is given
 * to the host once, and never before what it rests on is acknowledged (acknowledged.h). A lane
 * without room holds up no other lane: its exchanges wait in its backlog, and only what finds that
 * full is dropped. Never: waits, allocates, makes a system call other than the disk's, reads a
 * clock. Only the journal reads the monotonic clock, to measure how long its writes take.
 *
 * All calls from the one thread that owns the lanes, in the order above.
 */
#ifndef DB_ENGINE_LANE_LANE_TURN_H
#define DB_ENGINE_LANE_LANE_TURN_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/journal/disk.h"
#include "engine/lane/exchange.h"
#include "engine/lane/lane.h"
#include "engine/lane/mail.h"
#include "engine/sale/decide.h"

/* The exchanges of one burst, in the order they came. */
struct lane_batch {
	uint32_t cnt;
	uint32_t ahead[LOOKUP_PASS_CNT]; /* where each pass continues */
	uint32_t request_cnt;
	/* Of each exchange its first request in lookups; then their end. */
	uint16_t first_request[RX_BURST_MAX + 1];
	struct exchange exchanges[RX_BURST_MAX];
	struct lookup lookups[RX_BURST_MAX * WIRE_ENTRY_CNT_MAX];
};
static_assert(RX_BURST_MAX * WIRE_ENTRY_CNT_MAX <= UINT16_MAX, "lane_batch.first_request");

/* What of this turn was called last. */
enum lane_turn_step {
	LANE_TURN_BEGUN,
	LANE_TURN_DECIDED,
	LANE_TURN_WRITTEN,
	LANE_TURN_RELEASED,
	LANE_TURN_TENDED,
};

enum lane_turn_stage {
	LANE_TURN_DECIDE,
	LANE_TURN_RELEASE,
};

/* The host that turns the lanes. The calls come from lane_turn_decide and lane_turn_release. */
struct lane_host_ops {
	/* Whether the answer to this exchange could leave, in addition to those replied since the
	 * last flush. Without room it waits. */
	bool (*has_room)(void *host, const struct exchange *exchange);
	/* An answer that may leave: exchange_datagram holds it, without header and tag. It stays
	 * where it is until the host's flush returns. has_room has said yes before. */
	void (*reply)(void *host, const struct exchange *exchange);
	/* All that was replied must leave its place now, because the place is used again. */
	void (*flush)(void *host, enum lane_turn_stage stage);
	/* The exchange gets no answer: its lane's backlog is full. */
	void (*drop)(void *host, const struct exchange *exchange);
	/* Mails of and to other workers' lanes: takes the next, of any worker; false: there is
	 * none. Those of a worker come in order. For a send there is always room: mail.h. NULL
	 * where there is one worker. */
	bool (*take)(void *host, struct mail *mail);
	void (*send)(void *host, uint16_t worker_idx, const struct mail *mail);
};

struct post;

struct lane_turn {
	const struct lane_host_ops *ops;
	void *host;
	struct lane *lanes; /* of all shards; ours are lane_first, lane_first + lane_step, ... */
	uint16_t lane_first;
	uint16_t lane_step;
	uint16_t lane_cnt; /* of all */
	struct disk *disk;
	struct post *post;     /* of baskets over several shards; NULL: there are none */
	uint64_t *verdict_cnt; /* [VERDICT_END] */
	uint64_t wall_ns;      /* of this turn */
	uint64_t monotonic_ns; /* of this turn: for what must not depend on the wall clock */
	uint64_t written_cnt;  /* writes that came back, ever */
	enum lane_turn_step step;
	struct lane_batch batch;
};

static inline struct lane *lane_turn_next(const struct lane_turn *turn, const struct lane *lane)
{
	const uint32_t idx =
		lane == NULL ? turn->lane_first : (uint32_t)lane->idx + turn->lane_step;

	DCHECK(turn->lane_step > 0);
	/* A lane stands at its number, or the next one would be another worker's. */
	DCHECK(lane == NULL || lane == &turn->lanes[lane->idx]);
	return idx < turn->lane_cnt ? &turn->lanes[idx] : NULL;
}

#define FOR_EACH_LANE(turn, lane)                                                                  \
	for (struct lane *lane = lane_turn_next(turn, NULL); lane != NULL;                         \
	     lane = lane_turn_next(turn, lane))

/*
 * This thread turns the lanes from now on. None of their blocks is being written. The time before
 * does not count when their disk is judged to be stalled.
 */
void lane_turn_take_over(struct lane_turn *turn, uint64_t monotonic_ns);

/* wall_ns: the time that lanes' clocks move to, unless it is earlier. */
void lane_turn_begin(struct lane_turn *turn, uint64_t wall_ns, uint64_t monotonic_ns);

/*
 * Takes batch.exchanges[batch.cnt]: the caller has filled it in, it was admitted, and its lane is
 * one of ours. Places from batch.cnt on are the caller's until then; batch.cnt < RX_BURST_MAX.
 */
void lane_turn_add(struct lane_turn *turn);

/*
 * Whether the lanes have room for a whole burst, whichever of them it is for. Without it the host
 * reads nothing. A lane that made no progress for long is not waited for if there are others.
 */
bool lane_turn_has_room(const struct lane_turn *turn);

void lane_turn_decide(struct lane_turn *turn);
void lane_turn_write(struct lane_turn *turn);
void lane_turn_release(struct lane_turn *turn);
void lane_turn_tend(struct lane_turn *turn);

/* Whether every lane drains: requests that would commit get DRAINING. */
bool lane_turn_all_drain(const struct lane_turn *turn);

/* Queues the closing block of each lane that wants one, however short it has been idle. */
void lane_turn_close(struct lane_turn *turn);

/* Whether nothing is left to decide, to write, to carry out or to acknowledge. */
bool lane_turn_all_done(const struct lane_turn *turn);

#endif
