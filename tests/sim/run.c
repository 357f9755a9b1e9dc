#include "tests/sim/run.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/check.h"
#include "tests/sim/engine.h"

enum {
	LIVES_MAX = 5,
	TURNS_MAX = 120,
	STARTS_MAX = 12,       /* of one life, before the disk is left in peace */
	PATIENCE_TURNS = 5000, /* in which a healthy engine has answered */
	FLIPS_CNT = 3,         /* tried before each life */
	FAILED_TURNS = 8,      /* a failed lane is asked before it is restarted */
	DRAIN_TURNS = 300,
};

struct run {
	struct sim_random random;
	struct tally *tally;
	struct sim_disk disk;
	struct truth truth;
	struct buyers buyers;
	struct sim_engine engine;
	struct sim_faults faults; /* of this seed */
	uint64_t digest;
	unsigned life;
	unsigned lives;
	uint32_t wishes; /* in all lives together */
	unsigned crowd;  /* datagrams a turn, at most */
	bool verbose;
};

#define SAY(run, ...)                                                                              \
	do {                                                                                       \
		if ((run)->verbose)                                                                \
			printf(__VA_ARGS__);                                                       \
	} while (0)

static void count(struct run *run, enum tally_row row)
{
	run->tally->cnt[row]++;
}

static void digest(struct run *run, uint64_t value)
{
	run->digest = mix64(run->digest ^ value) + 1;
}

/* A fault kind is off in half of the seeds, else anything up to a rate. */
static unsigned rate(struct run *run, unsigned most)
{
	if (random_chance(&run->random, 500))
		return 0;
	return 1 + (unsigned)random_below(&run->random, most);
}

static void choose_faults(struct run *run)
{
	run->faults = (struct sim_faults){
		.eio = rate(run, 20),
		.eio_at_once = rate(run, 5),
		.short_write = rate(run, 20),
		.slow = rate(run, 900),
		.stall = rate(run, 300),
		.never = rate(run, 10),
		.queue_full = rate(run, 200),
		.no_space = rate(run, 300),
		.late_segment = rate(run, 600),
		.read_eio = rate(run, 20),
		.cut_eio = rate(run, 200),
	};
	if (random_chance(&run->random, 100))
		run->faults.misdirect = rate(run, 50);
	else if (random_chance(&run->random, 100))
		run->faults.lose = rate(run, 50);
}

static uint64_t a_sku(struct run *run)
{
	for (;;) {
		const uint64_t sku = 1 + random_below(&run->random, 1000000);
		bool known = false;

		for (unsigned i = 0; i < run->buyers.sku_cnt; i++)
			known |= run->buyers.skus[i] == sku;
		if (!known && wire_shard_of(sku, run->buyers.shards) == run->buyers.lane)
			return sku;
	}
}

static void choose_sale(struct run *run)
{
	struct sim_random *random = &run->random;
	struct sim_engine *engine = &run->engine;
	struct buyers *buyers = &run->buyers;

	engine->wall_ns = UINT64_C(1800000000000000000) + random_below(random, 1000000000);
	buyers->shards = (uint16_t)(1 + random_below(random, 4));
	buyers->lane = (uint16_t)random_below(random, buyers->shards);
	buyers->buyer_cnt = 1 + (unsigned)random_below(random, 60);
	run->wishes = 20 + (uint32_t)random_below(random, 500);
	buyers->entries_max =
		(uint8_t)(1 + random_below(random, 1 + random_below(random, WIRE_ENTRY_CNT_MAX)));
	buyers->price_max = 1000;
	engine->offer_cnt = 1 + (unsigned)random_below(random, ENGINE_OFFERS_MAX);
	for (unsigned i = 0; i < engine->offer_cnt; i++) {
		struct record *offer = &engine->offers[i];

		*offer = (struct record){
			.kind = RECORD_OFFER,
			.sku = a_sku(run),
			.unit_price = 1 + random_below(random, buyers->price_max),
			.offer = {.stock = 1 + (uint32_t)random_below(random, 400),
				  .closes_at_ns = INSTANT_NEVER},
		};
		if (random_chance(random, 500))
			offer->offer.limit_per_buyer = 1 + (uint32_t)random_below(random, 8);
		if (random_chance(random, 300))
			offer->offer.opens_at_ns = engine->wall_ns + random_below(random, 20000000);
		if (random_chance(random, 300))
			offer->offer.closes_at_ns =
				engine->wall_ns + 20000000 + random_below(random, 60000000);
		buyers->skus[buyers->sku_cnt++] = offer->sku;
	}
}

