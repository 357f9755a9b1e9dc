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
#include "engine/journal/data_dir.h"
#include "engine/journal/journal.h"
#include "engine/lane/answer.h"
#include "engine/lane/lane.h"
#include "tools/replay/paper_lane.h"

static const size_t BUFFERS_BYTES = (size_t)BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;

struct offline {
	struct offline_options options;
	struct disk *disk;
	struct data_dir dir; /* lock_fd -1: no journal is kept */
	struct lane *lanes;
	struct segment_source **segments;
	void *buffers; /* BUFFERS_BYTES a lane */
	uint64_t verdicts[VERDICT_END];
	struct lookup keys[BATCH_REQUESTS_MAX];
	uint8_t datagram[WIRE_DATAGRAM_BYTES_MAX];
};

uint64_t offline_journal_id(const struct catalog *catalog, uint16_t shards, uint64_t first_ns,
			    const uint8_t *datagram, uint32_t bytes)
{
	uint64_t id = XXH3_64bits_withSeed(datagram, bytes, mix64(first_ns ^ shards));

	for (uint32_t i = 0; i < catalog->cnt; i++) {
		const struct catalog_offer *offer = &catalog->offers[i];
		/* By content: what the file says in another line is the same sale. */
		const uint64_t words[] = {
			offer->sku,
			offer->unit_price,
			offer->opens_at_ns,
			offer->closes_at_ns,
			(uint64_t)offer->stock << 32 | offer->limit_per_buyer,
			offer->hold_seconds,
		};

		id = XXH3_64bits_withSeed(words, sizeof(words), id);
	}
	return id != 0 ? id : 1;
}

static void size_of(const struct offline_options *options, uint16_t lane, struct shard_size *size)
{
	*size = (struct shard_size){0};
	for (uint32_t i = 0; i < options->catalog->cnt; i++) {
		const struct catalog_offer *offer = &options->catalog->offers[i];

		if (wire_shard_of(offer->sku, options->shards) != lane)
			continue;
		size->offer_cnt++;
		size->order_cnt += offer->stock;
		if (offer->limit_per_buyer > 0)
			size->buyer_cnt += offer->stock;
	}
}

static void on_written(void *context, uint64_t token, int64_t result)
{
	struct offline *offline = context;

	journal_written(offline->lanes[journal_token_lane(token)].journal, token, result);
}

/* What is full goes out and is done. */
static void pump(struct offline *offline, struct lane *lane)
{
	journal_pump(lane->journal, lane->clock_ns);
	offline->disk->ops->reap(offline->disk, on_written, offline);
}

/* Room for cnt records: by writing full blocks when there is no buffer left, never before. */
static int make_room(struct offline *offline, struct lane *lane, uint32_t cnt, char *error,
		     size_t error_bytes)
{
	int rc;

	while (journal_room(lane->journal) < cnt && journal_error(lane->journal) == 0) {
		rc = segment_source_error(offline->segments[lane->idx]);
		if (rc != 0) {
			snprintf(error, error_bytes, "--journal %s: lane %u: %s",
				 offline->options.journal, lane->idx, safe_strerror(rc));
			return rc;
		}
		pump(offline, lane);
	}
	rc = journal_error(lane->journal);
	if (rc != 0)
		snprintf(error, error_bytes, "--journal %s: lane %u: %s", offline->options.journal,
			 lane->idx, strerror(rc));
	return -rc;
}

static int put_on_sale(struct offline *offline, struct lane *lane, char *error, size_t error_bytes)
{
	const struct offline_options *options = &offline->options;

	for (uint32_t i = 0; i < options->catalog->cnt; i++) {
		const struct catalog_offer *line = &options->catalog->offers[i];
		const char *why = NULL;
		struct record *record;

		if (wire_shard_of(line->sku, options->shards) != lane->idx)
			continue;

		const int rc = make_room(offline, lane, 1, error, error_bytes);

		if (rc != 0)
			return rc;
		record = journal_slot(lane->journal);
		*record = catalog_record(line, lane->clock_ns);
		CHECK(shard_apply(lane->shard, journal_next_lsn(lane->journal), record, &why) == 0);
		journal_commit(lane->journal);
	}
	return 0;
}

static int open_shard(struct offline *offline, struct lane *lane, char *error, size_t error_bytes)
{
	struct shard_size size;

	size_of(&offline->options, lane->idx, &size);
	if (size.order_cnt <= UINT32_MAX && shard_bytes(&size) <= arena_available_bytes() &&
	    shard_open(&lane->shard, lane->idx, offline->options.shards, &size) == 0)
		return 0;
	snprintf(error, error_bytes,
		 "the tables of shard %u for %" PRIu64 " orders take %" PRIu64 " MiB, %" PRIu64
		 " MiB are available: less stock, or a bigger machine",
		 lane->idx, size.order_cnt, shard_bytes(&size) >> 20,
		 arena_available_bytes() >> 20);
	return -ENOMEM;
}

static int open_lane(struct offline *offline, uint16_t idx, char *error, size_t error_bytes)
{
	struct lane *lane = &offline->lanes[idx];
	const bool kept = offline->options.journal != NULL;
	char path[576];
	struct journal_options options = {
		.journal_id = offline->options.journal_id,
		.lane = idx,
		.tail = {.next_lsn = 1, .offset = BLOCK_ALIGN_BYTES},
		.disk = offline->disk,
		.buffers = (uint8_t *)offline->buffers + idx * BUFFERS_BYTES,
	};
	int rc;

	lane->idx = idx;
	lane->ack = ACK_ON_PAPER;
	lane->sale = offline->options.sale;
	lane->undated_refused = offline->options.undated_refused;
	lane->clock_ns = offline->options.first_ns;
	if (kept)
		data_dir_lane_path(&offline->dir, idx, path, sizeof(path));
	offline->segments[idx] =
		paper_segments_open(offline->disk, kept ? path : NULL, options.journal_id, idx,
				    offline->options.segment_bytes);
	options.segments = offline->segments[idx];
	if (options.segments == NULL) {
		snprintf(error, error_bytes, "no memory for the lanes");
		return -ENOMEM;
	}
	rc = open_shard(offline, lane, error, error_bytes);
	if (rc == 0)
		rc = journal_open(&lane->journal, &options, error, error_bytes);
	return rc == 0 ? put_on_sale(offline, lane, error, error_bytes) : rc;
}

