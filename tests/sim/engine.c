#include "tests/sim/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/answer.h"
#include "engine/check.h"
#include "net/decode.h"

enum {
	TURN_NS_MAX = 1000000,
	CLOCK_STEP_NS_MAX = 1000000000,
	ROOM_TURNS_MAX = 200,
};

static void count(struct sim_engine *engine, enum tally_row row)
{
	engine->tally->cnt[row]++;
}

/* The rule and the reader must say the same of what lies on the disk. */
static int check_reading(struct sim_engine *engine, int rc, const struct recover_scan *scan)
{
	static struct rule_segment segments[SIM_SEGMENTS_MAX];
	const struct rule_lane image = sim_disk_image(engine->disk, segments);
	const struct rule_outcome outcome = truth_read(engine->truth, &image);

	CHECK((rc == -EBADMSG) == (outcome.end == RULE_CORRUPT));
	if (rc != 0)
		return rc;
	CHECK(scan->torn == (outcome.end == RULE_TORN));
	CHECK(scan->block_cnt == outcome.block_cnt);
	CHECK(scan->tail.next_lsn == outcome.tail.next_lsn);
	CHECK(scan->tail.segment == outcome.tail.segment);
	CHECK(scan->tail.offset == outcome.tail.offset);
	CHECK(scan->tail.prev_checksum == outcome.tail.prev_checksum);
	CHECK(scan->tail.last_at_ns == outcome.tail.last_at_ns);
	return 0;
}

int engine_scan(struct sim_engine *engine, struct recover_scan *scan)
{
	struct sim_disk *disk = engine->disk;
	const int rc = recover_scan_files(sim_disk_files(disk), disk->journal_id, disk->lane, true,
					  scan, engine->error, sizeof(engine->error));

	/* With EIO only the reading failed. */
	return rc == -EIO ? rc : check_reading(engine, rc, scan);
}

int engine_read(struct sim_engine *engine, struct recover_scan *scan, struct shard **shard)
{
	struct sim_disk *disk = engine->disk;
	struct shard_size size;
	int rc = engine_scan(engine, scan);

	*shard = NULL;
	if (rc != 0)
		return rc;
	size = (struct shard_size){.offer_cnt = ENGINE_OFFERS_MAX};
	for (unsigned i = 0; i < engine->offer_cnt; i++)
		size.order_cnt += engine->offers[i].offer.stock;
	/* Roomy: a full bucket would depend on the hash key, which no seed knows. */
	size.buyer_cnt = 8 * size.order_cnt;
	CHECK(shard_open(shard, disk->lane, engine->buyers->shards, &size) == 0);
	rc = recover_lane_files(sim_disk_files(disk), disk->journal_id, disk->lane, scan, *shard,
				engine->error, sizeof(engine->error));
	if (rc == 0) {
		const uint64_t last_lsn = scan->tail.next_lsn - 1;
		const struct shard_hash hash = shard_hash(*shard);
		const struct shard_hash want =
			truth_hash(engine->truth, last_lsn, disk->lane, engine->buyers->shards);
		struct shard_totals totals;

		CHECK(shard_next_lsn(*shard) == scan->tail.next_lsn);
		CHECK(hash.low == want.low && hash.high == want.high);
		shard_totals(*shard, &totals);
		CHECK(totals.offers_broken == 0);
		CHECK(totals.orders == scan->order_cnt && totals.units_sold == scan->units_ordered);
		return 0;
	}
	CHECK(rc == -EIO);
	shard_close(*shard);
	*shard = NULL;
	recover_scan_free(scan);
	return rc;
}

static void on_written(void *context, uint64_t token, int64_t result)
{
	struct sim_engine *engine = context;

	CHECK(journal_token_lane(token) == engine->lane.idx);
	journal_written(engine->lane.journal, token, result);
}

static void write_journal(struct sim_engine *engine)
{
	struct disk *disk = &engine->disk->disk;

	disk->ops->reap(disk, on_written, engine);
	if (engine->disk->dead)
		return;
	journal_pump(engine->lane.journal, engine->lane.clock_ns);
	disk->ops->submit(disk);
	sim_disk_tick(engine->disk);
}

/* Puts the catalog's offers on sale that the lane doesn't know, as serve_offers_add does. */
static int add_offers(struct sim_engine *engine)
{
	struct lane *lane = &engine->lane;
	const char *why;

	for (unsigned i = 0; i < engine->offer_cnt; i++) {
		struct record offer = engine->offers[i];
		struct offer_view view;

		if (shard_find_offer(lane->shard, offer.sku, &view))
			continue;
		for (unsigned turn = 0; journal_room(lane->journal) == 0; turn++) {
			if (turn == ROOM_TURNS_MAX || journal_error(lane->journal) != 0 ||
			    engine->disk->dead)
				return -ENOSPC;
			write_journal(engine);
		}
		offer.at_ns = lane->clock_ns;
		*journal_slot(lane->journal) = offer;
		CHECK(shard_apply(lane->shard, journal_next_lsn(lane->journal), &offer, &why) == 0);
		journal_commit(lane->journal);
	}
	for (unsigned turn = 0; !journal_idle(lane->journal); turn++) {
		if (turn == ROOM_TURNS_MAX || journal_error(lane->journal) != 0 ||
		    engine->disk->dead)
			return -EIO;
		write_journal(engine);
	}
	return 0;
}

