#include "tools/replay/paper_lane.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"

enum {
	/* Stands for the file of a lane that is not kept; not a descriptor. */
	NO_FILE = 1 << 30,
	/* Blocks in flight to the page cache: 4 MiB. */
	TASKS_MAX = 64,
};

struct finished {
	uint64_t token;
	int64_t result;
};

/* For the disk's thread: a block to write, or a file to close. */
struct task {
	int fd;
	uint32_t bytes; /* 0: close the file */
	uint64_t offset;
};

struct paper_disk {
	struct disk disk; /* first */
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* Under the mutex; free-running. */
	uint64_t head; /* the thread's */
	uint64_t tail;
	int error; /* of the first write that failed */
	bool over;
	struct task tasks[TASKS_MAX];
	uint8_t (*blocks)[BLOCK_BYTES_MAX];
	/* Used by the caller only. */
	unsigned writes_max;
	unsigned cnt;
	struct finished finished[];
};

struct paper_segments {
	struct segment_source source; /* first */
	struct paper_disk *disk;
	const char *dir; /* NULL: not kept */
	char dir_text[576];
	uint64_t journal_id;
	uint64_t segment_bytes;
	uint64_t segment_cnt; /* made so far: 0, 1, 2, ... */
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

static int do_task(const struct task *task, const uint8_t *block)
{
	int64_t written;

	if (task->bytes == 0)
		return close(task->fd) == 0 ? 0 : -errno;
	written = write_all(task->fd, block, task->bytes, task->offset);
	return written < 0 ? (int)written : 0;
}

static void *work(void *context)
{
	struct paper_disk *disk = context;

	pthread_mutex_lock(&disk->mutex);
	while (!disk->over || disk->head < disk->tail) {
		const uint64_t slot = disk->head % TASKS_MAX;
		int rc;

		if (disk->head == disk->tail) {
			pthread_cond_wait(&disk->changed, &disk->mutex);
			continue;
		}
		pthread_mutex_unlock(&disk->mutex);
		rc = do_task(&disk->tasks[slot], disk->blocks[slot]);
		pthread_mutex_lock(&disk->mutex);
		if (disk->error == 0)
			disk->error = rc;
		disk->head++;
		pthread_cond_signal(&disk->changed);
	}
	pthread_mutex_unlock(&disk->mutex);
	return NULL;
}

/* Hands a task over; waits for room. The error of an earlier one, or 0. */
static int hand_over(struct paper_disk *disk, const struct task *task, const void *block)
{
	int error;

	pthread_mutex_lock(&disk->mutex);
	while (disk->tail - disk->head == TASKS_MAX)
		pthread_cond_wait(&disk->changed, &disk->mutex);
	error = disk->error;
	pthread_mutex_unlock(&disk->mutex);
	/* The slot is ours: the thread stops before the tail. */
	disk->tasks[disk->tail % TASKS_MAX] = *task;
	if (block != NULL)
		memcpy(disk->blocks[disk->tail % TASKS_MAX], block, task->bytes);
	pthread_mutex_lock(&disk->mutex);
	disk->tail++;
	pthread_cond_signal(&disk->changed);
	pthread_mutex_unlock(&disk->mutex);
	return error;
}

static int paper_write(struct disk *base, int fd, const void *buffer, uint32_t bytes,
		       uint64_t offset, uint64_t token)
{
	struct paper_disk *disk = (struct paper_disk *)base;
	const struct task task = {.fd = fd, .bytes = bytes, .offset = offset};
	int error = 0;

	if (disk->cnt == disk->writes_max)
		return -EAGAIN;
	if (fd != NO_FILE)
		error = hand_over(disk, &task, buffer);
	disk->finished[disk->cnt++] =
		(struct finished){.token = token, .result = error != 0 ? error : (int64_t)bytes};
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

int paper_disk_settle(struct disk *base)
{
	struct paper_disk *disk = (struct paper_disk *)base;
	int error;

	pthread_mutex_lock(&disk->mutex);
	while (disk->head < disk->tail)
		pthread_cond_wait(&disk->changed, &disk->mutex);
	error = disk->error;
	pthread_mutex_unlock(&disk->mutex);
	return error;
}

static void paper_close(struct disk *base)
{
	struct paper_disk *disk = (struct paper_disk *)base;

	pthread_mutex_lock(&disk->mutex);
	disk->over = true;
	pthread_cond_signal(&disk->changed);
	pthread_mutex_unlock(&disk->mutex);
	pthread_join(disk->thread, NULL);
	pthread_cond_destroy(&disk->changed);
	pthread_mutex_destroy(&disk->mutex);
	free(disk->blocks);
	free(disk);
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
	disk->blocks = malloc(TASKS_MAX * sizeof(*disk->blocks));
	pthread_mutex_init(&disk->mutex, NULL);
	pthread_cond_init(&disk->changed, NULL);
	if (disk->blocks != NULL && pthread_create(&disk->thread, NULL, work, disk) == 0)
		return &disk->disk;
	free(disk->blocks);
	free(disk);
	return NULL;
}

/* A new segment: its header, and zeros that take no room before they are written over. */
static int make_segment(const struct paper_segments *segments, uint64_t segment)
{
	struct segment_header header;
	char path[SEGMENT_PATH_BYTES];
	int64_t written;
	int fd;

	segment_path(segments->dir, segment, path);
	fd = safe_make(path, O_RDWR);
	if (fd < 0)
		return fd;
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
	else
		segments->segment_cnt = segment + 1;
	return fd;
}

static void paper_done(struct segment_source *base, int fd)
{
	const struct paper_segments *segments = (const struct paper_segments *)base;
	const struct task task = {.fd = fd};

	/* After its writes. */
	if (fd != NO_FILE)
		(void)hand_over(segments->disk, &task, NULL);
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

struct segment_source *paper_segments_open(struct disk *disk, const char *lane_dir,
					   uint64_t journal_id, uint16_t lane,
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
	segments->disk = (struct paper_disk *)disk;
	segments->journal_id = journal_id;
	segments->segment_bytes = segment_bytes;
	segments->lane = lane;
	if (lane_dir != NULL) {
		snprintf(segments->dir_text, sizeof(segments->dir_text), "%s", lane_dir);
		segments->dir = segments->dir_text;
	}
	return &segments->source;
}

static int sync_segment(const struct paper_segments *segments, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];
	int fd;
	int rc;

	segment_path(segments->dir, segment, path);
	fd = safe_open(path, O_WRONLY);
	rc = fd < 0 ? fd : 0;
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	if (fd >= 0)
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
	for (uint64_t i = 0; rc == 0 && segments->dir != NULL && i < segments->segment_cnt; i++)
		rc = sync_segment(segments, i);
	if (rc == 0 && segments->dir != NULL)
		rc = directory_sync(segments->dir);
	free(segments);
	return rc;
}
