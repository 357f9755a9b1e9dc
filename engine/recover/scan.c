#include "engine/recover/scan.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine/base/safe_file.h"
#include "engine/recover/record_sizes.h"
#include "engine/recover/start.h"

/* Waits until no write of a killed predecessor is in flight to any segment. */
static int settle(struct lane_files *files, struct error *error)
{
	uint64_t *numbers = NULL;
	const int64_t cnt = files->ops->list(files, &numbers);
	int rc = 0;

	/* The reader judges what is missing; but files that can't be listed may be there. */
	if (cnt < 0 && cnt != -ENOENT) {
		error_set(error, "%s: %s", files->path, safe_strerror((int)cnt));
		return (int)cnt;
	}
	for (int64_t i = 0; i < cnt && rc == 0; i++) {
		rc = files->ops->settle(files, numbers[i]);
		if (rc == -EINTR)
			error_set(error,
				  "%s: told to end while it waited for another process to finish "
				  "writing segment %" PRIu64,
				  files->path, numbers[i]);
		else if (rc != 0)
			error_set(
				error,
				"%s: segment %" PRIu64
				" is still being written by another process: %s; stop it, or wait "
				"for its disk",
				files->path, numbers[i], safe_strerror(rc));
	}
	free(numbers);
	return rc;
}

/* Units as the records say it by themselves: verify compares with what the tables made of them. A
 * record that cannot follow is refused when it is applied; until then the sums may wrap. */
static void count_units(struct recover_scan *scan, const struct record *record)
{
	switch (record->kind) {
	case RECORD_ORDER:
		scan->units_ordered += record->quantity;
		break;
	case RECORD_CONFIRM:
		if ((record->flags & CONFIRM_REFUND) == 0)
			scan->units_ordered += record->quantity;
		break;
	case RECORD_RETURN:
		scan->units_ordered -= record->quantity;
		if ((record->flags & RETURN_WRITE_OFF) != 0)
			scan->units_written_off += record->quantity;
		break;
	default:
		break;
	}
}

static int scan_block(struct recover_scan *scan, const struct record *records, uint32_t cnt)
{
	struct shard_size size = {0};

	for (uint32_t i = 0; i < cnt; i++) {
		/* A line that waits needs room only until it is decided: recover_sizes. */
		if (records[i].kind == RECORD_PREPARED)
			scan->prepared_cnt++;
		else
			record_sizes_add(&size, &records[i]);
		scan->aborted_cnt += records[i].kind == RECORD_ABORTED;
		count_units(scan, &records[i]);
		if (records[i].kind == RECORD_OFFER && recover_keep_offer(scan, &records[i]) != 0)
			return -ENOMEM;
	}
	scan->order_cnt += size.order_cnt;
	scan->hold_cnt += size.hold_cnt;
	scan->change_cnt += size.change_cnt;
	scan->placed_cnt += size.placed_cnt;
	scan->link_cnt += size.link_cnt;
	return 0;
}

static int scan_all(struct lane_reader *reader, struct recover_scan *scan, struct error *error)
{
	const struct block_header *block;
	const struct record *records;

	for (;;) {
		switch (lane_reader_next(reader, &block, &records, error)) {
		case LANE_BLOCK:
			if (scan_block(scan, records, block->record_cnt) == 0)
				break;
			return error_say(error, -ENOMEM, "no memory for %" PRIu64 " offers",
					 scan->offer_cnt);
		case LANE_TORN:
			scan->torn = true;
			return 0;
		case LANE_END:
			return 0;
		case LANE_CORRUPT:
			return -EBADMSG;
		case LANE_ERROR:
			return -EIO;
		}
	}
}

/* Reads a lane from where the scan begins to its end. Takes over the files. */
static int scan_on(struct lane_files *files, uint64_t journal_id, uint16_t lane,
		   struct recover_scan *scan, struct error *error)
{
	struct lane_reader *reader = NULL;
	struct lane_position end;
	int rc = lane_reader_open_at(&reader, files, journal_id, lane, &scan->from, error);

	if (rc != 0)
		return rc;
	rc = scan_all(reader, scan, error);
	lane_reader_position(reader, &end);
	scan->tail = end.tail;
	scan->watermark_lsn = end.watermark_lsn;
	scan->block_cnt += lane_reader_blocks(reader);
	lane_reader_close(reader);
	return rc;
}

/* Scans the lane from scan->from on; frees the scan if that fails. */
static int settle_and_scan(struct lane_files *files, uint64_t journal_id, uint16_t lane,
			   bool locked, struct recover_scan *scan, struct error *error)
{
	int rc = locked ? settle(files, error) : 0;

	if (rc != 0)
		files->ops->close(files);
	else
		rc = scan_on(files, journal_id, lane, scan, error);
	if (rc != 0)
		recover_scan_free(scan);
	return rc;
}

int recover_scan_files(struct lane_files *files, uint64_t journal_id, uint16_t lane, bool locked,
		       struct recover_scan *out, struct error *error)
{
	*out = (struct recover_scan){0};
	return settle_and_scan(files, journal_id, lane, locked, out, error);
}

static int scan_once(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		     struct recover_scan *out, struct error *error)
{
	struct lane_files *files = NULL;
	int rc;

	*out = (struct recover_scan){0};
	/* A checkpoint holds nothing that could still be in flight. */
	rc = recover_start(dir, lane, from, UINT64_MAX, out, error);
	if (rc == 0)
		rc = data_dir_open_lane(dir, lane, &files, error);
	if (rc != 0) {
		recover_scan_free(out);
		return rc;
	}
	return settle_and_scan(files, dir->journal_id, lane, dir->lock_fd >= 0, out, error);
}

int recover_scan_from(const struct data_dir *dir, uint16_t lane, enum recover_from from,
		      struct recover_scan *out, struct error *error)
{
	struct recover_glance seen;
	int changed;
	int rc;

	do {
		(void)recover_look(dir, lane, &seen);
		rc = scan_once(dir, lane, from, out, error);
		changed = rc != 0 ? recover_changed(dir, lane, &seen, error) : 0;
	} while (changed > 0);
	out->seen = seen;
	return changed < 0 ? changed : rc;
}

int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out,
		 struct error *error)
{
	return recover_scan_from(dir, lane, RECOVER_FROM_NEWEST, out, error);
}

void recover_scan_free(struct recover_scan *scan)
{
	free(scan->offers);
	*scan = (struct recover_scan){0};
}

void recover_sizes(const struct recover_scan *scan, struct shard_size *size)
{
	bool groups = false;

	for (uint64_t i = 0; i < scan->offer_cnt && !groups; i++)
		groups = scan->offers[i].channel != 0;
	*size = (struct shard_size){
		.offer_cnt = scan->offer_cnt,
		.order_cnt = scan->order_cnt,
		.hold_cnt = scan->hold_cnt,
		.change_cnt = scan->change_cnt,
		.placed_cnt = scan->placed_cnt,
		.link_cnt = scan->link_cnt,
	};
	record_sizes_add_prepared(size, scan->prepared_cnt < PREPARED_MAX ? scan->prepared_cnt
									  : PREPARED_MAX);
	record_sizes_end(size, groups);
	/* The count of a buyer stays when his line comes to nothing. */
	size->buyer_cnt += scan->aborted_cnt * (groups ? 2 : 1);
}
