#include "tools/replay/offline.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/catalog/sizes.h"
#include "engine/journal/data_dir.h"
#include "engine/journal/journal.h"
#include "engine/lane/baskets.h"
#include "engine/lane/lane_turn.h"
#include "tools/replay/paper_lane.h"

enum {
	/*
	 * Turns of a batch. One is usual. If a datagram finds no room there is one more for the
	 * writes and one that decides it, and a few until it is clear that no segment can be made.
	 */
	TURNS_MAX = 16,
};

/* A lane's holds are ended so often, in the capture's time: as exactly as in an engine. */
static const uint64_t TEND_EVERY_NS = 4000000;

static const size_t BUFFERS_BYTES = (size_t)BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;

struct offline {
	struct offline_options options;
	struct disk *disk;
	struct data_dir dir; /* lock_fd -1: no journal is kept */
	struct lane *lanes;
	struct segment_source **segments;
	void *buffers; /* BUFFERS_BYTES a lane */
	struct backlog *backlogs;
	struct lane_baskets *baskets; /* of each lane; NULL: there is one lane */
	struct post *post;
	struct reply_queue *reply_queue; /* of all lanes: no answer waits in it offline */
	uint64_t verdicts[VERDICT_END];
	offline_op_verdicts by_op[WIRE_OP_END];
	bool has_holds[SHARDS_MAX];     /* an offer of the lane allows them */
	uint64_t tended_ns[SHARDS_MAX]; /* when a lane's holds were ended last, in the capture */
	uint64_t last_ns;               /* the latest instant of the capture so far */
	uint32_t answered_cnt;          /* of the batch */
	struct lane_turn turn;
	uint8_t copies[BATCH_DATAGRAMS_MAX * WIRE_DATAGRAM_BYTES_MAX];
};

uint64_t offline_journal_id(const struct catalog *catalog, uint16_t shards, uint64_t first_ns,
			    const uint8_t *datagram, uint32_t bytes)
{
	uint64_t id = XXH3_64bits_withSeed(datagram, bytes, mix64(first_ns ^ shards));

	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];
		/* By content: the same offers in another order are the same sale. */
		const uint64_t words[] = {
			offer->sku,
			offer->unit_price,
			offer->opens_at_ns,
			offer->closes_at_ns,
			(uint64_t)offer->stock << 32 | offer->limit_per_buyer,
			offer->hold_seconds,
		};
		/* What most catalogs have nothing of, and then the id is as it always was. */
		const uint64_t later[] = {
			(uint64_t)offer->extend_seconds << 32 | offer->extensions,
			(uint64_t)offer->group << 32 | offer->group_limit,
			offer->placed ? offer->shard + UINT64_C(1) : 0,
		};

		id = XXH3_64bits_withSeed(words, sizeof(words), id);
		if ((later[0] | later[1] | later[2]) != 0)
			id = XXH3_64bits_withSeed(later, sizeof(later), id);
	}
	return id != 0 ? id : 1;
}

/* As a server makes its tables: the same requests find the same room. */
static void size_of(struct offline *offline, uint16_t lane, struct shard_size *size)
{
	static const struct shard_size had;
	const struct offline_options *options = &offline->options;
	struct catalog_sizes sizes = {.spans = options->shards > 1};
	uint64_t placed_cnt = 0;

	for (uint32_t i = 0; i < options->catalog->cnt; i++) {
		const struct catalog_offer *offer = &options->catalog->offers[i];

		placed_cnt += offer->placed && wire_shard_of(offer->sku, options->shards) == lane;
		if (offer->shard != lane)
			continue;
		catalog_sizes_add(&sizes, offer);
		offline->has_holds[lane] |= offer->hold_seconds > 0;
	}
	*size = catalog_sizes_shard(&sizes, 0, options->hold_cnt_max, &had);
	size->placed_cnt = placed_cnt;
}

/* An offline lane always has room. */
static bool has_room(void *host, const struct exchange *exchange)
{
	(void)host;
	(void)exchange;
	return true;
}

/* The answer stays in its copy until the batch is done. */
static void count_reply(void *host, const struct exchange *exchange)
{
	struct offline *offline = host;

	(void)exchange;
	offline->answered_cnt++;
}

