#include "tests/sim/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/beside.h"
#include "tests/sim/damage.h"
#include "tests/sim/engine.h"
#include "tests/sim/sale.h"
#include "tests/sim/sim_calls.h"

enum {
	LIVES_MAX = 5,
	TURNS_MAX = 120,
	STARTS_MAX = 12,       /* of one life, before the disk has no more faults */
	START_STEPS_MAX = 150, /* within which its crash comes */
	PATIENCE_TURNS = 8000, /* within which a healthy engine has answered */
	FAILED_TURNS = 8,      /* a failed lane gets requests before it is restarted */
	DRAIN_TURNS = 300,
	LEAP_TURNS = 500,
};

#define SAY(run, ...)                                                                              \
	do {                                                                                       \
		if ((run)->verbose)                                                                \
			printf(__VA_ARGS__);                                                       \
	} while (0)

static void count(struct run *run, enum tally_row row)
{
	run->engine.tally->cnt[row]++;
}

static void digest(struct run *run, uint64_t value)
{
	run->digest = mix64(run->digest ^ value) + 1;
}

static uint64_t written_lsns(const struct run *run)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < run->engine.lane_cnt; i++)
		sum += run->engine.lanes[i].truth.written_lsn;
	return sum;
}

/* The process's crash came: alone, or with it the whole machine's. */
static void beside_crashed(struct run *run)
{
	if (run->watches || run->peace || random_chance(&run->random, 500)) {
		count(run, TALLY_KILL_BESIDE);
		return;
	}
	count(run, TALLY_POWER_CUT_BESIDE);
	run->engine.process.dead = true;
	run->power_fails = true;
}

static unsigned beside_crash_steps(struct run *run, unsigned most)
{
	if (run->peace || random_chance(&run->random, 400))
		return 0;
	return 1 + (unsigned)random_below(&run->random, most);
}

/* The other processes run on; some begin. */
static void work_beside(void *context)
{
	struct run *run = context;

	if (run->rests)
		return;
	if (run->follows && run->follower.task == NULL && random_chance(&run->random, 150)) {
		const bool changes = random_chance(&run->random, 700);

		beside_start(&run->follower, &run->engine, ROLE_FOLLOWER,
			     beside_crash_steps(run, changes ? 25 : 600));
		run->follower.process.crash_in_changes = changes;
	}
	if (run->prunes && run->pruner.task == NULL && random_chance(&run->random, 150)) {
		beside_start(&run->pruner, &run->engine, ROLE_PRUNE, beside_crash_steps(run, 8));
		run->pruner.process.crash_in_changes = true;
	}
	if (!beside_resume(&run->follower) && run->follower.process.dead)
		beside_crashed(run);
	if (!beside_resume(&run->pruner) && run->pruner.process.dead)
		beside_crashed(run);
}

/* Requests that wait in the engine wait for the disk. */
static void on_sleep(void *context)
{
	struct run *run = context;

	sim_disk_waited_for(&run->engine.disk);
}

static void on_prune(void *context, unsigned lane, uint64_t segment, struct sim_file *file)
{
	struct run *run = context;

	beside_pruned(&run->engine, lane, segment, file);
}

static void end_beside(struct run *run, struct beside *beside, bool power)
{
	if (beside->task == NULL)
		return;
	if (power) {
		count(run, TALLY_POWER_CUT_BESIDE);
		beside_kill(beside);
	} else if (random_chance(&run->random, 500)) {
		beside_kill(beside);
	} else {
		count(run, TALLY_FOLLOWS_ON);
	}
}

