#include "engine/journal/segments.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/check.h"
#include "engine/base/clock.h"
#include "engine/base/safe_file.h"
#include "engine/journal/format.h"
#include "engine/journal/lane_files.h"

enum {
	/* A durable write waits on the disk for the chunks before it: with chunks of 1 MiB its p99
	 * is three times as long. */
	ZERO_CHUNK_BYTES = 1 << 17,
	/* To make a segment takes a tenth of a second; the end does not wait for a disk that
	 * stalls. */
	CLOSE_WAIT_S = 10,
	/* Files given back and not yet closed. A lane gives back one for each segment, and the
	 * thread closes it in its next turn. */
	DONE_CNT = 64,
};

/* How often the thread looks: the fastest worker fills a segment in some 40 ms. */
static const struct timespec LOOK_PAUSE = {.tv_nsec = 5000000};
static const uint64_t RETRY_AFTER_NS = 1000000000;

/* A segment that the thread has made and the worker has not taken yet. */
struct ready_slot {
	_Atomic int fd; /* -1: empty */
	uint64_t bytes;
};

struct file_source {
	struct segment_source source; /* first */
	struct file_source *next;     /* of the preparer's list; fixed once listed */
	char dir[576];
	uint64_t journal_id;
	uint64_t segment_bytes;
	uint16_t lane;

	/* Only the preparer's thread uses these. */
	uint64_t make_next;
	uint64_t retry_at_ns;

	/* Thread and worker share these. */
	_Atomic uint64_t take_next;
	struct ready_slot ready[SEGMENTS_AHEAD_CNT];
	_Atomic int done_fds[DONE_CNT]; /* -1: empty */
	_Atomic int error;              /* -errno, or 0 */
};

struct segment_preparer {
	pthread_t thread;
	uint64_t segment_bytes;
	_Atomic(struct file_source *) sources;
	_Atomic bool stop;
};

static_assert(ZERO_CHUNK_BYTES % BLOCK_ALIGN_BYTES == 0, "O_DIRECT requires whole units");

/* Never written. */
static uint8_t zeros[ZERO_CHUNK_BYTES] __attribute__((aligned(BLOCK_ALIGN_BYTES)));

/* Writes header and zeros, and syncs them. 0 or -errno. */
static int fill(const struct file_source *source, int fd, uint64_t segment)
{
	static_assert(sizeof(struct segment_header) <= BLOCK_ALIGN_BYTES, "one unit");
	void *first = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	uint64_t at = BLOCK_ALIGN_BYTES;
	int rc = 0;

	CHECK(fd >= 0);
	if (first == NULL)
		return -ENOMEM;
	memset(first, 0, BLOCK_ALIGN_BYTES);
	segment_header_fill(first, source->journal_id, source->lane, segment,
			    source->segment_bytes);
	/* Asks for all the space at once, so that a full disk is noticed before the zeros are
	 * written. */
	if (fallocate(fd, 0, 0, (off_t)source->segment_bytes) != 0 && errno != EOPNOTSUPP)
		rc = -errno;
	while (rc == 0 && at < source->segment_bytes) {
		const uint64_t left = source->segment_bytes - at;
		const size_t chunk = left < ZERO_CHUNK_BYTES ? left : ZERO_CHUNK_BYTES;

		rc = file_write(fd, zeros, chunk, at);
		at += chunk;
	}
	/* No hole, and not a byte more than its header says. */
	CHECK(rc != 0 || at == source->segment_bytes);
	if (rc == 0)
		rc = file_write(fd, first, BLOCK_ALIGN_BYTES, 0);
	if (rc == 0 && fsync(fd) != 0)
		rc = -errno;
	free(first);
	return rc;
}

/* The kernel holds the lock as long as the file is open or a write to it is in flight. Recovery
 * waits for it. */
static int lock_segment(int fd)
{
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return 0;
	return errno == EWOULDBLOCK ? -EBUSY : -errno;
}

static int make_segment(const struct file_source *source, const char *path, uint64_t segment)
{
	char temporary[SEGMENT_PATH_BYTES + 8];

	snprintf(temporary, sizeof(temporary), "%s.new", path);

	const int fd = safe_make_anew(temporary, O_RDWR | O_DIRECT);

	if (fd < 0)
		return fd == -EINVAL ? -ENOTSUP : fd;

	int rc = lock_segment(fd);

	if (rc == 0)
		rc = fill(source, fd, segment);
	if (rc == 0)
		rc = safe_rename(temporary, path);
	if (rc == 0)
		rc = directory_sync(source->dir);
	if (rc == 0)
		return fd;
	(void)safe_unlink(temporary);
	close(fd);
	return rc;
}