static void flush(void *host, enum lane_turn_stage stage)
{
	(void)host;
	(void)stage;
}

static void drop(void *host, const struct exchange *exchange)
{
	(void)host;
	(void)exchange;
	CHECK(!"a backlog that has no room for a batch");
}

static const struct lane_host_ops host_ops = {
	.has_room = has_room,
	.reply = count_reply,
	.flush = flush,
	.drop = drop,
};

/* The error of the first lane whose journal cannot be written; 0: all can. */
static int find_error(const struct offline *offline, struct error *error)
{
	for (uint16_t i = 0; i < offline->options.shards; i++) {
		int rc = -journal_error(offline->lanes[i].journal);

		if (rc == 0)
			rc = segment_source_error(offline->segments[i]);
		if (rc == 0)
			continue;
		return error_say(error, rc, "--journal %s: lane %u: %s", offline->options.journal,
				 i, safe_strerror(rc));
	}
	return 0;
}

/* Nothing here moves a lane's clock but the datagrams it decides, and nothing is ever late. */
static void begin_turn(struct offline *offline)
{
	lane_turn_begin(&offline->turn, 0, 0);
}

/* One turn that no datagram is in. */
static void turn(struct offline *offline)
{
	begin_turn(offline);
	lane_turn_decide(&offline->turn);
	lane_turn_write(&offline->turn);
	lane_turn_release(&offline->turn);
	lane_turn_tend(&offline->turn);
}

/* The record of a line that this lane is to have; false: none. placing: that another shard sells
 * it.
 */
static bool record_of(const struct offline *offline, const struct lane *lane,
		      const struct catalog_offer *line, bool placing, struct record *out)
{
	if (placing) {
		if (!line->placed || wire_shard_of(line->sku, offline->options.shards) != lane->idx)
			return false;
		*out = catalog_placed_record(line, 0);
		return true;
	}
	if (line->shard != lane->idx)
		return false;
	*out = catalog_record(line, 0);
	return true;
}

/* Sends this lane its lines from the next-th on, as many as it takes; where the next call goes on.
 */
static uint32_t send_lines(const struct offline *offline, const struct lane *lane, bool placing,
			   uint32_t next)
{
	const struct catalog *catalog = offline->options.catalog;

	for (; next < catalog->cnt; next++) {
		struct command command = {.verb = COMMAND_PUT_ON_SALE};

		if (record_of(offline, lane, &catalog->offers[next], placing, &command.record) &&
		    !commands_send(lane->commands, &command))
			break;
	}
	return next;
}

static int put_lines(struct offline *offline, struct lane *lane, bool placing, struct error *error)
{
	const uint32_t cnt = offline->options.catalog->cnt;
	struct command_answer answer;
	uint32_t next = 0;

	do {
		int rc;

		next = send_lines(offline, lane, placing, next);
		turn(offline);
		rc = journal_has_room(lane->journal, 1) ? 0 : find_error(offline, error);
		if (rc != 0)
			return rc;
		while (commands_answer(lane->commands, &answer)) {
			/* The tables were made for the catalog, which has each SKU once. */
			CHECK(answer.rc == 0 || answer.rc == -EAGAIN);
			if (answer.rc != 0)
				return error_say(error, -ENOSPC,
						 "lane %u: no room for its offers: free some space",
						 lane->idx);
		}
	} while (next < cnt || commands_any(lane->commands));
	return 0;
}

/* As a server does: before a SKU is on sale, its number's shard knows where. */
static int put_on_sale(struct offline *offline, struct error *error)
{
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < offline->options.shards; i++)
		rc = put_lines(offline, &offline->lanes[i], true, error);
	for (uint16_t i = 0; rc == 0 && i < offline->options.shards; i++)
		rc = put_lines(offline, &offline->lanes[i], false, error);
	return rc;
}

