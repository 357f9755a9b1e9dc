#include "engine/recover/load.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/recover/scan.h"
#include "engine/recover/start.h"

int recover_apply(struct shard *shard, const struct block_header *block,
		  const struct record *records, const char *lane_path, struct error *error)
{
	uint32_t applied;
	const char *why;
	const int rc = shard_apply_many(shard, block->first_lsn, records, block->record_cnt,
					&applied, &why);

	if (rc != 0)
		error_set(error,
			  "%s: LSN %" PRIu64 ", SKU %" PRIu64
			  ": %s; its blocks are intact, but this cannot be right: " LANE_REMEDY,
			  lane_path, block->first_lsn + applied, records[applied].sku, why);
	return rc;
}

static int load_one(const struct data_dir *dir, uint16_t lane, uint64_t next_lsn,
		    struct shard *shard, struct error *error)
{
	struct checkpoint *checkpoint = NULL;
	int rc = checkpoint_open(&checkpoint, dir, lane, next_lsn, error);

	if (rc == 0)
		rc = checkpoint_load(checkpoint, shard, error);
	checkpoint_close(checkpoint);
	return rc;
}

/* Begins the scan again, after a checkpoint with a next LSN below this one, or at the lane's
 * beginning. What the scan holds stays. */
static int begin_below(const struct data_dir *dir, uint16_t lane, uint64_t below_lsn,
		       struct recover_scan *scan, struct error *error)
{
	struct recover_scan begin = {0};
	const int rc = recover_start(dir, lane, RECOVER_FROM_NEWEST, below_lsn, &begin, error);

	scan->from = begin.from;
	scan->from_block_cnt = begin.from_block_cnt;
	if (begin.unread != 0)
		scan->unread = begin.unread;
	recover_scan_free(&begin);
	return rc;
}

int recover_load(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, struct error *error)
{
	struct error reason;

	while (scan->from.tail.next_lsn > 0) {
		const uint64_t next_lsn = scan->from.tail.next_lsn;
		const int loaded = load_one(dir, lane, next_lsn, shard, &reason);
		int rc;

		if (loaded == 0)
			return 0;
		shard_clear(shard);
		if (loaded != -EBADMSG)
			scan->unread = loaded;
		rc = begin_below(dir, lane, next_lsn, scan, error);
		if (rc == -EBADMSG && scan->unread != 0) {
			/* It is unknown whether that checkpoint is good. */
			error_set(
				error,
				"lane %u: segment 0 is missing, and a checkpoint of what was in it "
				"cannot be read: %s (%s); check the disk, then start again",
				lane, safe_strerror(scan->unread), reason.text);
			return scan->unread;
		}
		if (rc != 0) {
			error_add(error, " (%s)", reason.text);
			return rc;
		}
		error_set(&scan->note, "lane %u: passed over a checkpoint: %s", lane, reason.text);
	}
	return 0;
}

int recover_lane_files_seen(struct lane_files *files, uint64_t journal_id, uint16_t lane,
			    const struct recover_scan *scan, struct shard *shard,
			    recover_block_fn *seen, void *context, struct error *error)
{
	struct lane_reader *reader = NULL;
	char path[sizeof(files->path)];
	int rc;

	memcpy(path, files->path, sizeof(path));
	rc = lane_reader_open_at(&reader, files, journal_id, lane, &scan->from, error);
	while (rc == 0 && shard_next_lsn(shard) < scan->tail.next_lsn) {
		const struct block_header *block;
		const struct record *records;

		switch (lane_reader_next(reader, &block, &records, error)) {
		case LANE_BLOCK:
			rc = recover_apply(shard, block, records, path, error);
			if (rc == 0 && seen != NULL)
				rc = seen(context, block, records, error);
			break;
		case LANE_CORRUPT:
			rc = -EBADMSG;
			break;
		case LANE_ERROR:
			rc = -EIO;
			break;
		case LANE_TORN:
		case LANE_END:
			rc = -EBADMSG;
			error_set(error,
				  "%s: ends at LSN %" PRIu64
				  ", but a moment ago it had LSN %" PRIu64
				  "; another program changes it: stop that program",
				  path, shard_next_lsn(shard) - 1, scan->tail.next_lsn - 1);
			break;
		}
	}
	lane_reader_close(reader);
	return rc;
}

int recover_lane_files(struct lane_files *files, uint64_t journal_id, uint16_t lane,
		       const struct recover_scan *scan, struct shard *shard, struct error *error)
{
	return recover_lane_files_seen(files, journal_id, lane, scan, shard, NULL, NULL, error);
}

static int load_and_apply(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
			  struct shard *shard, struct error *error)
{
	struct lane_files *files = NULL;
	int rc = recover_load(dir, lane, scan, shard, error);

	if (rc == 0)
		rc = data_dir_open_lane(dir, lane, &files, error);
	if (rc != 0)
		return rc;
	return recover_lane_files(files, dir->journal_id, lane, scan, shard, error);
}

int recover_lane(const struct data_dir *dir, uint16_t lane, struct recover_scan *scan,
		 struct shard *shard, struct error *error)
{
	for (;;) {
		int rc = load_and_apply(dir, lane, scan, shard, error);

		if (rc == 0)
			return 0;

		const int changed = recover_changed(dir, lane, &scan->seen, error);

		if (changed <= 0)
			return changed < 0 ? changed : rc;
		(void)recover_look(dir, lane, &scan->seen);
		shard_clear(shard);
		rc = begin_below(dir, lane, scan->tail.next_lsn + 1, scan, error);
		if (rc != 0)
			return rc;
	}
}
