/*
 * engine: an engine of one to four lanes at work on a simulated machine, as the server starts it
 * and the worker turns it: the engine's own recovery, checkpoints, segments, turn, decisions and
 * journal; no port, and threads only as tasks.
 */
#ifndef DB_TESTS_SIM_ENGINE_H
#define DB_TESTS_SIM_ENGINE_H

#include <stdbool.h>
#include <stdint.h>

#include "engine/base/error.h"
#include "engine/journal/segments.h"
#include "engine/lane/lane_turn.h"
#include "engine/recover/cut.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "tests/sim/buyers.h"
#include "tests/sim/operator.h"
#include "tests/sim/sim_clock.h"
#include "tests/sim/sim_disk.h"
#include "tests/sim/sim_fs.h"
#include "tests/sim/truth.h"
#include "tests/support/lane_rule.h"

enum {
	ENGINE_OFFERS_MAX = BUYERS_SKUS_MAX,
	ENGINE_COMMANDS_MAX = ENGINE_OFFERS_MAX * SIM_LANES_MAX,
	SEGMENTS_MAX = 1024,
	ENGINE_REPLIES_MAX = 32,
};

/* A datagram in the queue of the port. */
struct sim_arrival {
	struct parcel *parcel;
	uint16_t lane_idx;
};

struct sim_lane {
	struct lane *lane;          /* of sim_engine.turned */
	uint64_t expected_clock_ns; /* what its clock must be */
	struct truth truth;
	struct buyers buyers;
	struct sim_operator operator;
	/* What the operator puts on sale, and then what other lanes sell that this one's number
	 * names. */
	struct record offers[ENGINE_COMMANDS_MAX];
	unsigned offer_cnt;
	unsigned placed_cnt;  /* after them */
	unsigned catalog_cnt; /* of the offers, that a start puts on sale */
	struct shard_size size;
	/* The latest arrival answered in its turn, and the latest whose answer waited. */
	uint64_t last_at_once;
	uint64_t last_released;
	struct segment_source *segments;
	uint8_t *buffers;
	/* How far downstream is, and the pruned segments as they were. */
	uint64_t downstream_lsn;
	struct rule_segment archive[SEGMENTS_MAX];
	bool checkpoint_damaged; /* of those there are, some may be bad */
};

/* NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): there is one of it */
struct sim_engine {
	struct sim_process process;
	struct sim_fs fs;
	struct sim_disk disk;
	struct data_dir dir; /* locked */
	struct sim_lane lanes[SIM_LANES_MAX];
	struct lane turned[SIM_LANES_MAX]; /* those of `lanes` */
	unsigned lane_cnt;
	struct lane_turn turns[SIM_LANES_MAX]; /* of the workers */
	unsigned worker_cnt;
	unsigned worker; /* whose turn it is */
	struct mailbox *mailbox;
	struct sim_arrival inbox[SIM_LANES_MAX * BUYERS_PARCELS_MAX];
	unsigned inbox_cnt;
	uint64_t arrival_cnt;
	/* The next flush gives these to the buyers. */
	const struct exchange *replies[ENGINE_REPLIES_MAX];
	unsigned reply_cnt;
	struct segment_preparer *preparer;
	struct sim_random *random;
	struct tally *tally;
	uint64_t segment_bytes;
	struct sim_clock clock;
	uint64_t verdicts[VERDICT_END];
	bool ack_memory;
	bool undated_refused;
	struct error error;
};

/* What reading a lane gives, with downstream's copies of pruned segments. segments: room for
 * SEGMENTS_MAX. */
struct rule_lane engine_image(const struct sim_engine *engine, const struct sim_lane *lane,
			      struct rule_segment *segments);

/* How the lane ends by the rule of JOURNAL.md; what it holds is a prefix of the truth. */
struct rule_outcome engine_rule(const struct sim_engine *engine, const struct sim_lane *lane);

/* What a lane holds, unchecked. 0, -EBADMSG for corruption, -EIO. */
int engine_scan(struct sim_engine *engine, struct sim_lane *lane, enum recover_from from,
		struct recover_scan *scan);

/* The same, checked against the rule, and the state it gives, checked against a replay of the
 * truth. The caller closes the shard; NULL after a failure. */
int engine_read(struct sim_engine *engine, struct sim_lane *lane, enum recover_from from,
		struct recover_scan *scan, struct shard **shard);

/* Tables for all that a lane can sell. */
struct shard *engine_new_shard(const struct sim_lane *lane);

/* Recovers and starts as the server does. 0, or -errno: the start was refused, or (process.dead)
 * the crash came. */
int engine_start(struct sim_engine *engine);

/* One turn of the worker and of the thread for segments. */
void engine_turn(struct sim_engine *engine);

/* Delivers a datagram. */
void engine_receive(struct sim_engine *engine, const struct sim_lane *lane, struct parcel *parcel);

/* Nothing is left to decide, to write or to wait for. */
bool engine_all_decided(const struct sim_engine *engine);

/* errno of a lane's failed write, 0 if none failed. */
int engine_error(const struct sim_engine *engine);

/* Ends the process: its memory is lost. Killed: none of its calls does anything. */
void engine_gone(struct sim_engine *engine, bool killed);

#endif