static int open_shard(struct offline *offline, struct lane *lane, struct error *error)
{
	struct shard_size size;

	size_of(offline, lane->idx, &size);
	if (size.order_cnt <= UINT32_MAX && shard_bytes(&size) <= arena_available_bytes() &&
	    shard_open(&lane->shard, lane->idx, offline->options.shards, &size) == 0)
		return 0;
	return error_say(error, -ENOMEM,
			 "the tables of shard %u for %" PRIu64 " orders and %" PRIu64
			 " holds take %" PRIu64 " MiB, %" PRIu64
			 " MiB are available: less stock, --max-holds, or a bigger machine",
			 lane->idx, size.order_cnt, size.hold_cnt, shard_bytes(&size) >> 20,
			 arena_available_bytes() >> 20);
}

static int open_lane(struct offline *offline, uint16_t idx, struct error *error)
{
	struct lane *lane = &offline->lanes[idx];
	const bool kept = offline->options.journal != NULL;
	char path[576];
	struct journal_options options = {
		.journal_id = offline->options.journal_id,
		.lane = idx,
		.tail = {.next_lsn = 1, .place.offset = BLOCK_ALIGN_BYTES},
		.disk = offline->disk,
		.buffers = (uint8_t *)offline->buffers + idx * BUFFERS_BYTES,
	};
	int rc;

	lane->idx = idx;
	lane->ack = ACK_ON_PAPER;
	lane->sale = offline->options.sale;
	lane->undated_refused = offline->options.undated_refused;
	lane->clock_ns = offline->options.first_ns;
	offline->tended_ns[idx] = offline->options.first_ns;
	lane->backlog = &offline->backlogs[idx];
	lane->reply_queue = offline->reply_queue;
	if (offline->baskets != NULL) {
		lane->baskets = &offline->baskets[idx];
		lane_baskets_init(lane->baskets);
	}
	if (kept)
		data_dir_lane_path(&offline->dir, idx, path, sizeof(path));
	offline->segments[idx] =
		paper_segments_open(offline->disk, kept ? path : NULL, options.journal_id, idx,
				    offline->options.segment_bytes);
	options.segments = offline->segments[idx];
	if (commands_open(&lane->commands) != 0 || options.segments == NULL)
		return error_say(error, -ENOMEM, "no memory for the lanes");
	rc = open_shard(offline, lane, error);
	if (rc == 0)
		rc = journal_open(&lane->journal, &options, error);
	return rc;
}

/* Makes a new directory: an existing journal is never written. */
static int make_journal(struct offline *offline, struct error *error)
{
	const struct offline_options *options = &offline->options;
	int rc = data_dir_open_as(&offline->dir, options->journal, options->shards,
				  options->journal_id, error);

	if (rc != 0) {
		offline->dir.lock_fd = -1;
		return rc;
	}
	if (offline->dir.made_journal)
		return 0;
	return error_say(
		error, -EEXIST,
		"--journal %s: there is a journal already; name a directory that does not exist",
		options->journal);
}

int offline_open(struct offline **out, const struct offline_options *options, struct error *error)
{
	struct offline *offline = calloc(1, sizeof(*offline));
	const size_t shards = options->shards;
	int rc = -ENOMEM;

	error_set(error, "no memory for the lanes");
	if (offline == NULL)
		return rc;
	offline->options = *options;
	offline->dir.lock_fd = -1;
	offline->lanes = lanes_alloc(shards);
	offline->segments = calloc(shards, sizeof(struct segment_source *));
	offline->buffers = aligned_alloc(BLOCK_ALIGN_BYTES, shards * BUFFERS_BYTES);
	offline->backlogs = calloc(shards, sizeof(struct backlog));
	offline->reply_queue = calloc(1, sizeof(struct reply_queue));
	if (shards > 1) {
		offline->baskets =
			aligned_alloc(CACHE_LINE_BYTES, shards * sizeof(struct lane_baskets));
		offline->post = calloc(1, sizeof(struct post));
	}
	if (offline->baskets != NULL)
		memset(offline->baskets, 0, shards * sizeof(struct lane_baskets));
	/* So that no lane's blocks wait for another's. */
	offline->disk = paper_disk_open((unsigned)shards * WRITES_IN_FLIGHT_MAX);
	offline->turn = (struct lane_turn){
		.ops = &host_ops,
		.host = offline,
		.lanes = offline->lanes,
		.lane_step = 1,
		.lane_cnt = options->shards,
		.disk = offline->disk,
		.post = offline->post,
		.verdict_cnt = offline->verdicts,
	};
	if (offline->lanes != NULL && offline->segments != NULL && offline->buffers != NULL &&
	    offline->backlogs != NULL && offline->reply_queue != NULL && offline->disk != NULL &&
	    (shards == 1 || (offline->baskets != NULL && offline->post != NULL)))
		rc = options->journal != NULL ? make_journal(offline, error) : 0;
	for (uint16_t i = 0; rc == 0 && i < shards; i++)
		rc = open_lane(offline, i, error);
	if (rc == 0)
		lane_turn_take_over(&offline->turn, 0);
	if (rc == 0)
		rc = put_on_sale(offline, error);
	if (rc != 0) {
		data_dir_withdraw(&offline->dir);
		offline_close(offline);
		return rc;
	}
	*out = offline;
	return 0;
}

