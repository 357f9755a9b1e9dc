#include "tools/replay/paper_lane.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/journal_format.h"
#include "engine/lane_files.h"

enum {
	/* The file of a lane that is not kept: no descriptor at all. */
	NO_FILE = 1 << 30,
};

struct finished {
	uint64_t token;
	int64_t result;
};

struct paper_disk {
	struct disk disk; /* first */
	unsigned writes_max;
	unsigned cnt;
	struct finished finished[];
};

struct paper_segments {
	struct segment_source source; /* first */
	const char *dir;              /* NULL: not kept */
	char dir_text[576];
	uint64_t journal_id;
	uint64_t segment_bytes;
	uint16_t lane;
	int error;
};

static int64_t write_all(int fd, const uint8_t *bytes, uint32_t cnt, uint64_t offset)
{
	uint32_t done = 0;

	while (done < cnt) {
		const ssize_t got = pwrite(fd, bytes + done, cnt - done, (off_t)(offset + done));

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -EIO;
		done += (uint32_t)got;
	}
	return cnt;
}

static int paper_write(struct disk *base, int fd, const void *buffer, uint32_t bytes,
		       uint64_t offset, uint64_t token)
{
	struct paper_disk *disk = (struct paper_disk *)base;

	if (disk->cnt == disk->writes_max)
		return -EAGAIN;
	disk->finished[disk->cnt++] = (struct finished){
		.token = token,
		.result = fd == NO_FILE ? bytes : write_all(fd, buffer, bytes, offset),
	};
	return 0;
}

static int paper_submit(struct disk *base)
{
	(void)base;
	return 0;
}

static int paper_reap(struct disk *base, disk_done_fn *done, void *context)
{
	struct paper_disk *disk = (struct paper_disk *)base;
	const unsigned cnt = disk->cnt;

	for (unsigned i = 0; i < cnt; i++)
		done(context, disk->finished[i].token, disk->finished[i].result);
	disk->cnt = 0;
	return (int)cnt;
}

static int paper_register(struct disk *base, void *memory, size_t bytes)
{
	(void)base;
	(void)memory;
	(void)bytes;
	return 0;
}

static void paper_close(struct disk *base)
{
	free(base);
}

struct disk *paper_disk_open(unsigned writes_max)
{
	static const struct disk_ops ops = {
		.write = paper_write,
		.submit = paper_submit,
		.reap = paper_reap,
		.register_buffers = paper_register,
		.close = paper_close,
	};
	struct paper_disk *disk = calloc(1, sizeof(*disk) + writes_max * sizeof(disk->finished[0]));

	if (disk == NULL)
		return NULL;
	disk->disk.ops = &ops;
	disk->writes_max = writes_max;
	return &disk->disk;
}

/* A new segment: its header, and zeros that take no room before they are written over. */
static int make_segment(const struct paper_segments *segments, uint64_t segment)
{
	struct segment_header header;
	char path[SEGMENT_PATH_BYTES];
	int64_t written;
	int fd;

	segment_path(segments->dir, segment, path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	memset(&header, 0, sizeof(header));
	segment_header_fill(&header, segments->journal_id, segments->lane, segment,
			    segments->segment_bytes);
	written = ftruncate(fd, (off_t)segments->segment_bytes) != 0
			  ? -errno
			  : write_all(fd, (const uint8_t *)&header, sizeof(header), 0);
	if (written == sizeof(header))
		return fd;
	close(fd);
	return written < 0 ? (int)written : -EIO;
}

static int paper_take(struct segment_source *base, uint64_t segment, uint64_t *bytes)
{
	struct paper_segments *segments = (struct paper_segments *)base;
	int fd = NO_FILE;

	*bytes = segments->segment_bytes;
	if (segments->dir != NULL)
		fd = make_segment(segments, segment);
	if (fd < 0)
		segments->error = fd;
	return fd;
}

static void paper_done(struct segment_source *base, int fd)
{
	struct paper_segments *segments = (struct paper_segments *)base;

	if (fd != NO_FILE && close(fd) != 0 && segments->error == 0)
		segments->error = -errno;
}

static uint64_t paper_ready_bytes(const struct segment_source *base, uint64_t segment)
{
	const struct paper_segments *segments = (const struct paper_segments *)base;

	(void)segment;
	return segments->error == 0 ? segments->segment_bytes : 0;
}

static int paper_error(const struct segment_source *base)
{
	return ((const struct paper_segments *)base)->error;
}

struct segment_source *paper_segments_open(const char *lane_dir, uint64_t journal_id, uint16_t lane,
					   uint64_t segment_bytes)
{
	static const struct segment_source_ops ops = {
		.take = paper_take,
		.done = paper_done,
		.ready_bytes = paper_ready_bytes,
		.error = paper_error,
	};
	struct paper_segments *segments = calloc(1, sizeof(*segments));

	CHECK(segment_bytes_valid(segment_bytes));
	if (segments == NULL)
		return NULL;
	segments->source.ops = &ops;
	segments->journal_id = journal_id;
	segments->segment_bytes = segment_bytes;
	segments->lane = lane;
	if (lane_dir != NULL) {
		snprintf(segments->dir_text, sizeof(segments->dir_text), "%s", lane_dir);
		segments->dir = segments->dir_text;
	}
	return &segments->source;
}

/* All files of the lane, and their names. */
static int sync_lane(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int rc = 0;

	if (fd < 0)
		return -errno;
	if (syncfs(fd) != 0)
		rc = -errno;
	close(fd);
	return rc;
}

int paper_segments_close(struct segment_source *base)
{
	struct paper_segments *segments = (struct paper_segments *)base;
	int rc;

	if (segments == NULL)
		return 0;
	rc = segments->error;
	if (rc == 0 && segments->dir != NULL)
		rc = sync_lane(segments->dir);
	free(segments);
	return rc;
}
