/*
 * How a checkpoint is written: the file is there whole under its name, or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/error.h"
#include "engine/base/safe_file.h"
#include "engine/checkpoint/checkpoint.h"
#include "engine/journal/lane_files.h"

/* A file being written. */
struct writer {
	const struct shard *shard;
	struct checkpoint_header header;
	int fd;
	uint64_t offset;
	uint8_t *bytes; /* CHUNK_BYTES_MAX */
};

static int write_all(struct writer *writer, const void *bytes, size_t cnt)
{
	const int rc = file_write(writer->fd, bytes, cnt, writer->offset);

	if (rc != 0)
		return rc;
	/* Piece by piece: many writes at the end would make an engine's own writes wait. */
	(void)sync_file_range(writer->fd, (off_t)writer->offset, (off_t)cnt, SYNC_FILE_RANGE_WRITE);
	writer->offset += cnt;
	return 0;
}

/* The entries of a chunk, which begin with this one of their kind. */
static void save_entries(const struct shard *shard, struct chunk_header *chunk, uint64_t first)
{
	void *entries = chunk + 1;

	switch (chunk->kind) {
	case RECORD_OFFER:
		shard_save_offers(shard, first, chunk->entry_cnt, entries);
		break;
	case RECORD_ORDER:
		shard_save_orders(shard, first, chunk->entry_cnt, entries);
		break;
	case RECORD_HOLD:
		shard_save_holds(shard, first / CHECKPOINT_HOLD_ENTRIES,
				 chunk->entry_cnt / CHECKPOINT_HOLD_ENTRIES, entries);
		break;
	case RECORD_LINK:
		shard_save_links(shard, first, chunk->entry_cnt, entries);
		break;
	case RECORD_PREPARED:
		shard_save_prepared(shard, first / CHECKPOINT_PREPARED_ENTRIES,
				    chunk->entry_cnt / CHECKPOINT_PREPARED_ENTRIES, entries);
		break;
	default:
		shard_save_changes(shard, first, chunk->entry_cnt, entries);
		break;
	}
}

static int write_chunks(struct writer *writer)
{
	const struct checkpoint_header *header = &writer->header;
	struct chunk_header *chunk = (struct chunk_header *)writer->bytes;
	uint16_t kind;
	uint32_t cnt;
	int rc = 0;

	for (uint64_t number = 0; rc == 0 && (cnt = chunk_entries(header, number, &kind)) > 0;
	     number++) {
		*chunk = (struct chunk_header){.magic = CHUNK_MAGIC,
					       .kind = kind,
					       .lane = header->lane,
					       .number = number,
					       .entry_cnt = cnt};
		save_entries(writer->shard, chunk,
			     (number - chunk_first(header, kind)) * CHECKPOINT_CHUNK_ENTRIES);
		chunk->checksum = chunk_checksum(chunk, header);
		rc = write_all(writer, chunk,
			       CHUNK_HEADER_BYTES + (size_t)cnt * CHECKPOINT_ENTRY_BYTES);
	}
	return rc;
}

static int write_file(struct writer *writer, const char *path, const char *temporary,
		      const char *lane_path)
{
	int rc;

	writer->fd = safe_make_anew(temporary, O_WRONLY);
	if (writer->fd < 0)
		return writer->fd;
	rc = write_all(writer, &writer->header, sizeof(writer->header));
	if (rc == 0)
		rc = write_chunks(writer);
	if (rc == 0 && fsync(writer->fd) != 0)
		rc = -errno;
	/* An engine on this machine has better use for the memory. */
	(void)posix_fadvise(writer->fd, 0, 0, POSIX_FADV_DONTNEED);
	close(writer->fd);
	if (rc == 0)
		rc = safe_rename(temporary, path);
	if (rc == 0)
		return directory_sync(lane_path);
	(void)safe_unlink(temporary);
	return rc;
}

/* Counts what the shard's totals do not say, chunk by chunk in this memory. */
static void count_new(struct checkpoint_header *header, const struct shard *shard, void *entries)
{
	const struct record *offers = entries;
	const struct snapshot_hold *holds = entries;
	bool is_new =
		header->hold_cnt + header->change_cnt + header->link_cnt + header->prepared_cnt > 0;

	for (uint64_t i = 0; i < header->offer_cnt; i++) {
		const uint64_t left = header->offer_cnt - i;
		const uint64_t at = i % CHECKPOINT_CHUNK_ENTRIES;

		if (at == 0)
			shard_save_offers(shard, i,
					  left < CHECKPOINT_CHUNK_ENTRIES
						  ? (uint32_t)left
						  : CHECKPOINT_CHUNK_ENTRIES,
					  entries);
		is_new |= record_is_new(&offers[at]);
		header->placed_cnt += offers[at].kind == RECORD_PLACED;
	}
	for (uint64_t i = 0; i < header->hold_cnt; i++) {
		const uint32_t room = CHECKPOINT_CHUNK_ENTRIES / CHECKPOINT_HOLD_ENTRIES;
		const uint64_t left = header->hold_cnt - i;

		if (i % room == 0)
			shard_save_holds(shard, i, left < room ? (uint32_t)left : room, entries);
		header->bought_cnt += checkpoint_entry_kind(&holds[i % room].order) == RECORD_ORDER;
	}
	if (is_new || checkpoint_unsaved_cnt(header) > 0)
		header->format = CHECKPOINT_FORMAT_HOLDS;
}

