/*
 * turn: what a turn of lanes works on, for lane_turn.c and the files that take a part of it. Hosts
 * include lane_turn.h, which says how it is used.
 */
#ifndef DB_ENGINE_LANE_TURN_H
#define DB_ENGINE_LANE_TURN_H

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

#endif
