/*
 * file:DIR, format block: DIR becomes a copy of the journal, every block in the place it has there,
 * so that all that reads a journal reads it, and an engine can start on it (a standby).
 *
 * Guarantees: what is acknowledged is on the disk of the copy. Opened after a crash it is cut after
 * its last whole block, and what is left is synced: the rest comes again from the lane. One writer
 * a directory, by the lock that an engine would take.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/error.h"
#include "engine/base/safe_file.h"
#include "engine/journal/lane_files.h"
#include "engine/journal/lane_reader.h"
#include "tools/downstream/downstream.h"

enum {
	/* Written at a time; a disk needs no more to be fast. */
	BATCH_BYTES = 1 << 20,
	/* Unsynced bytes before the relay must wait for the disk. */
	UNSYNCED_BYTES_MAX = 8 << 20,
	/* Blocks come in bursts under load: one sync for all of them. */
	SYNCED_BLOCKS_MAX = 64,
};
static_assert((int)SYNCED_BLOCKS_MAX <= (int)DOWNSTREAM_IN_FLIGHT_MAX, "the relay keeps count");

struct file_target {
	struct downstream_target base;
	struct data_dir dir; /* the copy, locked */
};

struct file_downstream {
	struct downstream base;
	struct lane_files *files;
	int fd; /* of the segment written, or -1 */
	uint64_t segment;
	uint64_t unsynced_bytes;
	unsigned unsynced_cnt; /* blocks */
	uint64_t batch_offset;
	uint64_t batch_bytes;
	uint8_t *batch;
};

static struct file_downstream *of(struct downstream *downstream)
{
	return (struct file_downstream *)downstream;
}

static const struct data_dir *dir_of(const struct downstream *downstream)
{
	return &((const struct file_target *)downstream->target)->dir;
}

static int target_open(struct downstream_target **out, const struct downstream_options *options,
		       struct error *error)
{
	const char *path = options->to + strlen("file:");
	struct file_target *target = calloc(1, sizeof(*target));
	int rc = target == NULL ? error_say(error, -ENOMEM, "no memory for %s", path) : 0;

	if (rc == 0 && options->setting_cnt > 0)
		rc = error_say(error, -EINVAL, "--set %s: a file has no settings",
			       options->settings[0].key);
	if (rc == 0)
		rc = data_dir_open_copy(&target->dir, path, options->journal, error);
	if (rc != 0) {
		free(target);
		return rc;
	}
	*out = &target->base;
	return 0;
}

static void target_close(struct downstream_target *target)
{
	data_dir_close(&((struct file_target *)target)->dir);
	free(target);
}

static void file_close(struct downstream *downstream)
{
	struct file_downstream *file = of(downstream);

	if (file->fd >= 0)
		close(file->fd);
	if (file->files != NULL)
		file->files->ops->close(file->files);
	free(file->batch);
	free(file);
}

static int file_open(struct downstream **out, struct downstream_target *target, uint16_t lane,
		     struct error *error)
{
	struct file_downstream *file = calloc(1, sizeof(*file));
	int rc;

	if (file == NULL)
		return error_say(error, -ENOMEM, "no memory for lane %u", lane);
	file->fd = -1;
	file->batch = aligned_alloc(BLOCK_ALIGN_BYTES, BATCH_BYTES);
	file->base.target = target;
	rc = data_dir_open_lane(&((struct file_target *)target)->dir, lane, &file->files, error);
	if (rc == 0 && file->batch == NULL)
		rc = error_say(error, -ENOMEM, "no memory for lane %u", lane);
	if (rc != 0) {
		file_close(&file->base);
		return rc;
	}
	*out = &file->base;
	return 0;
}

/* Makes a line of a disk's error. Only a lack of space is not final. */
static int say_disk(const struct file_downstream *file, uint64_t segment, int rc,
		    struct error *error)
{
	return error_say(error, rc == -ENOSPC || rc == -EDQUOT ? -ENOTCONN : rc,
			 "%s: segment %" PRIu64 ": %s", file->files->path, segment,
			 safe_strerror(rc));
}

