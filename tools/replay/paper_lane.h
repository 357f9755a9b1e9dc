/*
 * paper_lane: a disk and segments under the engine's journal that need no waiting and leave nothing
 * to chance: a write is done when it is asked for, a segment is made when it is wanted, so the same
 * records always give the same bytes. Files are written through the page cache and synced once, at
 * the end. Without a directory nothing is kept at all.
 *
 * One thread. One disk for all lanes, a segment source each.
 */
#ifndef DB_TOOLS_REPLAY_PAPER_LANE_H
#define DB_TOOLS_REPLAY_PAPER_LANE_H

#include <stddef.h>
#include <stdint.h>

#include "engine/disk.h"
#include "engine/segments.h"

/* NULL: no memory. writes_max: how many may wait for reap. */
struct disk *paper_disk_open(unsigned writes_max);

/* lane_dir NULL: the lane is not kept. segment_bytes as segment_bytes_valid. NULL: no memory. */
struct segment_source *paper_segments_open(const char *lane_dir, uint64_t journal_id, uint16_t lane,
					   uint64_t segment_bytes);

/* Everything on disk: 0 or -errno. After journal_close. NULL is allowed. */
int paper_segments_close(struct segment_source *source);

#endif
