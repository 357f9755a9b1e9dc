#include "tests/sim/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/lane/answer.h"
#include "net/decode.h"
#include "tests/sim/sim_calls.h"
#include "tests/sim/sim_task.h"

enum {
	/* Other things take longer than the worker's turn. */
	TURN_NS_MAX = 60000000,
	/* Some of which a block is held back for, where no answer waits for it. */
	QUICK_TURN_NS_MAX = MEMORY_LINGER_NS / 4,
	SETTLE_LOOK_NS = 20000000,
	ROOM_TURNS_MAX = 400,
	THREAD_RESUMES_MAX = 6,
};

static void count(struct sim_engine *engine, enum tally_row row)
{
	engine->tally->cnt[row]++;
}

static void on_written(void *context, uint64_t token, int64_t result)
{
	struct sim_engine *engine = context;

	CHECK(journal_token_lane(token) < engine->lane_cnt);
	journal_written(engine->lanes[journal_token_lane(token)].lane.journal, token, result);
}

static void run_thread(struct sim_engine *engine)
{
	struct sim_task *thread = sim_calls_thread();

	if (random_chance(engine->random, engine->fs.faults.late_segment)) {
		count(engine, TALLY_LATE_SEGMENT);
		return;
	}
	for (uint64_t i = random_below(engine->random, THREAD_RESUMES_MAX); i > 0; i--)
		(void)sim_task_resume(thread);
}

static void write_journals(struct sim_engine *engine)
{
	struct disk *disk = &engine->disk.disk;

	disk->ops->reap(disk, on_written, engine);
	for (unsigned i = 0; i < engine->lane_cnt && !engine->process.dead; i++) {
		if (engine->lanes[i].lane.journal != NULL)
			lane_pump(&engine->lanes[i].lane, engine->fs.mono_ns);
	}
	if (engine->process.dead)
		return;
	disk->ops->submit(disk);
	sim_disk_tick(&engine->disk);
	engine->fs.mono_ns +=
		random_below(engine->random,
			     random_chance(engine->random, 500) ? TURN_NS_MAX : QUICK_TURN_NS_MAX);
	engine->fs.full_turns -= engine->fs.full_turns > 0;
	run_thread(engine);
}

static bool start_goes_on(const struct sim_engine *engine, const struct sim_lane *lane,
			  unsigned turn)
{
	return turn < ROOM_TURNS_MAX && journal_error(lane->lane.journal) == 0 &&
	       !engine->process.dead;
}

/* The lane's clock moves, as far as it must: not by a reading that did not last, and never back. */
static void tick(struct sim_engine *engine, struct sim_lane *lane)
{
	const uint64_t mono_ns = engine->fs.mono_ns;

	lane_tick(&lane->lane, wall_now_ns(&engine->clock.now, mono_ns));
	lane->expected_clock_ns =
		sim_clock_expected(&engine->clock, mono_ns, lane->expected_clock_ns);
	CHECK(lane->lane.clock_ns == lane->expected_clock_ns);
}

static bool start_waits(struct sim_engine *engine, struct sim_lane *lane)
{
	for (unsigned turn = 0; journal_room(lane->lane.journal) == 0; turn++) {
		if (!start_goes_on(engine, lane, turn))
			return false;
		write_journals(engine);
	}
	return true;
}

/* Sets the clock of a lane that is ahead back, as --clock-back does. */
static int set_back(struct sim_engine *engine, struct sim_lane *lane)
{
	const uint64_t now_ns = wall_now_ns(&engine->clock.now, engine->fs.mono_ns);

	if (lane->lane.clock_ns <= now_ns + LANE_AHEAD_MAX_NS)
		return 0;
	if (!start_waits(engine, lane))
		return -ENOSPC;
	CHECK(lane_set_back(&lane->lane, now_ns));
	lane->expected_clock_ns = now_ns;
	count(engine, TALLY_SET_BACK);
	return 0;
}

