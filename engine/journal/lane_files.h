/*
 * lane_files: the segment files of one lane as recovery and the tools see them: list, read, and
 * what recover_cut needs. Through this seam tests and the simulator bring files of their own.
 *
 * Cold calls, one thread at a time. A change is durable when its call returns.
 */
#ifndef DB_ENGINE_JOURNAL_LANE_FILES_H
#define DB_ENGINE_JOURNAL_LANE_FILES_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/* What to do about a damaged lane, for the end of an error line. */
#define LANE_REMEDY "put it back from a copy, or see `doorbuster journal repair`"

struct lane_files;

struct lane_files_ops {
	/* The segment numbers there are, ascending, in *numbers (owned by the caller, free).
	 * Returns how many, or -errno; -ENOENT when the lane itself is missing. */
	int64_t (*list)(struct lane_files *files, uint64_t **numbers);
	/* Bytes of a segment, or -errno. */
	int64_t (*size)(struct lane_files *files, uint64_t segment);
	/* Reads up to `bytes` at `offset`; buffer aligned to BLOCK_ALIGN_BYTES. Returns how many,
	 * fewer only at the end of the file; or -errno. Never reads a copy older than the disk's.
	 */
	int64_t (*read)(struct lane_files *files, uint64_t segment, void *buffer, size_t bytes,
			uint64_t offset);
	/* Waits until no write to this segment is in flight, whoever began it. 0; -EBUSY if that
	 * takes too long; other -errno. */
	int (*settle)(struct lane_files *files, uint64_t segment);
	/* Writes zeros from offset to the segment's end, and syncs the file; with offset at the end
	 * it only syncs. */
	int (*zero)(struct lane_files *files, uint64_t segment, uint64_t offset);
	/* Reads the bytes from `from` to `to` and writes them again, for zero() to sync. To repeat
	 * a sync that failed saves nothing: the lost pages count as clean, and are still read from
	 * the cache. */
	int (*renew)(struct lane_files *files, uint64_t segment, uint64_t from, uint64_t to);
	int (*remove)(struct lane_files *files, uint64_t segment);
	void (*close)(struct lane_files *files);
};

struct lane_files {
	const struct lane_files_ops *ops;
	char path[576]; /* of the lane's directory, for messages */
};

enum {
	SEGMENT_PATH_BYTES = 640,
};
static_assert(sizeof(((struct lane_files *)0)->path) + sizeof("/seg-") + 20 <= SEGMENT_PATH_BYTES,
	      "no segment's path is cut short, whatever its number");

/* The files in a lane's directory, which need not be there. 0 or -ENOMEM. */
int lane_files_open(struct lane_files **out, const char *lane_dir);

/*
 * Like lane_files_open, but reads past the page cache where the disk can: for callers that follow a
 * running engine. Cached pages would slow down its writes, which go past the cache too.
 */
int lane_files_open_direct(struct lane_files **out, const char *lane_dir);

/* LANE_DIR/seg-NNNNNNNNNNNN */
void segment_path(const char *lane_dir, uint64_t segment, char out[SEGMENT_PATH_BYTES]);

/* Makes names made or removed in a directory durable. 0 or -errno. */
int directory_sync(const char *path);

/* Writes all of it, however many calls that takes. 0 or -errno. */
int file_write(int fd, const void *bytes, size_t cnt, uint64_t offset);

#endif
