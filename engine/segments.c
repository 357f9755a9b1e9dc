#include "engine/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/check.h"
#include "engine/journal_format.h"
#include "engine/segment_file.h"

enum {
	/* Slots for segments given back: more than a lane can ever have open. */
	DONE_CNT = 16,
	ZERO_CHUNK_BYTES = 1 << 20,
};

/* How long the preparer sleeps when there is nothing to do, and after a full disk. */
static const struct timespec IDLE_PAUSE = {.tv_nsec = 5000000};
static const struct timespec ERROR_PAUSE = {.tv_sec = 1};

struct segment_source {
	struct segment_source *next; /* of the preparer's list */
	char dir[600];
	uint64_t journal_id;
	uint16_t lane;
	uint64_t next_segment; /* preparer only: to be made next */
	_Atomic int error;
	/* Single producer, single consumer by slot: the preparer fills what is -1, the worker
	 * takes. */
	_Atomic int ready_fd[SEGMENTS_AHEAD_CNT];
	/* The worker fills what is -1, the preparer closes. */
	_Atomic int done_fd[DONE_CNT];
};

struct segment_preparer {
	pthread_t thread;
	pthread_mutex_t lock; /* of the list; workers never take it */
	struct segment_source *sources;
	uint8_t *zeros;
	_Atomic bool stop;
};

/* Zero-fills a new file and writes the segment's header. 0 or -errno. */
static int fill(int fd, uint8_t *zeros, uint64_t journal_id, uint16_t lane, uint64_t segment)
{
	struct segment_header *header;
	int rc = posix_fallocate(fd, 0, (off_t)SEGMENT_BYTES);

	if (rc != 0)
		return -rc;
	for (uint64_t at = 0; at < SEGMENT_BYTES; at += ZERO_CHUNK_BYTES) {
		const ssize_t got = pwrite(fd, zeros, ZERO_CHUNK_BYTES, (off_t)at);

		if (got != ZERO_CHUNK_BYTES)
			return got < 0 ? -errno : -EIO;
	}
	header = (struct segment_header *)zeros;
	*header = (struct segment_header){
		.magic = SEGMENT_MAGIC,
		.format = JOURNAL_FORMAT,
		.lane = lane,
		.journal_id = journal_id,
		.segment = segment,
		.segment_bytes = SEGMENT_BYTES,
	};
	header->checksum = segment_checksum(header);

	const ssize_t got = pwrite(fd, zeros, BLOCK_ALIGN_BYTES, 0);

	rc = got == BLOCK_ALIGN_BYTES ? 0 : got < 0 ? -errno : -EIO;
	memset(zeros, 0, sizeof(*header));
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	return rc;
}

/* Makes a segment under a temporary name, so that a segment that exists is whole. */
static int make_segment(struct segment_source *source, uint8_t *zeros, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];
	char temporary[SEGMENT_PATH_BYTES + 8];

	segment_path(source->dir, segment, path, sizeof(path));
	snprintf(temporary, sizeof(temporary), "%s.new", path);

	const int fd = open(temporary, O_RDWR | O_CREAT | O_TRUNC | O_DIRECT | O_CLOEXEC, 0600);

	if (fd < 0)
		return -errno;

	int rc = fill(fd, zeros, source->journal_id, source->lane, segment);

	if (rc == 0 && rename(temporary, path) != 0)
		rc = -errno;
	if (rc == 0)
		rc = directory_sync(source->dir);
	if (rc != 0) {
		unlink(temporary);
		close(fd);
		return rc;
	}
	return fd;
}

static int open_or_make(struct segment_source *source, uint8_t *zeros, uint64_t segment)
{
	char path[SEGMENT_PATH_BYTES];

	segment_path(source->dir, segment, path, sizeof(path));

	const int fd = open(path, O_RDWR | O_DIRECT | O_CLOEXEC);

	if (fd >= 0 || errno != ENOENT)
		return fd >= 0 ? fd : -errno;
	return make_segment(source, zeros, segment);
}

/* Closes what came back, makes what is missing. True if there was something to do. */
static bool serve_source(struct segment_preparer *preparer, struct segment_source *source)
{
	_Atomic int *slot = &source->ready_fd[source->next_segment % SEGMENTS_AHEAD_CNT];

	for (unsigned i = 0; i < DONE_CNT; i++) {
		const int fd = atomic_exchange(&source->done_fd[i], -1);

		if (fd >= 0)
			close(fd);
	}
	if (atomic_load_explicit(slot, memory_order_acquire) >= 0)
		return false;

	const int fd = open_or_make(source, preparer->zeros, source->next_segment);

	if (fd < 0) {
		atomic_store(&source->error, -fd);
		return false;
	}
	atomic_store(&source->error, 0);
	source->next_segment++;
	atomic_store_explicit(slot, fd, memory_order_release);
	return true;
}