/* Reads a segment from its first block on. 0 and the mark of the last good one, if there is any. */
static int read_segment(struct file_downstream *file, uint64_t segment, struct lane_mark *last,
			struct lane_tail *tail, bool *whole, struct error *error)
{
	struct lane_files *files = NULL;
	struct lane_reader *reader = NULL;
	const struct block_header *block;
	const struct record *records;
	struct lane_position position;
	enum lane_read read;
	int rc = data_dir_open_lane(dir_of(&file->base), file->base.lane, &files, error);

	if (rc == 0)
		rc = lane_reader_open_rest(&reader, files, dir_of(&file->base)->journal_id,
					   file->base.lane, segment, error);
	if (rc != 0)
		return rc;
	while ((read = lane_reader_next(reader, &block, &records, error)) == LANE_BLOCK) {
		lane_reader_position(reader, &position);
		*last = (struct lane_mark){
			.next_lsn = position.tail.next_lsn,
			.place.segment = position.tail.place.segment,
			.place.offset = position.block_offset,
			.checksum = block->checksum,
		};
	}
	lane_reader_tail(reader, tail);
	lane_reader_close(reader);
	*whole = read == LANE_END;
	return read == LANE_ERROR ? -EIO : 0;
}

/*
 * Cuts after the last good block: what is there was in flight when something crashed. A segment
 * without any good block is removed.
 */
static int cut(struct file_downstream *file, const uint64_t *numbers, int64_t cnt,
	       const struct lane_tail *tail, bool any, struct error *error)
{
	int rc = 0;

	for (int64_t i = cnt - 1;
	     rc == 0 && i >= 0 && numbers[i] + (any ? 0 : 1) > tail->place.segment; i--)
		rc = file->files->ops->remove(file->files, numbers[i]);
	if (rc == 0 && any)
		rc = file->files->ops->zero(file->files, tail->place.segment, tail->place.offset);
	return rc == 0 ? 0 : say_disk(file, tail->place.segment, rc, error);
}

/*
 * What is read back may never have been synced: a killed relay may have written it a moment ago.
 * From here on it counts as acknowledged, and prune and the next segment rely on it.
 */
static int sync_found(struct file_downstream *file, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];
	int fd;
	int rc = 0;

	segment_path(file->files->path, segment, path);
	fd = safe_open(path, O_RDWR);
	if (fd < 0)
		return fd;
	if (fdatasync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc == 0 ? directory_sync(file->files->path) : rc;
}

/* A copy names buyers, also one that others could read until now. */
static int make_private(const struct file_downstream *file, const uint64_t *numbers, int64_t cnt)
{
	char path[SEGMENT_PATH_BYTES];
	int rc = 0;

	for (int64_t i = 0; rc == 0 && i < cnt; i++) {
		segment_path(file->files->path, numbers[i], path);
		rc = safe_make_private(path);
	}
	return rc;
}

static int file_end(struct downstream *downstream, struct lane_mark *last, bool *part,
		    struct error *error)
{
	struct file_downstream *file = of(downstream);
	uint64_t *numbers = NULL;
	const int64_t cnt = file->files->ops->list(file->files, &numbers);
	struct lane_tail tail;
	bool whole = true;
	int rc = cnt < 0 ? (int)cnt : make_private(file, numbers, cnt);

	(void)part;
	if (rc != 0) {
		free(numbers);
		return say_disk(file, 0, rc, error);
	}
	/* The blocks of the last segment that has any; all before it were synced. */
	for (int64_t i = cnt - 1; rc == 0 && i >= 0 && last->next_lsn == 0; i--) {
		rc = read_segment(file, numbers[i], last, &tail, &whole, error);
		if (rc == 0 && !whole)
			rc = cut(file, numbers, cnt, &tail, last->next_lsn > 0, error);
	}
	free(numbers);
	if (rc == 0 && last->next_lsn > 0) {
		rc = sync_found(file, last->place.segment);
		if (rc != 0)
			rc = say_disk(file, last->place.segment, rc, error);
	}
	return rc;
}

