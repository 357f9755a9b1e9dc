/*
 * data_dir: the directory of a journal: identity, lock, lanes.
 */
#ifndef DB_ENGINE_JOURNAL_DATA_DIR_H
#define DB_ENGINE_JOURNAL_DATA_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct data_dir {
	char path[512];
	uint64_t journal_id; /* random, never 0 */
	uint16_t shards;
	uint16_t format; /* what may be in it: JOURNAL_FORMAT to JOURNAL_FORMAT_MAX */
	int lock_fd;     /* -1: opened for reading only */
	/* After data_dir_open: it lies on an overlay, and which disk that is on can't be seen. */
	bool disk_unseen;
	/* What data_dir_open made, for data_dir_withdraw. */
	bool made_dir;
	bool made_lock;
	bool made_journal;
};

/*
 * For the engine: makes the directory if it isn't there, takes the lock, makes or checks the
 * identity. -EBUSY: another engine runs on it; -EINVAL: written with another number of shards, or
 * no journal of ours in a non-empty directory; -ENOTSUP: newer format, or no disk that keeps what
 * is written (backing.h); -ENOSPC. The error line names the directory and the remedy.
 */
int data_dir_open(struct data_dir *dir, const char *path, uint16_t shards, struct error *error);

/* As data_dir_open, for segments of another size than SEGMENT_BYTES: the check for free space needs
 * it, as a new journal begins with some. */
int data_dir_open_sized(struct data_dir *dir, const char *path, uint16_t shards,
			uint64_t segment_bytes, struct error *error);

/*
 * As data_dir_open, for a replay, which writes a journal whose id follows from what is replayed. It
 * may lie in memory, and nobody checks for free space beforehand. A journal that is there already
 * is opened as it is: made_journal is false then.
 */
int data_dir_open_as(struct data_dir *dir, const char *path, uint16_t shards, uint64_t journal_id,
		     struct error *error);

/* As data_dir_open, for a directory that takes a copy of another journal: it has, or gets, that
 * one's id and number of shards. */
int data_dir_open_copy(struct data_dir *dir, const char *path, const struct data_dir *original,
		       struct error *error);

/*
 * Raises the format in the identity, on disk, so that older programs refuse the directory with a
 * clear line. Due before the first block of a newer format is written. Only under the lock. Does
 * nothing if the identity has that format already. 0 or -errno with a line.
 */
int data_dir_raise_format(struct data_dir *dir, uint16_t format, struct error *error);

/* For the tools: reads the identity, takes no lock. */
int data_dir_read(struct data_dir *dir, const char *path, struct error *error);

/*
 * For a tool that changes something: takes the lock of what data_dir_read opened. -EBUSY: an engine
 * runs on it. End with data_dir_withdraw, which removes the lock's file if it wasn't there before.
 */
int data_dir_lock(struct data_dir *dir, struct error *error);

/*
 * Takes back what data_dir_open made, segments included: for a start that is refused later on,
 * before anything was sold. Leaves alone what was there before. If no file can be opened any more
 * the journal stays as it is, for the next start to go on with.
 */
void data_dir_withdraw(struct data_dir *dir);

void data_dir_close(struct data_dir *dir);

struct lane_files;

/* The files of a lane, the caller's to close. 0, or -errno with a line in error. */
int data_dir_open_lane(const struct data_dir *dir, uint16_t lane, struct lane_files **out,
		       struct error *error);

/* Writes DATA/lane-NNN into out. */
void data_dir_lane_path(const struct data_dir *dir, uint16_t lane, char *out, size_t out_bytes);

#endif