static int open_journal(struct sim_engine *engine, const struct lane_tail *tail)
{
	const struct journal_options options = {
		.journal_id = engine->disk->journal_id,
		.lane = engine->disk->lane,
		.tail = *tail,
		.disk = &engine->disk->disk,
		.segments = &engine->disk->segments,
		.buffers = engine->buffers,
	};
	const int rc = sim_disk_start(engine->disk, tail->segment);

	if (rc != 0)
		return rc;
	return journal_open(&engine->lane.journal, &options, engine->error, sizeof(engine->error));
}

int engine_start(struct sim_engine *engine)
{
	struct lane *lane = &engine->lane;
	struct recover_scan scan = {0};
	struct waiting *waiting = lane->waiting;
	struct shard *shard = NULL;
	int rc = engine_read(engine, &scan, &shard);

	waiting->head = 0;
	waiting->tail = 0;
	engine->inbox_cnt = 0;
	*lane = (struct lane){
		.shard = shard,
		.clock_ns = scan.tail.last_at_ns,
		.idx = engine->disk->lane,
		.waiting = waiting,
	};
	if (rc != 0)
		return rc;
	rc = recover_cut_files(sim_disk_files(engine->disk), &scan.tail, engine->error,
			       sizeof(engine->error));
	if (rc == 0) {
		count(engine, scan.torn ? TALLY_TORN_END : TALLY_CLEAN_END);
		truth_cut(engine->truth, &scan.tail);
		truth_check(engine->truth, scan.tail.next_lsn - 1);
		buyers_check(engine->buyers, engine->truth, scan.tail.next_lsn - 1);
		rc = open_journal(engine, &scan.tail);
	}
	recover_scan_free(&scan);
	if (rc != 0)
		return rc;
	lane_tick(lane, engine->wall_ns);
	return add_offers(engine);
}

void engine_receive(struct sim_engine *engine, struct parcel *parcel)
{
	CHECK(engine->inbox_cnt < BUYERS_PARCELS_MAX);
	engine->inbox[engine->inbox_cnt++] = parcel;
}

static void reply_to(struct sim_engine *engine, struct parcel *parcel)
{
	buyers_told(engine->buyers, parcel, engine->truth, !engine->disk->rotten);
}

/* decide: what came, in order, as far as the journal has room. */
static void decide_inbox(struct sim_engine *engine)
{
	struct lane *lane = &engine->lane;
	unsigned done = 0;

	while (done < engine->inbox_cnt && answer_possible(lane, engine->inbox[done]->cnt)) {
		struct parcel *parcel = engine->inbox[done++];
		struct wire_request requests[WIRE_ENTRY_CNT_MAX];
		struct decide_key keys[WIRE_ENTRY_CNT_MAX];
		struct pending_reply reply = {.mbuf = (struct rte_mbuf *)parcel};
		const uint32_t cnt = decode_requests(parcel->datagram, requests);

		decide_prepare(lane->shard, requests, keys, cnt);
		lane_tick(lane, engine->wall_ns);
		reply.lsn =
			answer_datagram(lane, parcel->datagram, requests, keys, engine->verdicts);
		if (reply.lsn == 0)
			reply_to(engine, parcel);
		else
			waiting_push(lane->waiting, &reply);
	}
	engine->inbox_cnt -= done;
	memmove(engine->inbox, engine->inbox + done, engine->inbox_cnt * sizeof(engine->inbox[0]));
}

static void release_replies(struct sim_engine *engine)
{
	struct lane *lane = &engine->lane;
	const uint64_t durable_lsn = journal_durable_lsn(lane->journal);
	const uint64_t up_to_lsn = journal_error(lane->journal) != 0 ? LSN_MAX : durable_lsn;
	struct pending_reply *reply;

	while ((reply = waiting_pop(lane->waiting, up_to_lsn)) != NULL) {
		struct parcel *parcel = (struct parcel *)reply->mbuf;

		if (reply->lsn > durable_lsn)
			answer_unavailable(parcel->datagram, durable_lsn, engine->verdicts);
		reply_to(engine, parcel);
	}
}

void engine_turn(struct sim_engine *engine)
{
	struct lane *lane = &engine->lane;
	const uint64_t clock_ns = lane->clock_ns;

	engine->wall_ns += random_below(engine->random, TURN_NS_MAX);
	if (random_chance(engine->random, 5))
		engine->wall_ns -= random_below(engine->random, CLOCK_STEP_NS_MAX);
	decide_inbox(engine);
	write_journal(engine);
	if (engine->disk->dead)
		return;
	release_replies(engine);
	lane_tick(lane, engine->wall_ns);
	CHECK(lane->clock_ns >= clock_ns);
	if (random_chance(engine->random, 300))
		journal_seal(lane->journal, lane->clock_ns);
	CHECK(shard_check(lane->shard, &lane->check_cursor, ENGINE_OFFERS_MAX));
}

bool engine_all_decided(const struct sim_engine *engine)
{
	const struct journal *journal = engine->lane.journal;

	return engine->inbox_cnt == 0 && waiting_empty(engine->lane.waiting) &&
	       (journal_error(journal) != 0 || journal_idle(journal));
}

void engine_gone(struct sim_engine *engine)
{
	struct lane *lane = &engine->lane;
	const bool dead = engine->disk->dead;

	if (lane->journal != NULL) {
		/* Only to free it: what it says to the disk is heard by nobody. */
		engine->disk->dead = true;
		if (!journal_idle(lane->journal))
			journal_abandon(lane->journal, ECANCELED);
		journal_close(lane->journal);
		engine->disk->dead = dead;
	}
	shard_close(lane->shard);
	lane->journal = NULL;
	lane->shard = NULL;
	buyers_forget_parcels(engine->buyers);
}