static void crash(struct run *run, bool power)
{
	struct sim_engine *engine = &run->engine;

	SAY(run, "life %u: %s at LSN %" PRIu64 ", %u writes in flight\n", run->life,
	    power ? "power cut" : "kill", written_lsns(run), engine->disk.write_cnt);
	engine_gone(engine, true);
	run->power_fails = false;
	end_beside(run, &run->follower, power);
	end_beside(run, &run->pruner, power);
	if (power) {
		sim_disk_power_cut(&engine->disk);
		sim_fs_power_cut(&engine->fs);
	} else {
		sim_disk_kill(&engine->disk);
	}
	digest(run, written_lsns(run));
	engine->disk.crash_in_writes = 0;
	memset(engine->disk.sick, 0, sizeof(engine->disk.sick));
	if (random_chance(&run->random, 300))
		sim_clock_set_back(&engine->clock);
}

/*
 * Starts until it works, as an operator who frees space and tries again, with crashes in between.
 * False if a disk that lied was refused.
 */
static bool start(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	for (unsigned i = 0;; i++) {
		int rc;

		engine->fs.faults = run->faults;
		engine->fs.full_turns /= 2;
		if (i == STARTS_MAX) {
			engine->fs.faults = (struct sim_faults){0};
			engine->fs.full_turns = 0;
			run->peace = true;
		}
		if (i < STARTS_MAX && random_chance(&run->random, 300)) {
			engine->process.crash_in_steps =
				1 + (unsigned)random_below(&run->random, START_STEPS_MAX);
			engine->process.crash_in_changes = random_chance(&run->random, 500);
		}
		error_clear(&engine->error);
		rc = engine_start(engine);
		SAY(run, "life %u: start %u: %s, LSN %" PRIu64 "%s: %s\n", run->life, i,
		    strerror(-rc), written_lsns(run), engine->process.dead ? ", crash" : "",
		    rc != 0 ? engine->error.text : "");
		if (rc == 0)
			return true;
		CHECK(i < STARTS_MAX || engine->disk.rotten);
		CHECK(rc != -EBADMSG || engine->disk.rotten);
		if (engine->process.dead)
			count(run, TALLY_CUT_CRASH);
		crash(run, run->power_fails ||
				   (engine->process.dead && random_chance(&run->random, 700)));
		if (rc == -EBADMSG || engine->disk.rotten)
			return false;
	}
}

static void ask(struct run *run, struct sim_lane *lane, unsigned per_mille)
{
	struct sim_engine *engine = &run->engine;
	struct parcel *parcel;

	if (!random_chance(&run->random, per_mille))
		return;
	parcel = buyers_ask(&lane->buyers);
	if (parcel != NULL)
		engine_receive(engine, lane, parcel);
}

static void turn(struct run *run)
{
	engine_turn(&run->engine);
	if (!run->engine.process.dead)
		work_beside(run);
}

static bool all_sealed(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct journal *journal = engine->lanes[i].lane->journal;

		if (!journal_idle(journal) || journal_wants_closing_block(journal))
			return false;
	}
	return true;
}

static void end_lanes(struct sim_engine *engine, enum command_verb verb)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		operator_end(&engine->lanes[i], verb, ETIMEDOUT);
}

/* Stops as SIGTERM does; gives up on a disk that makes no progress. True: all of it is on disk. */
static bool drain(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	count(run, TALLY_DRAIN);
	end_lanes(engine, COMMAND_DRAIN);
	for (unsigned turns = 0; !engine_all_decided(engine) || operator_waits(engine); turns++) {
		for (unsigned i = 0; i < engine->lane_cnt; i++) {
			ask(run, &engine->lanes[i], turns < 10 ? 300 : 0);
			if (turns < 10 && !run->peace)
				operator_act(engine, &engine->lanes[i]);
		}
		if (turns == DRAIN_TURNS)
			end_lanes(engine, COMMAND_ABANDON);
		CHECK(turns < PATIENCE_TURNS);
		turn(run);
		if (engine->process.dead)
			return false;
	}
	for (unsigned turns = 0; turns < DRAIN_TURNS && engine_error(engine) == 0; turns++) {
		for (unsigned i = 0; i < engine->worker_cnt; i++)
			lane_turn_close(&engine->turns[i]);
		turn(run);
		if (engine->process.dead)
			return false;
		if (all_sealed(engine))
			return true;
	}
	return false;
}