void offline_set_sale(struct offline *offline, uint32_t sale)
{
	for (uint16_t i = 0; i < offline->options.shards; i++)
		offline->lanes[i].sale = sale;
}

/* Adds a copy to the turn's batch: other engines may use the same datagram. */
static void add(struct offline *offline, const struct batch_item *item, uint8_t *copy)
{
	struct lane_batch *batch = &offline->turn.batch;
	const uint32_t bytes = wire_bytes(item->datagram);

	memcpy(copy, item->datagram, bytes);
	if (item->names_order && offline->options.orders != NULL)
		order_map_apply(offline->options.orders, copy);
	batch->exchanges[batch->cnt] = (struct exchange){
		.frame = copy,
		.at_ns = item->at_ns,
		.view.payload_bytes = (uint16_t)bytes,
		.lane_idx = item->shard,
	};
	lane_turn_add(&offline->turn);
}

/*
 * Decides the turn's batch, and writes only where the next datagram finds no room: turns without
 * new ones, until those that waited for it are decided. No answer waits to be released, and an
 * offline lane is never idle, stalled or watched.
 */
static void decide_batch(struct offline *offline, uint32_t item_cnt)
{
	unsigned turns = 1;

	lane_turn_decide(&offline->turn);
	while (offline->answered_cnt < item_cnt) {
		CHECK(++turns < TURNS_MAX);
		lane_turn_write(&offline->turn);
		begin_turn(offline);
		lane_turn_decide(&offline->turn);
	}
}

/* Whether the holds of its lane that have ended must be ended before this datagram. Follows from
 * the datagrams alone, not from how they come in batches: so does the journal. */
static bool wants_tending(const struct offline *offline, const struct batch_item *item)
{
	return offline->has_holds[item->shard] &&
	       item->at_ns >= offline->tended_ns[item->shard] + TEND_EVERY_NS;
}

/* Ends holds that have run out at this instant of the capture, all of them. */
static void tend(struct offline *offline, uint16_t idx, uint64_t at_ns)
{
	struct lane *lane = &offline->lanes[idx];
	uint64_t next_lsn;

	lane_tick(lane, at_ns);
	do {
		next_lsn = shard_next_lsn(lane->shard);
		turn(offline);
	} while (shard_next_lsn(lane->shard) != next_lsn);
	offline->tended_ns[idx] = at_ns;
}

static void count_verdicts(struct offline *offline, const uint8_t *request, const uint8_t *reply)
{
	const struct wire_request *requests =
		(const struct wire_request *)(request + WIRE_HEADER_BYTES);
	const struct wire_reply *replies = (const struct wire_reply *)(reply + WIRE_HEADER_BYTES);

	for (uint32_t i = 0; i < wire_count(request); i++) {
		const uint8_t op = requests[i].op < WIRE_OP_END ? requests[i].op : 0;

		offline->by_op[op][replies[i].verdict]++;
	}
}

/* Decides some items of a batch, between which no lane is tended. */
static void decide_items(struct offline *offline, const struct batch_item *items, uint32_t cnt,
			 offline_reply_fn *reply, void *context)
{
	uint8_t *copies[BATCH_DATAGRAMS_MAX];
	uint8_t *copy = offline->copies;

	begin_turn(offline);
	offline->answered_cnt = 0;
	for (uint32_t i = 0; i < cnt; i++) {
		copies[i] = copy;
		copy += wire_bytes(items[i].datagram);
		add(offline, &items[i], copies[i]);
		if (items[i].at_ns > offline->last_ns)
			offline->last_ns = items[i].at_ns;
	}
	decide_batch(offline, cnt);
	for (uint32_t i = 0; i < cnt; i++) {
		count_verdicts(offline, items[i].datagram, copies[i]);
		if (reply != NULL)
			reply(context, &items[i], copies[i]);
	}
}

