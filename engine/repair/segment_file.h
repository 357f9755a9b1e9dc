/*
 * segment_file: what a repair writes into one segment file of a damaged lane.
 *
 * Cold calls of apply and anchor_block, under the lock.
 */
#ifndef DB_ENGINE_REPAIR_SEGMENT_FILE_H
#define DB_ENGINE_REPAIR_SEGMENT_FILE_H

#include <stdint.h>

#include "engine/repair/mended_files.h"

/* Opens a segment from the lane's beginning on, for writing. The file, or -errno. */
int segment_file_open(const struct mended_files *lane, uint64_t number);

/* Closes the file. rc: 0, or the error of a write before, which is returned. The bytes are on disk
 * when this returns 0; else -errno. */
int segment_file_close(int fd, int rc);

/* Puts a segment's size right, then its header, each on disk before the next: the lane is refused
 * until both are right. `real`: the lane's files. 0 or -errno. */
int lane_mend_segment(struct lane_files *real, const struct mended_files *lane,
		      const struct mended_segment *segment);

#endif
