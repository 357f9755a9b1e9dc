/*
 * files: pcap files with nanoseconds, one after the other; it can keep only the newest. They are
 * for their owner only, and locked (flock) while they are written, so that no second capture writes
 * into them. A file always ends with a whole frame, also where its disk is full. One thread.
 */
#ifndef DB_TOOLS_CAPTURE_FILES_H
#define DB_TOOLS_CAPTURE_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "engine/base/error.h"

struct files;

struct files_options {
	const char *path;      /* "-": stdout */
	uint64_t rotate_bytes; /* 0: one file, PATH; else PATH.00001 and so on */
	uint32_t keep;         /* of a rotation, the newest; 0: all */
	bool force;            /* an older file or rotation of this name is replaced */
};

/* Whether files_open would refuse the path, without changing anything: before an engine is asked to
 * copy frames for nothing. 0 or -errno with a line in error. */
int files_check(const struct files_options *options, struct error *error);

/* The first file gets its header at once. 0 or -errno with a line in error. */
int files_open(struct files **out, const struct files_options *options, struct error *error);

/* Writes a frame that had `bytes` bytes; at most TAP_FRAME_BYTES_MAX of them are there. 0 or
 * -errno. */
int files_put(struct files *files, uint64_t at_ns, const uint8_t *frame, uint32_t bytes);

/* Gives what was written to the kernel. 0 or -errno. */
int files_flush(struct files *files);

/* Whether there is something to flush. */
bool files_are_behind(const struct files *files);

/* Whether a reader waits for frames: it is a pipe, a socket or a terminal. */
bool files_have_reader(const struct files *files);

/* Whether that reader has ended. */
bool files_reader_ended(const struct files *files);

/* Ends the last file. 0 or -errno. */
int files_end(struct files *files);

/* The name of the current file. */
void files_name(const struct files *files, char *out, size_t out_bytes);

/* How much was written so far, and into how many files. */
uint64_t files_bytes(const struct files *files);
uint64_t files_cnt(const struct files *files);

/* NULL is allowed. */
void files_close(struct files *files);

#endif