/* After a drain the next start must read the state that this engine had, wherever it begins to
 * read. */
static void end_drained(struct run *run)
{
	struct sim_engine *engine = &run->engine;
	struct shard_hash hashes[SIM_LANES_MAX] = {0};

	for (unsigned i = 0; i < engine->lane_cnt; i++)
		hashes[i] = shard_hash(engine->lanes[i].lane->shard);
	if (random_chance(&run->random, 500))
		engine_gone(engine, false);
	crash(run, random_chance(&run->random, 500));
	engine->fs.faults = (struct sim_faults){0};
	run->watches = true;
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct sim_lane *lane = &engine->lanes[i];

		if (engine->disk.rotten) {
			damage_judge(engine, lane);
			continue;
		}
		bool checkpoint = false;

		for (unsigned from = RECOVER_FROM_NEWEST; from <= RECOVER_FROM_OLDEST; from++) {
			struct recover_scan scan = {0};
			struct shard *shard = NULL;

			const int rc =
				engine_read(engine, lane, (enum recover_from)from, &scan, &shard);

			if (rc != 0)
				fprintf(stderr, "from %u: %s\n", from, engine->error.text);
			CHECK(rc == 0 && !scan.torn);

			const struct shard_hash again = shard_hash(shard);

			CHECK(hashes[i].low == again.low && hashes[i].high == again.high);
			truth_compare(&lane->truth, shard);
			if (from == RECOVER_FROM_NEWEST)
				checkpoint = recover_checkpoint_lsn(&scan) > 0;
			else if (checkpoint)
				count(run, TALLY_SAME_STATE);
			recover_scan_free(&scan);
			shard_close(shard);
		}
	}
	run->watches = false;
}

/* Asks for every wish of the lanes that can sell until all are answered. op 0: its own. */
static void ask_everybody(struct run *run, uint8_t op)
{
	struct sim_engine *engine = &run->engine;
	unsigned turns = 0;
	bool asked;

	for (unsigned i = 0; i < engine->lane_cnt; i++)
		engine->lanes[i].buyers.asked_next = 0;
	do {
		asked = true;
		for (unsigned i = 0; i < engine->lane_cnt; i++) {
			struct sim_lane *lane = &engine->lanes[i];
			struct parcel *parcel;

			if (journal_error(lane->lane->journal) != 0)
				continue;
			while ((parcel = buyers_ask_all(&lane->buyers, op)) != NULL)
				engine_receive(engine, lane, parcel);
			asked &= lane->buyers.asked_next >= lane->buyers.wish_cnt;
		}
		turn(run);
		/* A healthy lane answers, and continues by itself after a full disk. */
		CHECK(turns++ < PATIENCE_TURNS);
	} while (!run->engine.process.dead && (!asked || !engine_all_decided(engine)));
}

/* Every command has its answer. */
static void answer_operators(struct run *run)
{
	for (unsigned turns = 0; operator_waits(&run->engine) && !run->engine.process.dead;
	     turns++) {
		CHECK(turns < PATIENCE_TURNS);
		turn(run);
	}
}

/* One lane has failed: the others, with a disk that is well again, go on selling. */
static void sell_beside(struct run *run)
{
	struct sim_engine *engine = &run->engine;
	bool failed[SIM_LANES_MAX] = {false};
	unsigned well = 0;

	engine->fs.faults = (struct sim_faults){0};
	engine->fs.full_turns = 0;
	engine->disk.crash_in_writes = 0;
	memset(engine->disk.sick, 0, sizeof(engine->disk.sick));
	engine->process.crash_in_steps = 0;
	for (unsigned i = 0; i < engine->disk.write_cnt; i++)
		engine->disk.writes[i].not_before = 0;
	answer_operators(run);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		failed[i] = journal_error(engine->lanes[i].lane->journal) != 0;
		well += !failed[i];
	}
	if (well == 0 || engine->process.dead)
		return;
	ask_everybody(run, WIRE_OP_LOOKUP);
	if (!engine->process.dead)
		ask_everybody(run, 0);
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		CHECK((journal_error(engine->lanes[i].lane->journal) != 0) == failed[i]);
	if (!engine->process.dead)
		count(run, TALLY_BESIDE_SOLD);
}