static struct run *run_open(uint64_t seed, bool verbose, struct tally *tally)
{
	static _Alignas(BLOCK_ALIGN_BYTES) uint8_t buffers[BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];
	static struct waiting waiting;
	static struct run memory;
	struct run *run = &memory;

	memset(run, 0, sizeof(*run));
	memset(buffers, 0xee, sizeof(buffers));
	run->random.state = mix64(seed);
	run->tally = tally;
	run->verbose = verbose;
	run->buyers.random = &run->random;
	run->buyers.tally = tally;
	choose_sale(run);
	choose_faults(run);
	sim_disk_open(&run->disk, &run->random, tally, random_next(&run->random), run->buyers.lane,
		      (3 + random_below(&run->random, 18)) * BLOCK_ALIGN_BYTES);
	run->crowd = random_chance(&run->random, 250) ? 8 : 1;
	if (run->crowd > 1)
		run->wishes *= 3;
	run->disk.on_block = truth_block;
	run->disk.context = &run->truth;
	run->engine.lane.waiting = &waiting;
	run->engine.disk = &run->disk;
	run->engine.truth = &run->truth;
	run->engine.buyers = &run->buyers;
	run->engine.random = &run->random;
	run->engine.tally = tally;
	run->engine.buffers = buffers;
	return run;
}

/*
 * What was damaged on the disk is refused, or else what is served is right. Only what no watermark
 * covers may be missing. True if it was served and nothing that was told yes is missing.
 */
static bool judge_damage(struct run *run)
{
	static struct rule_segment segments[SIM_SEGMENTS_MAX];
	const struct rule_lane image = sim_disk_image(&run->disk, segments);
	const uint64_t watermark_lsn = lane_rule_watermark(&image);
	struct recover_scan scan = {0};
	uint64_t told_lsn = 0;
	const int rc = engine_scan(&run->engine, &scan);
	const uint64_t last_lsn = scan.tail.next_lsn - 1;

	if (rc != 0) {
		CHECK(rc == -EBADMSG);
		CHECK(strstr(run->engine.error, "sim") != NULL);
		count(run, TALLY_CORRUPT);
		return false;
	}
	for (uint32_t i = 0; i < run->buyers.wish_cnt; i++) {
		const uint64_t lsn = run->buyers.wishes[i].answer.order_id & LSN_MAX;

		told_lsn = lsn > told_lsn ? lsn : told_lsn;
	}
	recover_scan_free(&scan);
	CHECK(last_lsn >= watermark_lsn);
	count(run, last_lsn < told_lsn ? TALLY_UNKNOWABLE : TALLY_HARMLESS);
	return last_lsn >= told_lsn;
}

/* Flips bits of a disk at rest, one at a time, and puts them back. */
static void flip_bits(struct run *run)
{
	const struct sim_faults faults = run->disk.faults;

	run->disk.faults = (struct sim_faults){0};
	for (unsigned i = 0; i < FLIPS_CNT && run->disk.segment_cnt > 0; i++) {
		const uint64_t segment = random_below(&run->random, run->disk.segment_cnt);
		uint64_t at = random_below(&run->random, run->disk.segment_bytes);

		/* Mostly the first bytes of a block or segment, where something is. */
		if (random_chance(&run->random, 700))
			at = at / BLOCK_ALIGN_BYTES * BLOCK_ALIGN_BYTES + at % 256;

		uint8_t *byte = &run->disk.files[segment].data[at];
		const uint8_t flip = (uint8_t)(1U << random_below(&run->random, 8));

		*byte ^= flip;
		count(run, TALLY_BIT_FLIP);
		(void)judge_damage(run);
		*byte ^= flip;
	}
	run->disk.faults = faults;
}

