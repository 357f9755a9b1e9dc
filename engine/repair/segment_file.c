#include "engine/repair/segment_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"

int segment_file_open(const struct mended_files *lane, uint64_t number)
{
	char path[SEGMENT_PATH_BYTES];

	CHECK(number >= lane->first);
	segment_path(lane->path, number, path);
	return safe_open(path, O_WRONLY);
}

int segment_file_close(int fd, int rc)
{
	CHECK(fd >= 0);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int lane_mend_segment(struct lane_files *real, const struct mended_files *lane,
		      const struct mended_segment *segment)
{
	uint8_t *unit = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	const int fd = segment_file_open(lane, segment->number);
	int rc = fd < 0 ? fd : 0;

	CHECK(unit != NULL && segment->bytes >= SEGMENT_BYTES_MIN);
	memset(unit, 0, BLOCK_ALIGN_BYTES);
	segment_header_fill((struct segment_header *)unit, lane->journal_id, lane->lane,
			    segment->number, segment->bytes);
	if (rc == 0 && segment->file_bytes != segment->bytes &&
	    ftruncate(fd, (off_t)segment->bytes) != 0)
		rc = -errno;
	/* The zeros are written, as in every segment. */
	if (rc == 0 && segment->file_bytes < segment->bytes)
		rc = real->ops->zero(real, segment->number, segment->file_bytes);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (rc == 0)
		rc = file_write(fd, unit, BLOCK_ALIGN_BYTES, 0);
	if (fd >= 0)
		rc = segment_file_close(fd, rc);
	free(unit);
	return rc;
}