/* Uses `entries`, of CHUNK_BYTES_MAX, for a while. */
static int fill_header(struct checkpoint_header *header, const struct data_dir *dir, uint16_t lane,
		       const struct shard *shard, const struct lane_position *position,
		       uint64_t block_cnt, void *entries)
{
	const struct shard_hash hash = shard_hash(shard);
	struct shard_totals totals;

	CHECK(position->tail.next_lsn == shard_next_lsn(shard));
	shard_totals(shard, &totals);
	if (totals.offers_broken > 0)
		return -EBADMSG;
	*header = (struct checkpoint_header){
		.magic = CHECKPOINT_MAGIC,
		.format =
			shard_clock_backs(shard) > 0 ? CHECKPOINT_FORMAT_CLOCK : CHECKPOINT_FORMAT,
		.lane = lane,
		.journal_id = dir->journal_id,
		.next_lsn = position->tail.next_lsn,
		.last_at_ns = shard_last_at_ns(shard),
		.segment = position->tail.place.segment,
		.block_offset = position->block_offset,
		.offset = position->tail.place.offset,
		.prev_checksum = position->tail.prev_checksum,
		.watermark_lsn = position->watermark_lsn,
		.clock_ns = position->tail.last_at_ns,
		.block_cnt = block_cnt,
		.offer_cnt = shard_entries(shard),
		.order_cnt = totals.orders,
		.units_ordered = totals.units_sold,
		.state_hash = {hash.low, hash.high},
		.shards = dir->shards,
		.prepared_cnt = (uint32_t)totals.prepared,
		.hold_cnt = totals.holds,
		.change_cnt = totals.changes,
		.units_written_off = totals.units_written_off,
		.link_cnt = totals.links,
	};
	count_new(header, shard, entries);
	header->checksum = checkpoint_checksum(header);
	CHECK(checkpoint_header_wrong(header, dir->journal_id, lane, dir->shards) == NULL);
	return 0;
}

/* The lane's next segments will be as big as this one. */
static uint64_t segment_bytes(const char *lane_path, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];
	struct stat info;

	segment_path(lane_path, segment, path);
	return stat(path, &info) == 0 ? (uint64_t)info.st_size : SEGMENT_BYTES;
}

/* Whether a file of this size leaves space for the next segments of all lanes. */
static int check_space(const struct data_dir *dir, const char *lane_path, uint64_t segment,
		       uint64_t bytes)
{
	const uint64_t reserve_bytes =
		dir->shards * (1 + SEGMENTS_AHEAD_CNT) * segment_bytes(lane_path, segment);
	struct statvfs info;

	if (statvfs(lane_path, &info) != 0)
		return -errno;
	return (uint64_t)info.f_bavail * info.f_frsize < bytes + reserve_bytes ? -ENOSPC : 0;
}

int checkpoint_write(const struct data_dir *dir, uint16_t lane, const struct shard *shard,
		     const struct lane_position *position, uint64_t block_cnt, uint64_t *bytes,
		     struct error *error)
{
	struct writer writer = {.shard = shard, .bytes = malloc(CHUNK_BYTES_MAX)};
	char lane_path[CHECKPOINT_PATH_BYTES];
	char path[CHECKPOINT_PATH_BYTES];
	char temporary[CHECKPOINT_PATH_BYTES + 8];
	int rc = writer.bytes == NULL ? -ENOMEM : 0;

	data_dir_lane_path(dir, lane, lane_path, sizeof(lane_path));
	checkpoint_path(dir, lane, position->tail.next_lsn, path);
	snprintf(temporary, sizeof(temporary), "%s.new", path);
	if (rc == 0)
		rc = fill_header(&writer.header, dir, lane, shard, position, block_cnt,
				 writer.bytes);
	*bytes = checkpoint_bytes(&writer.header);
	if (rc == 0)
		rc = check_space(dir, lane_path, position->tail.place.segment, *bytes);
	if (rc == 0)
		rc = write_file(&writer, path, temporary, lane_path);
	free(writer.bytes);
	if (rc == 0)
		return 0;
	return error_say(
		error, rc, "%s: cannot be written: %s%s", path,
		rc == -EBADMSG ? "stock is not free + held + sold + written off"
			       : safe_strerror(rc),
		rc == -ENOSPC
			? "; it needs room for itself and the engine's next segments: free some "
			  "space"
			: "");
}