static void crash(struct run *run, bool power)
{
	SAY(run, "life %u: %s at LSN %" PRIu64 ", down %" PRIu64 ", %u writes on their way\n",
	    run->life, power ? "power cut" : "kill", run->truth.written_lsn, run->truth.down_lsn,
	    run->disk.write_cnt);
	engine_gone(&run->engine);
	if (power)
		sim_disk_power_cut(&run->disk);
	else
		sim_disk_kill(&run->disk);
	digest(run, run->truth.written_lsn);
	run->disk.crash_in_writes = 0;
	run->disk.crash_in_steps = 0;
	if (random_chance(&run->random, 300)) {
		run->engine.wall_ns -= random_below(&run->random, 2000000000);
		count(run, TALLY_CLOCK_BACK);
	}
}

/*
 * Starts until it works, as somebody would who frees space and tries again, with crashes in
 * between. False if a rotten disk was refused.
 */
static bool start(struct run *run)
{
	for (unsigned i = 0;; i++) {
		int rc;

		run->disk.faults = run->faults;
		if (i == STARTS_MAX) {
			run->disk.faults = (struct sim_faults){0};
			run->disk.no_space_turns = 0;
		}
		if (i < STARTS_MAX && random_chance(&run->random, 300))
			run->disk.crash_in_steps = 1 + (unsigned)random_below(&run->random, 20);
		rc = engine_start(&run->engine);
		run->disk.crash_in_steps = 0;
		SAY(run, "life %u: start %u: %s, LSN %" PRIu64 ": %s\n", run->life, i,
		    strerror(-rc), run->truth.kept_lsn, rc != 0 ? run->engine.error : "");
		if (rc == 0)
			return true;
		CHECK(i < STARTS_MAX || run->disk.rotten);
		CHECK(rc != -EBADMSG || run->disk.rotten);
		if (run->disk.dead)
			count(run, TALLY_CUT_CRASH);
		crash(run, run->disk.dead && random_chance(&run->random, 700));
		if (rc == -EBADMSG || run->disk.rotten)
			return false;
	}
}

static void ask(struct run *run, unsigned per_mille)
{
	struct parcel *parcel;

	if (!random_chance(&run->random, per_mille))
		return;
	parcel = buyers_ask(&run->buyers);
	if (parcel != NULL)
		engine_receive(&run->engine, parcel);
}

/* Stops as SIGTERM does; gives up on a disk that doesn't go on. True: all of it is on disk. */
static bool drain(struct run *run)
{
	struct sim_engine *engine = &run->engine;
	struct journal *journal = engine->lane.journal;

	count(run, TALLY_DRAIN);
	engine->lane.draining = true;
	for (unsigned turn = 0; !engine_all_decided(engine); turn++) {
		ask(run, turn < 10 ? 300 : 0);
		if (turn == DRAIN_TURNS)
			journal_abandon(journal, ETIMEDOUT);
		engine_turn(engine);
		if (run->disk.dead)
			return false;
	}
	for (unsigned turn = 0; turn < DRAIN_TURNS && journal_error(journal) == 0; turn++) {
		journal_seal(journal, engine->lane.clock_ns);
		engine_turn(engine);
		if (run->disk.dead)
			return false;
		if (journal_idle(journal) && !journal_wants_seal(journal))
			return true;
	}
	return false;
}

/* After a drain, what the next start reads is what this engine had. */
static void end_drained(struct run *run)
{
	const struct shard_hash hash = shard_hash(run->engine.lane.shard);
	struct recover_scan scan = {0};
	struct shard *shard = NULL;

	crash(run, random_chance(&run->random, 500));
	run->disk.faults = (struct sim_faults){0};
	if (run->disk.rotten) {
		(void)judge_damage(run);
		return;
	}
	CHECK(engine_read(&run->engine, &scan, &shard) == 0 && !scan.torn);

	const struct shard_hash again = shard_hash(shard);

	CHECK(hash.low == again.low && hash.high == again.high);
	recover_scan_free(&scan);
	shard_close(shard);
}