static void *prepare(void *context)
{
	struct segment_preparer *preparer = context;

	while (!atomic_load(&preparer->stop)) {
		bool worked = false;
		bool failed = false;

		pthread_mutex_lock(&preparer->lock);
		for (struct segment_source *source = preparer->sources; source != NULL;
		     source = source->next) {
			worked |= serve_source(preparer, source);
			failed |= atomic_load(&source->error) != 0;
		}
		pthread_mutex_unlock(&preparer->lock);
		if (!worked)
			nanosleep(failed ? &ERROR_PAUSE : &IDLE_PAUSE, NULL);
	}
	return NULL;
}

int segment_preparer_open(struct segment_preparer **out, char *error, size_t error_bytes)
{
	struct segment_preparer *preparer = calloc(1, sizeof(*preparer));
	int rc = -ENOMEM;

	if (preparer == NULL)
		goto fail;
	preparer->zeros = aligned_alloc(BLOCK_ALIGN_BYTES, ZERO_CHUNK_BYTES);
	if (preparer->zeros == NULL)
		goto fail;
	memset(preparer->zeros, 0, ZERO_CHUNK_BYTES);
	pthread_mutex_init(&preparer->lock, NULL);
	rc = -pthread_create(&preparer->thread, NULL, prepare, preparer);
	if (rc != 0)
		goto fail;
	*out = preparer;
	return 0;
fail:
	snprintf(error, error_bytes, "the thread that prepares segments does not start: %s",
		 strerror(-rc));
	if (preparer != NULL)
		free(preparer->zeros);
	free(preparer);
	return rc;
}

int segment_source_open(struct segment_source **out, struct segment_preparer *preparer,
			const char *lane_dir, uint64_t journal_id, uint16_t lane, uint64_t first,
			char *error, size_t error_bytes)
{
	struct segment_source *source = calloc(1, sizeof(*source));

	if (source == NULL) {
		snprintf(error, error_bytes, "lane %u: no memory for its segments", lane);
		return -ENOMEM;
	}
	snprintf(source->dir, sizeof(source->dir), "%s", lane_dir);
	source->journal_id = journal_id;
	source->lane = lane;
	source->next_segment = first + 1;
	for (unsigned i = 0; i < SEGMENTS_AHEAD_CNT; i++)
		atomic_store(&source->ready_fd[i], -1);
	for (unsigned i = 0; i < DONE_CNT; i++)
		atomic_store(&source->done_fd[i], -1);

	/* The thread may be filling another lane's segment with the same zeros. */
	pthread_mutex_lock(&preparer->lock);

	const int fd = open_or_make(source, preparer->zeros, first);

	if (fd >= 0) {
		atomic_store(&source->ready_fd[first % SEGMENTS_AHEAD_CNT], fd);
		source->next = preparer->sources;
		preparer->sources = source;
	}
	pthread_mutex_unlock(&preparer->lock);
	if (fd < 0) {
		snprintf(error, error_bytes, "%s: cannot make segment %llu: %s%s", lane_dir,
			 (unsigned long long)first, strerror(-fd),
			 fd == -ENOSPC   ? "; free some space"
			 : fd == -EINVAL ? "; the file system must take O_DIRECT writes (ext4, XFS)"
					 : "");
		free(source);
		return fd;
	}
	*out = source;
	return 0;
}

int segment_take(struct segment_source *source, uint64_t segment)
{
	_Atomic int *slot = &source->ready_fd[segment % SEGMENTS_AHEAD_CNT];
	const int fd = atomic_load_explicit(slot, memory_order_acquire);

	if (fd < 0)
		return -EAGAIN;
	atomic_store_explicit(slot, -1, memory_order_release);
	return fd;
}

void segment_done(struct segment_source *source, int fd)
{
	for (unsigned i = 0; i < DONE_CNT; i++) {
		int empty = -1;

		if (atomic_compare_exchange_strong(&source->done_fd[i], &empty, fd))
			return;
	}
	CHECK(!"more segments given back than a lane can have open");
}

bool segment_ready(const struct segment_source *source, uint64_t segment)
{
	return atomic_load(&source->ready_fd[segment % SEGMENTS_AHEAD_CNT]) >= 0;
}

int segment_source_error(const struct segment_source *source)
{
	return atomic_load(&source->error);
}

void segment_preparer_close(struct segment_preparer *preparer)
{
	if (preparer == NULL)
		return;
	atomic_store(&preparer->stop, true);
	pthread_join(preparer->thread, NULL);
	pthread_mutex_destroy(&preparer->lock);
	free(preparer->zeros);
	free(preparer);
}

void segment_source_close(struct segment_source *source)
{
	if (source == NULL)
		return;
	for (unsigned i = 0; i < SEGMENTS_AHEAD_CNT; i++) {
		if (atomic_load(&source->ready_fd[i]) >= 0)
			close(atomic_load(&source->ready_fd[i]));
	}
	for (unsigned i = 0; i < DONE_CNT; i++) {
		if (atomic_load(&source->done_fd[i]) >= 0)
			close(atomic_load(&source->done_fd[i]));
	}
	free(source);
}
