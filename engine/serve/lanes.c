/*
 * lanes: the steps of a start that make lanes of what is on the disk: data directory, scan,
 * tables, recovery, journals, offers. Nothing in a lane is changed before every lane was read and
 * the catalog agrees with it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alloc/arena.h"
#include "alloc/pages.h"
#include "engine/base/clock.h"
#include "engine/base/log.h"
#include "engine/recover/cut.h"
#include "engine/recover/load.h"
#include "engine/recover/scan.h"
#include "engine/serve/offers.h"
#include "engine/serve/state.h"

enum {
	/* What the EAL, the packet buffers and the program itself take besides the tables, and what
	 * a lane takes besides its commands: journal buffers and replies that wait. */
	MEMORY_RESERVE_BYTES = 512 << 20,
	MEMORY_LANE_BYTES = BLOCK_BUFFERS_CNT * BLOCK_BYTES_MAX + (int)sizeof(struct reply_queue),
};

static const uint64_t SEGMENTS_WAIT_NS = 2000000000;

int serve_data_up(struct server *server)
{
	const int rc = data_dir_open_sized(&server->data_dir, server->options->data,
					   server->options->shards,
					   server->options->segment_mib << 20, &server->error);

	if (rc == 0 && server->data_dir.disk_unseen)
		fprintf(stderr,
			LOG_AS_WARNING
			"--data %s lies on the container's own layer: which disk that is on can't "
			"be seen from here, and all of it goes when the container is removed. Put "
			"it on a volume\n",
			server->options->data);
	return rc;
}

void serve_data_down(struct server *server)
{
	if (!server->launched)
		data_dir_withdraw(&server->data_dir);
	data_dir_close(&server->data_dir);
}

int serve_scan_up(struct server *server)
{
	const uint16_t shards = server->options->shards;

	server->scans = calloc(shards, sizeof(*server->scans));
	server->segments = calloc(shards, sizeof(*server->segments));
	server->shared.lanes = lanes_alloc(shards);
	if (server->scans == NULL || server->segments == NULL || server->shared.lanes == NULL)
		return FAIL(server, -ENOMEM, "no memory for %u shards", shards);
	for (uint16_t i = 0; i < shards; i++) {
		progress_count(&server->progress, "lane", i + 1U, shards);

		const int rc =
			recover_scan(&server->data_dir, i, &server->scans[i], &server->error);

		if (rc != 0)
			return rc;
	}
	return 0;
}

void serve_scan_down(struct server *server)
{
	for (uint16_t i = 0; server->scans != NULL && i < server->options->shards; i++)
		recover_scan_free(&server->scans[i]);
	catalog_free(server->on_sale);
	free(server->scans);
	free(server->segments);
	free(server->shared.lanes);
}

/* Says what memory the tables take, and refuses if there isn't enough. */
static int check_memory(struct server *server, const struct shard_size *sizes)
{
	const struct serve_options *options = server->options;
	const uint64_t available_bytes = arena_available_bytes();
	uint64_t bytes = options->shards * (MEMORY_LANE_BYTES + commands_bytes());
	uint64_t orders = 0;
	uint64_t holds = 0;

	for (uint16_t i = 0; i < options->shards; i++) {
		if (sizes[i].order_cnt > UINT32_MAX)
			return FAIL(server, -ENOMEM,
				    "%s: the stock of shard %u asks for %" PRIu64
				    " remembered orders; more --shards or --max-orders N help",
				    options->catalog, i, sizes[i].order_cnt);
		if (sizes[i].change_cnt > UINT32_MAX)
			return FAIL(server, -ENOMEM,
				    "%s: shard %u asks for %" PRIu64
				    " remembered holds and %" PRIu64
				    " changes of them; more --shards or --max-holds N help",
				    options->catalog, i, sizes[i].hold_cnt, sizes[i].change_cnt);
		bytes += shard_bytes(&sizes[i]);
		orders += sizes[i].order_cnt;
		holds += sizes[i].hold_cnt;
	}
	fprintf(stderr,
		"memory: tables for %" PRIu64 " orders, %" PRIu64 " holds and returns take %" PRIu64
		" MiB of %" PRIu64 " MiB available\n",
		orders, holds, bytes >> 20, available_bytes >> 20);
	if (bytes + MEMORY_RESERVE_BYTES <= available_bytes)
		return 0;
	return FAIL(server, -ENOMEM,
		    "tables for %" PRIu64 " orders, %" PRIu64 " holds and returns take %" PRIu64
		    " MiB, %" PRIu64
		    " MiB are available; lower the stock in %s, or set --max-orders N or "
		    "--max-holds N",
		    orders, holds, bytes >> 20, available_bytes >> 20, options->catalog);
}

