#include "tests/sim/sale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "engine/worker/mailbox.h"
#include "tests/sim/atomic.h"
#include "tests/sim/turns.h"

enum {
	HOLD_SECONDS_HERE = 3,
	EXTENSIONS_HERE = 3,
	GROUP = 7,
};

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
		.no_space = rate(run, 200),
		.late_segment = rate(run, 600),
		.tx_full = rate(run, 300),
		.read_eio = rate(run, 10),
		.file_eio = rate(run, 100),
	};
	if (random_chance(&run->random, 100))
		run->faults.misdirect = rate(run, 50);
	else if (random_chance(&run->random, 100))
		run->faults.lose = rate(run, 50);
}

/* A SKU that this lane's number names. */
static uint64_t a_sku(struct run *run, unsigned lane)
{
	const struct sim_engine *engine = &run->engine;

	for (;;) {
		const uint64_t sku = 1 + random_below(&run->random, 1000000);
		bool known = wire_shard_of(sku, (uint16_t)engine->lane_cnt) != lane;

		for (unsigned i = 0; i < engine->lane_cnt; i++) {
			const struct buyers *buyers = &engine->lanes[i].buyers;

			for (unsigned j = 0; j < buyers->sku_cnt; j++)
				known |= buyers->skus[j] == sku;
		}
		if (!known)
			return sku;
	}
}

static uint32_t seconds(struct run *run, uint32_t most)
{
	return 1 + (uint32_t)random_below(&run->random, most);
}

/* How long its units may be held. */
static void choose_terms(struct run *run, struct record *offer, uint16_t group_limit)
{
	struct sim_random *random = &run->random;

	if (random_chance(random, 400))
		offer->offer.stock = 1 + offer->offer.stock % 20;
	if (random_chance(random, 850))
		offer->offer.hold_seconds = seconds(run, HOLD_SECONDS_HERE);
	if (offer->offer.hold_seconds > 0 && random_chance(random, 700))
		offer->offer.extend = seconds(run, HOLD_SECONDS_HERE) << EXTENSIONS_BITS |
				      seconds(run, EXTENSIONS_HERE);
	if (group_limit > 0 && random_chance(random, 700)) {
		offer->channel = GROUP;
		offer->quantity = group_limit;
	}
}

/* Where its buyers look for it first; most of all SKUs are not placed. */
static unsigned choose_home(struct run *run, unsigned lane)
{
	if (run->engine.lane_cnt == 1 || !random_chance(&run->random, 250))
		return lane;
	return (unsigned)random_below(&run->random, run->engine.lane_cnt);
}

static void choose_offers(struct run *run, struct sim_lane *lane)
{
	struct sim_random *random = &run->random;
	struct buyers *buyers = &lane->buyers;
	const uint64_t now_ns = run->engine.fs.mono_ns + (uint64_t)run->engine.clock.offset_ns;
	const uint16_t group_limit =
		random_chance(random, 400) ? (uint16_t)(1 + random_below(random, 12)) : 0;

	lane->offer_cnt = 1 + (unsigned)random_below(random, ENGINE_OFFERS_MAX);
	lane->catalog_cnt = random_chance(random, 700)
				    ? lane->offer_cnt
				    : (unsigned)random_below(random, lane->offer_cnt);
	for (unsigned i = 0; i < lane->offer_cnt; i++) {
		struct record *offer = &lane->offers[i];
		const unsigned home = choose_home(run, buyers->lane);

		*offer = (struct record){
			.kind = RECORD_OFFER,
			.flags = home != buyers->lane ? OFFER_PLACED : 0,
			.sku = a_sku(run, home),
			.unit_price = 1 + random_below(random, buyers->price_max),
			.offer = {.stock = 1 + (uint32_t)random_below(random, 400),
				  .closes_at_ns = INSTANT_NEVER},
		};
		/* Some are free. */
		if (mix64(offer->sku) % 4 == 0)
			offer->unit_price = 0;
		if (random_chance(random, 500))
			offer->offer.limit_per_buyer = 1 + (uint32_t)random_below(random, 8);
		if (random_chance(random, 300))
			offer->offer.opens_at_ns = now_ns + random_below(random, 600000000);
		if (random_chance(random, 300))
			offer->offer.closes_at_ns =
				now_ns + 600000000 + random_below(random, 1800000000);
		if (run->holds)
			choose_terms(run, offer, group_limit);
		buyers->can_hold[i] = offer->offer.hold_seconds > 0;
		buyers->skus[buyers->sku_cnt++] = offer->sku;
	}
}

/* Tells each lane which SKUs of its number other lanes sell. */
static void choose_placed(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		const struct sim_lane *owner = &engine->lanes[i];

		for (unsigned j = 0; j < owner->offer_cnt; j++) {
			const uint64_t sku = owner->offers[j].sku;
			struct sim_lane *lane =
				&engine->lanes[wire_shard_of(sku, (uint16_t)engine->lane_cnt)];

			if (lane == owner)
				continue;
			lane->buyers.away[lane->placed_cnt] =
				(struct away){.sku = sku, .owner = (uint16_t)i};
			lane->offers[lane->offer_cnt + lane->placed_cnt++] = (struct record){
				.kind = RECORD_PLACED, .quantity = (uint16_t)i, .sku = sku};
		}
	}
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		engine->lanes[i].buyers.away_cnt = engine->lanes[i].placed_cnt;
}

