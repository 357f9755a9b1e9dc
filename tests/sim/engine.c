#include "tests/sim/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/lane/resolve.h"
#include "tests/sim/atomic.h"
#include "tests/sim/turns.h"

enum {
	SETTLE_LOOK_NS = 20000000,
	ROOM_TURNS_MAX = 400,
};

static void count(struct sim_engine *engine, enum tally_row row)
{
	engine->tally->cnt[row]++;
}

/* One more turn of a start. 0, or -errno: it waits no longer. */
static int start_goes_on(struct sim_engine *engine, unsigned turn)
{
	const int error = engine_error(engine);

	if (engine->process.dead || error != 0)
		return error != 0 ? -error : -EIO;
	if (turn == ROOM_TURNS_MAX)
		return -ENOSPC;
	turns_start(engine);
	return 0;
}

/* Turns until all that the start wrote is durable, and every command answered. */
static int start_settles(struct sim_engine *engine)
{
	int rc = 0;

	for (unsigned turn = 0; rc == 0 && (!turns_all_done(engine) || operator_waits(engine));
	     turn++)
		rc = start_goes_on(engine, turn);
	return rc != 0 ? rc : engine->process.dead ? -EIO : -engine_error(engine);
}

/* Sets the clock of a lane that is ahead back, as --clock-back does. */
static int set_back(struct sim_engine *engine, struct sim_lane *lane)
{
	uint64_t now_ns = wall_now_ns(&engine->clock.now, engine->fs.mono_ns);
	int rc = 0;

	if (lane->lane->clock_ns <= now_ns + LANE_AHEAD_MAX_NS)
		return 0;
	for (unsigned turn = 0; rc == 0 && !lane_can_set_back(lane->lane); turn++)
		rc = start_goes_on(engine, turn);
	now_ns = wall_now_ns(&engine->clock.now, engine->fs.mono_ns);
	/* It may have caught up while we waited. */
	if (rc != 0 || now_ns >= lane->lane->clock_ns)
		return rc;
	CHECK(lane_set_back(lane->lane, now_ns));
	lane->expected_clock_ns = now_ns;
	count(engine, TALLY_SET_BACK);
	return start_settles(engine);
}

/* Puts the catalogs' offers on sale that the lanes don't know, as serve_offers_add does. */
static int add_offers(struct sim_engine *engine)
{
	int rc;

	for (unsigned i = 0; i < engine->lane_cnt; i++)
		operator_put(engine, &engine->lanes[i], engine->lanes[i].catalog_cnt);
	rc = start_settles(engine);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0; i++) {
		const struct sim_lane *lane = &engine->lanes[i];
		struct offer_view known;

		for (unsigned j = 0; j < lane->catalog_cnt; j++) {
			if (!shard_find_offer(lane->lane->shard, lane->offers[j].sku, &known))
				rc = -ENOSPC;
		}
	}
	return rc;
}

/* Reads a lane, after its earlier state was freed. */
static int recover_one(struct sim_engine *engine, struct sim_lane *sim_lane,
		       struct recover_scan *scan)
{
	struct lane *lane = sim_lane->lane;
	struct shard *shard = NULL;
	const int rc = engine_read(engine, sim_lane, RECOVER_FROM_NEWEST, scan, &shard);

	turns_begin_lane(engine, sim_lane);
	lane->shard = shard;
	lane->clock_ns = scan->tail.last_at_ns;
	sim_lane->expected_clock_ns = scan->tail.last_at_ns;
	return rc;
}

static int open_journal(struct sim_engine *engine, struct sim_lane *lane,
			const struct recover_scan *scan)
{
	const uint16_t idx = lane->lane->idx;
	char path[64];
	int rc = recover_cut(&engine->dir, idx, &scan->tail, &engine->error);

	if (rc != 0)
		return rc;
	count(engine, scan->torn ? TALLY_TORN_END : TALLY_CLEAN_END);
	truth_cut(&lane->truth, &scan->tail);
	truth_check(&lane->truth, scan->tail.next_lsn - 1);
	truth_compare(&lane->truth, lane->lane->shard);
	buyers_recovered(&lane->buyers, &lane->truth, scan->tail.next_lsn - 1);
	operator_recovered(lane, scan->tail.next_lsn - 1);
	data_dir_lane_path(&engine->dir, idx, path, sizeof(path));
	rc = segment_source_open(&lane->segments, engine->preparer, path, engine->dir.journal_id,
				 idx, scan->tail.place.segment, &engine->error);
	if (rc != 0)
		return rc;

	const struct journal_options options = {
		.journal_id = engine->dir.journal_id,
		.lane = idx,
		.tail = scan->tail,
		.disk = &engine->disk.rings[idx % engine->worker_cnt].disk,
		.segments = lane->segments,
		.buffers = lane->buffers,
	};

	return journal_open(&lane->lane->journal, &options, &engine->error);
}

