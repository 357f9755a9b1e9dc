#include "engine/recover/follower.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include "alloc/arena.h"
#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/checkpoint/list.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_tailer.h"
#include "engine/recover/load.h"
#include "engine/recover/record_sizes.h"
#include "engine/recover/scan.h"
#include "engine/sale/shard_copy.h"

enum {
	LANE_PATH_BYTES = 600,
};

/* What the lane has after the follower's position. */
struct survey {
	struct shard_size more; /* that the tables must take; without buyers */
	uint64_t aborted_cnt;   /* ABORTED records */
	bool groups;            /* an offer has one */
	uint64_t watermark_lsn;
};

static int open_reader(const struct follower *follower, struct lane_reader **out,
		       struct error *error)
{
	struct lane_files *files = NULL;
	int rc = data_dir_open_lane(follower->dir, follower->lane, &files, error);

	if (rc != 0)
		return rc;
	rc = lane_reader_open_at(out, files, follower->dir->journal_id, follower->lane,
				 &follower->position, error);
	if (rc == 0)
		lane_reader_look_lightly(*out);
	return rc;
}

/* 1: a block; 0: the end for now; or -errno with a line. */
static int next_block(struct lane_reader *reader, const struct block_header **block,
		      const struct record **records, struct error *error)
{
	switch (lane_reader_next(reader, block, records, error)) {
	case LANE_BLOCK:
		return 1;
	case LANE_CORRUPT:
		return -EBADMSG;
	case LANE_ERROR:
		return -EIO;
	default:
		return 0;
	}
}

static int survey_lane(const struct follower *follower, struct survey *survey, struct error *error)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	int rc = open_reader(follower, &reader, error);

	*survey = (struct survey){0};
	if (rc != 0)
		return rc;
	while ((rc = next_block(reader, &block, &records, error)) == 1) {
		for (uint32_t i = 0; i < block->record_cnt; i++) {
			record_sizes_add(&survey->more, &records[i]);
			survey->aborted_cnt += records[i].kind == RECORD_ABORTED;
			survey->groups |=
				records[i].kind == RECORD_OFFER && records[i].channel != 0;
		}
		survey->watermark_lsn = block->durable_lsn;
	}
	lane_reader_close(reader);
	return rc;
}

/* Applies the blocks after the position, as far as the watermark covers them. */
static int apply_proven(struct follower *follower, uint64_t watermark_lsn, struct error *error)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	char path[LANE_PATH_BYTES];
	int rc;

	data_dir_lane_path(follower->dir, follower->lane, path, sizeof(path));
	rc = open_reader(follower, &reader, error);
	if (rc != 0)
		return rc;
	while ((rc = next_block(reader, &block, &records, error)) == 1) {
		if (block_proof_lsn(block) > watermark_lsn)
			break;
		rc = recover_apply(follower->shard, block, records, path, error);
		if (rc != 0)
			break;
		for (uint32_t i = 0; i < block->record_cnt; i++)
			follower->aborted_cnt += records[i].kind == RECORD_ABORTED;
		lane_reader_position(reader, &follower->position);
		follower->block_cnt++;
	}
	lane_reader_close(reader);
	return rc == 1 ? 0 : rc;
}

static int open_shard(const struct follower *follower, const struct shard_size *size,
		      struct shard **out, struct error *error)
{
	const uint64_t bytes = shard_bytes(size);

	if (bytes <= arena_available_bytes() && size->order_cnt <= UINT32_MAX &&
	    size->hold_cnt <= UINT32_MAX && size->change_cnt <= UINT32_MAX &&
	    shard_open(out, follower->lane, follower->dir->shards, size) == 0)
		return 0;
	return error_say(error, -ENOMEM,
			 "lane %u: its tables take %" PRIu64 " MiB, %" PRIu64
			 " MiB are available: use a bigger machine",
			 follower->lane, bytes >> 20, arena_available_bytes() >> 20);
}

/* What a table must take, of which there are so many now, and for more. True: that is new. */
static bool raise(uint64_t *size, uint64_t now, uint64_t more)
{
	const uint64_t need = now + more;

	if (need <= *size)
		return false;
	*size = need * 3 / 2;
	return true;
}

