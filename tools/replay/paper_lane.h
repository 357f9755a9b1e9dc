/*
 * paper_lane: a disk and segments for the engine's journal, without waiting and without chance: a
 * write counts as done when it is asked for, a segment is made when it is needed, so the same
 * records always give the same bytes. A thread of the disk's own copies them into the page cache
 * meanwhile; they are synced once, at the end. Without a directory nothing is kept at all.
 *
 * One thread apart from that. One disk for all lanes, a segment source for each.
 */
#ifndef DB_TOOLS_REPLAY_PAPER_LANE_H
#define DB_TOOLS_REPLAY_PAPER_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/journal/disk.h"
#include "engine/journal/segments.h"

/* NULL: no memory, or no thread. writes_max: how many may wait for reap. */
struct disk *paper_disk_open(unsigned writes_max);

/* Waits until the kernel has all of it. 0, or the -errno of a write that failed. */
int paper_disk_settle(struct disk *disk);

/* lane_dir NULL: the lane is not kept. segment_bytes as segment_bytes_valid. The disk, which must
 * outlive the source, closes its files. NULL: no memory. */
struct segment_source *paper_segments_open(struct disk *disk, const char *lane_dir,
					   uint64_t journal_id, uint16_t lane,
					   uint64_t segment_bytes);

/* Everything on disk: 0 or -errno. After journal_close and paper_disk_settle. NULL is allowed. */
int paper_segments_close(struct segment_source *source);

#endif