int offline_decide(struct offline *offline, const struct batch *batch, offline_reply_fn *reply,
		   void *context, struct error *error)
{
	uint32_t first = 0;

	while (first < batch->item_cnt) {
		const struct batch_item *item = &batch->items[first];
		uint32_t next = first + 1;

		if (wants_tending(offline, item))
			tend(offline, item->shard, item->at_ns);
		while (next < batch->item_cnt && !wants_tending(offline, &batch->items[next]))
			next++;
		decide_items(offline, item, next - first, reply, context);
		first = next;
	}
	/* Nothing else is answered so. */
	if (offline->verdicts[VERDICT_UNAVAILABLE] + offline->verdicts[VERDICT_JOURNAL_FULL] > 0)
		return find_error(offline, error);
	return 0;
}

const offline_op_verdicts *offline_verdicts_by_op(const struct offline *offline)
{
	return offline->by_op;
}

const uint64_t *offline_verdicts(const struct offline *offline)
{
	return offline->verdicts;
}

const struct shard *offline_shard(const struct offline *offline, uint16_t lane)
{
	return offline->lanes[lane].shard;
}

/* Writes partly filled blocks, too, and seals each lane, as the worker does when it drains. */
static int seal_lanes(struct offline *offline)
{
	struct lane_turn *lanes = &offline->turn;
	const struct command command = {.verb = COMMAND_DRAIN};
	int rc = 0;

	FOR_EACH_LANE (lanes, lane)
		CHECK(commands_send(lane->commands, &command));
	while (!lane_turn_all_done(lanes))
		turn(offline);
	lane_turn_close(lanes);
	while (!lane_turn_all_done(lanes))
		turn(offline);
	FOR_EACH_LANE (lanes, lane) {
		if (rc == 0)
			rc = -journal_error(lane->journal);
	}
	return rc;
}

int offline_finish(struct offline *offline, struct error *error)
{
	int rc;

	/* Time has gone on in every lane until the end of the capture. */
	for (uint16_t i = 0; i < offline->options.shards; i++) {
		if (offline->has_holds[i])
			tend(offline, i, offline->last_ns);
	}
	rc = seal_lanes(offline);

	for (uint16_t i = 0; rc == 0 && i < offline->options.shards; i++) {
		journal_close(offline->lanes[i].journal);
		offline->lanes[i].journal = NULL;
	}
	if (rc == 0)
		rc = paper_disk_settle(offline->disk);
	for (uint16_t i = 0; rc == 0 && i < offline->options.shards; i++) {
		rc = paper_segments_close(offline->segments[i]);
		offline->segments[i] = NULL;
	}
	if (rc != 0)
		error_set(error, "--journal %s: %s",
			  offline->options.journal != NULL ? offline->options.journal : "(none)",
			  safe_strerror(rc));
	return rc;
}

static void close_lane(struct offline *offline, uint16_t idx)
{
	struct lane *lane = &offline->lanes[idx];

	if (lane->journal != NULL) {
		journal_abandon(lane->journal, ECANCELED);
		journal_close(lane->journal);
	}
	(void)paper_segments_close(offline->segments[idx]);
	shard_close(lane->shard);
	commands_close(lane->commands);
}

void offline_close(struct offline *offline)
{
	if (offline == NULL)
		return;
	for (uint16_t i = 0;
	     i < offline->options.shards && offline->lanes != NULL && offline->segments != NULL;
	     i++)
		close_lane(offline, i);
	if (offline->dir.lock_fd >= 0)
		data_dir_close(&offline->dir);
	if (offline->disk != NULL)
		offline->disk->ops->close(offline->disk);
	free(offline->reply_queue);
	free(offline->baskets);
	free(offline->post);
	free(offline->backlogs);
	free(offline->buffers);
	free(offline->segments);
	free(offline->lanes);
	free(offline);
}