/* Before anything is sold, the clock is as it was at the first reading, or has stayed. */
static void settle_clock(struct sim_engine *engine)
{
	sim_clock_look(&engine->clock, engine->fs.mono_ns);
	while (!sim_clock_settled(&engine->clock)) {
		engine->tally->cnt[TALLY_START_WAITED]++;
		engine->fs.mono_ns += SETTLE_LOOK_NS;
		sim_clock_look(&engine->clock, engine->fs.mono_ns);
	}
}

/* Ends what several lanes were deciding, as serve_baskets_up does. */
static int resolve(struct sim_engine *engine)
{
	struct resolved resolved = {0};
	bool done;
	int rc = 0;

	for (unsigned turn = 0;; turn++) {
		done = true;
		for (unsigned i = 0; i < engine->lane_cnt; i++)
			done &= resolve_prepared(engine->lanes[i].lane, engine->turned,
						 (uint16_t)engine->lane_cnt, &resolved);
		if (done)
			break;
		rc = start_goes_on(engine, turn);
		if (rc != 0)
			return rc;
	}
	engine->tally->cnt[TALLY_RESOLVED_COMMITTED] += resolved.committed;
	engine->tally->cnt[TALLY_RESOLVED_ABORTED] += resolved.aborted;
	if (resolved.committed + resolved.aborted > 0)
		rc = start_settles(engine);
	if (rc == 0)
		atomic_check_resolved(engine);
	return rc;
}

int engine_start(struct sim_engine *engine)
{
	const bool back = random_chance(engine->random, 500); /* --clock-back */
	struct recover_scan scans[SIM_LANES_MAX] = {0};
	int rc = 0;

	memset(engine->disk.broken, 0, sizeof(engine->disk.broken));
	turns_begin_workers(engine);
	sim_clock_begin(&engine->clock, engine->fs.mono_ns);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0; i++)
		rc = recover_one(engine, &engine->lanes[i], &scans[i]);
	if (rc == 0)
		rc = segment_preparer_open(&engine->preparer, &engine->error);
	if (rc == 0)
		segment_preparer_size(engine->preparer, engine->segment_bytes);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0; i++)
		rc = open_journal(engine, &engine->lanes[i], &scans[i]);
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		recover_scan_free(&scans[i]);
	if (rc == 0)
		settle_clock(engine);
	for (unsigned i = 0; i < engine->worker_cnt && rc == 0; i++)
		lane_turn_take_over(&engine->turns[i], engine->fs.mono_ns);
	if (rc == 0)
		rc = resolve(engine);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0 && back; i++)
		rc = set_back(engine, &engine->lanes[i]);
	return rc == 0 ? add_offers(engine) : rc;
}

void engine_receive(struct sim_engine *engine, const struct sim_lane *lane, struct parcel *parcel)
{
	CHECK(engine->inbox_cnt < sizeof(engine->inbox) / sizeof(engine->inbox[0]));
	engine->inbox[engine->inbox_cnt++] = (struct sim_arrival){parcel, lane->lane->idx};
}

void engine_turn(struct sim_engine *engine)
{
	if (random_chance(engine->random, 500))
		sim_clock_look(&engine->clock, engine->fs.mono_ns);
	turns_run(engine);
}

bool engine_all_decided(const struct sim_engine *engine)
{
	return engine->inbox_cnt == 0 && turns_all_done(engine);
}

int engine_error(const struct sim_engine *engine)
{
	int error = 0;

	for (unsigned i = 0; i < engine->lane_cnt && error == 0; i++)
		error = journal_error(engine->lanes[i].lane->journal);
	return error;
}

void engine_gone(struct sim_engine *engine, bool killed)
{
	engine->process.dead = killed;
	engine->process.crash_in_steps = 0;
	turns_forget(engine);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct lane *lane = engine->lanes[i].lane;

		/* Only to free its memory: its process is dead, and the disk ignores its calls. */
		if (lane->journal != NULL && !journal_idle(lane->journal))
			journal_abandon(lane->journal, ECANCELED);
		journal_close(lane->journal);
		shard_close(lane->shard);
		lane->journal = NULL;
		lane->shard = NULL;
		buyers_forget_parcels(&engine->lanes[i].buyers);
	}
	CHECK(segment_preparer_close(engine->preparer));
	engine->preparer = NULL;
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		segment_source_close(engine->lanes[i].segments);
		engine->lanes[i].segments = NULL;
	}
	sim_fs_kill(&engine->fs, &engine->process);
	engine->process.dead = false;
}
