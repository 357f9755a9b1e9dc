#include "engine/recover.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/lane_reader.h"
#include "engine/segment_file.h"

static int keep_offer(struct recover_scan *scan, const struct record *record)
{
	/* Grows at powers of two. */
	if ((scan->offer_cnt & (scan->offer_cnt - 1)) == 0) {
		const uint64_t room = scan->offer_cnt == 0 ? 1 : scan->offer_cnt * 2;
		struct record *grown = realloc(scan->offers, room * sizeof(*grown));

		if (grown == NULL)
			return -ENOMEM;
		scan->offers = grown;
	}
	scan->offers[scan->offer_cnt++] = *record;
	return 0;
}

static int scan_records(struct recover_scan *scan, const struct record *records, uint32_t cnt)
{
	for (uint32_t i = 0; i < cnt; i++) {
		if (records[i].kind == RECORD_ORDER)
			scan->order_cnt++;
		else if (records[i].kind == RECORD_OFFER && keep_offer(scan, &records[i]) != 0)
			return -ENOMEM;
	}
	return 0;
}

int recover_scan(const struct data_dir *dir, uint16_t lane, struct recover_scan *out, char *error,
		 size_t error_bytes)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	enum lane_read read;
	int rc = lane_reader_open(&reader, dir->path, dir->journal_id, lane, error, error_bytes);

	*out = (struct recover_scan){.tail = {.next_lsn = 1, .offset = BLOCK_ALIGN_BYTES}};
	/* A lane that was never begun, because the engine died while making the directory. */
	if (rc == -ENOENT)
		return 0;
	if (rc != 0)
		return rc;
	while (rc == 0) {
		read = lane_reader_next(reader, &block, &records, error, error_bytes);
		if (read != LANE_BLOCK)
			break;
		rc = scan_records(out, records, block->record_cnt);
	}
	lane_reader_tail(reader, &out->tail);
	out->block_cnt = lane_reader_blocks(reader);
	lane_reader_close(reader);
	if (rc != 0)
		snprintf(error, error_bytes, "lane %u: no memory for its offers", lane);
	else if (read == LANE_CORRUPT)
		rc = -EBADMSG;
	else if (read == LANE_ERROR)
		rc = -EIO;
	out->torn = read == LANE_TORN;
	if (rc != 0)
		recover_scan_free(out);
	return rc;
}

void recover_scan_free(struct recover_scan *scan)
{
	free(scan->offers);
	scan->offers = NULL;
	scan->offer_cnt = 0;
}

void recover_sizes(const struct recover_scan *scan, struct shard_size *size)
{
	*size = (struct shard_size){
		.offer_cnt = scan->offer_cnt,
		.order_cnt = scan->order_cnt,
		.buyer_cnt = scan->order_cnt,
	};
}

int recover_lane(const struct data_dir *dir, uint16_t lane, const struct recover_scan *scan,
		 struct shard *shard, char *error, size_t error_bytes)
{
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	int rc = 0;

	if (scan->tail.next_lsn == 1)
		return 0;
	rc = lane_reader_open(&reader, dir->path, dir->journal_id, lane, error, error_bytes);
	while (rc == 0 && shard_next_lsn(shard) < scan->tail.next_lsn) {
		if (lane_reader_next(reader, &block, &records, error, error_bytes) != LANE_BLOCK) {
			rc = -EBADMSG;
			break;
		}
		for (uint32_t i = 0; i < block->record_cnt && rc == 0; i++) {
			const char *why = NULL;

			rc = shard_apply(shard, block->first_lsn + i, &records[i], &why);
			if (rc != 0)
				snprintf(error, error_bytes, "lane %u: LSN %" PRIu64 ": %s", lane,
					 block->first_lsn + i, why);
		}
	}
	lane_reader_close(reader);
	return rc;
}

/* Zeros from the tail to the end of its segment. Plain writes: the sync behind them counts. */
static int zero_behind(const char *lane_dir, const struct lane_tail *tail)
{
	static const uint8_t zeros[BLOCK_BYTES_MAX];
	char path[SEGMENT_PATH_BYTES];
	uint64_t offset = tail->offset;
	int rc = 0;

	segment_path(lane_dir, tail->segment, path, sizeof(path));

	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	while (rc == 0 && offset < SEGMENT_BYTES) {
		const uint64_t left = SEGMENT_BYTES - offset;
		const ssize_t got = pwrite(fd, zeros, left < sizeof(zeros) ? left : sizeof(zeros),
					   (off_t)offset);

		if (got <= 0)
			rc = got < 0 ? -errno : -EIO;
		else
			offset += (uint64_t)got;
	}
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int recover_cut(const struct data_dir *dir, uint16_t lane, const struct lane_tail *tail,
		char *error, size_t error_bytes)
{
	char lane_dir[600];
	char path[SEGMENT_PATH_BYTES];
	int rc = 0;

	data_dir_lane_path(dir, lane, lane_dir, sizeof(lane_dir));
	if (mkdir(lane_dir, 0700) == 0)
		rc = directory_sync(dir->path);
	else if (errno != EEXIST)
		rc = -errno;
	for (int64_t segment = segment_highest(lane_dir);
	     rc == 0 && segment > (int64_t)tail->segment; segment--) {
		segment_path(lane_dir, (uint64_t)segment, path, sizeof(path));
		if (unlink(path) != 0 && errno != ENOENT)
			rc = -errno;
	}
	if (rc == 0)
		rc = zero_behind(lane_dir, tail);
	if (rc == 0)
		rc = directory_sync(lane_dir);
	if (rc != 0)
		snprintf(error, error_bytes, "%s: cannot be prepared for writing: %s", lane_dir,
			 strerror(-rc));
	return rc;
}
