#include "tests/support/real_lane.h"

#include <stdlib.h>
#include <time.h>

#include "engine/base/check.h"
#include "engine/recover/cut.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "tests/support/holds.h"
#include "tests/support/sale.h"

enum {
	STOCK = 1000000,
	ROOM = 200000,
};

static void on_written(void *context, uint64_t token, int64_t result)
{
	journal_written(((struct real_lane *)context)->journal, token, result);
}

static void pump(struct real_lane *lane)
{
	journal_pump(lane->journal, shard_last_at_ns(lane->shard));
	lane->disk->ops->submit(lane->disk);
	lane->disk->ops->reap(lane->disk, on_written, lane);
}

static int open_writer(struct real_lane *lane, uint64_t segment_bytes)
{
	const size_t buffer_bytes = (size_t)BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX;
	struct journal_options options = {.journal_id = lane->dir.journal_id,
					  .tail = lane->scan.tail};
	char path[600];
	int rc = disk_uring_open(&lane->disk, WRITES_IN_FLIGHT_MAX, &lane->error);

	if (rc != 0)
		return rc;
	lane->buffers = aligned_alloc(BLOCK_ALIGN_BYTES, buffer_bytes);
	CHECK(lane->disk->ops->register_buffers(lane->disk, lane->buffers, buffer_bytes) == 0);
	CHECK(segment_preparer_open(&lane->preparer, &lane->error) == 0);
	segment_preparer_size(lane->preparer, segment_bytes);
	data_dir_lane_path(&lane->dir, 0, path, sizeof(path));
	rc = segment_source_open(&lane->source, lane->preparer, path, lane->dir.journal_id, 0,
				 lane->scan.tail.place.segment, &lane->error);
	if (rc != 0)
		return rc;
	options.disk = lane->disk;
	options.segments = lane->source;
	options.buffers = lane->buffers;
	return journal_open(&lane->journal, &options, &lane->error);
}

int real_lane_open(struct real_lane *lane, const char *path, uint64_t segment_bytes)
{
	const struct shard_size size = holds_room(ROOM);
	const uint64_t requests = lane->requests;
	const uint16_t shards = lane->shards > 0 ? lane->shards : 1;
	int rc;

	*lane = (struct real_lane){.requests = requests, .shards = shards};
	rc = data_dir_open(&lane->dir, path, shards, &lane->error);
	if (rc == 0)
		rc = recover_scan(&lane->dir, 0, &lane->scan, &lane->error);
	if (rc == 0)
		rc = shard_open(&lane->shard, 0, shards, &size);
	if (rc == 0)
		rc = recover_lane(&lane->dir, 0, &lane->scan, lane->shard, &lane->error);
	if (rc == 0)
		rc = recover_cut(&lane->dir, 0, &lane->scan.tail, &lane->error);
	if (rc == 0)
		rc = open_writer(lane, segment_bytes);
	if (rc != 0)
		real_lane_close(lane);
	return rc;
}

static void wait_idle(struct real_lane *lane)
{
	while (!journal_idle(lane->journal)) {
		CHECK(journal_error(lane->journal) == 0);
		pump(lane);
	}
}

static void put_on_sale(struct real_lane *lane)
{
	struct offer_view view;
	const char *why = NULL;
	struct record *record;

	if (shard_find_offer(lane->shard, 1, &view))
		return;
	record = journal_slot(lane->journal);
	*record = sale_offer(1, STOCK, 500, 1);
	CHECK(shard_apply(lane->shard, journal_next_lsn(lane->journal), record, &why) == 0);
	journal_commit(lane->journal);
}

void real_lane_sell(struct real_lane *lane, uint32_t cnt)
{
	put_on_sale(lane);
	for (uint32_t i = 0; i < cnt; i++) {
		const uint64_t id = ++lane->requests;
		const struct wire_request request = sale_buy(id, id, 1);

		while (journal_room(lane->journal) == 0)
			pump(lane);
		CHECK(sale_decide(lane->shard, 1000 + id, &request, journal_slot(lane->journal))
			      .committed);
		journal_commit(lane->journal);
		if (i % 100 == 0)
			pump(lane);
	}
	wait_idle(lane);
}

void real_lane_trade(struct real_lane *lane, uint64_t seed, uint32_t cnt)
{
	const uint64_t from = shard_next_lsn(lane->shard);
	struct record *records = calloc(from + 12 * (uint64_t)cnt + 20, sizeof(*records));
	bool goes_on = false;

	CHECK(records != NULL);
	if (lane->shards > 1)
		random_spanning(lane->shard, seed, cnt, records);
	else
		random_holds(lane->shard, seed, cnt, records);
	for (uint64_t lsn = from; lsn < shard_next_lsn(lane->shard); lsn++) {
		const struct record *record = &records[lsn - 1];

		/* Its block begins with it. */
		if (record->kind == RECORD_CLOCK)
			wait_idle(lane);
		while (!goes_on && !journal_has_room_together(lane->journal, WIRE_ENTRY_CNT_MAX))
			pump(lane);
		if (!goes_on)
			journal_keep_together(lane->journal, WIRE_ENTRY_CNT_MAX);
		*journal_slot(lane->journal) = *record;
		journal_commit(lane->journal);
		goes_on = (record->flags & RECORD_BASKET_GOES_ON) != 0;
		if (lsn % 100 == 0 && !goes_on)
			pump(lane);
	}
	wait_idle(lane);
	free(records);
}

void real_lane_seal(struct real_lane *lane)
{
	journal_put_closing_block(lane->journal, shard_last_at_ns(lane->shard));
	wait_idle(lane);
}

void real_lane_close(struct real_lane *lane)
{
	journal_close(lane->journal);
	if (lane->disk != NULL)
		lane->disk->ops->close(lane->disk);
	segment_preparer_close(lane->preparer);
	segment_source_close(lane->source);
	shard_close(lane->shard);
	recover_scan_free(&lane->scan);
	data_dir_close(&lane->dir);
	free(lane->buffers);
	lane->journal = NULL;
	lane->disk = NULL;
	lane->preparer = NULL;
	lane->source = NULL;
	lane->shard = NULL;
	lane->buffers = NULL;
}
