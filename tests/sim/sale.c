#include "tests/sim/sale.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine/base/check.h"
#include "tests/sim/turns.h"

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

static uint64_t a_sku(struct run *run, const struct buyers *buyers)
{
	for (;;) {
		const uint64_t sku = 1 + random_below(&run->random, 1000000);
		bool known = false;

		for (unsigned i = 0; i < buyers->sku_cnt; i++)
			known |= buyers->skus[i] == sku;
		if (!known && wire_shard_of(sku, buyers->shards) == buyers->lane)
			return sku;
	}
}

static void choose_offers(struct run *run, struct sim_lane *lane)
{
	struct sim_random *random = &run->random;
	struct buyers *buyers = &lane->buyers;
	const uint64_t now_ns = run->engine.fs.mono_ns + (uint64_t)run->engine.clock.offset_ns;

	lane->offer_cnt = 1 + (unsigned)random_below(random, ENGINE_OFFERS_MAX);
	lane->catalog_cnt = random_chance(random, 700)
				    ? lane->offer_cnt
				    : (unsigned)random_below(random, lane->offer_cnt);
	for (unsigned i = 0; i < lane->offer_cnt; i++) {
		struct record *offer = &lane->offers[i];

		*offer = (struct record){
			.kind = RECORD_OFFER,
			.sku = a_sku(run, buyers),
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
		buyers->skus[buyers->sku_cnt++] = offer->sku;
	}
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
	choose_offers(run, lane);
}

static void on_block(void *context, const struct block_header *block, bool down)
{
	struct sim_engine *engine = context;

	CHECK(block->lane < engine->lane_cnt);
	truth_block(&engine->lanes[block->lane].truth, block, down);
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
		(random_chance(random, 500) ? (unsigned)random_below(random, SIM_LANES_MAX) : 0);
	tally->cnt[TALLY_LANES] += engine->lane_cnt - 1;
	engine->ack_memory = random_chance(random, 150);
	engine->undated_refused = random_chance(random, 400);
	engine->segment_bytes = (3 + random_below(random, 18)) * BLOCK_ALIGN_BYTES;
	run->wishes = (20 + (uint32_t)random_below(random, 500)) / engine->lane_cnt;
	run->crowd = random_chance(random, 250) ? 8 : 1;
	if (run->crowd > 1)
		run->wishes *= 3;
	run->follows = random_chance(random, 600);
	run->prunes = run->follows && random_chance(random, 600);
	choose_faults(run);
	sim_fs_open(&engine->fs, random, tally, engine->lane_cnt);
	engine->fs.engine = &engine->process;
	engine->fs.full_in_writing = random_chance(random, 300);
	sim_disk_open(&engine->disk, &engine->fs, &engine->process);
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
	return run;
}

void sale_close(struct run *run)
{
	struct sim_engine *engine = &run->engine;

	sim_disk_close(&engine->disk);
	sim_fs_close(&engine->fs);
	for (unsigned i = 0; i < engine->lane_cnt; i++) {
		for (unsigned j = 0; j < SEGMENTS_MAX; j++)
			free((void *)engine->lanes[i].archive[j].data);
	}
}