/* Whether an open file is the segment that its name says, and whole. 0 or -errno. */
static int check_segment(const struct file_source *source, int fd, uint64_t segment,
			 uint64_t *bytes)
{
	struct segment_header *header = aligned_alloc(BLOCK_ALIGN_BYTES, BLOCK_ALIGN_BYTES);
	struct stat info;
	ssize_t got = -1;
	int rc = 0;

	if (header == NULL)
		return -ENOMEM;
	if (fstat(fd, &info) != 0 || (got = pread(fd, header, BLOCK_ALIGN_BYTES, 0)) < 0)
		rc = -errno;
	else if (got != BLOCK_ALIGN_BYTES ||
		 segment_header_wrong(header, source->journal_id, source->lane, segment) != NULL ||
		 header->segment_bytes != (uint64_t)info.st_size)
		rc = -EBADMSG;
	else
		*bytes = header->segment_bytes;
	free(header);
	return rc;
}

/* Takes over the segment that an earlier process left, or makes it. The file, or -errno. */
static int open_segment(const struct file_source *source, uint64_t segment, uint64_t *bytes)
{
	char path[SEGMENT_PATH_BYTES];
	int rc;

	segment_path(source->dir, segment, path);

	const int fd = safe_open(path, O_RDWR | O_DIRECT);

	if (fd == -ENOENT) {
		*bytes = source->segment_bytes;
		return make_segment(source, path, segment);
	}
	if (fd < 0)
		return fd == -EINVAL ? -ENOTSUP : fd;
	rc = lock_segment(fd);
	if (rc == 0)
		rc = check_segment(source, fd, segment, bytes);
	/* The process that made it may have been killed after the rename, before the sync. */
	if (rc == 0)
		rc = directory_sync(source->dir);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* Makes the next segment ready. 0 or -errno. */
static int prepare_one(struct file_source *source)
{
	struct ready_slot *slot = &source->ready[source->make_next % SEGMENTS_AHEAD_CNT];

	/* The worker has taken the segment that was in this slot before. */
	CHECK(source->make_next - atomic_load(&source->take_next) < SEGMENTS_AHEAD_CNT);
	CHECK(atomic_load_explicit(&slot->fd, memory_order_relaxed) < 0);

	const int fd = open_segment(source, source->make_next, &slot->bytes);

	if (fd < 0)
		return fd;
	CHECK(segment_bytes_valid(slot->bytes));
	source->make_next++;
	atomic_store_explicit(&slot->fd, fd, memory_order_release);
	return 0;
}

/* Closes the files that were given back; makes one segment if one is missing. True if there may be
 * more to do. */
static bool serve_source(struct file_source *source)
{
	const uint64_t wanted_end =
		atomic_load_explicit(&source->take_next, memory_order_acquire) + SEGMENTS_AHEAD_CNT;
	int rc;

	CHECK(source->make_next + SEGMENTS_AHEAD_CNT >= wanted_end);
	CHECK(source->make_next <= wanted_end);
	for (unsigned i = 0; i < DONE_CNT; i++) {
		const int fd = atomic_exchange(&source->done_fds[i], -1);

		if (fd >= 0)
			close(fd);
	}
	if (source->make_next >= wanted_end || clock_now_ns() < source->retry_at_ns)
		return false;
	rc = prepare_one(source);
	atomic_store(&source->error, rc);
	source->retry_at_ns = rc != 0 ? clock_now_ns() + RETRY_AFTER_NS : 0;
	return rc == 0;
}

static void *prepare(void *context)
{
	struct segment_preparer *preparer = context;

	while (!atomic_load(&preparer->stop)) {
		bool worked = false;

		for (struct file_source *source = atomic_load(&preparer->sources); source != NULL;
		     source = source->next)
			worked |= serve_source(source);
		if (!worked)
			nanosleep(&LOOK_PAUSE, NULL);
	}
	return NULL;
}

int segment_preparer_open(struct segment_preparer **out, struct error *error)
{
	struct segment_preparer *preparer = calloc(1, sizeof(*preparer));
	int rc = -ENOMEM;

	if (preparer != NULL) {
		preparer->segment_bytes = SEGMENT_BYTES;
		rc = -pthread_create(&preparer->thread, NULL, prepare, preparer);
	}
	if (rc != 0) {
		error_set(error,
			  "cannot start the thread that prepares journal segments: %s; give the "
			  "process more memory or threads",
			  strerror(-rc));
		free(preparer);
		return rc;
	}
	(void)pthread_setname_np(preparer->thread, "db-segments");
	*out = preparer;
	return 0;
}

void segment_preparer_size(struct segment_preparer *preparer, uint64_t segment_bytes)
{
	CHECK(segment_bytes_valid(segment_bytes));
	CHECK(atomic_load(&preparer->sources) == NULL);
	preparer->segment_bytes = segment_bytes;
}

static int file_take(struct segment_source *base, uint64_t segment, uint64_t *bytes)
{
	struct file_source *source = (struct file_source *)base;
	struct ready_slot *slot = &source->ready[segment % SEGMENTS_AHEAD_CNT];

	/* In order, each once. */
	CHECK(segment == atomic_load_explicit(&source->take_next, memory_order_relaxed));

	const int fd = atomic_load_explicit(&slot->fd, memory_order_acquire);

	if (fd < 0)
		return -EAGAIN;
	CHECK(segment_bytes_valid(slot->bytes));
	*bytes = slot->bytes;
	atomic_store_explicit(&slot->fd, -1, memory_order_relaxed);
	/* Releases the slot to the thread. */
	atomic_store_explicit(&source->take_next, segment + 1, memory_order_release);
	return fd;
}

static void file_done(struct segment_source *base, int fd)
{
	struct file_source *source = (struct file_source *)base;

	for (unsigned i = 0; i < DONE_CNT; i++) {
		int empty = -1;

		if (atomic_compare_exchange_strong(&source->done_fds[i], &empty, fd))
			return;
	}
	/* The thread is stuck in the disk: the file stays open until the end, and nothing is lost.
	 */
}

static uint64_t file_ready_bytes(const struct segment_source *base, uint64_t segment)
{
	const struct file_source *source = (const struct file_source *)base;
	const struct ready_slot *slot = &source->ready[segment % SEGMENTS_AHEAD_CNT];

	if (atomic_load_explicit(&slot->fd, memory_order_acquire) < 0)
		return 0;
	DCHECK(slot->bytes % BLOCK_ALIGN_BYTES == 0);
	return slot->bytes;
}

static int file_error(const struct segment_source *base)
{
	return atomic_load_explicit(&((const struct file_source *)base)->error,
				    memory_order_relaxed);
}

static const struct segment_source_ops file_ops = {
	.take = file_take,
	.done = file_done,
	.ready_bytes = file_ready_bytes,
	.error = file_error,
};

static const char *remedy(int rc)
{
	switch (rc) {
	case -ENOSPC:
	case -EDQUOT:
		return "; free some space there";
	case -ENOTSUP:
		return "; its file system does not support O_DIRECT: name a directory on ext4 or "
		       "XFS";
	case -EBUSY:
		return "; another process writes to it: stop that process";
	case -EBADMSG:
		return "; the file there is damaged or not of this lane: " LANE_REMEDY;
	default:
		return "";
	}
}

int segment_source_open(struct segment_source **out, struct segment_preparer *preparer,
			const char *lane_dir, uint64_t journal_id, uint16_t lane, uint64_t first,
			struct error *error)
{
	struct file_source *source = calloc(1, sizeof(*source));
	int rc = -ENOMEM;

	CHECK(!atomic_load(&preparer->stop) && segment_bytes_valid(preparer->segment_bytes));
	if (source == NULL)
		goto fail;
	CHECK(strlen(lane_dir) < sizeof(source->dir));
	source->source.ops = &file_ops;
	snprintf(source->dir, sizeof(source->dir), "%s", lane_dir);
	source->journal_id = journal_id;
	source->segment_bytes = preparer->segment_bytes;
	source->lane = lane;
	source->make_next = first;
	atomic_store(&source->take_next, first);
	for (unsigned i = 0; i < SEGMENTS_AHEAD_CNT; i++)
		atomic_store(&source->ready[i].fd, -1);
	for (unsigned i = 0; i < DONE_CNT; i++)
		atomic_store(&source->done_fds[i], -1);
	rc = prepare_one(source);
	if (rc != 0)
		goto fail;
	CHECK(segment_ready(&source->source, first));
	source->next = atomic_load(&preparer->sources);
	atomic_store(&preparer->sources, source);
	*out = &source->source;
	return 0;
fail:
	error_set(error, "%s: cannot get segment %" PRIu64 " ready: %s%s", lane_dir, first,
		  safe_strerror(rc), remedy(rc));
	free(source);
	return rc;
}

bool segment_preparer_close(struct segment_preparer *preparer)
{
	struct timespec until;

	if (preparer == NULL)
		return true;
	atomic_store(&preparer->stop, true);
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += CLOSE_WAIT_S;
	if (pthread_clockjoin_np(preparer->thread, NULL, CLOCK_MONOTONIC, &until) != 0)
		return false;
	free(preparer);
	return true;
}

static void close_slot(_Atomic int *slot)
{
	const int fd = atomic_exchange(slot, -1);

	if (fd >= 0)
		close(fd);
}

void segment_source_close(struct segment_source *base)
{
	struct file_source *source = (struct file_source *)base;

	if (source == NULL)
		return;
	for (unsigned i = 0; i < SEGMENTS_AHEAD_CNT; i++)
		close_slot(&source->ready[i].fd);
	for (unsigned i = 0; i < DONE_CNT; i++)
		close_slot(&source->done_fds[i]);
	free(source);
}