/* Sizes the tables, and makes them. */
int serve_shards_up(struct server *server)
{
	const struct serve_options *options = server->options;
	struct shard_size sizes[SHARDS_MAX];
	int rc;

	for (uint16_t i = 0; i < options->shards; i++)
		serve_offers_size(server, i, &sizes[i]);
	rc = check_memory(server, sizes);
	if (rc != 0)
		return rc;
	for (uint16_t i = 0; i < options->shards; i++) {
		struct lane *lane = &server->shared.lanes[i];

		progress_count(&server->progress, "memory of shard", i + 1U, options->shards);
		lane->idx = i;
		lane->ack = options->ack_memory ? ACK_MEMORY : ACK_DURABLE;
		lane->sale = wire_sale_of(server->data_dir.journal_id);
		lane->undated_refused = options->undated_refused;
		arena_prefer_node(pages_node_of_cpu(options->cores[i % options->core_cnt]));

		rc = shard_open(&lane->shard, i, options->shards, &sizes[i]);
		if (rc != 0)
			return FAIL(server, rc, "the tables of shard %u can't be made: %s", i,
				    strerror(-rc));
	}
	return 0;
}

void serve_shards_down(struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++)
		shard_close(server->shared.lanes[i].shard);
}

/* loaded_lsn: the sum over the lanes that were loaded from checkpoints. */
static void say_recovered(const struct server *server, uint64_t records, uint64_t loaded_lsn,
			  unsigned loaded_cnt)
{
	const uint16_t shards = server->options->shards;

	if (records == 0)
		return;
	/* Another thread says how far a start is: not in the middle of this line. */
	flockfile(stderr);
	fprintf(stderr, "recovered: %" PRIu64 " records from %s", records, server->options->data);
	if (loaded_cnt > 0 && shards == 1)
		fprintf(stderr, ", from a checkpoint at LSN %" PRIu64, loaded_lsn);
	else if (loaded_cnt > 0)
		fprintf(stderr, ", %u of %u lanes from checkpoints with %" PRIu64 " of them",
			loaded_cnt, shards, loaded_lsn);
	fputc('\n', stderr);
	funlockfile(stderr);
}

/* Rebuilds the state from the lanes' records. */
int serve_recovery_up(struct server *server)
{
	uint64_t records = 0;
	uint64_t loaded_lsn = 0;
	unsigned loaded_cnt = 0;

	for (uint16_t i = 0; i < server->options->shards; i++) {
		struct lane *lane = &server->shared.lanes[i];
		struct recover_scan *scan = &server->scans[i];

		progress_count(&server->progress, "lane", i + 1U, server->options->shards);

		int rc = recover_lane(&server->data_dir, i, scan, lane->shard, &server->error);

		if (rc != 0)
			return rc;
		if (error_is_set(&scan->note))
			fprintf(stderr, LOG_AS_WARNING "%s\n", scan->note.text);
		lane->clock_ns = scan->tail.last_at_ns;
		records += scan->tail.next_lsn - 1;
		loaded_lsn += recover_checkpoint_lsn(scan);
		loaded_cnt += recover_checkpoint_lsn(scan) > 0;
	}
	say_recovered(server, records, loaded_lsn, loaded_cnt);
	return 0;
}

