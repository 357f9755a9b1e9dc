/*
 * segments: zero-filled segment files, made ahead of need by a thread of its own, so that no worker
 * ever opens, extends or zeroes a file. One source a lane; all sources share one preparer thread.
 *
 * A segment file gets its name only when it is whole and on disk: header, zeros, sync, rename, sync
 * of the directory. segment_source_error reports a full disk early. The thread tries again every
 * second; the segments that were made ahead stay usable meanwhile.
 */
#ifndef DB_ENGINE_JOURNAL_SEGMENTS_H
#define DB_ENGINE_JOURNAL_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/check.h"
#include "engine/base/error.h"

struct segment_source;
struct segment_preparer;

/* What a journal needs of a source; the tests bring their own. See the functions below. */
struct segment_source_ops {
	int (*take)(struct segment_source *source, uint64_t segment, uint64_t *bytes);
	void (*done)(struct segment_source *source, int fd);
	uint64_t (*ready_bytes)(const struct segment_source *source, uint64_t segment);
	int (*error)(const struct segment_source *source);
};

struct segment_source {
	const struct segment_source_ops *ops;
};

/* Starts the thread. 0 or -errno. */
int segment_preparer_open(struct segment_preparer **out, struct error *error);

/* Sets the size of the segments that are made; SEGMENT_BYTES unless called. Before the first
 * source.
 */
void segment_preparer_size(struct segment_preparer *preparer, uint64_t segment_bytes);

/*
 * A source for a lane. Makes (or takes over, if it is there) segment `first` before it returns, the
 * ones after it in the background, SEGMENTS_AHEAD_CNT ahead. -ENOSPC with a line when the disk is
 * full, -ENOTSUP where there is no O_DIRECT.
 */
int segment_source_open(struct segment_source **out, struct segment_preparer *preparer,
			const char *lane_dir, uint64_t journal_id, uint16_t lane, uint64_t first,
			struct error *error);

/*
 * Worker: the open file (O_DIRECT) of segment number `segment` and its size, or -EAGAIN when it
 * isn't ready, without waiting. Segments are taken in order. The worker gives the file back with
 * segment_done when none of its writes to it is in flight and none will follow.
 */
static inline int segment_take(struct segment_source *source, uint64_t segment, uint64_t *bytes)
{
	return source->ops->take(source, segment, bytes);
}

static inline void segment_done(struct segment_source *source, int fd)
{
	DCHECK(fd >= 0);
	source->ops->done(source, fd);
}

/* Bytes of `segment` if it is ready to be taken, else 0. Once ready it stays ready. */
static inline uint64_t segment_ready_bytes(const struct segment_source *source, uint64_t segment)
{
	return source->ops->ready_bytes(source, segment);
}

/* True if `segment` is ready to be taken. */
static inline bool segment_ready(const struct segment_source *source, uint64_t segment)
{
	return segment_ready_bytes(source, segment) > 0;
}

/* Why the next segment can't be made, as -errno (-ENOSPC, ...: never positive); 0 if it can be, and
 * is only a matter of time. Any thread. */
static inline int segment_source_error(const struct segment_source *source)
{
	const int error = source->ops->error(source);

	DCHECK(error <= 0);
	return error;
}

/*
 * Stops the thread, and frees the preparer; close the sources after it. False if the thread is
 * stuck in the disk: preparer and sources must stay then.
 */
bool segment_preparer_close(struct segment_preparer *preparer);

/* Closes the files of segments that were not used. They stay: the next start takes them over. */
void segment_source_close(struct segment_source *source);

#endif