/* Makes room for what the survey found, and for more: a lane that grew once grows again. */
static int make_room(struct follower *follower, const struct survey *survey, struct error *error)
{
	const struct shard_size *more = &survey->more;
	struct shard_size size = follower->size;
	uint64_t aborted_max = follower->aborted_max;
	struct shard *bigger = NULL;
	struct shard_totals totals;
	const char *why;
	bool grows;
	int rc;

	shard_totals(follower->shard, &totals);
	grows = raise(&size.offer_cnt, totals.offers, more->offer_cnt);
	/* Room is kept for what a line that waits may become. */
	grows |= raise(&size.order_cnt, totals.orders + totals.prepared, more->order_cnt);
	grows |= raise(&size.hold_cnt, totals.holds + totals.prepared, more->hold_cnt);
	grows |= raise(&size.change_cnt, totals.changes + totals.prepared, more->change_cnt);
	grows |= raise(&size.link_cnt, totals.links, more->link_cnt);
	grows |= raise(&aborted_max, follower->aborted_cnt, survey->aborted_cnt);
	grows |= raise(&size.placed_cnt,
		       shard_entries(follower->shard) - totals.offers -
			       shard_clock_backs(follower->shard),
		       more->placed_cnt);
	if (survey->groups && !follower->groups)
		grows = follower->groups = true;
	if (!grows)
		return 0;
	record_sizes_end(&size, follower->groups);
	size.buyer_cnt += aborted_max * (follower->groups ? 2 : 1);
	rc = open_shard(follower, &size, &bigger, error);
	if (rc != 0)
		return rc;
	rc = shard_copy(follower->shard, bigger, CHECKPOINT_CHUNK_ENTRIES, &why);
	if (rc != 0) {
		error_set(error, "lane %u: its tables cannot be made bigger: %s", follower->lane,
			  why);
		shard_close(bigger);
		return rc;
	}
	shard_close(follower->shard);
	follower->shard = bigger;
	follower->size = size;
	/* They were not copied. */
	follower->aborted_cnt = 0;
	follower->aborted_max = aborted_max;
	return 0;
}

int follower_open(struct follower *follower, const struct data_dir *dir, uint16_t lane,
		  struct error *error)
{
	struct recover_scan scan;
	int rc = recover_scan(dir, lane, &scan, error);

	*follower = (struct follower){.dir = dir, .lane = lane};
	if (rc != 0)
		return rc;
	recover_sizes(&scan, &follower->size);
	follower->aborted_max = scan.aborted_cnt;
	for (uint64_t i = 0; i < scan.offer_cnt; i++)
		follower->groups |= scan.offers[i].channel != 0;
	rc = open_shard(follower, &follower->size, &follower->shard, error);
	if (rc == 0)
		rc = recover_load(dir, lane, &scan, follower->shard, error);
	if (rc == 0) {
		follower->position = scan.from;
		follower->saved_lsn = scan.from.tail.next_lsn;
		follower->block_cnt = scan.from_block_cnt;
		follower->note = scan.note;
		rc = apply_proven(follower, scan.watermark_lsn, error);
	}
	recover_scan_free(&scan);
	if (rc != 0)
		follower_close(follower);
	return rc;
}

int follower_catch_up(struct follower *follower, struct error *error)
{
	struct survey survey;
	int rc = survey_lane(follower, &survey, error);

	/* Usually there are no new blocks, or none that a watermark covers yet. */
	if (rc != 0 || survey.watermark_lsn < shard_next_lsn(follower->shard))
		return rc;
	rc = make_room(follower, &survey, error);
	if (rc == 0)
		rc = apply_proven(follower, survey.watermark_lsn, error);
	return rc;
}

uint64_t follower_unsaved(const struct follower *follower)
{
	const uint64_t saved_lsn = follower->saved_lsn > 0 ? follower->saved_lsn : 1;

	return shard_next_lsn(follower->shard) - saved_lsn;
}

int follower_save(struct follower *follower, unsigned keep_cnt, uint64_t *bytes, unsigned *removed,
		  struct error *error)
{
	const int lock = checkpoint_lock(follower->dir, follower->lane);
	int rc;

	CHECK(follower_unsaved(follower) > 0);
	*removed = 0;
	if (lock < 0) {
		error_set(error, "lane %u: its directory cannot be locked: %s", follower->lane,
			  safe_strerror(lock));
		return lock;
	}
	rc = checkpoint_write(follower->dir, follower->lane, follower->shard, &follower->position,
			      follower->block_cnt, bytes, error);
	if (rc == 0) {
		follower->saved_lsn = shard_next_lsn(follower->shard);
		rc = checkpoint_retire(follower->dir, follower->lane, keep_cnt, removed, error);
	}
	close(lock);
	return rc;
}

void follower_close(struct follower *follower)
{
	shard_close(follower->shard);
	*follower = (struct follower){0};
}