/* One life of the engine, from its start to its end. False if it could not start. */
static bool live(struct run *run)
{
	/* A short life ends while much is on its way. */
	const unsigned turns = (unsigned)random_below(
		&run->random, random_chance(&run->random, 500) ? TURNS_MAX / 8 : TURNS_MAX);
	const unsigned busy = 100 + (unsigned)random_below(&run->random, 900);
	const unsigned asks = 1 + (unsigned)random_below(&run->random, run->crowd);
	unsigned failed_turns = 0;

	run->buyers.wish_max = run->wishes * (run->life + 1) / run->lives;
	if (!start(run))
		return false;
	if (random_chance(&run->random, 800))
		run->disk.crash_in_writes = 1 + (unsigned)random_below(&run->random, 12);
	for (unsigned turn = 0; turn < turns && !run->disk.dead; turn++) {
		for (unsigned i = 0; i < asks; i++)
			ask(run, busy);
		engine_turn(&run->engine);
		if (journal_error(run->engine.lane.journal) != 0 && ++failed_turns == FAILED_TURNS)
			break;
	}
	if (!run->disk.dead && random_chance(&run->random, 300) && drain(run)) {
		end_drained(run);
		return true;
	}
	crash(run, random_chance(&run->random, 500));
	return true;
}

static void ask_everybody(struct run *run, uint8_t op)
{
	struct parcel *parcel;
	unsigned turns = 0;

	run->buyers.asked_next = 0;
	do {
		while ((parcel = buyers_ask_all(&run->buyers, op)) != NULL)
			engine_receive(&run->engine, parcel);
		engine_turn(&run->engine);
		/* A healthy lane answers, and goes on by itself after a full disk. */
		CHECK(turns++ < PATIENCE_TURNS);
	} while (run->buyers.asked_next < run->buyers.wish_cnt ||
		 !engine_all_decided(&run->engine));
	CHECK(journal_error(run->engine.lane.journal) == 0);
	for (uint32_t i = 0; i < run->buyers.wish_cnt && op == WIRE_OP_LOOKUP; i++)
		CHECK(!run->buyers.wishes[i].unknown);
}

/* The disk is well again: everybody learns what came of his order. */
static void finish(struct run *run)
{
	struct shard_totals totals;

	run->faults = (struct sim_faults){.no_space = run->faults.no_space};
	run->life++;
	CHECK(start(run));
	ask_everybody(run, WIRE_OP_LOOKUP);
	ask_everybody(run, WIRE_OP_BUY);
	shard_totals(run->engine.lane.shard, &totals);
	CHECK(totals.offers_broken == 0 && totals.offers == run->engine.offer_cnt);
	CHECK(totals.units_stocked == totals.units_free + totals.units_sold);
	CHECK(drain(run));
	SAY(run,
	    "end: %" PRIu64 " orders, %" PRIu64 " of %" PRIu64 " units sold, LSN %" PRIu64
	    ", %" PRIu64 " segments\n",
	    totals.orders, totals.units_sold, totals.units_stocked, run->truth.written_lsn,
	    run->disk.segment_cnt);
	end_drained(run);
	truth_check(&run->truth, run->truth.written_lsn);
	buyers_check(&run->buyers, &run->truth, run->truth.written_lsn);
}

uint64_t sim_run(uint64_t seed, bool verbose, struct tally *tally)
{
	struct run *run = run_open(seed, verbose, tally);
	bool alive = true;

	run->lives = 1 + (unsigned)random_below(&run->random, LIVES_MAX);
	for (run->life = 0; run->life < run->lives && alive; run->life++) {
		alive = live(run);
		/* Where a write was lost, a start is refused, or only what nobody could know is
		 * missing; nothing is promised from then on. */
		if (run->disk.rotten)
			break;
		if (alive && run->disk.write_cnt == 0)
			flip_bits(run);
	}
	if (run->disk.rotten) {
		run->disk.faults = (struct sim_faults){0};
		(void)judge_damage(run);
	} else {
		finish(run);
	}
	for (uint32_t i = 0; i < run->buyers.wish_cnt; i++)
		digest(run, run->buyers.wishes[i].answer.order_id ^
				    run->buyers.wishes[i].answer.instant_ns);
	sim_disk_close(&run->disk);
	return run->digest;
}