/* What will go wrong in this life. */
static void choose_ends(struct run *run)
{
	struct sim_engine *engine = &run->engine;
	struct sim_random *random = &run->random;

	engine->process.crash_in_steps = 0;
	if (random_chance(random, 750))
		engine->disk.crash_in_writes =
			1 + (unsigned)random_below(random, 12 * engine->lane_cnt);
	if (random_chance(random, 250)) {
		engine->process.crash_in_steps = 1 + (unsigned)random_below(random, 40);
		engine->process.crash_in_changes = true;
	}
	if (engine->lane_cnt > 1 && random_chance(random, 200))
		engine->disk.sick[random_below(random, engine->lane_cnt)] =
			1 + random_below(random, 6);
}

/* One life of the engine, from its start to its end. False if it could not start. */
static bool live(struct run *run)
{
	struct sim_random *random = &run->random;
	struct sim_engine *engine = &run->engine;
	/* A short life ends while much is in flight. */
	const unsigned turns = (unsigned)random_below(
		random, random_chance(random, 500) ? TURNS_MAX / 8 : TURNS_MAX);
	const unsigned busy = 100 + (unsigned)random_below(random, 900);
	const unsigned asks = 1 + (unsigned)random_below(random, run->crowd);
	unsigned failed_turns = 0;

	for (unsigned i = 0; i < engine->lane_cnt; i++)
		engine->lanes[i].buyers.wish_max = run->wishes * (run->life + 1) / run->lives;
	if (!start(run))
		return false;
	choose_ends(run);
	for (unsigned n = 0; n < turns && !engine->process.dead; n++) {
		for (unsigned i = 0; i < asks * engine->lane_cnt; i++)
			ask(run, &engine->lanes[i % engine->lane_cnt], busy);
		for (unsigned i = 0; i < engine->lane_cnt; i++)
			operator_act(engine, &engine->lanes[i]);
		turn(run);
		if (!engine->process.dead && engine_error(engine) != 0 &&
		    ++failed_turns == FAILED_TURNS) {
			sell_beside(run);
			break;
		}
	}
	if (!engine->process.dead && random_chance(random, 300) && drain(run)) {
		end_drained(run);
		return true;
	}
	crash(run, run->power_fails || random_chance(random, 500));
	return true;
}

static bool lacks_segments(const struct sim_engine *engine)
{
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		if (segment_source_error(engine->lanes[i].segments) != 0)
			return true;
	}
	return false;
}

/* There is space again, and the engine must notice it. */
static void free_space(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	engine->fs.faults = (struct sim_faults){0};
	engine->fs.full_turns = 0;
	if (!lacks_segments(engine))
		return;
	for (unsigned turns = 0; lacks_segments(engine); turns++) {
		CHECK(turns < PATIENCE_TURNS);
		turn(run);
	}
	count(run, TALLY_SPACE_AGAIN);
}

/* No hold is open for ever. */
static void end_holds(struct run *run)
{
	struct sim_engine *engine = &run->engine;
	bool any = false;

	sim_clock_leap(&engine->clock);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct shard_sums sums;

		for (unsigned turns = 0;; turns++) {
			shard_sums(engine->lanes[i].lane->shard, &sums);
			if (sums.open_holds == 0)
				break;
			CHECK(turns < PATIENCE_TURNS);
			/* It may have been set back by days. */
			if (turns % LEAP_TURNS == LEAP_TURNS - 1)
				sim_clock_leap(&engine->clock);
			turn(run);
			any = true;
		}
		CHECK(sums.units_held == 0);
	}
	if (any)
		count(run, TALLY_NOTHING_HELD);
}