/* A new directory: a journal that is there is never written on. */
static int make_journal(struct offline *offline, char *error, size_t error_bytes)
{
	const struct offline_options *options = &offline->options;
	int rc = data_dir_open_as(&offline->dir, options->journal, options->shards,
				  options->journal_id, error, error_bytes);

	if (rc != 0) {
		offline->dir.lock_fd = -1;
		return rc;
	}
	if (offline->dir.made_journal)
		return 0;
	snprintf(error, error_bytes,
		 "--journal %s: there is a journal already; name a directory that is not there",
		 options->journal);
	return -EEXIST;
}

int offline_open(struct offline **out, const struct offline_options *options, char *error,
		 size_t error_bytes)
{
	struct offline *offline = calloc(1, sizeof(*offline));
	const size_t shards = options->shards;
	int rc = -ENOMEM;

	snprintf(error, error_bytes, "no memory for the lanes");
	if (offline == NULL)
		return rc;
	offline->options = *options;
	offline->dir.lock_fd = -1;
	offline->lanes = lanes_alloc(shards);
	offline->segments = calloc(shards, sizeof(struct segment_source *));
	offline->buffers = aligned_alloc(BLOCK_ALIGN_BYTES, shards * BUFFERS_BYTES);
	offline->disk = paper_disk_open(BLOCK_BUFFERS_CNT);
	if (offline->lanes != NULL && offline->segments != NULL && offline->buffers != NULL &&
	    offline->disk != NULL)
		rc = options->journal != NULL ? make_journal(offline, error, error_bytes) : 0;
	for (uint16_t i = 0; rc == 0 && i < shards; i++)
		rc = open_lane(offline, i, error, error_bytes);
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

/* The passes ahead of request `done` of the batch; ahead: the item where each goes on. */
static void look_ahead(struct offline *offline, const struct batch *batch, uint32_t done,
		       uint32_t ahead[LOOKUP_PASS_CNT])
{
	for (unsigned pass = 0; pass < LOOKUP_PASS_CNT; pass++) {
		for (; ahead[pass] < batch->item_cnt; ahead[pass]++) {
			const struct batch_item *item = &batch->items[ahead[pass]];
			const struct wire_request *requests =
				(const struct wire_request *)(item->datagram + WIRE_HEADER_BYTES);
			struct lookup *keys = &offline->keys[item->first_request];

			if (item->first_request >= done + lookup_ahead_cnt(pass))
				break;
			if (pass == 0)
				lookups_begin(keys, requests, wire_count(item->datagram));
			lookup_pass(pass, offline->lanes[item->shard].shard, keys,
				    wire_count(item->datagram));
		}
	}
}

int offline_decide(struct offline *offline, const struct batch *batch, offline_reply_fn *reply,
		   void *context, char *error, size_t error_bytes)
{
	uint32_t ahead[LOOKUP_PASS_CNT] = {0};

	for (uint32_t i = 0; i < batch->item_cnt; i++) {
		const struct batch_item *item = &batch->items[i];
		const uint8_t entries = wire_count(item->datagram);
		struct lane *lane = &offline->lanes[item->shard];

		if (journal_room(lane->journal) < entries) {
			const int rc = make_room(offline, lane, entries, error, error_bytes);

			if (rc != 0)
				return rc;
		}
		look_ahead(offline, batch, item->first_request, ahead);
		lane_tick(lane, item->at_ns);
		/* Answered in a copy: there may be more engines that ask the same. */
		memcpy(offline->datagram, item->datagram, wire_bytes(item->datagram));
		(void)answer_datagram(lane, offline->datagram, &offline->keys[item->first_request],
				      offline->verdicts);
		if (reply != NULL)
			reply(context, item->shard, offline->datagram);
	}
	return 0;
}

const uint64_t *offline_verdicts(const struct offline *offline)
{
	return offline->verdicts;
}

const struct shard *offline_shard(const struct offline *offline, uint16_t lane)
{
	return offline->lanes[lane].shard;
}

static int finish_lane(struct offline *offline, struct lane *lane)
{
	int rc = 0;

	while (!journal_idle(lane->journal) && journal_error(lane->journal) == 0)
		pump(offline, lane);
	journal_put_closing_block(lane->journal, lane->clock_ns);
	while (!journal_idle(lane->journal) && journal_error(lane->journal) == 0)
		pump(offline, lane);
	rc = -journal_error(lane->journal);
	journal_close(lane->journal);
	lane->journal = NULL;
	return rc;
}

int offline_finish(struct offline *offline, char *error, size_t error_bytes)
{
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < offline->options.shards; i++)
		rc = finish_lane(offline, &offline->lanes[i]);
	if (rc == 0)
		rc = paper_disk_settle(offline->disk);
	for (uint16_t i = 0; rc == 0 && i < offline->options.shards; i++) {
		rc = paper_segments_close(offline->segments[i]);
		offline->segments[i] = NULL;
	}
	if (rc != 0)
		snprintf(error, error_bytes, "--journal %s: %s",
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
	free(offline->buffers);
	free(offline->segments);
	free(offline->lanes);
	free(offline);
}