/* Writes the header of a new segment and gives it its room, then its name. */
static int make_segment(struct file_downstream *file, const struct lane_block *block,
			const char *path)
{
	_Alignas(BLOCK_ALIGN_BYTES) uint8_t unit[BLOCK_ALIGN_BYTES] = {0};
	char temporary[SEGMENT_PATH_BYTES + 8];
	int fd;
	int rc;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	fd = safe_make_anew(temporary, O_RDWR);
	if (fd < 0)
		return fd;
	segment_header_fill((struct segment_header *)unit, dir_of(&file->base)->journal_id,
			    file->base.lane, block->place.segment, block->segment_bytes);
	rc = -posix_fallocate(fd, 0, (off_t)block->segment_bytes);
	if (rc == 0 && (pwrite(fd, unit, sizeof(unit), 0) != sizeof(unit) || fsync(fd) != 0))
		rc = -errno;
	close(fd);
	if (rc == 0)
		rc = safe_rename(temporary, path);
	if (rc != 0)
		(void)safe_unlink(temporary);
	return rc == 0 ? directory_sync(file->files->path) : rc;
}

static int write_batch(struct file_downstream *file)
{
	uint64_t done = 0;

	while (done < file->batch_bytes) {
		const ssize_t got = pwrite(file->fd, file->batch + done, file->batch_bytes - done,
					   (off_t)(file->batch_offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (uint64_t)got;
	}
	file->unsynced_bytes += file->batch_bytes;
	file->batch_bytes = 0;
	return 0;
}

static int sync_all(struct file_downstream *file)
{
	int rc = write_batch(file);

	if (rc == 0 && file->unsynced_bytes > 0 && fdatasync(file->fd) != 0)
		rc = -errno;
	if (rc == 0)
		file->unsynced_bytes = 0;
	return rc;
}

static int enter_segment(struct file_downstream *file, const struct lane_block *block)
{
	char path[SEGMENT_PATH_BYTES];
	int rc = file->fd >= 0 ? sync_all(file) : 0;

	if (rc != 0)
		return rc;
	if (file->fd >= 0)
		close(file->fd);
	segment_path(file->files->path, block->place.segment, path);
	file->fd = safe_open(path, O_RDWR | O_DIRECT);
	if (file->fd == -ENOENT) {
		rc = make_segment(file, block, path);
		if (rc != 0)
			return rc;
		file->fd = safe_open(path, O_RDWR | O_DIRECT);
	}
	if (file->fd < 0)
		return file->fd;
	file->segment = block->place.segment;
	return 0;
}

static int file_publish(struct downstream *downstream, const struct lane_block *block,
			struct error *error)
{
	struct file_downstream *file = of(downstream);
	const uint64_t bytes = block->header->block_bytes;
	int rc;

	if (file->unsynced_cnt >= SYNCED_BLOCKS_MAX ||
	    file->unsynced_bytes + file->batch_bytes >= UNSYNCED_BYTES_MAX)
		return -EAGAIN;
	/* The copy's format is raised before it has a block that older programs cannot read. */
	rc = data_dir_raise_format(&((struct file_target *)downstream->target)->dir,
				   block->header->format, error);
	if (rc != 0)
		return rc;
	if (file->fd < 0 || block->place.segment != file->segment)
		rc = enter_segment(file, block);
	if (rc == 0 && (file->batch_bytes + bytes > BATCH_BYTES ||
			block->place.offset != file->batch_offset + file->batch_bytes))
		rc = write_batch(file);
	if (rc != 0)
		return say_disk(file, block->place.segment, rc, error);
	if (file->batch_bytes == 0)
		file->batch_offset = block->place.offset;
	memcpy(file->batch + file->batch_bytes, block->header, bytes);
	file->batch_bytes += bytes;
	file->unsynced_cnt++;
	return 0;
}

static int file_reap(struct downstream *downstream, struct error *error)
{
	struct file_downstream *file = of(downstream);
	const int cnt = (int)file->unsynced_cnt;
	const int rc = cnt > 0 ? sync_all(file) : 0;

	if (rc != 0)
		return say_disk(file, file->segment, rc, error);
	file->unsynced_cnt = 0;
	return cnt;
}

const struct downstream_kind downstream_file_kind = {
	.scheme = "file:",
	.target_open = target_open,
	.target_close = target_close,
	.open = file_open,
	.end = file_end,
	.publish = file_publish,
	.reap = file_reap,
	.close = file_close,
};