/* The disk has no faults any more: every buyer learns the outcome of the order. */
static void finish(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	run->faults = (struct sim_faults){.no_space = run->faults.no_space};
	run->peace = true;
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		engine->lanes[i].buyers.peace = true; /* until it drains */
	run->life++;
	beside_kill(&run->follower);
	beside_kill(&run->pruner);
	CHECK(start(run));
	engine->process.crash_in_steps = 0;
	ask_everybody(run, WIRE_OP_LOOKUP);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct buyers *buyers = &engine->lanes[i].buyers;

		for (uint32_t j = 0; j < buyers->wish_cnt; j++)
			CHECK(!buyers->wishes[j].unknown);
	}
	ask_everybody(run, 0);
	free_space(run);
	/* All is on sale at the end, and sells. */
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		operator_put(engine, &engine->lanes[i], engine->lanes[i].offer_cnt);
	answer_operators(run);
	ask_everybody(run, 0);
	end_holds(run);
	/* Payments that come now are late. */
	ask_everybody(run, 0);
	CHECK(engine_error(engine) == 0);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		struct shard_totals totals;

		engine->lanes[i].buyers.peace = false;

		shard_totals(engine->lanes[i].lane->shard, &totals);
		CHECK(totals.offers_broken == 0 && totals.offers == engine->lanes[i].offer_cnt);
		CHECK(totals.units_stocked == totals.units_free + totals.units_held +
						      totals.units_sold + totals.units_written_off);
		SAY(run,
		    "end: lane %u: %" PRIu64 " orders, %" PRIu64 " of %" PRIu64 " units sold\n", i,
		    totals.orders, totals.units_sold, totals.units_stocked);
	}
	CHECK(drain(run));
	end_drained(run);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct truth *truth = &engine->lanes[i].truth;

		truth_check(truth, truth->written_lsn);
		buyers_check(&engine->lanes[i].buyers, truth, truth->written_lsn);
	}
}

/* While no process works on the disk, damages it in some places. */
static void damage(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	if (engine->disk.write_cnt > 0 || run->follower.task != NULL || run->pruner.task != NULL)
		return;
	run->rests = true;
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		damage_segments(engine, &engine->lanes[i]);
		if (random_chance(&run->random, 200))
			damage_all_checkpoints(engine, &engine->lanes[i]);
		damage_checkpoint(engine, &engine->lanes[i]);
	}
	run->rests = false;
}

uint64_t sim_run(uint64_t seed, bool verbose, struct tally *tally)
{
	struct run *run = sale_open(seed, verbose, tally);
	struct sim_engine *engine = &run->engine;
	bool alive = true;

	engine->fs.on_call = work_beside;
	engine->fs.on_sleep = on_sleep;
	engine->fs.on_prune = on_prune;
	engine->fs.context = run;
	sim_calls_for(&engine->fs);
	run->lives = 1 + (unsigned)random_below(&run->random, LIVES_MAX);
	for (run->life = 0; run->life < run->lives && alive; run->life++) {
		alive = live(run);
		/* If a write was lost, a start is refused, or only records are missing that no
		 * watermark covers; nothing is promised from then on. */
		if (engine->disk.rotten)
			break;
		if (alive)
			damage(run);
	}
	if (engine->disk.rotten) {
		run->rests = true;
		beside_kill(&run->follower);
		beside_kill(&run->pruner);
		engine->fs.faults = (struct sim_faults){0};
		for (unsigned i = 0; i < engine->lane_cnt; i++)
			damage_judge(engine, &engine->lanes[i]);
	} else {
		finish(run);
		beside_kill(&run->follower);
		beside_kill(&run->pruner);
	}
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct buyers *buyers = &engine->lanes[i].buyers;

		for (uint32_t j = 0; j < buyers->wish_cnt; j++)
			digest(run, buyers->wishes[j].answer.order_id ^
					    buyers->wishes[j].answer.instant_ns);
	}
	sim_calls_for(NULL);
	sale_close(run);
	return run->digest;
}
