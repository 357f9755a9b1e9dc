/*
 * segment_file: names of segment files and what it takes to make a name durable. Cold calls.
 */
#ifndef DB_ENGINE_SEGMENT_FILE_H
#define DB_ENGINE_SEGMENT_FILE_H

#include <stddef.h>
#include <stdint.h>

enum {
	SEGMENT_PATH_BYTES = 640,
};

/* LANE_DIR/seg-NNNNNNNNNNNN */
void segment_path(const char *lane_dir, uint64_t segment, char *out, size_t out_bytes);

/* The highest segment number in the directory, or -1 if there is none; -errno - 1 if unreadable. */
int64_t segment_highest(const char *lane_dir);

/* Syncs a directory, so that names made or removed in it last. 0 or -errno. */
int directory_sync(const char *path);

#endif
