#include "engine/lane_cut.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/recover.h"

/* An empty directory in the place of a lost one, for whom the journal belongs to. */
static int make_lane(const struct data_dir *dir, const char *lane_path)
{
	struct stat owner;

	if (mkdir(lane_path, 0700) != 0 && errno != EEXIST)
		return -errno;
	if (stat(dir->path, &owner) != 0 ||
	    (owner.st_uid != geteuid() && chown(lane_path, owner.st_uid, owner.st_gid) != 0))
		return -errno;
	return directory_sync(dir->path);
}

static int zero_from(const struct lane_salvage *salvage, uint64_t number, uint64_t offset)
{
	const struct mended_segment *segment = lane_mended_segment(salvage->lane, number);
	struct lane_files *base = salvage->lane->base;

	if (segment == NULL || segment->empty || offset >= segment->file_bytes)
		return 0;
	return base->ops->zero(base, number, offset);
}

/* The block behind the tail, which may lie in the next segment: from here on what is left behind is
 * evidence that something is missing, and so the lane is refused until it is gone. */
static int zero_tail(const struct lane_salvage *salvage)
{
	const struct lane_tail *tail = &salvage->tail;
	const int rc = zero_from(salvage, tail->segment, tail->offset);

	return rc == 0 ? zero_from(salvage, tail->segment + 1, BLOCK_ALIGN_BYTES) : rc;
}

/* Empty segments in their place stay: they were made ahead. */
static int remove_later(const struct lane_salvage *salvage)
{
	const struct lane_mended *lane = salvage->lane;
	uint64_t keep_cnt = 0;
	int rc = 0;

	while (keep_cnt < lane->segment_cnt) {
		const struct mended_segment *segment = &lane->segments[keep_cnt];

		if (segment->number != keep_cnt)
			break;
		if (segment->number > salvage->tail.segment &&
		    lane_salvage_changes(salvage, segment))
			break;
		keep_cnt++;
	}
	for (uint64_t cnt = lane->segment_cnt; rc == 0 && cnt > keep_cnt; cnt--)
		rc = lane->base->ops->remove(lane->base, lane->segments[cnt - 1].number);
	return rc;
}

/* Size, then header, each on disk before the next: the lane is refused until both are right. */
static int mend_segment(const struct lane_mended *lane, const struct mended_segment *segment)
{
	struct lane_files *base = lane->base;
	uint8_t *unit = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	char path[SEGMENT_PATH_BYTES];
	int rc = 0;

	CHECK(unit != NULL);
	memset(unit, 0, BLOCK_ALIGN_BYTES);
	segment_header_fill((struct segment_header *)unit, lane->journal_id, lane->lane,
			    segment->number, segment->bytes);
	segment_path(lane->files.path, segment->number, path);

	const int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		rc = -errno;
	if (rc == 0 && segment->file_bytes != segment->bytes &&
	    ftruncate(fd, (off_t)segment->bytes) != 0)
		rc = -errno;
	/* Written zeros, as in every segment. */
	if (rc == 0 && segment->file_bytes < segment->bytes)
		rc = base->ops->zero(base, segment->number, segment->file_bytes);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	errno = EIO; /* for a short write */
	if (rc == 0 &&
	    (pwrite(fd, unit, BLOCK_ALIGN_BYTES, 0) != BLOCK_ALIGN_BYTES || fsync(fd) != 0))
		rc = -errno;
	if (fd >= 0)
		close(fd);
	free(unit);
	return rc;
}

static int mend_segments(const struct lane_salvage *salvage)
{
	const struct lane_mended *lane = salvage->lane;
	int rc = 0;

	for (uint64_t i = 0; i < lane->segment_cnt && rc == 0; i++) {
		if (lane->segments[i].wrong && lane->segments[i].number <= salvage->tail.segment)
			rc = mend_segment(lane, &lane->segments[i]);
	}
	return rc;
}

int lane_cut(const struct data_dir *dir, const struct lane_salvage *salvage, char *error,
	     size_t error_bytes)
{
	const struct lane_mended *lane = salvage->lane;
	int rc = 0;

	CHECK(dir->lock_fd >= 0);
	if (lane->missing)
		rc = make_lane(dir, lane->files.path);
	if (rc == 0)
		rc = zero_tail(salvage);
	if (rc == 0)
		rc = remove_later(salvage);
	if (rc == 0)
		rc = mend_segments(salvage);
	if (rc != 0) {
		snprintf(error, error_bytes,
			 "%s: cannot be cut at segment %" PRIu64 ", offset %" PRIu64
			 ": %s; check the disk and its permissions, then repeat the command",
			 lane->files.path, salvage->tail.segment, salvage->tail.offset,
			 strerror(-rc));
		return rc;
	}
	return recover_cut(dir, lane->lane, &salvage->tail, error, error_bytes);
}

int lane_cut_check(const struct data_dir *dir, const struct lane_salvage *salvage, char *error,
		   size_t error_bytes)
{
	struct recover_scan scan;
	int rc = recover_scan(dir, salvage->lane->lane, &scan, error, error_bytes);

	if (rc != 0)
		return rc;
	if (scan.torn || scan.tail.next_lsn != salvage->tail.next_lsn ||
	    scan.tail.prev_checksum != salvage->tail.prev_checksum) {
		snprintf(error, error_bytes,
			 "%s: ends with LSN %" PRIu64 " after the cut, not with LSN %" PRIu64
			 ": do not trust this disk",
			 salvage->lane->files.path, scan.tail.next_lsn - 1,
			 salvage->tail.next_lsn - 1);
		rc = -EBADMSG;
	}
	recover_scan_free(&scan);
	return rc;
}