static int journal_up_one(struct server *server, uint16_t idx)
{
	struct lane *lane = &server->shared.lanes[idx];
	const uint16_t worker_idx = server->shared.owners[idx];
	const struct recover_scan *scan = &server->scans[idx];
	char lane_path[600];
	int rc = recover_cut(&server->data_dir, idx, &scan->tail, &server->error);

	if (rc != 0)
		return rc;
	if (scan->torn)
		fprintf(stderr,
			LOG_AS_WARNING "lane %u: cut a torn tail after LSN %" PRIu64
				       ": no block says that any of it was on disk\n",
			idx, scan->tail.next_lsn - 1);
	data_dir_lane_path(&server->data_dir, idx, lane_path, sizeof(lane_path));
	rc = segment_source_open(&server->segments[idx], server->preparer, lane_path,
				 server->data_dir.journal_id, idx, scan->tail.place.segment,
				 &server->error);
	if (rc != 0)
		return rc;

	const struct journal_options options = {
		.journal_id = server->data_dir.journal_id,
		.lane = idx,
		.tail = scan->tail,
		.disk = server->disks[worker_idx],
		.segments = server->segments[idx],
		.arena = worker_arena(server->workers[worker_idx]),
		.buffers = worker_buffers(server->workers[worker_idx], idx),
	};

	return journal_open(&lane->journal, &options, &server->error);
}

/*
 * Waits until segments are ready ahead: making them later would share the disk with the first
 * orders. Only for a while, because a lane can sell without them, too.
 */
static void wait_for_segments(const struct server *server)
{
	const struct timespec pause = {.tv_nsec = 2000000};
	const uint64_t until_ns = clock_now_ns() + SEGMENTS_WAIT_NS;

	for (uint16_t i = 0; i < server->options->shards; i++) {
		const struct segment_source *source = server->segments[i];
		const uint64_t next = server->scans[i].tail.place.segment + 1;

		while (!segment_ready(source, next) && segment_source_error(source) == 0 &&
		       clock_now_ns() < until_ns)
			nanosleep(&pause, NULL);
	}
}

int serve_journals_up(struct server *server)
{
	const uint16_t shards = server->options->shards;
	int rc = segment_preparer_open(&server->preparer, &server->error);

	if (rc == 0)
		segment_preparer_size(server->preparer, server->options->segment_mib << 20);
	for (uint16_t i = 0; rc == 0 && i < shards; i++) {
		progress_count(&server->progress, "lane", i + 1U, shards);
		rc = journal_up_one(server, i);
	}
	if (rc == 0)
		wait_for_segments(server);
	return rc;
}

void serve_journals_down(struct server *server)
{
	for (uint16_t i = 0; i < server->options->shards; i++)
		journal_close(server->shared.lanes[i].journal);
	/* If its thread still waits for the disk, what that works on must stay. */
	if (server->preparer != NULL && !segment_preparer_close(server->preparer))
		return;
	for (uint16_t i = 0; i < server->options->shards; i++) {
		if (server->segments[i] != NULL)
			segment_source_close(server->segments[i]);
	}
}

int serve_format_up(struct server *server)
{
	const uint16_t was = server->data_dir.format;
	const int rc = data_dir_raise_format(&server->data_dir, JOURNAL_FORMAT_MAX, &server->error);

	if (rc == 0 && was < JOURNAL_FORMAT_MAX)
		fprintf(stderr,
			"journal: its format is %d from now on, not %u: an older doorbuster "
			"refuses "
			"%s\n",
			JOURNAL_FORMAT_MAX, was, server->data_dir.path);
	return rc;
}

/*
 * An offer that was written into a lane stays, so every check of catalog and lanes comes before
 * this. The steps "threads" and "selling" come after it and may refuse the start, too: then a
 * journal that was there before keeps the new offers, and the next start finds them on sale.
 */
int serve_offers_up(struct server *server)
{
	int rc = serve_offers_check_placed(server);

	for (uint16_t i = 0; rc == 0 && i < server->options->core_cnt; i++)
		rc = serve_offers_say_placed(server, i);
	for (uint16_t i = 0; rc == 0 && i < server->options->core_cnt; i++)
		rc = serve_offers_add(server, i);
	catalog_free(server->on_sale);
	server->on_sale = NULL;
	return rc;
}
