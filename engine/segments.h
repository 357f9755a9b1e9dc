/*
 * segments: zero-filled segment files, made ahead of need by a thread of its own, so that no worker
 * ever opens, extends or zeroes a file. One source a lane; all sources share one preparer thread.
 */
#ifndef DB_ENGINE_SEGMENTS_H
#define DB_ENGINE_SEGMENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct segment_source;
struct segment_preparer;

/* Starts the thread. 0 or -errno. */
int segment_preparer_open(struct segment_preparer **out, char *error, size_t error_bytes);

/*
 * A source for a lane. Makes (or takes over, if it is there) segment `first` before it returns, the
 * ones after it in the background, SEGMENTS_AHEAD_CNT ahead. -ENOSPC with a line when the disk is
 * full.
 */
int segment_source_open(struct segment_source **out, struct segment_preparer *preparer,
			const char *lane_dir, uint64_t journal_id, uint16_t lane, uint64_t first,
			char *error, size_t error_bytes);

/* Worker: the open file (O_DIRECT, O_DSYNC) of segment number `segment`, or -EAGAIN when it isn't
 * ready, without waiting. The worker gives it back with segment_done when it will never write to it
 * again. */
int segment_take(struct segment_source *source, uint64_t segment);
void segment_done(struct segment_source *source, int fd);

/* True if `segment` is ready to be taken. Worker. */
bool segment_ready(const struct segment_source *source, uint64_t segment);

/* Last error of the preparer on this lane (-ENOSPC, ...), 0 if none. Any thread. */
int segment_source_error(const struct segment_source *source);

/* Stops the thread, then closes sources; unused segments stay (they are taken over at the next
 * start). */
void segment_preparer_close(struct segment_preparer *preparer);
void segment_source_close(struct segment_source *source);

#endif