/* Tables for all that a lane can sell; few changes in some. */
static void choose_size(struct run *run, struct sim_lane *lane)
{
	struct shard_size *size = &lane->size;

	size->offer_cnt = ENGINE_OFFERS_MAX;
	size->placed_cnt = ENGINE_COMMANDS_MAX;
	for (unsigned i = 0; i < lane->offer_cnt; i++)
		size->order_cnt += lane->offers[i].offer.stock;
	if (run->holds) {
		size->order_cnt += run->wishes;
		size->hold_cnt = run->wishes;
		size->change_cnt = run->wishes;
		if (random_chance(&run->random, 150))
			size->change_cnt = 4 + random_below(&run->random, 40);
	}
	/* Few links in some. */
	if (run->engine.lane_cnt > 1)
		size->link_cnt = random_chance(&run->random, 150)
					 ? 1 + random_below(&run->random, 20)
					 : (uint64_t)run->wishes * run->engine.lane_cnt;
	/* With much room: whether a bucket is full depends on the hash key, which does not follow
	 * from the seed. */
	size->buyer_cnt = 8 * (size->order_cnt + size->hold_cnt);
}

static void choose_lane(struct run *run, unsigned idx)
{
	static _Alignas(BLOCK_ALIGN_BYTES)
		uint8_t buffers[SIM_LANES_MAX][BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX];
	struct sim_engine *engine = &run->engine;
	struct sim_lane *lane = &engine->lanes[idx];
	struct buyers *buyers = &lane->buyers;

	memset(buffers[idx], 0xee, sizeof(buffers[idx]));
	lane->buffers = buffers[idx];
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		buyers->of_lane[i] = &engine->lanes[i].buyers;
	buyers->truth = &lane->truth;
	buyers->arrival_cnt = &engine->arrival_cnt;
	buyers->random = &run->random;
	buyers->tally = engine->tally;
	buyers->shards = (uint16_t)engine->lane_cnt;
	buyers->lane = (uint16_t)idx;
	buyers->ack_memory = engine->ack_memory;
	buyers->clock_ns = &lane->lane->clock_ns;
	buyers->sale = wire_sale_of(engine->dir.journal_id);
	buyers->undated_refused = engine->undated_refused;
	buyers->buyer_cnt = 1 + (unsigned)random_below(&run->random, 60);
	buyers->entries_max =
		(uint8_t)(1 + random_below(&run->random,
					   1 + random_below(&run->random, WIRE_ENTRY_CNT_MAX)));
	buyers->price_max = 1000;
	buyers->holds = run->holds;
	choose_offers(run, lane);
	choose_size(run, lane);
	truth_begin(&lane->truth, engine->tally);
}

static void on_block(void *context, const struct block_header *block, bool down)
{
	struct sim_engine *engine = context;

	CHECK(block->lane < engine->lane_cnt);
	truth_block(&engine->lanes[block->lane].truth, block, down);
	if (!down && !engine->disk.rotten)
		atomic_check_block(engine, block);
}

struct run *sale_open(uint64_t seed, bool verbose, struct tally *tally)
{
	static struct run memory;
	struct run *run = &memory;
	struct sim_engine *engine = &run->engine;
	struct sim_random *random = &run->random;

	memset(run, 0, sizeof(*run));
	random->state = mix64(seed);
	run->verbose = verbose;
	engine->random = random;
	engine->tally = tally;
	engine->clock = (struct sim_clock){
		.offset_ns =
			INT64_C(1800000000000000000) + (int64_t)random_below(random, 1000000000),
		.random = random,
		.tally = tally,
	};
	engine->lane_cnt =
		1 +
		(random_chance(random, 650) ? (unsigned)random_below(random, SIM_LANES_MAX) : 0);
	tally->cnt[TALLY_LANES] += engine->lane_cnt - 1;
	engine->worker_cnt = 1;
	if (random_chance(random, 650))
		engine->worker_cnt += (unsigned)random_below(random, engine->lane_cnt);
	engine->ack_memory = random_chance(random, 150);
	engine->undated_refused = random_chance(random, 400);
	engine->segment_bytes = (3 + random_below(random, 18)) * BLOCK_ALIGN_BYTES;
	run->wishes = (20 + (uint32_t)random_below(random, 500)) / engine->lane_cnt;
	/* Baskets need more. */
	if (engine->lane_cnt > 1)
		run->wishes *= 3;
	run->crowd = random_chance(random, 250) ? 8 : 1;
	if (run->crowd > 1)
		run->wishes *= engine->lane_cnt > 1 ? 2 : 3;
	run->holds = random_chance(random, 600);
	engine->clock.leaps = run->holds && random_chance(random, 700);
	run->follows = random_chance(random, 600);
	run->prunes = run->follows && random_chance(random, 800);
	choose_faults(run);
	sim_fs_open(&engine->fs, random, tally, engine->lane_cnt);
	engine->fs.engine = &engine->process;
	engine->fs.full_in_writing = random_chance(random, 300);
	sim_disk_open(&engine->disk, &engine->fs, &engine->process, (uint16_t)engine->worker_cnt);
	engine->disk.on_block = on_block;
	engine->disk.context = engine;
	engine->dir = (struct data_dir){
		.path = SIM_ROOT,
		.journal_id = random_next(random) | 1,
		.shards = (uint16_t)engine->lane_cnt,
	};
	turns_open(engine);
	for (unsigned i = 0; i < engine->lane_cnt; i++)
		choose_lane(run, i);
	choose_placed(run);
	return run;
}

void sale_close(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	mailbox_close(engine->mailbox);
	sim_disk_close(&engine->disk);
	sim_fs_close(&engine->fs);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		for (unsigned j = 0; j < SEGMENTS_MAX; j++)
			free((void *)engine->lanes[i].archive[j].data);
	}
}