/* Puts the catalog's offers on sale that the lane doesn't know, as serve_offers_add does. */
static int add_offers(struct sim_engine *engine, struct sim_lane *sim_lane)
{
	struct lane *lane = &sim_lane->lane;
	const char *why;

	for (unsigned i = 0; i < sim_lane->offer_cnt; i++) {
		struct record offer = sim_lane->offers[i];
		struct offer_view view;

		if (shard_find_offer(lane->shard, offer.sku, &view))
			continue;
		if (!start_waits(engine, sim_lane))
			return -ENOSPC;
		offer.at_ns = lane->clock_ns;
		*journal_slot(lane->journal) = offer;
		CHECK(shard_apply(lane->shard, journal_next_lsn(lane->journal), &offer, &why) == 0);
		journal_commit(lane->journal);
	}
	for (unsigned turn = 0; !journal_idle(lane->journal); turn++) {
		if (!start_goes_on(engine, sim_lane, turn))
			return -EIO;
		write_journals(engine);
	}
	return 0;
}

/* Reads a lane; what it was is gone from memory already. */
static int recover_one(struct sim_engine *engine, struct sim_lane *sim_lane,
		       struct recover_scan *scan)
{
	struct lane *lane = &sim_lane->lane;
	struct reply_queue *waiting = lane->reply_queue;
	struct shard *shard = NULL;
	const int rc = engine_read(engine, sim_lane, RECOVER_FROM_NEWEST, scan, &shard);

	waiting->head = 0;
	waiting->tail = 0;
	sim_lane->inbox_cnt = 0;
	*lane = (struct lane){
		.shard = shard,
		.clock_ns = scan->tail.last_at_ns,
		.idx = sim_lane->buyers.lane,
		.reply_queue = waiting,
		.ack = engine->ack_memory ? ACK_MEMORY : ACK_DURABLE,
		.condition = LANE_SELLING,
		.sale = wire_sale_of(engine->dir.journal_id),
		.undated_refused = engine->undated_refused,
	};
	sim_lane->expected_clock_ns = scan->tail.last_at_ns;
	return rc;
}

static int open_journal(struct sim_engine *engine, struct sim_lane *lane,
			const struct recover_scan *scan)
{
	const uint16_t idx = lane->lane.idx;
	char path[64];
	int rc = recover_cut(&engine->dir, idx, &scan->tail, engine->error, sizeof(engine->error));

	if (rc != 0)
		return rc;
	count(engine, scan->torn ? TALLY_TORN_END : TALLY_CLEAN_END);
	truth_cut(&lane->truth, &scan->tail);
	truth_check(&lane->truth, scan->tail.next_lsn - 1);
	buyers_recovered(&lane->buyers, &lane->truth, scan->tail.next_lsn - 1);
	data_dir_lane_path(&engine->dir, idx, path, sizeof(path));
	rc = segment_source_open(&lane->segments, engine->preparer, path, engine->dir.journal_id,
				 idx, scan->tail.segment, engine->error, sizeof(engine->error));
	if (rc != 0)
		return rc;

	const struct journal_options options = {
		.journal_id = engine->dir.journal_id,
		.lane = idx,
		.tail = scan->tail,
		.disk = &engine->disk.disk,
		.segments = lane->segments,
		.buffers = lane->buffers,
	};

	return journal_open(&lane->lane.journal, &options, engine->error, sizeof(engine->error));
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

int engine_start(struct sim_engine *engine)
{
	const bool back = random_chance(engine->random, 500); /* --clock-back */
	struct recover_scan scans[SIM_LANES_MAX] = {0};
	int rc = 0;

	memset(engine->disk.broken, 0, sizeof(engine->disk.broken));
	sim_clock_begin(&engine->clock, engine->fs.mono_ns);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0; i++)
		rc = recover_one(engine, &engine->lanes[i], &scans[i]);
	if (rc == 0)
		rc = segment_preparer_open(&engine->preparer, engine->error, sizeof(engine->error));
	if (rc == 0)
		segment_preparer_size(engine->preparer, engine->segment_bytes);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0; i++)
		rc = open_journal(engine, &engine->lanes[i], &scans[i]);
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		recover_scan_free(&scans[i]);
	if (rc == 0)
		settle_clock(engine);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0 && back; i++)
		rc = set_back(engine, &engine->lanes[i]);
	for (unsigned i = 0; i < engine->lane_cnt && rc == 0; i++) {
		tick(engine, &engine->lanes[i]);
		rc = add_offers(engine, &engine->lanes[i]);
	}
	return rc;
}

void engine_receive(struct sim_lane *lane, struct parcel *parcel)
{
	CHECK(lane->inbox_cnt < BUYERS_PARCELS_MAX);
	lane->inbox[lane->inbox_cnt++] = parcel;
}

static void reply_to(struct sim_engine *engine, struct sim_lane *lane, struct parcel *parcel)
{
	const int error = journal_error(lane->lane.journal);

	for (unsigned i = 0; i < engine->lane_cnt && error == 0; i++) {
		if (journal_error(engine->lanes[i].lane.journal) != 0)
			count(engine, TALLY_BESIDE_FAILED);
	}
	buyers_told(&lane->buyers, parcel, &lane->truth, !engine->disk.rotten, error != 0);
}

/* decide: what came, in order, as far as the journal has room. */
static void decide_inbox(struct sim_engine *engine, struct sim_lane *sim_lane)
{
	struct lane *lane = &sim_lane->lane;
	unsigned done = 0;

	while (done < sim_lane->inbox_cnt && answer_possible(lane, sim_lane->inbox[done]->cnt)) {
		struct parcel *parcel = sim_lane->inbox[done++];
		const struct wire_request *requests = wire_requests(parcel->datagram);
		struct lookup keys[WIRE_ENTRY_CNT_MAX];
		struct exchange reply = {.packet = parcel};

		lookup_all(lane->shard, requests, keys, parcel->cnt);
		tick(engine, sim_lane);
		reply.lsn = answer_datagram(lane, parcel->datagram, keys, engine->verdicts);
		if (reply.lsn == 0)
			reply_to(engine, sim_lane, parcel);
		else
			reply_queue_push(lane->reply_queue, &reply);
	}
	sim_lane->inbox_cnt -= done;
	memmove(sim_lane->inbox, sim_lane->inbox + done,
		sim_lane->inbox_cnt * sizeof(sim_lane->inbox[0]));
}

static void release_replies(struct sim_engine *engine, struct sim_lane *sim_lane)
{
	struct lane *lane = &sim_lane->lane;
	const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
	const uint64_t up_to_lsn = journal_error(lane->journal) != 0 ? LSN_MAX : durable_lsn;
	struct exchange *reply;

	while ((reply = reply_queue_pop(lane->reply_queue, up_to_lsn)) != NULL) {
		struct parcel *parcel = reply->packet;

		if (reply->lsn > durable_lsn)
			answer_unavailable(parcel->datagram, durable_lsn, engine->verdicts);
		reply_to(engine, sim_lane, parcel);
	}
}

static void end_turn(struct sim_engine *engine, struct sim_lane *sim_lane)
{
	struct lane *lane = &sim_lane->lane;

	release_replies(engine, sim_lane);
	tick(engine, sim_lane);
	if (random_chance(engine->random, 300))
		journal_put_closing_block(lane->journal, lane->clock_ns);
	CHECK(shard_check(lane->shard, &lane->check_cursor, ENGINE_OFFERS_MAX));
}

void engine_turn(struct sim_engine *engine)
{
	if (random_chance(engine->random, 500))
		sim_clock_look(&engine->clock, engine->fs.mono_ns);
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		decide_inbox(engine, &engine->lanes[i]);
	write_journals(engine);
	for (unsigned i = 0; i < engine->lane_cnt && !engine->process.dead; i++)
		end_turn(engine, &engine->lanes[i]);
}

bool engine_all_decided(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct sim_lane *lane = &engine->lanes[i];
		const struct journal *journal = lane->lane.journal;

		if (lane->inbox_cnt > 0 || !reply_queue_empty(lane->lane.reply_queue) ||
		    (journal_error(journal) == 0 && !journal_idle(journal)))
			return false;
	}
	return true;
}

int engine_error(const struct sim_engine *engine)
{
	int error = 0;

	for (unsigned i = 0; i < engine->lane_cnt && error == 0; i++)
		error = journal_error(engine->lanes[i].lane.journal);
	return error;
}

void engine_gone(struct sim_engine *engine, bool killed)
{
	engine->process.dead = killed;
	engine->process.crash_in_steps = 0;
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct lane *lane = &engine->lanes[i].lane;

		/* Only to free it: what it says to the disk is heard by nobody. */
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
